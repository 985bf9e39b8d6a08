"""How the rows of a unit of work are written: one `executemany` per table and kind of change.

Every row is a named tuple whose fields are the table's columns in order, so rows are bound as they are.
"""

import sqlite3
from collections.abc import Iterator
from operator import attrgetter, itemgetter
from typing import Any, Final

from erply_points.ledger.records import Allocation, Entry, Lot, Redemption, Totals
from erply_points.store.rows import (
    Customer,
    Document,
    DocumentRow,
    DocumentUUID,
    LoginFailures,
    Session,
    User,
    VatRate,
)
from erply_points.store.unit_of_work import Change, UnitOfWork


class TableSQL:
    """The statements of one table.

    `changing` names the columns that an update writes, where not all of them can change: indices over the
    others are then left alone. `part` is the attribute of the unit of work's object that is the row.
    """

    def __init__(
        self, name: str, row: Any, key: tuple[str, ...], changing: tuple[str, ...] = (), part: str | None = None
    ) -> None:
        columns: tuple[str, ...] = row._fields
        changing = changing or tuple(column for column in columns if column not in key)
        where = " AND ".join(f"{column} = ?" for column in key)
        self.insert = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        self.update = f"UPDATE {name} SET {', '.join(f'{column} = ?' for column in changing)} WHERE {where}"
        self.delete = f"DELETE FROM {name} WHERE {where}"
        self.update_values = itemgetter(*(columns.index(column) for column in (*changing, *key)))
        self.part = attrgetter(part) if part else None


_KEY: Final = ("id",)

TABLES: Final[dict[str, TableSQL]] = {
    # In the order of their references, so that a row stands before those that name it.
    "users": TableSQL("users", User, _KEY),
    "sessions": TableSQL("sessions", Session, ("key_hash",)),
    "login_failures": TableSQL("login_failures", LoginFailures, ("username",)),
    "vat_rates": TableSQL("vat_rates", VatRate, _KEY),
    "customers": TableSQL("customers", Customer, _KEY),
    "documents": TableSQL("documents", Document, _KEY),
    "document_uuids": TableSQL("document_uuids", DocumentUUID, ("uuid",)),
    "wallets": TableSQL("wallets", Totals, ("customer_id", "currency_id"), part="totals"),
    "lots": TableSQL("lots", Lot, _KEY, changing=("remaining", "redeemed", "expired", "reversed")),
    "redemptions": TableSQL("redemptions", Redemption, _KEY, changing=("unpaid",)),
    "allocations": TableSQL("allocations", Allocation, ("redemption_id", "lot_id")),
    "entries": TableSQL("entries", Entry, ("customer_id", "currency_id", "number")),
}
_DOCUMENT_ROWS: Final = TableSQL("document_rows", DocumentRow, ("document_id", "position"))
_SET_SEQUENCE: Final = (
    "INSERT INTO sequences (name, last) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET last = excluded.last"
)


def write(database: sqlite3.Connection, work: UnitOfWork) -> None:
    """Write every change of `work` into the open transaction."""
    for name, sql in TABLES.items():
        table = work.tables[name]
        if table.changes:
            _write_table(database, sql, table.rows, table.changes)
    if work.document_rows.changes:
        _write_document_rows(database, work)
    if work.sequences.changes:
        database.executemany(_SET_SEQUENCE, [(name, work.sequences.rows[name] or 0) for name in work.sequences.changes])


def _write_table(database: sqlite3.Connection, sql: TableSQL, rows: dict[Any, Any], changes: dict[Any, Change]) -> None:
    created, changed, deleted = _split(changes)
    if deleted:
        # Rows that name them may be deleted after them; what still refers at the end fails the commit.
        database.execute("PRAGMA defer_foreign_keys = ON")
        database.executemany(sql.delete, [key if isinstance(key, tuple) else (key,) for key in deleted])
    if created:
        database.executemany(sql.insert, _rows(sql, rows, created))
    if changed:
        database.executemany(sql.update, map(sql.update_values, _rows(sql, rows, changed)))


def _rows(sql: TableSQL, rows: dict[Any, Any], keys: list[Any]) -> Iterator[Any]:
    found = map(rows.__getitem__, keys)
    return map(sql.part, found) if sql.part else found


def _write_document_rows(database: sqlite3.Connection, work: UnitOfWork) -> None:
    """Rows of a document are replaced together."""
    created, changed, deleted = _split(work.document_rows.changes)
    database.executemany("DELETE FROM document_rows WHERE document_id = ?", [(key,) for key in (*changed, *deleted)])
    database.executemany(
        _DOCUMENT_ROWS.insert, [row for key in (*created, *changed) for row in work.document_rows.rows[key] or ()]
    )


def _split(changes: dict[Any, Change]) -> tuple[list[Any], list[Any], list[Any]]:
    created = [key for key, change in changes.items() if change is Change.CREATED]
    changed = [key for key, change in changes.items() if change is Change.CHANGED]
    deleted = [key for key, change in changes.items() if change is Change.DELETED]
    return created, changed, deleted
