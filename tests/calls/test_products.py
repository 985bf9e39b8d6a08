"""saveProduct and getProducts."""

from typing import Any

import pytest

from calls.test_stored_fields import lost, stored
from erply_points import schemas
from support.client import Record
from support.shop import Shop


async def saved(shop: Shop, **params: Any) -> int:
    product_id: int = (await shop.record("saveProduct", **params))["productID"]
    return product_id


async def read(shop: Shop, product_id: int) -> Record:
    return await shop.record("getProducts", productID=product_id)


async def found(shop: Shop, **params: Any) -> list[int]:
    """The IDs that a listing finds, in ascending order unless `orderBy` is given."""
    params = {"orderBy": "productID", "orderByDir": "asc", **params}
    return [record["productID"] for record in await shop.records("getProducts", **params)]


async def test_a_product_without_particulars(shop: Shop) -> None:
    """A new product has Erply's defaults, the account's VAT rate, and each field with its JSON type."""
    answer = await shop.record("saveProduct")
    assert answer == {"productID": 1}
    assert await read(shop, 1) == {
        "productID": 1,
        "type": "PRODUCT",
        "active": 1,
        "status": "ACTIVE",
        "name": "",
        "code": "",
        "code2": "",
        "groupID": 0,
        "groupName": "",
        "price": 0,
        "priceWithVat": 0,
        "vatrateID": 1,
        "vatrate": 20,
        "cost": 0,
        "taxFree": 0,
        "isGiftCard": 0,
        "nonDiscountable": 0,
        "rewardPointsNotAllowed": 0,
        "unitID": 0,
        "brandID": 0,
        "categoryID": 0,
        "priorityGroupID": "0",
        "countryOfOriginID": "0",
        "added": int(shop.clock.now),
        "lastModified": int(shop.clock.now),
        "attributes": [],
    }


async def test_what_is_stored(shop: Shop) -> None:
    """A product comes back with every stored field, and with those in any language."""
    sent = stored("saveProduct")
    assert len(sent) > 45
    languages = {"nameENG": "Apples", "descriptionEST": "Magusad", "longdescFIN": "Makeat"}
    record = await read(shop, await saved(shop, **sent, **languages))
    assert lost("saveProduct", {**sent, **languages}, record) == {}
    defaults = schemas.call_answer("getProducts")["items"]["properties"]
    assert [name for name, value in sent.items() if str(defaults[name]["default"]) == str(value)] == []


async def test_an_edit_keeps_what_it_does_not_name(shop: Shop) -> None:
    """Saving one field leaves all others as they were; an empty text clears."""
    everything = {
        **stored("saveProduct"),
        "type": "BUNDLE",
        "code": "A-1",
        "code2": "474",
        "name": "Apples",
        "netPrice": "1.5",
        "status": "NOT_FOR_SALE",
        "rewardPointsNotAllowed": 1,
        "attributeName1": "a",
        "attributeValue1": "b",
    }
    product_id = await saved(shop, **everything)
    before = await read(shop, product_id)
    shop.clock.advance(100)
    for change, changed in (
        ({"code": "B-1"}, {"code": "B-1"}),
        ({"code2": ""}, {"code2": ""}),
        ({"name": "Pears"}, {"name": "Pears"}),
        ({"name": ""}, {"name": ""}),
        ({"netPrice": 2}, {"price": 2, "priceWithVat": 2.4}),
        ({"rewardPointsNotAllowed": 0}, {"rewardPointsNotAllowed": 0}),
        ({"supplierCode": ""}, {"supplierCode": ""}),
        ({"cost": 0}, {"cost": 0}),
    ):
        before = {**before, **changed, "lastModified": int(shop.clock.now)}
        assert await saved(shop, productID=product_id, **change) == product_id
        assert await read(shop, product_id) == before


