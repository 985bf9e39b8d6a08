"""Which lots pay: soonest expiry first, then oldest.

A customer who redeems 600 from lots of 300 (until June) and 500 (until March) pays 500 from the March lot and 100
from the June lot, whichever was earned first: what would be lost first is spent first.
"""

from collections.abc import Iterable
from typing import NamedTuple

from erply_points.ledger.amounts import Millipoints, UnixSeconds
from erply_points.ledger.records import Lot


class Payment(NamedTuple):
    lot: Lot
    """The lot as it was before it paid."""
    points: Millipoints


def redemption_order(lot: Lot) -> tuple[UnixSeconds, UnixSeconds, int]:
    return (lot.expires_at, lot.created_at, lot.id)


def allocate(lots: Iterable[Lot], points: Millipoints, at: UnixSeconds) -> tuple[list[Payment], Millipoints]:
    """Let `lots` pay for `points`; return the payments and what is left unpaid.

    `lots` are in redemption order and `points` is above zero. A lot pays while
    `available_at <= at < expires_at`. Payments and the unpaid part add up to `points`.
    """
    assert points > 0  # The schema refuses anything else before we are called.
    payments: list[Payment] = []
    missing = points
    for lot in lots:
        if lot.available_at <= at < lot.expires_at and lot.remaining:
            paid = min(lot.remaining, missing)
            payments.append(Payment(lot, paid))
            missing -= paid
            if not missing:
                break
    return payments, missing
