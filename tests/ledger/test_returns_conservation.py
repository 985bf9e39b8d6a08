"""Random lives of three customers: deductions, returns, their undoing and corrections, held to these invariants.

 1. In every lot  earned = remaining + redeemed + expired + reversed,  and no part is below zero.
 2. What a lot paid, redeemed and reversed, is what its allocations and the expired parts of its reversals add up to.
 3. A redemption is its allocations, its unpaid and its returned part; a reversal its allocations, its unpaid, forgiven
    and expired part. No lot pays less than nothing for either, and only for its own customer's.
 4. Of no lot is more taken back than it earned.
 5. The wallet's open lots are the customer's lots with points remaining, in redemption order.
 6. Its debts are what is not wholly paid, oldest first; the shortfall is what they add up to.
 7. Balance and totals are the sums of the records.
 8. Entries are numbered 1, 2, 3 ..., never step back in time, and each leads from the balance before to its own.
 9. A step that is refused has changed nothing.
10. A wallet of which only the first lots were read decides the same, or asks for the others.
11. No two allocations have the same key.
12. A return that is undone at once has changed nothing but the history: no balance, and no lot that it took from.
13. A deduction draws from the lots that it was given and from no others, and is paid in full.
14. Activation changes no balance, and leaves nothing pending of what it was given.

A ledger broken on purpose must be caught, or this test proves nothing.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from erply_points.ledger import corrections, deductions, returns
from erply_points.ledger import wallet as ledger
from erply_points.ledger.allocation import redemption_order
from erply_points.ledger.amounts import NEVER
from erply_points.ledger.errors import LedgerError, LotsNotLoaded
from erply_points.ledger.records import Lot, Redemption, Reversal
from erply_points.ledger.wallet import Draft, Posting, Wallet
from support.story import CURRENCY, Book, new_lot, new_redemption

CUSTOMERS = (1, 2, 3)
WHO = st.sampled_from((1, 1, 1, 2, 3))  # Mostly one, so that much happens to it.
POINTS = st.integers(1, 9)
WHICH = st.integers(0, 5)
"""Which of the latest records; nothing happens if there are fewer."""


class Lives(RuleBasedStateMachine):
    """Three wallets; whatever the ledger decides about them is kept as a store would keep it."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()  # The records of all customers; the wallets stand apart.
        self.wallets = {number: Wallet.empty(number, CURRENCY) for number in CUSTOMERS}
        self.given: list[tuple[int, int, dict[int, tuple[int, int]]]] = []  # Redemption, points, and to which lots.
        self.at = 0
        self.number = 0

    def decide(self, customer_id: int, operation: Callable[[Wallet], Posting]) -> Posting:
        """What the ledger decides with all lots, and with the first of them only."""
        wallet = self.wallets[customer_id]
        before = copy.deepcopy((self.book, self.wallets))
        try:
            decided: Posting | LedgerError = operation(wallet)
        except LedgerError as refusal:
            decided = refusal
        for lots in range(len(wallet.lots)):
            partly = wallet._replace(lots=wallet.lots[:lots], complete=False)
            try:
                found: Posting | LedgerError = operation(partly)
            except LotsNotLoaded:
                continue
            except LedgerError as refusal:
                found = refusal
            if isinstance(found, Posting) and isinstance(decided, Posting):
                assert replace(found, wallet=wallet) == replace(decided, wallet=wallet), f"10: with {lots} lots"
            else:
                assert found == decided, f"10: with {lots} lots"
        assert before == (self.book, self.wallets), "9: a decision has changed something"
        if isinstance(decided, LedgerError):
            raise decided
        return decided

    def step(self, customer_id: int, operation: Callable[[Wallet], Posting]) -> None:
        self.post(customer_id, self.decide(customer_id, operation))

    def post(self, customer_id: int, posting: Posting) -> None:
        self.book.post(posting)
        self.wallets[customer_id] = posting.wallet

    def settle(self, customer_id: int) -> None:
        self.step(customer_id, lambda wallet: ledger.settle(wallet, self.at))

    def next(self) -> int:
        self.number += 1
        return self.number

    @staticmethod
    def latest(records: dict[int, Any], which: int) -> Any:
        numbers = sorted(records, reverse=True)
        return records[numbers[which]] if which < len(numbers) else None

    @rule(who=WHO, earned=POINTS, pending=st.integers(-3, 4), lasting=st.integers(1, 8) | st.just(NEVER))
    def earn(self, who: int, earned: int, pending: int, lasting: int) -> None:
        available = max(self.at + pending, 0)
        lot = new_lot(self.next(), earned, self.at, min(available + lasting, NEVER), available)
        self.step(who, lambda wallet: ledger.earn(wallet, lot._replace(customer_id=who), self.at))

    @rule(who=WHO, points=POINTS, below_zero=st.booleans())
    def redeem(self, who: int, points: int, *, below_zero: bool) -> None:
        redemption = new_redemption(self.next(), points)._replace(customer_id=who)
        try:
            self.step(who, lambda wallet: ledger.redeem(wallet, redemption, self.at, below_zero=below_zero))
        except LedgerError:
            return

    @rule(who=WHO, points=POINTS, which=st.sets(WHICH, min_size=1, max_size=3))
    def deduct(self, who: int, points: int, which: set[int]) -> None:
        redemption = new_redemption(self.next(), points)._replace(customer_id=who)
        chosen = self.chosen(who, which)
        before = {lot.id: lot.remaining for lot in self.book.lots.values() if lot not in chosen}
        try:
            self.step(who, lambda wallet: deductions.deduct(wallet, redemption, chosen, self.at))
        except LedgerError:
            return
        drawn = set(self.book.paid(redemption.id)[0])
        assert drawn <= {lot.id for lot in chosen}, "13: a deduction drew from another lot"
        assert not drawn & before.keys(), "13: a deduction drew from another lot"
        assert not self.book.redemptions[redemption.id].unpaid, "13: a deduction is owed"

    @rule(who=WHO, which=st.sets(WHICH, min_size=1, max_size=3))
    def activate(self, who: int, which: set[int]) -> None:
        chosen = self.chosen(who, which)
        self.settle(who)
        balance = self.wallets[who].totals.balance
        self.step(who, lambda wallet: deductions.activate(wallet, chosen, self.at))
        assert self.wallets[who].totals.balance == balance, "14: activation has changed a balance"
        now = [self.book.lots[lot.id] for lot in chosen]
        assert all(lot.available_at <= self.at for lot in now if lot.remaining), "14: still pending"

    def chosen(self, who: int, which: set[int]) -> list[Lot]:
        found = [self.latest(self.book.lots, each) for each in which]
        return [lot for lot in found if lot is not None and lot.customer_id == who]

    @rule(seconds=st.integers(1, 5))
    def wait(self, seconds: int) -> None:
        self.at += seconds

    @rule(which=WHICH, points=POINTS, below_zero=st.booleans(), undone=st.booleans())
    def reverse(self, which: int, points: int, *, below_zero: bool, undone: bool) -> None:
        lot: Lot | None = self.latest(self.book.lots, which)
        points = min(points, lot.earned - self.taken_back(lot)) if lot else 0
        if not points or lot is None:
            return
        who = lot.customer_id
        self.settle(who)
        reversal = Reversal(self.next(), who, CURRENCY, lot.id, points, 0, 0, 0, self.at, 0)
        before = self.worth(who)
        current = self.book.lots[lot.id]
        self.step(who, lambda wallet: returns.reverse(wallet, reversal, current, self.at, below_zero=below_zero))
        if undone:
            self.undo_reversal(reversal.id)
            assert self.worth(who) == before, "12: a reversal undone at once"

    def taken_back(self, lot: Lot) -> int:
        return sum(each.points for each in self.book.reversals.values() if each.lot_id == lot.id)

    def worth(self, who: int) -> list[Any]:
        wallet = self.wallets[who]
        lots = [(lot.id, lot.remaining, lot.redeemed, lot.expired, lot.reversed) for lot in wallet.lots]
        return [lots, wallet.debts, wallet.totals._replace(entries=0, last_at=0)]

    @rule(which=WHICH)
    def undo(self, which: int) -> None:
        reversal = self.latest(self.book.reversals, which)
        if reversal is not None and reversal.points:
            self.settle(reversal.customer_id)
            self.undo_reversal(reversal.id)

    def undo_reversal(self, number: int) -> None:
        reversal = self.book.reversals[number]
        paid, lots = self.book.paid(number)
        lot = self.book.lots[reversal.lot_id]
        self.step(
            reversal.customer_id,
            lambda wallet: returns.undo_reversal(wallet, reversal, paid, lots, lot, self.at),
        )

    @rule(which=WHICH, points=POINTS, grace=st.sampled_from([0, 0, 3]), undone=st.booleans())
    def give_back(self, which: int, points: int, grace: int, *, undone: bool) -> None:
        redemption: Redemption | None = self.latest(self.book.redemptions, which)
        if redemption is None or redemption.points == redemption.returned:
            return
        who = redemption.customer_id
        self.settle(who)
        one = self.book.redemptions[redemption.id]
        before = self.wallets[who].totals.balance
        paid, lots = self.book.paid(one.id)
        part = min(points, one.points - one.returned)
        self.step(
            who,
            lambda wallet: returns.give_back(wallet, one, part, paid, lots, self.at, grace_seconds=grace),
        )
        left, _ = self.book.paid(one.id)
        given = {lot.id: (paid[lot.id] - left.get(lot.id, 0), lot.expired) for lot in lots}
        self.given.append((one.id, part, given))
        if undone:
            self.take_again(len(self.given) - 1)
            assert self.wallets[who].totals.balance == before, "12: a giving back undone at once"

    @rule(which=WHICH)
    def take_again(self, which: int) -> None:
        if which >= len(self.given):
            return
        number, part, given = self.given.pop(which)
        who = self.book.redemptions[number].customer_id
        self.settle(who)
        one = self.book.redemptions[number]
        lots = [self.book.lots[each] for each in given if self.book.lots[each].customer_id == who]
        mine = {lot.id: given[lot.id] for lot in lots}
        self.step(who, lambda wallet: returns.take_again(wallet, one, part, mine, lots, self.at))

    @rule(which=WHICH, to=WHO)
    def move_lot(self, which: int, to: int) -> None:
        lot: Lot | None = self.latest(self.book.lots, which)
        if lot is None or lot.customer_id == to or self.taken_back(lot):
            return
        self.settle(lot.customer_id)
        self.settle(to)
        moved = self.book.lots[lot.id]
        debits: dict[int, Any] = {**self.book.redemptions, **self.book.reversals}
        paid = [(one, self.book.paid(one.id)[0].get(lot.id, 0)) for one in debits.values()]
        paid = [each for each in paid if each[1]]
        try:
            taken = self.decide(lot.customer_id, lambda wallet: corrections.take_out_lot(wallet, moved, paid, self.at))
            put = self.decide(to, lambda wallet: corrections.put_in_lot(wallet, moved, self.at))
        except LedgerError:
            return
        self.post(lot.customer_id, taken)
        self.post(to, put)

    @rule(which=WHICH, to=WHO, below_zero=st.booleans())
    def move_redemption(self, which: int, to: int, *, below_zero: bool) -> None:
        redemption: Redemption | None = self.latest(self.book.redemptions, which)
        if redemption is None or redemption.customer_id == to:
            return
        self.settle(redemption.customer_id)
        self.settle(to)
        one = self.book.redemptions[redemption.id]
        paid, lots = self.book.paid(one.id)
        try:
            taken = self.decide(
                one.customer_id, lambda wallet: corrections.take_out_redemption(wallet, one, paid, lots, self.at)
            )
            freed = taken.redemptions[one.id]
            put = self.decide(
                to, lambda wallet: corrections.put_in_redemption(wallet, freed, self.at, below_zero=below_zero)
            )
        except LedgerError:
            return
        self.post(one.customer_id, taken)
        self.post(to, put)

    @rule(which=WHICH, created=st.integers(-3, 0), lasting=st.integers(-2, 6) | st.just(NEVER))
    def change_times(self, which: int, created: int, lasting: int) -> None:
        lot: Lot | None = self.latest(self.book.lots, which)
        if lot is None:
            return
        self.settle(lot.customer_id)
        current = self.book.lots[lot.id]
        created = max(0, self.at + created)
        expires = min(max(created + 1, self.at + lasting), NEVER)
        self.step(lot.customer_id, lambda wallet: corrections.change_times(wallet, current, created, expires, self.at))

    @invariant()
    def lots_are_conserved(self) -> None:
        for lot in self.book.lots.values():
            parts = (lot.remaining, lot.redeemed, lot.expired, lot.reversed)
            assert lot.earned == sum(parts), f"1: {lot}"
            assert min(parts) >= 0, f"1: {lot}"
            paid = sum(one.points for one in self.book.allocations if one.lot_id == lot.id)
            lost = sum(one.from_expired for one in self.book.reversals.values() if one.lot_id == lot.id)
            assert lot.redeemed + lot.reversed == paid + lost, f"2: {lot}"
            assert self.taken_back(lot) <= lot.earned, f"4: {lot}"

    @invariant()
    def debits_are_accounted_for(self) -> None:
        for debits in (self.book.redemptions, self.book.reversals):
            for one in debits.values():
                paid, lots = self.book.paid(one.id)
                rest = one.returned if isinstance(one, Redemption) else one.forgiven + one.from_expired
                assert one.points == sum(paid.values()) + one.unpaid + rest, f"3: {one}"
                assert all(points > 0 for points in paid.values()), f"3: {one}"
                assert all(lot.customer_id == one.customer_id for lot in lots), f"3: {one}"
        keys = [one._replace(points=0) for one in self.book.allocations]
        assert len(keys) == len(set(keys)), "11: two allocations have the same key"

    @invariant()
    def wallets_are_their_records(self) -> None:
        for number, wallet in self.wallets.items():
            lots = [lot for lot in self.book.lots.values() if lot.customer_id == number]
            assert list(wallet.lots) == sorted((lot for lot in lots if lot.remaining), key=redemption_order), "5"
            spent = [one for one in self.book.redemptions.values() if one.customer_id == number]
            back = [one for one in self.book.reversals.values() if one.customer_id == number]
            debits: list[Redemption | Reversal] = [*spent, *back]
            debts = [one for one in sorted(debits, key=lambda one: one.id) if one.unpaid]
            assert list(wallet.debts) == debts, "6"
            totals = wallet.totals
            assert totals.shortfall == sum(one.unpaid for one in debts), "6"
            assert totals.balance == sum(lot.remaining for lot in lots) - totals.shortfall, "7: balance"
            assert totals.earned == sum(lot.earned for lot in lots), "7: earned"
            assert totals.expired == sum(lot.expired for lot in lots), "7: expired"
            assert totals.redeemed == sum(one.points - one.returned for one in spent), "7: redeemed"
            assert totals.reversed == sum(one.points - one.forgiven for one in back), "7: reversed"
            assert totals.balance == totals.earned - totals.redeemed - totals.expired - totals.reversed, "7: totals"

    @invariant()
    def entries_lead_to_the_balance(self) -> None:
        for wallet in self.wallets.values():
            entries = [one for one in self.book.entries if one.customer_id == wallet.totals.customer_id]
            balance = last_at = 0
            for number, entry in enumerate(entries, start=1):
                balance += entry.points
                assert entry.points, f"8: {entry}"
                assert (entry.number, entry.balance) == (number, balance), f"8: {entry}"
                assert entry.at >= last_at, f"8: {entry}"
                last_at = entry.at
            assert (wallet.totals.entries, wallet.totals.balance) == (len(entries), balance), "8"


