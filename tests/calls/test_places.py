"""Warehouses and points of sale: saveWarehouse, getWarehouses, savePointOfSale, getPointsOfSale."""

from typing import Any

import pytest

from calls.test_stored_fields import lost, stored
from erply_points import schemas
from erply_points.accounts import administration
from erply_points.accounts.rights import Rights
from erply_points.app import stores_of
from support.client import Record
from support.shop import Shop

ALIASES = {
    "bank": "bankName",
    "account": "bankAccountNumber",
    "priceListID": "pricelistID",
    "priceListID2": "pricelistID2",
    "priceListID3": "pricelistID3",
}


async def warehouse(shop: Shop, **params: Any) -> int:
    warehouse_id: int = (await shop.record("saveWarehouse", **{"name": "Main", **params}))["warehouseID"]
    return warehouse_id


async def point_of_sale(shop: Shop, **params: Any) -> int:
    point_of_sale_id: int = (await shop.record("savePointOfSale", **{"name": "Till", **params}))["pointOfSaleID"]
    return point_of_sale_id


async def read_warehouse(shop: Shop, warehouse_id: int) -> Record:
    return await shop.record("getWarehouses", warehouseID=warehouse_id)


async def read_point_of_sale(shop: Shop, point_of_sale_id: int) -> Record:
    return await shop.record("getPointsOfSale", pointOfSaleID=point_of_sale_id)


async def test_a_warehouse_without_particulars(shop: Shop) -> None:
    """A new store is given back with each field and its JSON type: the number is text here, and a number when saved."""
    assert await shop.record("saveWarehouse", name="Main") == {"warehouseID": 1}
    texts = (
        *("code", "address", "street", "address2", "city", "state", "country", "ZIPcode", "companyName", "companyCode"),
        *("companyVatNumber", "phone", "fax", "email", "website", "bankName", "bankAccountNumber", "iban", "swift"),
        *("storeGroups", "timeZone"),
    )
    assert await shop.record("getWarehouses") == {
        "warehouseID": "1",
        "name": "Main",
        **dict.fromkeys(texts, ""),
        **dict.fromkeys(("pricelistID", "pricelistID2", "pricelistID3", "pricelistID4", "pricelistID5"), "0"),
        **dict.fromkeys(("addressID", "usesLocalQuickButtons", "defaultCustomerGroupID", "isOfflineInventory"), 0),
        "attributes": [],
    }


async def test_what_is_stored_of_a_warehouse(shop: Shop) -> None:
    """A store comes back with every stored field; Erply's other names of a field come back under its own."""
    sent = stored("saveWarehouse")
    assert len(sent) > 35
    record = await read_warehouse(shop, await warehouse(shop, **sent, nameEST="Pood"))
    own = {ALIASES.get(name, name): value for name, value in sent.items()}
    assert lost("saveWarehouse", own | {"nameEST": "Pood"}, record) == {}
    assert not ALIASES.keys() & record.keys()
    assert {type(record[name]) for name in record if name.startswith("pricelistID")} == {str}


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
async def test_two_names_of_one_field(shop: Shop, alias: str, name: str) -> None:
    """A field can be sent under either of its names, or under both if they agree."""
    warehouse_id = await warehouse(shop, **{alias: "3"})
    assert (await read_warehouse(shop, warehouse_id))[name] == "3"
    await warehouse(shop, warehouseID=warehouse_id, **{name: "4", alias: "4"})
    assert (await read_warehouse(shop, warehouse_id))[name] == "4"
    twice = {"warehouseID": warehouse_id, name: "5", alias: "6"}
    assert await shop.error("saveWarehouse", **twice) == (1013, alias)
    assert (await read_warehouse(shop, warehouse_id))[name] == "4"


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({"street": "Pikk 1", "city": "Tallinn", "ZIPcode": "10123"}, "Pikk 1, 10123 Tallinn"),
        (
            {"street": "Pikk 1", "address2": "III", "city": "Tallinn", "state": "Harju", "country": "Estonia"},
            "Pikk 1, III, Tallinn, Harju, Estonia",
        ),
        ({"country": "Estonia"}, "Estonia"),
    ],
)
async def test_the_address_in_one_line(shop: Shop, parts: dict[str, str], line: str) -> None:
    """The address is made of its parts, without what is missing."""
    assert (await read_warehouse(shop, await warehouse(shop, **parts)))["address"] == line


