"""Credit invoices that are refused, that wait for confirmation, and several in one bulk."""

import asyncio
from typing import Any

import pytest

from calls.returning import THREE_AT_20, credit, crediting, everything, proved, refused, sell
from support.client import Record
from support.shop import Shop


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({"productID1": 1, "amount1": -4, "price1": 20}, (1016, "amount1")),
        ({"productID1": 1, "amount1": "-3.0001"}, (1016, "amount1")),
        ({"productID1": 1, "amount1": -3, "productID2": 1, "amount2": "-0.01", "price2": 1}, (1016, "amount2")),
        ({"productID1": 1, "amount1": 1}, (1016, "amount1")),
        ({"productID1": 2, "amount1": -1}, (1016, "productID1")),
        ({"productID1": 1, "amount1": -1, "productID3": 2, "amount3": -1}, (1016, "productID3")),
        ({"serviceID1": 1, "amount1": -1}, (1016, "serviceID1")),
        ({"amount1": -1, "price1": 61}, (1016, "price1")),
        ({"productID1": 1, "amount1": -1, "vatrateID1": 9}, (1011, "vatrateID1")),
        ({"productID1": 1, "amount1": -1, "customerID": 2}, (1013, "customerID")),
        ({"productID1": 1, "amount1": -1, "customerID": 9}, (1011, "customerID")),
        ({"productID1": 1, "amount1": -1, "creditToDocumentID": 99}, (1011, "creditToDocumentID")),
        ({"productID1": 1, "amount1": -1, "creditInvoiceType": "GIFT"}, (1016, "creditInvoiceType")),
    ],
)
async def test_what_cannot_be_credited(shop: Shop, rows: Record, expected: tuple[int, str]) -> None:
    """More than was sold, what was not sold and another customer's document are refused, and nothing changes."""
    mari, _ = await shop.customer(), await shop.customer()
    sale = await sell(shop, mari)
    assert await refused(shop, sale, **rows) == expected
    await credit(shop, sale, productID1=1, amount1=-3)
    assert await proved(shop, mari) == 0


async def test_crediting_twice(shop: Shop) -> None:
    """What has come back cannot come back again, in part or in whole."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await credit(shop, sale, productID1=1, amount1=-2)
    assert await refused(shop, sale, productID1=1, amount1=-2) == (1016, "amount1")
    await credit(shop, sale, productID1=1, amount1=-1)
    for rows in ({"productID1": 1, "amount1": -1}, {"amount1": -1, "price1": 1}, {}, {"creditInvoiceType": "VOID"}):
        assert (await refused(shop, sale, **rows))[0] == 1016
    assert await proved(shop, mari) == 0


@pytest.mark.parametrize(
    "header",
    [{"type": kind} for kind in ("WAYBILL", "ORDER", "OFFER", "PREPAYMENT", "RESERVATION")] + [{"confirmInvoice": 0}],
)
async def test_only_confirmed_invoices_are_credited(shop: Shop, header: Record) -> None:
    """An order, a waybill or an invoice that waits for confirmation has nothing to give back."""
    mari = await shop.customer()
    sale = await sell(shop, mari, **header)
    assert await refused(shop, sale, productID1=1, amount1=-1) == (1016, "creditToDocumentID")


async def test_a_credit_invoice_is_not_credited(shop: Shop) -> None:
    """A return is undone by deleting it, not by crediting it."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    back = await credit(shop, sale, productID1=1, amount1=-1)
    assert await refused(shop, back, productID1=1, amount1=1) == (1016, "creditToDocumentID")


async def test_a_credit_invoice_without_a_sale(shop: Shop) -> None:
    """A credit invoice that names no sale touches no points."""
    mari = await shop.customer(10)
    await shop.record("saveSalesDocument", type="CREDITINVOICE", customerID=mari, productID1=1, amount1=-3, price1=20)
    assert await proved(shop, mari) == 10


async def test_a_credit_invoice_waits_for_confirmation(shop: Shop) -> None:
    """Until it is confirmed a credit invoice takes nothing; confirmed it takes what its rows say then, and once."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    back = await credit(shop, sale, productID1=1, amount1=-1, confirmInvoice=0)
    assert await proved(shop, mari) == 60
    await shop.record("saveSalesDocument", id=back, productID1=1, amount1=-2)
    assert await proved(shop, mari) == 60
    await shop.record("saveSalesDocument", id=back, confirmInvoice=1)
    assert await proved(shop, mari) == 20
    await shop.record("saveSalesDocument", id=back, confirmInvoice=1, notes="again")
    assert await proved(shop, mari) == 20


async def test_rows_that_are_sent_again(shop: Shop) -> None:
    """The rows of a confirmed credit invoice may be sent again unchanged, with its price or without."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    rows = {"productID1": 1, "amount1": -3}
    back = await credit(shop, sale, **rows)
    for again in (rows, {**rows, "price1": 20}, {**rows, "creditToDocumentID": sale}):
        await shop.record("saveSalesDocument", id=back, notes="Thank you", **again)
        assert await proved(shop, mari) == 0
    assert await shop.error("saveSalesDocument", id=back, productID1=1, amount1=-2) == (1017, "productID1")


