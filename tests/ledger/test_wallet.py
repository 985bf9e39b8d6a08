"""What may be done to a wallet, as stories, and wallets of which only the first lots were read."""

from collections.abc import Callable

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from erply_points.ledger.amounts import BALANCE_MAX, NEVER
from erply_points.ledger.errors import BalanceTooLarge, LedgerError, LotsNotLoaded, NotEnoughPoints
from erply_points.ledger.records import EntryKind
from erply_points.ledger.wallet import Draft, Posting, Wallet, earn, redeem
from support.story import CURRENCY, CUSTOMER, Book, new_lot, new_redemption, story


def test_an_empty_wallet_has_nothing_and_pays_nothing() -> None:
    """A customer without points has a balance of zero and is refused from the first point."""
    story("""
        balance  0 on 01-01
        redeem   1 on 01-01   -> NotEnoughPoints spendable 0
        entries  none
        earn     A 1 on 01-02 for ever
        redeem   1 on 01-02   -> A 1
        lots     none
        balance  0 on 01-02
    """)


def test_a_refused_redemption_changes_nothing() -> None:
    """Points that are refused stay where they were, with no entry and no number used."""
    story("""
        lots     A 300 until 06-01    B 500 until 03-01
        redeem   801 on 02-01   -> NotEnoughPoints spendable 800
        lots     B 500 until 03-01    A 300 until 06-01
        entries  earn 300 on 01-01    earn 500 on 01-01
        totals   redeemed 0    shortfall 0
        redeem   800 on 02-01   -> B 500    A 300
    """)


def test_a_refusal_does_not_even_settle_the_wallet() -> None:
    """Lots past their expiry are written off by the next operation that is carried out, not by one that is refused."""
    story("""
        lots     A 300 until 02-01    B 100 for ever
        redeem   200 on 03-01   -> NotEnoughPoints spendable 100
        entries  earn 300 on 01-01    earn 100 on 01-01
        balance  100 on 03-01
        redeem   50 on 04-01    -> B 50
        entries  earn 300 on 01-01    earn 100 on 01-01    expire -300 on 02-01    redeem -50 on 04-01
    """)


def test_a_refusal_says_what_was_asked() -> None:
    """NotEnoughPoints carries the points that were asked for beside those that can be spent."""
    book = story("lots A 300 for ever")
    with pytest.raises(NotEnoughPoints) as refusal:
        redeem(book.wallet, new_redemption(2, 400_000), book.entries[-1].at, below_zero=False)
    assert refusal.value == NotEnoughPoints(asked=400_000, spendable=300_000)


def test_points_are_lost_at_the_very_second_of_their_expiry() -> None:
    """The second before its expiry a lot still pays; at its expiry it is gone."""
    story("""
        lots     A 300 until 06-01    B 100 for ever
        balance  400 on 05-31 23:59:59
        balance  100 on 06-01
        redeem   10 on 05-31 23:59:59   -> A 10
        redeem   110 on 06-01           -> NotEnoughPoints spendable 100
        redeem   10 on 06-01            -> B 10
        totals   expired 290    redeemed 20
        lots     B 90 for ever
    """)


def test_expiry_is_written_down_as_of_its_moment() -> None:
    """However late it is noticed, an expiry's entry bears its own date and stands in the order of expiries."""
    story("""
        lots     A 100 until 05-01    B 200 until 03-01    C 400 until 04-01 12:30:00    D 5 for ever
        earn     E 1 on 12-01 for ever
        entries  earn 100 on 01-01    earn 200 on 01-01    earn 400 on 01-01    earn 5 on 01-01 \
                 expire -200 on 03-01    expire -400 on 04-01 12:30:00    expire -100 on 05-01 \
                 earn 1 on 12-01
        lots     D 5 for ever    E 1 for ever
        totals   earned 706    expired 700
    """)


def test_only_what_is_left_of_a_lot_expires() -> None:
    """Points that were redeemed in time are not lost again."""
    story("""
        lots     A 300 until 03-01
        redeem   100 on 02-01   -> A 100
        earn     B 7 on 03-01 for ever
        totals   earned 307    redeemed 100    expired 200    balance 7
    """)


def test_a_drained_lot_leaves_no_expiry() -> None:
    """A lot that was spent to the last point has nothing to lose and gets no entry."""
    story("""
        lots     A 300 until 03-01
        redeem   300 on 02-01   -> A 300
        earn     B 7 on 04-01 for ever
        entries  earn 300 on 01-01    redeem -300 on 02-01    earn 7 on 04-01
    """)


