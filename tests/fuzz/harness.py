"""Throws made-up requests at the whole application and watches what it does.

For every input:
1. no exception leaves the application, and an answer comes that is whole;
2. the status is below 500, and Erply's API answers as its schemas say, never with 1000 or 1003;
3. what was refused, only looked at or only tried out has changed no row (the count of failed log-ins apart);
4. nothing of another account is in the answer, and no stack trace;
5. nothing is logged as a mistake of the server's.
After every round of inputs, on an account of its own:
6. the ledger is sound, and the other account has not changed;
7. nothing of a request is still in memory, and the process has not grown beyond its limit.

Run: `python tests/fuzz --inputs 1000000 --seed 1`. The same seed sends the same inputs; each round can be run alone
(`--first-round`), for it begins anew.
"""

import asyncio
import contextlib
import gc
import hashlib
import json
import logging
import resource
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final
from xml.etree import ElementTree as ET

import click
import jsonschema_rs
from starlette.types import ASGIApp, Message

from calls.every_call import some_of_everything
from erply_points import schemas
from erply_points.accounts import administration
from erply_points.app import stores_of
from erply_points.bulk.envelope import SubRequest
from erply_points.calls.registry import CALLS
from erply_points.settings import ServerSettings
from fuzz.inputs import Input, Keys, Maker
from support.contract import check_answer
from support.dialects import Fabric
from support.shop import Shop, open_shop

ROUND: Final = 5_000
"""Inputs of one round, after which account and application are made anew."""
REFERENCE_EVERY: Final = 50
"""How often an answer is also held against the schemas by the reference validator, which is slow."""
CANARY: Final = "Salajane-0xC0FFEE"
"""Stands in the other account; nobody else may ever see it."""
TOKEN_INPUTS: Final = 400
"""Inputs after which a new token is asked for: none lives for ever."""


class Broken(AssertionError):
    """The application did what it must never do."""


@dataclass
class Tally:
    """What was sent and what came of it."""

    inputs: int = 0
    bytes_sent: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    """How often each call succeeded."""
    slowest: float = 0.0
    """Seconds of the slowest answer."""
    seconds: float = 0.0
    rss_mb: list[float] = field(default_factory=list)
    """Resident memory at the end of each round."""

    @property
    def peak_mb(self) -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


