"""What the simulated account should know: the oracle of the state machine, with clocks that step back and with retries.

Nothing here is a rule of points: those are `oracle` and `calls.points_oracle`. It imports nothing of the server.
"""

import contextlib
import copy
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

from calls.points_oracle import HOUR, Debit, Earning, GivenBack, Points, Redemption, Refused
from oracle import Record
from simulation.systems import SYSTEMS, Systems

READING = {"getCustomerRewardPoints", "noSuchCall", "member-points"}
NOT_KEPT, USED_OTHERWISE, DUPLICATE_UUID, INVALID = 9001, 1013, 1206, 400


class UnsteadyPoints(Points):
    """Points in a time that may step back.

    What time has done to a customer's points is written down when they are next moved, and stands from then on. What
    was not written down when the clock steps back has not happened yet. A refused request moves nothing.
    """

    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    def _write_down(self, customer: int) -> None:
        """What time has done, in its order: what became active repaid what was owed then, before it expired."""
        became_active = {each.active for each in self._of(customer) if each.left and 0 < each.active < self.now}
        for moment in (*sorted(became_active), self.now):
            self._settle(customer, moment)

    @contextlib.contextmanager
    def _looked_at(self, customer: int) -> Generator[None]:
        """As if it were written down, for as long as one looks."""
        earnings, debits = self._of(customer), self._debits(customer)
        owes = any(each.owed for each in debits)
        if not any(each.left and (each.expires <= self.now or (owes and each.active <= self.now)) for each in earnings):
            yield
            return
        records: list[Earning | Debit] = [*earnings, *debits]
        before = [(each, dict(each.__dict__)) for each in records]
        for each in records:
            if isinstance(each, Debit):
                each.paid = dict(each.paid)
        self._write_down(customer)
        try:
            yield
        finally:
            for each, was in before:
                each.__dict__.update(was)

    def balance(self, customer: int) -> int:
        with self._looked_at(customer):
            return super().balance(customer)

    def spendable(self, customer: int) -> int:
        with self._looked_at(customer):
            return super().spendable(customer)

    def left(self, customer: int) -> dict[int, int]:
        with self._looked_at(customer):
            return super().left(customer)

    def earn(self, customer: int, *given: Any, **how: Any) -> Earning:
        self._write_down(customer)
        return super().earn(customer, *given, **how)

    def spend(self, customer: int, points: int, document: int, *, may_owe: bool, coupon: int = 0) -> Redemption:
        if points > self.spendable(customer) and not may_owe:
            raise Refused(1042)
        self._write_down(customer)
        return super().spend(customer, points, document, may_owe=may_owe, coupon=coupon)

    def deduct(self, customer: int, points: int, earnings: Iterable[Earning]) -> Redemption:
        left = self.left(customer)
        if points > sum(left[each.id] for each in earnings):
            raise Refused(1042)
        self._write_down(customer)
        return super().deduct(customer, points, earnings)

    def activate(self, customer: int) -> None:
        if self.pending(customer):
            self._write_down(customer)
            super().activate(customer)

    def _take_back(self, earning: Earning, points: int, document: int, *, may_owe: bool, by_return: bool) -> None:
        self._write_down(earning.customer)
        super()._take_back(earning, points, document, may_owe=may_owe, by_return=by_return)

    def undo_taking(self, document: int) -> None:
        for taken in self.taken.values():
            if taken.document == document and taken.points:
                self._write_down(taken.customer)
        super().undo_taking(document)

    def give_back(self, redemption: Redemption, points: int, grace: int) -> GivenBack:
        self._write_down(redemption.customer)
        return super().give_back(redemption, points, grace)

    def spend_again(self, given: GivenBack) -> None:
        self._write_down(self.redemptions[given.redemption].customer)
        super().spend_again(given)

    def check_move_earning(self, earning: Earning, customer: int) -> None:
        with self._looked_at(earning.customer):
            super().check_move_earning(earning, customer)

    def move_earning(self, earning: Earning, customer: int) -> None:
        if customer != earning.customer:
            self._write_down(earning.customer)
            self._write_down(customer)
        super().move_earning(earning, customer)

    def change_times(self, earning: Earning, created: int, expires: int) -> None:
        self._write_down(earning.customer)
        super().change_times(earning, created, expires)

    def move_redemption(self, redemption: Redemption, customer: int) -> None:
        if customer != redemption.customer:
            self._write_down(redemption.customer)
            self._write_down(customer)
        super().move_redemption(redemption, customer)


