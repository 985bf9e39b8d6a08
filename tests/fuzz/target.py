"""What is done with the bytes that a fuzzer makes up: `Checks` goes as far as the checks, `Server` all the way.

Both take any bytes (`packed.py`), return if every promise held and raise if one did not. They know of no fuzzer, so the
same function runs in the tests, under a fuzzer, and again over the bytes that it has found.
"""

import asyncio
import contextlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

import jsonschema_rs
import orjson
from argon2 import PasswordHasher
from starlette.requests import Request
from starlette.types import ASGIApp

from erply_points import schemas
from erply_points.accounts import passwords
from erply_points.accounts.account import OpenSession
from erply_points.accounts.rights import ALL_RIGHTS
from erply_points.bulk import envelope
from erply_points.bulk.answers import Outcome, Rendering
from erply_points.bulk.checking import SESSION_MISSING, check_all
from erply_points.bulk.envelope import BulkRequest
from erply_points.bulk.formats import JSON, XML
from erply_points.bulk.validation import validator
from erply_points.dialects import bodies
from erply_points.settings import ServerSettings
from erply_points.store.rows import Session, User
from erply_points.web import parameters
from fuzz import harness
from fuzz.harness import Broken, Judge, Tally
from fuzz.inputs import Input, Keys
from fuzz.packed import Way, unpacked
from support.dialects import Fabric
from support.shop import Shop

ROUND: Final = 2_000
"""Inputs after which `Server` begins anew with another account."""
SESSION: Final = OpenSession(Session(b"", 1, 0, 1), User(1, "till", "", "till", 1, 1, 0, "", "{}"), ALL_RIGHTS)
_KEYS: Final = Keys("a", "s", "t", "a.c", "secret", "a.token", "profile")


