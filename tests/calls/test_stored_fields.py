"""Every field that the schemas mark as stored is stored and given back. The schemas drive it: none can be forgotten."""

import re
from typing import Any

import pytest

from erply_points import schemas
from support.shop import Shop

SAME = object()

RENAMED: dict[tuple[str, str], str] = {
    ("saveSalesDocument", "rowJDoc"): "jdoc",
    ("saveSalesDocument", "campaignID"): "campaignIDs",
    ("subtractCustomerRewardPoints", "salepointID"): "pointOfSaleID",
    ("subtractCustomerRewardPoints", "salespersonID"): "employeeID",
}
"""Fields that come back under another name."""

LONG = "Õ" * 300 + "\n\t \"'<>&\\/漢🎁"


def distinct(schema: schemas.Schema) -> Any:  # noqa: PLR0911 - one line for each kind of value
    """A value unlike any default."""
    match schema:
        case {"enum": [0, 1]}:
            return 1
        case {"enum": [*_, last]}:
            return last
        case {"type": "integer"}:
            return 7
        case {"type": "string", "pattern": str(pattern)} if "0000-00-00" in pattern:
            return "2027-03-04"
        case {"type": "string", "pattern": str(pattern)} if "," in pattern:
            return "7,9"
        case {"type": "string", "pattern": str(pattern)} if "[0-5]" in pattern:
            return "04:05:06"
        case {"type": "string", "maxLength": 65_535}:
            return LONG
        case {"type": "string", "maxLength": int(longest)}:
            return "Šo much"[:longest]
        case {"type": ["number", "string"]}:
            return "1.25"
    raise AssertionError(schema)


def stored(call: str) -> dict[str, Any]:
    """The stored parameters of a call that have one name, each with a value unlike its default."""
    schema = schemas.call_request(call)
    properties = schema["properties"].items()
    return {
        name: distinct(schemas.resolved(each, schema["$id"])) for name, each in properties if each["x-use"] == "stored"
    }


def stored_in_rows() -> dict[str, Any]:
    """The stored parameters of a row of a document, without the row's number."""
    schema = schemas.call_request("saveSalesDocument")
    return {
        match[1]: distinct(schemas.resolved(each, schema["$id"]))
        for pattern, each in schema["patternProperties"].items()
        if each["x-use"] == "stored"
        and (match := re.fullmatch(r"\^([A-Za-z]+)\[0-9\]\{1,6\}\$", pattern))
        and not match[1].lower().endswith(("attributename", "attributetype", "attributevalue"))
    }


