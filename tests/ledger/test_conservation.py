"""Random lives of one wallet, held to a second opinion and to these invariants after every step.

 1. In every lot  earned = remaining + redeemed + expired + reversed,  and no part is below zero.
 2. A lot's redeemed points are what its allocations add up to.
 3. A redemption's points are its allocations and its unpaid part; no lot pays one redemption twice.
 4. The wallet's open lots are the lots with points remaining, in redemption order, all of them or the first.
 5. Its debts are the redemptions with an unpaid part, oldest first, and the shortfall is what they add up to.
 6. The balance is what remains in all lots less the shortfall.
 7. The totals are the sums of the records.
 8. Entries are numbered 1, 2, 3 ..., never step back in time, and each leads from the balance before to its own.
 9. A step that is refused has changed nothing.
10. Every lot, redemption, allocation, entry, balance and refusal is the one that the second opinion comes to.

The second opinion (`Opinion`) shares no code with the ledger: it is plain lists, and instead of settling accounts
afterwards it lives through every moment in between. A wallet whose lots are only partly read must come to the same.
A ledger broken on purpose must be caught, or this test proves nothing.
"""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from erply_points.ledger import wallet as ledger
from erply_points.ledger.allocation import Payment, allocate
from erply_points.ledger.amounts import BALANCE_MAX, NEVER
from erply_points.ledger.errors import BalanceTooLarge, LedgerError, LotsNotLoaded, NotEnoughPoints
from erply_points.ledger.records import EntryKind, Lot
from erply_points.ledger.wallet import Draft, Posting, Wallet
from support.story import Book, new_lot, new_redemption


class Opinion:
    """What a wallet should be, found the slow way."""

    def __init__(self) -> None:
        self.now = 0
        self.lots: list[dict[str, int]] = []
        self.redemptions: list[dict[str, int]] = []
        self.paid: list[tuple[int, int, int, int]] = []
        self.entries: list[tuple[int, str, int, int, int]] = []

    def balance(self) -> int:
        return sum(lot["left"] for lot in self.lots) - sum(one["unpaid"] for one in self.redemptions)

    def spendable(self, at: int) -> list[dict[str, int]]:
        able = [lot for lot in self.lots if lot["left"] and lot["from"] <= at < lot["until"]]
        return sorted(able, key=lambda lot: (lot["until"], lot["created"], lot["id"]))

    def live(self, until: int) -> None:
        """Let time pass, stopping whenever a lot becomes available or expires."""
        moments = {moment for lot in self.lots for moment in (lot["from"], lot["until"])}
        for at in [*sorted(moment for moment in moments if self.now <= moment < until), until]:
            self.lose(at)
            self.repay(at)

    def lose(self, at: int) -> None:
        for lot in sorted(self.lots, key=lambda lot: (lot["until"], lot["created"], lot["id"])):
            if lot["until"] <= at and lot["left"]:
                lost, lot["left"] = lot["left"], 0
                lot["lost"] = lost
                self.write(lot["until"], "expire", -lost, lot["id"])

    def repay(self, at: int) -> None:
        for one in self.redemptions:
            self.pay(one, at)

    def pay(self, one: dict[str, int], at: int) -> None:
        for lot in self.spendable(at):
            part = min(lot["left"], one["unpaid"])
            if part:
                lot["left"] -= part
                one["unpaid"] -= part
                self.paid.append((one["id"], lot["id"], len(self.entries), part))

    def write(self, at: int, kind: str, points: int, source: int) -> None:
        self.now = max(self.now, at)
        before = self.entries[-1][3] if self.entries else 0
        self.entries.append((self.now, kind, points, before + points, source))

    def earn(self, lot: Lot, at: int) -> None:
        self.live(at)
        if self.balance() + lot.earned > BALANCE_MAX:
            raise BalanceTooLarge(BALANCE_MAX)
        self.write(at, "earn", lot.earned, lot.id)
        facts = {"id": lot.id, "earned": lot.earned, "left": lot.earned, "lost": 0}
        self.lots.append(facts | {"created": lot.created_at, "from": lot.available_at, "until": lot.expires_at})
        self.lose(at)
        self.repay(at)

    def redeem(self, number: int, points: int, at: int, *, below_zero: bool) -> None:
        self.live(at)
        spendable = sum(lot["left"] for lot in self.spendable(at))
        if spendable < points and not below_zero:
            raise NotEnoughPoints(points, spendable)
        if self.balance() - points < -BALANCE_MAX:
            raise BalanceTooLarge(BALANCE_MAX)
        self.write(at, "redeem", -points, number)
        self.redemptions.append({"id": number, "points": points, "unpaid": points})
        self.pay(self.redemptions[-1], at)


# Few moments and small amounts, so that things happen at once and lots run out; now and then more than a wallet holds.
MOMENTS = st.integers(0, 12)
POINTS = st.integers(1, 6) | st.sampled_from([40, BALANCE_MAX - 20])


