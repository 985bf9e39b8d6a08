"""Balances: of many customers, of a moment in the past, and with what expires soon."""

import functools
import itertools
import sqlite3
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erply_points.store.sqlite import loading
from retries.keyed import earning, examples, in_a_shop, plain, redemption, send
from support.client import Record
from support.shop import STORE, Shop, open_shop, place

DAY: Final = 86_400


async def points(shop: Shop, *customers: int, **params: Any) -> list[int]:
    """The balances of customers, in one call."""
    listed = ",".join(map(str, customers))
    records = await shop.records("getCustomerRewardPoints", customerIDs=listed, **params)
    assert [each["customerID"] for each in records] == list(dict.fromkeys(customers))
    return [each["points"] for each in records]


async def at(shop: Shop, customer: int, moment: float) -> int:
    """The balance as it stood at a moment."""
    record = await shop.record("getCustomerRewardPoints", customerID=customer, asOf=int(moment))
    assert record.keys() == {"points"}
    balance: int = record["points"]
    return balance


async def test_the_plain_form_is_erplys(shop: Shop) -> None:
    """With customerID alone the record is `points` and nothing else; zeros and empty texts ask for nothing more."""
    customer = await shop.customer(points=10)
    for nothing in ({}, {"asOf": 0}, {"asOf": ""}, {"expiringBefore": 0}, {"customerIDs": ""}):
        answer = await shop.call("getCustomerRewardPoints", customerID=customer, **nothing)
        assert answer["records"] == [{"points": 10}]
        assert (answer["status"]["recordsTotal"], answer["status"]["recordsInResponse"]) == (1, 1)


async def test_many_in_the_order_asked(shop: Shop) -> None:
    """Balances come in the order asked, each customer once, blanks and repetitions no matter."""
    a, b, c = [await shop.customer(points=each) for each in (10, 0, 30)]
    answer = await shop.call("getCustomerRewardPoints", customerIDs=f"{c}, {a},{c} ,{b}, {a}")
    assert answer["records"] == [
        {"customerID": c, "points": 30},
        {"customerID": a, "points": 10},
        {"customerID": b, "points": 0},
    ]
    assert (answer["status"]["recordsTotal"], answer["status"]["recordsInResponse"]) == (3, 3)
    assert await shop.records("getCustomerRewardPoints", customerIDs=str(a)) == [{"customerID": a, "points": 10}]


async def test_unknown_customers_are_named(shop: Shop) -> None:
    """1011 names the unknown ones, all of them and no others; deleted customers are unknown."""
    a, b = await shop.customer(points=10), await shop.customer()
    assert await shop.records("deleteCustomer", customerID=b) == []
    for more in ({}, {"asOf": int(shop.clock())}, {"expiringBefore": 2_000_000_000}):
        status = (await shop.call("getCustomerRewardPoints", customerIDs=f"77,{a},{b},9999999999", **more))["status"]
        assert (status["errorCode"], status["errorField"]) == (1011, "customerIDs")
        assert status["errorMessage"] == f"There is no customer 77, {b}, 9999999999."
    assert await shop.error("getCustomerRewardPoints", customerID=77, asOf=1) == (1011, "customerID")


async def test_how_many(shop: Shop) -> None:
    """A thousand customers can be asked for at once, one more is 1016; repetitions do not count."""
    customers = [
        answer["records"][0]["customerID"]
        for _ in range(10)
        for answer in await shop.answers([{"requestName": "saveCustomer", "lastName": "Tamm"}] * 100)
    ]
    await shop.answers([earning(customer, customer) for customer in customers[:100]])
    assert await points(shop, *customers) == [*customers[:100], *[0] * 900]
    assert len(await points(shop, *customers, *customers)) == 1_000
    listed = ",".join(map(str, [*customers, 1_001]))
    assert await shop.error("getCustomerRewardPoints", customerIDs=listed) == (1016, "customerIDs")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, (1010, "customerID")),
        ({"customerIDs": ""}, (1010, "customerID")),
        ({"asOf": 1}, (1010, "customerID")),
        ({"customerIDs": " "}, (1029, "customerIDs")),
        ({"customerIDs": "1;2"}, (1029, "customerIDs")),
        ({"customerIDs": "1,-2"}, (1029, "customerIDs")),
        ({"customerIDs": "1", "customerID": 1}, (1013, "customerIDs")),
        ({"customerID": 1, "asOf": 1_767_225_601}, (1016, "asOf")),
        ({"customerID": 1, "asOf": -1}, (1016, "asOf")),
        ({"customerID": 1, "asOf": "yesterday"}, (1014, "asOf")),
        ({"customerID": 1, "expiringBefore": "soon"}, (1014, "expiringBefore")),
        ({"customerID": 1, "asOf": 1, "expiringBefore": 2}, (1013, "expiringBefore")),
        ({"customerIDs": "0,1"}, (1011, "customerIDs")),
    ],
)
async def test_what_cannot_be_asked(shop: Shop, params: Record, expected: tuple[int, str]) -> None:
    """Questions that contradict themselves, the future as the past, and lists that are none are refused."""
    assert await shop.customer(points=10) == 1
    assert await shop.error("getCustomerRewardPoints", **params) == expected


