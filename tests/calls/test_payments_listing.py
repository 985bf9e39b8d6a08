"""getPayments: every filter, the pages, and whose payments they are."""

from typing import Any

from calls.paying import NOW, pay, sale
from erply_points import schemas
from support.shop import Shop

ALL = [1, 2, 3, 4]
FILTERS: dict[str, list[tuple[Any, list[int]]]] = {
    "paymentID": [(2, [2]), (9, []), (0, ALL)],
    "paymentIDs": [("4, 2,9", [2, 4]), ("", ALL)],
    "customerID": [(2, [3, 4]), (9, [])],
    "documentID": [(1, [1, 2]), (2, [3]), (0, ALL)],
    "documentIDs": [("1,2", [1, 2, 3]), ("9", [])],
    "dateFrom": [("2026-01-02", [2, 3, 4]), ("2026-01-04", [4]), ("0000-00-00", ALL)],
    "dateTo": [("2026-01-02", [1, 2]), ("2025-12-31", []), ("0000-00-00", ALL), ("", ALL)],
    "type": [("CASH", [1]), ("SHELLS", []), ("", ALL)],
    "typeID": [(1, [1]), (5, [3]), (8, []), (0, ALL)],
    "giftCardVatRateID": [(1, [3]), (0, ALL)],
    "excludeStoreCreditPayments": [(1, [1, 3, 4]), (0, ALL)],
    "archivalNumber": [("A-1", [4]), ("A", [])],
    "searchAttributeName": [("a", [])],
    "changedSince": [(NOW + 30, [1, 4]), (NOW + 41, []), (0, ALL)],
    "recordsOnPage": [(3, [1, 2, 3]), (1_000, ALL), (0, ALL)],
    "pageNo": [(0, ALL), (2, [])],
}


async def test_every_filter(shop: Shop) -> None:
    """Each filter that the schema names finds exactly the payments that fit, bounds included."""
    customers = [await shop.customer(), await shop.customer()]
    documents = [await sale(shop, customerID=customer) for customer in customers]
    payments: list[dict[str, Any]] = [
        {"documentID": documents[0], "type": "CASH"},
        {"documentID": documents[0], "type": "CREDIT", "attributeName1": "a", "attributeValue1": "b"},
        {"documentID": documents[1], "type": "GIFTCARD", "giftCardVatRateID": 1},
        {"customerID": customers[1], "archivalNumber": "A-1"},
    ]
    for day, payment in enumerate(payments, start=1):
        await pay(shop, **payment, date=f"2026-01-0{day}")
        shop.clock.advance(10)
    await pay(shop, paymentID=1, info="later")
    used = {name for name, each in schemas.call_request("getPayments")["properties"].items() if each["x-use"] == "used"}
    assert used == {*FILTERS, "searchAttributeValue"}
    wrong = []
    for name, cases in FILTERS.items():
        for value, expected in cases:
            numbers = [record["paymentID"] for record in await shop.records("getPayments", **{name: value})]
            if numbers != expected:
                wrong.append((name, value, numbers, expected))
    assert wrong == []
    with_attribute = await shop.records("getPayments", searchAttributeName1="a", searchAttributeValue1="b")
    assert [record["paymentID"] for record in with_attribute] == [2]


async def test_paging(shop: Shop) -> None:
    """20 on a page by default, 100 at most, each payment on exactly one page, and the total is exact."""
    customer = await shop.customer()
    booking = {"requestName": "savePayment", "customerID": customer, "sum": 1}
    for _ in range(2):
        await shop.answers([booking] * 60)
    answer = await shop.call("getPayments")
    assert (answer["status"]["recordsTotal"], answer["status"]["recordsInResponse"]) == (120, 20)
    numbers = []
    for page in (1, 2, 3):
        numbers += [each["paymentID"] for each in await shop.records("getPayments", recordsOnPage=500, pageNo=page)]
    assert numbers == list(range(1, 121))


async def test_another_accounts_payments(shop: Shop) -> None:
    """A payment of one account is unknown to another."""
    other = await shop.neighbour()
    await pay(other, customerID=await other.customer())
    assert await shop.records("getPayments") == []
    assert await shop.error("deletePayment", paymentID=1) == (1011, "paymentID")