class Checks:
    """From bytes to checked sub-requests, and an error for each back to bytes. Nothing is run and nothing kept."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._settings = ServerSettings(data=Path())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def __call__(self, data: bytes) -> None:
        sent = unpacked(data)
        request = sent.request(_KEYS)
        if sent.where.schema and sent.where.answer:
            with contextlib.suppress(bodies.Malformed):
                list(bodies.problems(f"/schemas/{sent.where.schema}.request.json", bodies.parse(request.body)))
            return
        try:
            params = self._runner.run(self._parameters(request))
        except parameters.Malformed:
            return
        headers = {name.decode(): value.decode() for name, value in request.headers if name != b"content-type"}
        self._checked(envelope.decode(params, headers, ""))

    async def _parameters(self, sent: Input) -> dict[str, Any]:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": sent.body, "more_body": False}

        scope = {"type": "http", "method": sent.method, "path": sent.path, "query_string": sent.query}
        request = Request({**scope, "headers": sent.headers}, receive)
        reader = parameters.Bodies(self._settings)
        try:
            return await reader.parameters(request)
        finally:
            reader.release(request)

    def _checked(self, bulk: BulkRequest) -> None:
        tasks = check_all(bulk.sub_requests, SESSION, dry_run=bulk.dry_run, references=bulk.references)
        for task in tasks:
            if (task.error is not None) == (task.params is not None) and not task.references:
                raise Broken(f"neither let through nor refused, or both: {task!r}")
            if task.call is not None and task.params is not None:
                # What is let through means the same when it is checked again.
                again = validator(task.call.name).validate(task.params)
                if again != task.params:
                    raise Broken(f"checked twice it is another: {task.params!r}, {again!r}")
        outcomes = [Outcome(error=task.error or SESSION_MISSING) for task in tasks]
        rendering = Rendering(0, 0.0, dry_run=bulk.dry_run)
        if bulk.is_single:
            answer = rendering.single(bulk.sub_requests[0], outcomes[0])
        elif bulk.error:
            answer = rendering.bulk_error(bulk.error)
        else:
            answer = rendering.bulk(bulk.sub_requests, outcomes)
        _hold(f"erply/{'call' if bulk.is_single else 'bulk'}", orjson.loads(JSON.encode(answer)))
        ET.fromstring(XML.encode(answer))  # noqa: S314 - we wrote it


class Server:
    """The whole application with an account on SQLite, without a socket. Raises Broken, or what it lets out.

    What came since the last new account is kept in the file `since`, for an input that breaks something only after
    others. In no event loop: every call runs its own.
    """

    def __init__(self, since: Path | None = None) -> None:
        self._runner = asyncio.Runner()
        self._since = since.open("wb", buffering=0) if since else None
        self._round: _Round | None = None
        self.tally = Tally()

    def __enter__(self) -> Self:
        # Passwords cost next to nothing here: what they cost is not what is looked for.
        self._hasher = passwords._hasher
        passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # type: ignore[misc]  # until the end
        self._runner.run(self._begin())
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._end(sound=kind is None)
        finally:
            passwords._hasher = self._hasher  # type: ignore[misc]  # as it was
            self._runner.close()
            if self._since:
                self._since.close()

    def __call__(self, data: bytes) -> None:
        if self.round.sent == ROUND:
            self._end(sound=True)
            self._runner.run(self._begin())
        if self._since:
            self._since.write(framed(data))
        self.round.sent += 1
        self.tally.inputs += 1
        self._runner.run(self.round.send(data))

    @property
    def round(self) -> "_Round":
        assert self._round is not None
        return self._round

    async def _begin(self) -> None:
        if self._since:
            self._since.seek(0)
            self._since.truncate()
        self._round = await _Round.opened(self.tally)

    def _end(self, *, sound: bool) -> None:
        """Close the round, if there is one; if all was `sound` so far, hold what can only be seen at its end."""
        ended, self._round = self._round, None
        if ended is None:
            return
        self._runner.run(ended.close(sound=sound))
        del ended
        if sound and (kept := harness.kept_in_memory()):
            raise Broken(f"{len(kept)} sub-requests are kept, such as {kept[0]!r}")


@dataclass(slots=True)
class _Round:
    """One account, its neighbour, and who looks at both."""

    stack: contextlib.AsyncExitStack
    shop: Shop
    app: ASGIApp
    keys: Keys
    judge: Judge
    sent: int = 0

    @classmethod
    async def opened(cls, tally: Tally) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            shop, app = await stack.enter_async_context(harness._server())
            quiet, keys = await harness._prepared(shop)
            keys.token = (await Fabric.log_in(shop.http, keys.client, keys.secret)).token
            judge = Judge(shop, quiet, tally)
            stack.enter_context(judge.watching())
            return cls(stack.pop_all(), shop, app, keys, judge)

    async def send(self, data: bytes) -> None:
        sent = unpacked(data)
        request = sent.request(self.keys)
        self.judge.about_to_send()
        came = await harness.ask(self.app, request)
        self.judge.look(_decoded(request), came)
        if sent.where.answer and _led_there(sent.where, request):
            _hold(sent.where.answer, orjson.loads(came.body))

    async def close(self, *, sound: bool) -> None:
        async with self.stack:
            if sound and (problems := await self.shop.check()):
                raise Broken(f"the ledger is not sound: {problems[:5]}")
            if sound and not self.judge.neighbour_untouched():
                raise Broken("another account has changed")


def _decoded(sent: Input) -> Input:
    """As the judge should read it: it looks for getFields in the bytes, which may stand there in other words."""
    other = (unquote_to_bytes(each) for each in (sent.query, sent.body))
    hidden = b"getFields" if b"\\u00" in sent.body + sent.query else b""
    return Input(sent.method, sent.path, sent.query, sent.headers, sent.body + b"".join(other) + hidden, sent.kind)


def _led_there(way: Way, sent: Input) -> bool:
    """Whether the URL leads to the call, and not nowhere."""
    return re.fullmatch(re.escape(way.path).replace(r"\{\}", "[^/]+"), harness._unquoted(sent.path)) is not None


@cache
def _validator(name: str) -> jsonschema_rs.Validator:
    uri = f"/schemas/{name}.answer.json"
    return jsonschema_rs.validator_for(schemas.all_schemas()[uri], registry=schemas.compiled_registry())


def _hold(name: str, answer: Any) -> None:
    """Raises Broken if the schema of answers refuses it."""
    for error in _validator(name).iter_errors(answer):
        raise Broken(f"{error.message}, in {answer!r}"[:4_000])


def framed(data: bytes) -> bytes:
    """One input in a file of several."""
    return struct.pack(">I", len(data)) + data


def sent_since(file: Path) -> Iterator[bytes]:
    """The inputs of such a file, as `Server` keeps one."""
    rest = file.read_bytes()
    while rest:
        (size,) = struct.unpack_from(">I", rest)
        yield rest[4 : 4 + size]
        rest = rest[4 + size :]


TARGETS: Final[dict[str, type[Checks | Server]]] = {"checks": Checks, "server": Server}
