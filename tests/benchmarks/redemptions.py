"""How much of a bare database's speed is left once HTTP, checks, sessions and durability are paid for.

Asked because the server is to be as fast as a bare sqlite3 loop that writes the same rows, and fifteen times as fast as
the obvious implementation (`bare_loop.py`, `obvious_server.py`). All three start from copies of one database, do the
same redemptions and must end with the same points. Run: python tests/benchmarks/redemptions.py

The client is a plain keep-alive socket in this process (about 20 us a request); what it sends is encoded beforehand.
"""

import contextlib
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import harness, report
from benchmarks.bare_loop import BareLoop, Redemptions
from benchmarks.harness import Contender, Workload
from benchmarks.report import Reach, Report, Size
from benchmarks.servers import BULK, Ours, empty_endpoint, obvious_server, shuffled_forever

Plan = Sequence[Sequence[Redemptions]]
"""For each round, what each of its requests redeems."""

RICH_CUSTOMERS: Final = 1_000
LOTS_EACH: Final = 4
LOT_POINTS: Final = 10
TILLS: Final = 8
"""Connections on which bulks come at once."""

OURS: Final = "erply-points over HTTP"
BARE: Final = "bare sqlite3 loop"
OBVIOUS: Final = "obvious implementation over HTTP"
EMPTY: Final = "empty endpoint over HTTP"


def over_http(url: str, rounds: list[list[bytes]], connections: int) -> harness.Work:
    """The work of a contender over HTTP; every answer is looked at, off the clock."""

    def work(number: int) -> float:
        seconds, answers = harness.exchange_all(url, rounds[number], connections)
        for answer in answers:
            sub_answers = answer.count(b'"records":')
            assert sub_answers, answer
            assert answer.count(b'"subtractedPoints":') == sub_answers, answer
        return seconds

    return work


def _bare(loop: BareLoop, rounds: Plan) -> harness.Work:
    def work(number: int) -> float:
        started = time.perf_counter()
        for redemptions in rounds[number]:
            loop.redeem(redemptions)
        return time.perf_counter() - started

    return work


def _bulks(customers: list[int], points: int, bulks: int, rounds: int) -> Plan:
    """For each round its bulks; within a bulk every customer is another one."""
    source = random.Random(20_260_101)  # noqa: S311 - a repeatable order
    endless = shuffled_forever(customers, source)
    return [[[(next(endless), points) for _ in range(BULK)] for _ in range(bulks)] for _ in range(rounds)]


def _workloads(ours: Ours, size: Size, stack: ExitStack, rounds: int) -> list[Workload]:
    rich = ours.fill(RICH_CUSTOMERS, [10**6])
    # Each is visited twice and pays 15 of 40 points: the first visit drains one lot, the second another.
    poor = ours.fill(-(-rounds * size.bulks // 2) * BULK, [LOT_POINTS] * LOTS_EACH)
    loop = BareLoop(ours.copy("bare.sqlite"))
    stack.callback(loop.close)
    obvious = stack.enter_context(obvious_server(ours.copy("obvious.sqlite")))

    def workload(name: str, plan: Plan, encode: Callable[[Redemptions], bytes], connections: int = 1) -> Workload:
        encoded = [[encode(redemptions) for redemptions in each] for each in plan]
        contenders = [
            Contender(OURS, over_http(ours.server.url, encoded, connections)),
            Contender(BARE, _bare(loop, plan)),
            Contender(OBVIOUS, over_http(obvious, encoded, connections)),
        ]
        if encode == ours.redemption:
            contenders.append(Contender(EMPTY, empty_endpoint(obvious, connections, size.singles)))
        return Workload(name, "request", len(plan[0]), contenders)

    source = random.Random(20_260_102)  # noqa: S311 - a repeatable order
    one_by_one = shuffled_forever(rich, source)
    singles = [[[(next(one_by_one), 1)] for _ in range(size.singles)] for _ in range(rounds)]
    crowd = [[[(next(one_by_one), 1)] for _ in range(size.singles)] for _ in range(rounds)]
    return [
        workload("bulk of 100, one lot each", _bulks(rich, 1, size.bulks, rounds), ours.redemptions),
        workload(
            f"bulk of 100, {LOTS_EACH} lots each, two pay", _bulks(poor, 15, size.bulks, rounds), ours.redemptions
        ),
        workload(f"bulk of 100, {TILLS} connections", _bulks(rich, 1, TILLS, rounds), ours.redemptions, TILLS),
        workload("single call, 1 connection", singles, ours.redemption),
        workload("single call, 32 connections", crowd, ours.redemption, connections=32),
    ]


_SAME: Final = (
    "SELECT customer_id, points, unpaid, document_id, description, count(*) FROM redemptions GROUP BY 1, 2, 3, 4, 5",
    "SELECT lot_id, points, count(*) FROM allocations GROUP BY 1, 2",
    "SELECT id, customer_id, remaining, redeemed, expired FROM lots ORDER BY id",
    "SELECT customer_id, balance, redeemed, entries FROM wallets ORDER BY customer_id",
    "SELECT customer_id, number, kind, points, balance FROM entries ORDER BY customer_id, number",
    "SELECT name, last FROM sequences ORDER BY name",
)
"""What must be the same everywhere, whatever the order in which connections were served."""


def _verify(ours: Ours) -> int:
    """Raise unless everyone has done all of the work and ours is sound; the number of redemptions."""
    ours.check()
    contents = []
    for path in (ours.database, ours.folder / "bare.sqlite", ours.folder / "obvious.sqlite"):
        with contextlib.closing(sqlite3.connect(path)) as database:
            contents.append([sorted(database.execute(query)) for query in _SAME])
            (redemptions,) = database.execute("SELECT count(*) FROM redemptions").fetchone()
    assert contents[0] == contents[1], "the bare loop has done other work"
    assert contents[0] == contents[2], "the obvious implementation has done other work"
    return int(redemptions)


def _reaches(workloads: list[Workload]) -> list[Reach]:
    *bulks, _, _, crowd = workloads
    return [
        *(Reach(each.name, "bare loop", each.ratio(BARE), 1.0) for each in bulks),
        *(Reach(each.name, "obvious implementation", each.ratio(OBVIOUS), 15.0) for each in bulks),
        Reach(crowd.name, "obvious implementation", crowd.ratio(OBVIOUS), 8.0),
        Reach(crowd.name, "empty endpoint", crowd.ratio(EMPTY), 0.3),
    ]


def measure(folder: Path, size: Size) -> Report:
    with ExitStack() as stack:
        ours = Ours(folder)
        stack.callback(ours.server.terminate)
        workloads = _workloads(ours, size, stack, size.rounds + 1)
        table = harness.run(workloads, size.rounds)
    redemptions = _verify(ours)
    text = f"""{table}

Microseconds per request, {size.rounds} rounds of {size.bulks} bulks or {size.singles} calls, interleaved.
The same {redemptions:,} redemptions in all three databases; `erply-points check` finds ours sound."""
    return Report(text, tuple(_reaches(workloads)))


if __name__ == "__main__":
    report.main(measure, __doc__)
