"""How the rows of a unit of work are written: one `executemany` per table and kind of change.

Every row is a named tuple whose fields are the table's columns in order, so rows are bound as they are.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import Any, Final

from erply_points.ledger.records import Allocation, Entry, Lot, Redemption, Reversal, Totals
from erply_points.store.configuration import (
    Adjustment,
    Award,
    Client,
    Currency,
    Enrolment,
    Identifier,
    Member,
    Program,
    Promotion,
    Reason,
    Token,
)
from erply_points.store.rows import (
    Correction,
    Coupon,
    Customer,
    Document,
    DocumentRow,
    DocumentUUID,
    GiftCard,
    IssuedCoupon,
    KeptAnswer,
    LoginFailures,
    Master,
    Payment,
    Product,
    Return,
    Session,
    User,
    VatRate,
)
from erply_points.store.unit_of_work import Change, Journal, UnitOfWork


class TableSQL:
    """The statements of one table.

    `hot` names the columns that most updates change: they are written alone, so that indices over the others are
    left alone, and the whole row only where the unit of work says so. `computed` are columns beyond the row's own,
    each a test of one of them; a hot row whose first hot column has become 0 passes none of them any more. `part` is
    the attribute of the unit of work's object that is the row. `unique` columns are emptied before they are written,
    so that a value can pass from one row to another in one transaction.
    """

    def __init__(
        self,
        name: str,
        row: Any,
        key: tuple[str, ...],
        hot: tuple[str, ...] = (),
        computed: Mapping[str, tuple[str, str]] = MappingProxyType({}),
        part: str | None = None,
        unique: tuple[str, ...] = (),
    ) -> None:
        columns: tuple[str, ...] = row._fields
        tests = {column: f"?{columns.index(of) + 1} {test}" for column, (of, test) in computed.items()}
        numbers = {column: f"?{position}" for position, column in enumerate(columns, start=1)}
        where = " AND ".join(f"{column} = {numbers[column]}" for column in key)
        written = numbers | tests
        self.insert = f"INSERT INTO {name} ({', '.join(written)}) VALUES ({', '.join(written.values())})"
        changes = ", ".join(f"{column} = {value}" for column, value in written.items() if column not in key)
        self.rewrite = f"UPDATE {name} SET {changes} WHERE {where}"
        self.delete = f"DELETE FROM {name} WHERE {' AND '.join(f'{column} = ?' for column in key)}"
        self.update = (
            f"UPDATE {name} SET {', '.join(f'{column} = ?' for column in hot)}"
            f" WHERE {' AND '.join(f'{column} = ?' for column in key)}"
        )
        closed = ", ".join(f"{column} = 0" for column in computed)
        self.close = self.update.replace(" WHERE ", f", {closed} WHERE ") if hot and computed else ""
        positions = [columns.index(column) for column in key]
        self.key_values = itemgetter(*positions) if len(key) > 1 else itemgetter(slice(positions[0], positions[0] + 1))
        self.update_values = itemgetter(*(columns.index(column) for column in (*hot, *key))) if hot else None
        empty = ", ".join(f"{column} = ''" for column in unique)
        self.vacate = (
            f"UPDATE {name} SET {empty} WHERE {' AND '.join(f'{column} = ?' for column in key)}" if unique else ""
        )
        self.part = attrgetter(part) if part else None


_KEY: Final = ("id",)

TABLES: Final[dict[str, TableSQL]] = {
    # In the order of their references, so that a row stands before those that name it.
    "users": TableSQL("users", User, _KEY),
    "sessions": TableSQL("sessions", Session, ("key_hash",)),
    "kept_answers": TableSQL("kept_answers", KeptAnswer, ("key",)),
    "login_failures": TableSQL("login_failures", LoginFailures, ("username",)),
    "vat_rates": TableSQL("vat_rates", VatRate, _KEY),
    "products": TableSQL("products", Product, _KEY, unique=("code", "code2")),
    **{name: TableSQL(name, Master, _KEY) for name in ("warehouses", "points_of_sale", "employees", "campaigns")},
    "customers": TableSQL("customers", Customer, _KEY, unique=("card_number",)),
    "documents": TableSQL("documents", Document, _KEY),
    "document_uuids": TableSQL("document_uuids", DocumentUUID, ("uuid",)),
    "returns": TableSQL("returns", Return, ("credit_document_id",)),
    "payments": TableSQL("payments", Payment, _KEY),
    "gift_cards": TableSQL("gift_cards", GiftCard, _KEY, unique=("code",)),
    "coupons": TableSQL("coupons", Coupon, _KEY),
    "issued_coupons": TableSQL("issued_coupons", IssuedCoupon, _KEY),
    "wallets": TableSQL("wallets", Totals, ("customer_id", "currency_id"), part="totals"),
    "lots": TableSQL(
        "lots",
        Lot,
        _KEY,
        hot=("remaining", "redeemed", "expired", "reversed"),
        computed={"is_open": ("remaining", "> 0")},
    ),
    "redemptions": TableSQL("redemptions", Redemption, _KEY),
    "reversals": TableSQL("reversals", Reversal, _KEY),
    "programs": TableSQL("programs", Program, _KEY),
    "currencies": TableSQL("currencies", Currency, _KEY),
    "promotions": TableSQL("promotions", Promotion, _KEY, unique=("identifier",)),
    "reasons": TableSQL("reasons", Reason, ("code",)),
    "enrolments": TableSQL("enrolments", Enrolment, ("customer_id", "program_id")),
    "identifiers": TableSQL("identifiers", Identifier, ("kind", "value")),
    "members": TableSQL("members", Member, ("customer_id",)),
    "awards": TableSQL("awards", Award, ("lot_id",)),
    "adjustments": TableSQL("adjustments", Adjustment, ("redemption_id",)),
    "clients": TableSQL("clients", Client, ("key",)),
    "tokens": TableSQL("tokens", Token, ("token_hash",)),
}
JOURNALS: Final[dict[str, TableSQL]] = {
    "allocations": TableSQL("allocations", Allocation, ("transaction_id", "lot_id", "customer_id", "number")),
    "entries": TableSQL("entries", Entry, ("customer_id", "currency_id", "number")),
    "corrections": TableSQL("corrections", Correction, _KEY),
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
    for journal in work.journals:
        if journal.changed:
            _write_journal(database, JOURNALS[journal.name], journal)
    if work.document_rows.changes:
        _write_document_rows(database, work)
    if work.sequences.changes:
        lasts = [(name, work.sequences.rows.get(name)) for name in work.sequences.changes]
        database.executemany(_SET_SEQUENCE, [(name, last) for name, last in lasts if last is not None])
        # One that was begun, written and undone.
        database.executemany("DELETE FROM sequences WHERE name = ?", [(name,) for name, last in lasts if last is None])


def _write_table(database: sqlite3.Connection, sql: TableSQL, rows: dict[Any, Any], changes: dict[Any, Change]) -> None:
    by_change: dict[Change, list[Any]] = {}
    for key, change in changes.items():
        by_change.setdefault(change, []).append(key)
    changed, rewritten = by_change.get(Change.CHANGED, []), by_change.get(Change.REWRITTEN, [])
    if deleted := by_change.get(Change.DELETED):
        # Rows that name them may be deleted after them; what still refers at the end fails the commit.
        database.execute("PRAGMA defer_foreign_keys = ON")
        database.executemany(sql.delete, [_as_tuple(key) for key in deleted])
    if sql.vacate:
        database.executemany(sql.vacate, [_as_tuple(key) for key in (*changed, *rewritten)])
    if changed and sql.update_values is not None:
        values = list(map(sql.update_values, _rows(sql, rows, changed)))
        # The first of the hot columns is what is left: a row with nothing left is closed, and its test with it.
        database.executemany(sql.update, (each for each in values if each[0] or not sql.close))
        if sql.close:
            database.executemany(sql.close, (each for each in values if not each[0]))
    elif changed:
        database.executemany(sql.rewrite, _rows(sql, rows, changed))
    if rewritten:
        database.executemany(sql.rewrite, _rows(sql, rows, rewritten))
    if created := by_change.get(Change.CREATED):
        database.executemany(sql.insert, _rows(sql, rows, created))


def _write_journal(database: sqlite3.Connection, sql: TableSQL, journal: Journal[Any]) -> None:
    if journal.undone:
        database.executemany(sql.delete, map(sql.key_values, journal.undone))
    # Plain tuples: sqlite3 binds them faster than named ones.
    database.executemany(sql.insert, map(tuple, journal.rows[journal.flushed_to :]))


def _as_tuple(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _rows(sql: TableSQL, rows: dict[Any, Any], keys: list[Any]) -> Iterator[tuple[Any, ...]]:
    found = map(rows.__getitem__, keys)
    # Plain tuples: sqlite3 binds them faster than named ones.
    return map(tuple, map(sql.part, found) if sql.part else found)


def _write_document_rows(database: sqlite3.Connection, work: UnitOfWork) -> None:
    """Rows of a document are replaced together."""
    changes = work.document_rows.changes
    replaced = [(key,) for key, change in changes.items() if change is not Change.CREATED]
    database.executemany("DELETE FROM document_rows WHERE document_id = ?", replaced)
    rows = (row for key in changes for row in work.document_rows.rows.get(key) or ())
    database.executemany(_DOCUMENT_ROWS.insert, map(tuple, rows))
