"""The control API of a sandbox: `/sandbox/`, JSON in and out, for who has the token.

Its bodies are described in schemas/sandbox/, by which they are also checked.
"""

import functools
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

import jsonschema_rs
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from erply_points import __version__, schemas
from erply_points.accounts.administration import Invalid
from erply_points.accounts.pool import UnknownAccount
from erply_points.accounts.settings import InvalidSetting
from erply_points.bulk.envelope import parse_json
from erply_points.calls.registry import CALLS
from erply_points.sandbox.accounts import Sandbox, State
from erply_points.sandbox.clock import LATEST, OutOfRange
from erply_points.sandbox.faults import FAULTS_MAX, TooManyFaults
from erply_points.store.protocol import AccountInUse, StoreUnavailable

BODY_SIZE_MAX: Final = 100_000
_NAME: Final = re.compile(r"[a-z0-9-]{1,32}")

Handler = Callable[[Request], Awaitable[Response]]


class _Refused(Exception):
    """What was sent is not what the schema says."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


_REFUSALS: Final[Mapping[type[Exception], tuple[int, str]]] = {
    UnknownAccount: (404, "There is no account of this code."),
    FileNotFoundError: (404, "There is no snapshot of this name."),
    InvalidSetting: (400, ""),
    OutOfRange: (400, f"The time would not be between 0 and {LATEST}."),
    Invalid: (409, ""),
    TooManyFaults: (409, f"At most {FAULTS_MAX} faults wait at a time."),
    AccountInUse: (409, "Another process has the account open."),
    StoreUnavailable: (503, "The account's database is unavailable; try again soon."),
}
"""HTTP status and sentence of what goes wrong below, "" for the error's own; the first that fits."""


def _refusal(status: int, message: str, field: str | None = None) -> Response:
    return JSONResponse({"error": message, "field": field}, status)


