"""Units of the ledger, and the limits that keep every sum inside 64 bits.

Points are whole thousandths ("millipoints"): a program may show up to three decimals, and no float ever
touches a balance. Moments are whole Unix seconds, UTC.
"""

from typing import Final, TypeAlias

Millipoints: TypeAlias = int
UnixSeconds: TypeAlias = int
Cents: TypeAlias = int

MILLIPOINTS_PER_POINT: Final = 1_000

NEVER: Final[UnixSeconds] = 253_402_300_799
"""The expiry of points that never expire: the last second of the year 9999, so that they sort last."""

BALANCE_MAX: Final[Millipoints] = 10**15
"""A thousand thousand million points: what one wallet can hold. JavaScript still counts it exactly."""


def from_points(points: int) -> Millipoints:
    return points * MILLIPOINTS_PER_POINT


def to_points(amount: Millipoints) -> int:
    """Whole points, rounded towards minus infinity: never show a point that is not there."""
    return amount // MILLIPOINTS_PER_POINT
