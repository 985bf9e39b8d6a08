"""The whole API against a simple oracle: a machine that sends whatever comes to its mind and compares after each step.

Invariants, checked after every step:
1. every sub-answer has the error code, the numbers and the points that the oracle foretells;
2. every customer's balance is the oracle's;
3. every earning and redemption of the histories is the oracle's, with what remains of it, and there are no others;
4. every document is the oracle's;
5. `check` finds nothing wrong: earned = remaining + redeemed + expired + reversed, for every customer;
6. what was refused has changed nothing, and has used up no number (by 1 to 4: the oracle leaves it out).

The oracle is written from the protocol's rules and imports nothing of the server. ERPLY_POINTS_EXAMPLES sets how many
histories are tried (default 20, always the same ones; with it, new ones).
"""

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from erply_points.bulk.references import CurrentInvoice
from erply_points.calls import points as points_calls
from erply_points.calls import sales
from erply_points.ledger import wallet
from erply_points.ledger.accrual import expiry_after
from erply_points.ledger.allocation import allocate
from erply_points.store.sqlite import loading
from erply_points.store.unit_of_work import UnitOfWork
from oracle import DAY, FOR_EVER, HOUR, Oracle
from support.client import Record
from support.shop import Shop, open_shop


def call(name: str, required: dict[str, Any], **optional: Any) -> st.SearchStrategy[Record]:
    return st.fixed_dictionaries({"requestName": st.just(name), **required}, optional=optional)


CUSTOMERS = st.sampled_from([1, 1, 1, 2, 2, 9])  # Few, so that much happens to each; 9 is rarely there.
DOCUMENTS = st.sampled_from([0, 1, 2, 3, 9])
SALE = {
    "type": st.sampled_from(["CASHINVOICE", "INVWAYBILL", "INVOICE", "ORDER", "CREDITINVOICE"]),
    "customerID": CUSTOMERS,
    "productID1": st.just(1),
    "vatrateID1": st.just(1),
    "amount1": st.sampled_from(["1", "3", "0.5", "-1"]),
    "price1": st.sampled_from(["0.01", "1.99", "7.77", "10.00", "20.835"]),
    "discount1": st.sampled_from([0, 10, 33]),
}
BAD_SALE = st.sampled_from(
    [
        {"bad": 1010, "requestName": "saveSalesDocument", "customerID": 1, "productID1": 1},
        {"bad": 1016, "requestName": "saveSalesDocument", "customerID": 1, "productID1": 1, "amount1": 0},
        {"bad": 1011, "requestName": "saveSalesDocument", "customerID": 1, "amount1": 1, "vatrateID1": 99},
    ]
)
BAD = st.sampled_from(
    [
        {"bad": 1005, "requestName": "noSuchCall"},
        {"bad": 1010, "requestName": "subtractCustomerRewardPoints", "customerID": 1},
        {"bad": 1014, "requestName": "subtractCustomerRewardPoints", "customerID": 1, "points": "1.5"},
        {"bad": 1016, "requestName": "subtractCustomerRewardPoints", "customerID": 1, "points": 0},
        {"bad": 1014, "requestName": "addCustomerRewardPoints", "customerID": 1, "points": "many"},
    ]
)
REDEMPTION = call(
    "subtractCustomerRewardPoints",
    {"customerID": CUSTOMERS, "points": st.integers(1, 40)},
    invoiceID=st.one_of(st.just("CURRENT_INVOICE_ID"), DOCUMENTS),
)
EARNING = call(
    "addCustomerRewardPoints",
    {"customerID": CUSTOMERS, "points": st.integers(1, 50)},
    invoiceID=DOCUMENTS,
    # In seconds from now and from the earning; moments of the clock once they are sent.
    createdUnixTime=st.sampled_from([-10 * DAY, -DAY, -1, HOUR]),
    expiryUnixTime=st.sampled_from([HOUR, DAY, 10 * DAY, 40 * DAY]),
)
NEW_SALE = call(
    "saveSalesDocument",
    SALE,
    confirmInvoice=st.sampled_from([0, 1]),
    doNotAddRewardPoints=st.sampled_from([0, 1]),
    temporaryUUID=st.sampled_from(["a", "b"]),
)
REQUESTS = st.one_of(
    EARNING,
    EARNING,
    REDEMPTION,
    REDEMPTION,
    NEW_SALE,
    call("saveSalesDocument", {"id": st.integers(1, 4), "confirmInvoice": st.just(1)}),
    call("saveCustomer", {"lastName": st.just("Tamm"), "rewardPointsDisabled": st.sampled_from([0, 1])}),
    call("saveCustomer", {"customerID": CUSTOMERS, "rewardPointsDisabled": st.sampled_from([0, 0, 0, 1])}),
    call("getCustomerRewardPoints", {"customerID": CUSTOMERS}),
    BAD,
)
RECEIPTS = st.one_of(
    NEW_SALE,
    BAD_SALE,
    call(
        "subtractCustomerRewardPoints",
        {"customerID": CUSTOMERS, "points": st.integers(1, 5), "invoiceID": st.just("CURRENT_INVOICE_ID")},
    ),
)
SETTINGS = st.sampled_from(
    [
        ("negative_balance", "allow"),
        ("negative_balance", "refuse"),
        ("failed_invoice", "refuse"),
        ("failed_invoice", "execute"),
        ("reward_points_per_currency_unit", "0.5"),
        ("reward_points_per_currency_unit", "2.25"),
        ("reward_points_per_currency_unit", "0"),
        ("reward_points_duration", "1"),
        ("reward_points_duration", "1"),
        ("reward_points_duration", "0"),
    ]
)