async def test_editing_a_warehouse(shop: Shop) -> None:
    """An edit needs no name and keeps what it does not name; an empty text clears, but never the name."""
    warehouse_id = await warehouse(shop, code="M", **stored("saveWarehouse"), attributeName1="a", attributeValue1="b")
    before = await read_warehouse(shop, warehouse_id)
    for change in ({"code": "N"}, {"name": "Other"}, {"phone": "1"}, {"code": ""}, {"iban": ""}, {"addressID": 0}):
        before = {**before, **change}
        assert await shop.record("saveWarehouse", warehouseID=warehouse_id, **change) == {"warehouseID": warehouse_id}
        assert await read_warehouse(shop, warehouse_id) == before
    assert await shop.error("saveWarehouse", warehouseID=warehouse_id, name=" ") == (1010, "name")
    await shop.record("saveWarehouse", warehouseID=warehouse_id, nameENG="Shop")
    assert (await read_warehouse(shop, warehouse_id))["name"] == "Shop"


async def test_a_name_in_a_language_is_a_name(shop: Shop) -> None:
    """A store can be made with a name in any language alone."""
    for number, name in enumerate(("nameENG", "nameEST"), start=1):
        await shop.record("saveWarehouse", **{name: "Pood"})
        record = await read_warehouse(shop, number)
        assert (record["name"], record[name]) == ("Pood", "Pood")


async def test_finding_warehouses(shop: Shop) -> None:
    """Each filter of stores finds those that fit, in the order of their numbers."""
    await warehouse(shop, code="A", storeRegionID=3, assortmentID=5)
    await warehouse(shop, code="B", storeRegionID=4, attributeName1="a", attributeValue1="b")
    await warehouse(shop, code="C", storeRegionID=3)
    stores = stores_of(shop.settings)
    limited = await administration.create_user(
        stores, shop.code, "limited", "secret", rights=Rights(warehouses=frozenset({3, 2, 9}))
    )
    free = await administration.create_user(stores, shop.code, "free", "secret")
    for params, expected in (
        ({}, ["1", "2", "3"]),
        ({"warehouseID": 2}, ["2"]),
        ({"warehouseID": 9}, []),
        ({"code": "A"}, ["1"]),
        ({"code": "a"}, []),
        ({"storeRegionID": 3}, ["1", "3"]),
        ({"assortmentID": 5}, ["1"]),
        ({"storeRegionID": 3, "code": "C"}, ["3"]),
        ({"searchAttributeName": "a", "searchAttributeValue": "b"}, ["2"]),
        ({"userID": limited}, ["2", "3"]),
        ({"userID": limited, "code": "A"}, []),
        ({"userID": free}, ["1", "2", "3"]),
        ({"userID": 99}, []),
    ):
        found = [record["warehouseID"] for record in await shop.records("getWarehouses", **params)]
        assert found == expected, params


@pytest.mark.parametrize("call", ["getWarehouses", "getPointsOfSale"])
async def test_pages(shop: Shop, call: str) -> None:
    """All records come at once unless the caller pages, and then at most 100."""
    await warehouse(shop)
    one = {"requestName": "saveWarehouse", "name": "x"}
    if call == "getPointsOfSale":
        one = {"requestName": "savePointOfSale", "name": "x", "warehouseID": "1"}
        await shop.codes([one])
    await shop.codes([one] * 100)
    for params, count in (
        ({}, 101),
        ({"recordsOnPage": 500}, 100),
        ({"recordsOnPage": 500, "pageNo": 2}, 1),
        ({"pageNo": 2}, 20),
        ({"pageNo": 0}, 20),
        ({"pageNo": 99}, 0),
    ):
        answer = await shop.call(call, **params)
        assert (len(answer["records"]), answer["status"]["recordsTotal"]) == (count, 101), params