async def test_a_name_in_english_stands_in(shop: Shop) -> None:
    """Without a name the English one is the name, then one in any language; an edit follows the English one."""
    assert (await read(shop, await saved(shop, nameENG="Apples", nameEST="Õunad")))["name"] == "Apples"
    assert (await read(shop, await saved(shop, name="Äpfel", nameENG="Apples")))["name"] == "Äpfel"
    product_id = await saved(shop, nameEST="Õunad")
    assert (await read(shop, product_id))["name"] == "Õunad"
    await saved(shop, productID=product_id, nameEST="Õun")
    assert (await read(shop, product_id))["name"] == "Õunad"
    await saved(shop, productID=product_id, nameENG="Apple")
    assert (await read(shop, product_id))["name"] == "Apple"


@pytest.mark.parametrize(
    ("rate", "sent", "price", "with_vat"),
    [
        ("20", {"netPrice": "10.00"}, 10, 12),
        ("20", {"netPrice": 8.325}, 8.325, 9.99),
        ("20", {"priceWithVAT": "9.99"}, 8.325, 9.99),
        ("22", {"priceWithVAT": 10}, 8.19672131147541, 10),
        ("9", {"priceWithVAT": "0.01"}, 0.009174311926605505, 0.01),
        ("7.7", {"priceWithVAT": "999999999999.99"}, 928505106778.078, 999999999999.99),
        ("22", {"priceWithVAT": "1.2345678901"}, 1.0119408935245902, 1.2345678901),
        ("20", {"netPrice": "10", "priceWithVAT": "99"}, 10, 12),
        ("20", {"netPrice": "0.1234567891"}, 0.1234567891, 0.1481481469),
        ("0", {"priceWithVAT": "3"}, 3, 3),
    ],
)
async def test_prices(shop: Shop, rate: str, sent: dict[str, Any], price: float, with_vat: float) -> None:
    """Of the prices with and without tax one makes the other, exactly; the one that was sent comes back as it was."""
    vat_rate = (await shop.record("saveVatRate", name="r", rate=rate))["vatRateID"]
    record = await read(shop, await saved(shop, vatrateID=vat_rate, **sent))
    assert (record["price"], record["priceWithVat"], record["vatrate"]) == (price, with_vat, float(rate))


async def test_a_change_of_rate(shop: Shop) -> None:
    """A new rate leaves the net price and changes the one with tax; a rate of 0 leaves the rate as it is."""
    vat_rate = (await shop.record("saveVatRate", name="r", rate=10))["vatRateID"]
    product_id = await saved(shop, priceWithVAT="12")
    await saved(shop, productID=product_id, vatrateID=vat_rate)
    record = await read(shop, product_id)
    assert (record["price"], record["priceWithVat"], record["vatrateID"], record["vatrate"]) == (10, 11, vat_rate, 10)
    await saved(shop, productID=product_id, vatrateID=0, priceWithVAT=22)
    assert (await read(shop, product_id))["price"] == 20
    await shop.set(default_vat_rate=str(vat_rate))
    assert (await read(shop, await saved(shop, vatrateID=0)))["vatrateID"] == vat_rate
    await shop.set(default_vat_rate="0")
    assert (await read(shop, await saved(shop, netPrice=5)))["priceWithVat"] == 5


@pytest.mark.parametrize("name", ["code", "code2"])
async def test_codes_are_unique(shop: Shop, name: str) -> None:
    """A code belongs to one product; the same text as another kind of code, and no code at all, are free."""
    other = {"code": "code2", "code2": "code"}[name]
    first = await saved(shop, **{name: "A-1"})
    await saved(shop)
    await saved(shop)
    second = await saved(shop, **{other: "A-1"})
    assert await shop.error("saveProduct", **{name: "A-1"}) == (1012, name)
    assert await shop.error("saveProduct", **{"productID": second, name: "A-1", "name": "x"}) == (1012, name)
    assert (await read(shop, second))["name"] == ""
    await saved(shop, **{"productID": first, name: "A-1"})
    await saved(shop, **{"productID": first, name: "A-2"})
    await saved(shop, **{"productID": second, name: "A-1"})
    assert await shop.error("saveProduct", **{"productID": first, name: "A-1"}) == (1012, name)
    assert await shop.error("saveProduct", **{name: "A-2"}) == (1012, name)