class Machine(RuleBasedStateMachine):
    """Sends bulks, moves the clock, changes settings; the server and the oracle do the same."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.run = self.stack.enter_context(asyncio.Runner()).run
        self.opened = open_shop(folder, timezone="UTC")
        self.shop: Shop = self.run(self.opened.__aenter__())
        self.stack.callback(lambda: self.run(self.opened.__aexit__(None, None, None)))
        self.oracle = Oracle(int(self.shop.clock()))

    def teardown(self) -> None:
        self.stack.close()

    @initialize()
    def two_customers(self) -> None:
        self.send([{"requestName": "saveCustomer", "lastName": "Tamm", "rewardPointsDisabled": 0}] * 2)

    @rule(requests=st.lists(REQUESTS, min_size=1, max_size=6))
    def send(self, requests: list[Record]) -> None:
        """One request goes as a single call, several as a bulk."""
        requests = [self.timed(request) for request in requests]
        expected = self.oracle.answers(requests)
        sent = [{name: value for name, value in request.items() if name != "bad"} for request in requests]
        if len(sent) == 1:
            (request,) = sent
            answers = [self.run(self.shop.call(request.pop("requestName"), **request))]
        else:
            answers = self.run(self.shop.answers(sent))
        assert [answer["status"]["errorCode"] for answer in answers] == [code for code, _ in expected]
        for answer, (code, record) in zip(answers, expected, strict=True):
            if not code:
                (given,) = answer["records"]
                assert given | record == given, (given, record)

    @rule(requests=st.lists(RECEIPTS, min_size=2, max_size=6))
    def ring_up(self, requests: list[Record]) -> None:
        """Receipts and redemptions on them, some of which fail."""
        self.send(requests)

    def timed(self, request: Record) -> Record:
        moments = dict(request)
        created = self.oracle.now + moments.get("createdUnixTime", 0)
        if "createdUnixTime" in moments:
            moments["createdUnixTime"] = created
        if "expiryUnixTime" in moments:
            moments["expiryUnixTime"] += created
        return moments

    @rule(seconds=st.sampled_from([1, HOUR, DAY, 10 * DAY, 31 * DAY]))
    def wait(self, seconds: int) -> None:
        self.shop.clock.advance(seconds)
        self.oracle.now += seconds
        self.run(self.shop.log_in())  # Sessions end as time goes by.

    @rule(setting=SETTINGS)
    def change_setting(self, setting: tuple[str, str]) -> None:
        name, value = setting
        self.run(self.shop.set(**{name: value}))
        self.oracle.settings[name] = value

    @invariant()
    def server_and_oracle_agree(self) -> None:
        balances, earned, used, documents = self.run(self.seen())
        oracle = self.oracle
        assert balances == {customer: oracle.balance(customer) for customer in oracle.disabled}
        assert earned == [
            (
                lot.id,
                lot.customer,
                lot.earned,
                lot.remaining if lot.expires > oracle.now else 0,
                lot.created,
                0 if lot.expires == FOR_EVER else lot.expires,
                lot.document,
            )
            for lot in oracle.lots
        ]
        assert used == oracle.spent
        assert documents == [
            (each.id, each.type, each.customer, str(each.number), float(each.net)) for each in oracle.documents
        ]

    async def seen(self) -> tuple[dict[int, int], list[Any], list[Any], list[Any]]:
        listings: list[Record] = [
            {"requestName": "getEarnedRewardPointRecords"},
            {"requestName": "getUsedRewardPointRecords"},
            {"requestName": "getSalesDocuments", "recordsOnPage": 100},
        ]
        customers = list(self.oracle.disabled)
        asked = [{"requestName": "getCustomerRewardPoints", "customerID": customer} for customer in customers]
        answers = await self.shop.answers(
            [*listings, *asked], getFields=",".join({*EARNED, *USED, *DOCUMENT, "points"})
        )
        earned, used, documents, *points = (answer["records"] for answer in answers)
        assert await self.shop.check() == []
        return (
            {customer: record["points"] for customer, (record,) in zip(customers, points, strict=True)},
            [tuple(map(each.get, EARNED)) for each in earned],
            [tuple(map(each.get, USED)) for each in used],
            [tuple(map(each.get, DOCUMENT)) for each in documents],
        )


EARNED = (
    *("transactionID", "customerID", "earnedPoints", "remainingPoints"),
    *("createdUnixTime", "expiryUnixTime", "invoiceID"),
)
USED = ("transactionID", "customerID", "usedPoints", "invoiceID")
DOCUMENT = ("id", "type", "clientID", "number", "netTotal")

EXAMPLES = os.environ.get("ERPLY_POINTS_EXAMPLES")
PROFILE = settings(
    max_examples=int(EXAMPLES or 20),
    stateful_step_count=40,
    deadline=None,
    derandomize=EXAMPLES is None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@pytest.mark.timeout(100 if EXAMPLES is None else 0)
@pytest.mark.parametrize("lots_read", [8, 1])
def test_the_server_does_what_the_oracle_foretells(lots_read: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is sent in whatever order, every answer, balance and history is the one that the rules demand.

    Also where a wallet's lots are read one by one, as for a customer who has very many of them.
    """
    monkeypatch.setattr(loading.wallets, "__defaults__", (lots_read,))
    run_state_machine_as_test(Machine, settings=PROFILE)


def _last_lot_pays(lots: Any, *rest: Any) -> Any:
    return allocate(tuple(reversed(tuple(lots))), *rest)


BROKEN: dict[str, tuple[Any, str, Any]] = {
    "the latest expiry pays first": (wallet, "allocate", _last_lot_pays),
    "points of a sale are rounded down": (sales, "points_for_sale", lambda net, rate: int(net * rate) // 100 * 1_000),
    "a refused call is not undone": (UnitOfWork, "undo", lambda _self, _mark: None),
    "a failed invoice leaves the one before it current": (CurrentInvoice, "fail", lambda _self, _code: None),
    "points expire a second late": (points_calls, "expiry_after", lambda *given: expiry_after(*given) + 1),
}


@pytest.mark.parametrize("flaw", BROKEN)
def test_the_machine_finds_a_broken_server(flaw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: a server with one small flaw is caught."""
    monkeypatch.setattr(*BROKEN[flaw])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=settings(PROFILE, max_examples=300, phases=[Phase.generate]))