async def test_a_balance_of_the_past(shop: Shop) -> None:
    """`asOf` is the balance as the ledger stood at that second, its own changes included; before all of it, 0."""
    customer, other = await shop.customer(), await shop.customer(points=5)
    start = shop.clock()
    shop.clock.advance(10)
    await shop.answers([earning(customer, 100)])
    shop.clock.advance(10)
    await shop.answers([redemption(customer, 30), redemption(customer, 5)])
    shop.clock.advance(10)
    expected = {-1: 0, 0: 0, 9: 0, 10: 100, 19: 100, 20: 65, 30: 65}
    assert {after: await at(shop, customer, start + after) for after in expected} == expected
    assert await points(shop, other, customer, asOf=int(start + 10)) == [5, 100]
    assert await points(shop, other, customer, asOf=int(start - 1)) == [0, 0]


async def test_expiry_in_the_past(shop: Shop) -> None:
    """Points are gone at the second of their expiry, whether or not anything has happened since."""
    customer = await shop.customer()
    start = shop.clock()
    await shop.record("addCustomerRewardPoints", customerID=customer, points=100, expiryUnixTime=int(start) + 50)
    await shop.record("addCustomerRewardPoints", customerID=customer, points=7)
    shop.clock.advance(80)
    expected = {0: 107, 49: 107, 50: 7, 80: 7}
    assert {after: await at(shop, customer, start + after) for after in expected} == expected
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points=1)  # Now the ledger has noticed.
    assert {after: await at(shop, customer, start + after) for after in expected} == expected | {80: 6}


async def test_a_correction_leaves_the_past_as_it_was(shop: Shop) -> None:
    """What is corrected later changes the balance from then on, also where a stated time or an expiry is past."""
    customer, other = await shop.customer(), await shop.customer()
    start = shop.clock()
    await shop.record("addCustomerRewardPoints", customerID=customer, points=100, expiryUnixTime=int(start) + 40)
    lot = (await shop.record("getEarnedRewardPointRecords"))["transactionID"]
    shop.clock.advance(60)
    await shop.record("editEarnedRewardPointRecord", transactionID=lot, expiryUnixTime=0)
    shop.clock.advance(10)
    await shop.record("editEarnedRewardPointRecord", transactionID=lot, expiryUnixTime=int(start) + 65)
    shop.clock.advance(10)
    await shop.record("addCustomerRewardPoints", customerID=customer, points=5, createdUnixTime=int(start) + 5)
    shop.clock.advance(10)
    second = (await shop.records("getEarnedRewardPointRecords"))[-1]["transactionID"]
    await shop.record("editEarnedRewardPointRecord", transactionID=second, customerID=other)
    expected = {0: 100, 39: 100, 40: 0, 59: 0, 60: 100, 66: 100, 69: 100, 70: 0, 79: 0, 80: 5, 89: 5, 90: 0}
    assert {after: await at(shop, customer, start + after) for after in expected} == expected
    assert [await at(shop, other, start + after) for after in (0, 80, 89, 90)] == [0, 0, 0, 5]
    assert await shop.check() == []


async def test_what_expires_soon(shop: Shop) -> None:
    """`expiringBefore` adds how much of the balance is gone by then: what expires at that second counts."""
    customer = await shop.customer(points=1)
    now = int(shop.clock())
    for expires, earned in ((100, 20), (200, 30), (300, 40)):
        await shop.record("addCustomerRewardPoints", customerID=customer, points=earned, expiryUnixTime=now + expires)
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points=5)

    async def expiring(before: int) -> tuple[int, int]:
        record = await shop.record("getCustomerRewardPoints", customerID=customer, expiringBefore=before)
        assert record.keys() == {"points", "expiringPoints"}
        return record["points"], record["expiringPoints"]

    expected = {-5: 0, 0: 0, 99: 0, 100: 15, 199: 15, 200: 45, 300: 85, 10**9: 85}
    assert {after: (await expiring(now + after)) for after in expected} == {
        after: (86, points) for after, points in expected.items()
    }
    shop.clock.advance(150)
    assert await expiring(now + 200) == (71, 30)
    both = await shop.records("getCustomerRewardPoints", customerIDs=f"{customer}", expiringBefore=now + 200)
    assert both == [{"customerID": customer, "points": 71, "expiringPoints": 30}]