def test_an_earning_that_has_expired_already_is_recorded_as_both() -> None:
    """A history may be carried over: what is past counts as earned and as expired, and moves no balance."""
    story("""
        lots     A 100 for ever
        earn     B 500 on 05-01 dated 02-01 until 03-01
        lots     A 100 for ever
        entries  earn 100 on 01-01    earn 500 on 05-01    expire -500 on 05-01
        totals   earned 600    expired 500    balance 100
        redeem   101 on 05-01   -> NotEnoughPoints spendable 100
    """)


def test_an_earning_that_has_expired_already_repays_nothing() -> None:
    """A shortfall is repaid with points that can be spent, not with points of the past."""
    story("""
        allow    below zero
        redeem   50 on 04-01   -> unpaid 50
        earn     A 500 on 05-01 dated 02-01 until 03-01   -> none
        debts    R1 50
        balance  -50 on 05-01
    """)


def test_below_zero_where_the_account_allows_it() -> None:
    """What no lot pays is the shortfall: the balance goes below zero and the lots are empty."""
    story("""
        lots     A 300 for ever
        redeem   301 on 02-01   -> NotEnoughPoints spendable 300
        allow    below zero
        redeem   500 on 02-01   -> A 300    unpaid 200
        balance  -200 on 02-01
        totals   shortfall 200    redeemed 500
        redeem   10 on 02-02    -> unpaid 10
        refuse   below zero
        redeem   1 on 02-03     -> NotEnoughPoints spendable 0
        debts    R1 200    R2 10
    """)


def test_the_next_earning_repays_a_shortfall_at_once() -> None:
    """Of an earning after a shortfall only what is beyond it can be spent."""
    story("""
        allow    below zero
        redeem   200 on 02-01   -> unpaid 200
        earn     A 500 on 03-01 until 06-01   -> A repays R1 200
        debts    none
        lots     A 300 until 06-01
        balance  300 on 03-01
        entries  redeem -200 on 02-01    earn 500 on 03-01
        redeem   301 on 03-02   -> A 300    unpaid 1
    """)


def test_the_oldest_debt_is_repaid_first_and_in_parts() -> None:
    """Earnings repay redemptions in their order, each as far as the points go."""
    story("""
        allow    below zero
        redeem   100 on 02-01   -> unpaid 100
        redeem   50 on 02-02    -> unpaid 50
        earn     A 30 on 02-03 for ever    -> A repays R1 30
        debts    R1 70    R2 50
        totals   shortfall 120    balance -120
        earn     B 90 on 02-04 for ever    -> B repays R1 70    B repays R2 20
        debts    R2 30
        earn     C 30 on 02-05 for ever    -> C repays R2 30
        debts    none
        lots     none
        balance  0 on 02-05
    """)


def test_a_repayment_takes_the_new_points_to_the_last_one() -> None:
    """An earning of exactly the shortfall leaves neither a debt nor a lot."""
    story("""
        allow    below zero
        redeem   100 on 02-01   -> unpaid 100
        earn     A 100 on 02-03 until 03-01   -> A repays R1 100
        debts    none
        lots     none
        earn     B 1 on 04-01 for ever        -> none
        totals   earned 101    redeemed 100    expired 0    shortfall 0    balance 1
    """)


def test_pending_points_count_but_do_not_pay() -> None:
    """A pending lot is in the balance from the start and pays nothing before it is available."""
    story("""
        lots     A 100 for ever
        earn     B 500 on 02-01 from 03-01 until 06-01
        balance  600 on 02-01
        redeem   101 on 02-28 23:59:59   -> NotEnoughPoints spendable 100
        redeem   700 on 02-28 23:59:59   -> NotEnoughPoints spendable 100
        redeem   60 on 02-28             -> A 60
        redeem   101 on 03-01            -> B 101
        balance  439 on 03-01
    """)


def test_pending_points_do_not_spare_a_shortfall() -> None:
    """A redemption beyond the available lots leaves a shortfall, though more is pending."""
    story("""
        allow    below zero
        earn     A 500 on 02-01 from 03-01 until 06-01
        redeem   100 on 02-02   -> unpaid 100
        balance  400 on 02-02
        totals   shortfall 100    balance 400
    """)


