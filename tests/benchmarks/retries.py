"""What it costs that a request can be sent again: each kind of key against the same requests without one.

Asked because a key is only used where it costs next to nothing: with keys on every request, the benchmark of
redemptions (`redemptions.py`) is to stay at 0.8x of itself without keys, or better. Both are sent to one server and one
account in turn, so a ratio compares neighbours in time. At the end every redemption must be there once, and every key
must have its first answer. Run: python tests/benchmarks/retries.py
"""

import contextlib
import itertools
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import harness, redemptions
from benchmarks.bare_loop import Redemptions
from benchmarks.harness import Contender, Workload
from benchmarks.redemptions import BULK, CODE, LOT_POINTS, LOTS_EACH, RICH_CUSTOMERS, Ours, Size

Encode = Callable[[Redemptions], bytes]
"""Makes one request of redemptions; with a key of its own, if it has one."""

_numbers: Final = itertools.count()


def _key() -> str:
    return f"till-7.{next(_numbers)}"


def _redemption(customer_id: int, points: int, **more: Any) -> dict[str, Any]:
    return {"requestName": "subtractCustomerRewardPoints", "customerID": customer_id, "points": points, **more}


@dataclass(frozen=True)
class Requests:
    """The requests of the benchmark, as one user sends them."""

    ours: Ours

    def single(self, redeemed: Redemptions) -> bytes:
        ((customer_id, points),) = redeemed
        call = {"request": "subtractCustomerRewardPoints", "customerID": customer_id, "points": points}
        return harness.post(self.ours.form(**call))

    def bulk(self, redeemed: Redemptions) -> bytes:
        return harness.post(self.ours.form(requests=[_redemption(*each) for each in redeemed]))

    def bulk_with_request_ids(self, redeemed: Redemptions) -> bytes:
        return harness.post(self.ours.form(requests=[_redemption(*each, requestID=_key()) for each in redeemed]))

    def receipt(self, redeemed: Redemptions, **uuid: str) -> bytes:
        """A receipt, and the redemptions on it."""
        sale = {"requestName": "saveSalesDocument", "type": "CASHINVOICE", "amount1": 1, "price1": "10.00", **uuid}
        paid = [_redemption(*each, invoiceID="CURRENT_INVOICE_ID") for each in redeemed]
        return harness.post(self.ours.form(requests=[sale, *paid]))

    def receipt_with_uuid(self, redeemed: Redemptions) -> bytes:
        return self.receipt(redeemed, temporaryUUID=_key())


def with_header(encode: Encode) -> Encode:
    """The same requests, each with a header Idempotency-Key of its own."""

    def encoded(redeemed: Redemptions) -> bytes:
        first_line, end, rest = encode(redeemed).partition(b"\r\n")
        return first_line + end + f"idempotency-key: {_key()}\r\n".encode() + rest

    return encoded


@dataclass(frozen=True)
class Comparison:
    """Requests with a key and the same without."""

    name: str
    without: Encode
    with_key: Encode
    keys: int
    """How many a request has."""
    redemptions: int
    """How many a request makes."""
    points: int
    customers: Iterator[int]
    units: int
    """Requests in a round."""
    connections: int = 1


class Run:
    """Turns comparisons into workloads, and counts what must be there in the end."""

    def __init__(self, url: str, rounds: int) -> None:
        self._url = url
        self._rounds = rounds
        self.redemptions = 0
        self.kept_answers = 0

    def workload(self, asked: Comparison) -> Workload:
        contenders = [
            Contender("with a key", self._work(asked, asked.with_key)),
            Contender("without", self._work(asked, asked.without)),
        ]
        self.kept_answers += asked.keys * asked.units * self._rounds
        return Workload(asked.name, "request", asked.units, contenders)

    def sent_again(self, asked: Comparison) -> Workload:
        """Requests that have been done, against those that are done."""
        first, other = self._rounds_of(asked, asked.with_key), self._work(asked, asked.with_key)
        self.kept_answers += 2 * asked.keys * asked.units * self._rounds

        def again(number: int) -> float:
            self._send(first[number], asked)
            return self._send(first[number], asked)

        contenders = [Contender("first answer given again", again), Contender("run", other)]
        return Workload(f"{asked.name}, sent again", "request", asked.units, contenders)

    def _rounds_of(self, asked: Comparison, encode: Encode) -> list[list[bytes]]:
        self.redemptions += asked.redemptions * asked.units * self._rounds
        each = [(asked.customers, asked.points)] * asked.redemptions
        return [
            [encode([(next(customers), points) for customers, points in each]) for _ in range(asked.units)]
            for _ in range(self._rounds)
        ]

    def _work(self, asked: Comparison, encode: Encode) -> harness.Work:
        encoded = self._rounds_of(asked, encode)
        return lambda number: self._send(encoded[number], asked)

    def _send(self, requests: Sequence[bytes], asked: Comparison) -> float:
        seconds, answers = harness.exchange_all(self._url, requests, asked.connections)
        for answer in answers:
            assert answer.count(b'"subtractedPoints":') == asked.redemptions, answer
        return seconds


