"""Saving a document again by `id`: what may change before and after it is confirmed."""

from typing import Any

import pytest

from bulk.sending import post_call
from erply_points import schemas
from support.shop import Shop

ROWS = {
    "productID1": 38,
    "amount1": 2,
    "price1": 10,
    "itemName1": "Apples",
    "serviceID2": 12,
    "amount2": 1,
    "price2": 5,
}


async def saved(shop: Shop, **params: Any) -> int:
    return int((await shop.record("saveSalesDocument", **{**ROWS, **params}))["invoiceID"])


async def read(shop: Shop, number: int) -> dict[str, Any]:
    return await shop.record("getSalesDocuments", id=number)


async def test_an_unknown_document(shop: Shop) -> None:
    """An `id` that names no document is 1011; 0 makes a new one."""
    assert await shop.error("saveSalesDocument", id=1, amount1=1) == (1011, "id")
    assert await saved(shop, id=0) == 1


async def test_a_header_is_edited_without_rows(shop: Shop) -> None:
    """An edit that sends no rows leaves rows, totals and everything else as they were."""
    for confirmed in (0, 1):
        number = await saved(shop, confirmInvoice=confirmed, pointOfSaleID=2, customReferenceNumber="r")
        before = await read(shop, number)
        await shop.record("saveSalesDocument", id=number, notes="Thank you", paymentDays=7)
        after = await read(shop, number)
        assert (after["notes"], after["paymentDays"]) == ("Thank you", "7")
        assert after == {**before, "notes": "Thank you", "paymentDays": "7"}


async def test_rows_of_an_unconfirmed_document_are_replaced(shop: Shop) -> None:
    """Before it is confirmed a document takes new rows in place of all old ones, keeping the rows' stable numbers."""
    number = await saved(shop, confirmInvoice=0)
    before = (await read(shop, number))["rows"]
    edited = await shop.record("saveSalesDocument", id=number, productID1=40, amount1=1, price1=7)
    assert (edited["net"], edited["total"], len(edited["rows"])) == (7.0, 8.4, 1)
    (row,) = (await read(shop, number))["rows"]
    assert (row["productID"], row["itemName"], row["stableRowID"]) == ("40", "", before[0]["stableRowID"])
    assert row["rowID"] not in {each["rowID"] for each in before}
    named = await shop.record("saveSalesDocument", id=number, amount1=1, stableRowID1=1044)
    assert named["rows"][0]["stableRowID"] == 1044


async def test_everything_of_an_unconfirmed_document_may_change(shop: Shop) -> None:
    """Type, customer, warehouse, date and time are free until confirmation."""
    customer = await shop.customer()
    number = await saved(shop, confirmInvoice=0)
    changes = {"type": "ORDER", "customerID": customer, "warehouseID": 3, "date": "2026-02-03", "time": "04:05:06"}
    await shop.record("saveSalesDocument", id=number, **changes)
    record = await read(shop, number)
    assert {name: record[name] for name in changes} == changes
    assert record["confirmed"] == "0"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"type": "CASHINVOICE"}, (1121, "type")),
        ({"warehouseID": 2}, (1017, "warehouseID")),
        ({"customerID": 2}, (1017, "customerID")),
        ({"confirmInvoice": 0}, (1017, "confirmInvoice")),
        ({**ROWS, "amount1": 3}, (1017, None)),
        ({**ROWS, "productID1": 39}, (1017, None)),
        ({**ROWS, "serviceID2": 13}, (1017, None)),
        ({**ROWS, "amount3": 1}, (1017, None)),
        ({"productID1": 38, "amount1": 2, "price1": 10}, (1017, None)),
    ],
)
async def test_contents_of_a_confirmed_document_are_fixed(
    shop: Shop, change: dict[str, Any], expected: tuple[int, str | None]
) -> None:
    """A confirmed document keeps type (1121), warehouse, customer, products and quantities (1017)."""
    for _ in range(2):
        await shop.customer()
    number = await saved(shop, customerID=1, warehouseID=1)
    before = await read(shop, number)
    code, field = await post_call(shop, "saveSalesDocument", id=number, **change)
    assert code == expected[0]
    assert field
    assert expected[1] in {None, field}
    assert await read(shop, number) == before
    assert await shop.check() == []


