"""What the fixtures are: a sandbox of one process, accounts in it, their clocks and their faults."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from erply_points.testing.client import Erply
from erply_points.testing.errors import SandboxError
from erply_points.testing.server import ServerProcess

TIMEOUT_SECONDS: Final = 90.0
"""Longer than the longest delay that can be planned."""
ENTRIES_SHOWN: Final = 50
BODY_SHOWN: Final = 2_000
SETTING: Final = {True: "1", False: "0"}


def texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """Account settings as text: True is "1", 12 is "12"."""
    return {name: SETTING[value] if isinstance(value, bool) else str(value) for name, value in settings.items()}


class Sandbox:
    """A server process and its control API."""

    def __init__(self, process: ServerProcess, token: str) -> None:
        self.process = process
        self.url = process.url
        self.token = token
        self.http = httpx.Client(base_url=self.url, timeout=TIMEOUT_SECONDS, trust_env=False)

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send `body` to `/sandbox` + `path`; what is answered, None for nothing. Raises SandboxError."""
        response = self.http.request(
            method,
            f"/sandbox{path}",
            headers={"authorization": f"Bearer {self.token}"},
            json=None if body is None else dict(body),
        )
        answer: Any = response.json() if response.content else None
        if response.is_error:
            raise SandboxError(response.status_code, answer["error"], answer.get("field"))
        return answer

    def new_account(self, settings: Mapping[str, Any] | None = None) -> "ErplyServer":
        """A fresh account with user `till`. Raises SandboxError for settings that do not exist."""
        made = self.control("POST", "/accounts", {"settings": texts(settings or {}), "pin": "1234"})
        return ErplyServer(self, made)

    def close(self) -> int:
        """Stop the server; its exit status."""
        self.http.close()
        return self.process.terminate()


@contextmanager
def running(data: Path) -> Iterator[Sandbox]:
    """A sandbox on a folder of its own, for as long as the block runs."""
    token = secrets.token_urlsafe(24)
    sandbox = Sandbox(ServerProcess(data, sandbox_token=token), token)
    try:
        yield sandbox
    finally:
        status = sandbox.close()
    assert status == 0, "the server failed:\n" + "".join(sandbox.process.log)


class ErplyServer:
    """The server as the program under test needs it: an address, and one account with a user."""

    def __init__(self, sandbox: Sandbox, made: Mapping[str, str]) -> None:
        self.sandbox = sandbox
        self.url = sandbox.url
        self.api_url = f"{sandbox.url}/api/"
        self.client_code = made["clientCode"]
        self.username = made["username"]
        self.password = made["password"]
        self.pin = made["pin"]
        self.session_key = made["sessionKey"]
        """Of a session that does not end, however the clock is moved."""

    def control(self, method: str, path: str = "", body: Mapping[str, Any] | None = None) -> Any:
        """As `Sandbox.control`, below this account's path."""
        return self.sandbox.control(method, f"/accounts/{self.client_code}{path}", body)

    def client(self) -> Erply:
        return Erply(self.sandbox.http, self.client_code, self.session_key)

    def new_account(self, **settings: Any) -> "ErplyServer":
        """Another account of the same server; it stays until the end of the run."""
        return self.sandbox.new_account(settings)

    def set(self, **settings: Any) -> None:
        """Change settings of the account (docs/settings.md). Raises SandboxError."""
        self.control("PATCH", "/settings", texts(settings))

    def reset(self) -> None:
        """Make the account as new: users, settings and sessions stay, the clock tells real time, no fault waits."""
        self.control("POST", "/reset")

    def snapshot(self, name: str = "snapshot") -> None:
        """Keep the account as it is, and its clock, under `name`."""
        self.control("PUT", f"/snapshots/{name}")

    def restore(self, name: str = "snapshot") -> None:
        """Make the account and its clock what they were. Raises SandboxError if there is no such snapshot."""
        self.control("POST", f"/snapshots/{name}/restore")

    def log(self, after: int = 0) -> list[dict[str, Any]]:
        """Requests and answers of this account, oldest first (schemas/sandbox/log.answer.json)."""
        entries: list[dict[str, Any]] = self.control("GET", f"/log?after={after}")["entries"]
        return entries

    def story(self) -> str:
        """The last requests and answers, and what the server has printed, for who reads a failed test."""
        printed = "".join(self.sandbox.process.log)
        try:
            entries = self.log()
        except (httpx.HTTPError, SandboxError) as error:
            return f"The server does not answer ({error!r}). It has printed:\n{printed}"
        shown = [_told(entry) for entry in entries[-ENTRIES_SHOWN:]]
        left_out = len(entries) - len(shown)
        head = [f"({left_out} earlier requests are not shown)"] if left_out else []
        return "\n".join([*head, *shown, "The server has printed:", printed])


