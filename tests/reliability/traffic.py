"""Load from outside: a client that costs little, at full speed or at a steady rate, and what became of each request.

At full speed every connection sends its next request when it has its answer. At a rate, requests come when they are
due, whether or not earlier ones are answered, and a request's time counts from when it was due.
"""

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, cast
from urllib.parse import urlsplit

from benchmarks import harness
from benchmarks.servers import Ours
from reliability.processes import processor_seconds

Make = Callable[[], bytes]
"""Encodes the next request."""

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


class Line(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self) -> None:
        self._received = b""
        self._answered: asyncio.Future[bytes] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionError(str(exc)))
        self.transport = None

    async def exchange(self, request: bytes) -> bytes:
        """The whole answer, head and body. Raises ConnectionError."""
        if self.transport is None:
            raise ConnectionError
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answered

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(_HEAD_END)
        if not found or self._answered is None or self._answered.done():
            return
        at = head.lower().index(_LENGTH) + len(_LENGTH)
        if len(body) >= int(head[at:].partition(b"\r\n")[0]):
            self._answered.set_result(self._received)
            self._received = b""


@dataclass
class Outcome:
    """What became of the requests of one run. All times are in seconds."""

    seconds: float = 0.0
    accepted: list[float] = field(default_factory=list)
    """How long each took that was done."""
    refused: list[float] = field(default_factory=list)
    """How long each took that was turned away with HTTP 503 and Retry-After."""
    processor_seconds: float = 0.0
    """What the server's process has spent on it."""
    broken: int = 0
    """Requests whose connection broke."""

    @property
    def rate(self) -> float:
        """Requests done in a second."""
        return len(self.accepted) / self.seconds

    def add(self, answer: bytes, seconds: float) -> None:
        """Raises AssertionError for an answer that is neither a success throughout nor a proper refusal."""
        if answer.startswith(b"HTTP/1.1 503"):
            assert b"retry-after: 1" in answer, answer
            assert b'"errorCode":1003' in answer, answer
            self.refused.append(seconds)
        else:
            assert answer.startswith(b"HTTP/1.1 200"), answer
            assert b'"responseStatus":"error"' not in answer, answer
            self.accepted.append(seconds)


def milliseconds(found: list[float], percent: int) -> float:
    """A percentile; 0 of nothing."""
    if len(found) < 2:
        return 1e3 * sum(found)
    return 1e3 * statistics.quantiles(found, n=100, method="inclusive")[percent - 1]


class Traffic:
    """Connections to one server."""

    def __init__(self, url: str, make: Make, connections_max: int, pid: int) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._make = make
        self._pid = pid
        self._free: list[Line] = []
        self._turns = asyncio.Semaphore(connections_max)

    async def _exchange(self, outcome: Outcome, due: float) -> None:
        async with self._turns:
            try:
                line = self._free.pop() if self._free else await self._connect()
                answer = await line.exchange(self._make())
            except OSError:
                outcome.broken += 1
                await asyncio.sleep(0.01)
                return
            self._free.append(line)
        outcome.add(answer, time.perf_counter() - due)

    async def _connect(self) -> Line:
        _, line = await asyncio.get_running_loop().create_connection(Line, self._host, self._port)
        return line

    async def at_full_speed(self, connections: int, seconds: float) -> Outcome:
        """Send on so many connections, one request after the other on each."""
        outcome = Outcome(processor_seconds=-processor_seconds(self._pid))
        started = time.perf_counter()

        async def go_on() -> None:
            while time.perf_counter() - started < seconds:
                await self._exchange(outcome, time.perf_counter())

        await asyncio.gather(*(go_on() for _ in range(connections)))
        outcome.seconds = time.perf_counter() - started
        outcome.processor_seconds += processor_seconds(self._pid)
        return outcome

    async def at_rate(self, rate: float, seconds: float) -> Outcome:
        """Send so many requests a second, come what may."""
        outcome = Outcome(processor_seconds=-processor_seconds(self._pid))
        tasks: set[asyncio.Task[None]] = set()
        started = time.perf_counter()
        sent = 0
        while (now := time.perf_counter() - started) < seconds:
            for number in range(sent, int(now * rate)):
                task = asyncio.create_task(self._exchange(outcome, started + number / rate))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            sent = int(now * rate)
            await asyncio.sleep(0.002)
        if tasks:
            await asyncio.wait(tasks)
        outcome.seconds = time.perf_counter() - started
        outcome.processor_seconds += processor_seconds(self._pid)
        return outcome

    def close(self) -> None:
        for line in self._free:
            with contextlib.suppress(AttributeError):
                line.transport.close()  # type: ignore[union-attr]  # None where the server has closed it


class Tills:
    """What tills send to one account: receipts with a redemption on them, single redemptions, balances."""

    def __init__(self, ours: Ours, customers: int, seed: int) -> None:
        self._ours = ours
        self._customers = ours.fill(customers, [10**7])
        self._source = Random(seed)  # noqa: S311 - repeatable
        self._numbers = itertools.count(1)

    def _customer(self) -> int:
        return self._source.choice(self._customers)

    def redemption(self) -> dict[str, Any]:
        description = f"r{next(self._numbers)}"
        return {"customerID": self._customer(), "points": 1, "description": description}

    def single(self) -> bytes:
        return harness.post(self._ours.form(request="subtractCustomerRewardPoints", **self.redemption()))

    def receipt(self) -> bytes:
        """A sale, the redemption on it, and the balance that is printed below."""
        paid = self.redemption()
        sale = {"requestName": "saveSalesDocument", "type": "CASHINVOICE", "customerID": paid["customerID"]}
        requests = [
            {**sale, "amount1": 1, "price1": "10.00", "temporaryUUID": paid["description"]},
            {"requestName": "subtractCustomerRewardPoints", "invoiceID": "CURRENT_INVOICE_ID", **paid},
            {"requestName": "getCustomerRewardPoints", "customerID": paid["customerID"]},
        ]
        return harness.post(self._ours.form(requests=requests))

    def bulk(self) -> bytes:
        """A hundred redemptions."""
        requests = [{"requestName": "subtractCustomerRewardPoints", **self.redemption()} for _ in range(100)]
        return harness.post(self._ours.form(requests=requests))

    def balance(self) -> bytes:
        return harness.post(self._ours.form(request="getCustomerRewardPoints", customerID=self._customer()))

    def mixed(self) -> bytes:
        """Mostly receipts and balances, some single redemptions, a bulk now and then."""
        (kind,) = self._source.choices((self.receipt, self.balance, self.single, self.bulk), (60, 30, 9, 1))
        return kind()
