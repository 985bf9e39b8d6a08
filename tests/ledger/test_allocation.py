"""Which lots pay."""

from hypothesis import given
from hypothesis import strategies as st

from erply_points.ledger.allocation import Payment, allocate, redemption_order
from erply_points.ledger.amounts import NEVER
from erply_points.ledger.records import Lot
from support.story import new_lot, story


def test_soonest_expiry_pays_first() -> None:
    """A redemption drains the lot that would be lost first, whatever its age."""
    story("""
        lots    A 300 until 06-01    B 500 until 03-01    C 200 for ever
        redeem  600 on 02-01      -> B 500    A 100
        redeem  401 on 02-02      -> NotEnoughPoints spendable 400
        lots    A 200 until 06-01    C 200 for ever
    """)


def test_of_one_expiry_the_oldest_pays_first() -> None:
    """Between lots that expire together the earlier earning pays, in whatever order they were recorded."""
    story("""
        earn    A 100 on 01-10 dated 01-09 until 06-01
        earn    B 100 on 01-11 dated 01-08 until 06-01
        earn    C 100 on 01-12 dated 01-10 until 06-01
        lots    B 100 until 06-01    A 100 until 06-01    C 100 until 06-01
        redeem  150 on 01-20   -> B 100    A 50
    """)


def test_of_one_expiry_and_age_the_first_recorded_pays_first() -> None:
    """Lots alike in expiry and age pay in the order they were recorded, so the choice is never a toss-up."""
    story("""
        earn    A 100 on 01-10 until 06-01
        earn    B 100 on 01-10 until 06-01
        redeem  120 on 01-20   -> A 100    B 20
    """)


def test_points_that_never_expire_are_kept_to_the_last() -> None:
    """A lot for ever pays only when every lot with a date is empty, though it is the oldest."""
    story("""
        earn    A 100 on 01-01 for ever
        earn    B 100 on 01-10 until 12-31
        redeem  150 on 01-20   -> B 100    A 50
    """)


def test_a_lot_pays_from_its_first_second_to_the_one_before_its_expiry() -> None:
    """A lot pays while available_at <= at < expires_at."""
    lot = new_lot(1, 10, created_at=0, available_at=100, expires_at=200)
    paying = [at for at in (99, 100, 199, 200) if allocate([lot], 10, at) == ([Payment(lot, 10)], 0)]
    silent = [at for at in (99, 100, 199, 200) if allocate([lot], 10, at) == ([], 10)]
    assert (paying, silent) == ([100, 199], [99, 200])


def test_a_lot_that_is_paid_for_exactly_ends_the_search() -> None:
    """No lot is asked to pay nothing: the payments stop where the points are paid."""
    lots = [new_lot(1, 10), new_lot(2, 10)]
    assert allocate(lots, 10, 0) == ([Payment(lots[0], 10)], 0)


_LOTS = st.lists(
    st.builds(
        new_lot,
        number=st.integers(1, 99),
        earned=st.integers(1, 20),
        created_at=st.integers(0, 9),
        available_at=st.integers(0, 9),
        expires_at=st.one_of(st.integers(1, 9), st.just(NEVER)),
    ),
    max_size=8,
    unique_by=lambda lot: lot.id,
)


@given(lots=_LOTS, points=st.integers(1, 100), at=st.integers(0, 9))
def test_payments_and_the_unpaid_part_add_up(lots: list[Lot], points: int, at: int) -> None:
    """Payments and what is left unpaid add up to the points; something is left only if every lot that can pay has."""
    lots.sort(key=redemption_order)
    payments, unpaid = allocate(lots, points, at)
    assert sum(payment.points for payment in payments) + unpaid == points
    able = [lot for lot in lots if lot.available_at <= at < lot.expires_at]
    assert [payment.lot for payment in payments] == able[: len(payments)]
    assert all(0 < payment.points <= payment.lot.remaining for payment in payments)
    assert all(payment.points == payment.lot.remaining for payment in payments[:-1])
    assert not unpaid or [(lot, lot.remaining) for lot in able] == payments
