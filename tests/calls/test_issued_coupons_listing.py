"""getIssuedCoupons: every filter, the pages, and whose coupons they are."""

from typing import Any

from bulk.sending import outcome
from bulk.test_current_invoice import SALE
from calls.issuing import NOW, issue, rule
from erply_points import schemas
from support.shop import Shop

ALL = [1, 2, 3]
FILTERS: dict[str, list[tuple[Any, list[int]]]] = {
    "uniqueIdentifier": [("102", [2]), (" 101, 103 ,9", [1, 3]), ("0102", []), ("", ALL)],
    "status": [("ACTIVE", [3]), ("REDEEMED", [1]), ("EXPIRED", [2]), ("", ALL)],
    "issuedTimestampFrom": [(200, [2, 3]), (301, []), (0, ALL)],
    "issuedTimestampTo": [(200, [1, 2]), (99, [])],
    "redeemedTimestampFrom": [(500, [1]), (501, [])],
    "redeemedTimestampTo": [(500, [1]), (499, []), (0, ALL)],
    "issuedCustomerID": [(1, [1]), (9, []), (0, ALL)],
    "issuedCustomerIDs": [("1, 2", [1, 2]), ("", ALL)],
    "redeemedCustomerID": [(2, [1]), (1, []), (0, ALL)],
    "redeemedCustomerIDs": [("2,1", [1]), ("1", [])],
    "couponIDs": [("2", [3]), ("1,2", ALL), ("9", [])],
    "issuedInvoiceIDs": [("1,2", [1, 2]), ("2", [2])],
    "redeemedInvoiceIDs": [("2", [1]), ("1", [])],
    "changedSince": [(NOW + 20, [1, 3]), (NOW + 31, [])],
    "recordsOnPage": [(2, [1, 2]), (0, ALL)],
    "pageNo": [(0, ALL), (2, [])],
}


async def test_every_filter(shop: Shop) -> None:
    """Each filter that the schema names finds exactly the coupons that fit, bounds included."""
    for _ in range(2):
        await rule(shop)
        await shop.customer()
        await shop.answers([SALE])
    coupons: list[dict[str, Any]] = [
        {"customerID": 1, "invoiceID": 1, "timestamp": 100},
        {"customerID": 2, "invoiceID": 2, "timestamp": 200, "expiryDate": "2025-12-31"},
        {"couponID": 2, "timestamp": 300, "expiryDate": "2026-01-01"},
    ]
    for number, coupon in enumerate(coupons, start=101):
        await issue(shop, uniqueIdentifier=number, **coupon)
        shop.clock.advance(10)
    await shop.record("redeemIssuedCoupon", uniqueIdentifier="101", customerID=2, invoiceID=2, timestamp=500)
    assert {*schemas.call_request("getIssuedCoupons")["properties"]} == {*FILTERS}
    wrong = []
    for name, cases in FILTERS.items():
        for value, expected in cases:
            numbers = [record["issuedCouponID"] for record in await shop.records("getIssuedCoupons", **{name: value})]
            if numbers != expected:
                wrong.append((name, value, numbers, expected))
    assert wrong == []
    assert await shop.error("getIssuedCoupons", status="LOST") == (1016, "status")


async def test_paging(shop: Shop) -> None:
    """20 on a page by default, 100 at most, and the total is exact."""
    await rule(shop)
    for _ in range(2):
        await shop.answers([{"requestName": "saveIssuedCoupon", "couponID": 1, "pointOfSaleID": 1}] * 60)
    answer = await shop.call("getIssuedCoupons")
    assert (answer["status"]["recordsTotal"], answer["status"]["recordsInResponse"]) == (120, 20)
    second = await shop.records("getIssuedCoupons", recordsOnPage=500, pageNo=2)
    assert [record["issuedCouponID"] for record in second] == list(range(101, 121))


async def test_another_accounts_coupons(shop: Shop) -> None:
    """A coupon of one account is unknown to another, which may use the same digits."""
    other = await shop.neighbour()
    for account in (shop, other):
        await rule(account)
    await issue(other, uniqueIdentifier="5")
    assert await shop.error("redeemIssuedCoupon", uniqueIdentifier="5") == (1040, None)
    await issue(shop, uniqueIdentifier="5")
    assert outcome((await other.call("redeemIssuedCoupon", uniqueIdentifier="5"))["status"]) == (0, None)
    assert outcome((await shop.call("verifyIssuedCoupon", uniqueIdentifier="5"))["status"]) == (0, None)
