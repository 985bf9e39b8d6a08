"""The whole API against a simple oracle: a machine that sends whatever comes to its mind and compares after each step.

Sales, redemptions, returns, VOIDs, edits, deletions, corrections of the histories, coupons, payments and gift cards, in
bulks and alone, while time passes and settings change.

Invariants, checked after every step:
1. every sub-answer has the error code, the numbers and the points that the oracle foretells;
2. every customer's balance is the oracle's;
3. every earning and redemption of the histories is the oracle's, with what remains of it, and there are no others;
4. every document is the oracle's, with what is paid of it, what it was made from and what came of it, and so is what
   is left of its rows;
5. every issued coupon and gift card is the oracle's;
6. `check` finds nothing wrong: earned = remaining + redeemed + expired + reversed, for every customer;
7. what was refused has changed nothing, and has used up no number (by 1 to 5: the oracle leaves it out).

The oracle is written from the protocol's rules and imports nothing of the server. ERPLY_POINTS_EXAMPLES sets how many
histories are tried (default 10, always the same ones; with it, new ones).
"""

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from agreement import foretold, seen
from calls import made_up
from calls.points_oracle import HOUR, Points
from erply_points.bulk.answers import Outcome
from erply_points.bulk.references import CurrentInvoice
from erply_points.calls import (
    credited,
    crediting,
    issued_coupons,
    payments,
    posting,
    returns,
    sales,
    sales_deletion,
    sales_earning,
)
from erply_points.ledger import wallet
from erply_points.ledger.accrual import expiry_after
from erply_points.ledger.allocation import allocate
from erply_points.ledger.returns import take_again
from erply_points.store.sqlite import loading
from erply_points.store.unit_of_work import UnitOfWork
from oracle import Oracle
from support.client import Record
from support.machines import SECONDS_MAX, profile, to_the_first_failure
from support.shop import STORE, Shop, open_shop, place

RANDOM = st.randoms(use_true_random=True)
"""Many unlike requests are worth more here than a smallest one: what fails is found again with fewer steps."""


class Machine(RuleBasedStateMachine):
    """Sends bulks, moves the clock, changes settings; the server and the oracle do the same."""

    store = STORE
    """The kind of store that its shop is in."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.run = self.stack.enter_context(asyncio.Runner()).run
        self.opened = open_shop(place(folder, self.store), timezone="UTC", retry="erply")
        self.shop: Shop = self.run(self.opened.__aenter__())
        self.stack.callback(lambda: self.run(self.opened.__aexit__(None, None, None)))
        self.oracle = Oracle(Points(int(self.shop.clock())))

    def teardown(self) -> None:
        self.stack.close()

    @initialize(bought=st.lists(RANDOM.map(made_up.sale), min_size=2, max_size=2), chosen=RANDOM.map(made_up.settings))
    def a_shop_with_customers(self, bought: list[Record], chosen: dict[str, str]) -> None:
        for product in (1, 2, 3):
            self.run(self.shop.record("saveProduct", name="Tea", rewardPointsNotAllowed=int(product == 3)))
        self.oracle.no_points.add(3)
        self.send([{"requestName": "saveCustomer", "lastName": "Tamm", "rewardPointsDisabled": 0}] * 2)
        self.change_settings(chosen)
        self.send([{"requestName": "addCustomerRewardPoints", "customerID": 1, "points": 40}, *bought])
        self.send([{"requestName": "saveCoupon", "printingCostInRewardPoints": 5}])

    @rule(requests=st.lists(RANDOM.map(made_up.request), min_size=1, max_size=8))
    def send(self, requests: list[Record]) -> None:
        """One request goes as a single call, several as a bulk."""
        requests = [made_up.as_sent(request, self.oracle) for request in requests]
        expected = self.oracle.answers(requests)
        sent = [{name: value for name, value in request.items() if name != "bad"} for request in requests]
        if len(sent) == 1:
            (request,) = sent
            answers = [self.run(self.shop.call(request.pop("requestName"), **request))]
        else:
            answers = self.run(self.shop.answers(sent))
        assert [answer["status"]["errorCode"] for answer in answers] == [code for code, _ in expected]
        for answer, (code, record) in zip(answers, expected, strict=True):
            if not code and record:
                (given,) = answer["records"]
                assert given | record == given, (given, record)

    @rule(requests=RANDOM.map(made_up.receipts))
    def ring_up(self, requests: list[Record]) -> None:
        """Receipts, and redemptions, coupons and payments on them, some of which fail."""
        self.send(requests)

    @rule(story=RANDOM.map(made_up.story))
    def tell_a_story(self, story: list[int | list[Record]]) -> None:
        for step in story:
            if isinstance(step, int):
                self.wait(step)
            else:
                self.send(step)
                self.server_and_oracle_agree()

    @rule(seconds=st.sampled_from(made_up.WAITS))
    def wait(self, seconds: int) -> None:
        self.shop.clock.advance(seconds)
        self.oracle.points.pass_time(seconds)
        if seconds >= HOUR:  # Sessions end as time goes by.
            self.run(self.shop.log_in())

    @rule(chosen=RANDOM.map(made_up.settings), name=st.sampled_from(list(made_up.SETTINGS)))
    def change_a_setting(self, chosen: dict[str, str], name: str) -> None:
        self.change_settings({name: chosen[name]})

    def change_settings(self, chosen: dict[str, str]) -> None:
        self.run(self.shop.set(**chosen))
        self.oracle.settings.update(chosen)

    @invariant()
    def server_and_oracle_agree(self) -> None:
        assert self.run(seen(self.shop, self.oracle)) == foretold(self.oracle)
        assert self.run(self.shop.check()) == []


PROFILE = profile(histories=10, steps=30)


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("lots_read", [8, 1])
def test_the_server_does_what_the_oracle_foretells(lots_read: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is sent in whatever order, every answer, balance and history is the one that the rules demand.

    Also where a wallet's lots are read one by one, as for a customer who has very many of them.
    """
    monkeypatch.setattr(loading.wallets, "__defaults__", (lots_read,))
    run_state_machine_as_test(Machine, settings=PROFILE)


