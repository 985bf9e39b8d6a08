"""What follows from the names of parameters alone, worked out once for names that come again.

A receipt has dozens of parameters, and a till sends the same ones in the same order with each. Which of them are
numbered, of which row, kept or used, is the same for all of them: only the values differ.
"""

from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

Names = tuple[str, ...]
"""The names of all parameters of a call, in the order in which they were sent."""

NAMES_MAX: Final = 2_000
ALL_NAMES_MAX: Final = 20_000
NAME_LENGTH_MAX: Final = 64
"""Strangers choose names too: what is remembered is bounded, and longer ones are no parameter's."""


class Layouts(Generic[T]):
    """Remembers what `work_out` makes of names."""

    def __init__(self, work_out: Callable[[Names], T]) -> None:
        self._work_out = work_out
        self._remembered: dict[Names, T] = {}
        self.names = 0
        """How many names are remembered in all."""

    def of(self, params: Iterable[str]) -> T:
        names = tuple(params)
        found = self._remembered.get(names)
        if found is None:
            found = self._work_out(names)
            if len(names) <= NAMES_MAX and all(len(name) <= NAME_LENGTH_MAX for name in names):
                self._remember(names, found)
        return found

    def _remember(self, names: Names, found: T) -> None:
        self.names += len(names)
        if self.names > ALL_NAMES_MAX:
            self._remembered.clear()
            self.names = len(names)
        self._remembered[names] = found
