"""getSalesDocuments with nonReturnedItemsOnly: what of a sale has not been credited yet.

Rules: docs/decisions/0020-what-refers-to-a-document.md. Every number is worked out by hand beside its test.
"""

from typing import Any

import pytest

from calls.returning import credit, sell
from support.client import Record
from support.shop import Shop

AMOUNTS = ("productID", "amount", "rowNetTotal", "rowVAT", "rowTotal")


async def left(shop: Shop, **filters: Any) -> list[int]:
    """The documents of which something is left."""
    return [record["id"] for record in await shop.records("getSalesDocuments", nonReturnedItemsOnly=1, **filters)]


async def rows(shop: Shop, sale: int) -> list[tuple[Any, ...]]:
    """What is left of each row of a sale: product, quantity, net, tax and total."""
    record = await shop.record("getSalesDocuments", id=sale, nonReturnedItemsOnly=1)
    return [tuple(map(row.get, AMOUNTS)) for row in record["rows"]]


TWO_ROWS: Record = {"productID1": 1, "amount1": 3, "price1": 20, "productID2": 2, "amount2": 1, "price2": 5}


async def test_what_was_credited_is_left_out(shop: Shop) -> None:
    """Of 3 at 20.00 and 1 at 5.00, two and then the single one come back: one at 20.00 with 4.00 of tax is left."""
    sale = await sell(shop, 0, TWO_ROWS)
    assert await rows(shop, sale) == [("1", "3", 60.0, 12.0, 72.0), ("2", "1", 5.0, 1.0, 6.0)]
    await credit(shop, sale, productID1=1, amount1=-2)
    assert await rows(shop, sale) == [("1", "1", 20.0, 4.0, 24.0), ("2", "1", 5.0, 1.0, 6.0)]
    await credit(shop, sale, productID1=2, amount1=-1)
    assert await rows(shop, sale) == [("1", "1", 20.0, 4.0, 24.0)]


async def test_without_the_filter_nothing_is_left_out(shop: Shop) -> None:
    """By default, and with 0, a credited sale shows all that was sold."""
    sale = await sell(shop, 0, TWO_ROWS)
    await credit(shop, sale, productID1=1, amount1=-3)
    for filters in ({}, {"nonReturnedItemsOnly": 0}):
        record = await shop.record("getSalesDocuments", id=sale, **filters)
        assert [row["amount"] for row in record["rows"]] == ["3", "1"]


async def test_the_head_and_the_unit_prices_stay(shop: Shop) -> None:
    """Totals of the document, and prices of one unit, are what was sold: only quantities and amounts of rows shrink."""
    sale = await sell(shop, 0, {**TWO_ROWS, "discount1": 10})
    whole = await shop.record("getSalesDocuments", id=sale)
    back = await credit(shop, sale, productID1=1, amount1=-1)
    rest = await shop.record("getSalesDocuments", id=sale, nonReturnedItemsOnly=1)
    link = {"id": back, "number": "100001", "type": "CREDITINVOICE", "date": whole["date"]}
    (first, _), (sold, _) = rest.pop("rows"), whole.pop("rows")
    assert rest == {**whole, "followUpDocuments": [link], "previousReturnsExist": 1}
    assert first == {**sold, "amount": "2", "rowNetTotal": 36.0, "rowVAT": 7.2, "rowTotal": 43.2}


async def test_cents_add_up(shop: Shop) -> None:
    """Three at 3.335 are 10.01; with one gone 6.68 are left, with two 3.34: as the points count them."""
    sale = await sell(shop, 0, {"productID1": 1, "amount1": 3, "price1": "3.335"})
    for quantity, net in (("3", 10.01), ("2", 6.68), ("1", 3.34)):
        ((_, amount, row_net, *_),) = await rows(shop, sale)
        assert (amount, row_net) == (quantity, net)
        await credit(shop, sale, productID1=1, amount1=-1)
    assert await left(shop) == [2, 3, 4]


async def test_fractions_and_rows_of_the_other_sign(shop: Shop) -> None:
    """Weighed goods and rows that took something back are left in part, too."""
    mixed: Record = {"productID1": 1, "amount1": "1.5", "price1": 10, "productID2": 1, "amount2": -2, "price2": 3}
    sale = await sell(shop, 0, mixed)
    await credit(shop, sale, productID1=1, amount1="-0.25", productID2=1, amount2=1)
    assert await rows(shop, sale) == [("1", "1.25", 12.5, 2.5, 15.0), ("1", "-1", -3.0, -0.6, -3.6)]


async def test_another_price_takes_the_quantity(shop: Shop) -> None:
    """A piece that came back at another price is gone: two of three at 20.00 are left to credit."""
    sale = await sell(shop, 0)
    await credit(shop, sale, productID1=1, amount1=-1, price1=5)
    assert await rows(shop, sale) == [("1", "2", 40.0, 8.0, 48.0)]


