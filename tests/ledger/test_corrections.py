"""Corrections of the histories, as a shopkeeper would work them out (docs/decisions/0014-corrections.md)."""

from support.story import story


def test_unspent_points_move() -> None:
    """An earning entered for the wrong customer takes its points along to the right one."""
    story("""
        lots      A 100 until 06-01    B 50 for ever
        move      A to Mari on 02-01
        lots      B 50 for ever
        totals    earned 50    balance 50
        entries   earn 100 on 01-01    earn 50 on 01-01    correct -100 on 02-01
        customer  Mari
        lots      A 100 until 06-01
        totals    earned 100    balance 100
        entries   correct 100 on 02-01
    """)


def test_what_moved_points_had_paid_is_paid_by_others() -> None:
    """What the earning had paid for is paid by the old customer's other points; the new one gets all of it."""
    story("""
        lots      A 100 until 06-01    B 80 until 09-01    C 50 until 07-01
        redeem    60 on 02-01          -> A 60
        move      A to Mari on 02-02   -> A repays R1 -60    C repays R1 50    B repays R1 10
        lots      B 70 until 09-01
        totals    earned 130    redeemed 60    balance 70
        customer  Mari
        lots      A 100 until 06-01
        totals    earned 100    redeemed 0    balance 100
    """)


def test_spent_points_that_nobody_else_can_pay_for_stay() -> None:
    """An earning stays where it is if the old customer's balance would fall below zero, and nothing changes."""
    story("""
        lots      A 100 for ever    B 59 for ever
        redeem    60 on 02-01          -> A 60
        move      A to Mari on 02-02   -> NotEnoughPoints spendable 99
        lots      A 40 for ever    B 59 for ever
        entries   earn 100 on 01-01    earn 59 on 01-01    redeem -60 on 02-01
        customer  Mari
        entries   none
    """)


def test_pending_points_cannot_pay_for_what_moves() -> None:
    """Points that are not available yet count for the balance, but they cannot pay in place of what moves."""
    story("""
        lots      A 100 for ever
        earn      B 100 on 01-02 from 06-01 for ever
        redeem    60 on 02-01          -> A 60
        move      A to Mari on 02-02   -> NotEnoughPoints spendable 0
        lots      A 40 for ever    B 100 from 06-01 for ever
    """)


def test_an_earning_that_paid_for_a_return_moves() -> None:
    """What a return had taken of an earning is taken from the old customer's other points instead."""
    story("""
        lots      A 60 for ever    B 60 for ever    C 60 for ever
        redeem    60 on 02-01          -> A 60
        reverse   60 of A on 02-02     -> B 60
        move      B to Mari on 02-03   -> B repays V1 -60    C repays V1 60
        lots      none
        totals    earned 120    redeemed 60    reversed 60    balance 0
        customer  Mari
        lots      B 60 for ever
    """)


def test_expired_points_move_without_a_balance() -> None:
    """What was lost in the old wallet is lost in the new one too; what was spent there is there again, and lost."""
    story("""
        lots      A 100 until 03-01    B 100 for ever
        redeem    30 on 02-01          -> A 30
        move      A to Mari on 04-01   -> A repays R1 -30    B repays R1 30
        totals    earned 100    expired 0    redeemed 30    balance 70
        customer  Mari
        lots      none
        totals    earned 100    expired 100    balance 0
        entries   correct 30 on 04-01    expire -30 on 04-01
    """)


def test_points_that_arrive_repay_a_debt() -> None:
    """The new customer's debts are paid from the points that arrive."""
    story("""
        lots      A 100 for ever
        customer  Mari
        allow     below zero
        redeem    30 on 02-01          -> unpaid 30
        customer  first
        move      A to Mari on 02-02   -> A repays R1 30
        totals    balance 0
        customer  Mari
        lots      A 70 for ever
        debts     none
    """)


def test_there_and_back_again() -> None:
    """An earning or a redemption that moves away and back leaves lots and balances as they were."""
    story("""
        lots      A 100 until 06-01    B 100 for ever
        redeem    30 on 02-01          -> A 30
        customer  Mari
        earn      C 30 on 01-01 until 05-01
        customer  first
        move      R1 to Mari on 02-02  -> A -30    C 30
        customer  Mari
        move      R1 to first on 02-03 -> C -30    A 30
        lots      C 30 until 05-01
        customer  first
        lots      A 70 until 06-01    B 100 for ever
        move      A to Mari on 02-04   -> A repays R1 -30    B repays R1 30
        customer  Mari
        move      A to first on 02-05
        lots      C 30 until 05-01
        customer  first
        lots      A 100 until 06-01    B 70 for ever
        totals    earned 200    redeemed 30    balance 170
    """)


def test_a_redemption_is_paid_by_the_other_customer() -> None:
    """A redemption entered for the wrong customer gives its points back there and takes them from the right one."""
    story("""
        lots      A 100 until 06-01    B 50 until 03-15
        redeem    70 on 02-01          -> B 50    A 20
        customer  Mari
        earn      C 30 on 01-01 until 05-01
        earn      D 90 on 01-01 for ever
        customer  first
        move      R1 to Mari on 02-02  -> B -50    A -20    C 30    D 40
        lots      B 50 until 03-15    A 100 until 06-01
        totals    redeemed 0    balance 150
        entries   earn 100 on 01-01    earn 50 on 01-01    redeem -70 on 02-01    correct 70 on 02-02
        customer  Mari
        lots      D 50 for ever
        totals    redeemed 70    balance 50
        entries   earn 30 on 01-01    earn 90 on 01-01    correct -70 on 02-02
    """)


