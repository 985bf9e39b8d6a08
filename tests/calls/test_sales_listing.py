"""getSalesDocuments: each of its filters, its order, its rows and the types of its record."""

from typing import Any

from erply_points import schemas
from support.shop import Shop

NOW = 1_767_225_600


async def documents(shop: Shop) -> None:
    """Three customers and six documents that differ in everything a filter may ask for."""
    people = [("Mari", "Maasikas", "C1"), ("Jaan", "Tamm", "C2"), ("Liis", "Kask", "C3")]
    for first, last, card in people:
        common = {"email": f"{first.lower()}@example.com", "phone": f"600{card[1]}"}
        await shop.record("saveCustomer", firstName=first, lastName=last, customerCardNumber=card, **common)
    rows: list[dict[str, Any]] = [
        {"customerID": 1, "type": "CASHINVOICE", "pointOfSaleID": 1, "date": "2026-01-01", "productID1": 1},
        {"customerID": 2, "type": "INVWAYBILL", "pointOfSaleID": 2, "date": "2026-01-02", "paymentDays": 10},
        {"customerID": 3, "type": "ORDER", "confirmInvoice": 0, "date": "2026-01-03", "deliveryDate": "2026-02-01"},
        {"customerID": 1, "type": "ORDER", "date": "2026-01-04", "deliveryDate1": "2026-02-02", "projectID": 8},
        {"customerID": 2, "type": "OFFER", "invoiceState": "CANCELLED", "date": "2026-01-05", "payerID": 3},
        {"customerID": 3, "type": "INVOICE", "invoiceNo": 555, "date": "2026-01-06", "paymentStatus": "PAID"},
    ]
    rows[0] |= {"warehouseID": 7, "employeeID": 4, "customReferenceNumber": "R1"}
    rows[1] |= {"shipToID": 1, "assignmentID": 9, "deliveryDate": "2026-03-01"}
    for row in rows:
        await shop.record("saveSalesDocument", **{"amount1": 1, "price1": 10, **row})
        shop.clock.advance(10)
    await shop.record("saveSalesDocument", id=2, notes="x", attributeName1="a", attributeValue1="v")


ALL = [1, 2, 3, 4, 5, 6]

FILTERS: dict[str, list[tuple[Any, list[int]]]] = {
    "id": [(2, [2]), (99, []), (0, ALL)],
    "ids": [("1,3", [1, 3]), (" 2 , 99 ", [2]), ("", ALL)],
    "number": [(555, [6]), (100_001, [1, 2, 4, 5]), (7, [])],
    "numberOrCustomer": [
        *(("55", [6]), ("mari", [1, 4]), ("jaan@", [2, 5]), ("6003", [3, 6]), ("c2", [2, 5]), ("%", []), ("_", [])),
        ("1000", [1, 2, 4, 5]),
    ],
    "clientID": [(1, [1, 4]), (99, []), (0, ALL)],
    "clientIDs": [("1,3", [1, 3, 4, 6])],
    "clientName": [("Jaan Tamm", [2, 5]), ("Nobody", [])],
    "payerID": [(3, [5])],
    "shipToID": [(1, [2])],
    "employeeID": [(4, [1])],
    "warehouseID": [(7, [1])],
    "pointOfSaleID": [(2, [2])],
    "projectID": [(8, [4])],
    "productID": [(1, [1]), (2, [])],
    "assignmentID": [(9, [2])],
    "type": [("ORDER", [3, 4]), ("WAYBILL", [])],
    "types": [("ORDER,OFFER", [3, 4, 5]), ("INVOICE , CASHINVOICE", [1, 6]), ("", ALL)],
    "confirmed": [(0, [3]), (1, [1, 2, 4, 5, 6]), ("", ALL)],
    "dateFrom": [("2026-01-05", [5, 6]), ("0000-00-00", ALL), ("", ALL)],
    "dateTo": [("2026-01-02", [1, 2]), ("0000-00-00", ALL), ("", ALL)],
    "dueDateFrom": [("2026-01-12", [2])],
    "dueDateTo": [("2026-01-04", [1, 3, 4])],
    "deliveryDateFrom": [("2026-02-01", [2, 3]), ("2026-02-02", [2])],
    "deliveryDateTo": [("2026-02-28", [3])],
    "rowDeliveryDateFrom": [("2026-02-02", [4]), ("2026-02-03", [])],
    "rowDeliveryDateTo": [("2026-02-02", [4]), ("2026-02-01", [])],
    "invoiceState": [("PENDING", [3]), ("CANCELLED", [5]), ("NOT_CANCELLED", [1, 2, 3, 4, 6]), ("READY", [1, 2, 4, 6])],
    "unpaidItemsOnly": [(1, [1, 2, 3, 4, 5]), (0, ALL)],
    "getUnfulfilledDocuments": [(1, [3, 4])],
    "referenceNumber": [("R1", [1]), ("R", [])],
    "searchAttributeName": [("a", [])],
    "changedSince": [(NOW + 30, [2, 4, 5, 6]), (NOW + 60, [2]), (NOW + 61, []), (0, ALL)],
    "orderBy": [
        *(("documentID", ALL), ("dateAndNumber", ALL), ("lastChanged", [1, 3, 4, 5, 6, 2])),
        ("clientName", [2, 5, 3, 6, 1, 4]),
    ],
    "orderByDir": [("desc", ALL[::-1]), ("asc", ALL)],
    "recordsOnPage": [(2, [1, 2]), (1_000, ALL)],
    "pageNo": [(1, ALL), (0, ALL), (2, [])],
}