@dataclass(frozen=True, slots=True)
class Came:
    """An answer as it left the application."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


async def ask(app: ASGIApp, sent: Input) -> Came:
    """Send an input without a socket. Raises what the application lets out."""
    body = sent.body
    half = len(body) // 2
    waiting: list[Message] = [
        {"type": "http.request", "body": body[half:], "more_body": False},
        {"type": "http.request", "body": body[:half], "more_body": True},
    ]
    came: list[Message] = []

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        came.append(message)

    path = sent.path.partition("?")[0]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "http",
        "path": _unquoted(path),
        "raw_path": path.encode("latin-1", "replace"),
        "query_string": sent.query,
        "root_path": "",
        "headers": [(b"host", b"erply.test"), *sent.headers],
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    if not came or came[0]["type"] != "http.response.start" or came[-1].get("more_body", False):
        raise Broken("the answer is not whole")
    return Came(
        came[0]["status"],
        dict(came[0].get("headers", ())),
        b"".join(message.get("body", b"") for message in came[1:]),
    )


def _unquoted(path: str) -> str:
    """As servers do it before the application sees the path."""
    raw = bytearray()
    rest = path.encode("latin-1", "replace")
    while rest:
        start, percent, rest = rest.partition(b"%")
        raw += start
        if percent:
            try:
                raw.append(int(rest[:2], 16))
                rest = rest[2:]
            except ValueError:
                raw += b"%"
    return raw.decode("utf-8", "replace")


class Errors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = logging.Formatter().format(record)
        self.found.append(text)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        root = logging.getLogger()
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)


class Judge:
    """Looks at every answer, and at the files of the account and of its neighbour."""

    def __init__(self, shop: Shop, quiet: Shop, tally: Tally) -> None:
        self._tally = tally
        self._errors = Errors()
        self._keys = (quiet.key.encode(),)
        file, neighbour = (shop.settings.data / f"{each.code}.db" for each in (shop, quiet))
        self._before = sqlite3.connect(file, isolation_level=None)
        self._database = sqlite3.connect(file, isolation_level=None)
        self._neighbour = sqlite3.connect(neighbour, isolation_level=None)
        self._version = _version(self._database)
        self._neighbours_version = _version(self._neighbour)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Also listen to the log."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._errors.listening())
            for database in (self._before, self._database, self._neighbour):
                stack.enter_context(contextlib.closing(database))
            yield

    def about_to_send(self) -> None:
        """Hold on to the account as it is before an input."""
        if self._before.in_transaction:
            self._before.execute("ROLLBACK")
        self._before.execute("BEGIN")
        self._before.execute("SELECT last FROM sequences").fetchone()
        self._version = _version(self._database)

    def look(self, sent: Input, came: Came) -> None:
        """Promises 2 to 5. Raises Broken."""
        tally = self._tally
        tally.statuses[came.status] += 1
        if self._errors.found:
            raise Broken(f"logged as an error: {self._errors.found[0]}")
        if came.status >= 500:
            raise Broken(f"HTTP {came.status}: {came.body[:1_000]!r}")
        if b"Traceback" in came.body or CANARY.encode() in came.body or any(key in came.body for key in self._keys):
            raise Broken(f"the answer gives something away: {came.body[:2_000]!r}")
        may_change = self._judged(sent, came)
        version = _version(self._database)
        if version != self._version:
            self._version = version
            # What was written and taken back within one transaction has changed pages, but no row.
            if not may_change and _digest(self._before) != _digest(self._database):
                rows = sorted(set(_rows(self._before)) ^ set(_rows(self._database)))[:4]
                raise Broken(f"rows changed: {rows}, and the answer was HTTP {came.status}: {came.body!r}")

    def _judged(self, sent: Input, came: Came) -> bool:
        """Whether a row may have changed, by what was answered."""
        if sent.path not in {"/api", "/api/"}:
            return came.status < 400 and sent.method == "POST"
        if sent.method not in {"GET", "POST"}:
            return False
        if came.status not in {200, 413}:
            raise Broken(f"Erply's API answered HTTP {came.status}")
        if came.headers[b"content-type"].startswith(b"application/xml"):
            root = ET.fromstring(came.body)  # noqa: S314 - the application wrote it
            nodes = [*root.findall("status"), *root.findall("requests/request/status")]
            statuses = [{each.tag: each.text or "" for each in node} for node in nodes]
            found = [(each.get("request") or each.get("requestName", ""), int(each["errorCode"])) for each in statuses]
            dry = any("dryRun" in each for each in statuses)
        else:
            # Trimmed records are no longer whole.
            whole = b"getFields" not in sent.body + sent.query
            found, dry = self._statuses(json.loads(came.body), whole=whole)
        for name, code in found:
            self._tally.codes[code] += 1
            if code in {1000, 1003}:
                raise Broken(f"{code}: {came.body[:2_000]!r}")
            if not code and name:
                self._tally.done[name] += 1
        wrote = any(not code and name in CALLS and CALLS[name].writes for name, code in found)
        return wrote and not dry

    def _statuses(self, answer: dict[str, Any], *, whole: bool) -> tuple[list[tuple[str, int]], bool]:
        """Call and code of every status, and whether nothing was to be kept."""
        status = answer["status"]
        single = "request" in status
        if whole:
            if not _validator("call" if single else "bulk").is_valid(answer):
                check_answer(answer, {} if single else {"requests": []})
                raise Broken("the compiled validator refuses what the reference takes")
            if self._tally.inputs % REFERENCE_EVERY == 0:
                check_answer(answer, {} if single else {"requests": []})
        statuses = [status, *(each["status"] for each in answer.get("requests", ()))]
        found = [(each.get("request") or each.get("requestName") or "", each["errorCode"]) for each in statuses]
        return found, "dryRun" in status

    def neighbour_untouched(self) -> bool:
        """Half of promise 6."""
        return _version(self._neighbour) == self._neighbours_version


def _rows(database: sqlite3.Connection) -> Iterator[str]:
    """All rows but those that count failed log-ins: they are meant to change when a request is refused."""
    return (line for line in database.iterdump() if not line.startswith('INSERT INTO "login_failures"'))


def _digest(database: sqlite3.Connection) -> bytes:
    digest = hashlib.sha256()
    for row in _rows(database):
        digest.update(row.encode())
    return digest.digest()


@cache
def _validator(envelope: str) -> jsonschema_rs.Validator:
    uri = f"/schemas/erply/{envelope}.answer.json"
    return jsonschema_rs.validator_for(schemas.all_schemas()[uri], registry=schemas.compiled_registry())


def _version(database: sqlite3.Connection) -> int:
    """Changes when another connection has committed a change."""
    (version,) = database.execute("PRAGMA data_version").fetchone()
    return int(version)


async def _prepared(shop: Shop) -> tuple[Shop, Keys]:
    """An account with a record of every kind, a neighbour whose secrets are known, and all keys of the account."""
    quiet = await shop.neighbour()
    await quiet.customer(points=100, lastName=CANARY, customerCardNumber=CANARY[-8:])
    await administration.create_user(stores_of(shop.settings), shop.code, "manager", "other", pin="1234")
    await shop.customer(email="a@b.ee", mobile="1", externalID="e1", points=1_000)
    await some_of_everything(shop)
    answer = await shop.record("verifyUser", username="till", password="secret", sessionLength=86_400)
    shop.key = answer["sessionKey"]
    client, secret = await shop.client()
    profile = (await shop.record("getCustomers", customerID=1))["profileID"]
    return quiet, Keys(shop.code, shop.key, quiet.key, client, secret, "", profile)


@contextlib.asynccontextmanager
async def _server() -> AsyncIterator[tuple[Shop, ASGIApp]]:
    with tempfile.TemporaryDirectory() as folder:
        async with open_shop(ServerSettings(data=Path(folder) / "data")) as shop:
            transport: Any = shop.http._transport
            yield shop, transport.app


async def run_round(seed: int, number: int, count: int, tally: Tally) -> None:
    """Send `count` inputs of a round. Raises Broken with the input and how to send it again."""
    source = Random(f"{seed} {number}")  # noqa: S311 - repeatable
    async with _server() as (shop, app):
        quiet, keys = await _prepared(shop)
        judge = Judge(shop, quiet, tally)
        maker = Maker(source, keys)
        with judge.watching():
            for place in range(count):
                if place % TOKEN_INPUTS == 0:
                    shop.clock.advance(source.choice((0, 1, 60, 600)))
                    keys.token = (await Fabric.log_in(shop.http, keys.client, keys.secret)).token
                sent = maker.next()
                tally.inputs += 1
                tally.kinds[sent.kind] += 1
                tally.bytes_sent += len(sent.body) + len(sent.query)
                judge.about_to_send()
                started = time.perf_counter()
                try:
                    came = await ask(app, sent)
                    tally.slowest = max(tally.slowest, time.perf_counter() - started)
                    judge.look(sent, came)
                except Exception as error:
                    again = f"python tests/fuzz --seed {seed} --first-round {number} --inputs {place + 1}"
                    error.add_note(f"input {place} of round {number}, seed {seed}: {sent!r}"[:20_000])
                    error.add_note(f"again: {again}")
                    raise
            if problems := await shop.check():
                raise Broken(f"seed {seed}, round {number}: the ledger is not sound: {problems[:5]}")
            if not judge.neighbour_untouched():
                raise Broken(f"seed {seed}, round {number}: another account has changed")


def kept_in_memory() -> list[SubRequest]:
    """Sub-requests that outlive their server."""
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, SubRequest)]


def resident_mb() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1_048_576


def run(seed: int, inputs: int, *, first_round: int = 0, rss_max_mb: float | None = None, say: bool = False) -> Tally:
    """Send so many inputs, in rounds. Raises Broken, or whatever left the application."""
    tally = Tally()
    started = time.perf_counter()
    number = first_round
    with asyncio.Runner() as runner:
        while tally.inputs < inputs:
            runner.run(run_round(seed, number, min(ROUND, inputs - tally.inputs), tally))
            if kept := kept_in_memory():
                raise Broken(f"seed {seed}, round {number}: {len(kept)} sub-requests are kept, such as {kept[0]!r}")
            number += 1
            tally.seconds = time.perf_counter() - started
            tally.rss_mb.append(resident_mb())
            if rss_max_mb is not None and tally.peak_mb > rss_max_mb:
                raise Broken(f"seed {seed}, round {number - 1}: {tally.peak_mb:.0f} MB of memory")
            if say:
                rate = tally.inputs / tally.seconds
                line = f"{tally.inputs:>9} inputs, {rate:.0f}/s, {tally.rss_mb[-1]:.0f} MB, peak {tally.peak_mb:.0f} MB"
                click.echo(line, err=True)
    return tally
