"""saveCustomer and getCustomers: names, cards, and each filter of the listing."""

from typing import Any

import pytest

from bulk.sending import post_call
from erply_points import schemas
from support.shop import Shop

NOW = 1_767_225_600


async def test_the_record_of_a_save(shop: Shop) -> None:
    """A save answers the customer's ID first, as a number, and `alreadyExists` as a JSON boolean."""
    record = await shop.record("saveCustomer", firstName="Mari")
    assert list(record.items()) == [("customerID", 1), ("alreadyExists", False)]
    assert record["alreadyExists"] is False
    edited = await shop.record("saveCustomer", customerID=1, lastName="Maasikas")
    assert edited == {"customerID": 1, "alreadyExists": False}


@pytest.mark.parametrize(
    ("names", "kind", "full", "first", "last"),
    [
        ({"firstName": "Mari", "lastName": "Maasikas"}, "PERSON", "Maasikas, Mari", "Mari", "Maasikas"),
        ({"firstName": "Mari"}, "PERSON", "Mari", "Mari", ""),
        ({"lastName": "Maasikas"}, "PERSON", "Maasikas", "", "Maasikas"),
        ({"companyName": "Maasikas OÜ"}, "COMPANY", "Maasikas OÜ", "", ""),
        ({"fullName": "Mari Ann Maasikas"}, "PERSON", "Maasikas, Mari Ann", "Mari Ann", "Maasikas"),
        ({"fullName": "Maasikas, Mari"}, "PERSON", "Maasikas, Mari", "Mari", "Maasikas"),
        ({"fullName": "Mari"}, "PERSON", "Mari", "", "Mari"),
    ],
)
async def test_names(shop: Shop, names: dict[str, str], kind: str, full: str, first: str, last: str) -> None:
    """A company has its name, a person first and last name; a whole name is taken apart."""
    await shop.record("saveCustomer", **names)
    record = await shop.record("getCustomers")
    assert (record["customerType"], record["fullName"]) == (kind, full)
    assert (record["firstName"], record["lastName"]) == (first, last)
    assert (record["id"], record["customerID"], record["type_id"]) == (1, 1, "1" if kind == "PERSON" else "0")


async def test_cards_are_unique(shop: Shop) -> None:
    """A card number that another customer has is 1012; the same name again gets the existing customer's ID."""
    mari = await shop.customer(customerCardNumber="99")
    other = {"firstName": "Jaan", "customerCardNumber": "99"}
    assert await shop.error("saveCustomer", **other) == (1012, "customerCardNumber")
    again = await shop.record("saveCustomer", firstName="Mari", lastName="Maasikas", customerCardNumber="99")
    assert again == {"customerID": mari, "alreadyExists": True}
    jaan = await shop.customer(firstName="Jaan")
    assert await shop.error("saveCustomer", customerID=jaan, customerCardNumber=" 99 ") == (1012, "customerCardNumber")
    await shop.record("saveCustomer", customerID=mari, customerCardNumber="100")
    await shop.record("saveCustomer", customerID=jaan, customerCardNumber="99")
    assert (await shop.record("getCustomers", searchCode="99"))["customerID"] == jaan
    for _ in range(2):
        await shop.customer(customerCardNumber="")
    assert len(await shop.records("getCustomers")) == 4


async def test_cards_inside_one_bulk(shop: Shop) -> None:
    """A card that an earlier sub-request gave away or freed counts at once."""
    save = {"requestName": "saveCustomer"}
    codes = await shop.codes(
        [
            {**save, "firstName": "A", "customerCardNumber": "7"},
            {**save, "firstName": "B", "customerCardNumber": "7"},
            {**save, "customerID": 1, "customerCardNumber": "8"},
            {**save, "firstName": "B", "customerCardNumber": "7"},
            {"requestName": "getCustomers", "searchCode": "7"},
        ]
    )
    assert codes == [0, 1012, 0, 0, 0]
    assert (await shop.record("getCustomers", searchCode="7"))["firstName"] == "B"


async def test_edits(shop: Shop) -> None:
    """An edit needs no name and changes only what it names; an unknown customer is 1011, group 0 is 1016."""
    customer = await shop.customer(email="a@example.com", birthday="1990-04-15")
    shop.clock.advance(100)
    await shop.record("saveCustomer", customerID=customer, email="", birthday="")
    record = await shop.record("getCustomers")
    assert (record["email"], record["birthday"], record["firstName"]) == ("", "0000-00-00", "Mari")
    assert (record["added"], record["lastModified"]) == (NOW, NOW + 100)
    assert await shop.error("saveCustomer", customerID=99, firstName="A") == (1011, "customerID")
    assert await shop.error("saveCustomer", customerID=customer, groupID=0) == (1016, "groupID")


