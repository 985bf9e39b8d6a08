"""A wallet: the points of one customer in one currency, and what may be done to it.

Each operation takes a wallet as it was and returns a `Posting`: the wallet as it will be and every record that
changes. An operation that refuses raises, and nothing has changed. Before anything else an operation *settles*
the wallet: lots past their expiry are expired, and lots that have become available repay a shortfall.

A wallet may hold only the first of its open lots (`complete` is false): a customer with a million of them costs no
more than one with ten. An operation that needs more raises `LotsNotLoaded`, before any decision.

Earning and redeeming are here; taking back and giving back are in `returns`.
"""

from bisect import insort
from dataclasses import dataclass, field
from typing import NamedTuple

from erply_points.ledger.allocation import allocate, redemption_order
from erply_points.ledger.amounts import BALANCE_MAX, NEVER, Millipoints, UnixSeconds
from erply_points.ledger.errors import BalanceTooLarge, LotsNotLoaded, NotEnoughPoints
from erply_points.ledger.records import Allocation, Entry, EntryKind, Lot, Redemption, Reversal, Totals


class Wallet(NamedTuple):
    totals: Totals
    lots: tuple[Lot, ...] = ()
    """The open lots, in redemption order; only the first of them unless `complete`."""
    debts: tuple[Redemption | Reversal, ...] = ()
    """The redemptions and reversals not wholly paid, oldest first: all of them."""
    complete: bool = True

    @classmethod
    def empty(cls, customer_id: int, currency_id: int) -> "Wallet":
        return cls(Totals(customer_id, currency_id, 0, 0, 0, 0, 0, 0, 0, 0))

    def balance_at(self, at: UnixSeconds) -> Millipoints:
        """Open lots, pending ones included, less the shortfall. Raises LotsNotLoaded."""
        if self.debts:
            return settle(self, at).wallet.totals.balance
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
    reversals: dict[int, Reversal] = field(default_factory=dict)
    allocations: list[Allocation] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


def earn(wallet: Wallet, lot: Lot, at: UnixSeconds) -> Posting:
    """Add a new lot; a shortfall is repaid from it at once. Raises BalanceTooLarge.

    A lot that has already expired is recorded as earned and expired: a history may be carried over.
    """
    assert lot.earned == lot.remaining > 0
    draft = Draft(wallet, at)
    if draft.balance + lot.earned > BALANCE_MAX:
        raise BalanceTooLarge(BALANCE_MAX)
    draft.earned += lot.earned
    draft.record(EntryKind.EARN, lot.earned, lot.id)
    draft.put(lot)
    draft.settle()
    return draft.posting()


def settle(wallet: Wallet, at: UnixSeconds) -> Posting:
    """Only write down what time has done: expiries, and shortfalls repaid by lots that became available."""
    return Draft(wallet, at).posting()


def redeem(wallet: Wallet, redemption: Redemption, at: UnixSeconds, *, below_zero: bool) -> Posting:
    """Spend points: soonest expiry first, then oldest.

    Raises NotEnoughPoints unless the balance may go `below_zero`; then what no lot pays is the
    redemption's `unpaid`, and the next earnings repay it.
    """
    if wallet.lots and not wallet.debts:
        first = wallet.lots[0]
        if first.available_at <= at < first.expires_at and redemption.points < first.remaining:
            return _redeemed_from(first, wallet, redemption, at)
    draft = Draft(wallet, at)
    points = redemption.points
    # The balance counts pending lots too, so it bounds what can be spent from above without a further look.
    if points > draft.balance and not below_zero:
        raise NotEnoughPoints(asked=points, spendable=draft.spendable())
    if draft.balance - points < -BALANCE_MAX:
        raise BalanceTooLarge(BALANCE_MAX)
    draft.redeemed += points
    draft.record(EntryKind.REDEEM, -points, redemption.id)
    unpaid = draft.pay(redemption, points)
    if unpaid and not below_zero:
        raise NotEnoughPoints(asked=points, spendable=points - unpaid)
    draft.owe(redemption, unpaid)
    return draft.posting()


