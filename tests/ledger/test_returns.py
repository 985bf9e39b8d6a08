"""What a return takes back and gives back, as a shopkeeper would work it out (docs/decisions/0013-returns.md)."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from erply_points.ledger.amounts import BALANCE_MAX, NEVER, from_points
from erply_points.ledger.errors import BalanceTooLarge
from erply_points.ledger.records import Reversal
from erply_points.ledger.returns import give_back, reverse, share, take_again
from erply_points.ledger.wallet import Wallet, earn, redeem
from support.story import CURRENCY, CUSTOMER, new_lot, new_redemption, story


def test_the_sales_own_points_go_first() -> None:
    """A return takes what the sale itself earned, though other points would be lost sooner."""
    story("""
        lots     A 60 until 12-01    B 500 until 03-01
        reverse  40 of A on 02-01   -> A 40
        lots     B 500 until 03-01    A 20 until 12-01
        totals   earned 560    reversed 40    balance 520
        entries  earn 60 on 01-01    earn 500 on 01-01    reverse -40 on 02-01
    """)


def test_points_not_yet_available_are_taken_too() -> None:
    """The sale's own points are taken even before they could be spent."""
    story("""
        lots     B 500 for ever
        earn     A 60 on 01-02 from 06-01 until 12-01
        reverse  60 of A on 02-01   -> A 60
        lots     B 500 for ever
    """)


def test_what_has_expired_counts_as_taken() -> None:
    """Points of the sale that the customer has lost to time already are not taken a second time from others."""
    story("""
        lots     A 60 until 03-01    B 500 for ever
        redeem   10 on 02-01        -> A 10
        reverse  30 of A on 04-01   -> expired 30
        totals   expired 20    reversed 30    redeemed 10    balance 500
        reverse  30 of A on 04-01   -> B 10    expired 20
        totals   expired 0    reversed 60    balance 490
        entries  earn 60 on 01-01  earn 500 on 01-01  redeem -10 on 02-01  expire -50 on 03-01  reverse -10 on 04-01
    """)


def test_spent_points_are_taken_from_other_lots() -> None:
    """What was spent is taken from the customer's other points, soonest expiry first."""
    story("""
        lots     A 60 until 02-10    B 30 until 09-01    C 20 until 06-01    D 5 for ever
        redeem   50 on 02-01        -> A 50
        reverse  60 of A on 02-02   -> A 10    C 20    B 30
        lots     D 5 for ever
        totals   redeemed 50    reversed 60    balance 5
    """)


def test_what_nobody_can_pay_is_owed_and_repaid_by_the_next_earnings() -> None:
    """A customer who spent the points of a returned sale owes them; the next earnings pay that first."""
    story("""
        lots     A 60 for ever
        redeem   50 on 02-01        -> A 50
        reverse  60 of A on 02-02   -> A 10    unpaid 50
        lots     none
        debts    V1 50
        balance  -50 on 02-02
        redeem   1 on 02-03         -> NotEnoughPoints spendable 0
        earn     B 20 on 02-04 for ever   -> B repays V1 20
        debts    V1 30
        earn     C 100 on 02-05 for ever  -> C repays V1 30
        debts    none
        lots     C 70 for ever
        totals   earned 180    redeemed 50    reversed 60    balance 70
    """)


def test_pending_points_repay_what_is_owed_when_they_become_available() -> None:
    """Other points that are not available yet are not taken, but they repay the debt once they are."""
    story("""
        lots     A 60 for ever
        earn     B 100 on 01-02 from 04-01 for ever
        redeem   60 on 02-01
        reverse  60 of A on 02-02   -> unpaid 60
        balance  40 on 02-02
        balance  40 on 04-02
        redeem   41 on 04-02        -> NotEnoughPoints spendable 40
        redeem   40 on 04-02        -> B repays V1 60    B 40
    """)


def test_the_floor_forgives_what_is_not_there() -> None:
    """Where the account says so a return takes what is there and no balance falls below zero."""
    story("""
        forgive  what is missing
        lots     A 60 for ever    B 15 for ever
        redeem   50 on 02-01        -> A 50
        reverse  60 of A on 02-02   -> A 10    B 15    forgiven 35
        debts    none
        balance  0 on 02-02
        earn     C 100 on 02-05 for ever   -> none
        totals   earned 175    redeemed 50    reversed 25    balance 100
    """)


