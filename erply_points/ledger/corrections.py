"""Correcting the history: an earning or a redemption that belongs to another customer, an expiry that was wrong.

The history itself is only added to: a correction is an entry in each wallet that it changes.
"""

from collections.abc import Iterable, Sequence

from erply_points.ledger.allocation import redemption_order
from erply_points.ledger.amounts import BALANCE_MAX, Millipoints, UnixSeconds
from erply_points.ledger.errors import BalanceTooLarge, NotEnoughPoints
from erply_points.ledger.records import EntryKind, Lot, Redemption, Reversal
from erply_points.ledger.returns import Paid
from erply_points.ledger.wallet import Draft, Posting, Wallet


def take_out_lot(
    wallet: Wallet, lot: Lot, paid: Iterable[tuple[Redemption | Reversal, Millipoints]], at: UnixSeconds
) -> Posting:
    """Take a lot out of a wallet, as if it had never been earned there.

    `paid` is what the lot pays for: the wallet's other lots pay in its place. Raises NotEnoughPoints if they
    cannot, or if the balance would fall below zero. The lot itself is changed by `put_in_lot`.
    """
    draft = Draft(wallet, at)
    lot = draft.current(lot)
    worth = lot.earned - lot.expired
    if worth and worth > draft.balance:
        raise NotEnoughPoints(asked=worth, spendable=max(0, draft.balance))
    draft.earned -= lot.earned
    draft.expired -= lot.expired
    if worth:
        draft.record(EntryKind.CORRECT, -worth, lot.id)
    draft.put(lot._replace(remaining=0))
    for debit, points in paid:
        draft.allocate(debit.id, lot.id, -points)
        unpaid = draft.pay(debit, points)
        if unpaid:
            raise NotEnoughPoints(asked=points, spendable=points - unpaid)
    posting = draft.posting()
    del posting.lots[lot.id]
    return posting


def put_in_lot(wallet: Wallet, lot: Lot, at: UnixSeconds) -> Posting:
    """Take in a lot that came out of another wallet: all that was not lost is there again. Raises BalanceTooLarge."""
    draft = Draft(wallet, at)
    worth = lot.earned - lot.expired
    if draft.balance + worth > BALANCE_MAX:
        raise BalanceTooLarge(BALANCE_MAX)
    draft.earned += lot.earned
    draft.expired += lot.expired
    if worth:
        draft.record(EntryKind.CORRECT, worth, lot.id)
    draft.put(lot._replace(customer_id=wallet.totals.customer_id, remaining=worth, redeemed=0, reversed=0))
    draft.settle()
    return draft.posting()


def change_times(
    wallet: Wallet, lot: Lot, created_at: UnixSeconds, expires_at: UnixSeconds, at: UnixSeconds
) -> Posting:
    """Let a lot begin or expire at another moment.

    What it lost to its old expiry is there again if the new one is still to come; what a new one in the past takes
    is lost now, for the balance of the past was what it was. Raises BalanceTooLarge.
    """
    draft = Draft(wallet, at)
    lot = draft.current(lot)
    revived = lot.expired if expires_at > at else 0
    if draft.balance + revived > BALANCE_MAX:
        raise BalanceTooLarge(BALANCE_MAX)
    if revived:
        draft.expired -= revived
        draft.record(EntryKind.CORRECT, revived, lot.id)
    draft.put(
        lot._replace(
            created_at=created_at,
            expires_at=expires_at,
            remaining=lot.remaining + revived,
            expired=lot.expired - revived,
        )
    )
    draft.leave_the_past()
    draft.settle()
    return draft.posting()


def take_out_redemption(
    wallet: Wallet, redemption: Redemption, paid: Paid, lots: Sequence[Lot], at: UnixSeconds
) -> Posting:
    """Take a redemption out of a wallet, as if it had never been made there: its lots get their points back."""
    draft = Draft(wallet, at)
    points = redemption.points - redemption.returned
    if draft.balance + points > BALANCE_MAX:
        raise BalanceTooLarge(BALANCE_MAX)
    draft.owe(redemption, -redemption.unpaid)
    draft.redeemed -= points
    if points:
        draft.record(EntryKind.CORRECT, points, redemption.id)
    for lot in sorted(lots, key=redemption_order):
        current = draft.current(lot)
        returned = paid[lot.id]
        draft.put(current._replace(redeemed=current.redeemed - returned, remaining=current.remaining + returned))
        draft.allocate(redemption.id, lot.id, -returned)
    draft.settle()
    return draft.posting()


def put_in_redemption(wallet: Wallet, redemption: Redemption, at: UnixSeconds, *, below_zero: bool) -> Posting:
    """Let a wallet pay for a redemption that came out of another. Raises NotEnoughPoints unless `below_zero`."""
    draft = Draft(wallet, at)
    points = redemption.points - redemption.returned
    if points and points > draft.balance and not below_zero:
        raise NotEnoughPoints(asked=points, spendable=draft.spendable())
    redemption = redemption._replace(customer_id=wallet.totals.customer_id, unpaid=0)
    draft.redeemed += points
    unpaid = 0
    if points:
        draft.record(EntryKind.CORRECT, -points, redemption.id)
        unpaid = draft.pay(redemption, points)
    if unpaid and not below_zero:
        raise NotEnoughPoints(asked=points, spendable=points - unpaid)
    draft.owe(redemption, unpaid)
    return draft.posting()