class Life(RuleBasedStateMachine):
    """One wallet, the ledger that decides about it, and the second opinion."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.opinion = Opinion()
        self.at = 0
        self.below_zero = False
        self.number = 0

    def whole(self) -> Wallet:
        """The wallet as a store would read it again, with all of its lots."""
        lots = sorted(
            (lot for lot in self.book.lots.values() if lot.remaining),
            key=lambda lot: (lot.expires_at, lot.created_at, lot.id),
        )
        debts = sorted((one for one in self.book.redemptions.values() if one.unpaid), key=lambda one: one.id)
        return Wallet(self.book.wallet.totals, tuple(lots), tuple(debts), complete=True)

    def decide(self, operation: Callable[[Wallet], Any]) -> Any:
        """Decide with the lots that were read; with all of them if the ledger asks for more."""
        try:
            return operation(self.book.wallet)
        except LotsNotLoaded:
            assert not self.book.wallet.complete
            return operation(self.whole())

    def step(self, operation: Callable[[Wallet], Posting], opinion: Callable[[], None]) -> None:
        before = (copy.deepcopy(self.opinion), copy.deepcopy(self.book))
        expected = _outcome(opinion)
        found = _outcome(lambda: self.decide(operation))
        if isinstance(found, Posting):
            assert expected is None, f"10: not refused with {expected!r}"
            self.book.post(found)
        else:
            assert found == expected, "10: another refusal"
            assert self.book == before[1], "9: a refused step has changed something"
            self.opinion = before[0]

    @rule(
        earned=POINTS,
        created=MOMENTS,
        pending=st.integers(-12, 6),
        lasting=st.integers(1, 8) | st.just(NEVER),
    )
    def earn(self, earned: int, created: int, pending: int, lasting: int) -> None:
        self.number += 1
        available = max(self.at + pending, 0)
        lot = new_lot(self.number, earned, created, min(available + lasting, NEVER), available)
        self.step(lambda wallet: ledger.earn(wallet, lot, self.at), lambda: self.opinion.earn(lot, self.at))

    @rule(points=POINTS)
    def redeem(self, points: int) -> None:
        self.number += 1
        redemption = new_redemption(self.number, points)
        self.step(
            lambda wallet: ledger.redeem(wallet, redemption, self.at, below_zero=self.below_zero),
            lambda: self.opinion.redeem(redemption.id, points, self.at, below_zero=self.below_zero),
        )

    @rule(seconds=st.integers(1, 5))
    def wait(self, seconds: int) -> None:
        self.at += seconds

    @precondition(lambda self: self.at > 0)
    @rule(seconds=st.integers(1, 3))
    def clock_steps_back(self, seconds: int) -> None:
        self.at = max(self.at - seconds, 0)

    @rule(below_zero=st.booleans())
    def change_policy(self, *, below_zero: bool) -> None:
        self.below_zero = below_zero

    @rule(lots=st.integers(0, 3))
    def read_again(self, lots: int) -> None:
        """Another request reads the wallet with the first of its lots only."""
        whole = self.whole()
        self.book.wallet = Wallet(whole.totals, whole.lots[:lots], whole.debts, complete=len(whole.lots) <= lots)

    @rule(later=st.integers(0, 12))
    def look(self, later: int) -> None:
        opinion = copy.deepcopy(self.opinion)
        opinion.live(self.at + later)
        assert self.decide(lambda wallet: wallet.balance_at(self.at + later)) == opinion.balance(), (
            "10: another balance"
        )

    @invariant()
    def holds(self) -> None:
        self.lots_are_conserved()
        self.redemptions_are_accounted_for()
        self.the_wallet_is_its_records()
        self.entries_lead_to_the_balance()
        self.both_opinions_agree()

    def lots_are_conserved(self) -> None:
        for lot in self.book.lots.values():
            parts = (lot.remaining, lot.redeemed, lot.expired, lot.reversed)
            assert lot.earned == sum(parts), f"1: {lot}"
            assert min(parts) >= 0, f"1: {lot}"
            assert lot.redeemed == self.allocated("lot_id", lot.id), f"2: {lot}"

    def redemptions_are_accounted_for(self) -> None:
        for one in self.book.redemptions.values():
            assert one.points == self.allocated("transaction_id", one.id) + one.unpaid, f"3: {one}"
        pairs = [(one.transaction_id, one.lot_id) for one in self.book.allocations]
        assert len(pairs) == len(set(pairs)), "3: a lot pays twice"

    def allocated(self, by: str, number: int) -> int:
        return sum(one.points for one in self.book.allocations if getattr(one, by) == number)

    def the_wallet_is_its_records(self) -> None:
        wallet, whole = self.book.wallet, self.whole()
        totals = wallet.totals
        assert wallet.lots == whole.lots[: len(wallet.lots)], "4"
        assert not wallet.complete or len(wallet.lots) == len(whole.lots), "4"
        assert wallet.debts == whole.debts, "5"
        assert totals.shortfall == sum(one.unpaid for one in whole.debts), "5"
        assert totals.balance == sum(lot.remaining for lot in whole.lots) - totals.shortfall, "6"
        assert (totals.earned, totals.expired, totals.reversed) == (
            sum(lot.earned for lot in self.book.lots.values()),
            sum(lot.expired for lot in self.book.lots.values()),
            sum(lot.reversed for lot in self.book.lots.values()),
        ), "7"
        assert totals.redeemed == sum(one.points for one in self.book.redemptions.values()), "7"

    def entries_lead_to_the_balance(self) -> None:
        balance = last_at = 0
        for number, entry in enumerate(self.book.entries, start=1):
            balance += entry.points
            assert (entry.number, entry.balance) == (number, balance), f"8: {entry}"
            assert entry.at >= last_at, f"8: {entry}"
            last_at = entry.at
        totals = self.book.wallet.totals
        assert (totals.entries, totals.balance, totals.last_at) == (len(self.book.entries), balance, last_at), "8"

    def both_opinions_agree(self) -> None:
        book, opinion = self.book, self.opinion
        assert book.wallet.totals.balance == opinion.balance(), "10: another balance"
        assert [(lot.id, lot.remaining, lot.expired) for lot in _by_id(book.lots)] == [
            (lot["id"], lot["left"], lot["lost"]) for lot in opinion.lots
        ], "10: other lots"
        assert [(one.id, one.points, one.unpaid) for one in _by_id(book.redemptions)] == [
            (one["id"], one["points"], one["unpaid"]) for one in opinion.redemptions
        ], "10: other redemptions"
        assert [(one.transaction_id, one.lot_id, one.number, one.points) for one in book.allocations] == opinion.paid, (
            "10: other allocations"
        )
        entries = [(entry.at, str(entry.kind), entry.points, entry.balance, entry.source_id) for entry in book.entries]
        assert entries == opinion.entries, "10: other entries"


def _outcome(step: Callable[[], Any]) -> Any:
    """What comes of a step, or its refusal."""
    try:
        return step()
    except LedgerError as refusal:
        return refusal


def _by_id(records: dict[int, Any]) -> list[Any]:
    return [records[number] for number in sorted(records)]


def test_every_life_of_a_wallet_keeps_the_invariants() -> None:
    """Whatever is earned and redeemed, whenever, the ledger is conserved and agrees with the second opinion."""
    run_state_machine_as_test(Life, settings=settings(max_examples=300, stateful_step_count=30, deadline=None))


# The test of the test: ledgers broken on purpose, as a replacement of one of the ledger's functions.

Payments = tuple[list[Payment], int]


def _oldest_first(lots: Iterable[Lot], points: int, at: int) -> Payments:
    return allocate(sorted(lots, key=lambda lot: (lot.created_at, lot.id)), points, at)


def _pays_what_is_pending(lots: Iterable[Lot], points: int, _: int) -> Payments:
    return allocate(lots, points, NEVER - 1)


def _forgets_what_is_unpaid(lots: Iterable[Lot], points: int, at: int) -> Payments:
    return allocate(lots, points, at)[0], 0


def _loses_a_thousandth(lots: Iterable[Lot], points: int, at: int) -> Payments:
    payments, unpaid = allocate(lots, points, at)
    return [payment._replace(points=payment.points - (payment.points > 5)) for payment in payments], unpaid


def _never_settles(_: Draft) -> None:
    pass


def _takes_any_place(draft: Draft, lot: Lot) -> None:
    draft._lots.append(lot)
    draft._changed[lot.id] = lot


def _keeps_the_clock(draft: Draft, kind: EntryKind, points: int, source_id: int, *, at: int = NEVER) -> None:
    draft._last_at = 0
    _RECORD(draft, kind, points, source_id, at=at)


_RECORD = Draft.record


@pytest.mark.parametrize(
    ("owner", "function", "broken"),
    [
        (ledger, "allocate", _oldest_first),
        (ledger, "allocate", _pays_what_is_pending),
        (ledger, "allocate", _forgets_what_is_unpaid),
        (ledger, "allocate", _loses_a_thousandth),
        (Draft, "settle", _never_settles),
        (Draft, "put", _takes_any_place),
        (Draft, "record", _keeps_the_clock),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_broken_ledger_is_caught(
    owner: object, function: str, broken: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine finds a mistake in the ledger's rules: a ledger broken on purpose does not pass."""
    monkeypatch.setattr(owner, function, broken)
    tries = settings(
        max_examples=300,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        print_blob=False,
    )
    with pytest.raises(AssertionError):  # One of the numbered ones, or one that the ledger makes itself.
        run_state_machine_as_test(Life, settings=tries)