ELSEWHERE = {
    "getRowsForAllInvoices": "test_rows",
    "searchAttributeValue": "tests/calls/test_attributes.py",
    "nonReturnedItemsOnly": "tests/calls/test_what_is_left.py",
}


def test_no_filter_is_forgotten() -> None:
    """Every parameter that the schema marks as used is tried here."""
    properties = schemas.call_request("getSalesDocuments")["properties"]
    assert {name for name, each in properties.items() if each["x-use"] == "used"} == {*FILTERS, *ELSEWHERE}


async def test_every_filter(shop: Shop) -> None:
    """Each filter finds exactly the documents that fit, bounds included."""
    await documents(shop)
    wrong = []
    for name, cases in FILTERS.items():
        for value, expected in cases:
            found = [record["id"] for record in await shop.records("getSalesDocuments", **{name: value})]
            if found != expected:
                wrong.append((name, value, found, expected))
    assert wrong == []


async def test_filters_together(shop: Shop) -> None:
    """Filters all hold at once."""
    await documents(shop)
    filters = {"clientIDs": "1,2", "types": "ORDER,OFFER,INVWAYBILL", "dateFrom": "2026-01-02", "confirmed": 1}
    answer = await shop.call("getSalesDocuments", **filters, recordsOnPage=2, orderByDir="desc")
    assert [record["id"] for record in answer["records"]] == [5, 4]
    assert answer["status"]["recordsTotal"] == 3


async def test_a_list_of_types_names_types(shop: Shop) -> None:
    """A list with a type that Erply does not have is 1029, and so is a list of IDs with anything else in it."""
    for name, value in (("types", "ORDER,INVOICES"), ("types", "order"), ("ids", "1,x"), ("clientIDs", "1,,2")):
        assert await shop.error("getSalesDocuments", **{name: value}) == (1029, name)


async def test_rows(shop: Shop) -> None:
    """Rows come if a document was named, exactly one matched, or all rows were asked for; else they are left out."""
    await documents(shop)
    for filters, there in (
        *(({}, False), ({"id": 1}, True), ({"number": 100_001}, True), ({"getRowsForAllInvoices": 1}, True)),
        *(({"dateFrom": "2026-01-06"}, True), ({"dateFrom": "2026-01-05"}, False), ({"recordsOnPage": 1}, False)),
        ({"getRowsForAllInvoices": 0, "clientID": 1}, False),
    ):
        records = await shop.records("getSalesDocuments", **filters)
        assert records
        assert all(("rows" in record) == there for record in records), filters


async def test_names_of_the_parties(shop: Shop) -> None:
    """A document names its customer, payer and receiver, as they are called now."""
    await documents(shop)
    record = await shop.record("getSalesDocuments", id=5)
    assert (record["clientID"], record["customerID"], record["clientName"]) == (2, 2, "Tamm, Jaan")
    assert (record["payerID"], record["payerName"], record["clientCardNumber"]) == (3, "Kask, Liis", "C2")
    assert record["clientEmail"] == "jaan@example.com"
    await shop.record("saveCustomer", customerID=2, lastName="Kuusk")
    assert (await shop.record("getSalesDocuments", id=5))["clientName"] == "Kuusk, Jaan"


