"""What three systems should make of one customer's points, in the plainest words.

It imports nothing of the server. Points are whole, everything stands in lists, and what has expired or is not active
yet is simply passed over.
"""

from dataclasses import dataclass, field

FOR_EVER = 10**12


@dataclass
class Lot:
    id: int
    earned: int
    left: int
    active: int
    """When it can be spent; for ever ahead where only a call lets it."""
    expires: int
    type: str = "Base"


@dataclass
class Points:
    """One customer's points. Every movement has the next number of its account, unless it is refused."""

    now: int
    allow: bool = False
    """Whether the balance may go below zero."""
    lots: list[Lot] = field(default_factory=list)
    owed: int = 0
    used: list[int] = field(default_factory=list)
    deducted: int = 0

    def open(self) -> list[Lot]:
        """Soonest expiry first, then oldest."""
        return sorted((lot for lot in self.lots if lot.left and lot.expires > self.now), key=lambda lot: lot.expires)

    def active(self) -> list[Lot]:
        return [lot for lot in self.open() if lot.active <= self.now]

    def pending(self) -> list[Lot]:
        return [lot for lot in self.open() if lot.active > self.now]

    def balance(self) -> int:
        return sum(lot.left for lot in self.open()) - self.owed

    def earn(
        self, points: int, number: int, *, active: int = 0, expires: int = FOR_EVER, of_type: str = "Base"
    ) -> None:
        self.lots.append(Lot(number, points, points, active, expires, of_type))
        self.repay()

    def repay(self) -> None:
        for lot in self.active():
            part = min(self.owed, lot.left)
            lot.left -= part
            self.owed -= part

    def wait(self, seconds: int) -> None:
        """Stop at every moment at which points become active: they repay what is owed then, before they may expire."""
        until = self.now + seconds
        for moment in sorted({lot.active for lot in self.lots if self.now < lot.active <= until}):
            self.now = moment
            self.repay()
        self.now = until

    def spend(self, points: int, lots: list[Lot] | None = None) -> bool:
        """Draw from the chosen lots, which are the limit, or from all that are active. False: refused."""
        chosen = self.active() if lots is None else lots
        if points > sum(lot.left for lot in chosen) and (lots is not None or not self.allow):
            return False
        missing = points
        for lot in chosen:
            part = min(missing, lot.left)
            lot.left -= part
            missing -= part
        self.owed += missing
        self.used.append(points)
        return True

    def activate(self) -> None:
        for lot in self.pending():
            lot.active = self.now
        self.repay()
