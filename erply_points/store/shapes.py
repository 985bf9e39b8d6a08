"""The tables of an account as every store has them: which rows they hold, by which key, and what changes in them.

Every row is a named tuple whose fields are the table's columns in order.
"""

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

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

SETTINGS_SEQUENCE: Final = "settings"
"""The sequence that counts the changes of the settings."""
SESSIONS_SEQUENCE: Final = "sessions"
"""The sequence that counts how often sessions were ended: who remembers a session looks again when it has moved."""
DAY: Final = 86_400
ROWS_READ: Final = 5_000
"""At a time, where all rows of an account are read."""


class Sequence(NamedTuple):
    """The last number that was given out under a name."""

    name: str
    last: int


class Setting(NamedTuple):
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Shape:
    """One table.

    `hot` names the columns that most updates change: they are written alone, so that indices over the others are
    left alone, and the whole row only where the unit of work says so. `computed` are columns beyond the row's own,
    each a test of one of them; a hot row whose first hot column has become 0 passes none of them any more. `part` is
    the attribute of the unit of work's object that is the row. `unique` columns are emptied before they are written,
    so that a value can pass from one row to another in one transaction.
    """

    name: str
    row: Any
    key: tuple[str, ...]
    hot: tuple[str, ...] = ()
    computed: dict[str, tuple[str, str]] = field(default_factory=dict, hash=False)
    part: str = ""
    unique: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        columns: tuple[str, ...] = self.row._fields
        return columns


_KEY: Final = ("id",)

TABLES: Final[dict[str, Shape]] = {
    # In the order of their references, so that a row stands before those that name it.
    "users": Shape("users", User, _KEY),
    "sessions": Shape("sessions", Session, ("key_hash",)),
    "kept_answers": Shape("kept_answers", KeptAnswer, ("key",)),
    "login_failures": Shape("login_failures", LoginFailures, ("username",)),
    "vat_rates": Shape("vat_rates", VatRate, _KEY),
    "products": Shape("products", Product, _KEY, unique=("code", "code2")),
    **{name: Shape(name, Master, _KEY) for name in ("warehouses", "points_of_sale", "employees", "campaigns")},
    "customers": Shape("customers", Customer, _KEY, unique=("card_number",)),
    "documents": Shape("documents", Document, _KEY),
    "document_uuids": Shape("document_uuids", DocumentUUID, ("uuid",)),
    "returns": Shape("returns", Return, ("credit_document_id",)),
    "payments": Shape("payments", Payment, _KEY),
    "gift_cards": Shape("gift_cards", GiftCard, _KEY, unique=("code",)),
    "coupons": Shape("coupons", Coupon, _KEY),
    "issued_coupons": Shape("issued_coupons", IssuedCoupon, _KEY),
    "wallets": Shape("wallets", Totals, ("customer_id", "currency_id"), part="totals"),
    "lots": Shape(
        "lots",
        Lot,
        _KEY,
        hot=("remaining", "redeemed", "expired", "reversed"),
        computed={"is_open": ("remaining", "> 0")},
    ),
    "redemptions": Shape("redemptions", Redemption, _KEY),
    "reversals": Shape("reversals", Reversal, _KEY),
    "programs": Shape("programs", Program, _KEY),
    "currencies": Shape("currencies", Currency, _KEY),
    "promotions": Shape("promotions", Promotion, _KEY, unique=("identifier",)),
    "reasons": Shape("reasons", Reason, ("code",)),
    "enrolments": Shape("enrolments", Enrolment, ("customer_id", "program_id")),
    "identifiers": Shape("identifiers", Identifier, ("kind", "value")),
    "members": Shape("members", Member, ("customer_id",)),
    "awards": Shape("awards", Award, ("lot_id",)),
    "adjustments": Shape("adjustments", Adjustment, ("redemption_id",)),
    "clients": Shape("clients", Client, ("key",)),
    "tokens": Shape("tokens", Token, ("token_hash",)),
}
JOURNALS: Final[dict[str, Shape]] = {
    "allocations": Shape("allocations", Allocation, ("transaction_id", "lot_id", "customer_id", "number")),
    "entries": Shape("entries", Entry, ("customer_id", "currency_id", "number")),
    "corrections": Shape("corrections", Correction, _KEY),
}
DOCUMENT_ROWS: Final = Shape("document_rows", DocumentRow, ("document_id", "position"))
SETTINGS: Final = Shape("settings", Setting, ("name",))
SEQUENCES: Final = Shape("sequences", Sequence, ("name",))
_FIRST: Final = ("programs", "currencies")
"""What others refer to, which stand before them."""
ALL: Final[dict[str, Shape]] = {
    shape.name: shape
    for shape in (
        *(SETTINGS, SEQUENCES),
        *(TABLES[name] for name in _FIRST),
        *(shape for name, shape in TABLES.items() if name not in _FIRST),
        *(DOCUMENT_ROWS, *JOURNALS.values()),
    )
}
"""Every table that holds something of the account, each after those that its rows refer to."""

SUMS: Final[dict[str, str]] = {
    **{f"rows of {name}": f"SELECT count(*) FROM {name}" for name in ALL},
    **{
        f"{column} of all {table}": f"SELECT coalesce(sum({column}), 0) FROM {table}"
        for table, columns in (
            ("wallets", ("balance", "shortfall", "earned", "redeemed", "expired", "reversed")),
            ("lots", ("earned", "remaining")),
            ("redemptions", ("points", "unpaid")),
            ("reversals", ("points", "unpaid")),
            ("allocations", ("points",)),
            ("entries", ("points",)),
            ("documents", ("total", "paid")),
            ("payments", ("sum",)),
            ("gift_cards", ("balance",)),
        )
        for column in columns
    },
}
"""By what two copies of an account are told apart: what is added up, and the query for it."""
