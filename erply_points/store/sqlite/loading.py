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
    Adjustment,
    Award,
    Client,
    Configuration,
    Currency,
    CurrencyUse,
    Enrolment,
    Identifier,
    Member,
    Program,
    Promotion,
    Reason,
    Token,
)
from erply_points.store.rows import (
    Balance,
    BalanceQuery,
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
    Paid,
    Payment,
    Product,
    Return,
    Session,
    User,
    VatRate,
)
from erply_points.store.unit_of_work import BELONGINGS, Needs, UnitOfWork, WalletKey

LOTS_READ_AHEAD: Final = 4
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


def _one_by_one(name: str, row: Any, *key: str) -> Callable[[sqlite3.Connection, set[Any]], Iterable[tuple[Any, Any]]]:
    """For keys that are bytes, which JSON lacks, or pairs; a request has one of a kind, or few."""
    sql = f"SELECT {_columns(row)} FROM {name} WHERE {' AND '.join(f'{column} = ?' for column in key)}"

    def load(database: sqlite3.Connection, keys: set[Any]) -> Iterator[tuple[Any, Any]]:
        for each in keys:
            for values in database.execute(sql, each if len(key) > 1 else (each,)):
                yield each, row._make(values)

    return load


def _belonging(
    name: str, row: Any, owner: str, order: str = "id", where: str = "true"
) -> Callable[[sqlite3.Connection, set[Any]], Iterable[tuple[Any, Any]]]:
    """Rows of a table, as a tuple for each row of another table that they belong to."""
    return _grouped(
        f"SELECT {owner}, {_columns(row)} FROM {name}"
        f" WHERE {owner} IN (SELECT value FROM json_each(?)) AND {owner} > 0 AND {where} ORDER BY {owner}, {order}",
        row,
    )


def _grouped(sql: str, row: Any) -> Callable[[sqlite3.Connection, set[Any]], Iterable[tuple[Any, Any]]]:
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


_LOADERS: Final[dict[str, Callable[[sqlite3.Connection, set[Any]], Iterable[tuple[Any, Any]]]]] = {
    "users": _by_key("users", User, "id"),
    "usernames": _by_key("users", User, "username"),
    "card_numbers": _by_key("customers", Customer, "card_number", where="card_number <> ''"),
    "document_numbers": _document_numbers,
    "sessions": _one_by_one("sessions", Session, "key_hash"),
    "login_failures": _by_key("login_failures", LoginFailures, "username"),
    "kept_answers": _by_key("kept_answers", KeptAnswer, "key"),
    "vat_rates": _by_key("vat_rates", VatRate, "id"),
    "customers": _by_key("customers", Customer, "id"),
    "documents": _by_key("documents", Document, "id"),
    "document_rows": _belonging("document_rows", DocumentRow, "document_id", order="position"),
    "products": _by_key("products", Product, "id"),
    "product_codes": _by_key("products", Product, "code", where="code <> ''"),
    "product_codes2": _by_key("products", Product, "code2", where="code2 <> ''"),
    **{name: _by_key(name, Master, "id") for name in ("warehouses", "points_of_sale", "employees", "campaigns")},
    "returns": _by_key("returns", Return, "credit_document_id"),
    "payments": _by_key("payments", Payment, "id"),
    "gift_cards": _by_key("gift_cards", GiftCard, "id"),
    "gift_card_codes": _by_key("gift_cards", GiftCard, "code", where="code <> ''"),
    "coupons": _by_key("coupons", Coupon, "id"),
    "issued_coupons": _by_key("issued_coupons", IssuedCoupon, "id"),
    "coupon_identifiers": _by_key("issued_coupons", IssuedCoupon, "identifier"),
    "pins": _by_key("users", User, "pin_hash", where="pin_hash <> ''"),
    "returns_of": _belonging("returns", Return, "document_id", order="credit_document_id"),
    "payments_of": _belonging("payments", Payment, "document_id"),
    "lots_of": _belonging("lots", Lot, "document_id"),
    "redemptions_of": _belonging("redemptions", Redemption, "document_id"),
    "reversals_by": _belonging("reversals", Reversal, "document_id"),
    "reversals_of": _belonging("reversals", Reversal, "lot_id"),
    "paid_for": _grouped(_PAID_FOR, Paid),
    "paid_by": _grouped(_PAID_BY, Paid),
    "credits_of": _belonging("documents", Document, "credited_document_id"),
    "documents_of": _belonging("documents", Document, "customer_id"),
    "coupons_issued": _belonging("issued_coupons", IssuedCoupon, "coupon_id"),
    "balances": _balances,
    "programs": _by_key("programs", Program, "id"),
    "currencies": _by_key("currencies", Currency, "id"),
    "currency_names": _by_key("currencies", Currency, "name"),
    "program_points": _by_key("currencies", Currency, "program_id", where="is_points = 1"),
    "promotions": _by_key("promotions", Promotion, "id"),
    "promotion_identifiers": _by_key("promotions", Promotion, "identifier", where="identifier <> ''"),
    "reasons": _by_key("reasons", Reason, "code"),
    "enrolments": _one_by_one("enrolments", Enrolment, "customer_id", "program_id"),
    "enrolments_of": _belonging("enrolments", Enrolment, "customer_id", order="program_id"),
    "identifiers": _one_by_one("identifiers", Identifier, "kind", "value"),
    "identifiers_of": _belonging("identifiers", Identifier, "customer_id", order="kind"),
    "members": _by_key("members", Member, "customer_id"),
    "awards": _by_key("awards", Award, "lot_id"),
    "awards_of": _awards_of,
    "adjustments": _by_key("adjustments", Adjustment, "redemption_id"),
    "adjusted": _adjusted,
    "wallets_of": _belonging("wallets", Totals, "customer_id", order="currency_id"),
    "configurations": _configurations,
    "clients": _by_key("clients", Client, "key"),
    "tokens": _one_by_one("tokens", Token, "token_hash"),
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
    if BELONGINGS & needs.keys():
        work.belongings_read = True
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