async def test_a_rebate_leaves_the_rows(shop: Shop) -> None:
    """A rebate that names no sold row takes nothing of any row."""
    sale = await sell(shop, 0)
    await credit(shop, sale, itemName1="Rebate", amount1=-1, price1=10)
    assert await rows(shop, sale) == [("1", "3", 60.0, 12.0, 72.0)]


async def test_packages_shrink_with_the_quantity(shop: Shop) -> None:
    """Of two packages of six, one is left when six pieces have come back."""
    packed: Record = {"productID1": 1, "amount1": 12, "price1": 1, "packageID1": 7, "amountOfPackages1": 2}
    sale = await sell(shop, 0, packed)
    await credit(shop, sale, productID1=1, amount1=-6)
    record = await shop.record("getSalesDocuments", id=sale, nonReturnedItemsOnly=1)
    (row,) = record["rows"]
    assert (row["amount"], float(row["amountOfPackages"])) == ("6", 1)


@pytest.mark.parametrize("kind", ["RETURN", "VOID"])
async def test_documents_credited_in_full_are_left_out(shop: Shop, kind: str) -> None:
    """A sale that came back whole, or was voided, is not listed and not counted, until that credit is deleted."""
    sale, other = await sell(shop, 0), await sell(shop, 0)
    order = await sell(shop, 0, type="ORDER")
    back = await credit(shop, sale, productID1=1, amount1=-3, creditInvoiceType=kind)
    assert await left(shop) == [other, order, back]
    assert await left(shop, id=sale) == []
    answer = await shop.call("getSalesDocuments", nonReturnedItemsOnly=1, recordsOnPage=1)
    assert answer["status"]["recordsTotal"] == 3
    assert await left(shop, types="INVWAYBILL") == [other]
    await shop.records("deleteSalesDocument", documentID=back)
    assert await left(shop) == [sale, other, order]
    assert [row[1] for row in await rows(shop, sale)] == ["3"]


async def test_only_confirmed_credit_invoices_count(shop: Shop) -> None:
    """A credit invoice that is not confirmed has taken nothing back yet."""
    sale = await sell(shop, 0)
    back = await credit(shop, sale, productID1=1, amount1=-3, confirmInvoice=0)
    assert [row[1] for row in await rows(shop, sale)] == ["3"]
    assert (await shop.record("getSalesDocuments", id=sale))["previousReturnsExist"] == 0
    await shop.record("saveSalesDocument", id=back, confirmInvoice=1)
    assert await left(shop) == [back]
    assert (await shop.record("getSalesDocuments", id=sale))["previousReturnsExist"] == 1


async def test_what_is_left_can_be_credited(shop: Shop) -> None:
    """A till that credits exactly the rows that it is shown credits the sale in full."""
    mari = await shop.customer()
    sale = await sell(shop, mari, {**TWO_ROWS, "productID3": 1, "amount3": 2, "price3": "7.77"})
    await credit(shop, sale, productID1=1, amount1=-4)
    record = await shop.record("getSalesDocuments", id=sale, nonReturnedItemsOnly=1)
    shown = {
        f"{name}{number}": value
        for number, row in enumerate(record["rows"], start=1)
        for name, value in (("stableRowID", row["stableRowID"]), ("amount", f"-{row['amount']}"))
    }
    assert shown == {"stableRowID1": "2", "amount1": "-1", "stableRowID2": "3", "amount2": "-1"}
    await credit(shop, sale, **shown)
    assert await left(shop, types="INVWAYBILL") == []
    assert await shop.balance(mari) == 0


async def test_in_one_bulk(shop: Shop) -> None:
    """Within a bulk the listing sees what earlier sub-requests credited and deleted."""
    sale = {"requestName": "saveSalesDocument", "productID1": 1, "amount1": 2, "price1": 10}
    back = {**sale, "type": "CREDITINVOICE", "creditToDocumentID": 1, "amount1": -1}
    listed = {"requestName": "getSalesDocuments", "ids": "1", "nonReturnedItemsOnly": 1}
    remove = {"requestName": "deleteSalesDocument", "documentID": 3}
    answers = await shop.answers([sale, listed, back, listed, back, listed, remove, listed])
    found = [[row["amount"] for one in answer["records"] for row in one["rows"]] for answer in answers[1::2]]
    assert found == [["2"], ["1"], [], ["1"]]


async def test_a_credited_sale_counts_as_changed(shop: Shop) -> None:
    """Whoever syncs by changedSince sees the sale again when something of it was credited, and when that was undone."""
    sale = await sell(shop, 0)
    for step in range(2):
        shop.clock.advance(10)
        now = int(shop.clock())
        if step == 0:
            back = await credit(shop, sale, productID1=1, amount1=-1)
        else:
            await shop.records("deleteSalesDocument", documentID=back)
        changed = await shop.records("getSalesDocuments", changedSince=now, types="INVWAYBILL")
        assert [(one["id"], one["lastModifierUsername"]) for one in changed] == [(sale, "till")]
