"""Taking back what was earned and giving back what was spent, when a sale is returned, and undoing either.

A sale of 60.00 earned 60 points; 40.00 of it come back. The customer keeps what the rest would have earned: 40 points
are taken back, from the sale's own lot if they are there, else from the customer's other lots, else they are owed.

How much a return takes is a matter of all returns so far, not of each alone (`share`): parts in any order add up to
exactly the whole, whatever is rounded. The operations take a wallet that is settled (`wallet.settle`), so that what
they are told of its lots and debts still holds. Source: docs/decisions/0013-returns.md.
"""

from collections.abc import Mapping, Sequence

from erply_points.ledger.allocation import redemption_order
from erply_points.ledger.amounts import BALANCE_MAX, MILLIPOINTS_PER_POINT, Cents, Millipoints, UnixSeconds
from erply_points.ledger.errors import BalanceTooLarge
from erply_points.ledger.records import EntryKind, Lot, Redemption, Reversal
from erply_points.ledger.wallet import Draft, Posting, Wallet

Paid = Mapping[int, Millipoints]
"""What each lot, by ID, pays for a transaction."""


def share(points: Millipoints, returned: Cents, whole: Cents) -> Millipoints:
    """The part of `points` that goes with `returned` out of `whole`: whole points, rounded down.

    Nothing of the points stays when all is returned. What the customer keeps is so rounded up, as earning is.
    """
    assert 0 <= returned <= whole
    if returned == whole:
        return points
    return points * returned // whole // MILLIPOINTS_PER_POINT * MILLIPOINTS_PER_POINT


def reverse(wallet: Wallet, reversal: Reversal, lot: Lot, at: UnixSeconds, *, below_zero: bool) -> Posting:
    """Take back `reversal.points` of what `lot` earned.

    First what the lot still has; then what of it has expired, which the customer has lost already; then the
    customer's other lots, soonest expiry first; the rest is owed, or forgiven unless the balance may go `below_zero`.
    `lot` is the wallet's, open or not, and has not been taken back before by more than its earned less the points.
    """
    draft = Draft(wallet, at)
    lot = draft.current(lot)
    assert 0 < reversal.points <= lot.earned
    own = min(reversal.points, lot.remaining)
    from_expired = min(reversal.points - own, lot.expired)
    rest = reversal.points - own - from_expired
    if own or from_expired:
        draft.put(
            lot._replace(
                remaining=lot.remaining - own,
                expired=lot.expired - from_expired,
                reversed=lot.reversed + own + from_expired,
            )
        )
    draft.expired -= from_expired
    draft.reversed += reversal.points
    reversal = reversal._replace(from_expired=from_expired)
    unpaid = draft.lacking(rest)
    if unpaid and not below_zero:
        # Pending points may be owed: they repay it when they become available.
        owed = min(unpaid, max(0, draft.balance - own - (rest - unpaid)))
        reversal = reversal._replace(forgiven=unpaid - owed)
        draft.reversed -= unpaid - owed
        rest -= unpaid - owed
        unpaid = owed
    if draft.balance - own - rest < -BALANCE_MAX:
        raise BalanceTooLarge(BALANCE_MAX)
    if own + rest:
        draft.record(EntryKind.REVERSE, -own - rest, reversal.id)
    if own:
        draft.allocate(reversal.id, lot.id, own)
    if rest:
        draft.pay(reversal, rest)
    draft.owe(reversal, unpaid)
    return draft.posting()


def undo_reversal(
    wallet: Wallet, reversal: Reversal, paid: Paid, lots: Sequence[Lot], lot: Lot, at: UnixSeconds
) -> Posting:
    """Give back all that a reversal took: to each lot what it had paid, and what was owed is owed no more.

    `lots` are those that `paid` names, `lot` the one whose earning was reversed. What a lot gets back after its expiry
    is lost at once. The reversal stays, with nothing left in it. Raises BalanceTooLarge.
    """
    draft = Draft(wallet, at)
    draft.owe(reversal, -reversal.unpaid)
    given_back = sum(paid.values())
    if draft.balance + given_back + reversal.unpaid + reversal.from_expired > BALANCE_MAX:
        raise BalanceTooLarge(BALANCE_MAX)
    draft.reversed -= given_back + reversal.unpaid + reversal.from_expired
    if given_back + reversal.unpaid:
        draft.record(EntryKind.RETURN, given_back + reversal.unpaid, reversal.id)
    for each in sorted(lots, key=redemption_order):
        points = paid[each.id]
        current = draft.current(each)
        draft.put(current._replace(reversed=current.reversed - points, remaining=current.remaining + points))
        draft.allocate(reversal.id, each.id, -points)
    if reversal.from_expired:
        current = draft.current(lot)
        current = current._replace(reversed=current.reversed - reversal.from_expired)
        if current.expires_at > at:  # It was given a new expiry since: what had been lost is there again.
            draft.record(EntryKind.CORRECT, reversal.from_expired, reversal.id)
            draft.put(current._replace(remaining=current.remaining + reversal.from_expired))
        else:
            draft.expired += reversal.from_expired
            draft.put(current._replace(expired=current.expired + reversal.from_expired))
    draft.keep(reversal._replace(points=0, unpaid=0, forgiven=0, from_expired=0))
    draft.settle()
    return draft.posting()