taken = CurrentInvoice.take


def _last_lot_pays(lots: Any, *rest: Any) -> Any:
    return allocate(tuple(reversed(tuple(lots))), *rest)


def _nothing_was_lost_since(wallet: Any, redemption: Any, points: int, given: Any, *rest: Any) -> Any:
    return take_again(wallet, redemption, points, {lot: (got, 10**12) for lot, (got, _) in given.items()}, *rest)


def _take_good_ones_only(invoice: CurrentInvoice, outcome: Outcome) -> None:
    if outcome.error is None:
        taken(invoice, outcome)


BROKEN: dict[str, tuple[Any, str, Any]] = {
    "the latest expiry pays first": (wallet, "allocate", _last_lot_pays),
    "points of a sale are rounded down": (
        *(sales_earning, "points_for_sale", lambda net, rate: int(net * rate) // 100 * 1_000),
    ),
    "a refused call is not undone": (UnitOfWork, "undo", lambda _self, _mark: None),
    "a failed invoice leaves the one before it current": (CurrentInvoice, "take", _take_good_ones_only),
    "points expire a second late": (posting, "expiry_after", lambda *given: expiry_after(*given) + 1),
    "what is owed is never repaid": (wallet.Draft, "_repay", lambda _self, _moment: None),
    "parts of a return are rounded up": (
        *(returns, "share", lambda points, back, whole: -(-points * back // whole // 1_000) * 1_000),
    ),
    "former returns are forgotten": (credited, "load", lambda _: {}),
    "a credit row takes of any row": (crediting, "_candidates", lambda sold, _: list(sold)),
    "a return takes more than the row": (credited, "net", lambda rows, _: sum(row.net for row in rows)),
    "a deleted credit invoice gives nothing back": (sales_deletion, "undo", lambda *_: None),
    "what was lost since it was given back is taken twice": (returns, "take_again", _nothing_was_lost_since),
    "new prices leave the points": (sales, "follow_prices", lambda *_: None),
    "coupons cost nothing": (issued_coupons, "_charge", lambda *_: None),
    "a sale with coupons and cards can be deleted": (sales_deletion, "linked", lambda *_: []),
    "a payment is not counted": (payments, "book", lambda *_: None),
}


@pytest.mark.parametrize("flaw", BROKEN)
def test_the_machine_finds_a_broken_server(flaw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: a server with one small flaw is caught."""
    monkeypatch.setattr(*BROKEN[flaw])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=to_the_first_failure(PROFILE, 300))
