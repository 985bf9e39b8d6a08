"""Reward points by hand: subtract, add and balance."""

from typing import Any

import pytest

from bulk.sending import outcome, post_call
from support.shop import Shop

NOW = 1_767_225_600


async def test_the_record_of_a_redemption(shop: Shop) -> None:
    """A redemption answers customer, points left, points taken and the number of its transaction, all integers."""
    customer = await shop.customer(points=500)
    record = await shop.record("subtractCustomerRewardPoints", customerID=customer, points=100)
    assert record == {"customerID": customer, "remainingPoints": 400, "subtractedPoints": 100, "transactionID": 2}
    assert all(type(value) is int for value in record.values())
    assert (await shop.record("getUsedRewardPointRecords"))["transactionID"] == 2
    assert await shop.balance(customer) == 400


async def test_the_record_of_an_earning(shop: Shop) -> None:
    """An earning answers its transaction, customer, points and times, all integers; 0 means it never expires."""
    customer = await shop.customer()
    record = await shop.record("addCustomerRewardPoints", customerID=customer, points=7)
    assert record == {
        "transactionID": 1,
        "customerID": customer,
        "points": 7,
        "createdUnixTime": NOW,
        "expiryUnixTime": 0,
    }
    assert all(type(value) is int for value in record.values())


async def test_times_of_an_earning(shop: Shop) -> None:
    """`createdUnixTime` and `expiryUnixTime` are taken as sent; 0 is as if they had not been."""
    customer = await shop.customer()
    call = {"customerID": customer, "points": 1}
    given = await shop.record("addCustomerRewardPoints", **call, createdUnixTime=NOW - 50, expiryUnixTime=NOW + 50)
    assert (given["createdUnixTime"], given["expiryUnixTime"]) == (NOW - 50, NOW + 50)
    none = await shop.record("addCustomerRewardPoints", **call, createdUnixTime=0, expiryUnixTime=0)
    assert (none["createdUnixTime"], none["expiryUnixTime"]) == (NOW, 0)
    assert await shop.error("addCustomerRewardPoints", **call, expiryUnixTime=NOW) == (1016, "expiryUnixTime")
    refused = await shop.error("addCustomerRewardPoints", **call, createdUnixTime=NOW + 60, expiryUnixTime=NOW + 60)
    assert refused == (1016, "expiryUnixTime")
    assert await shop.balance(customer) == 2


async def test_the_time_of_a_redemption(shop: Shop) -> None:
    """`subtractedUnixTime` is when the points were spent, now by default; it may lie in the past or future."""
    customer = await shop.customer(points=10)
    for sent, kept in ((None, NOW), (0, NOW), (NOW - 1_000_000, NOW - 1_000_000), (NOW + 99, NOW + 99), (1, 1)):
        given = {} if sent is None else {"subtractedUnixTime": sent}
        await shop.record("subtractCustomerRewardPoints", customerID=customer, points=1, **given)
        assert (await shop.records("getUsedRewardPointRecords"))[-1]["createdUnixTime"] == kept
    assert await shop.balance(customer) == 5


async def test_references_to_documents(shop: Shop) -> None:
    """`invoiceID` must name a document or be 0; it comes back with the document's number."""
    customer = await shop.customer(points=10)
    sale = await shop.record("saveSalesDocument", amount1=1, customNumber="A/7")
    for call in ("subtractCustomerRewardPoints", "addCustomerRewardPoints"):
        assert await shop.error(call, customerID=customer, points=1, invoiceID=99) == (1011, "invoiceID")
        for number in ("0", "", sale["invoiceID"]):
            await shop.record(call, customerID=customer, points=1, invoiceID=number)
    for listing in ("getUsedRewardPointRecords", "getEarnedRewardPointRecords"):
        records = (await shop.records(listing))[-3:]
        assert [(each["invoiceID"], each["invoiceNo"]) for each in records] == [(0, ""), (0, ""), (1, "A/7")]


@pytest.mark.parametrize("call", ["subtractCustomerRewardPoints", "addCustomerRewardPoints", "getCustomerRewardPoints"])
async def test_unknown_customers(shop: Shop, call: str) -> None:
    """A customer that does not exist is 1011, in another account's numbers too."""
    other = await shop.neighbour()
    await other.customer(points=5)
    assert await shop.error(call, customerID=1, points=1) == (1011, "customerID")


async def test_a_balance_without_history_is_0(shop: Shop) -> None:
    """A customer who never had a point has 0 of them."""
    answer = await shop.call("getCustomerRewardPoints", customerID=await shop.customer())
    assert answer["records"] == [{"points": 0}]
    assert answer["status"]["recordsTotal"] == 1


async def test_too_few_points(shop: Shop) -> None:
    """One point too many is 1042 without a field, and takes nothing; the whole balance may be spent."""
    customer = await shop.customer(points=100)
    assert await shop.error("subtractCustomerRewardPoints", customerID=customer, points=101) == (1042, None)
    assert await shop.records("getUsedRewardPointRecords") == []
    record = await shop.record("subtractCustomerRewardPoints", customerID=customer, points=100)
    assert record["remainingPoints"] == 0
    assert await shop.error("subtractCustomerRewardPoints", customerID=customer, points=1) == (1042, None)


