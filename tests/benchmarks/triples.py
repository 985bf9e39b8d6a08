"""What a till's bulk costs: a receipt, a redemption on it and the balance, 33 times in one bulk.

Asked because that is the bulk that tills send, and it is to have at least 0.8 of the speed of a bare sqlite3 loop that
writes the very same rows (`bare_receipts.py`). Both start from copies of one database and sell the same receipts in the
same order; at the end their tables must hold the same rows, moments aside. Run: python tests/benchmarks/triples.py
"""

import contextlib
import random
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import harness, receipts, report
from benchmarks.bare_receipts import BareShop
from benchmarks.harness import Contender, Workload
from benchmarks.receipts import Receipt
from benchmarks.redemptions import BARE, OURS
from benchmarks.report import Reach, Report, Size
from benchmarks.servers import Ours, shuffled_forever

TRIPLES: Final = 33
CUSTOMERS: Final = 30 * TRIPLES

_TABLES: Final = (
    *("documents", "document_rows", "lots", "redemptions", "allocations", "entries", "wallets", "sequences"),
)
_MOMENTS: Final = frozenset({"date", "time", "added_at", "changed_at", "created_at", "available_at", "at", "last_at"})

Plan = Sequence[Sequence[Sequence[Receipt]]]
"""For each round its bulks, for each bulk its receipts."""


class Balances:
    """What each contender said the balances are, in order; kept off the clock."""

    def __init__(self) -> None:
        self.answered: list[int] = []
        self.read: list[int] = []


def requests(sold: Sequence[Receipt]) -> list[dict[str, Any]]:
    return [make(receipt) for receipt in sold for make in (receipts.sale, receipts.redemption, receipts.balance)]


def _over_http(ours: Ours, plan: Plan, balances: Balances) -> harness.Work:
    encoded = [[harness.post(ours.form(requests=requests(sold))) for sold in bulks] for bulks in plan]

    def work(number: int) -> float:
        seconds, bodies = harness.exchange_all(ours.server.url, encoded[number], connections=1)
        for body in bodies:
            answers = orjson.loads(body)["requests"]
            assert all(answer["status"]["errorCode"] == 0 for answer in answers), body
            balances.answered += [answer["records"][0]["points"] for answer in answers[2::3]]
        return seconds

    return work


def _bare(shop: BareShop, plan: Plan, balances: Balances) -> harness.Work:
    def work(number: int) -> float:
        started = time.perf_counter()
        found = [shop.sell(sold) for sold in plan[number]]
        seconds = time.perf_counter() - started
        balances.read += [balance // 1_000 for each in found for balance in each]
        return seconds

    return work


def _verify(ours: Ours, balances: Balances) -> int:
    """Raise unless both have written the same rows and seen the same balances and ours is sound; the number of rows."""
    ours.check()
    assert balances.answered == balances.read, "the balances differ"
    contents = []
    for path in (ours.database, ours.folder / "bare.sqlite"):
        with contextlib.closing(sqlite3.connect(path)) as database:
            contents.append({table: _rows(database, table) for table in _TABLES})
    for table in _TABLES:
        assert contents[0][table] == contents[1][table], f"the bare loop has written other {table}"
    return sum(map(len, contents[0].values()))


def _rows(database: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    """All rows, without their moments."""
    columns = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})") if name not in _MOMENTS]
    return sorted(database.execute(f"SELECT {', '.join(columns)} FROM {table}"))


def measure(folder: Path, size: Size) -> Report:
    balances = Balances()
    with ExitStack() as stack:
        ours = Ours(folder)
        stack.callback(ours.server.terminate)
        source = random.Random(20_260_103)  # noqa: S311 - a repeatable order
        customers = shuffled_forever(ours.fill(CUSTOMERS, [10**6]), source, TRIPLES)
        endless = receipts.receipts(customers, source)
        plan = [[[next(endless) for _ in range(TRIPLES)] for _ in range(size.bulks)] for _ in range(size.rounds + 1)]
        shop = BareShop(ours.copy("bare.sqlite"))
        stack.callback(shop.close)
        contenders = [
            Contender(OURS, _over_http(ours, plan, balances)),
            Contender(BARE, _bare(shop, plan, balances)),
        ]
        workload = Workload(f"bulk of {TRIPLES} triples", "bulk", size.bulks, contenders)
        table = harness.run([workload], size.rounds)
    rows = _verify(ours, balances)
    text = f"""{table}

Microseconds per bulk, {size.rounds} rounds of {size.bulks} bulks; a receipt has {receipts.ROWS} rows.
The same {rows:,} rows in both databases, moments aside; `erply-points check` finds ours sound."""
    return Report(text, (Reach(workload.name, "bare loop", workload.ratio(BARE), 0.8),))


if __name__ == "__main__":
    report.main(measure, __doc__)