@pytest.mark.parametrize("name", [{}, {"firstName": ""}, {"firstName": "  ", "lastName": "\t"}, {"email": "a@b"}])
async def test_a_customer_needs_a_name(shop: Shop, name: dict[str, str]) -> None:
    """A new customer without any name is 1010."""
    code, field = await post_call(shop, "saveCustomer", **name)
    assert code == 1010
    assert field in {"firstName", "lastName", "companyName", "fullName"}


async def people(shop: Shop) -> None:
    """Five customers who differ in everything a filter may ask for."""
    for person in (
        {"firstName": "Mari", "lastName": "Maasikas", "customerCardNumber": "C100", "email": "mari@example.com"},
        {"firstName": "Jaan", "lastName": "Tamm", "mobile": "+372 555", "birthday": "1990-12-30", "groupID": 5},
        {"firstName": "Liis", "lastName": "Kask", "phone": "6001", "birthday": "1985-01-02", "code": "48501020000"},
        {"companyName": "Maasikas OÜ", "vatNumber": "EE100", "customerManagerID": 4, "invoicePayerID": 1},
        {"firstName": "Ann_", "lastName": "50%", "flagStatus": 1, "colorStatus": "RED", "customerCardNumber": "C1001"},
    ):
        await shop.record("saveCustomer", **person)
        shop.clock.advance(10)
    await shop.record("saveCustomer", customerID=2, notes="x")


ALL = [1, 2, 3, 4, 5]

FILTERS: dict[str, list[tuple[Any, list[int]]]] = {
    "customerID": [(2, [2]), (99, []), (0, ALL)],
    "customerIDs": [("1,3", [1, 3]), ("", ALL), ("99", [])],
    "searchName": [
        *(("Mari", [1]), ("Maas", [1, 4]), ("maasikas, mari", [1]), ("mari maas", [1]), ("ikas", []), ("MARI@", [1])),
        *(("600", [3]), ("+372", [2]), ("C100", [1, 5]), ("%", []), ("_", []), ("50%", [5]), ("Ann_", [5]), ("", ALL)),
    ],
    "searchNameIncrementally": [("Maas", [1, 4]), ("4850", [3]), ("C1001", [5])],
    "searchPersonFullName": [("Mari Maas", [1]), ("ri Maa", [])],
    "searchPersonFirstName": [("Mari", [1]), ("mari", [1]), ("Mar", [])],
    "searchPersonLastName": [("Maasikas", [1]), ("Tam", [])],
    "searchEmail": [("mari@example.com", [1]), ("MARI@EXAMPLE.COM", [1]), ("mari@", [])],
    "searchMobile": [("+372 555", [2]), ("+372", [])],
    "searchVATNo": [("EE100", [4]), ("EE1", [])],
    "searchCode": [("C100", [1]), ("C10", []), ("C1001", [5])],
    "searchRegistryCode": [("48501020000", [3]), ("485", [])],
    "clientManagerID": [(4, [4])],
    "groupID": [(5, [2])],
    "groupIDWithSubgroups": [(5, [2])],
    "payerID": [(1, [4])],
    "flagStatus": [(1, [5]), (0, [1, 2, 3, 4]), ("", ALL)],
    "colorStatus": [("RED", [5]), ("BLUE", [])],
    "mode": [("CUSTOMERS", ALL), ("ALL", ALL), ("CONTACTS", [])],
    "getPOSDefaultCustomers": [(1, [3]), (0, ALL)],
    "birthdayMonthDayFrom": [("01-02", [2, 3]), ("12-30", [2]), ("12-31", [])],
    "birthdayMonthDayTo": [("01-02", [3]), ("12-30", [2, 3]), ("01-01", [])],
    "createdUnixTimeFrom": [(NOW + 30, [4, 5]), (0, ALL)],
    "createdUnixTimeTo": [(NOW + 10, [1, 2])],
    "searchAttributeName": [("a", [])],
    "changedSince": [(NOW + 40, [2, 5]), (NOW + 50, [2]), (NOW + 51, []), (0, ALL)],
    "orderBy": [
        *(("customerID", ALL), ("lastChanged", [1, 3, 4, 5, 2]), ("name", [5, 3, 4, 1, 2])),
        *(("group", [1, 3, 4, 5, 2]), ("colorStatus", [1, 2, 3, 4, 5]), ("none", ALL)),
    ],
    "orderByDir": [("desc", ALL[::-1])],
    "recordsOnPage": [(2, [1, 2]), (1_000, ALL)],
    "pageNo": [(0, ALL), (2, [])],
}