def test_a_pending_lot_repays_a_shortfall_when_it_becomes_available() -> None:
    """A pending lot leaves a shortfall alone until it is available, then repays it before anything else."""
    story("""
        allow    below zero
        redeem   100 on 02-01   -> unpaid 100
        earn     A 500 on 02-02 from 03-01 until 06-01   -> none
        earn     B 30 on 02-03 for ever                  -> B repays R1 30
        redeem   5 on 02-28                              -> unpaid 5
        debts    R1 70    R2 5
        redeem   10 on 03-01   -> A repays R1 70    A repays R2 5    A 10
        debts    none
        balance  415 on 03-01
    """)


def test_a_shortfall_is_repaid_when_points_become_available_however_late_it_is_noticed() -> None:
    """A lot that became available and has expired since repaid the shortfall first: looking late changes nothing."""
    told = """
        allow    below zero
        redeem   100 on 02-01   -> unpaid 100
        earn     A 500 on 02-02 from 03-01 until 06-01   -> none
        {}
        balance  0 on 07-01
        earn     C 1 on 07-01 for ever
        debts    none
        totals   expired {}    shortfall 0    balance {}
    """
    story(told.format("earn B 1 on 04-01 until 05-01 -> A repays R1 100", 401, 1))
    story(told.format("", 400, 1))


def test_a_shortfall_of_a_time_that_the_clock_stepped_back_to_is_repaid_no_less() -> None:
    """Points that became available before the latest entry of the history, but after it was written, repay too."""
    story("""
        allow    below zero
        lots     A 10 for ever
        redeem   10 on 03-01    -> A 10
        earn     B 50 on 02-01 from 02-10 until 02-20
        redeem   30 on 02-02    -> unpaid 30
        redeem   5 on 02-25     -> B repays R2 30    unpaid 5
    """)


def test_debts_are_repaid_by_what_is_available_first() -> None:
    """Of two pending lots the one that becomes available first repays, though the other would expire sooner."""
    story("""
        allow    below zero
        redeem   100 on 02-01   -> unpaid 100
        earn     A 100 on 02-02 from 03-01 for ever
        earn     B 100 on 02-02 from 04-01 until 06-01
        redeem   10 on 05-01   -> A repays R1 100    B 10
    """)


def test_a_clock_that_steps_back_keeps_the_entries_in_order() -> None:
    """Entries never go back in time, and what has expired does not come back with the clock."""
    story("""
        lots     A 100 until 03-01    B 50 for ever
        redeem   10 on 03-05    -> B 10
        redeem   10 on 02-01    -> B 10
        earn     C 5 on 02-02 for ever
        entries  earn 100 on 01-01    earn 50 on 01-01    expire -100 on 03-01    redeem -10 on 03-05 \
                 redeem -10 on 03-05    earn 5 on 03-05
        balance  35 on 02-02
    """)


def test_a_wallet_holds_so_much_and_no_more() -> None:
    """An earning that a wallet cannot hold is refused; expired points make room."""
    most = BALANCE_MAX // 1_000
    story(f"""
        lots     A {most - 1} until 03-01
        earn     B 2 on 02-01 for ever   -> BalanceTooLarge limit {most}
        earn     B 1 on 02-01 for ever   -> none
        earn     C 1 on 02-28 for ever   -> BalanceTooLarge limit {most}
        earn     C {most - 1} on 03-01 for ever
        balance  {most} on 03-01
    """)


def test_a_shortfall_grows_so_far_and_no_further() -> None:
    """A redemption below the lowest balance is refused, though the account allows balances below zero."""
    most = BALANCE_MAX // 1_000
    story(f"""
        allow    below zero
        lots     A 10 for ever
        redeem   {most + 11} on 02-01   -> BalanceTooLarge limit {most}
        redeem   {most + 10} on 02-01   -> A 10    unpaid {most}
        redeem   1 on 02-01             -> BalanceTooLarge limit {most}
        balance  -{most} on 02-01
    """)


