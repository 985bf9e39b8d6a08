"""How rows are found: which table, by which columns, for each name that a unit of work can need.

What is computed, and wallets, which are made of several tables' rows, each store reads in its own way.
"""

from dataclasses import dataclass
from typing import Any, Final

from erply_points.ledger.records import Lot, Redemption, Reversal, Totals
from erply_points.ledger.wallet import Wallet
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
from erply_points.store.unit_of_work import BELONGINGS, Needs, UnitOfWork

LOTS_READ_AHEAD: Final = 4
"""How many open lots of a wallet are read at first; a redemption rarely takes more."""
ALL_LOTS: Final = 2**62

Loaded = list[tuple[str, Any, Any]]
"""Table, key, row."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Rows of `table` by the columns `key`.

    With `order` they are a tuple in that order: all rows that belong to a row of another table.
    """

    table: str
    row: Any
    key: tuple[str, ...]
    where: str = "true"
    order: str = ""


LOOKUPS: Final[dict[str, Lookup]] = {
    "users": Lookup("users", User, ("id",)),
    "usernames": Lookup("users", User, ("username",)),
    "card_numbers": Lookup("customers", Customer, ("card_number",), where="card_number <> ''"),
    "sessions": Lookup("sessions", Session, ("key_hash",)),
    "login_failures": Lookup("login_failures", LoginFailures, ("username",)),
    "kept_answers": Lookup("kept_answers", KeptAnswer, ("key",)),
    "vat_rates": Lookup("vat_rates", VatRate, ("id",)),
    "customers": Lookup("customers", Customer, ("id",)),
    "documents": Lookup("documents", Document, ("id",)),
    "document_rows": Lookup("document_rows", DocumentRow, ("document_id",), order="position"),
    "products": Lookup("products", Product, ("id",)),
    "product_codes": Lookup("products", Product, ("code",), where="code <> ''"),
    "product_codes2": Lookup("products", Product, ("code2",), where="code2 <> ''"),
    **{name: Lookup(name, Master, ("id",)) for name in ("warehouses", "points_of_sale", "employees", "campaigns")},
    "returns": Lookup("returns", Return, ("credit_document_id",)),
    "payments": Lookup("payments", Payment, ("id",)),
    "gift_cards": Lookup("gift_cards", GiftCard, ("id",)),
    "gift_card_codes": Lookup("gift_cards", GiftCard, ("code",), where="code <> ''"),
    "coupons": Lookup("coupons", Coupon, ("id",)),
    "issued_coupons": Lookup("issued_coupons", IssuedCoupon, ("id",)),
    "coupon_identifiers": Lookup("issued_coupons", IssuedCoupon, ("identifier",)),
    "pins": Lookup("users", User, ("pin_hash",), where="pin_hash <> ''"),
    "returns_of": Lookup("returns", Return, ("document_id",), order="credit_document_id"),
    "payments_of": Lookup("payments", Payment, ("document_id",), order="id"),
    "lots_of": Lookup("lots", Lot, ("document_id",), order="id"),
    "redemptions_of": Lookup("redemptions", Redemption, ("document_id",), order="id"),
    "reversals_by": Lookup("reversals", Reversal, ("document_id",), order="id"),
    "reversals_of": Lookup("reversals", Reversal, ("lot_id",), order="id"),
    "credits_of": Lookup("documents", Document, ("credited_document_id",), order="id"),
    "documents_of": Lookup("documents", Document, ("customer_id",), order="id"),
    "coupons_issued": Lookup("issued_coupons", IssuedCoupon, ("coupon_id",), order="id"),
    "programs": Lookup("programs", Program, ("id",)),
    "currencies": Lookup("currencies", Currency, ("id",)),
    "currency_names": Lookup("currencies", Currency, ("name",)),
    "program_points": Lookup("currencies", Currency, ("program_id",), where="is_points = 1"),
    "promotions": Lookup("promotions", Promotion, ("id",)),
    "promotion_identifiers": Lookup("promotions", Promotion, ("identifier",), where="identifier <> ''"),
    "reasons": Lookup("reasons", Reason, ("code",)),
    "enrolments": Lookup("enrolments", Enrolment, ("customer_id", "program_id")),
    "enrolments_of": Lookup("enrolments", Enrolment, ("customer_id",), order="program_id"),
    "identifiers": Lookup("identifiers", Identifier, ("kind", "value")),
    "identifiers_of": Lookup("identifiers", Identifier, ("customer_id",), order="kind"),
    "members": Lookup("members", Member, ("customer_id",)),
    "awards": Lookup("awards", Award, ("lot_id",)),
    "adjustments": Lookup("adjustments", Adjustment, ("redemption_id",)),
    "wallets_of": Lookup("wallets", Totals, ("customer_id",), order="currency_id"),
    "clients": Lookup("clients", Client, ("key",)),
    "tokens": Lookup("tokens", Token, ("token_hash",)),
    "document_uuids": Lookup("document_uuids", DocumentUUID, ("uuid",)),
    "lots": Lookup("lots", Lot, ("id",)),
    "redemptions": Lookup("redemptions", Redemption, ("id",)),
    "reversals": Lookup("reversals", Reversal, ("id",)),
}


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