async def test_codes_within_a_bulk(shop: Shop) -> None:
    """Codes taken and given up earlier in a bulk count, and those of a refused product do not."""
    first = await saved(shop, code="A")
    assert await shop.codes(
        [
            {"requestName": "saveProduct", "code": "B", "vatrateID": 99},
            {"requestName": "saveProduct", "code": "B"},
            {"requestName": "saveProduct", "code": "B"},
            {"requestName": "saveProduct", "productID": first, "code": "C"},
            {"requestName": "saveProduct", "code": "C"},
        ]
    ) == [1011, 0, 1012, 0, 1012]
    assert {record["code"] for record in await shop.records("getProducts")} == {"B", "C"}


async def test_the_type_is_fixed(shop: Shop) -> None:
    """A product keeps the type it was made with."""
    product_id = await saved(shop, type="MATRIX")
    await saved(shop, productID=product_id, type="PRODUCT", name="x")
    record = await read(shop, product_id)
    assert (record["type"], record["name"]) == ("MATRIX", "x")


@pytest.mark.parametrize(
    ("before", "sent", "after"),
    [
        ("ACTIVE", {"active": 0}, "ARCHIVED"),
        ("ARCHIVED", {"active": 1}, "ACTIVE"),
        ("ARCHIVED", {"active": 0}, "ARCHIVED"),
        ("NOT_FOR_SALE", {"active": 1}, "NOT_FOR_SALE"),
        ("NOT_FOR_SALE", {}, "NOT_FOR_SALE"),
        ("NOT_FOR_SALE", {"active": 0}, "ARCHIVED"),
        ("ACTIVE", {"status": "ARCHIVED"}, "ARCHIVED"),
        ("ARCHIVED", {"status": "NO_LONGER_ORDERED"}, "NO_LONGER_ORDERED"),
        ("ACTIVE", {"status": "ARCHIVED", "active": 0}, "ARCHIVED"),
        ("ARCHIVED", {"status": "NOT_FOR_SALE", "active": 1}, "NOT_FOR_SALE"),
        ("ACTIVE", {"status": "ARCHIVED", "active": 1}, None),
        ("ARCHIVED", {"status": "ACTIVE", "active": 0}, None),
    ],
)
async def test_status_and_active_agree(shop: Shop, before: str, sent: dict[str, Any], after: str | None) -> None:
    """`active` and `status` are two views of one fact; what contradicts itself is refused."""
    product_id = await saved(shop, status=before)
    if after is None:
        assert await shop.error("saveProduct", productID=product_id, **sent) == (1013, "active")
        after = before
    else:
        await saved(shop, productID=product_id, **sent)
    record = await read(shop, product_id)
    assert (record["status"], record["active"]) == (after, int(after != "ARCHIVED"))


async def test_a_new_product_can_be_archived(shop: Shop) -> None:
    """`active` 0 makes a new product an archived one."""
    assert (await read(shop, await saved(shop, active=0)))["status"] == "ARCHIVED"


async def test_products_that_earn_nothing(shop: Shop) -> None:
    """A sale earns no points for a product with `rewardPointsNotAllowed`, and does for others."""
    customer = await shop.customer()
    barred, other = await saved(shop, rewardPointsNotAllowed=1), await saved(shop)
    sale = {"customerID": customer, "price1": 10, "amount1": 1, "price2": 7, "amount2": 1}
    await shop.record("saveSalesDocument", productID1=barred, productID2=other, **sale)
    assert await shop.balance(customer) == 7
    await saved(shop, productID=barred, rewardPointsNotAllowed=0)
    await shop.record("saveSalesDocument", productID1=barred, productID2=other, **sale)
    assert await shop.balance(customer) == 24