async def test_a_point_of_sale_without_particulars(shop: Shop) -> None:
    """A new till is given back with each field and its JSON type; its store's number is a number here."""
    await warehouse(shop, name="Main store")
    assert await shop.record("savePointOfSale", name="Till 1", warehouseID=1) == {"pointOfSaleID": 1}
    assert await shop.record("getPointsOfSale") == {
        "pointOfSaleID": 1,
        "name": "Till 1",
        "warehouseID": 1,
        "warehouseName": "Main store",
        "address": "",
        "phone": "",
        "storeHours": "",
        "geoLatitude": 0,
        "geoLongitude": 0,
        "vatrateID": 0,
        "vatrate": 0,
        "defaultCustomerID": 0,
        "storeCreditEnabled": 0,
        "lastInvoiceNo": "0",
        "lastCouponNo": 0,
        "quickButtons": [],
        "added": int(shop.clock.now),
        "lastModified": int(shop.clock.now),
        "attributes": [],
    }


async def test_what_is_stored_of_a_point_of_sale(shop: Shop) -> None:
    """A till comes back with every stored field, and with the per cent of its VAT rate."""
    await warehouse(shop)
    sent = stored("savePointOfSale")
    assert set(sent) == {
        name
        for name, each in schemas.call_request("savePointOfSale")["properties"].items()
        if each["x-use"] == "stored"
    }
    record = await read_point_of_sale(shop, await point_of_sale(shop, warehouseID=1, **sent))
    assert lost("savePointOfSale", sent, record) == {}
    assert record["vatrate"] == 0  # There is no rate of this number.
    rate = (await shop.record("saveVatRate", name="r", rate="7.5"))["vatRateID"]
    await point_of_sale(shop, pointOfSaleID=1, vatrateID=rate)
    assert (await read_point_of_sale(shop, 1))["vatrate"] == 7.5


async def test_the_last_coupon_of_a_point_of_sale(shop: Shop) -> None:
    """A till tells how many coupons were numbered there."""
    await warehouse(shop)
    for _ in range(2):
        await point_of_sale(shop, warehouseID=1)
    coupon = (await shop.record("saveCoupon", name="c"))["couponID"]
    for _ in range(3):
        await shop.record("saveIssuedCoupon", couponID=coupon, pointOfSaleID=2)
    assert [record["lastCouponNo"] for record in await shop.records("getPointsOfSale")] == [0, 3]


async def test_the_last_number_of_a_point_of_sale(shop: Shop) -> None:
    """A till tells the highest number that it gave a document itself, so that it can go on from there when set up anew.

    Numbers that the server gave, or gave in place of one that was taken, are not the till's.
    """
    await warehouse(shop)
    for _ in range(2):
        await point_of_sale(shop, warehouseID=1)

    async def numbered(**header: Any) -> list[str]:
        saved = await shop.record("saveSalesDocument", amount1=1, **header)
        shown = [record["lastInvoiceNo"] for record in await shop.records("getPointsOfSale")]
        return [saved["invoiceNo"], *shown]

    assert await numbered(pointOfSaleID=2) == ["100001", "0", "0"]
    assert await numbered(pointOfSaleID=2, invoiceNo=21_000_005) == ["21000005", "0", "21000005"]
    assert await numbered(pointOfSaleID=2, invoiceNo=21_000_004) == ["21000004", "0", "21000005"]
    assert await numbered(pointOfSaleID=1, invoiceNo=21_000_005) == ["21000006", "0", "21000005"]
    assert await numbered(pointOfSaleID=1, invoiceNo=11_000_001, type="ORDER") == ["11000001", "11000001", "21000005"]
    assert await numbered(invoiceNo=99_000_001) == ["99000001", "11000001", "21000005"]
    assert await numbered(pointOfSaleID=2, invoiceNo=21_000_007, confirmInvoice=0) == ["0", "11000001", "21000005"]
    await shop.records("deleteSalesDocument", documentID=2)
    assert await numbered(pointOfSaleID=1) == ["99000002", "11000001", "21000005"]


async def test_editing_a_point_of_sale(shop: Shop) -> None:
    """An edit needs neither name nor store and keeps what it does not name; a till can move to another store."""
    await warehouse(shop, name="First")
    await warehouse(shop, name="Second")
    await point_of_sale(shop, warehouseID=1, **stored("savePointOfSale"), attributeName1="a", attributeValue1="b")
    before = await read_point_of_sale(shop, 1)
    shop.clock.advance(50)
    for change, more in (
        ({"phone": "1"}, {}),
        ({"warehouseID": 2}, {"warehouseName": "Second"}),
        ({"name": "Till 9"}, {}),
        ({"storeHours": ""}, {}),
        ({"storeCreditEnabled": 0}, {}),
    ):
        before = {**before, **change, **more, "lastModified": int(shop.clock.now)}
        assert await shop.record("savePointOfSale", pointOfSaleID=1, **change) == {"pointOfSaleID": 1}
        assert await read_point_of_sale(shop, 1) == before
    await warehouse(shop, warehouseID=2, name="Renamed")
    assert (await read_point_of_sale(shop, 1))["warehouseName"] == "Renamed"


