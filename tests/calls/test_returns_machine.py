"""Sales, returns, voids, deletions, edits and redemptions in any order, held to a second opinion.

Invariants, after every bulk:
1. every sub-answer has the code that the oracle foretells, and every balance that is asked for is the oracle's;
2. every customer's balance is the oracle's, and so is what each record of the histories says of customer and sale;
3. `check` finds nothing wrong.

With expiry the oracle is silent; what is left to hold is that nothing fails (1000) and `check`.
"""

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from calls.returns_oracle import Oracle, Refused, Request
from erply_points.calls import credited, crediting, returns
from support.shop import Shop, open_shop

DAY = 86_400
CUSTOMERS = st.sampled_from([1, 1, 1, 2, 3])  # Mostly one, so that much happens to it.
PRICES = st.sampled_from(["0.01", "3.33", "9.99", "10.00", "20.50"])
PRODUCTS = st.sampled_from([1, 1, 2])
RECENT = st.integers(0, 5)
"""Which record: 0 is the latest of its kind, 1 the one before; one that is not there if there are not so many."""


def call(name: str, required: dict[str, Any], **optional: Any) -> st.SearchStrategy[Request]:
    return st.fixed_dictionaries({"requestName": st.just(name), **required}, optional=optional)


@st.composite
def sales(draw: st.DrawFn) -> Request:
    request: Request = {"requestName": "saveSalesDocument", "customerID": draw(CUSTOMERS)}
    for row in range(1, draw(st.integers(1, 3)) + 1):
        request[f"productID{row}"] = draw(PRODUCTS)
        request[f"amount{row}"] = draw(st.integers(1, 4))
        request[f"price{row}"] = draw(PRICES)
    if not draw(st.integers(0, 9)):
        request["confirmInvoice"] = 0
    return request


@st.composite
def credit_invoices(draw: st.DrawFn) -> Request:
    request: Request = {"requestName": "saveSalesDocument", "type": "CREDITINVOICE"}
    request["creditToDocumentID"] = ("sale", draw(st.sampled_from([0, 0, 0, 1, 2, 5])))
    if not draw(st.integers(0, 5)):
        return request | {"creditInvoiceType": "VOID"}
    for row in range(1, draw(st.sampled_from([1, 1, 2])) + 1):
        request[f"productID{row}"] = draw(PRODUCTS)
        request[f"amount{row}"] = -draw(st.sampled_from([1, 1, 1, 2, 3]))
        if draw(st.booleans()):
            request[f"price{row}"] = draw(PRICES)
    if not draw(st.integers(0, 5)):
        request["confirmInvoice"] = 0
    return request


def recent(kind: str) -> st.SearchStrategy[tuple[str, int]]:
    return RECENT.map(lambda which: (kind, which))


SALE_OR_NONE = st.just(0) | recent("sale") | recent("sale")
POINTS = {"customerID": CUSTOMERS, "points": st.integers(1, 60), "invoiceID": SALE_OR_NONE}
EARNED, USED = "editEarnedRewardPointRecord", "editUsedRewardPointRecord"
REQUESTS = st.one_of(
    sales(),
    credit_invoices(),
    credit_invoices(),
    credit_invoices(),
    call("saveSalesDocument", {"id": recent("document"), "confirmInvoice": st.just(1)}),
    call("deleteSalesDocument", {"documentID": recent("credit")}),
    call("deleteSalesDocument", {"documentID": recent("credit")}),
    call("deleteSalesDocument", {"documentID": recent("sale")}),
    call("addCustomerRewardPoints", POINTS),
    call("subtractCustomerRewardPoints", POINTS),
    call("subtractCustomerRewardPoints", POINTS),
    call(EARNED, {"transactionID": recent("earning"), "customerID": CUSTOMERS}),
    call(EARNED, {"transactionID": recent("earning"), "invoiceID": SALE_OR_NONE}),
    call(USED, {"transactionID": recent("redemption"), "customerID": CUSTOMERS}),
    call(USED, {"transactionID": recent("redemption"), "invoiceID": SALE_OR_NONE}),
    call("getCustomerRewardPoints", {"customerID": CUSTOMERS}),
)
BULKS = st.lists(REQUESTS, min_size=2, max_size=6)
SETTINGS = st.sampled_from(
    [
        *(("return_redeemed_points", "1"), ("return_redeemed_points", "0")),
        *(("returns_below_zero", "floor"), ("returns_below_zero", "allow")),
        *(("negative_balance", "allow"), ("negative_balance", "refuse")),
    ]
)


