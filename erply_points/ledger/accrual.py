"""What a sale earns, and until when.

Source: `docs/protocol/erply-calls.md`, "Points": pre-tax amount, fractions rounded up to whole points.
"""

from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Final

from erply_points.ledger.amounts import NEVER, Cents, Millipoints, UnixSeconds, from_points

_YEAR: Final = 366 * 86_400


def points_for_sale(net: Cents, points_per_unit: Decimal) -> Millipoints:
    """Whole points for a net amount, any fraction rounded up; nothing for an amount of zero or less.

    `points_per_unit` is points for one unit of currency (100 cents), zero or more.
    """
    if net <= 0:
        return 0
    numerator, denominator = points_per_unit.as_integer_ratio()
    return from_points(-(-net * numerator // (denominator * 100)))


def expiry_after(created_at: UnixSeconds, months: int, zone: tzinfo) -> UnixSeconds:
    """The same local time of day `months` calendar months later; NEVER for 0 months or past the year 9998.

    A day the target month lacks becomes its last day: one month after 31 January is 28 or 29 February.
    """
    if months == 0 or created_at > NEVER - _YEAR:
        return NEVER
    start = datetime.fromtimestamp(created_at, UTC).astimezone(zone)
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    if year > 9998:
        return NEVER
    following = datetime(year + (month == 11), (month + 1) % 12 + 1, 1, tzinfo=UTC)
    last_day = (following - datetime(year, month + 1, 1, tzinfo=UTC)).days
    return int(start.replace(year=year, month=month + 1, day=min(start.day, last_day)).timestamp())