def lost(call: str, sent: dict[str, Any], record: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What did not come back: name to what was sent and what came."""
    came = {name: record.get(RENAMED.get((call, name), name)) for name in sent}
    return {name: (value, came[name]) for name, value in sent.items() if str(came[name]) != str(value)}


def test_the_values_are_distinct() -> None:
    """No value of these tests is a default, so that a field that is not stored shows."""
    for call, listing in (("saveCustomer", "getCustomers"), ("saveVatRate", "getVatRates")):
        defaults = schemas.call_answer(listing)["items"]["properties"]
        for name, value in stored(call).items():
            described = schemas.resolved(defaults.get(name, {}), schemas.call_answer(listing)["$id"])
            assert str(described.get("default")) != str(value), name
    assert len(stored("saveSalesDocument")) > 60
    assert len(stored_in_rows()) > 15


async def test_customers(shop: Shop) -> None:
    """A customer comes back with every stored field."""
    sent = stored("saveCustomer")
    await shop.record("saveCustomer", firstName="A", **sent)
    assert lost("saveCustomer", sent, await shop.record("getCustomers")) == {}


async def test_vat_rates(shop: Shop) -> None:
    """A VAT rate comes back with every stored field."""
    sent = stored("saveVatRate")
    saved = await shop.record("saveVatRate", rate="7.5", nameENG="n", **sent)
    (record,) = [each for each in await shop.records("getVatRates") if each["id"] == str(saved["vatRateID"])]
    assert lost("saveVatRate", sent, record) == {}


async def test_documents(shop: Shop) -> None:
    """A document comes back with every stored field of its header."""
    orders = [await shop.record("saveSalesDocument", type="ORDER", amount1=1) for _ in range(2)]
    sources = [int(order["invoiceID"]) for order in orders]
    sent = stored("saveSalesDocument") | {
        "baseDocumentID": sources[0],
        "baseDocumentIDs": f"{sources[0]},{sources[1]}",
        "currencyCode": "USD",
    }
    saved = await shop.record("saveSalesDocument", amount1=1, **sent)
    record = await shop.record("getSalesDocuments", id=saved["invoiceID"])
    assert lost("saveSalesDocument", sent, record) == {}
    assert [each["id"] for each in record["baseDocuments"]] == sources


async def test_rows(shop: Shop) -> None:
    """Each row comes back with every stored field of its own."""
    sent = stored_in_rows()
    del sent["campaignID"]
    others = {"campaignID": "5,6"}
    rows = {f"{name}1": value for name, value in sent.items()} | {f"{name}12": value for name, value in others.items()}
    saved = await shop.record("saveSalesDocument", type="INVOICE", amount1=1, amount12=2, **rows)
    record = await shop.record("getSalesDocuments", id=saved["invoiceID"])
    assert lost("saveSalesDocument", sent, record["rows"][0]) == {}
    assert lost("saveSalesDocument", others, record["rows"][1]) == {}
    assert record["rows"][1]["itemName"] == ""


async def test_promotion_rules(shop: Shop) -> None:
    """The rules of promotions come back in the row that their first number names, each under its second."""
    schema = schemas.call_request("saveSalesDocument")
    names = {
        re.sub(r"\^(promotionRule)\[.*?\}([A-Za-z]+)\[.*", r"\2", pattern): distinct(
            schemas.resolved(each, schema["$id"])
        )
        for pattern, each in schema["patternProperties"].items()
        if pattern.startswith("^promotionRule")
    }
    assert len(names) == 11
    sent = {f"promotionRule3{name}{rule}": value for rule in (1, 2) for name, value in names.items()}
    saved = await shop.record("saveSalesDocument", amount1=1, amount3=1, **sent)
    first, second = (await shop.record("getSalesDocuments", id=saved["invoiceID"]))["rows"]
    assert not [name for name in first if "promotionRule" in name]
    came = {name: value for name, value in second.items() if "promotionRule" in name}
    assert sorted(map(str, came.values())) == sorted(str(value) for value in sent.values())


@pytest.mark.parametrize("call", ["subtractCustomerRewardPoints", "addCustomerRewardPoints"])
async def test_points(shop: Shop, call: str) -> None:
    """An earning and a redemption come back with every stored field."""
    customer = await shop.customer(points=10)
    sent = stored(call)
    assert set(sent) >= {"description"}
    await shop.record(call, customerID=customer, points=1, **sent)
    listing = "getUsedRewardPointRecords" if call.startswith("subtract") else "getEarnedRewardPointRecords"
    record = (await shop.records(listing))[-1]
    assert lost(call, sent, record) == {}


@pytest.mark.parametrize(
    ("call", "listing", "id_name", "base"),
    [
        ("saveCustomer", "getCustomers", "customerID", {"firstName": "A"}),
        ("saveSalesDocument", "getSalesDocuments", "id", {"amount1": 1}),
        ("saveVatRate", "getVatRates", "vatRateID", {"rate": 9}),
    ],
)
async def test_an_edit_keeps_what_it_does_not_name(
    shop: Shop, call: str, listing: str, id_name: str, base: dict[str, Any]
) -> None:
    """Saving one field of an existing record leaves all others as they were; an empty text clears."""
    sent = {
        name: value for name, value in stored(call).items() if not name.startswith(("baseDocument", "currencyCode"))
    }
    saved = await shop.record(call, **base, **sent, attributeName1="a", attributeValue1="b")
    number = int(next(iter(saved.values())))

    async def read() -> dict[str, Any]:
        records = await shop.records(listing)
        return next(each for each in records if str(each.get("id")) == str(number))

    before = await read()
    text = next(name for name, value in sent.items() if value == "Šo much")
    shop.clock.advance(100)
    await shop.record(call, **{id_name: number, text: "changed"})
    changed = {**before, text: "changed", "lastModified": type(before["lastModified"])(int(shop.clock.now))}
    assert await read() == changed
    await shop.record(call, **{id_name: number, text: ""})
    assert await read() == {**changed, text: ""}


async def test_the_wire_keeps_every_letter(shop: Shop) -> None:
    """Text comes back letter by letter: quotes, angle brackets, backslashes, line feeds, emoji."""
    text = "'; DROP TABLE customers; -- \"<b>&amp;\\u0041\\\n\r\t\u2028\u0001漢🎁%00%"
    await shop.record("saveCustomer", firstName=text, notes=text)
    record = await shop.record("getCustomers")
    assert (record["firstName"], record["notes"]) == (text.strip(), text)


async def test_passwords_and_pictures_of_customers_are_never_kept(shop: Shop) -> None:
    """A customer's web-shop password is accepted and forgotten."""
    await shop.record("saveCustomer", firstName="A", username="mari", password="hunter2!", imageContent="QUJD")
    record = await shop.record("getCustomers")
    assert "password" not in record
    assert "imageContent" not in record
    for path in shop.folder.iterdir():
        assert b"hunter2!" not in path.read_bytes()
