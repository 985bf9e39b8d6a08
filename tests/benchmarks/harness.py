"""What benchmarks share: a client that costs next to nothing, rounds that hit all contenders alike, machine facts."""

import os
import platform
import re
import selectors
import socket
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

import orjson

Seconds = float
Work = Callable[[int], Seconds]
"""Do the work of one round, by its number; return the seconds it took."""

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


def post(form: dict[str, Any], path: str = "/api/") -> bytes:
    """A whole HTTP request, encoded ahead of the clock."""
    sent = {
        name: value if isinstance(value, str | int) else orjson.dumps(value).decode() for name, value in form.items()
    }
    body = urlencode(sent).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One keep-alive connection on a plain socket: a client that parses nothing but the length."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        assert address.port is not None
        self.socket = socket.create_connection((address.hostname, address.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def send(self, request: bytes) -> None:
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """Read what has come; the body once it is complete. Raises ConnectionError."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._received += data
        head, found, body = self._received.partition(_HEAD_END)
        if not found:
            return None
        assert head.startswith(b"HTTP/1.1 200"), head
        at = head.lower().index(_LENGTH) + len(_LENGTH)
        length = int(head[at:].partition(b"\r\n")[0])
        if len(body) < length:
            return None
        assert len(body) == length
        self._received = b""
        return body

    def exchange(self, request: bytes) -> bytes:
        self.send(request)
        while (body := self.receive()) is None:
            pass
        return body


def exchange_all(url: str | Sequence[str], requests: Sequence[bytes], connections: int) -> tuple[Seconds, list[bytes]]:
    """Send `requests` over `connections` keep-alive connections, one at a time on each; seconds and answers.

    Of several URLs each gets its share of the connections.
    """
    urls = [url] if isinstance(url, str) else url
    waiting = iter(requests)
    answers: list[bytes] = []
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        opened = [
            stack.enter_context(Connection(urls[number % len(urls)]))
            for number in range(min(connections, len(requests)))
        ]
        started = time.perf_counter()
        if len(opened) == 1:
            answers = [opened[0].exchange(request) for request in waiting]
            return time.perf_counter() - started, answers
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(next(waiting))
        while len(answers) < len(requests):
            for key, _ in selector.select():
                connection = key.data
                body = connection.receive()
                if body is not None:
                    answers.append(body)
                    request = next(waiting, None)
                    if request is not None:
                        connection.send(request)
        return time.perf_counter() - started, answers


def call(url: str, form: dict[str, Any]) -> dict[str, Any]:
    """One request off the clock; its answer, which must be a success throughout."""
    with Connection(url) as connection:
        answer: dict[str, Any] = orjson.loads(connection.exchange(post(form)))
    for each in (answer, *answer.get("requests", ())):
        assert each["status"]["errorCode"] == 0, each
    return answer


@dataclass
class Contender:
    name: str
    work: Work
    seconds: list[Seconds] = field(default_factory=list)


@dataclass
class Workload:
    """The same work for every contender, `units` times in one round. The others are compared with the first, ours."""

    name: str
    unit: str
    units: int
    contenders: list[Contender]

    def run(self, number: int, *, counted: bool) -> None:
        """One round. Who goes first changes from round to round."""
        shift = number % len(self.contenders)
        for contender in self.contenders[shift:] + self.contenders[:shift]:
            seconds = contender.work(number)
            if counted:
                contender.seconds.append(seconds)

    def ratio(self, name: str, to: str = "") -> float:
        """How long one contender takes for what takes the other, or the first, 1: above 1, the other is faster.

        Compared round by round, so that noise that hits a whole round cancels.
        """
        seconds = {contender.name: contender.seconds for contender in self.contenders}
        pairs = zip(seconds[to or self.contenders[0].name], seconds[name], strict=True)
        return statistics.median(theirs / mine for mine, theirs in pairs)

    def rows(self) -> Iterable[str]:
        """Lines of the table."""
        for contender in self.contenders:
            each = sorted(seconds / self.units * 1e6 for seconds in contender.seconds)
            ratio = "" if contender is self.contenders[0] else f"{self.ratio(contender.name):.2f}x"
            low, high = each[len(each) // 10], each[-1 - len(each) // 10]
            yield (
                f"| {self.name} | {contender.name} | {statistics.median(each):,.0f} | {low:,.0f} to {high:,.0f} |"
                f" {ratio} |"
            )


def run(workloads: Sequence[Workload], rounds: int, warm_up: int = 1, compared: str = "ours is") -> str:
    """Run all rounds, every contender in each, and return the table; `compared` heads `Workload.ratio`."""
    for number in range(rounds + warm_up):
        for workload in workloads:
            workload.run(number, counted=number >= warm_up)
    lines = [f"| workload | contender | median us | middle 80 % of rounds | {compared} |", "|---|---|---:|---:|---:|"]
    for workload in workloads:
        lines += workload.rows()
    return "\n".join(lines)


def fsync_microseconds(folder: Path, times: int = 50) -> float:
    """What it costs here to make 4 kB durable."""
    path = folder / "fsync-probe"
    spent = []
    with path.open("wb") as file:
        for _ in range(times):
            file.write(bytes(4096))
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            spent.append(time.perf_counter() - started)
    path.unlink()
    return statistics.median(spent) * 1e6


def _processor() -> str:
    """The processor by its name, where the system tells."""
    known = Path("/proc/cpuinfo")
    match = re.search(r"^model name\s*: (.*)$", known.read_text("utf-8"), re.MULTILINE) if known.exists() else None
    return match[1].strip() if match else platform.machine()


def machine(folder: Path) -> str:
    return (
        f"{os.cpu_count()} cores ({_processor()}), {platform.system()}, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}, fsync of 4 kB {fsync_microseconds(folder):,.0f} us,"
        f" load {os.getloadavg()[0]:.1f} at the start; {' '.join(sys.argv[1:]) or 'no options'}"
    )
