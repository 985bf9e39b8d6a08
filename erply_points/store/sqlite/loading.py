"""How the rows a transaction needs are read: one query per table, whatever the number of keys."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from erply_points.ledger.records import Lot, Redemption, Reversal, Totals
from erply_points.ledger.wallet import Wallet
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
from erply_points.store.unit_of_work import Needs, UnitOfWork, WalletKey

LOTS_READ_AHEAD: Final = 8
"""How many open lots of a wallet are read at first; a redemption rarely takes more."""

Loaded = list[tuple[str, Any, Any]]
"""Table, key, row."""


def _columns(row: Any, alias: str = "") -> str:
    return ", ".join(f"{alias}{column}" for column in row._fields)


def _by_key(
    name: str, row: Any, key: str, where: str = "true"
) -> Callable[[sqlite3.Connection, set[Any]], Iterable[tuple[Any, Any]]]:
    sql = f"SELECT {_columns(row)} FROM {name} WHERE {key} IN (SELECT value FROM json_each(?)) AND {where}"
    position = row._fields.index(key)

    def load(database: sqlite3.Connection, keys: set[Any]) -> Iterator[tuple[Any, Any]]:
        for values in database.execute(sql, (json.dumps(list(keys)),)):
            yield values[position], row._make(values)

    return load


_SESSION: Final = f"SELECT {_columns(Session)} FROM sessions WHERE key_hash = ?"


def _sessions(database: sqlite3.Connection, keys: set[bytes]) -> Iterator[tuple[bytes, Session]]:
    for key in keys:  # JSON has no bytes, and a request has one session.
        for values in database.execute(_SESSION, (key,)):
            yield key, Session._make(values)


_DOCUMENT_ROWS: Final = (
    f"SELECT {_columns(DocumentRow)} FROM document_rows"
    " WHERE document_id IN (SELECT value FROM json_each(?)) ORDER BY document_id, position"
)


def _document_rows(database: sqlite3.Connection, keys: set[int]) -> Iterator[tuple[int, tuple[DocumentRow, ...]]]:
    rows = map(DocumentRow._make, database.execute(_DOCUMENT_ROWS, (json.dumps(list(keys)),)))
    for document_id, group in groupby(rows, attrgetter("document_id")):
        yield document_id, tuple(group)


_DOCUMENT_NUMBER: Final = (
    f"SELECT {_columns(Document)} FROM documents WHERE number = ? AND number > 0 AND type = ? LIMIT 1"
)


def _document_numbers(
    database: sqlite3.Connection, keys: set[tuple[str, int]]
) -> Iterator[tuple[tuple[str, int], Document]]:
    for document_type, number in keys:
        for values in database.execute(_DOCUMENT_NUMBER, (number, document_type)):
            yield (document_type, number), Document._make(values)


_TOTALS: Final = (
    f"SELECT {_columns(Totals)} FROM wallets WHERE currency_id = ? AND customer_id IN (SELECT value FROM json_each(?))"
)
_OPEN_LOTS: Final = f"""
    SELECT {_columns(Lot, "lots.")} FROM json_each(?2) AS asked JOIN lots ON lots.id IN (
        SELECT id FROM lots AS mine
        WHERE mine.customer_id = asked.value AND mine.currency_id = ?1 AND mine.is_open = 1
        ORDER BY mine.expires_at, mine.created_at, mine.id LIMIT ?3)
    ORDER BY lots.customer_id, lots.expires_at, lots.created_at, lots.id"""
_REDEMPTION_DEBTS: Final = (
    f"SELECT {_columns(Redemption)} FROM redemptions WHERE customer_id = ? AND currency_id = ? AND unpaid > 0"
)
_REVERSAL_DEBTS: Final = (
    f"SELECT {_columns(Reversal)} FROM reversals WHERE customer_id = ? AND currency_id = ? AND unpaid > 0"
)
ALL_LOTS: Final = 2**62


def wallets(
    database: sqlite3.Connection, keys: Iterable[WalletKey], lots_max: int = LOTS_READ_AHEAD
) -> Iterator[tuple[WalletKey, Wallet]]:
    """Read wallets with the first `lots_max` of their open lots. A customer without points has no row."""
    by_currency: dict[int, list[int]] = {}
    for customer_id, currency_id in keys:
        by_currency.setdefault(currency_id, []).append(customer_id)
    for currency_id, customer_ids in by_currency.items():
        asked = json.dumps(customer_ids)
        found = [Totals._make(values) for values in database.execute(_TOTALS, (currency_id, asked))]
        lots: dict[int, list[Lot]] = {totals.customer_id: [] for totals in found}
        for values in database.execute(_OPEN_LOTS, (currency_id, asked, lots_max + 1)):
            lot = Lot._make(values)
            lots[lot.customer_id].append(lot)
        for totals in found:
            open_lots = lots[totals.customer_id]
            yield (
                (totals.customer_id, currency_id),
                Wallet(
                    totals,
                    tuple(open_lots[:lots_max]),
                    _debts(database, totals) if totals.shortfall else (),
                    complete=len(open_lots) <= lots_max,
                ),
            )


def _debts(database: sqlite3.Connection, totals: Totals) -> tuple[Redemption | Reversal, ...]:
    wallet = totals[:2]
    debts: list[Redemption | Reversal] = []
    debts += map(Redemption._make, database.execute(_REDEMPTION_DEBTS, wallet))
    debts += map(Reversal._make, database.execute(_REVERSAL_DEBTS, wallet))
    return tuple(sorted(debts, key=lambda debt: debt.id))


_LOADERS: Final[dict[str, Callable[[sqlite3.Connection, set[Any]], Iterable[tuple[Any, Any]]]]] = {
    "users": _by_key("users", User, "id"),
    "usernames": _by_key("users", User, "username"),
    "card_numbers": _by_key("customers", Customer, "card_number", where="card_number <> ''"),
    "document_numbers": _document_numbers,
    "sessions": _sessions,
    "login_failures": _by_key("login_failures", LoginFailures, "username"),
    "vat_rates": _by_key("vat_rates", VatRate, "id"),
    "customers": _by_key("customers", Customer, "id"),
    "documents": _by_key("documents", Document, "id"),
    "document_rows": _document_rows,
    "document_uuids": _by_key("document_uuids", DocumentUUID, "uuid"),
    "wallets": wallets,
    "lots": _by_key("lots", Lot, "id"),
    "redemptions": _by_key("redemptions", Redemption, "id"),
    "reversals": _by_key("reversals", Reversal, "id"),
}


def read(database: sqlite3.Connection, needs: Needs) -> Loaded:
    """Read what is there; a key that is missing from the answer does not exist."""
    return [(name, key, row) for name, keys in needs.items() for key, row in _LOADERS[name](database, keys)]


def keep(work: UnitOfWork, needs: Needs, loaded: Loaded) -> None:
    """Put into `work` what was read for `needs`, None standing for what does not exist."""
    for name, keys in needs.items():
        rows = work.tables[name].rows
        for key in keys:
            rows.setdefault(key, None)
    for name, key, row in loaded:
        work.tables[name].rows[key] = row
        if isinstance(row, Wallet):
            for lot in row.lots:
                work.lots.rows[lot.id] = lot
            for debt in row.debts:
                debts: dict[int, Any] = (work.reversals if isinstance(debt, Reversal) else work.redemptions).rows
                debts[debt.id] = debt