def test_a_redemption_that_the_other_customer_cannot_pay_stays() -> None:
    """The right customer must have the points; otherwise nothing changes anywhere."""
    story("""
        lots      A 100 for ever
        redeem    70 on 02-01          -> A 70
        customer  Mari
        earn      B 69 on 01-01 for ever
        earn      C 69 on 01-01 from 06-01 for ever
        customer  first
        move      R1 to Mari on 02-02  -> NotEnoughPoints spendable 69
        lots      A 30 for ever
        customer  Mari
        lots      B 69 for ever    C 69 from 06-01 for ever
    """)


def test_a_redemption_may_move_below_zero() -> None:
    """Where redemptions may go below zero the right customer owes what is missing, and the old one is free of it."""
    story("""
        allow     below zero
        lots      A 20 for ever
        redeem    70 on 02-01          -> A 20    unpaid 50
        customer  Mari
        earn      B 69 on 01-01 for ever
        customer  first
        move      R1 to Mari on 02-02  -> A -20    B 69    unpaid 1
        debts     none
        lots      A 20 for ever
        totals    balance 20
        customer  Mari
        debts     R1 1
        totals    balance -1
    """)


def test_points_that_a_moved_redemption_frees_repay_other_debts() -> None:
    """The old customer's points pay for other debts first."""
    story("""
        allow     below zero
        lots      A 50 for ever
        redeem    50 on 02-01          -> A 50
        redeem    45 on 02-02          -> unpaid 45
        customer  Mari
        earn      B 60 on 01-01 for ever
        customer  first
        move      R1 to Mari on 02-03  -> A -50    A repays R2 45    B 50
        lots      A 5 for ever
        debts     none
    """)


def test_points_that_a_moved_redemption_frees_too_late_are_lost() -> None:
    """What comes back to a lot that has expired meanwhile is lost, as it would have been."""
    story("""
        lots      A 50 until 03-01
        redeem    50 on 02-01          -> A 50
        customer  Mari
        earn      B 60 on 01-01 for ever
        customer  first
        move      R1 to Mari on 04-01  -> A -50    B 50
        lots      none
        totals    expired 50    redeemed 0    balance 0
    """)


def test_what_was_given_back_does_not_move() -> None:
    """Only what is left of a redemption after returns is paid by the other customer."""
    story("""
        lots      A 100 for ever
        redeem    70 on 02-01              -> A 70
        give      back 30 of R1 on 02-02   -> A -30
        customer  Mari
        earn      B 40 on 01-01 for ever
        customer  first
        move      R1 to Mari on 02-03      -> A -40    B 40
        lots      A 100 for ever
        customer  Mari
        lots      none
        give      back 40 of R1 on 02-04   -> B -40
        lots      B 40 for ever
    """)


def test_what_costs_nothing_moves_to_whoever_owes() -> None:
    """A redemption given back in full, and an earning lost unspent, move whatever the customers owe: nobody pays."""
    story("""
        lots      A 70 until 03-01    B 30 for ever
        redeem    30 on 02-01              -> A 30
        give      back 30 of R1 on 02-02   -> A -30
        allow     below zero
        redeem    35 on 04-01              -> B 30    unpaid 5
        customer  Mari
        redeem    5 on 04-01               -> unpaid 5
        refuse    below zero
        customer  first
        move      R1 to Mari on 04-02      -> none
        move      A to Mari on 04-02       -> none
        totals    expired 0    balance -5
        customer  Mari
        totals    expired 70    redeemed 5    balance -5
    """)


def test_a_later_expiry_revives_what_was_lost() -> None:
    """A new expiry gives back what the old one took, and no more."""
    story("""
        lots      A 100 until 03-01
        redeem    30 on 02-01
        change    A until 05-01 on 04-01
        lots      A 70 until 05-01
        totals    expired 0    balance 70
        entries   earn 100 on 01-01  redeem -30 on 02-01  expire -70 on 03-01  correct 70 on 04-01
        change    A until 05-02 on 05-02
        lots      none
        change    A for ever on 06-01
        lots      A 70 for ever
    """)


def test_an_earlier_expiry_counts_from_its_day() -> None:
    """A new expiry changes the order of spending; one that has passed loses the points at once."""
    story("""
        lots      A 100 for ever    B 100 until 06-01
        change    A until 05-01 on 02-01
        lots      A 100 until 05-01    B 100 until 06-01
        redeem    110 on 02-02         -> A 100    B 10
        change    B until 01-15 on 02-03
        lots      none
        totals    expired 90    balance 0
    """)


def test_revived_points_repay_a_debt() -> None:
    """Points that are there again pay first for what is owed."""
    story("""
        allow     below zero
        lots      A 100 until 03-01
        redeem    30 on 04-01          -> unpaid 30
        change    A until 05-01 on 04-02   -> A repays R1 30
        lots      A 70 until 05-01
        debts     none
    """)


def test_another_beginning_changes_the_age_only() -> None:
    """A new time of earning changes which of two equal lots pays first, and nothing else."""
    story("""
        lots      A 10 until 06-01    B 10 until 06-01
        change    B dated 01-01 until 06-01 on 02-01
        lots      A 10 until 06-01    B 10 until 06-01
        change    A dated 01-20 until 06-01 on 02-01
        lots      B 10 until 06-01    A 10 until 06-01
        redeem    11 on 02-02          -> B 10    A 1
    """)
