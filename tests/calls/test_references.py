"""What refers to a sales document: other documents, gift cards and coupons, and that it stays while they do.

Rules: docs/decisions/0020-what-refers-to-a-document.md.
"""

from typing import Any

import pytest

from bulk.sending import post_call
from calls.returning import credit, proved, sell
from support.client import Record
from support.shop import Shop


async def links(shop: Shop, document: int, name: str) -> list[int]:
    return [each["id"] for each in (await shop.record("getSalesDocuments", id=document))[name]]


def remove(document: int) -> Record:
    return {"requestName": "deleteSalesDocument", "documentID": document}


async def test_documents_name_each_other(shop: Shop) -> None:
    """An invoice names the orders it was made from, a credit invoice the sale; and they name what came of them."""
    mari = await shop.customer()
    first, second = [await sell(shop, mari, type="ORDER") for _ in range(2)]
    sale = await sell(shop, mari, baseDocumentIDs=f"{first},{second}")
    other = await sell(shop, mari, baseDocumentID=first, customNumber="A-7")
    back = await credit(shop, sale, productID1=1, amount1=-1)
    assert await links(shop, sale, "baseDocuments") == [first, second]
    assert await links(shop, back, "baseDocuments") == [sale]
    assert await links(shop, first, "followUpDocuments") == [sale, other]
    assert await links(shop, second, "followUpDocuments") == [sale]
    assert await links(shop, sale, "followUpDocuments") == [back]
    assert await links(shop, other, "followUpDocuments") == []
    record = await shop.record("getSalesDocuments", id=first)
    assert record["followUpDocuments"] == [
        {"id": sale, "number": "100001", "type": "INVWAYBILL", "date": record["date"]},
        {"id": other, "number": "A-7", "type": "INVWAYBILL", "date": record["date"]},
    ]
    assert "marks" not in record


async def test_an_edit_changes_what_a_document_was_made_from(shop: Shop) -> None:
    """A document that is said to come from another order leaves the one before; 0 leaves all."""
    first, second = [await sell(shop, 0, type="ORDER") for _ in range(2)]
    sale = await sell(shop, 0, confirmInvoice=0, baseDocumentID=first)
    for base, expected in ((second, [[], [sale]]), (second, [[], [sale]]), (0, [[], []]), (first, [[sale], []])):
        await shop.record("saveSalesDocument", id=sale, baseDocumentID=base)
        assert [await links(shop, order, "followUpDocuments") for order in (first, second)] == expected
    await shop.record("saveSalesDocument", id=sale, notes="x", confirmInvoice=1)
    assert await links(shop, first, "followUpDocuments") == [sale]


async def test_a_source_stays_while_something_was_made_from_it(shop: Shop) -> None:
    """An order is 1022 while a document that was made from it is there, and can be deleted after that one."""
    mari = await shop.customer()
    order = await sell(shop, mari, type="ORDER")
    sale = await sell(shop, mari, baseDocumentID=order)
    waiting = await sell(shop, mari, baseDocumentIDs=f"{order}", confirmInvoice=0)
    assert await shop.codes([remove(order), remove(sale), remove(order), remove(waiting), remove(order)]) == [
        *(1022, 0, 1022, 0, 0),
    ]
    assert await shop.records("getSalesDocuments") == []
    assert await proved(shop, mari) == 0


@pytest.mark.parametrize("name", ["baseDocumentID", "baseDocumentIDs", "creditToDocumentID"])
async def test_a_document_cannot_refer_to_itself(shop: Shop, name: str) -> None:
    """A document that is its own source, or credits itself, is 1016: it could never be deleted."""
    order = await sell(shop, 0, type="ORDER", confirmInvoice=0)
    assert await post_call(shop, "saveSalesDocument", id=order, **{name: order}) == (1016, name)
    assert await shop.codes([remove(order)]) == [0]


SOLD, USED = "purchaseInvoiceID", "redemptionInvoiceID"


@pytest.mark.parametrize("role", [SOLD, USED])
async def test_a_sale_with_a_gift_card_stays(shop: Shop, role: str) -> None:
    """A sale on which a card was sold or used is 1022, and changes nothing, until the card names it no more."""
    mari = await shop.customer()
    sale, other = await sell(shop, mari), await sell(shop, mari)
    card = (await shop.record("saveGiftCard", code="G", value=20, **{role: sale}))["giftCardID"]
    assert await shop.error("deleteSalesDocument", documentID=sale) == (1022, "documentID")
    assert await proved(shop, mari) == 120
    for reference in (other, 0):
        await shop.record("saveGiftCard", giftCardID=card, **{role: reference})
        assert await shop.codes([remove(sale)]) == [0 if reference else 1011]
    assert await shop.codes([remove(other)]) == [0]
    assert (await shop.record("getGiftCards", giftCardID=card))[role] == 0