INT = [
    *("id", "warehouseID", "pointOfSaleID", "clientID", "customerID", "payerID", "shipToID", "addressID"),
    *("payerAddressID", "contactID", "shipToContactID", "employeeID", "projectID", "paymentTypeID", "packerID"),
    *("deliveryTypeID", "transactionTypeID", "transportTypeID", "applianceID", "vehicleMileage", "printDiscounts"),
    *("clientPaysViaFactoring", "previousReturnsExist", "reserveGoods", "orderInvoiced", "lastModified", "added"),
    "deliveryOnlyWhenAllItemsInStock",
]
TEXT = [
    *("number", "type", "date", "time", "deliveryDate", "shippingDate", "inventoryTransactionDate", "currencyRate"),
    *("reserveGoodsUntilDate", "currencyCode", "confirmed", "paid", "paymentDays", "paymentStatus", "paymentType"),
    *("pricelistID", "shipToAddressID", "penalty", "triangularTransaction", "purchaseOrderDone", "invoiceState"),
    *("notes", "internalNotes", "referenceNumber", "customReferenceNumber", "clientCardNumber", "clientEmail"),
    *("exportInvoiceType", "euInvoiceType", "deliveryTerms", "deliveryTermsLocation", "taxExemptCertificateNumber"),
    *("trackingNumber", "fulfillmentStatus", "lastModifierUsername", "clientName", "payerName", "shipToName"),
    *("warehouseName", "pointOfSaleName", "employeeName", "invoiceLink", "receiptLink", "address"),
]
NUMBER = [
    *("netTotal", "vatTotal", "rounding", "total", "cost", "externalNetTotal", "externalVatTotal"),
    *("externalRounding", "externalTotal"),
]
ROW_TEXT = [
    *("rowID", "stableRowID", "productID", "itemName", "code", "code2", "barcode", "vatrateID", "amount", "price"),
    *("discount", "campaignIDs", "billingStartDate", "billingEndDate"),
]
ROW_NUMBER = ["finalNetPrice", "finalPriceWithVAT", "rowNetTotal", "rowVAT", "rowTotal"]


async def test_types_of_the_record(shop: Shop) -> None:
    """Every field has the JSON type that Erply's own Go client decodes, whether it was sent or not."""
    sent = {name: 1 for name in (*INT, "pricelistID", "paymentDays", "shipToAddressID") if name != "id"}
    del sent["clientID"], sent["lastModified"]
    await shop.customer()
    await shop.record("saveSalesDocument", amount1=1, price1="9.99", **sent, currencyRate=1.5, externalTotal="5")
    await shop.record("saveSalesDocument", amount1="0.5")
    for record in await shop.records("getSalesDocuments", getRowsForAllInvoices=1):
        assert not [name for name in INT if type(record[name]) is not int]
        assert not [name for name in TEXT if type(record[name]) is not str]
        assert not [name for name in NUMBER if type(record[name]) not in {int, float}]
        (row,) = record["rows"]
        assert not [name for name in ROW_TEXT if type(row[name]) is not str]
        assert not [name for name in ROW_NUMBER if type(row[name]) not in {int, float}]
        assert record["confirmed"] == "1"
        assert None not in record.values()
        (total,) = record["netTotalsByTaxRate"]
        assert (type(total["vatrateID"]), total["vatrateID"]) == (int, 1)


async def test_names_of_places_and_products(shop: Shop) -> None:
    """Store, till, employee and articles come with names and codes; those that only the POS knows stay nameless."""
    store = await shop.record("saveWarehouse", name="Main store")
    till = await shop.record("savePointOfSale", name="Till 2", warehouseID=store["warehouseID"])
    employee = await shop.record("saveEmployee", firstName="Mari", lastName="Maasikas")
    product = await shop.record("saveProduct", name="Tea", code="TEA-1", code2="4740000000017")
    at = {"pointOfSaleID": till["pointOfSaleID"], "employeeID": employee["employeeID"]}
    customer = await shop.customer()
    known = {**at, "warehouseID": store["warehouseID"], "productID1": product["productID"], "productID2": 99}
    await shop.record("saveSalesDocument", customerID=customer, **known, amount1=1, price1=10, amount2=1, price2=5)
    document = await shop.record("getSalesDocuments", id=1)
    assert (document["warehouseName"], document["pointOfSaleName"]) == ("Main store", "Till 2")
    assert "Maasikas" in document["employeeName"]
    assert [(row["code"], row["code2"], row["barcode"]) for row in document["rows"]] == [
        ("TEA-1", "4740000000017", "4740000000017"),
        ("", "", ""),
    ]
    assert document["netTotalsByRate"] == {"20": 15.0}
    assert document["vatTotalsByRate"] == {"20": 3.0}
    earned = await shop.record("getEarnedRewardPointRecords")
    assert (earned["pointOfSaleName"], earned["employeeName"]) == ("Till 2", document["employeeName"])
    await shop.record("saveSalesDocument", pointOfSaleID=77, warehouseID=88, employeeID=66, amount1=1, price1=1)
    unknown = await shop.record("getSalesDocuments", id=2)
    assert (unknown["warehouseName"], unknown["pointOfSaleName"], unknown["employeeName"]) == ("", "", "")