def give_back(
    wallet: Wallet,
    redemption: Redemption,
    points: Millipoints,
    paid: Paid,
    lots: Sequence[Lot],
    at: UnixSeconds,
    *,
    grace_seconds: int = 0,
) -> Posting:
    """Give back `points` of a redemption to the lots that paid it, with their own expiry.

    What is still owed for it is cancelled first; then the lot that expires last gets its points back first, the
    reverse of how they were taken. A lot that has expired meanwhile lives on for `grace_seconds`; without
    any, its points are returned and lost at once.
    """
    draft = Draft(wallet, at)
    assert 0 < points <= redemption.points - redemption.returned
    if draft.balance + points > BALANCE_MAX:
        raise BalanceTooLarge(BALANCE_MAX)
    cancelled = min(points, redemption.unpaid)
    redemption = redemption._replace(returned=redemption.returned + points)
    draft.owe(redemption, -cancelled)
    draft.redeemed -= points
    draft.record(EntryKind.RETURN, points, redemption.id)
    missing = points - cancelled
    for lot in sorted(lots, key=redemption_order, reverse=True):
        returned = min(missing, paid[lot.id])
        if not returned:
            continue
        missing -= returned
        current = draft.current(lot)
        expires_at = current.expires_at
        if expires_at <= at and grace_seconds:
            expires_at = at + grace_seconds
        draft.put(
            current._replace(
                redeemed=current.redeemed - returned, remaining=current.remaining + returned, expires_at=expires_at
            )
        )
        draft.allocate(redemption.id, lot.id, -returned)
    assert missing == 0
    draft.settle()
    return draft.posting()


def take_again(
    wallet: Wallet,
    redemption: Redemption,
    points: Millipoints,
    given: Mapping[int, tuple[Millipoints, Millipoints | None]],
    lots: Sequence[Lot],
    at: UnixSeconds,
) -> Posting:
    """Spend again what `give_back` had given back of a redemption.

    `given` says for each of `lots` how much it got and what it had lost to its expiry before, None where it lost
    what it got at once. They pay first: with what they have lost since, then with what they have. What is no longer
    there is taken from the other lots, and then owed.
    """
    draft = Draft(wallet, at)
    assert 0 < points <= redemption.returned
    if draft.balance - points < -BALANCE_MAX:
        raise BalanceTooLarge(BALANCE_MAX)
    redemption = redemption._replace(returned=redemption.returned - points)
    from_expired = {}
    for lot in lots:
        got, lost_before = given[lot.id]
        lost_since = draft.current(lot).expired - (lost_before or 0)
        from_expired[lot.id] = got if lost_before is None else min(got, max(0, lost_since))
    lost = sum(from_expired.values())
    draft.redeemed += points
    if lost:
        draft.expired -= lost
        draft.record(EntryKind.CORRECT, lost, redemption.id)
    draft.record(EntryKind.REDEEM, -points, redemption.id)
    missing = points
    for lot in sorted(lots, key=redemption_order):
        current = draft.current(lot)
        revived = from_expired[lot.id]
        own = min(given[lot.id][0] - revived, current.remaining)
        if revived + own:
            draft.put(
                current._replace(
                    expired=current.expired - revived,
                    remaining=current.remaining - own,
                    redeemed=current.redeemed + revived + own,
                )
            )
            draft.allocate(redemption.id, lot.id, revived + own)
            missing -= revived + own
    draft.owe(redemption, draft.pay(redemption, missing) if missing else 0)
    return draft.posting()
