"""What a sale earns, and until when."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erply_points.ledger.accrual import expiry_after, points_for_sale
from erply_points.ledger.amounts import NEVER

TALLINN = ZoneInfo("Europe/Tallinn")


@pytest.mark.parametrize(
    ("net", "points_per_unit", "points"),
    [
        (1_800, "1", 18),
        (1_801, "1", 19),
        (1, "1", 1),
        (100, "1", 1),
        (100, "0.1", 1),
        (1_000, "0.1", 1),
        (1_001, "0.1", 2),
        (300, "1.1", 4),
        (1_000, "1.1", 11),
        (999, "0.333", 4),
        (1, "0.000001", 1),
        (100_000, "0", 0),
        (0, "1", 0),
        (-1, "1", 0),
        (-100_000, "10", 0),
        (10**15, "1000", 10**16),
    ],
)
def test_a_sale_earns_whole_points_rounded_up(net: int, points_per_unit: str, points: int) -> None:
    """Every fraction of a point counts as one, exactly; a sale of nothing or of a return earns nothing."""
    assert points_for_sale(net, Decimal(points_per_unit)) == points * 1_000


@given(
    net=st.integers(-(10**15), 10**15),
    points_per_unit=st.decimals(0, 1_000, allow_nan=False, allow_infinity=False, places=6),
)
def test_a_sale_earns_what_exact_arithmetic_says(net: int, points_per_unit: Decimal) -> None:
    """The points are the smallest whole number that is not below the exact product."""
    exact = max(Fraction(net, 100), Fraction(0)) * Fraction(points_per_unit)
    points, part = divmod(points_for_sale(net, points_per_unit), 1_000)
    assert part == 0
    assert points - 1 < exact <= points


def _utc(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())


@pytest.mark.parametrize(
    ("created", "months", "expires"),
    [
        ("2026-01-15T10:20:30", 1, "2026-02-15T10:20:30"),
        ("2026-01-31T10:00:00", 1, "2026-02-28T10:00:00"),
        ("2028-01-31T10:00:00", 1, "2028-02-29T10:00:00"),
        ("2028-02-29T00:00:00", 12, "2029-02-28T00:00:00"),
        ("2028-02-29T00:00:00", 48, "2032-02-29T00:00:00"),
        ("2096-02-29T00:00:00", 48, "2100-02-28T00:00:00"),
        ("2026-02-28T00:00:00", 1, "2026-03-28T00:00:00"),
        ("2026-03-31T23:59:59", 1, "2026-04-30T23:59:59"),
        ("2026-11-30T00:00:00", 1, "2026-12-30T00:00:00"),
        ("2026-12-31T00:00:00", 1, "2027-01-31T00:00:00"),
        ("2026-12-31T00:00:00", 2, "2027-02-28T00:00:00"),
        ("2026-05-31T00:00:00", 24, "2028-05-31T00:00:00"),
        ("1969-12-31T23:59:59", 1, "1970-01-31T23:59:59"),
        ("9998-11-30T12:00:00", 1, "9998-12-30T12:00:00"),
    ],
)
def test_points_expire_on_the_same_day_of_a_later_month(created: str, months: int, expires: str) -> None:
    """Months are calendar months; a day that the month lacks becomes its last."""
    assert expiry_after(_utc(created), months, UTC) == _utc(expires)


@pytest.mark.parametrize(
    ("created", "months"),
    [
        ("2026-01-01T00:00:00", 0),
        ("9998-12-01T00:00:00", 1),
        ("9999-01-01T00:00:00", 1),
        ("9999-12-31T23:59:59", 1),
        ("2026-01-01T00:00:00", 12 * 7_973),
        ("2026-01-01T00:00:00", 10**9),
    ],
)
def test_points_beyond_the_calendar_never_expire(created: str, months: int) -> None:
    """Zero months mean for ever, and so does an expiry that no calendar can write."""
    assert expiry_after(_utc(created), months, UTC) == NEVER


@pytest.mark.parametrize(
    ("created", "months", "expires"),
    [
        # Winter to summer: an hour less in UTC, the same on the shop's wall clock.
        ("2026-03-15T08:00:00", 1, "2026-04-15T07:00:00"),
        ("2026-10-01T07:00:00", 1, "2026-11-01T08:00:00"),
        # 31 January in the shop, still the 30th in UTC.
        ("2026-01-30T22:30:00", 1, "2026-02-27T22:30:00"),
        # 03:30 on 29 March does not exist in Tallinn: the clock skips from 03:00 to 04:00.
        ("2026-01-29T01:30:00", 2, "2026-03-29T01:30:00"),
        # 03:30 on 25 October happens twice: the first counts.
        ("2026-09-25T00:30:00", 1, "2026-10-25T00:30:00"),
    ],
)
def test_the_shops_wall_clock_decides(created: str, months: int, expires: str) -> None:
    """The day and the time of day are those of the shop's own zone, across changes of its clock."""
    assert expiry_after(_utc(created), months, TALLINN) == _utc(expires)


@pytest.mark.parametrize("hours", [-12, 14])
def test_the_calendars_end_is_safe_in_every_zone(hours: int) -> None:
    """No moment near the end of the calendar makes the arithmetic fail, however far the zone is from UTC."""
    zone = timezone(timedelta(hours=hours))
    for days in range(800):
        created_at = NEVER - days * 86_400
        assert expiry_after(created_at, 1, zone) > created_at or created_at == NEVER


@given(
    created_at=st.integers(0, _utc("2200-01-01T00:00:00")),
    months=st.integers(1, 600),
    zone=st.sampled_from([UTC, TALLINN, ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia")]),
)
def test_the_expiry_lies_in_the_month_that_was_counted(created_at: int, months: int, zone: ZoneInfo) -> None:
    """Counting months one by one from the shop's date ends in the month and on the day of the expiry."""
    start = datetime.fromtimestamp(created_at, zone)
    year, month = start.year, start.month
    for _ in range(months):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    end = datetime.fromtimestamp(expiry_after(created_at, months, zone), zone)
    expected = datetime(year, month, min(start.day, monthrange(year, month)[1]), tzinfo=UTC)
    # A zone may skip the very time, in Samoa once a whole day: then it is the next that exists.
    assert timedelta() <= datetime(end.year, end.month, end.day, tzinfo=UTC) - expected <= timedelta(days=1)
    assert expiry_after(created_at, months, zone) > created_at