def _tries(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        print_blob=False,
    )


def test_every_life_keeps_the_invariants() -> None:
    """Whatever is earned, spent, returned, undone and corrected, in whatever order, the invariants hold."""
    run_state_machine_as_test(Lives, settings=_tries(250))


def _draws_from_any(wallet: Wallet, redemption: Redemption, _: Any, at: int) -> Posting:
    return ledger.redeem(wallet, redemption, at, below_zero=False)


def _activates_nothing(wallet: Wallet, _: Any, at: int) -> Posting:
    return ledger.settle(wallet, at)


_PUT, _OWE, _ALLOCATE = Draft.put, Draft.owe, Draft.allocate


def _forgets_to_take_back(draft: Draft, transaction_id: int, lot_id: int, points: int) -> None:
    if points > 0:
        _ALLOCATE(draft, transaction_id, lot_id, points)


def _never_forgets_a_debt(draft: Draft, debit: Redemption | Reversal, unpaid: int) -> None:
    _OWE(draft, debit, max(unpaid, 0))


def _puts_last(draft: Draft, lot: Lot) -> None:
    _PUT(draft, lot)
    draft._lots = [*(each for each in draft._lots if each.id != lot.id), *(each for each in [lot] if lot.remaining)]


@pytest.mark.parametrize(
    ("owner", "function", "broken"),
    [
        (Draft, "allocate", _forgets_to_take_back),
        (Draft, "owe", _never_forgets_a_debt),
        (Draft, "put", _puts_last),
        (deductions, "deduct", _draws_from_any),
        (deductions, "activate", _activates_nothing),
    ],
)
def test_a_broken_ledger_is_caught(
    owner: object, function: str, broken: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine finds a mistake in what undoes and corrects: a ledger broken on purpose does not pass."""
    monkeypatch.setattr(owner, function, broken)
    with pytest.raises(AssertionError):  # One of the numbered ones, or one that the ledger makes itself.
        run_state_machine_as_test(Lives, settings=_tries(300))
