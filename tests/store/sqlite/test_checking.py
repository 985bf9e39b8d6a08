"""The proof of a database: clean when all is well, and each promise's own sentence when something is not.

The database is changed behind the store's back, with its constraints off: what a bug, a broken disk or a curious hand
might leave. Each case breaks one promise and mends what would break others, so that one sentence tells of it.
"""

import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from erply_points.store import promises
from erply_points.store.protocol import StoreUnavailable
from erply_points.store.sqlite.store import SQLiteStore
from erply_points.store.unit_of_work import UnitOfWork
from store import samples
from store.samples import change, customer, document, earned, lot, redeemed, redemption, row, wallets


def _live(work: UnitOfWork) -> None:
    """Two customers: one whose lot 1 expires in part, one below zero; and a document."""
    for number in (1, 2):
        work.customers.put(work.new_id("customers"), customer(number))
    for _ in range(8):
        work.new_id("transactions")
    earned(work, lot(1, 1, 100, expires_at=500), at=100)
    earned(work, lot(2, 1, 50), at=100)
    earned(work, lot(3, 2, 30), at=100)
    redeemed(work, redemption(4, 1, 60), at=200)
    redeemed(work, redemption(5, 1, 30), at=300)
    earned(work, lot(6, 1, 5), at=600)
    redeemed(work, redemption(7, 2, 60), at=600)
    redeemed(work, redemption(8, 1, 30), at=700)
    work.documents.put(work.new_id("documents"), document(1, net=100, vat=20, rounding=1))
    work.document_rows.put(1, (row(1, 1, net=60, vat=12), row(1, 2, net=40, vat=8)))


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """An account that has lived, closed."""
    async with samples.closing(SQLiteStore.create(tmp_path / "shop.db")) as store:
        await change(store, _live, wallets(1, 2))
    return store.path


async def _check(path: Path) -> list[str]:
    async with samples.closing(SQLiteStore.open(path)) as store:
        return await store.check()


