"""What sales earn: which documents, which customers, how much and when."""

from typing import Any

import pytest

from support.shop import Shop

EARNING = ["INVWAYBILL", "CASHINVOICE", "EXPORTINVOICE", "INVOICE"]
OTHERS = [
    *("CREDITINVOICE", "WAYBILL", "PREPAYMENT", "OFFER", "ORDER", "RESERVATION"),
    *("SERVICE_INVOICE", "SERVICE_CASH_INVOICE", "SERVICE_INVOICE_WAYBILL"),
]


async def earned(shop: Shop, **params: Any) -> int:
    """What a customer has after one sale of 100.00 net."""
    if "customerID" not in params:
        params["customerID"] = await shop.customer()
    before = await shop.balance(params["customerID"])
    await shop.record("saveSalesDocument", **{"amount1": 1, "price1": 100, **params})
    return await shop.balance(params["customerID"]) - before


@pytest.mark.parametrize(
    ("kind", "points"), [*((kind, 100) for kind in EARNING), *((kind, 0) for kind in OTHERS), (None, 100)]
)
async def test_types_that_earn(shop: Shop, kind: str | None, points: int) -> None:
    """Invoices and receipts earn; orders, offers, waybills and the like do not."""
    assert await earned(shop, **({"type": kind} if kind else {})) == points


@pytest.mark.parametrize(
    ("net", "rate", "points"),
    [
        *(("0", "1", 0), ("0.01", "1", 1), ("0.99", "1", 1), ("1", "1", 1), ("1.01", "1", 2), ("99.99", "1", 100)),
        *(("10", "0.1", 1), ("10.01", "0.1", 2), ("10", "0.05", 1), ("10", "2.5", 25), ("0.3", "10", 3)),
        *(("100", "0", 0), ("0.01", "0.000001", 1), ("7", "0.333333", 3), ("-5", "1", 0), ("1.1", "10", 11)),
    ],
)
async def test_points_for_a_net_amount(shop: Shop, net: str, rate: str, points: int) -> None:
    """Net amount times points per unit, every fraction rounded up to a whole point, exactly; nothing for nothing."""
    await shop.set(reward_points_per_currency_unit=rate)
    assert await earned(shop, price1=net) == points
    assert len(await shop.records("getEarnedRewardPointRecords")) == (points > 0)


async def test_a_receipt_earns_on_its_net_amount(shop: Shop) -> None:
    """The amount is the one before tax, for receipts too."""
    assert await earned(shop, type="CASHINVOICE", price1="83.33") == 84


async def test_discounts_and_several_rows(shop: Shop) -> None:
    """The document is rounded up once, not each row; discounts count."""
    assert await earned(shop, price1="0.4", amount2=1, price2="0.4", amount3=1, price3="0.2") == 1
    assert await earned(shop, discount1=50) == 50
    assert await earned(shop, amount2=-1, price2=40) == 60


async def test_unconfirmed_documents_earn_on_confirmation(shop: Shop) -> None:
    """A pending document earns nothing; confirming it earns once, however often it is saved."""
    customer = await shop.customer()
    saved = await shop.record("saveSalesDocument", customerID=customer, confirmInvoice=0, amount1=1, price1=30)
    assert await shop.balance(customer) == 0
    await shop.record("saveSalesDocument", id=saved["invoiceID"], amount1=1, price1=40)
    assert await shop.balance(customer) == 0
    for _ in range(3):
        await shop.record("saveSalesDocument", id=saved["invoiceID"], confirmInvoice=1)
        assert await shop.balance(customer) == 40
    (record,) = await shop.records("getEarnedRewardPointRecords")
    assert (record["invoiceID"], record["invoiceNo"]) == (1, "100001")
    assert await shop.check() == []