async def test_a_card_in_both_roles(shop: Shop) -> None:
    """A card that was sold and used on one sale holds it until it names it in neither role."""
    sale = await sell(shop, 0)
    card = {"requestName": "saveGiftCard", "code": "G", "value": 5}
    bulk = [{**card, SOLD: sale, USED: sale}, remove(sale), {**card, SOLD: 0}, remove(sale), {**card, USED: 0}]
    assert await shop.codes([*bulk, remove(sale)]) == [0, 1022, 0, 1022, 0, 0]


@pytest.mark.parametrize("role", ["invoiceID", "redeemedInvoiceID"])
async def test_a_sale_with_a_coupon_stays(shop: Shop, role: str) -> None:
    """A sale with which a coupon was issued, or on which it was used, is 1022 until the coupon is corrected."""
    mari = await shop.customer(points=50)
    coupon = (await shop.record("saveCoupon", printingCostInRewardPoints=10))["couponID"]
    sale = await sell(shop, mari)
    issued: dict[str, Any] = {"couponID": coupon, "uniqueIdentifier": "77", "customerID": mari}
    if role == "invoiceID":
        issued["invoiceID"] = sale
    number = (await shop.record("saveIssuedCoupon", **issued))["issuedCouponID"]
    if role != "invoiceID":
        await shop.record("redeemIssuedCoupon", uniqueIdentifier="77", invoiceID=sale)
    assert await shop.error("deleteSalesDocument", documentID=sale) == (1022, "documentID")
    assert await proved(shop, mari) == 100
    await shop.record("saveIssuedCoupon", issuedCouponID=number, **{role: 0})
    assert await shop.codes([remove(sale)]) == [0]
    assert await proved(shop, mari) == 40  # The coupon's cost stays spent.


async def test_a_coupon_is_corrected_to_another_sale(shop: Shop) -> None:
    """A coupon that is said to have been used on another sale holds that one; on none that is there it is 1011."""
    first, second = await sell(shop, 0), await sell(shop, 0)
    coupon = (await shop.record("saveCoupon"))["couponID"]
    await shop.record("saveIssuedCoupon", couponID=coupon, uniqueIdentifier="77")
    await shop.record("redeemIssuedCoupon", uniqueIdentifier="77", invoiceID=first)
    assert await shop.error("saveIssuedCoupon", issuedCouponID=1, redeemedInvoiceID=9) == (1011, "redeemedInvoiceID")
    await shop.record("saveIssuedCoupon", issuedCouponID=1, redeemedInvoiceID=second)
    assert await shop.codes([remove(first), remove(second)]) == [0, 1022]


async def test_coupons_of_a_document(shop: Shop) -> None:
    """A document lists the coupons that were issued with it."""
    sale = await sell(shop, 0)
    coupon = (await shop.record("saveCoupon"))["couponID"]
    for identifier in ("1", "2"):
        await shop.record("saveIssuedCoupon", couponID=coupon, uniqueIdentifier=identifier, invoiceID=sale)
    await shop.record("redeemIssuedCoupon", uniqueIdentifier="1", invoiceID=sale)
    await shop.record("saveIssuedCoupon", issuedCouponID=2, invoiceID=0)
    assert (await shop.record("getSalesDocuments", id=sale))["issuedCouponIDs"] == [1]


async def test_an_edit_of_the_document_keeps_what_refers_to_it(shop: Shop) -> None:
    """A sale that is saved again is still held by its cards, coupons and follow-ups."""
    order = await sell(shop, 0, type="ORDER", confirmInvoice=0)
    await shop.record("saveGiftCard", code="G", value=5, purchaseInvoiceID=order)
    follow_up = await sell(shop, 0, baseDocumentID=order)
    await shop.record("saveSalesDocument", id=order, notes="x", confirmInvoice=1)
    assert await shop.codes([remove(order), remove(follow_up), remove(order)]) == [1022, 0, 1022]
    await shop.record("saveGiftCard", code="G", purchaseInvoiceID=0)
    assert await shop.codes([remove(order)]) == [0]


async def test_a_refused_call_refers_to_nothing(shop: Shop) -> None:
    """A coupon that cannot be paid for, and a document with a wrong row, hold no sale."""
    mari = await shop.customer()
    order = await sell(shop, mari, {}, type="ORDER")
    coupon = (await shop.record("saveCoupon", printingCostInRewardPoints=10))["couponID"]
    issue = {"requestName": "saveIssuedCoupon", "couponID": coupon, "uniqueIdentifier": "7", "customerID": mari}
    sale = {"requestName": "saveSalesDocument", "baseDocumentID": order, "amount1": 1, "vatrateID1": 99}
    assert await shop.codes([{**issue, "invoiceID": order}, sale, remove(order)]) == [1042, 1011, 0]


async def test_after_a_failed_invoice_nothing_is_held(shop: Shop) -> None:
    """A card and a coupon that follow a failed invoice refer to no document, so the one before it can be deleted."""
    sale = {"requestName": "saveSalesDocument", "amount1": 1, "price1": 5}
    card = {"requestName": "saveGiftCard", "code": "G", "value": 5, "purchaseInvoiceID": "CURRENT_INVOICE_ID"}
    assert await shop.codes([sale, {**sale, "vatrateID1": 99}, card, remove(1)]) == [0, 1011, 0, 0]