async def test_an_account_that_allows_negative_balances(shop: Shop) -> None:
    """With `negative_balance=allow` a redemption may go below zero, and the next earnings repay it."""
    await shop.set(negative_balance="allow")
    customer = await shop.customer(points=10)
    record = await shop.record("subtractCustomerRewardPoints", customerID=customer, points=35)
    assert record["remainingPoints"] == -25
    assert await shop.balance(customer) == -25
    await shop.record("addCustomerRewardPoints", customerID=customer, points=20)
    await shop.record("addCustomerRewardPoints", customerID=customer, points=20)
    assert await shop.balance(customer) == 15
    earned = await shop.records("getEarnedRewardPointRecords")
    assert [each["remainingPoints"] for each in earned] == [0, 0, 15]
    await shop.set(negative_balance="refuse")
    assert await shop.error("subtractCustomerRewardPoints", customerID=customer, points=16) == (1042, None)
    assert await shop.check() == []


async def test_customers_who_collect_no_points(shop: Shop) -> None:
    """A customer with rewardPointsDisabled is given none (1072), but may spend what is there."""
    customer = await shop.customer(points=10)
    await shop.record("saveCustomer", customerID=customer, rewardPointsDisabled=1)
    assert await shop.error("addCustomerRewardPoints", customerID=customer, points=1) == (1072, None)
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points=4)
    assert await shop.balance(customer) == 6
    await shop.record("saveCustomer", customerID=customer, rewardPointsDisabled=0)
    await shop.record("addCustomerRewardPoints", customerID=customer, points=1)


@pytest.mark.parametrize(("points", "code"), [(0, 1016), (-1, 1016), (1, 0), (10**9, 0), (10**9 + 1, 1016)])
async def test_limits_of_one_transaction(shop: Shop, points: int, code: int) -> None:
    """A transaction moves from one to a thousand million points."""
    await shop.set(negative_balance="allow")
    customer = await shop.customer()
    field = "points" if code else None
    assert await post_call(shop, "addCustomerRewardPoints", customerID=customer, points=points) == (code, field)
    assert await post_call(shop, "subtractCustomerRewardPoints", customerID=customer, points=points) == (code, field)


async def test_limits_of_a_balance(shop: Shop) -> None:
    """A balance goes to a thousand thousand million points either way; what is beyond is 1016 and changes nothing."""
    await shop.set(negative_balance="allow")
    rich, poor = await shop.customer(), await shop.customer()
    for call, customer in (("addCustomerRewardPoints", rich), ("subtractCustomerRewardPoints", poor)):
        step = {"requestName": call, "customerID": customer, "points": 10**9}
        for _ in range(10):
            assert await shop.codes([step] * 100) == [0] * 100
        assert await shop.error(call, customerID=customer, points=1) == (1016, "points")
    assert (await shop.balance(rich), await shop.balance(poor)) == (10**12, -(10**12))
    assert await shop.check() == []


async def test_a_repeated_redemption_subtracts_again(shop: Shop) -> None:
    """Points calls have no idempotency key: what is sent twice happens twice."""
    customer = await shop.customer(points=10)
    call = {"requestName": "subtractCustomerRewardPoints", "requestID": 1, "customerID": customer, "points": 3}
    assert await shop.codes([call, call]) == [0, 0]
    assert await shop.balance(customer) == 4


async def test_transactions_are_numbered_together(shop: Shop) -> None:
    """Earnings and redemptions share one sequence: no transactionID means two things, refused ones leave no gap."""
    customer = await shop.customer()
    add = {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": 5}
    subtract = {**add, "requestName": "subtractCustomerRewardPoints", "points": 1}
    answers = await shop.answers([add, subtract, {**subtract, "points": 99}, add, subtract])
    numbers = [answer["records"][0]["transactionID"] for answer in answers if answer["records"]]
    assert numbers == [1, 2, 3, 4]


async def test_many_lots_are_spent_in_order(shop: Shop) -> None:
    """Of a hundred lots the soonest expiry pays first, then the oldest, however many are read at a time."""
    customer = await shop.customer()
    lots = [(NOW + 1_000 + (n * 37) % 50, n) for n in range(100)]
    add = {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": 10}
    await shop.answers([{**add, "expiryUnixTime": expiry} for expiry, _ in lots])
    spent = 0
    for points in (1, 9, 95, 250, 5, 340):
        record = await shop.record("subtractCustomerRewardPoints", customerID=customer, points=points)
        spent += points
        assert record["remainingPoints"] == 1_000 - spent
        left = [each["remainingPoints"] for each in await shop.records("getEarnedRewardPointRecords")]
        expected = [10] * 100
        for rank, (_, index) in enumerate(sorted(lots)):
            expected[index] = 10 - max(0, min(10, spent - 10 * rank))
        assert left == expected
    assert await shop.error("subtractCustomerRewardPoints", customerID=customer, points=1_000 - spent + 1) == (
        1042,
        None,
    )
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points=1_000 - spent)
    assert await shop.check() == []


@pytest.mark.parametrize("count", [7, 8, 9, 10, 17])
async def test_wallets_around_the_read_ahead(shop: Shop, count: int) -> None:
    """A redemption of everything works whether all lots were read at once or not, and one more is refused."""
    customer = await shop.customer()
    add = {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": 10}
    await shop.answers([add] * count)
    subtract: dict[str, Any] = {"requestName": "subtractCustomerRewardPoints", "customerID": customer}
    answers = await shop.answers(
        [
            {**subtract, "points": count * 10 + 1},
            {**subtract, "points": count * 10},
            {**add, "points": 3},
            {**subtract, "points": 4},
            {**subtract, "points": 3},
        ]
    )
    assert [outcome(answer["status"])[0] for answer in answers] == [1042, 0, 0, 1042, 0]
    assert await shop.balance(customer) == 0
    assert await shop.check() == []