@dataclass(frozen=True)
class Bulk:
    """What a client wants to be done."""

    requests: tuple[Record, ...]
    key: str = ""
    single: bool = False
    atomic: bool = False
    dry_run: bool = False
    replays: bool = False
    """Whether the UUID of a document is a key of the whole."""

    @property
    def system(self) -> str:
        """The system by which it comes; empty for Erply. Of the others a bulk holds one request, and knows it alone."""
        return SYSTEMS.get(self.requests[0]["requestName"], "")

    @property
    def keys(self) -> dict[str, int]:
        """Of the whole, each with the code of its use for something else."""
        if self.system:
            return {f"key {self.key} of {self.system}": INVALID} if self.key else {}
        keys = {f"key {self.key}": USED_OTHERWISE} if self.key else {}
        for request in self.requests if self.replays else ():
            if "temporaryUUID" in request and not request.get("id"):
                keys[f"uuid {request['temporaryUUID']}"] = DUPLICATE_UUID
        return keys

    def is_same_as(self, other: "Bulk") -> bool:
        return (self.requests, self.atomic) == (other.requests, other.atomic)

    @property
    def writes(self) -> bool:
        return any(request["requestName"] not in READING for request in self.requests)


@dataclass
class Outcome:
    """What became of a bulk."""

    code: int
    """Of the whole."""
    answers: list[tuple[int, Record]] = field(default_factory=list)
    """Code and record of each sub-request; none if nothing was run."""
    replayed: str = ""
    firsts: list[Any] | None = None
    """Of a bulk with a key: what was answered first, once somebody has seen it."""


@dataclass
class Kept:
    bulk: Bulk
    at: int
    outcome: Outcome


@dataclass
class Account(Systems):
    """The oracle, sent whole bulks again and again."""

    retry_hours: int = 24
    unique: bool = False
    """Whether requestIDs are keys."""
    kept: dict[str, Kept] = field(default_factory=dict)
    firsts: dict[str, tuple[int, Record]] = field(default_factory=dict)
    """By requestID, when it was answered, and the answer."""
    _fresh: dict[str, Record] = field(default_factory=dict)
    """What the bulk at hand has done, by requestID."""
    _looked_up: bool = False
    """Whether the requestIDs of the bulk at hand are looked up: not if it only reads."""

    def outcome(self, bulk: Bulk) -> Outcome:
        """Do what a bulk asks for, or find what became of it before."""
        found = self._known(bulk)
        if found is not None:
            return found
        before = copy.deepcopy(self) if bulk.atomic or bulk.dry_run else self
        self._fresh, self._looked_up = {}, bulk.writes and self.unique and not bulk.system
        anew = [self._first(request) is None for request in bulk.requests]
        found = Outcome(0, self.answers(list(bulk.requests)))
        found.replayed = "" if all(anew) else "partial" if any(anew) else "true"
        failed = [place for place, (code, _) in enumerate(found.answers) if code]
        if bulk.atomic and failed:
            stands = [place == failed[0] or not new for place, new in enumerate(anew)]
            answers = [each if stood else (NOT_KEPT, {}) for each, stood in zip(found.answers, stands, strict=True)]
            found = Outcome(NOT_KEPT, answers, found.replayed)
        if bulk.dry_run or found.code:
            self.__dict__ = before.__dict__
        elif not self.was_idle and any(
            new and not code and request["requestName"] not in READING
            for new, request, (code, _) in zip(anew, bulk.requests, found.answers, strict=True)
        ):
            self._keep(bulk, found)
        return found

    def _known(self, bulk: Bulk) -> Outcome | None:
        """What became of the bulk before; the first of its keys that is known decides."""
        if bulk.writes:
            for key, code in bulk.keys.items():
                kept = self.kept.get(key)
                if kept is not None and self._alive(kept.at):
                    return kept.outcome if kept.bulk.is_same_as(bulk) else Outcome(code)
        return None

    def _keep(self, bulk: Bulk, found: Outcome) -> None:
        self.firsts |= {name: (self.now, record) for name, record in self._fresh.items()}
        if bulk.keys:
            found.firsts = []
            again = Outcome(found.code, found.answers, "true", found.firsts)
            self.kept |= dict.fromkeys(bulk.keys, Kept(bulk, self.now, again))

    def _alive(self, at: int) -> bool:
        return at > self.now - self.retry_hours * HOUR

    def tidy(self) -> None:
        """Forget what no longer counts, even if the clock should step back."""
        oldest = self.now - self.retry_hours * HOUR
        self.kept = {key: each for key, each in self.kept.items() if each.at >= oldest}
        self.firsts = {key: each for key, each in self.firsts.items() if each[0] >= oldest}

    def _first(self, request: Record) -> Record | None:
        at, record = self.firsts.get(request.get("requestID", ""), (0, None))
        return record if self._looked_up and self._alive(at) else None

    def _answer(self, request: Record, invoice: Refused | int | None) -> Record:
        first = self._first(request)
        if first is not None:
            return first
        record = super()._answer(request, invoice)
        if self._looked_up:
            self._fresh[request["requestID"]] = record
        return record
