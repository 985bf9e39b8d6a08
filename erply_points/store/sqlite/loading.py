"""How the rows a transaction needs are read: one query per table, whatever the number of keys."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from erply_points.ledger.records import Lot, Redemption, Reversal, Totals
from erply_points.ledger.wallet import Wallet, settle
from erply_points.store.configuration import (
    Adjusted,
    AdjustedQuery,
    Award,
    Configuration,
    Currency,
    CurrencyUse,
    Program,
    Promotion,
    Reason,
)
from erply_points.store.lookups import ALL_LOTS, LOOKUPS, LOTS_READ_AHEAD, Loaded, Lookup
from erply_points.store.rows import Balance, BalanceQuery, Document, Paid
from erply_points.store.unit_of_work import Needs, WalletKey

Load = Callable[[sqlite3.Connection, set[Any]], Iterable[tuple[Any, Any]]]
"""Finds rows: for some keys, each key with its row or rows."""


def _columns(row: Any, alias: str = "") -> str:
    return ", ".join(f"{alias}{column}" for column in row._fields)


def _load(lookup: Lookup) -> Load:
    if lookup.order:
        return _belonging(lookup)
    # JSON, which takes many keys to the database at once, lacks bytes and pairs; a request has one of a kind, or few.
    if len(lookup.key) > 1 or lookup.row.__annotations__[lookup.key[0]] is bytes:
        return _one_by_one(lookup)
    return _by_key(lookup)


def _by_key(lookup: Lookup) -> Load:
    (key,) = lookup.key
    sql = (
        f"SELECT {_columns(lookup.row)} FROM {lookup.table}"
        f" WHERE {key} IN (SELECT value FROM json_each(?)) AND {lookup.where}"
    )
    position = lookup.row._fields.index(key)
    make = lookup.row._make

    def load(database: sqlite3.Connection, keys: set[Any]) -> Iterator[tuple[Any, Any]]:
        for values in database.execute(sql, (json.dumps(list(keys)),)):
            yield values[position], make(values)

    return load


def _one_by_one(lookup: Lookup) -> Load:
    where = " AND ".join(f"{column} = ?" for column in lookup.key)
    sql = f"SELECT {_columns(lookup.row)} FROM {lookup.table} WHERE {where}"

    def load(database: sqlite3.Connection, keys: set[Any]) -> Iterator[tuple[Any, Any]]:
        for each in keys:
            for values in database.execute(sql, each if isinstance(each, tuple) else (each,)):
                yield each, lookup.row._make(values)

    return load


def _belonging(lookup: Lookup) -> Load:
    """Rows of a table, as a tuple for each row of another table that they belong to."""
    (owner,) = lookup.key
    return _grouped(
        f"SELECT {owner}, {_columns(lookup.row)} FROM {lookup.table} WHERE {owner} IN (SELECT value FROM json_each(?))"
        f" AND {owner} > 0 AND {lookup.where} ORDER BY {owner}, {lookup.order}",
        lookup.row,
    )


def _grouped(sql: str, row: Any) -> Load:
    def load(database: sqlite3.Connection, keys: set[Any]) -> Iterator[tuple[Any, Any]]:
        found = database.execute(sql, (json.dumps(list(keys)),))
        for owner, group in groupby(found, itemgetter(0)):
            yield owner, tuple(row._make(values[1:]) for values in group)

    return load


_PAID_FOR: Final = """
    SELECT transaction_id, transaction_id, lot_id, sum(points) FROM allocations
    WHERE transaction_id IN (SELECT value FROM json_each(?))
    GROUP BY transaction_id, lot_id HAVING sum(points) <> 0 ORDER BY transaction_id"""
# By way of the customer's own transactions: an index of allocations by lot would cost every redemption a page.
_PAID_BY: Final = """
    WITH transactions AS (
        SELECT l.id AS lot_id, r.id FROM lots AS l JOIN redemptions AS r ON r.customer_id = l.customer_id
        WHERE l.id IN (SELECT value FROM json_each(?1))
        UNION ALL
        SELECT l.id, r.id FROM lots AS l JOIN reversals AS r ON r.customer_id = l.customer_id
        WHERE l.id IN (SELECT value FROM json_each(?1)))
    SELECT a.lot_id, a.transaction_id, a.lot_id, sum(a.points) FROM transactions AS t
    JOIN allocations AS a ON a.transaction_id = t.id AND a.lot_id = t.lot_id
    GROUP BY a.lot_id, a.transaction_id HAVING sum(a.points) <> 0 ORDER BY a.lot_id"""


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


def wallets(
    database: sqlite3.Connection, keys: Iterable[WalletKey], lots_max: int = LOTS_READ_AHEAD
) -> Iterator[tuple[WalletKey, Wallet]]:
    """Read wallets with the first `lots_max` of their open lots. A customer without points has no row."""
    by_currency: dict[int, list[int]] = {}
    for customer_id, currency_id in keys:
        by_currency.setdefault(currency_id, []).append(customer_id)
    for currency_id, customer_ids in by_currency.items():
        asked = json.dumps(customer_ids)
        lots: dict[int, list[Lot]] = {}
        for lot in map(Lot._make, database.execute(_OPEN_LOTS, (currency_id, asked, lots_max + 1))):
            lots.setdefault(lot.customer_id, []).append(lot)
        for totals in map(Totals._make, database.execute(_TOTALS, (currency_id, asked)).fetchall()):
            customer_id = totals.customer_id
            open_lots = lots.get(customer_id, ())
            debts = _debts(database, totals) if totals.shortfall else ()
            complete = len(open_lots) <= lots_max
            yield (customer_id, currency_id), Wallet(totals, tuple(open_lots[:lots_max]), debts, complete)


_BALANCES: Final = """
    SELECT asked.value, c.id IS NOT NULL, coalesce(w.balance, 0), coalesce(w.shortfall, 0),
        (SELECT coalesce(sum(remaining), 0) FROM lots
            WHERE customer_id = w.customer_id AND currency_id = ?2 AND is_open = 1 AND expires_at <= ?3),
        (SELECT coalesce(sum(remaining), 0) FROM lots
            WHERE customer_id = w.customer_id AND currency_id = ?2 AND is_open = 1
            AND expires_at > ?3 AND expires_at <= ?5),
        iif(?4 AND ?3 < w.last_at, coalesce((SELECT balance FROM entries
            WHERE customer_id = w.customer_id AND currency_id = ?2 AND at <= ?3
            ORDER BY at DESC, number DESC LIMIT 1), 0), NULL)
    FROM json_each(?1) AS asked LEFT JOIN customers AS c ON c.id = asked.value
    LEFT JOIN wallets AS w ON w.customer_id = asked.value AND w.currency_id = ?2 ORDER BY asked.key"""


def _balances(
    database: sqlite3.Connection, queries: set[BalanceQuery]
) -> Iterator[tuple[BalanceQuery, tuple[Balance, ...]]]:
    for query in queries:
        found = database.execute(_BALANCES, (json.dumps(query.customer_ids), *query[1:])).fetchall()
        yield query, tuple(_balance(database, query, *values) for values in found)


def _balance(
    database: sqlite3.Connection,
    query: BalanceQuery,
    customer_id: int,
    is_known: int,
    balance: int,
    shortfall: int,
    expired: int,
    expiring: int,
    historic: int | None,
) -> Balance:
    if historic is not None:
        return Balance(customer_id, bool(is_known), historic, 0)
    if shortfall:
        # What became available since the last entry may have repaid it before it expired: the ledger knows.
        ((_, wallet),) = wallets(database, [(customer_id, query.currency_id)], ALL_LOTS)
        settled = settle(wallet, query.at).wallet
        expiring = sum(lot.remaining for lot in settled.lots if lot.expires_at <= query.expiring_before)
        return Balance(customer_id, True, settled.totals.balance, min(expiring, max(settled.totals.balance, 0)))
    return Balance(customer_id, bool(is_known), balance - expired, expiring)


def _debts(database: sqlite3.Connection, totals: Totals) -> tuple[Redemption | Reversal, ...]:
    wallet = totals[:2]
    debts: list[Redemption | Reversal] = []
    debts += map(Redemption._make, database.execute(_REDEMPTION_DEBTS, wallet))
    debts += map(Reversal._make, database.execute(_REVERSAL_DEBTS, wallet))
    return tuple(sorted(debts, key=lambda debt: debt.id))


_AWARDS_OF: Final = f"""
    SELECT {_columns(Award, "a.")} FROM lots JOIN awards AS a ON a.lot_id = lots.id
    WHERE lots.customer_id = ? AND lots.currency_id = ? AND lots.is_open = 1 ORDER BY lots.id"""


def _awards_of(database: sqlite3.Connection, keys: set[WalletKey]) -> Iterator[tuple[WalletKey, tuple[Award, ...]]]:
    """The awards of a wallet's open lots."""
    for key in keys:
        yield key, tuple(map(Award._make, database.execute(_AWARDS_OF, key)))


