"""The yardstick: the same rows into the same schema by a bare sqlite3 loop, without HTTP, JSON, checks or sessions."""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from erply_points.ledger.records import Allocation, Entry, Redemption
from erply_points.store.sqlite.migrations import migrate

Redemptions = Sequence[tuple[int, int]]
"""Customer and whole points, in order."""

PRAGMAS: Final = (
    *("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"),
    *("cache_size = -8192", "temp_store = MEMORY"),
)

CUSTOMER: Final = "SELECT id FROM customers WHERE id = ?"
WALLET: Final = "SELECT balance, redeemed, entries FROM wallets WHERE customer_id = ? AND currency_id = 1"
LOTS: Final = (
    "SELECT id, remaining, redeemed FROM lots WHERE customer_id = ? AND currency_id = 1 AND is_open = 1"
    " AND available_at <= ? AND expires_at > ? ORDER BY expires_at, created_at, id"
)
PAY: Final = "UPDATE lots SET remaining = ?, redeemed = ? WHERE id = ?"
DRAIN: Final = "UPDATE lots SET remaining = ?, redeemed = ?, is_open = 0 WHERE id = ?"
SPEND: Final = (
    "UPDATE wallets SET balance = ?, redeemed = ?, entries = ?, last_at = ? WHERE customer_id = ? AND currency_id = 1"
)
LAST: Final = "SELECT last FROM sequences WHERE name = 'transactions'"
SET_LAST: Final = "UPDATE sequences SET last = ? WHERE name = 'transactions'"


def insert(table: str, row: Any, given: Sequence[str], **constant: str) -> str:
    """Values for the columns `given`, constants for the others: what is not named is nothing."""
    values = expressions(row, **dict.fromkeys(given, "?"), **constant)
    ordered = [column for column, value in values.items() if value == "?"]
    assert list(given) == ordered, f"{table}: bound in the order {ordered}"
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


def expressions(row: Any, **given: str) -> dict[str, str]:
    """SQL for every column of a row, and for those beyond it that are given: what is not given is nothing."""
    columns: Sequence[str] = row._fields
    return {**dict.fromkeys(columns, "0"), **({"description": "''"} if "description" in columns else {}), **given}


ADD_REDEMPTION: Final = insert(
    "redemptions", Redemption, ("id", "customer_id", "points", "created_at", "document_id"), currency_id="1"
)
ADD_ALLOCATION: Final = insert("allocations", Allocation, Allocation._fields)
ADD_ENTRY: Final = insert(
    "entries",
    Entry,
    ("customer_id", "number", "at", "points", "balance", "source_id"),
    currency_id="1",
    kind="'redeem'",
)


class BareLoop:
    def __init__(self, path: Path) -> None:
        self.database = sqlite3.connect(path, isolation_level=None)
        for pragma in PRAGMAS:
            self.database.execute(f"PRAGMA {pragma}")
        migrate(self.database)

    def redeem(self, redemptions: Iterable[tuple[int, int]]) -> None:
        """All of them in one transaction, statement by statement."""
        execute = self.database.execute
        now = int(time.time())
        execute("BEGIN IMMEDIATE")
        (transaction_id,) = execute(LAST).fetchone()
        for customer_id, points in redemptions:
            transaction_id += 1
            (_,) = execute(CUSTOMER, (customer_id,)).fetchone()
            self.spend(transaction_id, customer_id, points, now)
        execute(SET_LAST, (transaction_id,))
        execute("COMMIT")

    def spend(self, transaction_id: int, customer_id: int, points: int, now: int, document_id: int = 0) -> None:
        """One redemption of whole points: the lot that expires first pays first."""
        execute = self.database.execute
        missing = points * 1_000
        balance, redeemed, entries = execute(WALLET, (customer_id,)).fetchone()
        lots = execute(LOTS, (customer_id, now, now)).fetchall()
        balance -= missing
        execute(ADD_REDEMPTION, (transaction_id, customer_id, missing, now, document_id))
        for lot_id, remaining, lot_redeemed in lots:
            paid = min(remaining, missing)
            execute(ADD_ALLOCATION, (transaction_id, lot_id, customer_id, entries + 1, paid))
            execute(PAY if paid < remaining else DRAIN, (remaining - paid, lot_redeemed + paid, lot_id))
            missing -= paid
            if not missing:
                break
        assert not missing
        execute(ADD_ENTRY, (customer_id, entries + 1, now, -points * 1_000, balance, transaction_id))
        execute(SPEND, (balance, redeemed + points * 1_000, entries + 1, now, customer_id))

    def close(self) -> None:
        self.database.close()