def test_the_floor_lets_pending_points_be_owed() -> None:
    """Points that are there but not available yet are not forgiven: they are owed, and no more than they are."""
    story("""
        forgive  what is missing
        lots     A 60 for ever
        earn     B 20 on 01-02 from 04-01 for ever
        redeem   60 on 02-01
        reverse  50 of A on 02-02   -> unpaid 20    forgiven 30
        balance  0 on 02-02
        redeem   1 on 04-02         -> NotEnoughPoints spendable 0
        reverse  10 of A on 04-03   -> forgiven 10
        debts    none
        totals   reversed 20    balance 0
    """)


def test_the_floor_does_not_raise_a_balance_below_zero() -> None:
    """A customer who owes already owes no more and no less after a return at the floor."""
    story("""
        forgive  what is missing
        allow    below zero
        lots     A 60 for ever
        redeem   80 on 02-01        -> A 60    unpaid 20
        reverse  60 of A on 02-02   -> forgiven 60
        debts    R1 20
        balance  -20 on 02-02
    """)


def test_a_debt_is_paid_before_a_later_one() -> None:
    """Debts of redemptions and of returns are repaid in the order in which they were made."""
    story("""
        allow    below zero
        lots     A 60 for ever
        redeem   70 on 02-01        -> A 60    unpaid 10
        reverse  60 of A on 02-02   -> unpaid 60
        redeem   5 on 02-03         -> unpaid 5
        debts    R1 10    V1 60    R2 5
        earn     B 72 on 02-04 for ever   -> B repays R1 10    B repays V1 60    B repays R2 2
        debts    R2 3
    """)


def test_undoing_a_reversal_gives_each_lot_what_it_paid() -> None:
    """After the credit invoice is deleted everything is as it was before it."""
    story("""
        lots     A 60 until 12-01    B 30 until 09-01
        redeem   50 on 02-01        -> B 30    A 20
        reverse  60 of A on 02-02   -> A 40    unpaid 20
        undo     V1 on 02-03        -> A -40
        lots     A 40 until 12-01
        debts    none
        totals   earned 90    redeemed 50    reversed 0    balance 40
        entries  earn 60 on 01-01  earn 30 on 01-01  redeem -50 on 02-01  reverse -60 on 02-02  return 60 on 02-03
    """)


def test_undoing_a_reversal_that_was_repaid_since() -> None:
    """Earnings that repaid the debt get their points back, and they pay for what is owed still."""
    story("""
        allow    below zero
        lots     A 60 for ever
        redeem   60 on 02-01        -> A 60
        reverse  60 of A on 02-02   -> unpaid 60
        redeem   7 on 02-03         -> unpaid 7
        earn     B 45 on 02-04 for ever   -> B repays V1 45
        undo     V1 on 02-05        -> B -45    B repays R2 7
        lots     B 38 for ever
        debts    none
        balance  38 on 02-05
    """)


def test_undoing_a_reversal_of_expired_points() -> None:
    """Points that had expired before the return have expired again after its undoing: the balance does not move."""
    story("""
        lots     A 60 until 03-01    B 500 for ever
        redeem   10 on 02-01
        reverse  60 of A on 04-01   -> B 10    expired 50
        balance  490 on 04-01
        undo     V1 on 04-02        -> B -10
        totals   expired 50    reversed 0    balance 500
        lots     B 500 for ever
    """)


def test_what_comes_back_after_its_expiry_is_lost() -> None:
    """A lot that expired between a return and its undoing gets its points back and loses them at once."""
    story("""
        lots     A 60 until 03-01    B 500 for ever
        reverse  60 of A on 02-01   -> A 60
        undo     V1 on 04-01        -> A -60
        lots     B 500 for ever
        totals   expired 60    reversed 0    balance 500
        entries  earn 60 on 01-01  earn 500 on 01-01  reverse -60 on 02-01  return 60 on 04-01  expire -60 on 04-01
    """)


def test_undoing_what_was_forgiven_gives_back_what_was_taken_only() -> None:
    """Points that a return forgave were never taken, so its undoing does not give them."""
    story("""
        forgive  what is missing
        lots     A 60 for ever    B 15 for ever
        redeem   50 on 02-01        -> A 50
        reverse  60 of A on 02-02   -> A 10    B 15    forgiven 35
        undo     V1 on 02-03        -> A -10    B -15
        lots     A 10 for ever    B 15 for ever
        totals   reversed 0    balance 25
    """)