def _told(entry: Mapping[str, Any]) -> str:
    at = datetime.fromtimestamp(entry["at"], UTC)
    fault = f" [{entry['fault']}]" if entry["fault"] else ""
    answer = "no answer" if entry["answer"] is None else _short(entry["answer"])
    return f"{at:%Y-%m-%d %H:%M:%S}{fault} {_short(entry['request'])}\n    -> {answer}"


def _short(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False)
    return text if len(text) <= BODY_SHOWN else f"{text[:BODY_SHOWN]} ... ({len(text)} characters)"


class ErplyClock:
    """The time of the account."""

    def __init__(self, server: ErplyServer) -> None:
        self._server = server

    def now(self) -> float:
        """Unix time in seconds."""
        now: float = self._server.control("GET", "/clock")["now"]
        return now

    def set(self, now: float | datetime) -> None:
        """Set it to Unix seconds, or to a datetime with a time zone; a clock that ran goes on from there."""
        if isinstance(now, datetime):
            if now.tzinfo is None:
                raise ValueError("a datetime without a time zone is no moment")
            now = now.timestamp()
        self._server.control("PATCH", "/clock", {"now": now})

    def advance(self, seconds: float | timedelta) -> None:
        """Move it on by seconds, or back if they are below zero."""
        moved = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        self._server.control("PATCH", "/clock", {"advance": moved})

    def freeze(self) -> None:
        self._server.control("PATCH", "/clock", {"frozen": True})

    def resume(self) -> None:
        """Let it run on from where it stands."""
        self._server.control("PATCH", "/clock", {"frozen": False})


class ErplyFaults:
    """What is to go wrong with the next `count` requests of the account that make `call`, or any if `call` is ""."""

    def __init__(self, server: ErplyServer) -> None:
        self._server = server

    def delay(self, seconds: float, call: str = "", *, count: int = 1) -> None:
        """Let them wait, at most a minute."""
        self._add("delay", call, count, seconds=seconds)

    def error(self, code: int, call: str = "", *, field: str | None = None, message: str = "", count: int = 1) -> None:
        """Answer with an error and run nothing: of a bulk only the first sub-request of `call`, if there is one."""
        self._add("error", call, count, code=code, field=field, message=message)

    def drop_before(self, call: str = "", *, count: int = 1) -> None:
        """Close the connection, run nothing."""
        self._add("drop_before", call, count)

    def drop_after(self, call: str = "", *, count: int = 1) -> None:
        """Run the request, commit it, and close the connection instead of answering."""
        self._add("drop_after", call, count)

    def cut(self, call: str = "", *, count: int = 1) -> None:
        """Run the request, commit it, and close the connection after half of the answer."""
        self._add("cut", call, count)

    def waiting(self) -> list[dict[str, Any]]:
        """Those that have not happened yet, oldest first (schemas/sandbox/fault.answer.json)."""
        faults: list[dict[str, Any]] = self._server.control("GET", "/faults")["faults"]
        return faults

    def clear(self) -> None:
        self._server.control("DELETE", "/faults")

    def _add(self, kind: str, call: str, count: int, **more: Any) -> None:
        self._server.control("POST", "/faults", {"kind": kind, "call": call, "count": count, **more})