ELSEWHERE = {"searchFromMiddle", "searchAttributeValue"}


def test_no_filter_is_forgotten() -> None:
    """Every parameter that the schema marks as used is tried here."""
    properties = schemas.call_request("getCustomers")["properties"]
    assert {name for name, each in properties.items() if each["x-use"] == "used"} == {*FILTERS, *ELSEWHERE}


async def test_every_filter(shop: Shop) -> None:
    """Each filter finds exactly the customers that fit, bounds included, regardless of case where it is a search."""
    await people(shop)
    await shop.set(default_client_idDat="3")
    wrong = []
    for name, cases in FILTERS.items():
        for value, expected in cases:
            found = [record["customerID"] for record in await shop.records("getCustomers", **{name: value})]
            if found != expected:
                wrong.append((name, value, found, expected))
    assert wrong == []


async def test_searching_from_the_middle(shop: Shop) -> None:
    """`searchFromMiddle` finds the text anywhere in the name."""
    await people(shop)

    async def found(**search: Any) -> list[int]:
        return [record["customerID"] for record in await shop.records("getCustomers", **search)]

    assert await found(searchName="ikas", searchFromMiddle=1) == [1, 4]
    assert await found(searchName="example", searchFromMiddle=1) == [1]
    assert await found(searchName="ikas", searchFromMiddle=0) == []
    assert await found(searchPersonFullName="ri Maa", searchFromMiddle=1) == [1]


async def test_birthdays_over_new_year(shop: Shop) -> None:
    """A range of birthdays may run over New Year."""
    await people(shop)
    found = await shop.records("getCustomers", birthdayMonthDayFrom="12-01", birthdayMonthDayTo="01-31")
    assert [record["customerID"] for record in found] == [2, 3]
    found = await shop.records("getCustomers", birthdayMonthDayFrom="12-31", birthdayMonthDayTo="01-02")
    assert [record["customerID"] for record in found] == [3]
    found = await shop.records("getCustomers", birthdayMonthDayFrom="01-01", birthdayMonthDayTo="06-30")
    assert [record["customerID"] for record in found] == [3]


async def test_paging_through_customers(shop: Shop) -> None:
    """20 on a page by default, 100 at most, each customer on exactly one page."""
    await shop.answers([{"requestName": "saveCustomer", "firstName": f"N{n % 7}"} for n in range(100)])
    await shop.answers([{"requestName": "saveCustomer", "firstName": f"N{n % 7}"} for n in range(50)])
    assert len(await shop.records("getCustomers")) == 20
    assert len(await shop.records("getCustomers", recordsOnPage=300)) == 100
    for order in ("name", "lastChanged", "customerID"):
        pages = [await shop.records("getCustomers", recordsOnPage=40, pageNo=n, orderBy=order) for n in range(1, 6)]
        assert [len(page) for page in pages] == [40, 40, 40, 30, 0]
        assert len({record["customerID"] for page in pages for record in page}) == 150


INT = [
    *("id", "customerID", "groupID", "payerID", "paymentDays", "credit", "companyTypeID", "personTitleID"),
    *("lastModified", "priceListID", "priceListID2", "priceListID3", "isPOSDefaultCustomer", "emailEnabled"),
    *("mailEnabled", "eInvoiceEnabled", "flagStatus", "taxExempt", "paysViaFactoring", "salesBlocked"),
    *("rewardPointsDisabled", "customerBalanceDisabled", "posCouponsDisabled", "emailOptOut"),
    *("shipGoodsWithWaybills", "added"),
]
TEXT = [
    *("type_id", "countryID", "customerType", "fullName", "companyName", "firstName", "lastName", "code", "email"),
    *("phone", "mobile", "fax", "birthday", "gender", "customerCardNumber", "colorStatus", "operatorIdentifier"),
    *("twitterID", "address", "street", "city", "postalCode", "state", "country", "bankName", "bankAccountNumber"),
    *("bankIBAN", "bankSWIFT", "notes", "webshopUsername", "webshopLastLogin", "groupName"),
]


async def test_types_of_the_record(shop: Shop) -> None:
    """Every field has the JSON type that Erply's own Go client decodes, whether it was sent or not."""
    await people(shop)
    await shop.record("saveCustomer", firstName="A", **{name: 1 for name in INT[2:] if name != "payerID"}, countryID=5)
    for record in await shop.records("getCustomers"):
        assert not [name for name in INT if type(record[name]) is not int]
        assert not [name for name in TEXT if type(record[name]) is not str]
        assert (record["attributes"], record["longAttributes"]) == ([], [])
        assert None not in record.values()