async def test_filters(shop: Shop) -> None:
    """Each filter finds the products that fit, and all filters must hold together."""
    await saved(shop, name="Apples", code="A-1", code2="4740", code3="x1", supplierCode="S-1", groupID=3, categoryID=5)
    shop.clock.advance(100)
    await saved(shop, name="Green apples", code="A-2", code2="4741", code3="x2", type="BUNDLE", isGiftCard=1)
    await saved(shop, name="100% Juice", code="J_1", supplierCode="T-1", status="ARCHIVED", groupID=4)
    await saved(shop, name="Õlu", status="NOT_FOR_SALE", type="ASSEMBLY", attributeName1="a", attributeValue1="b")
    shop.clock.advance(100)
    await saved(shop, productID=1, cost=1)
    now = int(shop.clock.now)
    every = [1, 2, 3, 4]
    for params, expected in (
        ({}, every),
        ({"productID": 2}, [2]),
        ({"productID": 0}, every),
        ({"productID": 99}, []),
        ({"productIDs": "3, 1,99"}, [1, 3]),
        ({"productIDs": ""}, every),
        ({"type": "PRODUCT"}, [1, 3]),
        ({"type": "BUNDLE, ASSEMBLY"}, [2, 4]),
        ({"type": "SERVICE"}, []),
        ({"groupID": 3}, [1]),
        ({"categoryID": 5}, [1]),
        ({"code": "A-1"}, [1]),
        ({"code": "a-1"}, []),
        ({"code2": "4741"}, [2]),
        ({"code3": "x1"}, [1]),
        ({"supplierCode": "S-1"}, [1]),
        ({"name": "Apples"}, [1]),
        ({"codePrefix": "a-"}, [1, 2]),
        ({"codePrefix": "J_"}, [3]),
        ({"codePrefix": "_"}, []),
        ({"code2Prefix": "474"}, [1, 2]),
        ({"code3Prefix": "x"}, [1, 2]),
        ({"supplierCodePrefix": "T"}, [3]),
        ({"namePrefix": "app"}, [1]),
        ({"namePrefix": "%"}, []),
        ({"searchName": "APPLE"}, [1, 2]),
        ({"searchName": "474"}, [1, 2]),
        ({"searchName": "S-1"}, []),
        ({"searchNameIncrementally": "S-1"}, [1]),
        ({"searchNameIncrementally": "juice"}, [3]),
        ({"active": 1}, [1, 2, 4]),
        ({"active": 0}, [3]),
        ({"status": "ACTIVE"}, [1, 2]),
        ({"status": "ARCHIVED"}, [3]),
        ({"status": "NOT_FOR_SALE"}, [4]),
        ({"status": "NO_LONGER_ORDERED"}, []),
        ({"status": "ALL_EXCEPT_ARCHIVED"}, [1, 2, 4]),
        ({"giftCards": 1}, [2]),
        ({"giftCards": 0}, every),
        ({"searchAttributeName": "a", "searchAttributeValue": "b"}, [4]),
        ({"searchAttributeName1": "a", "searchAttributeValue1": "c"}, []),
        ({"changedSince": now}, [1]),
        ({"changedSince": now - 100}, every),
        ({"addedSince": now - 100}, [2, 3, 4]),
        ({"addedSince": now}, []),
        ({"type": "PRODUCT", "active": 1, "groupID": 3}, [1]),
        ({"warehouseID": 9, "clientID": 9, "getStockInfo": 1, "getFIFOCost": 1}, every),
    ):
        assert await found(shop, **params) == expected, params


async def test_orders(shop: Shop) -> None:
    """Products come in the order asked for, else the last changed first; numbers are compared as numbers."""
    for params in (
        {"name": "b", "code": "2", "netPrice": "10", "parentProductID": 9},
        {"name": "a", "code": "3", "netPrice": "9.5", "parentProductID": 10},
        {"name": "c", "code": "1", "netPrice": "100", "parentProductID": 1},
    ):
        await saved(shop, **params)
        shop.clock.advance(10)
    await saved(shop, productID=2, cost=1)
    orders = {
        "name": [2, 1, 3],
        "code": [3, 1, 2],
        "productID": [1, 2, 3],
        "price": [2, 1, 3],
        "parentProductID": [3, 1, 2],
        "changed": [1, 3, 2],
        "added": [1, 2, 3],
    }
    assert set(orders) == set(schemas.call_request("getProducts")["properties"]["orderBy"]["enum"])
    for by, expected in orders.items():
        assert await found(shop, orderBy=by, orderByDir="asc") == expected, by
        assert await found(shop, orderBy=by, orderByDir="desc") == expected[::-1], by
    assert [record["productID"] for record in await shop.records("getProducts")] == [2, 3, 1]
    assert [record["productID"] for record in await shop.records("getProducts", orderBy="name")] == [3, 1, 2]


