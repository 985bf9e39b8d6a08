"""The clock of one account: real time moved by so many seconds, or standing still."""

import time
from typing import Final, NamedTuple

LATEST: Final = 7_258_118_400
"""Unix time, 2200-01-01: the end of a sandbox's time. Dates that are reckoned from it still fit into four digits."""


class OutOfRange(Exception):
    """A moment before 1970 or after `LATEST`."""


class Setting(NamedTuple):
    moved: float = 0.0
    """Seconds ahead of real time."""
    stands_at: float | None = None
    """Unix time, where the clock stands still."""


class AccountClock:
    """Called, it tells Unix time in seconds."""

    def __init__(self) -> None:
        self.setting = Setting()

    def __call__(self) -> float:
        moved, stands_at = self.setting
        return time.time() + moved if stands_at is None else stands_at

    @property
    def frozen(self) -> bool:
        return self.setting.stands_at is not None

    def change(self, now: float | None = None, advance: float = 0.0, *, frozen: bool | None = None) -> None:
        """Set it to `now`, then move it on by `advance` seconds, then stop it or let it run; None changes nothing.

        Raises OutOfRange, having changed nothing.
        """
        moment = (self() if now is None else now) + advance
        if not 0 <= moment <= LATEST:
            raise OutOfRange
        stands = self.frozen if frozen is None else frozen
        if stands:
            self.setting = Setting(stands_at=moment)
        elif now is None and not self.frozen:
            self.setting = Setting(self.setting.moved + advance)  # Without the rounding of a look at the time.
        else:
            self.setting = Setting(moment - time.time())