def test_points_go_back_to_the_lots_that_paid() -> None:
    """Points spent on a returned sale go back to the lots that paid them, those that live longest first."""
    story("""
        lots     A 300 until 06-01    B 500 until 03-01    C 200 for ever
        redeem   900 on 02-01                -> B 500    A 300    C 100
        give     back 350 of R1 on 02-02     -> C -100    A -250
        lots     A 250 until 06-01    C 200 for ever
        give     back 550 of R1 on 02-03     -> A -50    B -500
        lots     B 500 until 03-01    A 300 until 06-01    C 200 for ever
        totals   redeemed 0    balance 1000
    """)


def test_points_given_back_keep_their_expiry() -> None:
    """A lot that expired meanwhile gets its points back and loses them at once: the balance does not move."""
    story("""
        lots     A 300 until 03-01    B 500 for ever
        redeem   400 on 02-01                -> A 300    B 100
        give     back 250 of R1 on 04-01     -> B -100    A -150
        lots     B 500 for ever
        totals   redeemed 150    expired 150    balance 500
    """)


def test_a_grace_lets_expired_points_live_on() -> None:
    """With days of grace points that expired meanwhile can be spent for so long; others keep their own expiry."""
    story("""
        lots     A 300 until 03-01    B 500 until 04-03
        redeem   400 on 02-01                -> A 300    B 100
        give     back 250 of R1 on 04-01 with 5 days grace     -> B -100    A -150
        lots     B 500 until 04-03    A 150 until 04-06
        balance  650 on 04-02 23:59:59
        balance  150 on 04-05 23:59:59
        balance  0 on 04-06
    """)


def test_a_grace_does_not_revive_what_was_lost_before() -> None:
    """Only the points given back live on: what the same lot had lost unspent stays lost."""
    story("""
        lots     A 300 until 03-01
        redeem   100 on 02-01
        give     back 100 of R1 on 04-01 with 1 days grace     -> A -100
        lots     A 100 until 04-02
        totals   expired 200    balance 100
    """)


def test_debt_is_cancelled_before_points_go_back() -> None:
    """What the customer still owes for the redemption is owed no more, before any lot gets points back."""
    story("""
        allow    below zero
        lots     A 60 for ever
        redeem   100 on 02-01               -> A 60    unpaid 40
        give     back 50 of R1 on 02-02     -> A -10
        debts    none
        balance  10 on 02-02
        give     back 50 of R1 on 02-03     -> A -50
        lots     A 60 for ever
    """)


def test_an_undone_return_finds_its_earning_alive_again() -> None:
    """Lost points that a return took are there again once it is undone, if the earning was given a new expiry since."""
    story("""
        earn    A 60 on 01-01 until 02-01
        reverse 60 of A on 02-02        -> expired 60
        change  A until 06-01 on 02-03
        undo    V1 on 02-04
        balance 60 on 02-05
        lots    A 60 until 06-01
    """)


def test_part_of_a_debt_is_cancelled() -> None:
    """A small return of a redemption below zero only makes the debt smaller."""
    story("""
        allow    below zero
        lots     A 60 for ever
        redeem   100 on 02-01               -> A 60    unpaid 40
        give     back 25 of R1 on 02-02     -> unpaid 15
        debts    R1 15
        earn     B 20 on 02-03 for ever     -> B repays R1 15
        lots     B 5 for ever
    """)


def test_points_given_back_repay_other_debts() -> None:
    """Points that come back pay first for what the customer owes for something else."""
    story("""
        allow    below zero
        lots     A 60 for ever
        redeem   60 on 02-01                -> A 60
        redeem   50 on 02-02                -> unpaid 50
        give     back 60 of R1 on 02-03     -> A -60    A repays R2 50
        lots     A 10 for ever
        debts    none
    """)