async def test_what_expires_of_a_debt(shop: Shop) -> None:
    """Below zero nothing can expire."""
    await shop.set(negative_balance="allow")
    customer = await shop.customer(points=10)
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points=30)
    record = await shop.record("getCustomerRewardPoints", customerID=customer, expiringBefore=2_000_000_000)
    assert record == {"points": -20, "expiringPoints": 0}


async def test_in_a_bulk_it_sees_what_was_done_so_far(shop: Shop) -> None:
    """Between changes of one bulk, and of customers that it makes and deletes, balances are those of now."""
    a = await shop.customer(points=10)
    asked: Record = {"requestName": "getCustomerRewardPoints", "customerIDs": f"{a},{a + 1}"}
    now = {"requestName": "getCustomerRewardPoints", "customerID": a, "asOf": int(shop.clock())}
    soon = {"requestName": "getCustomerRewardPoints", "customerID": a, "expiringBefore": 1_800_000_000}
    lot = (await shop.record("getEarnedRewardPointRecords"))["transactionID"]
    edit = {"requestName": "editEarnedRewardPointRecord", "transactionID": lot, "expiryUnixTime": 1_790_000_000}
    bulk: list[Record] = [
        *(asked, now, soon, edit, soon),
        {"requestName": "saveCustomer", "lastName": "Tamm"},
        *(asked, redemption(a, 3), earning(a + 1, 4), asked, now, redemption(a, 500), now),
        {"requestName": "deleteCustomer", "customerID": a + 1},
        asked,
    ]
    reply = await send(shop, plain(bulk))
    assert reply.codes == [1011, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1042, 0, 1022, 0]
    assert [each["points"] for each in reply.answers[6]["records"]] == [10, 0]
    assert [each["points"] for each in reply.answers[9]["records"]] == [7, 4]
    assert [reply.record(place)["points"] for place in (1, 10, 12)] == [10, 7, 7]
    assert [reply.record(place)["expiringPoints"] for place in (2, 4)] == [0, 10]
    made_and_gone = [
        {"requestName": "saveCustomer", "lastName": "Saar"},
        {**asked, "customerIDs": f"{a + 2}"},
        {"requestName": "deleteCustomer", "customerID": a + 2},
        {**asked, "customerIDs": f"{a + 2}"},
    ]
    assert (await send(shop, plain(made_and_gone))).codes == [0, 0, 0, 1011]