def test_every_record_of_a_posting_stands_in_its_wallet() -> None:
    """The lots and redemptions that a posting changes are the very ones its wallet holds, references kept."""
    lot = new_lot(1, 500)._replace(document_id=3, point_of_sale_id=4, employee_id=5, description="Birthday")
    earned = earn(Wallet.empty(CUSTOMER, CURRENCY), lot, 10)
    assert earned.lots == {1: lot}
    assert earned.wallet.lots == (lot,)
    assert [(entry.kind, entry.number, entry.source_id) for entry in earned.entries] == [(EntryKind.EARN, 1, 1)]
    asked = new_redemption(2, 800)._replace(document_id=3, campaign_id=6, description="A mug")
    redeemed = redeem(earned.wallet, asked, 11, below_zero=True)
    assert redeemed.redemptions == {2: asked._replace(unpaid=300)}
    assert redeemed.wallet.debts == (asked._replace(unpaid=300),)
    assert redeemed.lots == {1: lot._replace(remaining=0, redeemed=500)}
    assert [(entry.kind, entry.number, entry.source_id) for entry in redeemed.entries] == [(EntryKind.REDEEM, 2, 2)]


# Wallets of which only the first lots were read.


def first(wallet: Wallet, lots: int) -> Wallet:
    """The wallet as it is when only its first `lots` open lots were read."""
    return wallet._replace(lots=wallet.lots[:lots], complete=len(wallet.lots) <= lots)


def _book() -> Book:
    return story("""
        lots    A 100 until 03-01    B 100 until 04-01    C 100 until 05-01    D 100 for ever
    """)


JANUARY, MARCH, APRIL = (1_767_225_600, 1_772_323_200, 1_775_001_600)


def test_the_first_lots_are_enough_for_a_redemption_that_they_pay() -> None:
    """A redemption that the lots read can pay is decided without the others."""
    wallet = _book().wallet
    posting = redeem(first(wallet, 2), new_redemption(9, 200_000), JANUARY, below_zero=False)
    assert posting.allocations == redeem(wallet, new_redemption(9, 200_000), JANUARY, below_zero=False).allocations
    assert posting.wallet.totals.balance == 200_000
    assert not posting.wallet.complete


@pytest.mark.parametrize(
    "decide",
    [
        lambda wallet: redeem(wallet, new_redemption(9, 201_000), JANUARY, below_zero=False),
        lambda wallet: redeem(wallet, new_redemption(9, 201_000), JANUARY, below_zero=True),
        lambda wallet: redeem(wallet, new_redemption(9, 401_000), JANUARY, below_zero=True),
        lambda wallet: redeem(wallet, new_redemption(9, 1_000), APRIL, below_zero=False),
        lambda wallet: earn(wallet, new_lot(9, 1_000), APRIL),
        lambda wallet: wallet.balance_at(APRIL),
        lambda wallet: redeem(first(wallet, 0), new_redemption(9, 1_000), JANUARY, below_zero=False),
        lambda wallet: earn(first(wallet, 0), new_lot(9, 1_000), JANUARY),
        lambda wallet: first(wallet, 0).balance_at(JANUARY),
    ],
    ids=[
        "paid by a lot not read",
        "below zero, yet paid by a lot not read",
        "below zero, partly paid by lots not read",
        "all lots read have expired: redeem",
        "all lots read have expired: earn",
        "all lots read have expired: balance",
        "no lot read: redeem",
        "no lot read: earn",
        "no lot read: balance",
    ],
)
def test_a_decision_that_needs_the_other_lots_is_not_taken(decide: Callable[[Wallet], object]) -> None:
    """Where the lots not read would matter the ledger asks for them, naming the wallet."""
    with pytest.raises(LotsNotLoaded) as missing:
        decide(first(_book().wallet, 2))
    assert missing.value == LotsNotLoaded(CUSTOMER, CURRENCY)


def test_a_refusal_tells_what_can_be_spent_of_the_whole_wallet() -> None:
    """A customer is never told a smaller number of points to spend because only some lots were read."""
    wallet = first(_book().wallet, 2)
    with pytest.raises((LotsNotLoaded, NotEnoughPoints)) as told:
        redeem(wallet, new_redemption(9, 500_000), JANUARY, below_zero=False)
    assert told.value in (LotsNotLoaded(CUSTOMER, CURRENCY), NotEnoughPoints(asked=500_000, spendable=400_000))


def test_an_earning_behind_the_lots_not_read_is_not_taken_for_one_of_the_first() -> None:
    """A new lot joins the lots read only if it stands before the last of them: nothing may pay out of turn."""
    wallet = first(_book().wallet, 2)
    behind = earn(wallet, new_lot(9, 1_000, JANUARY, NEVER), JANUARY).wallet
    assert [lot.id for lot in behind.lots] == [1, 2]
    between = earn(wallet, new_lot(9, 1_000, JANUARY, MARCH + 1), JANUARY).wallet
    assert [lot.id for lot in between.lots] == [1, 9, 2]
    assert behind.totals.balance == between.totals.balance == 401_000


