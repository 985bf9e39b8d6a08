"""The rows of an account beside the ledger's own (`ledger/records.py`). Columns stand in this order.

IDs are 0 where there is none. `fields` is JSON: what the caller sent and the server only gives back, under the
wire's own names, with `attributes` among them. Money is integer cents; unit prices, quantities and rates are
decimals in text, exactly as computed.
"""

from typing import NamedTuple

from erply_points.ledger.amounts import Cents, Millipoints, UnixSeconds
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


class KeptAnswer(NamedTuple):
    """The first answer to what carried an idempotency key, for as long as the key lives.

    `outcomes` is JSON, empty where the answer stands at another of the request's keys, `same_as`.
    """

    key: str
    fingerprint: bytes
    answered_at: UnixSeconds
    same_as: str
    outcomes: str


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
    earns: int = 1
    """Whether its net amount counts towards the points of the sale."""


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


class Return(NamedTuple):
    """What a credit invoice has credited of a document, so that returns add up and can be undone.

    `rows` is JSON: for each row of the document, by position, the quantity credited at its own price and the net
    credited at other prices. `given_back` is JSON: points by redemption. `voids`: all of it, whatever the rows say.
    """

    credit_document_id: int
    document_id: int
    voids: int
    rows: str
    given_back: str


class Payment(NamedTuple):
    id: int
    document_id: int
    customer_id: int
    type: str
    date: str
    sum: Cents
    added_at: UnixSeconds
    changed_at: UnixSeconds
    fields: str


class GiftCard(NamedTuple):
    id: int
    code: str
    value: Cents
    balance: Cents
    purchase_document_id: int
    redemption_document_id: int
    added_at: UnixSeconds
    changed_at: UnixSeconds
    fields: str


class Coupon(NamedTuple):
    """A coupon rule: the blueprint of issued coupons. `printing_cost` is in whole points."""

    id: int
    campaign_id: int
    name: str
    code: str
    printing_cost: int
    added_at: UnixSeconds
    changed_at: UnixSeconds
    fields: str


class IssuedCoupon(NamedTuple):
    """One numbered coupon. `redeemed_at` is 0 while it is not redeemed; `expiry_date` is empty if it never expires."""

    id: int
    coupon_id: int
    identifier: str
    customer_id: int
    document_id: int
    point_of_sale_id: int
    issued_at: UnixSeconds
    expiry_date: str
    redeemed_at: UnixSeconds
    redeemed_document_id: int
    redeemed_customer_id: int
    added_at: UnixSeconds
    changed_at: UnixSeconds
    fields: str


class Product(NamedTuple):
    """`price` is the net unit price, a decimal."""

    id: int
    code: str
    code2: str
    name: str
    price: str
    vat_rate_id: int
    active: int
    reward_points_not_allowed: int
    added_at: UnixSeconds
    changed_at: UnixSeconds
    fields: str


class Master(NamedTuple):
    """A warehouse, a point of sale, an employee or a campaign: an ID that others refer to, and what was said of it."""

    id: int
    name: str
    code: str
    added_at: UnixSeconds
    changed_at: UnixSeconds
    fields: str


class Correction(NamedTuple):
    """An edit of a history record: what it said before and after, as JSON, and who changed it. Only ever added."""

    id: int
    transaction_id: int
    at: UnixSeconds
    username: str
    before: str
    after: str


class Paid(NamedTuple):
    """What a lot pays for a transaction, all its allocations added up."""

    transaction_id: int
    lot_id: int
    points: Millipoints


class BalanceQuery(NamedTuple):
    """Which balances are asked for, and of which moment."""

    customer_ids: tuple[int, ...]
    currency_id: int
    at: UnixSeconds
    from_history: bool
    """As the wallet stood at that moment; otherwise as it stands, less what has expired until then."""
    expiring_before: UnixSeconds


class Balance(NamedTuple):
    customer_id: int
    is_known: bool
    """Whether there is such a customer."""
    points: Millipoints
    expiring: Millipoints
    """How much of them expires between the moment and `expiring_before`, at the latest."""


class User(NamedTuple):
    id: int
    username: str
    password_hash: str
    name: str
    employee_id: int
    group_id: int
    added_at: UnixSeconds
    pin_hash: str = ""
    rights: str = "{}"
    """JSON: `denied`, a list of rights the user lacks, and `warehouses`, those the user may use, if not all."""


class Session(NamedTuple):
    """A session key is kept as its SHA-256 only: the database gives no key away."""

    key_hash: bytes
    user_id: int
    created_at: UnixSeconds
    expires_at: UnixSeconds
    ended_at: UnixSeconds = 0
    """When it was ended before its time; 0 if it was not."""


class LoginFailures(NamedTuple):
    """Failed log-ins under one user name, known or not, since the last success."""

    username: str
    failures: int
    blocked_until: UnixSeconds
    last_at: UnixSeconds


class Movement(NamedTuple):
    """A lot or a redemption as the histories list it, with what it refers to."""

    record: Lot | Redemption
    card_number: str
    document_number: int
    document_custom_number: str
    shortfall: Millipoints
    """What is owed in the wallet that it belongs to."""