class Returns(RuleBasedStateMachine):
    """A shop with three customers, and the oracle beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.run = self.stack.enter_context(asyncio.Runner()).run
        self.opened = open_shop(folder, timezone="UTC")
        self.shop: Shop = self.run(self.opened.__aenter__())
        self.stack.callback(lambda: self.run(self.opened.__aexit__(None, None, None)))
        self.oracle = Oracle()

    def teardown(self) -> None:
        self.stack.close()

    @initialize(bought=st.lists(sales(), min_size=2, max_size=2))
    def some_sales(self, bought: list[Request]) -> None:
        for _ in range(3):
            self.run(self.shop.customer())
        spent = {"requestName": "subtractCustomerRewardPoints", "customerID": 1, "points": 30, "invoiceID": ("sale", 0)}
        points = {"requestName": "addCustomerRewardPoints", "customerID": 1, "points": 40, "invoiceID": 0}
        self.send([points, *bought])
        self.send([spent])

    @rule(requests=BULKS)
    def send(self, requests: list[Request]) -> None:
        requests = self.named(requests)
        self.compare(requests, self.run(self.shop.answers(requests)))

    def named(self, requests: list[Request]) -> list[Request]:
        """The requests with the numbers of the records that they mean."""
        names = ("getSalesDocuments", "getEarnedRewardPointRecords", "getUsedRewardPointRecords")
        listings = self.run(self.shop.answers([{"requestName": name, "recordsOnPage": 100} for name in names]))
        documents, earned, used = [listing["records"] for listing in listings]
        numbers: dict[str, list[int]] = {
            "document": [one["id"] for one in documents],
            "credit": [one["id"] for one in documents if one["type"] == "CREDITINVOICE"],
            "sale": [one["id"] for one in documents if one["type"] != "CREDITINVOICE"],
            "earning": [one["transactionID"] for one in earned],
            "redemption": [one["transactionID"] for one in used],
        }

        def number(value: object) -> object:
            if not isinstance(value, tuple):
                return value
            known = sorted(numbers[value[0]], reverse=True)
            return known[value[1]] if value[1] < len(known) else max(known, default=0) + 1

        return [{name: number(value) for name, value in request.items()} for request in requests]

    def compare(self, requests: list[Request], answers: list[dict[str, Any]]) -> None:
        for request, answer in zip(requests, answers, strict=True):
            if request["requestName"] == "getCustomerRewardPoints":
                points = answer["records"][0]["points"]
                assert points == self.oracle.balance(request["customerID"]), f"1: {request} {points}"
                continue
            try:
                self.oracle.do(request)
                expected = 0
            except Refused as refused:
                expected = refused.args[0]
            assert answer["status"]["errorCode"] == expected, f"1: {request} {answer['status']}"

    @rule(setting=SETTINGS)
    def set(self, setting: tuple[str, str]) -> None:
        self.run(self.shop.set(**dict([setting])))
        self.oracle.settings.update([setting])

    @invariant()
    def balances_and_histories(self) -> None:
        customers = (1, 2, 3) if self.oracle.last_transaction else ()
        requests = [{"requestName": "getCustomerRewardPoints", "customerID": number} for number in customers]
        requests += [{"requestName": f"get{kind}RewardPointRecords"} for kind in ("Earned", "Used")]
        *balances, earned, used = self.run(self.shop.answers(requests))
        found = [one["records"][0]["points"] for one in balances]
        assert found == [self.oracle.balance(number) for number in customers], "2"
        for listed, records in ((earned, self.oracle.earnings), (used, self.oracle.redemptions)):
            shown = {one["transactionID"]: (one["customerID"], one["invoiceID"]) for one in listed["records"]}
            assert shown == {number: (one.customer, one.document) for number, one in records.items()}, "2"

    @invariant()
    def adds_up(self) -> None:
        assert self.run(self.shop.check()) == [], "3"


class ReturnsInTime(Returns):
    """The same with points that expire, and corrections of their expiry."""

    def compare(self, requests: list[Request], answers: list[dict[str, Any]]) -> None:
        codes = [answer["status"]["errorCode"] for answer in answers]
        assert 1000 not in codes, f"1: {list(zip(requests, codes, strict=True))}"

    @rule(customer_id=CUSTOMERS, points=st.integers(1, 60), days=st.integers(1, 4))
    def add_for_some_days(self, customer_id: int, points: int, days: int) -> None:
        expiry = int(self.shop.clock()) + days * DAY
        self.run(
            self.shop.record("addCustomerRewardPoints", customerID=customer_id, points=points, expiryUnixTime=expiry)
        )

    @rule(days=st.sampled_from([1, 1, 2, 35]))
    def wait(self, days: int) -> None:
        self.shop.clock.advance(days * DAY)
        self.run(self.shop.log_in())

    @rule(earning=recent("earning"), days=st.integers(-2, 3))
    def change_expiry(self, earning: tuple[str, int], days: int) -> None:
        now = int(self.shop.clock())
        times = {"createdUnixTime": now - 5 * DAY, "expiryUnixTime": now + days * DAY}
        self.send([{"requestName": EARNED, "transactionID": earning, **times}])

    @rule(setting=SETTINGS | st.sampled_from([("returned_points_grace_days", "2"), ("reward_points_duration", "1")]))
    def set(self, setting: tuple[str, str]) -> None:
        self.run(self.shop.set(**dict([setting])))

    @invariant()
    def balances_and_histories(self) -> None:
        pass


def _tries(examples: int, steps: int = 12) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )


def test_any_order_of_returns_agrees_with_the_oracle() -> None:
    """Whatever is sold, spent, returned, deleted and corrected: codes, balances and histories are the oracle's."""
    run_state_machine_as_test(Returns, settings=_tries(40))


def test_any_order_of_returns_adds_up_in_time() -> None:
    """With points that expire, come back and are revived, nothing fails and the ledger adds up after every step."""
    run_state_machine_as_test(ReturnsInTime, settings=_tries(40))


def _rounds_up(points: int, returned: int, whole: int) -> int:
    return -(-points * returned // whole // 1000) * 1000 if whole else points


def _forgets_former_returns(_: Any) -> dict[int, Any]:
    return {}


def _matches_anything(sold: Any, _: Any) -> list[Any]:
    return list(sold)


def _is_never_past_the_row(rows: Any, _: Any) -> int:
    return sum(row.net for row in rows)


@pytest.mark.parametrize(
    ("module", "function", "broken"),
    [
        (returns, "share", _rounds_up),
        (credited, "load", _forgets_former_returns),
        (crediting, "_candidates", _matches_anything),
        (credited, "net", _is_never_past_the_row),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_broken_returns_are_caught(module: object, function: str, broken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine finds a mistake in what returns take: returns broken on purpose do not pass."""
    monkeypatch.setattr(module, function, broken)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Returns, settings=_tries(60))