@pytest.mark.parametrize(
    "same",
    [
        {"type": "INVWAYBILL"},
        {"warehouseID": 1},
        {"customerID": 1},
        {"customerID": 0},
        {"warehouseID": 0},
        {"creditToDocumentID": 0},
        {"confirmInvoice": 1},
        {"invoiceNo": 5},
        ROWS,
        {**ROWS, "price1": "10.00", "amount1": "2.0", "discount1": 0},
    ],
)
async def test_what_says_the_same_again_is_no_change(shop: Shop, same: dict[str, Any]) -> None:
    """Sending again what a confirmed document says, or 0 for nothing, is fine."""
    await shop.customer()
    number = await saved(shop, customerID=1, warehouseID=1)
    before = await read(shop, number)
    assert await post_call(shop, "saveSalesDocument", id=number, **same, notes="x") == (0, None)
    after = await read(shop, number)
    assert {**after, "rows": [], "notes": ""} == {**before, "rows": []}
    assert [row["stableRowID"] for row in after["rows"]] == [row["stableRowID"] for row in before["rows"]]


async def test_prices_of_a_confirmed_document(shop: Shop) -> None:
    """Prices, discounts and tax of rows may change after confirmation; products and quantities stay."""
    await shop.record("saveVatRate", rate=9)
    number = await saved(shop)
    await shop.record("saveSalesDocument", id=number, **{**ROWS, "price1": 9, "discount2": 10, "vatrateID2": 2})
    record = await read(shop, number)
    assert (record["netTotal"], record["vatTotal"]) == (22.5, 4.01)
    assert record["number"] == "100001"


async def test_states_of_documents(shop: Shop) -> None:
    """A document is PENDING until it is confirmed and READY then, unless it is told another state."""
    number = await saved(shop, confirmInvoice=0)
    assert ((await read(shop, number))["invoiceState"], (await read(shop, number))["confirmed"]) == ("PENDING", "0")
    await shop.record("saveSalesDocument", id=number, confirmInvoice=1)
    assert ((await read(shop, number))["invoiceState"], (await read(shop, number))["confirmed"]) == ("READY", "1")
    await shop.record("saveSalesDocument", id=number, invoiceState="MAILED")
    assert (await read(shop, number))["invoiceState"] == "MAILED"


async def test_payment_status(shop: Shop) -> None:
    """`paymentStatus=PAID` books the whole total as paid; UNPAID changes nothing."""
    number = await saved(shop)
    assert ((await read(shop, number))["paymentStatus"], (await read(shop, number))["paid"]) == ("UNPAID", "0.00")
    await shop.record("saveSalesDocument", id=number, paymentStatus="PAID")
    assert ((await read(shop, number))["paymentStatus"], (await read(shop, number))["paid"]) == ("PAID", "30.00")
    await shop.record("saveSalesDocument", id=number, paymentStatus="UNPAID")
    assert (await read(shop, number))["paymentStatus"] == "PAID"
    assert (await read(shop, await saved(shop, paymentStatus="PAID")))["paid"] == "30.00"


async def test_store_credit(shop: Shop) -> None:
    """What was paid with store credit is kept and given back."""
    number = await saved(shop, amountPaidWithStoreCredit="5.5")
    assert str((await read(shop, number))["amountPaidWithStoreCredit"]) == "5.5"