async def test_pages(shop: Shop) -> None:
    """20 records by default, at most 1000, at most 100 with stock; `recordOffset` takes the place of `pageNo`."""
    for _ in range(11):
        await shop.codes([{"requestName": "saveProduct"}] * 92)

    async def page(**params: Any) -> tuple[int, int, int]:
        answer = await shop.call("getProducts", orderBy="productID", orderByDir="asc", **params)
        records = answer["records"]
        first = records[0]["productID"] if records else 0
        return first, len(records), answer["status"]["recordsTotal"]

    assert await page() == (1, 20, 1012)
    assert await page(pageNo=3, recordsOnPage=7) == (15, 7, 1012)
    assert await page(recordsOnPage=5_000) == (1, 1000, 1012)
    assert await page(recordsOnPage=5_000, pageNo=2) == (1001, 12, 1012)
    assert await page(recordsOnPage=5_000, getStockInfo=1) == (1, 100, 1012)
    assert await page(recordsOnPage=5_000, getStockInfo=0) == (1, 1000, 1012)
    assert await page(recordOffset=5) == (6, 20, 1012)
    assert await page(recordOffset=1010, pageNo=1, recordsOnPage=7) == (1011, 2, 1012)
    assert await page(recordOffset=3, pageNo=5, recordsOnPage=2) == (4, 2, 1012)
    assert await page(recordOffset=-3, pageNo=2) == (21, 20, 1012)
    assert await page(recordOffset=2**53 - 1) == (0, 0, 1012)
    assert await page(recordOffset=10**15, recordsOnPage=10**15) == (0, 0, 1012)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({"productID": 99}, (1011, "productID")),
        ({"productID": 99, "vatrateID": 99}, (1011, "productID")),
        ({"vatrateID": 99}, (1011, "vatrateID")),
        ({"vatrateID": 99, "status": "ARCHIVED", "active": 1}, (1011, "vatrateID")),
        ({"netPrice": "x"}, (1014, "netPrice")),
        ({"netPrice": "1,5"}, (1014, "netPrice")),
        ({"netPrice": "-1"}, (1014, "netPrice")),
        ({"priceWithVAT": "1e5"}, (1014, "priceWithVAT")),
        ({"type": "product"}, (1016, "type")),
        ({"type": "SERVICE", "netPrice": "x"}, (1014, "netPrice")),
        ({"status": "ALL_EXCEPT_ARCHIVED"}, (1016, "status")),
        ({"active": 2}, (1016, "active")),
        ({"rewardPointsNotAllowed": "maybe"}, (1014, "rewardPointsNotAllowed")),
        ({"code": "x" * 256}, (1014, "code")),
        ({"code2": "a\0"}, (1014, "code2")),
        ({"groupID": -1}, (1016, "groupID")),
        ({"relatedProductIDs": "1;2"}, (1029, "relatedProductIDs")),
        ({"attributeValue1": "x"}, (1013, "attributeName1")),
        ({"attributeName1": "a", "attributeType1": "int", "attributeValue1": "x"}, (1014, "attributeValue1")),
    ],
)
async def test_bad_products(shop: Shop, sent: dict[str, Any], error: tuple[int, str]) -> None:
    """A product that cannot be saved names the parameter at fault, and nothing is kept of it."""
    assert await shop.error("saveProduct", **sent) == error
    assert await shop.records("getProducts") == []
    assert await saved(shop) == 1


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({"productIDs": "1) OR (1=1"}, (1029, "productIDs")),
        ({"type": "product"}, (1029, "type")),
        ({"status": "GONE"}, (1016, "status")),
        ({"orderBy": "cost"}, (1016, "orderBy")),
        ({"orderByDir": "down"}, (1016, "orderByDir")),
        ({"recordOffset": "x"}, (1014, "recordOffset")),
        ({"changedSince": -1}, (1016, "changedSince")),
    ],
)
async def test_bad_filters(shop: Shop, sent: dict[str, Any], error: tuple[int, str]) -> None:
    """A filter that cannot be read names itself."""
    assert await shop.error("getProducts", **sent) == error
