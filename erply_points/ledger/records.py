"""The ledger's records. Each is one row of the store, with its columns in this order.

Conservation, the ledger's promise, in these words: in every lot

    earned = remaining + redeemed + expired + reversed

and in every wallet  balance = sum of its lots' remaining - shortfall,  where the shortfall is what its
redemptions and reversals took beyond its lots (the sum of their `unpaid`).
"""

from enum import StrEnum
from typing import NamedTuple

from erply_points.ledger.amounts import Millipoints, UnixSeconds


class Lot(NamedTuple):
    """Points earned together: they became available together and expire together.

    `created_at` is when the earning says it happened, not when it was recorded. References are 0 where
    there is none. Source: docs/design.md, "Data".
    """

    id: int
    customer_id: int
    currency_id: int
    earned: Millipoints
    remaining: Millipoints
    redeemed: Millipoints
    expired: Millipoints
    reversed: Millipoints
    created_at: UnixSeconds
    available_at: UnixSeconds
    expires_at: UnixSeconds
    document_id: int
    point_of_sale_id: int
    employee_id: int
    description: str
    source: str = "manual"
    """`sale` for what a sales document earned by itself, `manual` for what was added by hand."""

    def redeem(self, points: Millipoints) -> "Lot":
        """The lot after paying `points`. Every redemption does this, and `_replace` takes three times as long."""
        return Lot._make((*self[:4], self.remaining - points, self.redeemed + points, *self[6:]))


class Redemption(NamedTuple):
    """Points spent together. `unpaid` is the part that no lot has paid yet: the balance went below zero.

    points = unpaid + returned + what its allocations add up to.
    """

    id: int
    customer_id: int
    currency_id: int
    points: Millipoints
    unpaid: Millipoints
    created_at: UnixSeconds
    document_id: int
    campaign_id: int
    warehouse_id: int
    point_of_sale_id: int
    employee_id: int
    issued_coupon_id: int
    description: str
    returned: Millipoints = 0
    """Given back since: the sale it was spent on was returned."""


class Reversal(NamedTuple):
    """Earned points taken back, because what earned them was returned or deleted.

    points = unpaid + forgiven + from_expired + what its allocations add up to. The lot itself pays first; points
    of it that had expired count as taken back; what was spent is taken from the other lots, then owed (`unpaid`) or,
    where the account says so, `forgiven`.
    """

    id: int
    customer_id: int
    currency_id: int
    lot_id: int
    points: Millipoints
    unpaid: Millipoints
    forgiven: Millipoints
    from_expired: Millipoints
    created_at: UnixSeconds
    document_id: int


class Allocation(NamedTuple):
    """That a lot pays for a redemption or a reversal; below zero, that it no longer does.

    Only ever added: what a lot pays for a transaction is the sum. `number` is that of the last entry in the wallet
    of `customer_id`, who may since have given the transaction or the lot to another customer.
    """

    transaction_id: int
    lot_id: int
    customer_id: int
    number: int
    points: Millipoints


class EntryKind(StrEnum):
    EARN = "earn"
    REDEEM = "redeem"
    EXPIRE = "expire"
    REVERSE = "reverse"
    RETURN = "return"
    CORRECT = "correct"


class Entry(NamedTuple):
    """One change of a wallet's balance. Entries are only ever added.

    They are numbered 1, 2, 3 ... within the wallet and `at` never decreases, so the last entry up to a
    moment holds the balance of that moment. `source_id` is the lot, redemption or reversal that it is about.
    """

    customer_id: int
    currency_id: int
    number: int
    at: UnixSeconds
    kind: str
    """An EntryKind's value."""
    points: Millipoints
    balance: Millipoints
    source_id: int


class Totals(NamedTuple):
    """A wallet in sums: one row for each customer and currency.

    `balance` still counts lots that have expired since the last entry; `Wallet.balance_at` does not.
    """

    customer_id: int
    currency_id: int
    balance: Millipoints
    shortfall: Millipoints
    earned: Millipoints
    redeemed: Millipoints
    expired: Millipoints
    reversed: Millipoints
    entries: int
    last_at: UnixSeconds