@functools.cache
def _validator(name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(schemas.all_schemas()[f"/schemas/sandbox/{name}.request.json"])


async def _sent(request: Request, name: str) -> dict[str, Any]:
    """The body, an object as its schema says; nothing is an empty one. Raises _Refused."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_SIZE_MAX:
            raise _Refused(f"A body has at most {BODY_SIZE_MAX} bytes.")
    try:
        sent = parse_json(bytes(body)) if body else {}
    except ValueError:
        raise _Refused("The body is not JSON in UTF-8.") from None
    wrong = next(iter(_validator(name).iter_errors(sent)), None)
    if wrong is not None:
        field = ".".join(map(str, wrong.instance_path)) or None
        raise _Refused(f"{wrong.message}.", field)
    found: dict[str, Any] = sent
    return found


def _name(request: Request) -> str:
    """The name of a snapshot, which may become part of a file name. Raises _Refused."""
    name: str = request.path_params["name"]
    if not _NAME.fullmatch(name):
        raise _Refused("A snapshot's name has 1 to 32 small letters, digits and hyphens.", "name")
    return name


def _answering(handler: Handler) -> Handler:
    """What can go wrong, as an answer."""

    @functools.wraps(handler)
    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except _Refused as error:
            return _refusal(400, error.message, error.field)
        except tuple(_REFUSALS) as error:
            status, message = next(found for kind, found in _REFUSALS.items() if isinstance(error, kind))
            return _refusal(status, message or f"{str(error).removesuffix('.')}.")

    return answered


class _Control:
    """The handlers. Each path that names an account has its `code`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def _state(self, request: Request) -> State:
        return await self._sandbox.state(request.path_params["code"])

    async def index(self, _: Request) -> Response:
        return JSONResponse({"version": __version__, "accounts": await self._sandbox.codes()})

    async def make(self, request: Request) -> Response:
        sent = await _sent(request, "account")
        made = await self._sandbox.make(
            sent.get("clientCode", ""),
            sent.get("settings", {}),
            sent.get("username", "till"),
            sent.get("password", "secret"),
            sent.get("pin", ""),
        )
        answer = {"clientCode": made.code, "username": made.username, "password": made.password, "pin": made.pin}
        return JSONResponse({**answer, "sessionKey": made.session_key}, 201)

    async def remove(self, request: Request) -> Response:
        await self._sandbox.remove(request.path_params["code"])
        return Response(status_code=204)

    async def set_settings(self, request: Request) -> Response:
        await self._sandbox.set_settings(request.path_params["code"], await _sent(request, "settings"))
        return Response(status_code=204)

    async def clock(self, request: Request) -> Response:
        clock = (await self._state(request)).clock
        if request.method == "PATCH":
            sent = await _sent(request, "clock")
            clock.change(sent.get("now"), sent.get("advance", 0.0), frozen=sent.get("frozen"))
        return JSONResponse({"now": clock(), "frozen": clock.frozen})

    async def reset(self, request: Request) -> Response:
        await self._sandbox.reset(request.path_params["code"])
        return Response(status_code=204)

    async def snapshots(self, request: Request) -> Response:
        return JSONResponse({"snapshots": await self._sandbox.snapshots(request.path_params["code"])})

    async def snapshot(self, request: Request) -> Response:
        await self._sandbox.snapshot(request.path_params["code"], _name(request))
        return Response(status_code=204)

    async def restore(self, request: Request) -> Response:
        await self._sandbox.restore(request.path_params["code"], _name(request))
        return Response(status_code=204)

    async def faults(self, request: Request) -> Response:
        faults = (await self._state(request)).faults
        return JSONResponse({"faults": [asdict(fault) for fault in faults.waiting]})

    async def add_fault(self, request: Request) -> Response:
        faults = (await self._state(request)).faults
        sent = await _sent(request, "fault")
        if sent.get("call", "") not in {"", *CALLS}:
            raise _Refused("There is no such call.", "call")
        return JSONResponse(asdict(faults.add(**sent)), 201)

    async def clear_faults(self, request: Request) -> Response:
        (await self._state(request)).faults.clear()
        return Response(status_code=204)

    async def log(self, request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not re.fullmatch("[0-9]{1,15}", after):
            raise _Refused("after must be the number of an entry.", "after")
        return JSONResponse({"entries": (await self._state(request)).log.entries(int(after))})

    async def clear_log(self, request: Request) -> Response:
        (await self._state(request)).log.clear()
        return Response(status_code=204)


class _Guard:
    """Lets nobody through without the token, whatever the path."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._digest = _digest(f"Bearer {token}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = _digest(Request(scope).headers.get("authorization", ""))
        if not hmac.compare_digest(sent, self._digest):
            headers = {"www-authenticate": "Bearer"}
            refusal = JSONResponse({"error": "The sandbox's token is missing or wrong.", "field": None}, 401, headers)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def routes(sandbox: Sandbox, token: str) -> list[BaseRoute]:
    control = _Control(sandbox)
    paths: Mapping[str, Mapping[str, Handler]] = {
        "/": {"GET": control.index},
        "/accounts": {"POST": control.make},
        "/accounts/{code}": {"DELETE": control.remove},
        "/accounts/{code}/settings": {"PATCH": control.set_settings},
        "/accounts/{code}/clock": {"GET": control.clock, "PATCH": control.clock},
        "/accounts/{code}/reset": {"POST": control.reset},
        "/accounts/{code}/snapshots": {"GET": control.snapshots},
        "/accounts/{code}/snapshots/{name}": {"PUT": control.snapshot},
        "/accounts/{code}/snapshots/{name}/restore": {"POST": control.restore},
        "/accounts/{code}/faults": {"GET": control.faults, "POST": control.add_fault, "DELETE": control.clear_faults},
        "/accounts/{code}/log": {"GET": control.log, "DELETE": control.clear_log},
    }
    inner = [
        Route(path, _answering(handler), methods=[method])
        for path, handlers in paths.items()
        for method, handler in handlers.items()
    ]
    return [Mount("/sandbox", app=_Guard(Router(inner), token))]
