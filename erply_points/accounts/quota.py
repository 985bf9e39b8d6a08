"""The hourly quota: how many requests an account has had in the clock hour that runs.

Counted as Erply counts: a call is one request, a call in a bulk a tenth of one. Only what comes with a good session, or
from an API client that is known, counts, so that no stranger can use a quota up. See decision 0056.
"""

from typing import Final

HOUR: Final = 3_600
CALL_TENTHS: Final = 10
"""What a single call costs, in tenths of a request; in a bulk a call costs one of them."""


class Quota:
    """Counts the requests of one account. They are forgotten when the hour ends and when the server does."""

    def __init__(self) -> None:
        self._hour = -1
        self._tenths = 0

    def take(self, tenths: int, limit: int, at: float) -> bool:
        """Count a request at `at`, Unix seconds, if `limit`, in whole requests, has room for it; 0 has for any."""
        hour = int(at) // HOUR
        if hour != self._hour:
            self._hour, self._tenths = hour, 0
        if limit and self._tenths + tenths > limit * CALL_TENTHS:
            return False
        self._tenths += tenths
        return True


def seconds_left(at: float) -> int:
    """Whole seconds from `at`, Unix seconds, until the next clock hour begins: 1 to 3600."""
    return HOUR - int(at) % HOUR
