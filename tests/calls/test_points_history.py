"""getEarnedRewardPointRecords and getUsedRewardPointRecords: what they list, and each of their filters."""

from typing import Any

import pytest

from erply_points import schemas
from support.shop import Shop

NOW = 1_767_225_600
LISTINGS = ("getEarnedRewardPointRecords", "getUsedRewardPointRecords")
both = pytest.mark.parametrize("listing", LISTINGS)


async def history(shop: Shop) -> None:
    """Six transactions of each kind: customers 1, 2, 3 in turn, a minute apart, the 2nd and 5th on document 1."""
    for card in ("C1", "C2", "C3"):
        await shop.customer(customerCardNumber=card)
    await shop.record("saveSalesDocument", amount1=1)
    for n in range(6):
        common = {"customerID": n % 3 + 1, "invoiceID": 1 if n % 3 == 1 else 0}
        created = NOW - 600 + 60 * (n ^ 1)
        await shop.record("addCustomerRewardPoints", points=10 + n, createdUnixTime=created, **common)
        await shop.record("subtractCustomerRewardPoints", points=1 + n, subtractedUnixTime=created, **common)


async def listed(shop: Shop, listing: str, **filters: Any) -> list[int]:
    """The transactions found, counted from 0 in the order they were made."""
    first = 1 if listing == LISTINGS[0] else 2
    return [(record["transactionID"] - first) // 2 for record in await shop.records(listing, **filters)]


@both
async def test_every_filter(shop: Shop, listing: str) -> None:
    """Each filter of the schema filters, its bounds included; 0 and empty text are no filter."""
    await history(shop)
    everything = [0, 1, 2, 3, 4, 5]
    cases: dict[str, list[tuple[Any, list[int]]]] = {
        "customerID": [(1, [0, 3]), (3, [2, 5]), (99, []), (0, everything), ("", everything)],
        "customerIDs": [("1,2", [0, 1, 3, 4]), ("3, 99", [2, 5]), ("99", []), ("", everything)],
        "invoiceID": [(1, [1, 4]), (99, []), (0, everything)],
        "createdUnixTimeFrom": [(NOW - 600 + 180, [2, 4, 5]), (NOW - 600 + 181, [4, 5]), (NOW, []), (0, everything)],
        "createdUnixTimeTo": [(NOW - 600 + 60, [0, 1]), (NOW - 600 + 59, [1]), (1, []), (0, everything)],
        "orderBy": [("transactionID", everything), ("createdUnixTime", [1, 0, 3, 2, 5, 4])],
        "orderByDir": [("asc", everything), ("desc", everything[::-1])],
        "recordsOnPage": [(2, [0, 1]), (100, everything), (300, everything), (0, everything)],
        "pageNo": [(1, everything), (0, everything), (-1, everything), (2, [])],
    }
    assert set(cases) == set(schemas.call_request(listing)["properties"])
    for name, values in cases.items():
        for value, found in values:
            assert await listed(shop, listing, **{name: value}) == found, (name, value)


@both
async def test_filters_together(shop: Shop, listing: str) -> None:
    """Filters all hold at once, and paging goes through what they find."""
    await history(shop)
    assert await listed(shop, listing, customerIDs="1,2", invoiceID=1, createdUnixTimeTo=NOW - 600) == [1]
    by_time = {"orderBy": "createdUnixTime", "orderByDir": "desc", "customerIDs": "1,2", "recordsOnPage": 3}
    pages = [await listed(shop, listing, **by_time, pageNo=page) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [3, 1, 0]
    assert sorted(pages[0] + pages[1]) == [0, 1, 3, 4]


@both
async def test_unpaged_when_not_asked(shop: Shop, listing: str) -> None:
    """Without paging parameters all records come; with them 20 on a page by default and 100 at most."""
    customer = await shop.customer(points=200)
    call = "addCustomerRewardPoints" if listing == LISTINGS[0] else "subtractCustomerRewardPoints"
    more = 129 if listing == LISTINGS[0] else 130
    for count in (100, more - 100):
        await shop.answers([{"requestName": call, "customerID": customer, "points": 1}] * count)
    assert len(await shop.records(listing)) == 130
    for paging, found in (
        ({"pageNo": 1}, 20),
        ({"recordsOnPage": 300}, 100),
        ({"recordsOnPage": 300, "pageNo": 2}, 30),
    ):
        answer = await shop.call(listing, **paging)
        assert (len(answer["records"]), answer["status"]["recordsTotal"]) == (found, 130)


async def test_records_of_earnings(shop: Shop) -> None:
    """An earning's record has every documented field, with its type."""
    await shop.set(reward_points_duration="1")
    customer = await shop.customer(customerCardNumber="9900001")
    sale = {"type": "CASHINVOICE", "customerID": customer, "pointOfSaleID": 2, "employeeID": 4}
    await shop.record("saveSalesDocument", **sale, amount1=1, price1=10)
    assert await shop.record("getEarnedRewardPointRecords") == {
        "transactionID": 1,
        "customerID": customer,
        "customerCardNumber": "9900001",
        "invoiceID": 1,
        "invoiceNo": "100001",
        "earnedPoints": 10,
        "remainingPoints": 10,
        "createdUnixTime": NOW,
        "expiryUnixTime": NOW + 31 * 86_400,
        "pointOfSaleID": 2,
        "pointOfSaleName": "",
        "employeeID": 4,
        "employeeName": "",
        "description": "",
    }


async def test_records_of_redemptions(shop: Shop) -> None:
    """A redemption's record has every documented field under its later name, with its type."""
    customer = await shop.customer(points=100, customerCardNumber="9900001")
    await shop.record("saveSalesDocument", amount1=1)
    sent = {"customerID": customer, "points": 30, "invoiceID": 1, "campaignID": 7, "warehouseID": 1, "salepointID": 2}
    await shop.record("subtractCustomerRewardPoints", **sent, salespersonID=4, issuedCouponID=31, description="Deal")
    assert await shop.record("getUsedRewardPointRecords") == {
        "transactionID": 2,
        "customerID": customer,
        "customerCardNumber": "9900001",
        "invoiceID": 1,
        "invoiceNo": "100001",
        "campaignID": 7,
        "warehouseID": 1,
        "pointOfSaleID": 2,
        "pointOfSaleName": "",
        "employeeID": 4,
        "employeeName": "",
        "usedPoints": 30,
        "createdUnixTime": NOW,
        "issuedCouponID": 31,
        "description": "Deal",
    }


async def test_what_time_has_done_shows(shop: Shop) -> None:
    """Points that became available have repaid what was owed, and expired ones are gone, as soon as the time has come.

    Nothing need have been written in between: balance and history say the same.
    """
    await shop.set(pending_hours="1", negative_balance="allow")
    customer = await shop.customer()
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points=8)
    for points, expiry in ((5, {"expiryUnixTime": NOW + 7_200}), (6, {})):
        sent = {"customerID": customer, "points": points, "pointCategory": "PROMISED"}
        await shop.record("addCustomerRewardPoints", **sent, **expiry)
    other = await shop.customer(points=9)

    async def remaining() -> list[int]:
        return [record["remainingPoints"] for record in await shop.records(LISTINGS[0])]

    assert (await remaining(), await shop.balance(customer)) == ([5, 6, 9], 3)
    shop.clock.advance(3_600)
    await shop.log_in()
    assert (await remaining(), await shop.balance(customer)) == ([0, 3, 9], 3)
    shop.clock.advance(3_600)
    await shop.log_in()
    assert (await remaining(), await shop.balance(customer)) == ([0, 3, 9], 3)
    await shop.record("addCustomerRewardPoints", customerID=other, points=1)
    await shop.record("addCustomerRewardPoints", customerID=customer, points=1)
    assert (await remaining(), await shop.balance(customer)) == ([0, 3, 9, 1, 1], 4)


async def test_expired_points_are_no_uses(shop: Shop) -> None:
    """What expires is not listed among the uses."""
    customer = await shop.customer()
    await shop.record("addCustomerRewardPoints", customerID=customer, points=5, expiryUnixTime=NOW + 1)
    shop.clock.advance(10)
    await shop.record("addCustomerRewardPoints", customerID=customer, points=5)
    assert await shop.records("getUsedRewardPointRecords") == []
