"""saveVatRate and getVatRates."""

from typing import Any

import pytest

from bulk.sending import post_call
from erply_points import schemas
from support.shop import Shop


async def rates(shop: Shop, **filters: Any) -> list[str]:
    return [record["id"] for record in await shop.records("getVatRates", **filters)]


async def test_a_new_account_has_one_rate(shop: Shop) -> None:
    """An account begins with rate 1 of 20 %, and its number and rate are strings without needless zeros."""
    record = await shop.record("getVatRates")
    assert (record["id"], record["rate"], record["active"]) == ("1", "20", "1")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("20", "20"), (20, "20"), ("20.0000", "20"), (7.5, "7.5"), ("0", "0"), ("0.10", "0.1"), ("100", "100")],
)
async def test_rates_are_plain(shop: Shop, sent: Any, kept: str) -> None:
    """A rate comes back in plain digits, so that it can be compared as text."""
    assert await post_call(shop, "saveVatRate", rate=sent) == (0, None)
    assert (await shop.records("getVatRates"))[0]["rate"] == kept


async def test_the_record_of_a_save(shop: Shop) -> None:
    """The answer names the rate's number with a capital R."""
    answer = await shop.call("saveVatRate", rate=9)
    assert (answer["records"], answer["status"]["recordsTotal"]) == ([{"vatRateID": 2}], 1)


async def test_an_edit(shop: Shop) -> None:
    """An edit changes names, code and activity but never the rate; an unknown number is 1011."""
    await shop.record("saveVatRate", rate=9, code="V9", nameENG="nine")
    shop.clock.advance(60)
    await shop.record("saveVatRate", vatRateID=2, rate=50, active=0, code="X")
    record = (await shop.records("getVatRates"))[0]
    assert (record["rate"], record["active"], record["code"], record["name"]) == ("9", "0", "X", "nine")
    assert (record["added"], record["lastModified"]) == ("1767225600", "1767225660")
    assert await shop.error("saveVatRate", vatRateID=99, active=0) == (1011, "vatRateID")
    await shop.record("saveVatRate", vatRateID=2, active="1")
    assert (await shop.records("getVatRates"))[0]["active"] == "1"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, (1010, "rate")),
        ({"rate": ""}, (1010, "rate")),
        ({"rate": "-1"}, (1014, "rate")),
        ({"rate": "x"}, (1014, "rate")),
        ({"rate": "20%"}, (1014, "rate")),
        ({"isReverseVat": 1, "reverseRate": "x"}, (1014, "reverseRate")),
        ({"isReverseVat": 1}, (1016, "reverseRate")),
        ({"rate": 9, "reverseRate": 20}, (1016, "reverseRate")),
        ({"isReverseVat": 1, "reverseRate": 20, "rate": 9}, (1013, "rate")),
        ({"isReverseVat": 1, "reverseRate": 20, "vatRateID": 1}, (1013, "isReverseVat")),
        ({"isReverseVat": 1, "reverseRate": 20}, (0, None)),
        ({"isReverseVat": 0, "rate": 20}, (0, None)),
    ],
)
async def test_what_may_be_saved(shop: Shop, params: dict[str, Any], expected: tuple[int, str | None]) -> None:
    """A new rate needs its percentage, or both halves of a reverse rate and no other."""
    assert await post_call(shop, "saveVatRate", **params) == expected


async def test_reverse_rates(shop: Shop) -> None:
    """A reverse rate shows its rate as a number, and rows with it bear no tax."""
    await shop.record("saveVatRate", isReverseVat=1, reverseRate="22.5")
    record = (await shop.records("getVatRates"))[0]
    assert (record["isReverseVat"], record["reverseRate"], record["rate"]) == (1, 22.5, "0")
    saved = await shop.record("saveSalesDocument", amount1=1, price1=10, vatrateID1=2)
    assert (saved["vat"], saved["total"]) == (0.0, 10.0)


async def test_every_filter(shop: Shop) -> None:
    """Each parameter of the listing has its effect; the order is descending unless asked otherwise."""
    for rate, active, name in ((9, 1, "b"), (5, 0, "c"), (0, 1, "a")):
        await shop.record("saveVatRate", rate=rate, active=active, nameENG=name)
    everything = ["4", "3", "2", "1"]
    cases: dict[str, list[tuple[Any, list[str]]]] = {
        "active": [(1, ["4", "2", "1"]), (0, ["3"]), ("", everything)],
        "orderBy": [
            *(("id", everything), ("order", everything), ("name", ["3", "2", "4", "1"])),
            ("active", ["4", "2", "1", "3"]),
        ],
        "orderByDir": [("asc", everything[::-1]), ("desc", everything)],
        "recordsOnPage": [(3, ["4", "3", "2"]), (5_000, everything)],
        "pageNo": [(1, everything), (2, []), (0, everything)],
        "searchAttributeName": [("a", [])],
    }
    properties = schemas.call_request("getVatRates")["properties"]
    used = {name for name, each in properties.items() if each["x-use"] == "used"}
    assert used == {*cases, "searchAttributeValue"}
    for name, values in cases.items():
        for value, found in values:
            assert await rates(shop, **{name: value}) == found, (name, value)


async def test_pages_of_a_thousand(shop: Shop) -> None:
    """A page has 20 rates by default and 1000 at most."""
    for _ in range(11):
        await shop.answers([{"requestName": "saveVatRate", "rate": 1}] * 100)
    assert len(await rates(shop)) == 20
    assert len(await rates(shop, recordsOnPage=1_000)) == 1_000
    answer = await shop.call("getVatRates", recordsOnPage=9_999)
    assert (len(answer["records"]), answer["status"]["recordsTotal"]) == (1_000, 1_101)


STRINGS = ("id", "name", "rate", "code", "active", "added", "lastModified")


async def test_types_of_the_record(shop: Shop) -> None:
    """Numbers, rates and times are strings, the reverse fields numbers, as Erply's own Go client decodes them."""
    await shop.record("saveVatRate", rate=9, gstExemptTaxRateID=1)
    for record in await shop.records("getVatRates"):
        assert not [name for name in STRINGS if type(record[name]) is not str]
        assert {type(record[name]) for name in ("isReverseVat", "gstExemptTaxRateID")} == {int}
        assert type(record["reverseRate"]) in {int, float}
        assert record["attributes"] == []


async def test_components_of_us_rates(shop: Shop) -> None:
    """The parts of a rate that state, county, city and others levy come back as its components."""
    parts = {"state": "NY", "stateTaxRate": "4", "county": "Kings", "countyTaxRate": "0", "city": "New York"}
    more = {"cityTaxRate": "4.5", "otherTaxName": "District", "otherTaxRate": "0.375"}
    await shop.record("saveVatRate", rate="8.875", **parts, **more)
    record = (await shop.records("getVatRates"))[0]
    assert (record["state"], record["county"], record["city"]) == ("NY", "Kings", "New York")
    assert [(each["type"], each["name"], str(each["rate"])) for each in record["components"]] == [
        *(("STATE", "NY", "4"), ("COUNTY", "Kings", "0"), ("CITY", "New York", "4.5"), ("OTHER", "District", "0.375"))
    ]
