"""The rows of an account beside the ledger's own (`ledger/records.py`). Columns stand in this order.

IDs are 0 where there is none. `fields` is JSON: what the caller sent and the server only gives back, under the
wire's own names, with `attributes` among them. Money is integer cents; unit prices, quantities and rates are
decimals in text, exactly as computed.
"""

from typing import NamedTuple

from erply_points.ledger.amounts import Cents, UnixSeconds
from erply_points.ledger.records import Lot, Redemption


class Customer(NamedTuple):
    id: int
    company_name: str
    first_name: str
    last_name: str
    card_number: str
    code: str
    email: str
    phone: str
    mobile: str
    birthday: str
    reward_points_disabled: int
    added_at: UnixSeconds
    changed_at: UnixSeconds
    fields: str

    @property
    def full_name(self) -> str:
        """The company's name, or the person's as Erply writes it: last name, comma, first name."""
        return self.company_name or ", ".join(part for part in (self.last_name, self.first_name) if part)


class Document(NamedTuple):
    """A sales document. `number` is 0 until it is confirmed; `date` and `time` are the shop's local ones."""

    id: int
    type: str
    number: int
    custom_number: str
    customer_id: int
    warehouse_id: int
    point_of_sale_id: int
    employee_id: int
    date: str
    time: str
    confirmed: int
    currency_code: str
    net: Cents
    vat: Cents
    rounding: Cents
    total: Cents
    paid: Cents
    credited_document_id: int
    added_at: UnixSeconds
    changed_at: UnixSeconds
    changed_by: str
    fields: str


class DocumentRow(NamedTuple):
    document_id: int
    position: int
    id: int
    stable_id: int
    product_id: int
    service_id: int
    vat_rate_id: int
    vat_rate: str
    amount: str
    price: str
    discount: str
    net: Cents
    vat: Cents
    fields: str


class DocumentUUID(NamedTuple):
    """A `temporaryUUID` (or attribute `source-uuid`) that made a document; remembered for a day."""

    uuid: str
    document_id: int
    seen_at: UnixSeconds


class VatRate(NamedTuple):
    id: int
    name: str
    rate: str
    code: str
    active: int
    is_reverse: int
    reverse_rate: str
    added_at: UnixSeconds
    changed_at: UnixSeconds
    fields: str


class User(NamedTuple):
    id: int
    username: str
    password_hash: str
    name: str
    employee_id: int
    group_id: int
    added_at: UnixSeconds


class Session(NamedTuple):
    """A session key is kept as its SHA-256 only: the database gives no key away."""

    key_hash: bytes
    user_id: int
    created_at: UnixSeconds
    expires_at: UnixSeconds


class LoginFailures(NamedTuple):
    """Failed log-ins under one user name, known or not, since the last success."""

    username: str
    failures: int
    blocked_until: UnixSeconds


class Movement(NamedTuple):
    """A lot or a redemption as the histories list it, with what it refers to."""

    record: Lot | Redemption
    card_number: str
    document_number: int
    document_custom_number: str
