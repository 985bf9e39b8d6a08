"""Deductions from chosen lots, and the activation of pending ones.

A redemption spends whatever is available, soonest expiry first. A deduction may be told where to draw: from one award,
from the awards of a promotion, from points that are not active yet. A pending lot is one whose `available_at` lies
ahead, as far as NEVER where only a call activates it: it counts towards the balance, but no redemption spends it.
"""

from collections.abc import Iterable

from erply_points.ledger.allocation import redemption_order
from erply_points.ledger.amounts import UnixSeconds
from erply_points.ledger.errors import NotEnoughPoints
from erply_points.ledger.records import EntryKind, Lot, Redemption
from erply_points.ledger.wallet import Draft, Posting, Wallet


def deduct(wallet: Wallet, redemption: Redemption, lots: Iterable[Lot], at: UnixSeconds) -> Posting:
    """Take points from `lots` and from no others: soonest expiry first, then oldest, whether pending or not.

    `lots` are the wallet's. Raises NotEnoughPoints if they hold less, also where a balance may go below zero: what
    is owed would be repaid by any lot.
    """
    draft = Draft(wallet, at)
    chosen = [lot for lot in map(draft.current, sorted(lots, key=redemption_order)) if lot.expires_at > at]
    able = sum(lot.remaining for lot in chosen)
    if redemption.points > able:
        raise NotEnoughPoints(asked=redemption.points, spendable=able)
    draft.redeemed += redemption.points
    draft.record(EntryKind.REDEEM, -redemption.points, redemption.id)
    missing = redemption.points
    for lot in chosen:
        paid = min(lot.remaining, missing)
        if paid:
            draft.put(lot._replace(remaining=lot.remaining - paid, redeemed=lot.redeemed + paid))
            draft.allocate(redemption.id, lot.id, paid)
            missing -= paid
    draft.keep(redemption)
    return draft.posting()


def activate(wallet: Wallet, lots: Iterable[Lot], at: UnixSeconds) -> Posting:
    """Let those of `lots` that are pending be available from now on; a shortfall is repaid from them at once."""
    draft = Draft(wallet, at)
    for lot in map(draft.current, lots):
        if lot.available_at > at and lot.remaining:
            draft.put(lot._replace(available_at=0))
    draft.settle()
    return draft.posting()