def test_points_given_back_are_spent_again() -> None:
    """After the credit invoice is deleted what it gave back is spent again; what is not there any more is owed."""
    story("""
        lots     A 60 until 06-01    B 30 for ever
        redeem   70 on 02-01                    -> A 60    B 10
        give     back 40 of R1 on 02-02         -> B -10    A -30
        spend    again 40 of R1 on 02-03        -> A 30    B 10
        lots     B 20 for ever
        give     back 70 of R1 on 02-04         -> B -10    A -60
        redeem   75 on 02-05                    -> A 60    B 15
        spend    again 70 of R1 on 02-06        -> B 15    unpaid 55
        debts    R1 55
        balance  -55 on 02-06
    """)


def test_a_debt_says_what_its_redemption_says() -> None:
    """What is spent again from a lot counts as spent again, also while the redemption owes something besides."""
    day = 86_400
    lot, redemption = new_lot(1, 5, 0, day), new_redemption(2, 15, 0)
    wallet = _wallet(lambda wallet: earn(wallet, lot, 0), lambda wallet: redeem(wallet, redemption, 0, below_zero=True))
    spent = lot._replace(remaining=0, redeemed=5)
    posting = give_back(wallet, wallet.debts[0], 10, {}, [], 0)  # type: ignore[arg-type]  # It is the redemption.
    posting = give_back(posting.wallet, posting.redemptions[2], 5, {1: 5}, [spent], day)
    lost = posting.lots[1]
    posting = take_again(posting.wallet, posting.redemptions[2], 10, {}, [], day)
    posting = take_again(posting.wallet, posting.redemptions[2], 5, {1: (5, None)}, [lost], day)
    assert posting.redemptions[2] == redemption._replace(unpaid=10, returned=0)
    assert posting.wallet.debts == (posting.redemptions[2],)


@st.composite
def partitions(draw: st.DrawFn) -> tuple[int, list[int]]:
    """Points earned, and the amounts of the returns that make up the whole sale."""
    whole = draw(st.integers(1, 10**7))
    cuts = draw(st.lists(st.integers(0, whole), max_size=12))
    ends = [0, *sorted(cuts), whole]
    parts = [after - before for before, after in pairwise(ends)]
    return draw(st.integers(1, 10**9)), draw(st.permutations(parts))


@example((11, [333, 334, 334]))
@example((1, [1, 1, 1]))
@given(partitions())
def test_parts_in_any_order_add_up_to_the_whole(sale: tuple[int, list[int]]) -> None:
    """However a sale is returned in parts, each takes whole points, none is below zero, and all take exactly all."""
    earned, parts = sale
    points, whole = from_points(earned), sum(parts)
    taken = returned = 0
    for part in parts:
        returned += part
        now = share(points, returned, whole) - taken
        assert now >= 0
        assert now % 1000 == 0
        taken += now
        kept = points - taken
        assert kept * whole >= points * (whole - returned)  # What is kept is rounded up,
        assert (kept - 1000) * whole < points * (whole - returned)  # but by less than a point.
    assert taken == points


def _wallet(*operations: Any) -> Wallet:
    wallet = Wallet.empty(CUSTOMER, CURRENCY)
    for operation in operations:
        wallet = operation(wallet).wallet
    return wallet


def test_a_return_cannot_make_a_balance_too_large_or_too_small() -> None:
    """Giving back and taking back stop at what a wallet can hold, either way, and change nothing."""
    redemption = new_redemption(2, 5, 0)
    lot = new_lot(1, BALANCE_MAX)
    full = _wallet(
        lambda wallet: earn(wallet, lot, 0),
        lambda wallet: redeem(wallet, redemption, 0, below_zero=False),
        lambda wallet: earn(wallet, new_lot(3, 5), 0),
    )
    spent = full.lots[0]._replace(id=1)
    with pytest.raises(BalanceTooLarge):
        give_back(full, redemption, 5, {1: 5}, [spent], 0)
    owing = _wallet(lambda wallet: redeem(wallet, new_redemption(4, BALANCE_MAX), 0, below_zero=True))
    with pytest.raises(BalanceTooLarge):
        take_again(owing, new_redemption(4, BALANCE_MAX)._replace(returned=1), 1, {}, [], 0)
    reversal = Reversal(5, CUSTOMER, CURRENCY, 1, 5, 0, 0, 0, 0, 0)
    lost = new_lot(1, 5, 0, NEVER)._replace(remaining=0, redeemed=5)
    with pytest.raises(BalanceTooLarge):
        reverse(owing, reversal, lost, 0, below_zero=True)
