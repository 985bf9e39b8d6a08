"""Whether a long history costs: balances and redemptions of customers with 10, 10,000 and 1,000,000 entries.

Asked because a good customer must not wait longer than a new one: all are to be within 1.2 of each other. Of each
length there are two customers: one spent every earning and lives on the last, one never spent, so that each earning is
an open lot. The histories are written into the account by SQL; in the end `erply-points check` must find them sound,
with what the server has added. Run: python tests/benchmarks/histories.py
"""

import contextlib
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import permutations
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import harness, report
from benchmarks.bare_loop import expressions
from benchmarks.harness import Contender, Workload
from benchmarks.report import Reach, Report, Size
from benchmarks.servers import Ours
from erply_points.ledger.records import Allocation, Entry, Lot, Redemption, Totals

LEFT: Final = 10**9
"""Thousandths of a point that the last earning leaves to a customer who spent every other."""
WITHIN: Final = 1.2

NUMBERS: Final = "CREATE TEMP TABLE numbers (n INTEGER PRIMARY KEY)"
COUNT: Final = (
    "INSERT INTO numbers WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up) SELECT n FROM up LIMIT ?"
)
LAST: Final = "SELECT last FROM sequences WHERE name = 'transactions'"
SET_LAST: Final = "UPDATE sequences SET last = ? WHERE name = 'transactions'"


def _insert(table: str, row: Any, up_to: str, **given: str) -> str:
    """A row for each n from 1 up to and with `up_to`."""
    values = expressions(row, customer_id=":customer", **given)
    return (
        f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())}"
        f" FROM numbers WHERE n <= {up_to} ORDER BY n"
    )


_LOT: Final = {"currency_id": "1", "expires_at": "253402300799", "source": "'sale'", "description": "''"}
_LEFT: Final = f"(n = :entries / 2) * {LEFT}"

SPENT: Final = (
    # Earned at every odd moment, spent at the even one that follows; the last earning is larger by what is left.
    _insert(
        "wallets",
        Totals,
        "1",
        currency_id="1",
        balance=f"{LEFT}",
        earned=f":entries / 2 * 10000 + {LEFT}",
        redeemed=":entries / 2 * 10000",
        entries=":entries",
        last_at=":start + :entries",
    ),
    _insert(
        "lots",
        Lot,
        ":entries / 2",
        **_LOT,
        id=":last + 2 * n - 1",
        earned=f"10000 + {_LEFT}",
        remaining=_LEFT,
        redeemed="10000",
        created_at=":start + 2 * n - 1",
        available_at=":start + 2 * n - 1",
        is_open="n = :entries / 2",
    ),
    _insert(
        "redemptions",
        Redemption,
        ":entries / 2",
        id=":last + 2 * n",
        currency_id="1",
        points="10000",
        created_at=":start + 2 * n",
    ),
    _insert(
        "allocations",
        Allocation,
        ":entries / 2",
        transaction_id=":last + 2 * n",
        lot_id=":last + 2 * n - 1",
        number="2 * n",
        points="10000",
    ),
    _insert(
        "entries",
        Entry,
        ":entries",
        currency_id="1",
        number="n",
        at=":start + n",
        kind="iif(n % 2, 'earn', 'redeem')",
        points=f"iif(n % 2, 10000 + (n = :entries - 1) * {LEFT}, -10000)",
        balance=f"(n % 2) * 10000 + (n >= :entries - 1) * {LEFT}",
        source_id=":last + n",
    ),
)
UNSPENT: Final = (
    _insert(
        "wallets",
        Totals,
        "1",
        currency_id="1",
        balance=":entries * 1000000",
        earned=":entries * 1000000",
        entries=":entries",
        last_at=":start + :entries",
    ),
    _insert(
        "lots",
        Lot,
        ":entries",
        **_LOT,
        id=":last + n",
        earned="1000000",
        remaining="1000000",
        created_at=":start + n",
        available_at=":start + n",
        is_open="1",
    ),
    _insert(
        "entries",
        Entry,
        ":entries",
        currency_id="1",
        number="n",
        at=":start + n",
        kind="'earn'",
        points="1000000",
        balance="n * 1000000",
        source_id=":last + n",
    ),
)
KINDS: Final[Mapping[str, tuple[str, ...]]] = {"spent": SPENT, "never spent": UNSPENT}