_ADJUSTED: Final = """
    WITH deductions AS (
        SELECT r.*, a.dialect FROM redemptions AS r JOIN adjustments AS a ON a.redemption_id = r.id
        WHERE r.customer_id = ?1 AND r.currency_id = ?2)
    SELECT (SELECT coalesce(sum(points - returned), 0) FROM deductions),
        (SELECT coalesce(sum(points), 0) FROM deductions WHERE dialect = 'fabric' AND created_at >= ?3)
        + (SELECT coalesce(sum(l.earned), 0) FROM lots AS l JOIN awards AS a ON a.lot_id = l.id
            WHERE l.customer_id = ?1 AND l.currency_id = ?2 AND a.dialect = 'fabric' AND l.created_at >= ?3)"""


def _adjusted(database: sqlite3.Connection, queries: set[AdjustedQuery]) -> Iterator[tuple[AdjustedQuery, Adjusted]]:
    for query in queries:
        yield query, Adjusted._make(database.execute(_ADJUSTED, query).fetchone())


_CURRENCIES_USED: Final = """
    WITH amounts AS (
        SELECT currency_id, earned AS points FROM lots UNION ALL SELECT currency_id, remaining FROM lots
        UNION ALL SELECT currency_id, points FROM redemptions UNION ALL SELECT currency_id, points FROM reversals)
    SELECT currency_id, count(*), coalesce((SELECT max(CASE
        WHEN points % 10 <> 0 THEN 3 WHEN points % 100 <> 0 THEN 2 WHEN points % 1000 <> 0 THEN 1 ELSE 0 END)
        FROM amounts WHERE amounts.currency_id = wallets.currency_id), 0)
    FROM wallets GROUP BY currency_id"""