async def test_finding_points_of_sale(shop: Shop) -> None:
    """Each filter of tills finds those that fit."""
    await warehouse(shop)
    await warehouse(shop)
    await point_of_sale(shop, name="Till 1", warehouseID=1)
    shop.clock.advance(10)
    await point_of_sale(shop, name="Till 2", warehouseID=2, attributeName1="a", attributeValue1="b")
    await point_of_sale(shop, name="Kiosk%", warehouseID=2)
    for params, expected in (
        ({}, [1, 2, 3]),
        ({"pointOfSaleID": 2}, [2]),
        ({"pointOfSaleID": 9}, []),
        ({"warehouseID": 2}, [2, 3]),
        ({"searchName": "till"}, [1, 2]),
        ({"searchName": "ill"}, []),
        ({"searchName": "%"}, []),
        ({"searchName": "till", "warehouseID": 2}, [2]),
        ({"changedSince": int(shop.clock.now)}, [2, 3]),
        ({"searchAttributeName1": "a", "searchAttributeValue1": "b"}, [2]),
    ):
        found = [record["pointOfSaleID"] for record in await shop.records("getPointsOfSale", **params)]
        assert found == expected, params


@pytest.mark.parametrize(
    ("call", "sent", "error"),
    [
        ("saveWarehouse", {}, (1010, "name")),
        ("saveWarehouse", {"name": "  "}, (1010, "name")),
        ("saveWarehouse", {"warehouseID": 0, "code": "A"}, (1010, "name")),
        ("saveWarehouse", {"nameENG": "", "phone": 5}, (1010, "name")),
        ("saveWarehouse", {"name": "x", "warehouseID": 99}, (1011, "warehouseID")),
        ("saveWarehouse", {"warehouseID": 99, "bank": "a", "bankName": "b"}, (1011, "warehouseID")),
        ("saveWarehouse", {"warehouseID": "x", "name": ""}, (1010, "name")),
        ("saveWarehouse", {"name": "x" * 256}, (1014, "name")),
        ("saveWarehouse", {"name": "x", "addressID": -1}, (1016, "addressID")),
        ("saveWarehouse", {"name": "x", "isOfflineInventory": 5}, (1016, "isOfflineInventory")),
        ("saveWarehouse", {"name": "x", "attributeValue1": "y"}, (1013, "attributeName1")),
        ("savePointOfSale", {}, (1010, "name")),
        ("savePointOfSale", {"warehouseID": 1}, (1010, "name")),
        ("savePointOfSale", {"name": "x"}, (1010, "warehouseID")),
        ("savePointOfSale", {"name": "x", "warehouseID": ""}, (1010, "warehouseID")),
        ("savePointOfSale", {"name": "x", "warehouseID": "y"}, (1014, "warehouseID")),
        ("savePointOfSale", {"name": "x", "warehouseID": 0}, (1016, "warehouseID")),
        ("savePointOfSale", {"name": "x", "warehouseID": 99}, (1011, "warehouseID")),
        ("savePointOfSale", {"pointOfSaleID": 99, "warehouseID": 98}, (1011, "pointOfSaleID")),
        ("savePointOfSale", {"name": "x", "warehouseID": 1, "geoLatitude": "north"}, (1014, "geoLatitude")),
        ("getWarehouses", {"userID": "x"}, (1014, "userID")),
        ("getPointsOfSale", {"changedSince": -1}, (1016, "changedSince")),
    ],
)
async def test_bad_input(shop: Shop, call: str, sent: dict[str, Any], error: tuple[int, str]) -> None:
    """Stores and tills that cannot be saved name the parameter at fault, and nothing is kept of them."""
    await warehouse(shop, warehouseID=0, name="Only")
    assert await shop.error(call, **sent) == error
    assert [record["name"] for record in await shop.records("getWarehouses")] == ["Only"]
    assert await shop.records("getPointsOfSale") == []
