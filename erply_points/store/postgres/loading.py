"""How the rows a transaction needs are read: all that is needed at once with one statement, whatever the tables.

Each table's query becomes an array of records, and the statement answers with one row of arrays. What is computed, and
rarely asked for, has statements of its own.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
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
from erply_points.store.postgres.connection import Connection
from erply_points.store.postgres.tables import quoted, type_of
from erply_points.store.rows import Balance, BalanceQuery, Document, Paid
from erply_points.store.unit_of_work import Needs, WalletKey

Found = Iterator[tuple[Any, Any]]
"""Each key with its row or rows."""


@dataclass(frozen=True)
class Query:
    """`sql` selects records; `{0}`, `{1}` ... stand for its arguments, which `arguments` makes of the keys."""

    sql: str
    arguments_count: int
    arguments: Callable[[Iterable[Any]], list[Any]]
    found: Callable[[Iterable[Any]], Found]


def _sendable(keys: Iterable[Any]) -> list[Any]:
    """Without what no row can have: text in PostgreSQL has no NUL."""
    return [key for key in keys if "\0" not in (key if isinstance(key, str) else "")]


def _columns(keys: Iterable[tuple[Any, ...]], count: int) -> list[Any]:
    sendable = [key for key in keys if not any(isinstance(part, str) and "\0" in part for part in key)]
    return list(zip(*sendable, strict=True)) or [()] * count


def _query(lookup: Lookup) -> Query:
    row, key = lookup.row, lookup.key
    make, positions = row._make, [row._fields.index(column) for column in key]
    key_of = itemgetter(*positions)
    types = [type_of(row, column) for column in key]
    if len(key) == 1:
        condition = f"{key[0]} = ANY({{0}}::{types[0]}[])"
    else:
        arrays = ", ".join(f"{{{place}}}::{each}[]" for place, each in enumerate(types))
        condition = f"({quoted(key)}) IN (SELECT * FROM unnest({arrays}))"
    sql = f"SELECT ROW({quoted(row._fields)}) FROM {lookup.table} WHERE {condition} AND {lookup.where}"

    def one_each(records: Iterable[Any]) -> Found:
        for record in records:
            yield key_of(record), make(record)

    def several_each(records: Iterable[Any]) -> Found:
        for owner, group in groupby(records, key_of):
            yield owner, tuple(map(make, group))

    if lookup.order:
        sql += f" AND {key[0]} > 0 ORDER BY {key[0]}, {lookup.order}"
    return Query(
        sql,
        len(key),
        (lambda keys: [_sendable(keys)]) if len(key) == 1 else (lambda keys: _columns(keys, len(key))),
        several_each if lookup.order else one_each,
    )


def _document_numbers(records: Iterable[Any]) -> Found:
    for record in records:
        document = Document._make(record)
        yield (document.type, document.number), document


def _paid(position: int) -> Callable[[Iterable[Any]], Found]:
    def found(records: Iterable[Any]) -> Found:
        for owner, group in groupby(records, itemgetter(position)):
            yield owner, tuple(map(Paid._make, group))

    return found


_PAID_FOR: Final = """
    SELECT ROW(transaction_id, lot_id, sum(points)::bigint) FROM allocations WHERE transaction_id = ANY({0}::bigint[])
    GROUP BY transaction_id, lot_id HAVING sum(points) <> 0 ORDER BY transaction_id"""
# By way of the customer's own transactions: an index of allocations by lot would cost every redemption a page.
_PAID_BY: Final = """
    SELECT ROW(a.transaction_id, a.lot_id, sum(a.points)::bigint) FROM (
        SELECT l.id AS lot_id, r.id FROM lots AS l JOIN redemptions AS r ON r.customer_id = l.customer_id
        WHERE l.id = ANY({0}::bigint[])
        UNION ALL
        SELECT l.id, r.id FROM lots AS l JOIN reversals AS r ON r.customer_id = l.customer_id
        WHERE l.id = ANY({0}::bigint[])) AS t
    JOIN allocations AS a ON a.transaction_id = t.id AND a.lot_id = t.lot_id
    GROUP BY a.lot_id, a.transaction_id HAVING sum(a.points) <> 0 ORDER BY a.lot_id"""
_SEQUENCES: Final = "SELECT ROW(name, last) FROM sequences"
SEQUENCES: Final = "sequences"

_QUERIES: Final[dict[str, Query]] = {
    **{name: _query(lookup) for name, lookup in LOOKUPS.items()},
    "document_numbers": Query(
        f"SELECT ROW({quoted(Document._fields)}) FROM documents WHERE number > 0"
        " AND (number, type) IN (SELECT * FROM unnest({1}::bigint[], {0}::text[])) ORDER BY id DESC",
        2,
        lambda keys: _columns(keys, 2),
        _document_numbers,
    ),
    "paid_for": Query(_PAID_FOR, 1, lambda keys: [list(keys)], _paid(0)),
    "paid_by": Query(_PAID_BY, 1, lambda keys: [list(keys)], _paid(1)),
    SEQUENCES: Query(_SEQUENCES, 0, lambda _: [], iter),
}

_TOTALS: Final = (
    f"SELECT ROW({quoted(Totals._fields)}) FROM wallets"
    " WHERE (customer_id, currency_id) IN (SELECT * FROM unnest({0}::bigint[], {1}::bigint[]))"
)
_OPEN_LOTS: Final = f"""
    SELECT ROW({quoted(Lot._fields, "lot.")})
    FROM unnest({{0}}::bigint[], {{1}}::bigint[]) AS asked (customer, currency)
    CROSS JOIN LATERAL (
        SELECT * FROM lots WHERE customer_id = asked.customer AND currency_id = asked.currency AND is_open = 1
        ORDER BY expires_at, created_at, id LIMIT {{2}}::bigint) AS lot
    ORDER BY lot.customer_id, lot.currency_id, lot.expires_at, lot.created_at, lot.id"""
_DEBTS: Final = tuple(
    f"SELECT {quoted(row._fields)} FROM {name}"
    " WHERE unpaid > 0 AND (customer_id, currency_id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[])) ORDER BY id"
    for name, row in (("redemptions", Redemption), ("reversals", Reversal))
)


@cache
def _together(names: tuple[str, ...], *, with_wallets: bool) -> str:
    """One statement for the queries of these names, then the two of wallets."""
    arrays = []
    first = 1
    queries = [(_QUERIES[name].sql, _QUERIES[name].arguments_count) for name in names]
    for sql, count in [*queries, *([(_TOTALS, 2), (_OPEN_LOTS, 3)] if with_wallets else [])]:
        arrays.append(f"ARRAY({sql.format(*(f'${first + place}' for place in range(count)))})")
        first += count
    return "SELECT " + ", ".join(arrays)


async def read(connection: Connection, needs: Needs, lots_max: int = LOTS_READ_AHEAD) -> Loaded:
    """Read what is there; a key that is missing from the answer does not exist.

    Wallets come with the first `lots_max` of their open lots.
    """
    loaded: Loaded = []
    names = tuple(name for name in needs if name in _QUERIES)
    computed = [(name, _COMPUTED[name]) for name in needs if name not in _QUERIES and name != "wallets"]
    wanted = needs.get("wallets", ())
    arguments: list[Any] = []
    for name in names:
        arguments += _QUERIES[name].arguments(needs[name])
    if wanted:
        asked = _columns(wanted, 2)
        arguments += [*asked, *asked, lots_max + 1]
    if names or wanted:
        answer = await connection.fetchrow(_together(names, with_wallets=bool(wanted)), *arguments)
        assert answer is not None, "a row of arrays is always answered"
        for name, records in zip(names, answer, strict=False):
            loaded += [(name, key, row) for key, row in _QUERIES[name].found(records)]
        if wanted:
            found = _wallets(connection, answer[-2], answer[-1], lots_max)
            loaded += [("wallets", key, wallet) for key, wallet in await found]
    for name, load in computed:
        loaded += [(name, key, row) for key, row in await load(connection, needs[name])]
    return loaded


async def whole_wallets(connection: Connection, keys: Iterable[WalletKey]) -> dict[WalletKey, Wallet]:
    """Wallets with all of their open lots; none for a customer without points."""
    asked = _columns(keys, 2)
    answer = await connection.fetchrow(_together((), with_wallets=True), *asked, *asked, ALL_LOTS)
    assert answer is not None, "a row of arrays is always answered"
    return dict(await _wallets(connection, answer[0], answer[1], ALL_LOTS))


async def _wallets(
    connection: Connection, totals_found: Iterable[Any], lots_found: Iterable[Any], lots_max: int
) -> list[tuple[WalletKey, Wallet]]:
    """Wallets with the first `lots_max` of their open lots. A customer without points has no row."""
    lots: dict[WalletKey, list[Lot]] = {}
    for lot in map(Lot._make, lots_found):
        lots.setdefault((lot.customer_id, lot.currency_id), []).append(lot)
    every = list(map(Totals._make, totals_found))
    debts = await _debts(connection, [totals for totals in every if totals.shortfall])
    wallets = []
    for totals in every:
        key = totals[:2]
        open_lots = lots.get(key, ())
        complete = len(open_lots) <= lots_max
        wallets.append((key, Wallet(totals, tuple(open_lots[:lots_max]), debts.get(key, ()), complete)))
    return wallets


async def _debts(connection: Connection, owing: Iterable[Totals]) -> dict[WalletKey, tuple[Redemption | Reversal, ...]]:
    """What was spent or taken back beyond the lots, by wallet, in the order of the IDs."""
    asked = [totals[:2] for totals in owing]
    if not asked:
        return {}
    found: dict[WalletKey, list[Redemption | Reversal]] = {}
    makes: tuple[Callable[[Any], Redemption | Reversal], ...] = (Redemption._make, Reversal._make)
    for sql, make in zip(_DEBTS, makes, strict=True):
        for debt in map(make, await connection.fetch(sql, *_columns(asked, 2))):
            found.setdefault((debt.customer_id, debt.currency_id), []).append(debt)
    return {key: tuple(sorted(debts, key=lambda debt: debt.id)) for key, debts in found.items()}


_BALANCES: Final = """
    SELECT asked.id, c.id IS NOT NULL, coalesce(w.balance, 0), coalesce(w.shortfall, 0),
        (SELECT coalesce(sum(remaining), 0)::bigint FROM lots
            WHERE customer_id = w.customer_id AND currency_id = $2 AND is_open = 1 AND expires_at <= $3),
        (SELECT coalesce(sum(remaining), 0)::bigint FROM lots
            WHERE customer_id = w.customer_id AND currency_id = $2 AND is_open = 1
            AND expires_at > $3 AND expires_at <= $5),
        CASE WHEN $4 AND $3 < w.last_at THEN coalesce((SELECT balance FROM entries
            WHERE customer_id = w.customer_id AND currency_id = $2 AND at <= $3
            ORDER BY at DESC, number DESC LIMIT 1), 0) END
    FROM unnest($1::bigint[]) WITH ORDINALITY AS asked (id, place) LEFT JOIN customers AS c ON c.id = asked.id
    LEFT JOIN wallets AS w ON w.customer_id = asked.id AND w.currency_id = $2 ORDER BY asked.place"""


async def _balances(connection: Connection, queries: Iterable[BalanceQuery]) -> list[tuple[Any, Any]]:
    answered = []
    for query in queries:
        found = await connection.fetch(_BALANCES, *query)
        # What became available since the last entry may have repaid what is owed before it expired: the ledger knows.
        owing = [(row[0], query.currency_id) for row in found if row[3] and row[6] is None]
        wallets = await whole_wallets(connection, owing) if owing else {}
        balances = (_balance(query, wallets.get((row[0], query.currency_id)), *row) for row in found)
        answered.append((query, tuple(balances)))
    return answered


def _balance(
    query: BalanceQuery,
    owing: Wallet | None,
    customer_id: int,
    is_known: bool,  # noqa: FBT001 - a column
    balance: int,
    _shortfall: int,
    expired: int,
    expiring: int,
    historic: int | None,
) -> Balance:
    if historic is not None:
        return Balance(customer_id, is_known, historic, 0)
    if owing is not None:
        settled = settle(owing, query.at).wallet
        expiring = sum(lot.remaining for lot in settled.lots if lot.expires_at <= query.expiring_before)
        return Balance(customer_id, True, settled.totals.balance, min(expiring, max(settled.totals.balance, 0)))
    return Balance(customer_id, is_known, balance - expired, expiring)


_AWARDS_OF: Final = f"""
    SELECT {quoted(Award._fields, "a.")} FROM lots JOIN awards AS a ON a.lot_id = lots.id
    WHERE lots.customer_id = $1 AND lots.currency_id = $2 AND lots.is_open = 1 ORDER BY lots.id"""


async def _awards_of(connection: Connection, keys: Iterable[WalletKey]) -> list[tuple[Any, Any]]:
    """The awards of a wallet's open lots."""
    return [(key, tuple(map(Award._make, await connection.fetch(_AWARDS_OF, *key)))) for key in keys]


