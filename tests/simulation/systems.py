"""What Capillary and fabric should answer and leave, in the plainest words: more of the oracle.

Written from docs/capillary.md, docs/fabric.md and the decisions 0027 and 0028, importing nothing of the server. A
request is named by the last part of its path and has what its body has, with Erply's number of the customer in place of
whatever each system calls them. A refusal is Capillary's code, or fabric's status.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from calls.points_oracle import DAY, Earning, Redemption, Refused
from oracle import Oracle, Record

DEDUCTION, ADJUSTMENT, ACTIVATION, INQUIRY = (
    *("negativePointsAdjustment", "points-adjustment"),
    *("points-activate", "member-points"),
)
SYSTEMS: Final = {DEDUCTION: "capillary", ADJUSTMENT: "fabric", ACTIVATION: "fabric", INQUIRY: "fabric"}
REGULAR, PROMISED, TRIGGERED = "REGULAR", "PROMISED", "EXTERNAL_TRIGGER_BASED"
BASE: Final = "Base"
NO_CUSTOMER, NO_AWARD, TOO_MUCH = 8_015, 8_877, 8_907


@dataclass
class Systems(Oracle):
    """An account that is spoken to by all three."""

    triggered: set[int] = field(default_factory=set)
    """Earnings that wait, or waited, for a trigger from outside."""
    types: dict[int, str] = field(default_factory=dict)
    """Of earnings that are not Base."""
    deductions: set[int] = field(default_factory=set)
    """Redemptions by either system."""
    adjusted: dict[int, int] = field(default_factory=dict)
    """The transactions of fabric's adjustments, and when they were made."""
    was_idle: bool = False
    """Whether the last request has found nothing to be done, so that nothing is kept of it either."""

    def _answer(self, request: Record, invoice: Refused | int | None) -> Record:
        self.was_idle = False
        handlers = {
            DEDUCTION: self._deduct,
            ADJUSTMENT: self._adjust,
            ACTIVATION: self._activate,
            INQUIRY: self._inquire,
        }
        handler = handlers.get(request["requestName"])
        if handler is None:
            return super()._answer(request, invoice)
        if "bad" in request:
            raise Refused(request["bad"])
        return handler(request)

    def _add(self, request: Record) -> Record:
        record = super()._add(request)
        if request.get("pointCategory") == TRIGGERED:
            self.triggered.add(record["transactionID"])
        return record

    def _spend(self, customer: int, points: int, chosen: Iterable[Earning] | None, refusal: int) -> Redemption:
        """From what was chosen, or from whatever is there."""
        try:
            if chosen is None:
                redemption = self.points.spend(customer, points, 0, may_owe=self._may_owe())
            else:
                redemption = self.points.deduct(customer, points, list(chosen))
        except Refused:
            raise Refused(refusal) from None
        self.deductions.add(redemption.id)
        return redemption

    def _own(self, customer: int) -> list[Earning]:
        return [each for each in self.points.earnings.values() if each.customer == customer]

    # Capillary.

    def _deduct(self, request: Record) -> Record:
        customer, category = request["customerID"], request["pointCategoryTypes"]
        if customer not in self.disabled:
            raise Refused(NO_CUSTOMER)
        chosen: list[Earning] | None = None
        if "pointsAwardedId" in request:
            chosen = [each for each in self._own(customer) if each.id == request["pointsAwardedId"]]
            if not chosen:
                raise Refused(NO_AWARD)
        elif category != REGULAR:
            chosen = self._own(customer)
        if chosen is not None:
            chosen = [each for each in chosen if self.category(each) == category]
        self._spend(customer, int(Fraction(request["pointsToBeAdjusted"])), chosen, TOO_MUCH)
        return {"status": "success", "pointsAvailable": f"{self.points.balance(customer)}.000"}

    def category(self, earning: Earning) -> str:
        """What is active is regular, whatever it was given as."""
        if earning.active <= self.now:
            return REGULAR
        return TRIGGERED if earning.id in self.triggered else PROMISED

    # fabric.

    def _member(self, request: Record) -> int:
        customer: int = request["customerID"]
        if customer not in self.disabled:
            raise Refused(404)
        return customer

    def _adjust(self, request: Record) -> Record:
        points, pending = request["points"], request.get("setToPending", False)
        if points < 0 and pending:
            raise Refused(400)
        customer = self._member(request)
        cap = int(self.settings["daily_adjustment_cap"])
        if cap and self._adjusted_today(customer) + abs(points) > cap:
            raise Refused(400)
        kind = request.get("pointType")
        if points > 0:
            if self.disabled[customer]:
                raise Refused(400)
            active = self._activation(PROMISED if pending else REGULAR)
            earning = self.points.earn(customer, points, self.now, self._expiry(self.now), 0, active=active)
            self.adjusted[earning.id] = self.now
            self.types[earning.id] = kind or BASE
        else:
            of_type = [each for each in self._own(customer) if self._type(each) == kind and each.active <= self.now]
            redemption = self._spend(customer, -points, of_type if kind else None, 400)
            self.adjusted[redemption.id] = self.now
        return {"status": 200, "message": "Member points adjusted"}

    def _type(self, earning: Earning) -> str:
        return self.types.get(earning.id, BASE)

    def _adjusted_today(self, customer: int) -> int:
        """Whoever the points were given to meanwhile, and whenever an earning is said to have been made."""
        today = self.now // DAY * DAY
        earned = [each for each in self._own(customer) if each.id in self.adjusted and each.created >= today]
        spent = [each for each in self.points.redemptions.values() if each.customer == customer]
        return sum(each.points for each in earned) + sum(
            each.points for each in spent if self.adjusted.get(each.id, 0) >= today
        )

    def _activate(self, request: Record) -> Record:
        customer = self._member(request)
        self.was_idle = not self.points.pending(customer)
        self.points.activate(customer)
        return {"status": 200, "message": "Member points activated"}

    def _inquire(self, request: Record) -> Record:
        customer = self._member(request)
        left, balance = self.points.left(customer), self.points.balance(customer)
        types = {BASE: balance - sum(left.values())}  # What is owed is taken off the Base points.
        for earning in self._own(customer):
            types[self._type(earning)] = types.get(self._type(earning), 0) + left[earning.id]
        mine = [each for each in self.points.redemptions.values() if each.customer == customer]
        return {
            "total": balance,
            "types": {name: points for name, points in types.items() if points or name == BASE},
            "locked": sum(left[each.id] for each in self._own(customer) if each.active > self.now),
            "deducted": sum(each.points - each.returned for each in mine if each.id in self.deductions),
        }
