"""A wallet: the points of one customer in one currency, and what may be done to it.

Each operation takes a wallet as it was and returns a `Posting`: the wallet as it will be and every record that
changes. An operation that refuses raises, and nothing has changed. Before anything else an operation *settles*
the wallet: lots past their expiry are expired, and lots that have become available repay a shortfall.

A wallet may hold only the first of its open lots (`complete` is false): a customer with a million of them costs no
more than one with ten. An operation that needs more raises `LotsNotLoaded`, before any decision.
"""

from bisect import insort
from dataclasses import dataclass, field

from erply_points.ledger.allocation import Payment, allocate, redemption_order
from erply_points.ledger.amounts import BALANCE_MAX, NEVER, Millipoints, UnixSeconds
from erply_points.ledger.errors import BalanceTooLarge, LotsNotLoaded, NotEnoughPoints
from erply_points.ledger.records import Allocation, Entry, EntryKind, Lot, Redemption, Totals


@dataclass(frozen=True, slots=True)
class Wallet:
    totals: Totals
    lots: tuple[Lot, ...] = ()
    """The open lots, in redemption order; only the first of them unless `complete`."""
    debts: tuple[Redemption, ...] = ()
    """The redemptions not wholly paid, oldest first: all of them."""
    complete: bool = True

    @classmethod
    def empty(cls, customer_id: int, currency_id: int) -> "Wallet":
        return cls(Totals(customer_id, currency_id, 0, 0, 0, 0, 0, 0, 0, 0))

    def balance_at(self, at: UnixSeconds) -> Millipoints:
        """Open lots, pending ones included, less the shortfall. Raises LotsNotLoaded."""
        balance = self.totals.balance
        for lot in self.lots:
            if lot.expires_at > at:
                return balance
            balance -= lot.remaining
        if not self.complete:
            raise LotsNotLoaded(self.totals.customer_id, self.totals.currency_id)
        return balance


@dataclass(slots=True)
class Posting:
    """What one operation changes: the wallet afterwards, and its records that are new or different."""

    wallet: Wallet
    lots: dict[int, Lot] = field(default_factory=dict)
    redemptions: dict[int, Redemption] = field(default_factory=dict)
    allocations: list[Allocation] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


def earn(wallet: Wallet, lot: Lot, at: UnixSeconds) -> Posting:
    """Add a new lot; a shortfall is repaid from it at once. Raises BalanceTooLarge.

    A lot that has already expired is recorded as earned and expired: a history may be carried over.
    """
    assert lot.earned == lot.remaining > 0
    posting = _settled(wallet, at)
    if posting.wallet.totals.balance + lot.earned > BALANCE_MAX:
        raise BalanceTooLarge(BALANCE_MAX)
    totals = posting.wallet.totals
    _record(posting, EntryKind.EARN, lot.earned, lot.id, at, totals._replace(earned=totals.earned + lot.earned))
    posting.lots[lot.id] = lot
    posting.wallet = _with_lot(posting.wallet, lot)
    if lot.expires_at <= at or posting.wallet.totals.shortfall:
        _settle(posting, at)
    return posting


def redeem(wallet: Wallet, redemption: Redemption, at: UnixSeconds, *, below_zero: bool) -> Posting:
    """Spend points: soonest expiry first, then oldest.

    Raises NotEnoughPoints unless the balance may go `below_zero`; then what no lot pays is the
    redemption's `unpaid`, and the next earnings repay it.
    """
    posting = _settled(wallet, at)
    wallet = posting.wallet
    totals = wallet.totals
    # The balance counts pending lots too, so it bounds what can be spent from above without a further look.
    if redemption.points > totals.balance and not below_zero:
        spendable = sum(lot.remaining for lot in wallet.lots if lot.available_at <= at)
        raise NotEnoughPoints(asked=redemption.points, spendable=spendable)
    if totals.balance - redemption.points < -BALANCE_MAX:
        raise BalanceTooLarge(BALANCE_MAX)
    payments, unpaid = allocate(wallet.lots, redemption.points, at)
    if unpaid and not wallet.complete:
        raise LotsNotLoaded(totals.customer_id, totals.currency_id)
    if unpaid and not below_zero:
        raise NotEnoughPoints(asked=redemption.points, spendable=redemption.points - unpaid)
    _record(
        posting,
        EntryKind.REDEEM,
        -redemption.points,
        redemption.id,
        at,
        totals._replace(redeemed=totals.redeemed + redemption.points, shortfall=totals.shortfall + unpaid),
    )
    if unpaid:
        redemption = redemption._replace(unpaid=unpaid)
        posting.wallet = Wallet(
            posting.wallet.totals, posting.wallet.lots, (*posting.wallet.debts, redemption), posting.wallet.complete
        )
    posting.redemptions[redemption.id] = redemption
    _pay(posting, redemption.id, payments)
    return posting