async def test_documents_that_shall_not_earn(shop: Shop) -> None:
    """`doNotAddRewardPoints` keeps a document from earning, also if it is confirmed later."""
    assert await earned(shop, doNotAddRewardPoints=1) == 0
    assert await earned(shop, doNotAddRewardPoints=0) == 100
    customer = await shop.customer()
    pending = {"confirmInvoice": 0, "doNotAddRewardPoints": 1, "customerID": customer, "amount1": 1, "price1": 5}
    saved = await shop.record("saveSalesDocument", **pending)
    await shop.record("saveSalesDocument", id=saved["invoiceID"], confirmInvoice=1)
    assert await shop.balance(customer) == 0


async def test_customers_who_do_not_earn(shop: Shop) -> None:
    """A customer with rewardPointsDisabled earns nothing, and the sale is saved all the same."""
    customer = await shop.customer(rewardPointsDisabled=1)
    assert await earned(shop, customerID=customer) == 0
    await shop.record("saveCustomer", customerID=customer, rewardPointsDisabled=0)
    assert await earned(shop, customerID=customer) == 100


async def test_the_default_customer(shop: Shop) -> None:
    """A sale without a customer belongs to the default one, who earns nothing, named or not."""
    nobody = await shop.customer()
    await shop.record("saveSalesDocument", amount1=1, price1=10)
    await shop.set(default_client_idDat=str(nobody))
    await shop.record("saveSalesDocument", amount1=1, price1=10)
    assert await earned(shop, customerID=nobody) == 0
    assert [each["customerID"] for each in await shop.records("getSalesDocuments")] == [0, nobody, nobody]
    assert (await shop.record("getCustomers"))["isPOSDefaultCustomer"] == 1
    assert await shop.records("getEarnedRewardPointRecords") == []


async def test_invoices_that_follow_waybills(shop: Shop) -> None:
    """An INVOICE that only bills a waybill does not earn; one made from an order does."""
    await shop.record("saveSalesDocument", type="WAYBILL", amount1=1)
    await shop.record("saveSalesDocument", type="ORDER", amount1=1)
    assert await earned(shop, type="INVOICE", baseDocumentID=1) == 0
    assert await earned(shop, type="INVOICE", sourceWaybillID1=1) == 0
    assert await earned(shop, type="INVOICE", baseDocumentIDs="2") == 100
    assert await earned(shop, type="INVWAYBILL", baseDocumentID=1) == 100


async def test_when_a_sale_earns(shop: Shop) -> None:
    """Points are earned at the sale's local date and time, and expire so many months after that."""
    await shop.set(reward_points_duration="1", timezone="Europe/Tallinn")
    customer = await shop.customer()
    sale = {"customerID": customer, "amount1": 1, "price1": 5}
    await shop.record("saveSalesDocument", **sale, date="2025-12-20", time="12:00")
    await shop.record("saveSalesDocument", **sale, date="2025-10-20", time="12:00:30")
    recent, old = await shop.records("getEarnedRewardPointRecords")
    assert (recent["createdUnixTime"], recent["expiryUnixTime"]) == (1_766_224_800, 1_766_224_800 + 31 * 86_400)
    assert (old["createdUnixTime"], old["remainingPoints"]) == (1_760_950_830, 0)
    assert await shop.balance(customer) == 5


async def test_what_an_earning_says_of_its_sale(shop: Shop) -> None:
    """The earning names document, register and employee of its sale."""
    await earned(shop, pointOfSaleID=2, employeeID=4)
    record = await shop.record("getEarnedRewardPointRecords")
    assert (record["invoiceID"], record["pointOfSaleID"], record["employeeID"]) == (1, 2, 4)


async def test_settings_count_from_now_on(shop: Shop) -> None:
    """A changed rate holds for the next sale, not for earlier ones."""
    customer = await shop.customer()
    assert await earned(shop, customerID=customer) == 100
    await shop.set(reward_points_per_currency_unit="0.5")
    assert await earned(shop, customerID=customer) == 50
    assert [each["earnedPoints"] for each in await shop.records("getEarnedRewardPointRecords")] == [100, 50]