def _redeemed_from(first: Lot, wallet: Wallet, redemption: Redemption, at: UnixSeconds) -> Posting:
    """What `redeem` comes to where the first lot pays all and stays open and nothing else is to be done.

    That is most redemptions, and half the work of going by way of a draft. A test holds the two to the same answers.
    """
    customer_id, currency_id, balance, shortfall, earned, redeemed, expired, reversed_, entries, last_at = wallet.totals
    points = redemption.points
    at = max(at, last_at)
    entries += 1
    balance -= points
    totals = Totals(
        customer_id, currency_id, balance, shortfall, earned, redeemed + points, expired, reversed_, entries, at
    )
    paid = first.redeem(points)
    return Posting(
        Wallet(totals, (paid, *wallet.lots[1:]), (), wallet.complete),
        {paid.id: paid},
        {redemption.id: redemption},
        {},
        [Allocation(redemption.id, paid.id, customer_id, entries, points)],
        [Entry(customer_id, currency_id, entries, at, _REDEEM, -points, balance, redemption.id)],
    )


_REDEEM = EntryKind.REDEEM.value


class Draft:
    """A wallet while an operation changes it: settled at the start, made into a `Posting` at the end.

    An operation adjusts the sums, says so with `record`, and moves lots with `put` and `pay`. A draft that is given
    up has changed nothing.
    """

    __slots__ = (
        "_allocations",
        "_changed",
        "_complete",
        "_currency_id",
        "_customer_id",
        "_debts",
        "_earliest",
        "_entries",
        "_last_at",
        "_lots",
        "_new_entries",
        "_redemptions",
        "_reversals",
        "at",
        "balance",
        "earned",
        "expired",
        "redeemed",
        "reversed",
        "shortfall",
    )  # fmt: skip

    def __init__(self, wallet: Wallet, at: UnixSeconds) -> None:
        self.at = at
        (
            self._customer_id,
            self._currency_id,
            self.balance,
            self.shortfall,
            self.earned,
            self.redeemed,
            self.expired,
            self.reversed,
            self._entries,
            self._last_at,
        ) = wallet.totals
        self._lots = list(wallet.lots)
        self._debts = list(wallet.debts)
        self._complete = wallet.complete
        self._earliest = 0
        self._changed: dict[int, Lot] = {}
        self._redemptions: dict[int, Redemption] = {}
        self._reversals: dict[int, Reversal] = {}
        self._allocations: dict[tuple[int, int, int, int], Millipoints] = {}
        self._new_entries: list[Entry] = []
        self._catch_up()

    def _catch_up(self) -> None:
        """Settle in the order in which things happened. Raises LotsNotLoaded.

        Points that became available repaid the shortfall then, even if they would have expired since. What was
        available when the wallet was last changed repaid then, so open lots beside debts became available later;
        the entries do not tell when that was, for the clock may have stepped back.
        """
        if self._debts:
            if not self._complete:
                raise LotsNotLoaded(self._customer_id, self._currency_id)
            for moment in sorted({lot.available_at for lot in self._lots if 0 < lot.available_at < self.at}):
                self._expire(moment)
                self._repay(moment)
        self.settle()

    def settle(self) -> None:
        """Expire what is past its expiry, and let what is available repay the shortfall. Raises LotsNotLoaded."""
        self._expire(self.at)
        self._repay(self.at)

    def _expire(self, moment: UnixSeconds) -> None:
        lots = self._lots
        while lots and lots[0].expires_at <= moment:
            lot = lots.pop(0)
            self._changed[lot.id] = lot._replace(remaining=0, expired=lot.expired + lot.remaining)
            self.expired += lot.remaining
            # Written down as of the moment it happened, however much later we notice.
            self.record(EntryKind.EXPIRE, -lot.remaining, lot.id, at=lot.expires_at)
        if not lots and not self._complete:
            raise LotsNotLoaded(self._customer_id, self._currency_id)

    def _repay(self, moment: UnixSeconds) -> None:
        while self._debts:
            debt = self._debts[0]
            unpaid = self._pay(debt, debt.unpaid, moment)
            if unpaid != debt.unpaid:
                self.shortfall -= debt.unpaid - unpaid
                debt = debt._replace(unpaid=unpaid)
                self.keep(debt)
            if unpaid:
                self._debts[0] = debt
                break
            self._debts.pop(0)

    def record(self, kind: EntryKind, points: Millipoints, source_id: int, *, at: UnixSeconds = NEVER) -> None:
        """Add an entry and move the balance by `points`. A clock that steps back does not reorder the history."""
        self._last_at = max(self._last_at, self._earliest, min(at, self.at))
        self.balance += points
        self._entries += 1
        self._new_entries.append(
            Entry(
                self._customer_id,
                self._currency_id,
                self._entries,
                self._last_at,
                kind.value,
                points,
                self.balance,
                source_id,
            )
        )

    def leave_the_past(self) -> None:
        """Date what is recorded from here on now, at the earliest."""
        self._earliest = self.at

    def spendable(self) -> Millipoints:
        """What the lots that were read could pay now. Raises LotsNotLoaded."""
        if not self._complete:
            raise LotsNotLoaded(self._customer_id, self._currency_id)
        return sum(lot.remaining for lot in self._lots if lot.available_at <= self.at)

    def pay(self, debit: Redemption | Reversal, points: Millipoints) -> Millipoints:
        """Let the lots pay; return what none of them could. Raises LotsNotLoaded."""
        return self._pay(debit, points, self.at)

    def _pay(self, debit: Redemption | Reversal, points: Millipoints, moment: UnixSeconds) -> Millipoints:
        payments, unpaid = allocate(self._lots, points, moment)
        if unpaid and not self._complete:
            raise LotsNotLoaded(self._customer_id, self._currency_id)
        drained = False
        for lot, paid in payments:
            if isinstance(debit, Reversal):
                after = lot._replace(remaining=lot.remaining - paid, reversed=lot.reversed + paid)
            else:
                after = lot.redeem(paid)
            self._changed[lot.id] = after
            self._lots[self._lots.index(lot)] = after
            drained = drained or not after.remaining
            self.allocate(debit.id, lot.id, paid)
        if drained:
            self._lots = [lot for lot in self._lots if lot.remaining]
        return unpaid

    def allocate(self, transaction_id: int, lot_id: int, points: Millipoints) -> None:
        """Write down that a lot pays for a transaction; below zero, that it no longer does."""
        key = (transaction_id, lot_id, self._customer_id, self._entries)
        self._allocations[key] = self._allocations.get(key, 0) + points

    def lacking(self, points: Millipoints) -> Millipoints:
        """How much of `points` no lot could pay now. Raises LotsNotLoaded."""
        _, unpaid = allocate(self._lots, points, self.at) if points else ([], 0)
        if unpaid and not self._complete:
            raise LotsNotLoaded(self._customer_id, self._currency_id)
        return unpaid

    def owe(self, debit: Redemption | Reversal, unpaid: Millipoints) -> None:
        """Keep the debit; `unpaid` more points of it, or less, are owed: no lot has paid them."""
        if unpaid or debit.unpaid:
            debit = debit._replace(unpaid=debit.unpaid + unpaid)
            self.shortfall += unpaid
            self._debts = [each for each in self._debts if each.id != debit.id]
            if debit.unpaid:
                insort(self._debts, debit, key=lambda each: each.id)
        self.keep(debit)

    def keep(self, debit: Redemption | Reversal) -> None:
        if isinstance(debit, Reversal):
            self._reversals[debit.id] = debit
        else:
            self._redemptions[debit.id] = debit

    def current(self, lot: Lot) -> Lot:
        """The lot as it is in this draft."""
        return self._changed.get(lot.id, lot)

    def put(self, lot: Lot) -> None:
        """Take a lot in, or change it: open lots stand in redemption order."""
        self._changed[lot.id] = lot
        self._lots = [each for each in self._lots if each.id != lot.id]
        # What stands behind lots that were not read will be found in its place by whoever reads on.
        if lot.remaining and (
            self._complete or (self._lots and redemption_order(lot) < redemption_order(self._lots[-1]))
        ):
            insort(self._lots, lot, key=redemption_order)

    def posting(self) -> Posting:
        totals = Totals(
            self._customer_id,
            self._currency_id,
            self.balance,
            self.shortfall,
            self.earned,
            self.redeemed,
            self.expired,
            self.reversed,
            self._entries,
            self._last_at,
        )
        return Posting(
            Wallet(totals, tuple(self._lots), tuple(self._debts), self._complete),
            self._changed,
            self._redemptions,
            self._reversals,
            [Allocation(*key, points) for key, points in self._allocations.items() if points],
            self._new_entries,
        )