async def test_what_is_left_counts_at_confirmation(shop: Shop) -> None:
    """Two credit invoices of everything may wait; the second to be confirmed is refused and goes on waiting."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    waiting = {"productID1": 1, "amount1": -3, "confirmInvoice": 0}
    first, second = [await credit(shop, sale, **waiting) for _ in range(2)]
    await shop.record("saveSalesDocument", id=second, confirmInvoice=1)
    assert await proved(shop, mari) == 0
    before = await everything(shop)
    assert (await shop.error("saveSalesDocument", id=first, confirmInvoice=1))[0] == 1016
    assert await everything(shop) == before
    await shop.records("deleteSalesDocument", documentID=second)
    await shop.record("saveSalesDocument", id=first, confirmInvoice=1)
    assert await proved(shop, mari) == 0


async def test_what_is_credited_is_looked_at_when_it_is_confirmed(shop: Shop) -> None:
    """An edit cannot slip another customer's, or an unconfirmed, document past the checks."""
    mari, jaan = await shop.customer(), await shop.customer()
    sale, waiting = await sell(shop, mari), await sell(shop, mari, confirmInvoice=0)
    back = await credit(shop, sale, productID1=1, amount1=-1, confirmInvoice=0)
    order = await credit(shop, waiting, type="ORDER", productID1=1, amount1=-1, confirmInvoice=0)
    before = await everything(shop)
    for edit, expected in (
        ({"id": back, "customerID": jaan, "confirmInvoice": 1}, (1013, "customerID")),
        ({"id": back, "creditToDocumentID": waiting}, (1016, "creditToDocumentID")),
        ({"id": back, "creditToDocumentID": back, "confirmInvoice": 1}, (1016, "creditToDocumentID")),
        ({"id": order, "type": "CREDITINVOICE", "confirmInvoice": 1}, (1016, "creditToDocumentID")),
    ):
        assert await shop.error("saveSalesDocument", **edit) == expected
        assert await everything(shop) == before
    assert await proved(shop, mari) == 60


def third(document_id: int) -> Record:
    return {"requestName": "saveSalesDocument", **crediting(document_id, {"productID1": 1, "amount1": -1})}


async def test_a_sale_and_its_return_in_one_bulk(shop: Shop) -> None:
    """A return may stand in the bulk of its sale, by the number the sale will have."""
    mari = await shop.customer(100)
    sale = {"requestName": "saveSalesDocument", "customerID": mari, **THREE_AT_20}
    spent = {"requestName": "subtractCustomerRewardPoints", "customerID": mari, "points": 60}
    balance = {"requestName": "getCustomerRewardPoints", "customerID": mari}
    answers = await shop.answers([sale, spent, third(1), balance, third(1), third(1), balance, third(1)])
    codes = [answer["status"]["errorCode"] for answer in answers]
    assert codes == [0, 0, 0, 0, 0, 0, 0, 1016]
    assert [answers[number]["records"][0]["points"] for number in (3, 6)] == [80, 40]
    assert await proved(shop, mari) == 40


async def test_several_returns_in_one_bulk(shop: Shop) -> None:
    """Returns of one bulk count together as those of several do, in what they take and in what they give back."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer(100)
    sale = await sell(shop, mari)
    await shop.record("subtractCustomerRewardPoints", customerID=mari, points=10, invoiceID=sale)
    balance = {"requestName": "getCustomerRewardPoints", "customerID": mari}
    answers = await shop.answers([third(sale), balance, third(sale), balance, third(sale), balance, third(sale)])
    assert [answers[number]["records"][0]["points"] for number in (1, 3, 5)] == [133, 116, 100]
    assert answers[6]["status"]["errorCode"] == 1016
    assert await proved(shop, mari) == 100


async def test_a_return_and_its_undoing_in_one_bulk(shop: Shop) -> None:
    """A credit invoice that is deleted and made again in one bulk takes the same as before."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    back = await credit(shop, sale, productID1=1, amount1=-2)
    nothing: dict[str, Any] = {**third(sale), "price1": "0.01"}
    delete = {"requestName": "deleteSalesDocument", "documentID": back}
    assert await shop.codes([nothing, delete, third(sale), third(sale)]) == [0, 0, 0, 0]
    assert await proved(shop, mari) == 20  # One piece for 0.01, two for 20.00 each


async def test_returns_at_once(shop: Shop) -> None:
    """Of five tills that return one of three pieces at the same moment three succeed, and all is taken once."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer(100)
    sale = await sell(shop, mari)
    await shop.record("subtractCustomerRewardPoints", customerID=mari, points=10, invoiceID=sale)
    found = await asyncio.gather(*(shop.codes([third(sale)]) for _ in range(5)))
    assert sorted(code for (code,) in found) == [0, 0, 0, 1016, 1016]
    assert await proved(shop, mari) == 100