def _comparisons(ours: Ours, size: Size, rounds: int) -> list[Comparison]:
    source = Random(20_260_101)  # noqa: S311 - a repeatable order
    rich = redemptions._shuffled_forever(ours.fill(RICH_CUSTOMERS, [10**6]), source)
    # Each is visited twice and pays 15 of 40 points, as in the benchmark of redemptions.
    poor = redemptions._shuffled_forever(ours.fill(rounds * size.bulks * BULK, [LOT_POINTS] * LOTS_EACH), source)
    send = Requests(ours)
    header, uuid, request_id = "Idempotency-Key", "temporaryUUID", "requestIDs"
    keyed_bulk, keyed_single = with_header(send.bulk), with_header(send.single)
    in_bulks: dict[str, Any] = {"points": 1, "customers": rich, "units": size.bulks}
    alone: dict[str, Any] = {"redemptions": 1, "points": 1, "customers": rich, "units": size.singles, "keys": 1}
    of_poor = {**in_bulks, "customers": poor, "points": 15}
    many = f"bulk of {BULK}"
    return [
        Comparison(f"{many}, {header}", send.bulk, keyed_bulk, 1, BULK, **in_bulks),
        Comparison(f"{many}, two lots pay, {header}", send.bulk, keyed_bulk, 1, BULK, **of_poor),
        Comparison(f"receipt and {BULK - 1}, {uuid}", send.receipt, send.receipt_with_uuid, 1, BULK - 1, **in_bulks),
        Comparison(f"{many}, {request_id}", send.bulk, send.bulk_with_request_ids, BULK, BULK, **in_bulks),
        Comparison(f"single call, {header}", send.single, keyed_single, **alone),
        Comparison(f"single call, 32 connections, {header}", send.single, keyed_single, **alone, connections=32),
    ]


def _verify(ours: Ours, run: Run) -> None:
    """Raise unless every redemption is there once and every key has its first answer, and ours is sound."""
    ours.check()
    with contextlib.closing(sqlite3.connect(ours.database)) as database:
        (made,) = database.execute("SELECT count(*) FROM redemptions").fetchone()
        (kept,) = database.execute("SELECT count(*) FROM kept_answers").fetchone()
    assert made == run.redemptions, (made, run.redemptions)
    assert kept == run.kept_answers, (kept, run.kept_answers)


def main() -> None:
    size, parent = redemptions.asked(__doc__)
    with tempfile.TemporaryDirectory(dir=parent) as name, ExitStack() as stack:
        folder = Path(name)
        facts = harness.machine(folder)
        ours = Ours(folder)
        stack.callback(ours.server.terminate)
        redemptions.erply_points("account", "set", CODE, "unique_request_ids=1", folder=folder)
        run = Run(ours.server.url, size.rounds + 1)
        comparisons = _comparisons(ours, size, size.rounds + 1)
        workloads = [*map(run.workload, comparisons), run.sent_again(comparisons[0])]
        table = harness.run(workloads, size.rounds)
        stack.close()
        _verify(ours, run)
    print(f"{facts}\n\n{table}\n")
    print(f"Microseconds per request, {size.rounds} rounds of {size.bulks} bulks or {size.singles} calls, interleaved.")
    print('"Ours is": the speed with a key as a part of that without; 0.80x or better is what is promised.')
    print(f"{run.redemptions:,} redemptions are there once each, {run.kept_answers:,} keys have their first answer.")


if __name__ == "__main__":
    main()
