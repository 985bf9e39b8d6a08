"""Three systems against one simple oracle: a machine that sends whatever comes to its mind, by whichever of them.

Invariants, checked after every step:
1. every answer is the one that the oracle foretells, refusals included;
2. Erply's balance and fabric's inquiry are the oracle's, and so are what is pending and what was deducted;
3. what remains of every earning, and every use, is the oracle's, and there are no others;
4. `check` finds nothing wrong.

ERPLY_POINTS_EXAMPLES sets how many histories are tried (default 8, always the same ones; with it, new ones).
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dialects.points_oracle import FOR_EVER, Points
from erply_points.calls import points as points_calls
from erply_points.dialects import adjusting, capillary, fabric
from erply_points.ledger import wallet
from erply_points.store.sqlite import loading
from support.dialects import Capillary, Fabric
from support.machines import SECONDS_MAX, profile, to_the_first_failure
from support.shop import STORE, Shop, open_shop, place

HOUR, DAY = 3_600, 86_400
POINTS = st.integers(1, 30)
TYPES = st.sampled_from([None, "Base", "Bonus"])
CATEGORIES = st.sampled_from(["REGULAR", "REGULAR", "PROMISED", "EXTERNAL_TRIGGER_BASED"])


class Machine(RuleBasedStateMachine):
    """One customer, three clients and the oracle."""

    store = STORE
    """The kind of store that its shop is in."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.run = self.stack.enter_context(asyncio.Runner()).run
        self.opened = open_shop(place(folder, self.store), timezone="UTC")
        self.shop: Shop = self.run(self.opened.__aenter__())
        self.stack.callback(lambda: self.run(self.opened.__aexit__(None, None, None)))
        self.oracle = Points(int(self.shop.clock()))
        self.hours = 0
        self.triggered: set[int] = set()
        """Lots that wait for a trigger, as long as they are pending."""

    def teardown(self) -> None:
        self.stack.close()

    @initialize()
    def begin(self) -> None:
        self.client = self.run(self.shop.client())
        self.capillary = Capillary(self.shop.http, *self.client)
        self.customer = self.run(self.shop.customer())
        self.profile = self.run(self.shop.record("getCustomers", customerID=self.customer))["profileID"]
        self.log_in()

    def log_in(self) -> None:
        self.run(self.shop.log_in())
        self.fabric = self.run(Fabric.log_in(self.shop.http, *self.client))

    def next(self) -> int:
        return len(self.oracle.lots) + len(self.oracle.used) + 1

    @rule(points=POINTS, category=CATEGORIES, lasting=st.sampled_from([0, HOUR, DAY, 10 * DAY]))
    def earn(self, points: int, category: str, lasting: int) -> None:
        """By Erply's call."""
        now = self.oracle.now
        expires = {"expiryUnixTime": now + lasting} if lasting else {}
        number = self.next()
        sent = {"points": points, "pointCategory": category, **expires}
        record = self.run(self.shop.record("addCustomerRewardPoints", customerID=self.customer, **sent))
        assert record["transactionID"] == number
        if category == "EXTERNAL_TRIGGER_BASED":
            self.triggered.add(number)
        active = {"REGULAR": now, "PROMISED": self.promised()}.get(category, FOR_EVER)
        self.oracle.earn(points, number, active=active, expires=now + lasting if lasting else FOR_EVER)

    def promised(self) -> int:
        return self.oracle.now + self.hours * HOUR if self.hours else FOR_EVER

    @rule(points=POINTS)
    def redeem(self, points: int) -> None:
        """By Erply's call."""
        expected = self.oracle.spend(points)
        answer = self.run(self.shop.call("subtractCustomerRewardPoints", customerID=self.customer, points=points))
        assert answer["status"]["errorCode"] == (0 if expected else 1042)
        if expected:
            assert answer["records"][0]["remainingPoints"] == self.oracle.balance()

    @rule(points=POINTS, category=CATEGORIES)
    def deduct(self, points: int, category: str) -> None:
        """By Capillary's call, from a category."""
        pending = [lot for lot in self.oracle.pending() if (lot.id in self.triggered) == (category[0] == "E")]
        expected = self.oracle.spend(points, None if category == "REGULAR" else pending)
        sent = {"pointsToBeAdjusted": f"{points}.00", "pointCategoryTypes": category}
        self.deducted(points, self.run(self.capillary.adjust(self.customer, **sent)), expected=expected)

    @rule(points=POINTS, which=st.integers(0, 3), pending=st.booleans())
    def deduct_award(self, points: int, which: int, *, pending: bool) -> None:
        """By Capillary's call, from one award, active or promised."""
        lots = [lot for lot in self.oracle.lots if lot.id not in self.triggered or lot.active <= self.oracle.now]
        if which >= len(lots):
            return
        lot = lots[-1 - which]
        chosen = [each for each in (self.oracle.pending() if pending else self.oracle.active()) if each is lot]
        expected = self.oracle.spend(points, chosen)
        sent = {"pointsToBeAdjusted": points, "pointCategoryTypes": "PROMISED" if pending else "REGULAR"}
        award = {"pointsAwardedId": lot.id, "pointsAwardedRefType": "bill_regular"}
        answer = self.run(self.capillary.adjust(self.customer, **sent, **award))
        self.deducted(points, answer, expected=expected)

    def deducted(self, points: int, answer: dict[str, Any], *, expected: bool) -> None:
        if expected:
            assert answer.get("pointsAvailable") == f"{self.oracle.balance()}.000"
            self.oracle.deducted += points
        else:
            assert [error["code"] for error in answer.get("errors", ())] == [8907]

    @rule(points=st.integers(-30, 30).filter(bool), of_type=TYPES, pending=st.booleans())
    def adjust(self, points: int, of_type: str | None, *, pending: bool) -> None:
        """By fabric's call."""
        oracle = self.oracle
        sent = {"points": points, "pointType": of_type, "setToPending": pending}
        number = self.next()
        response = self.run(self.fabric.post("points-adjustment", {"profileId": self.profile, **sent}))
        if points > 0:
            expected = True
            active = self.promised() if pending else oracle.now
            oracle.earn(points, number, active=active, of_type=of_type or "Base")
        else:
            typed = None if of_type is None else [lot for lot in oracle.active() if lot.type == of_type]
            expected = not pending and oracle.spend(-points, typed)
            oracle.deducted -= points if expected else 0
        assert response.status_code == (200 if expected else 400), response.text

    @rule()
    def activate(self) -> None:
        self.oracle.activate()
        assert self.run(self.fabric.post("points-activate", {"profileId": self.profile})).status_code == 200

    @rule(seconds=st.sampled_from([1, HOUR, DAY]))
    def wait(self, seconds: int) -> None:
        self.shop.clock.advance(seconds)
        self.oracle.wait(seconds)
        self.log_in()

    @rule(allow=st.booleans(), hours=st.sampled_from([0, 1, 24]))
    def change_settings(self, hours: int, *, allow: bool) -> None:
        self.run(self.shop.set(negative_balance="allow" if allow else "refuse", pending_hours=str(hours)))
        self.oracle.allow, self.hours = allow, hours

    @invariant()
    def all_agree(self) -> None:
        if not hasattr(self, "customer"):
            return
        oracle = self.oracle
        assert self.run(self.shop.balance(self.customer)) == oracle.balance()
        member = self.run(self.fabric.member(self.profile))
        assert member["totalPoints"] == oracle.balance()
        assert member["pointsBalance"]["memberPointsLocked"] == sum(lot.left for lot in oracle.pending())
        assert member["pointsBalance"]["memberPointsDeducted"] == oracle.deducted
        assert sum(each["points"] for each in member["pointsByType"]) == oracle.balance()
        earned = self.run(self.shop.records("getEarnedRewardPointRecords"))
        assert [(each["transactionID"], each["earnedPoints"], each["remainingPoints"]) for each in earned] == [
            (lot.id, lot.earned, lot.left if lot.expires > oracle.now else 0) for lot in oracle.lots
        ]
        used = self.run(self.shop.records("getUsedRewardPointRecords"))
        assert [each["usedPoints"] for each in used] == oracle.used
        assert self.run(self.shop.check()) == []


PROFILE = profile(histories=8, steps=40)


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("lots_read", [8, 1])
def test_three_systems_do_what_the_oracle_foretells(lots_read: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is sent by whichever system, every answer, balance and history is the one that the rules demand.

    Also where a wallet's lots are read one by one, as for a customer who has very many of them.
    """
    monkeypatch.setattr(loading.wallets, "__defaults__", (lots_read,))
    run_state_machine_as_test(Machine, settings=PROFILE)


def _regular(*_: object) -> str:
    return "REGULAR"


BROKEN: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "a deduction draws from any lot": (
        adjusting,
        "deduct",
        lambda held, asked, _lots, at: wallet.redeem(held, asked, at, below_zero=False),
    ),
    "activation leaves points pending": (fabric, "activated", lambda held, _lots, at: wallet.settle(held, at)),
    "pending points are available": (points_calls, "activation", lambda context, _category: context.now),
    "every lot is regular": (capillary, "category_of", _regular),
}


@pytest.mark.parametrize("flaw", BROKEN)
def test_the_machine_finds_a_broken_server(flaw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: a server with one small flaw is caught."""
    monkeypatch.setattr(*BROKEN[flaw])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=to_the_first_failure(PROFILE, 100))