def _settled(wallet: Wallet, at: UnixSeconds) -> Posting:
    posting = Posting(wallet)
    first_expiry = wallet.lots[0].expires_at if wallet.lots else (NEVER if wallet.complete else at)
    if wallet.totals.shortfall or first_expiry <= at:
        _settle(posting, at)
    return posting


def _settle(posting: Posting, at: UnixSeconds) -> None:
    wallet = posting.wallet
    open_lots = list(wallet.lots)
    totals = wallet.totals
    while open_lots and open_lots[0].expires_at <= at:
        lot = open_lots.pop(0)
        posting.lots[lot.id] = lot._replace(remaining=0, expired=lot.expired + lot.remaining)
        # Written down as of the moment it happened, however much later we notice.
        _record(
            posting,
            EntryKind.EXPIRE,
            -lot.remaining,
            lot.id,
            lot.expires_at,
            totals._replace(expired=totals.expired + lot.remaining),
        )
        totals = posting.wallet.totals
    if not open_lots and not wallet.complete:
        raise LotsNotLoaded(totals.customer_id, totals.currency_id)
    posting.wallet = Wallet(totals, tuple(open_lots), wallet.debts, wallet.complete)
    while posting.wallet.debts:
        debt = posting.wallet.debts[0]
        payments, unpaid = allocate(posting.wallet.lots, debt.unpaid, at)
        if unpaid and not wallet.complete:
            raise LotsNotLoaded(totals.customer_id, totals.currency_id)
        if not payments:
            break
        repaid = debt._replace(unpaid=unpaid)
        posting.redemptions[debt.id] = repaid
        totals = posting.wallet.totals
        totals = totals._replace(shortfall=totals.shortfall - debt.unpaid + unpaid)
        rest = posting.wallet.debts[1:]
        posting.wallet = Wallet(
            totals, posting.wallet.lots, (repaid, *rest) if unpaid else rest, posting.wallet.complete
        )
        _pay(posting, debt.id, payments)
        if unpaid:
            break


def _pay(posting: Posting, redemption_id: int, payments: list[Payment]) -> None:
    """Write the payments into the lots; a drained lot is no longer open."""
    if not payments:
        return
    wallet = posting.wallet
    changed = {}
    for lot, points in payments:
        changed[lot.id] = lot._replace(remaining=lot.remaining - points, redeemed=lot.redeemed + points)
        posting.allocations.append(Allocation(redemption_id, lot.id, points))
    posting.lots.update(changed)
    lots = tuple(kept for lot in wallet.lots if (kept := changed.get(lot.id, lot)).remaining)
    posting.wallet = Wallet(wallet.totals, lots, wallet.debts, wallet.complete)


def _record(
    posting: Posting, kind: EntryKind, points: Millipoints, source_id: int, at: UnixSeconds, totals: Totals
) -> None:
    """Add an entry; `totals` already holds the operation's sums, balance and numbering are ours."""
    at = max(at, totals.last_at)  # A clock that steps back does not reorder the history.
    totals = totals._replace(balance=totals.balance + points, entries=totals.entries + 1, last_at=at)
    posting.entries.append(
        Entry(totals.customer_id, totals.currency_id, totals.entries, at, kind.value, points, totals.balance, source_id)
    )
    posting.wallet = Wallet(totals, posting.wallet.lots, posting.wallet.debts, posting.wallet.complete)


def _with_lot(wallet: Wallet, lot: Lot) -> Wallet:
    lots = list(wallet.lots)
    if wallet.complete or (lots and redemption_order(lot) < redemption_order(lots[-1])):
        insort(lots, lot, key=redemption_order)
        return Wallet(wallet.totals, tuple(lots), wallet.debts, wallet.complete)
    # It stands behind lots that were not read: whoever reads on will find it in its place.
    return wallet