def _outcome(operation: Callable[[Wallet], Posting], wallet: Wallet) -> Posting | LedgerError:
    try:
        return operation(wallet)
    except (NotEnoughPoints, BalanceTooLarge) as refusal:
        return refusal


_TIMES = st.integers(0, 3)


@given(data=st.data())
def test_what_is_decided_from_the_first_lots_is_what_the_whole_wallet_decides(data: st.DataObject) -> None:
    """An incomplete wallet gives the same records, balance and refusal as the whole one, or asks for it."""
    wallet = Wallet.empty(CUSTOMER, CURRENCY)
    for number in range(1, data.draw(st.integers(1, 8)) + 1):
        available, expires = data.draw(_TIMES), data.draw(st.integers(2, 9) | st.just(NEVER))
        wallet = earn(wallet, new_lot(number, data.draw(st.integers(1, 9)), 0, expires, available), 0).wallet
        if data.draw(st.booleans()):
            debt = new_redemption(100 + number, data.draw(st.integers(1, 12)))
            wallet = redeem(wallet, debt, 0, below_zero=True).wallet
    at = data.draw(_TIMES)
    points = data.draw(st.integers(1, 30))
    below_zero = data.draw(st.booleans())
    lot = new_lot(50, points, 0, data.draw(st.integers(1, 9) | st.just(NEVER)), at)
    partial = first(wallet, data.draw(st.integers(0, len(wallet.lots))))
    operations: list[Callable[[Wallet], Posting]] = [
        lambda wallet: earn(wallet, lot, at),
        lambda wallet: redeem(wallet, new_redemption(200, points), at, below_zero=below_zero),
    ]
    for operation in operations:
        expected = _outcome(operation, wallet)
        try:
            found = _outcome(operation, partial)
        except LotsNotLoaded:
            event("asked for the whole wallet")
            assert not partial.complete
            continue
        event(f"decided, complete: {partial.complete}, {type(expected).__name__}")
        if isinstance(expected, LedgerError) or isinstance(found, LedgerError):
            assert found == expected
            continue
        assert (found.lots, found.redemptions, found.allocations, found.entries) == (
            expected.lots,
            expected.redemptions,
            expected.allocations,
            expected.entries,
        )
        assert found.wallet.totals == expected.wallet.totals
        assert found.wallet.debts == expected.wallet.debts
        assert found.wallet.lots == expected.wallet.lots[: len(found.wallet.lots)]
        assert found.wallet.complete == partial.complete
    try:
        assert partial.balance_at(at) == wallet.balance_at(at)
    except LotsNotLoaded:
        assert not partial.complete


@given(
    points=st.integers(1, 120_000),
    remaining=st.lists(st.integers(1, 60_000), min_size=1, max_size=4),
    last_at=st.integers(JANUARY - 10, JANUARY + 10),
    complete=st.booleans(),
)
def test_the_short_way_is_the_long_way(points: int, remaining: list[int], last_at: int, complete: bool) -> None:
    """A redemption that the first lot can pay alone is decided as by a draft, to the last record."""
    lots = tuple(
        new_lot(number, each)._replace(available_at=JANUARY - 5 + number) for number, each in enumerate(remaining, 1)
    )
    wallet = Wallet.empty(CUSTOMER, CURRENCY)
    totals = wallet.totals._replace(balance=sum(remaining), earned=sum(remaining), entries=3, last_at=last_at)
    wallet = wallet._replace(totals=totals, lots=lots, complete=complete)
    redemption = new_redemption(9, points)

    def long_way() -> Posting:
        draft = Draft(wallet, JANUARY)
        draft.redeemed += points
        draft.record(EntryKind.REDEEM, -points, redemption.id)
        draft.owe(redemption, draft.pay(redemption, points))
        return draft.posting()

    event("short" if points < remaining[0] and lots[0].available_at <= JANUARY else "long")
    if points <= sum(lot.remaining for lot in lots if lot.available_at <= JANUARY):
        assert redeem(wallet, redemption, JANUARY, below_zero=False) == long_way()
