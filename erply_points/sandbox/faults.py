"""Faults that wait for the next requests of an account: what goes wrong, with which of them, and how often."""

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

FAULTS_MAX: Final = 1_000

Kind = Literal["delay", "error", "drop_before", "drop_after", "cut"]


class TooManyFaults(Exception):
    """More than `FAULTS_MAX` are waiting."""


@dataclass(slots=True)
class Fault:
    """What goes wrong with the next `count` requests that make `call`, or with the next of any kind.

    `delay` only waits; `error` answers with `code` and runs nothing: neither the first sub-request that makes `call`
    nor, without a call, any. `drop_before` closes the connection and runs nothing, `drop_after` runs the request and
    closes the connection where its answer is due, `cut` after half of the answer's bytes.
    """

    id: int
    kind: Kind
    call: str = ""
    """The name of a call; "" for any request."""
    count: int = 1
    seconds: float = 0.0
    """How long the request waits before anything else happens, whatever the kind."""
    code: int = 0
    field: str | None = None
    message: str = ""


class Faults:
    """Those of one account, oldest first."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self._ids = itertools.count(1)

    def add(
        self,
        kind: Kind,
        call: str = "",
        count: int = 1,
        seconds: float = 0.0,
        code: int = 0,
        field: str | None = None,
        message: str = "",
    ) -> Fault:
        """Raises TooManyFaults."""
        if len(self.waiting) >= FAULTS_MAX:
            raise TooManyFaults
        fault = Fault(next(self._ids), kind, call, count, seconds, code, field, message)
        self.waiting.append(fault)
        return fault

    def take(self, calls: Collection[str]) -> Fault | None:
        """The oldest fault that fits a request of these calls: one a request. It has then happened once more."""
        for fault in self.waiting:
            if not fault.call or fault.call in calls:
                fault.count -= 1
                if not fault.count:
                    self.waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        self.waiting.clear()
