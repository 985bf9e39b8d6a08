"""How long a till waits: bulks of a receipt and a redemption on it, 100 a second, sent when they are due.

Asked because a client that waits for each answer before it sends the next hides every pause of the server. Here a bulk
is sent at its moment whether or not earlier ones were answered, and its time counts from the moment it was due. Beside
it stand how late the client itself was and, on the same schedule, an endpoint that does nothing and a bare sqlite3 loop
that writes the same rows: what is slow there is the machine and its disk. Run: python tests/benchmarks/open_loop.py
"""

import contextlib
import gc
import random
import selectors
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import harness, receipts, report
from benchmarks.bare_receipts import BareShop
from benchmarks.harness import Connection, Seconds
from benchmarks.receipts import Receipt
from benchmarks.redemptions import BARE, EMPTY, OURS, RICH_CUSTOMERS
from benchmarks.report import Reach, Report, Size
from benchmarks.servers import Ours, obvious_server, shuffled_forever

PER_SECOND: Final = 100
IDLE: Final = 8
"""Connections that are open at the start; more are opened when none of them is free."""
CONNECTIONS_MAX: Final = 512
ANSWER_SECONDS_MAX: Final = 30
P99_MS_MAX: Final = 5.0


@dataclass
class Timings:
    """What was measured of each request."""

    latency: list[Seconds] = field(default_factory=list)
    """From the moment it was due to the end of its answer."""
    lateness: list[Seconds] = field(default_factory=list)
    """From the moment it was due to the moment it was sent: the client's own fault."""
    connections: int = 0


class OpenLoop:
    """Sends requests on a schedule over keep-alive connections, one at a time on each, and waits for no answer."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self._url = url
        self._stack = stack
        # Unlike epoll, select waits to the microsecond.
        self._selector = stack.enter_context(selectors.SelectSelector())
        # The one that waited longest goes next, so that none is idle for so long that the server closes it.
        self._idle = deque(self._open() for _ in range(IDLE))
        self._due: dict[Connection, Seconds] = {}
        self.timings = Timings(connections=IDLE)

    def _open(self) -> Connection:
        connection = self._stack.enter_context(Connection(self._url))
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        return connection

    def run(self, requests: Sequence[bytes], is_right: Callable[[bytes], bool]) -> None:
        """Send all of them, `PER_SECOND`, and wait for the last answer."""
        start = time.perf_counter() + 0.1
        for number, request in enumerate(requests):
            due = start + number / PER_SECOND
            while (left := due - time.perf_counter()) > 0:
                self._receive(left, is_right)
            self._send(request, due)
        last = time.perf_counter()
        while self._due:
            assert time.perf_counter() < last + ANSWER_SECONDS_MAX, "the server does not answer"
            self._receive(1, is_right)

    def _send(self, request: bytes, due: Seconds) -> None:
        if not self._idle:
            assert self.timings.connections < CONNECTIONS_MAX, "the server cannot keep up"
            self._idle.append(self._open())
            self.timings.connections += 1
        connection = self._idle.popleft()
        self._due[connection] = due
        self.timings.lateness.append(time.perf_counter() - due)
        connection.send(request)

    def _receive(self, seconds: Seconds, is_right: Callable[[bytes], bool]) -> None:
        for key, _ in self._selector.select(seconds):
            body = key.data.receive()
            if body is not None:
                self.timings.latency.append(time.perf_counter() - self._due.pop(key.data))
                self._idle.append(key.data)
                assert is_right(body), body


def _timed(url: str, requests: Sequence[bytes], is_right: Callable[[bytes], bool]) -> Timings:
    gc.collect()
    gc.disable()
    try:
        with ExitStack() as stack:
            loop = OpenLoop(url, stack)
            loop.run(requests, is_right)
            return loop.timings
    finally:
        gc.enable()


def _bare(shop: BareShop, sold: Iterable[Receipt]) -> list[Seconds]:
    """How long after they were due receipts were written, one after the other."""
    latency = []
    start = time.perf_counter()
    for number, receipt in enumerate(sold):
        due = start + number / PER_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        shop.sell([receipt])
        latency.append(time.perf_counter() - due)
    return latency


def percentile(values: Sequence[Seconds], part: float) -> Seconds:
    """The smallest value that `part` of all of them do not exceed."""
    return sorted(values)[max(0, -int(-part * len(values) // 1) - 1)]


def _row(name: str, values: Sequence[Seconds]) -> str:
    marks = (*(percentile(values, part) for part in (0.5, 0.9, 0.99)), max(values))
    return f"| {name} | {' | '.join(f'{mark * 1e3:,.2f}' for mark in marks)} |"


def _bulk_done(body: bytes) -> bool:
    return body.count(b'"invoiceID":') == body.count(b'"subtractedPoints":') == 1


def _verify(ours: Ours, bulks: int) -> None:
    ours.check()
    with contextlib.closing(sqlite3.connect(ours.database)) as database:
        for table in ("documents", "redemptions"):
            (made,) = database.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert made == bulks, (table, made, bulks)


def measure(folder: Path, size: Size) -> Report:
    with ExitStack() as stack:
        ours = Ours(folder)
        stack.callback(ours.server.terminate)
        source = random.Random(20_260_106)  # noqa: S311 - a repeatable order
        sold = receipts.receipts(shuffled_forever(ours.fill(RICH_CUSTOMERS, [10**6]), source), source)
        warm_up = PER_SECOND * max(1, size.seconds // 10)
        compared = PER_SECOND * max(1, size.seconds // 3)
        bulks = [
            harness.post(ours.form(requests=[receipts.sale(each), receipts.redemption(each)]))
            for each in islice(sold, warm_up + PER_SECOND * size.seconds)
        ]
        empty = stack.enter_context(obvious_server(ours.copy("obvious.sqlite")))
        nothing = [harness.post({"customerID": 1, "points": 1}, "/empty")] * compared
        shop = BareShop(ours.copy("bare.sqlite"))
        stack.callback(shop.close)
        _timed(ours.server.url, bulks[:warm_up], _bulk_done)
        yardstick = _timed(empty, nothing, lambda body: body == b"{}")
        bare = _bare(shop, islice(sold, compared))
        timings = _timed(ours.server.url, bulks[warm_up:], _bulk_done)
    _verify(ours, len(bulks))
    lines = [
        "| milliseconds | p50 | p90 | p99 | max |",
        "|---|---:|---:|---:|---:|",
        _row(f"{OURS}, from the moment due", timings.latency),
        _row("of it the client's own lateness", timings.lateness),
        _row(f"{EMPTY}, from the moment due", yardstick.latency),
        _row("of it the client's own lateness", yardstick.lateness),
        _row(f"{BARE}, from the moment due", bare),
        "",
        f"{len(timings.latency):,} bulks of a receipt of {receipts.ROWS} rows and a redemption, {PER_SECOND} a second,",
        f"over {timings.connections} connections; all are there once, `erply-points check` finds ours sound.",
    ]
    p99 = percentile(timings.latency, 0.99) * 1e3
    reach = Reach(f"receipt and redemption, {PER_SECOND} a second", "p99", p99, P99_MS_MAX, " ms", at_most=True)
    return Report("\n".join(lines), (reach,))


if __name__ == "__main__":
    report.main(measure, __doc__)
