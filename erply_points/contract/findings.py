"""What is said of an answer that is not as it should be, and when two values of the wire are the same."""

import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

_SHOWN_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `path` is its place in the answer of `step`."""

    step: str
    path: str
    expected: str
    came: str

    @property
    def sentence(self) -> str:
        place = f"{self.step}: {self.path}" if self.path else self.step
        return f"{place}: expected {self.expected}, came {self.came}"


def shown(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def number(value: Any) -> Decimal | None:
    """The number that a value is or that its text says; None if it is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def same(one: Any, other: Any) -> bool:
    """Whether two values say the same: 385 and "385", 21.6 and "21.60". Which type a field has, the schemas judge."""
    numbers = number(one), number(other)
    if None not in numbers:
        return numbers[0] == numbers[1]
    return type(one) is type(other) and bool(one == other)


def exactly(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1 is not "1", nor 1.0, nor true."""
    return type(one) is type(other) and bool(one == other)
