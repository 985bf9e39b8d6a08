"""Deductions from chosen lots and the activation of pending ones, as stories."""

import pytest

from erply_points.ledger.deductions import deduct
from erply_points.ledger.errors import LotsNotLoaded, NotEnoughPoints
from support.story import moment, new_redemption, story


def test_a_deduction_draws_from_the_chosen_lots_only() -> None:
    """The lot that expires first pays first, among those that were chosen."""
    story("""
        lots     A 300 until 06-01    B 500 until 03-01    C 200 for ever
        deduct   250 from A C on 02-01   -> A 250
        deduct   100 from C A on 02-01   -> A 50    C 50
        lots     B 500 until 03-01    C 150 for ever
        entries  earn 300 on 01-01    earn 500 on 01-01    earn 200 on 01-01    redeem -250 on 02-01 \
                 redeem -100 on 02-01
        balance  650 on 02-01
    """)


def test_the_chosen_lots_are_the_limit() -> None:
    """What other lots hold does not help, and a refused deduction changes nothing."""
    story("""
        lots     A 300 until 06-01    B 500 until 03-01
        deduct   301 from A on 02-01   -> NotEnoughPoints spendable 300
        allow    below zero
        deduct   301 from A on 02-01   -> NotEnoughPoints spendable 300
        totals   redeemed 0    shortfall 0
        deduct   300 from A on 02-01   -> A 300
        deduct   1 from A on 02-01     -> NotEnoughPoints spendable 0
    """)


def test_pending_points_are_deducted_but_not_redeemed() -> None:
    """A lot that waits for its activation pays for no redemption, but for a deduction that names it."""
    story("""
        earn     A 100 on 01-01 pending for ever
        earn     B 50 on 01-01 from 03-01 for ever
        balance  150 on 01-02
        redeem   1 on 01-02             -> NotEnoughPoints spendable 0
        deduct   40 from A on 01-02     -> A 40
        deduct   70 from A B on 01-02   -> A 60    B 10
        lots     B 40 from 03-01 for ever
        redeem   40 on 03-01            -> B 40
    """)


def test_what_has_expired_cannot_be_deducted() -> None:
    """A chosen lot that is past its expiry has nothing left, whoever notices first."""
    story("""
        lots     A 100 until 02-01    B 30 for ever
        deduct   50 from A B on 02-01   -> NotEnoughPoints spendable 30
        deduct   30 from A B on 02-01   -> B 30
        totals   expired 100    redeemed 30
    """)


def test_activation_makes_points_spendable() -> None:
    """An activated lot pays like any other from that moment; the balance had counted it already."""
    story("""
        earn      A 100 on 01-01 pending for ever
        earn      B 50 on 01-01 from 03-01 until 06-01
        earn      C 9 on 01-01 pending for ever
        activate  A B on 02-01           -> none
        lots      B 50 until 06-01    A 100 for ever    C 9 pending for ever
        balance   159 on 02-01
        redeem    151 on 02-01           -> NotEnoughPoints spendable 150
        redeem    120 on 02-01           -> B 50    A 70
    """)


def test_activation_leaves_what_is_active_or_gone() -> None:
    """A lot that is available stays as it is, one that has expired stays lost."""
    story("""
        lots      A 100 for ever
        earn      B 50 on 01-01 pending until 02-01
        activate  A B on 02-02           -> none
        lots      A 100 for ever
        totals    expired 50    earned 150
    """)


def test_activated_points_repay_what_is_owed() -> None:
    """A shortfall is repaid as soon as points become active, by time or by a call."""
    story("""
        allow     below zero
        earn      A 100 on 01-01 pending for ever
        redeem    30 on 01-02        -> unpaid 30
        balance   70 on 01-02
        deduct    60 from A on 01-03   -> A 60
        balance   10 on 01-03
        activate  A on 01-04         -> A repays R1 30
        debts     none
        lots      A 10 for ever
    """)


def test_a_deduction_is_given_back_like_a_redemption() -> None:
    """A deduction is a redemption: what it took can return to the lots that paid it."""
    story("""
        lots       A 100 for ever    B 50 until 06-01
        deduct     80 from A on 02-01        -> A 80
        give back  30 of R1 on 02-02
        totals     redeemed 50
        lots       B 50 until 06-01    A 50 for ever
    """)


def test_a_deduction_with_a_part_of_the_lots_asks_for_the_others_or_decides_the_same() -> None:
    """Chosen lots need not be among those that were read; where an expiry may be hidden, all are asked for."""
    book = story("lots A 10 until 02-01    B 20 until 03-01    C 30 for ever")
    chosen = [lot for lot in book.lots.values() if lot.earned == 30_000]
    partly = book.wallet._replace(lots=book.wallet.lots[:1], complete=False)
    on = moment("01-15")
    whole = deduct(book.wallet, new_redemption(9, 5_000), chosen, on)
    assert deduct(partly, new_redemption(9, 5_000), chosen, on).lots == whole.lots
    with pytest.raises(LotsNotLoaded):
        deduct(partly, new_redemption(9, 5_000), chosen, moment("02-15"))


def test_a_refused_deduction_says_what_was_asked() -> None:
    """NotEnoughPoints carries what was asked for beside what the chosen lots hold."""
    book = story("lots A 300 for ever    B 5 for ever")
    with pytest.raises(NotEnoughPoints) as refusal:
        deduct(book.wallet, new_redemption(3, 400_000), [book.lots[1]], book.entries[-1].at)
    assert refusal.value == NotEnoughPoints(asked=400_000, spendable=300_000)
