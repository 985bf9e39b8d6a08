"""Units and limits."""

import json
from datetime import UTC, datetime

import pytest

from erply_points.ledger.amounts import BALANCE_MAX, NEVER, from_points, to_points


@pytest.mark.parametrize(
    ("amount", "points"), [(0, 0), (999, 0), (1_000, 1), (1_999, 1), (-1, -1), (-1_000, -1), (-1_001, -2)]
)
def test_shown_points_are_never_more_than_there_are(amount: int, points: int) -> None:
    """Thousandths are shown as whole points rounded down, below zero too."""
    assert to_points(amount) == points


@pytest.mark.parametrize("points", [0, 1, -1, 123_456_789, BALANCE_MAX // 1_000])
def test_whole_points_survive_both_ways(points: int) -> None:
    """Points that come in whole go out the same."""
    assert to_points(from_points(points)) == points


def test_never_is_the_last_second_that_a_calendar_knows() -> None:
    """Points that never expire sort behind every date that can be written."""
    assert datetime.fromtimestamp(NEVER, UTC) == datetime.max.replace(microsecond=0, tzinfo=UTC)


def test_sums_of_the_largest_balances_stay_inside_64_bits_and_exact_in_json() -> None:
    """The largest balance is exact in a client that counts in doubles, and a thousand of them fit the database."""
    assert BALANCE_MAX * 1_000 < 2**63
    assert json.loads(json.dumps(BALANCE_MAX), parse_int=float) == BALANCE_MAX
    assert float(BALANCE_MAX) + 1 != float(BALANCE_MAX)