_ADJUSTED: Final = """
    WITH deductions AS (
        SELECT r.*, a.dialect FROM redemptions AS r JOIN adjustments AS a ON a.redemption_id = r.id
        WHERE r.customer_id = $1 AND r.currency_id = $2)
    SELECT (SELECT coalesce(sum(points - returned), 0)::bigint FROM deductions),
        ((SELECT coalesce(sum(points), 0) FROM deductions WHERE dialect = 'fabric' AND created_at >= $3)
        + (SELECT coalesce(sum(l.earned), 0) FROM lots AS l JOIN awards AS a ON a.lot_id = l.id
            WHERE l.customer_id = $1 AND l.currency_id = $2 AND a.dialect = 'fabric' AND l.created_at >= $3))::bigint"""


async def _adjusted(connection: Connection, queries: Iterable[AdjustedQuery]) -> list[tuple[Any, Any]]:
    answered = []
    for query in queries:
        sums = await connection.fetchrow(_ADJUSTED, *query)
        assert sums is not None, "sums are always answered"
        answered.append((query, Adjusted._make(sums)))
    return answered


_CURRENCIES_USED: Final = """
    WITH amounts AS (
        SELECT currency_id, earned AS points FROM lots UNION ALL SELECT currency_id, remaining FROM lots
        UNION ALL SELECT currency_id, points FROM redemptions UNION ALL SELECT currency_id, points FROM reversals)
    SELECT currency_id, count(*), coalesce((SELECT max(CASE
        WHEN points % 10 <> 0 THEN 3 WHEN points % 100 <> 0 THEN 2 WHEN points % 1000 <> 0 THEN 1 ELSE 0 END)
        FROM amounts WHERE amounts.currency_id = wallets.currency_id), 0)
    FROM wallets GROUP BY currency_id ORDER BY currency_id"""


async def _configurations(connection: Connection, _: Iterable[int]) -> list[tuple[Any, Any]]:
    async def rows(table: str, row: Any) -> tuple[Any, ...]:
        found = await connection.fetch(f"SELECT {quoted(row._fields)} FROM {table} ORDER BY {row._fields[0]}")
        return tuple(map(row._make, found))

    used = await connection.fetch(_CURRENCIES_USED)
    promotions = await connection.fetch("SELECT DISTINCT promotion_id FROM awards")
    return [
        (
            0,
            Configuration(
                await rows("programs", Program),
                await rows("currencies", Currency),
                await rows("promotions", Promotion),
                await rows("reasons", Reason),
                tuple(map(CurrencyUse._make, used)),
                frozenset(number for (number,) in promotions),
            ),
        )
    ]


_COMPUTED: Final[dict[str, Callable[[Connection, Iterable[Any]], Awaitable[list[tuple[Any, Any]]]]]] = {
    "balances": _balances,
    "awards_of": _awards_of,
    "adjusted": _adjusted,
    "configurations": _configurations,
}