def write_history(database: sqlite3.Connection, statements: tuple[str, ...], customer_id: int, entries: int) -> None:
    """Give a customer without points a history that ends now."""
    (last,) = database.execute(LAST).fetchone() or (0,)
    facts = {"customer": customer_id, "entries": entries, "last": last, "start": int(time.time()) - entries - 1}
    for statement in statements:
        database.execute(statement, facts)
    database.execute(SET_LAST, (last + entries,))


def _customers(ours: Ours, size: Size) -> dict[tuple[str, int], int]:
    """A customer of each kind with each length of history."""
    wanted = [(kind, entries) for kind in KINDS for entries in size.entries]
    # One more, whose earning begins the sequence of transactions.
    ids = ours.fill(len(wanted), [])
    ours.fill(1, [1])
    with contextlib.closing(sqlite3.connect(ours.database, isolation_level=None)) as database:
        for pragma in ("synchronous = OFF", "cache_size = -65536", "temp_store = MEMORY"):
            database.execute(f"PRAGMA {pragma}")
        database.execute(NUMBERS)
        database.execute(COUNT, (max(size.entries),))
        for (kind, entries), customer_id in zip(wanted, ids, strict=True):
            database.execute("BEGIN IMMEDIATE")
            write_history(database, KINDS[kind], customer_id, entries)
            database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return dict(zip(wanted, ids, strict=True))


def _calls(ours: Ours, encode: Callable[[int], bytes], customer_id: int, times: int, done: bytes) -> harness.Work:
    request = encode(customer_id)

    def work(_: int) -> float:
        seconds, answers = harness.exchange_all(ours.server.url, [request] * times, connections=1)
        assert all(done in answer for answer in answers), answers
        return seconds

    return work


def _workloads(ours: Ours, customers: Mapping[tuple[str, int], int], size: Size) -> list[Workload]:
    def balance(customer_id: int) -> bytes:
        return harness.post(ours.form(request="getCustomerRewardPoints", customerID=customer_id))

    def redemption(customer_id: int) -> bytes:
        return ours.redemption([(customer_id, 1)])

    times = size.singles // 2
    return [
        Workload(
            f"{name}, history {kind}",
            "call",
            times,
            [
                Contender(_name(entries), _calls(ours, encode, customers[kind, entries], times, done))
                for entries in size.entries
            ],
        )
        for name, encode, done in (
            ("balance", balance, b'"points":'),
            ("redemption", redemption, b'"subtractedPoints":'),
        )
        for kind in KINDS
    ]


def _name(entries: int) -> str:
    return f"{entries:,} entries"


def _reach(workload: Workload) -> Reach:
    names = [contender.name for contender in workload.contenders]
    most = max(workload.ratio(one, to=other) for one, other in permutations(names, 2))
    return Reach(workload.name, "slowest to fastest length", most, WITHIN, at_most=True)


def measure(folder: Path, size: Size) -> Report:
    with ExitStack() as stack:
        ours = Ours(folder)
        stack.callback(ours.server.terminate)
        workloads = _workloads(ours, _customers(ours, size), size)
        table = harness.run(workloads, size.rounds, compared="times as long")
    ours.check()
    text = f"""{table}

Microseconds per call, {size.rounds} rounds of {workloads[0].units} calls on one connection; times as long as with
the shortest history. `erply-points check` finds all of it sound."""
    return Report(text, tuple(map(_reach, workloads)))


if __name__ == "__main__":
    report.main(measure, __doc__)