def _configurations(database: sqlite3.Connection, _: set[int]) -> Iterator[tuple[int, Configuration]]:
    def rows(table: str, row: Any) -> tuple[Any, ...]:
        found = database.execute(f"SELECT {_columns(row)} FROM {table} ORDER BY {row._fields[0]}")
        return tuple(map(row._make, found))

    yield (
        0,
        Configuration(
            rows("programs", Program),
            rows("currencies", Currency),
            rows("promotions", Promotion),
            rows("reasons", Reason),
            tuple(map(CurrencyUse._make, database.execute(_CURRENCIES_USED))),
            frozenset(number for (number,) in database.execute("SELECT DISTINCT promotion_id FROM awards")),
        ),
    )


_LOADERS: Final[dict[str, Load]] = {
    **{name: _load(lookup) for name, lookup in LOOKUPS.items()},
    "document_numbers": _document_numbers,
    "paid_for": _grouped(_PAID_FOR, Paid),
    "paid_by": _grouped(_PAID_BY, Paid),
    "balances": _balances,
    "awards_of": _awards_of,
    "adjusted": _adjusted,
    "configurations": _configurations,
    "wallets": wallets,
}


def read(database: sqlite3.Connection, needs: Needs) -> Loaded:
    """Read what is there; a key that is missing from the answer does not exist."""
    return [(name, key, row) for name, keys in needs.items() for key, row in _LOADERS[name](database, keys)]