@pytest.mark.parametrize("how", [{}, {"asOf": 1_767_225_600}, {"expiringBefore": 1_900_000_000}])
async def test_one_read_whatever_the_number(how: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The balances of two hundred customers are read by as many statements as that of one."""
    statements: list[str] = []

    class Traced(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            statements.append(sql)
            return super().execute(sql, *values)

    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Traced))
    async with open_shop(place(tmp_path / "data", "sqlite")) as shop:
        saving = [{"requestName": "saveCustomer", "lastName": "Tamm"}] * 100
        made = [*await shop.answers(saving), *await shop.answers(saving)]
        customers = [answer["records"][0]["customerID"] for answer in made]
        await shop.answers([earning(customer, 10) for customer in customers[:100]])
        shop.clock.advance(10)
        await shop.answers([redemption(customer, 1) for customer in customers[:50]])
        counts = []
        for listed in (customers[:1], customers):
            statements.clear()
            await points(shop, *listed, **how)
            counts.append(len(statements))
    assert counts[0] == counts[1] > 0


CUSTOMERS: Final = (1, 2, 3)
_WHO = st.sampled_from(CUSTOMERS)
_LOT = st.integers(0, 5)
STEPS: Final = st.one_of(
    st.tuples(st.just("earn"), _WHO, st.integers(1, 50), st.sampled_from([0, 30, 200, 900])),
    st.tuples(st.just("earn"), _WHO, st.integers(1, 50), st.sampled_from([0, 30, 200, 900])),
    st.tuples(st.just("redeem"), _WHO, st.integers(1, 60)),
    st.tuples(st.just("redeem"), _WHO, st.integers(1, 60)),
    st.tuples(st.just("sell"), _WHO, st.integers(1, 40)),
    st.tuples(st.just("return"), st.integers(0, 3), st.sampled_from(["-1", "-0.5"])),
    st.tuples(st.just("delete"), st.integers(0, 5)),
    st.tuples(st.just("expire"), _LOT, st.sampled_from([-100, -10, 20, 400, 0])),
    st.tuples(st.just("move earning"), _LOT, _WHO),
    st.tuples(st.just("move redemption"), _LOT, _WHO),
    st.tuples(st.just("allow"), st.sampled_from(["allow", "refuse"])),
)
"""What can happen to points; what of it cannot be done just then is refused, and that is fine."""
WAITS: Final = st.sampled_from([1, 1, 7, 29, 30, 100, 400])


_EDIT_EARNING: Final = {"requestName": "editEarnedRewardPointRecord"}
_EDIT_REDEMPTION: Final = {"requestName": "editUsedRewardPointRecord"}
_SALE: Final = {"requestName": "saveSalesDocument", "type": "CASHINVOICE", "amount1": 1}
_RETURN: Final = {"requestName": "saveSalesDocument", "type": "CREDITINVOICE"}


def sub_requests(step: tuple[Any, ...], now: int, lots: list[int], spent: list[int], sold: list[int]) -> list[Record]:
    """A step as sub-requests; records are named by their place among those there are."""

    def one(of: list[int], place: int) -> int:
        return of[place % len(of)] if of else 99

    found: list[Record] = []
    match step:
        case ("earn", who, points, lives):
            found = [earning(who, points, **({"expiryUnixTime": now + lives} if lives else {}))]
        case ("redeem", who, points):
            found = [redemption(who, points)]
        case ("sell", who, price):
            sale = {**_SALE, "customerID": who, "price1": price}
            found = [sale, redemption(who, price, invoiceID="CURRENT_INVOICE_ID")]
        case ("return", place, amount):
            found = [{**_RETURN, "creditToDocumentID": one(sold, place), "amount1": amount}]
        case ("delete", place):
            found = [{"requestName": "deleteSalesDocument", "documentID": one(sold, place)}]
        case ("expire", place, lives):
            found = [
                {**_EDIT_EARNING, "transactionID": one(lots, place), "expiryUnixTime": now + lives if lives else 0}
            ]
        case ("move earning", place, who):
            found = [{**_EDIT_EARNING, "transactionID": one(lots, place), "customerID": who}]
        case ("move redemption", place, who):
            found = [{**_EDIT_REDEMPTION, "transactionID": one(spent, place), "customerID": who}]
    assert found, step
    return found


async def do(shop: Shop, step: tuple[Any, ...]) -> None:
    if step[0] == "allow":
        await shop.set(negative_balance=step[1])
        return
    lots = [each["transactionID"] for each in await shop.records("getEarnedRewardPointRecords")]
    spent = [each["transactionID"] for each in await shop.records("getUsedRewardPointRecords")]
    sold = [each["id"] for each in await shop.records("getSalesDocuments")]
    await send(shop, plain(sub_requests(step, int(shop.clock()), lots, spent, sold)))


async def balances(shop: Shop) -> list[int]:
    """What the plain form says of each customer now."""
    return [await shop.balance(customer) for customer in CUSTOMERS]


@given(history=st.lists(st.tuples(STEPS, WAITS), min_size=1, max_size=14))
@examples(40)
def test_the_past_is_what_was_seen_then(history: list[tuple[tuple[Any, ...], int]]) -> None:
    """After any history of sales, returns, expiries and corrections, `asOf` says what a balance said at its time.

    Balances are noted as the history is made, at every moment of it that something may have happened; then each
    moment is asked for, of one customer and of many. What expires soon is what is missing later if nothing happens.
    """

    async def story(shop: Shop) -> None:
        for _ in CUSTOMERS:
            await shop.customer()
        seen: dict[int, list[int]] = {}

        async def look() -> None:
            seen[int(shop.clock())] = await balances(shop)

        for step, wait in history:
            await do(shop, step)
            await look()
            for part in itertools.pairwise((0, wait // 2, wait)):
                shop.clock.advance(part[1] - part[0])
                await look()
        now = int(shop.clock())
        for moment, noted in seen.items():
            assert await points(shop, *CUSTOMERS, asOf=moment) == noted, moment - now
            assert [await at(shop, customer, moment) for customer in CUSTOMERS] == noted
        assert await points(shop, *CUSTOMERS) == seen[now]
        for later in (0, 50, 1_000):
            listed = ",".join(map(str, CUSTOMERS))
            records = await shop.records("getCustomerRewardPoints", customerIDs=listed, expiringBefore=now + later)
            shop.clock.advance(later)
            left = await balances(shop)
            shop.clock.advance(-later)
            assert [each["points"] - each["expiringPoints"] for each in records] == left
        assert await shop.check() == []

    in_a_shop(story, return_redeemed_points="1")


def test_the_property_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: balances of the past that forget an expiry are caught."""
    if STORE != "sqlite":
        pytest.skip("breaks the SQLite store")
    monkeypatch.setattr(loading, "_BALANCES", loading._BALANCES.replace("at <= ?3", "at < ?3"))
    with pytest.raises(AssertionError):
        test_the_past_is_what_was_seen_then()