TRIED = {
    "id": "test_an_unknown_document",
    "type": "test_everything_of_an_unconfirmed_document_may_change",
    "customerID": "test_everything_of_an_unconfirmed_document_may_change",
    "warehouseID": "test_everything_of_an_unconfirmed_document_may_change",
    "date": "test_everything_of_an_unconfirmed_document_may_change",
    "time": "test_everything_of_an_unconfirmed_document_may_change",
    "added": "test_the_creator_is_remembered",
    "confirmInvoice": "test_states_of_documents",
    "invoiceNo": "test_sales_numbers.py",
    "customNumber": "test_sales_numbers.py",
    "allowDuplicateNumbers": "test_sales_numbers.py",
    "temporaryUUID": "test_sales_numbers.py",
    "paymentStatus": "test_payment_status",
    "amountPaidWithStoreCredit": "test_store_credit",
    "creditToDocumentID": "test_what_documents_refer_to",
    "creditInvoiceType": "returns",
    "isCashInvoice": "test_sales_totals.py",
    "rounding": "test_sales_totals.py",
    "doNotAddRewardPoints": "test_sales_earning.py",
}
"""Where each parameter that the schema marks as used has its effect shown."""


def test_no_parameter_is_forgotten() -> None:
    """A parameter that is marked as used is tried, and no other is claimed to be."""
    properties = schemas.call_request("saveSalesDocument")["properties"]
    assert {name for name, each in properties.items() if each["x-use"] == "used"} == set(TRIED)
    names = set(globals())
    assert not [
        place for place in TRIED.values() if place.startswith("test_") and "." not in place and place not in names
    ]


async def test_the_creator_is_remembered(shop: Shop) -> None:
    """A document says who changed it last and when, and when it was made."""
    number = await saved(shop, added=1_700_000_000)
    record = await read(shop, number)
    assert (record["added"], record["lastModified"], record["lastModifierUsername"]) == (
        *(1_700_000_000, int(shop.clock.now), "till"),
    )
    assert record["date"] == "2023-11-15"
    shop.clock.advance(50)
    await shop.record("saveSalesDocument", id=number, added=5, notes="x")
    record = await read(shop, number)
    assert (record["added"], record["lastModified"]) == (1_700_000_000, int(shop.clock.now))


async def test_currencies(shop: Shop) -> None:
    """A missing or unknown currency becomes the account's, without an error."""
    for sent, kept in ((None, "EUR"), ("", "EUR"), ("euros", "EUR"), ("USD", "USD")):
        number = await saved(shop, **({} if sent is None else {"currencyCode": sent}))
        assert (await read(shop, number))["currencyCode"] == kept, sent


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"productID1": 1, "serviceID1": 2}, (1013, "productID1")),
        ({"sourceWaybillID1": 5}, (1013, "sourceWaybillID1")),
        ({"type": "CASHINVOICE", "sourceWaybillID1": 5}, (1013, "sourceWaybillID1")),
        ({"type": "INVOICE", "sourceWaybillID1": 5}, (0, None)),
        ({"type": "CREDITINVOICE", "sourceWaybillID1": 5}, (0, None)),
        ({"baseDocumentID": 99}, (1011, "baseDocumentID")),
        ({"baseDocumentIDs": "1, 99"}, (1011, "baseDocumentIDs")),
        ({"baseDocumentID": 1}, (0, None)),
        ({"baseDocumentIDs": "1,2"}, (0, None)),
        ({"baseDocumentIDs": "1,3"}, (1073, "baseDocumentIDs")),
        ({"baseDocumentIDs": "1,4"}, (1073, "baseDocumentIDs")),
        ({"baseDocumentID": 5}, (1074, "baseDocumentID")),
        ({"baseDocumentIDs": "1,5"}, (1074, "baseDocumentIDs")),
        ({"type": "CREDITINVOICE", "creditToDocumentID": 99}, (1011, "creditToDocumentID")),
        ({"type": "CREDITINVOICE", "creditToDocumentID": 5, "creditInvoiceType": "RETURN", "amount1": -1}, (0, None)),
    ],
)
async def test_what_documents_refer_to(shop: Shop, params: dict[str, Any], expected: tuple[int, str | None]) -> None:
    """Source and credited documents must exist and fit; orders 1 and 2, an offer 3, another customer's order 4."""
    await shop.customer()
    for header in (
        *({"type": "ORDER"}, {"type": "ORDER"}, {"type": "OFFER"}, {"type": "ORDER", "customerID": 1}),
        {"type": "CASHINVOICE"},
    ):
        await saved(shop, **header)
    assert await post_call(shop, "saveSalesDocument", **{"amount1": 1, **params}) == expected