def _corrupt(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(f"PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; {script}")


_REVERSAL = "INSERT INTO reversals VALUES (4, 1, 1, 2, {points}, 0, {forgiven}, 0, 100, 0);"
_LESS_EXPIRED = (
    "UPDATE lots SET expired = expired - 1 WHERE id = 1;"
    " UPDATE wallets SET expired = expired - 1 WHERE customer_id = 1;"
)

CASES: Final[dict[str, tuple[str, list[str]]]] = {
    "program of a currency": (
        "INSERT INTO currencies VALUES (5, 'coins', 0, 97, 0)",
        ["program 97: it does not exist, and currency 5 belongs to it"],
    ),
    "program without points": ("INSERT INTO programs VALUES (97, 'Club')", ["program 97: it has no points"]),
    "wallet of another program": (
        "INSERT INTO programs VALUES (97, 'Club'); INSERT INTO currencies VALUES (5, 'coins', 0, 97, 1);"
        " INSERT INTO wallets VALUES (1, 5, 0, 0, 0, 0, 0, 0, 0, 0), (2, 5, 0, 0, 0, 0, 0, 0, 0, 0);"
        " INSERT INTO enrolments VALUES (2, 97, 100)",
        ["customer 1, currency 5: the customer is not in its program 97"],
    ),
    "promotion of another program": (
        "INSERT INTO programs VALUES (97, 'Club'); INSERT INTO currencies VALUES (5, 'coins', 0, 97, 1);"
        " INSERT INTO promotions VALUES (7, '', 97), (8, '', 1); INSERT INTO awards VALUES"
        " (1, 'REGULAR', 'Base', 8, '', 'erply', '', '', '', ''),"
        " (2, 'REGULAR', 'Base', 7, '', 'erply', '', '', '', '')",
        ["lot 2: promotion 7, which it was given for, is not of its program"],
    ),
    "lot": (
        "UPDATE lots SET earned = earned + 1 WHERE id = 2;"
        " UPDATE wallets SET earned = earned + 1 WHERE customer_id = 1",
        ["lot 2: earned is not remaining + redeemed + expired + reversed"],
    ),
    "lot and allocations": (
        f"UPDATE lots SET redeemed = redeemed + 1 WHERE id = 1; {_LESS_EXPIRED}",
        ["lot 1: redeemed or reversed is not what its allocations and expired reversals add up to"],
    ),
    "redemption": (
        "UPDATE redemptions SET points = points + 1 WHERE id = 4;"
        " UPDATE wallets SET redeemed = redeemed + 1 WHERE customer_id = 1",
        ["redemption 4: its allocations, its unpaid and its returned part do not add up to its points"],
    ),
    "reversal": (
        "DELETE FROM allocations WHERE transaction_id = 4; DELETE FROM redemptions WHERE id = 4;"
        " UPDATE lots SET redeemed = redeemed - 60, reversed = reversed + 60 WHERE id = 1;"
        f" INSERT INTO allocations VALUES (4, 1, 1, 3, 60); {_REVERSAL.format(points=50, forgiven=0)}"
        f" UPDATE wallets SET redeemed = redeemed - 60, reversed = reversed + 50 WHERE customer_id = 1",
        ["reversal 4: its allocations, its unpaid, forgiven and expired parts do not add up to its points"],
    ),
    "reversed too often": (
        _REVERSAL.format(points=51, forgiven=51).replace("(4,", "(0,"),
        ["lot 2: more was reversed than it earned"],
    ),
    "allocation across wallets": (
        "UPDATE allocations SET lot_id = 5 - lot_id WHERE transaction_id IN (7, 8)",
        [
            "transaction 7 is paid by lot 2: one of them is missing, or they belong to different wallets",
            "transaction 8 is paid by lot 3: one of them is missing, or they belong to different wallets",
        ],
    ),
    "allocation below zero": (
        "INSERT INTO allocations VALUES (8, 1, 1, 9, -5), (4, 1, 1, 9, 5), (4, 2, 1, 9, -5), (8, 2, 1, 9, 5);"
        " UPDATE allocations SET transaction_id = 8, number = 1 WHERE transaction_id = 5;"
        " UPDATE redemptions SET points = 60 WHERE id = 8; DELETE FROM redemptions WHERE id = 5",
        ["transaction 4 takes less than nothing from lot 2"],
    ),
    "balance": (
        f"UPDATE lots SET remaining = remaining + 1, is_open = 1 WHERE id = 1; {_LESS_EXPIRED}",
        ["customer 1, currency 1: balance is not open lots less shortfall"],
    ),
    "shortfall": (
        f"UPDATE lots SET remaining = remaining + 1, is_open = 1 WHERE id = 1; {_LESS_EXPIRED}"
        " UPDATE wallets SET shortfall = shortfall + 1 WHERE customer_id = 1",
        ["customer 1, currency 1: shortfall is not what its redemptions and reversals leave unpaid"],
    ),
    **{
        f"total {column}": (
            f"UPDATE wallets SET {column} = {column} + 1 WHERE customer_id = 2",
            ["customer 2, currency 1: earned, redeemed, expired or reversed differ from the records"],
        )
        for column in ("earned", "redeemed", "expired", "reversed")
    },
    **{
        f"last entry {column}": (
            f"UPDATE wallets SET {column} = {column} + 1 WHERE customer_id = 1",
            ["customer 1, currency 1: the entries do not lead to the balance"],
        )
        for column in ("entries", "last_at")
    },
    "a lost entry": (
        "DELETE FROM entries WHERE customer_id = 2 AND number = 2",
        ["customer 2, currency 1: the entries do not lead to the balance"],
    ),
    "entry number": (
        "UPDATE entries SET number = 9 WHERE customer_id = 2 AND number = 2",
        ["customer 2, currency 1, entry 9: it does not follow from the entry before"],
    ),
    "entry time": (
        "UPDATE entries SET at = 250 WHERE customer_id = 1 AND number = 5",
        ["customer 1, currency 1, entry 5: it does not follow from the entry before"],
    ),
    "entry balance": (
        "UPDATE entries SET balance = balance + 1 WHERE customer_id = 2 AND number = 2",
        ["customer 2, currency 1, entry 2: it does not follow from the entry before"],
    ),
    "entry of another wallet": (
        "UPDATE entries SET customer_id = 2, number = 3, balance = balance - 30 WHERE customer_id = 1 AND number = 7;"
        " UPDATE wallets SET entries = entries - 1, last_at = 600, balance = balance + 30, redeemed = redeemed - 30"
        "  WHERE customer_id = 1;"
        " UPDATE wallets SET entries = entries + 1, last_at = 700, balance = balance - 30, redeemed = redeemed + 30"
        "  WHERE customer_id = 2;"
        " UPDATE redemptions SET customer_id = 2 WHERE id = 8",
        [
            "transaction 8 is paid by lot 2: one of them is missing, or they belong to different wallets",
            "customer 1, currency 1: balance is not open lots less shortfall",
            "customer 2, currency 1: balance is not open lots less shortfall",
            "customer 2, currency 1, entry 3: it does not follow from the entry before",
        ],
    ),
    "document and rows": (
        "UPDATE document_rows SET net = net + 1 WHERE position = 2",
        ["document 1: its totals are not those of its rows"],
    ),
    "document total": (
        "UPDATE documents SET total = total + 1",
        ["document 1: its totals are not those of its rows"],
    ),
    **{
        f"sequence {name}": (
            f"UPDATE sequences SET last = last - 1 WHERE name = '{name}s'",
            [f"{name} {number}: a number was used that its sequence has not given out"],
        )
        for name, number in (("customer", 2), ("document", 1), ("transaction", 8))
    },
    "sequence lost": (
        "DELETE FROM sequences WHERE name = 'documents'",
        ["document 1: a number was used that its sequence has not given out"],
    ),
}


async def test_a_good_database_is_clean(path: Path) -> None:
    """Where every promise holds there is nothing to tell."""
    assert await _check(path) == []


@pytest.mark.parametrize("case", CASES)
async def test_a_broken_promise_is_told(case: str, path: Path) -> None:
    """What breaks a promise is told in that promise's words, naming the row, and nothing else is."""
    script, sentences = CASES[case]
    _corrupt(path, script)
    problems = await _check(path)
    # The database itself also says that a constraint is broken; which promise that breaks is for us to say.
    assert [problem for problem in problems if not problem.startswith("database: CHECK")] == sentences


def test_every_promise_has_its_case() -> None:
    """A promise added to the proof cannot go without a case that breaks it alone."""
    alone = [sentences[0] for _, sentences in CASES.values() if len({_kind(one) for one in sentences}) == 1]
    assert {_kind(sentence) for sentence in alone} == {sentence for sentence, _ in promises.PROMISES}


def _kind(sentence: str) -> str:
    """The promise that a sentence comes from."""
    (found,) = (
        template
        for template, _ in promises.PROMISES
        if re.fullmatch(re.escape(template).replace(r"\{\}", r"\w+"), sentence)
    )
    return found


async def test_a_broken_constraint_is_told(path: Path) -> None:
    """A row that no constraint would have let in is told by its table."""
    _corrupt(path, "UPDATE customers SET reward_points_disabled = 2 WHERE id = 1")
    assert await _check(path) == ["database: CHECK constraint failed in customers"]


async def test_a_reference_to_nothing_is_told(path: Path) -> None:
    """A row whose parent is gone is told by both tables."""
    _corrupt(path, "INSERT INTO sessions VALUES (zeroblob(32), 99, 100, 200, 0)")
    assert await _check(path) == ["database: a row of sessions refers to a missing row of users"]


async def test_a_lost_wallet_is_told(path: Path) -> None:
    """Lots, redemptions and entries without their wallet are told, for no sum would miss them."""
    _corrupt(path, "DELETE FROM wallets WHERE customer_id = 2")
    problems = await _check(path)
    assert set(problems) == {
        f"database: a row of {table} refers to a missing row of wallets" for table in ("lots", "redemptions", "entries")
    }


async def test_a_damaged_index_is_told(path: Path) -> None:
    """An index that does not know a row is told, before a wallet is read through it."""
    _corrupt(
        path,
        "PRAGMA writable_schema = ON;"
        " UPDATE sqlite_schema SET sql = replace(sql, 'is_open = 1', 'is_open = 0') WHERE name = 'lots_open';",
    )
    problems = await _check(path)
    assert problems
    assert all(re.fullmatch(r"database: row \d+ missing from index lots_open", problem) for problem in problems)


async def test_checking_changes_nothing(path: Path) -> None:
    """The proof reads only: the file is the same before and after, and the store goes on."""
    async with samples.closing(SQLiteStore.open(path)) as store:
        before = _dump(path)
        assert await store.check() == []
        assert await store.check() == []
        assert _dump(path) == before
        await change(store, lambda work: work.customers.put(work.new_id("customers"), customer(3)))
        assert await store.check() == []


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


async def test_checking_sees_one_moment_while_others_write(path: Path) -> None:
    """A transaction in the making is not seen, so a live account can be proved."""
    async with samples.closing(SQLiteStore.open(path)) as store:
        transaction = await store.begin(wallets(1), write=True)
        redeemed(transaction.work, redemption(9, 1, 5), at=800)
        assert await store.check() == []
        await transaction.load_whole_wallet((1, 1))
        assert await store.check() == []
        await transaction.commit()
        assert await store.check() == ["transaction 9: a number was used that its sequence has not given out"]


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    """A file of something else is refused as unavailable and left as it is, and no thread stays behind."""
    path = tmp_path / "shop.db"
    path.write_bytes(b"not a database, but long enough to look like one" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable):
        await SQLiteStore.open(path)
    assert [thread.name for thread in threading.enumerate() if "connection" in thread.name] == []
    assert path.read_bytes() == before
