"""Attributes of customers, documents and VAT rates."""

from typing import Any

import pytest

from bulk.sending import post_call
from support.shop import Shop

KINDS = [
    ("saveCustomer", "getCustomers", "customerID", {"firstName": "A"}),
    ("saveSalesDocument", "getSalesDocuments", "id", {"amount1": 1}),
    ("saveVatRate", "getVatRates", "vatRateID", {"rate": 9}),
]
kinds = pytest.mark.parametrize(("call", "listing", "id_name", "base"), KINDS, ids=[kind[0] for kind in KINDS])


def attribute(number: int, name: str, value: Any, kind: str = "") -> dict[str, Any]:
    typed = {f"attributeType{number}": kind} if kind else {}
    return {f"attributeName{number}": name, f"attributeValue{number}": value, **typed}


@kinds
async def test_a_life_of_attributes(shop: Shop, call: str, listing: str, id_name: str, base: dict[str, Any]) -> None:
    """Attributes are added, changed in place and deleted one by one; the last one can be deleted too."""

    async def listed() -> list[tuple[str, str, Any]]:
        records = await shop.records(listing, orderByDir="desc")
        return [tuple(each.values()) for each in records[0]["attributes"]]

    saved = await shop.record(call, **base, **attribute(7, "b", "2"), **attribute(3, "a", "1", "int"))
    number = int(next(iter(saved.values())))
    assert [(name, kind, str(value)) for name, kind, value in await listed()] == [("a", "int", "1"), ("b", "text", "2")]
    await shop.record(call, **{id_name: number}, **attribute(1, "c", "x y"), **attribute(2, "a", "9", "int"))
    assert [(name, str(value)) for name, _, value in await listed()] == [("a", "9"), ("b", "2"), ("c", "x y")]
    await shop.record(call, **{id_name: number}, **attribute(1, "b", "undefined"), **attribute(2, "a", "null"))
    assert [name for name, *_ in await listed()] == ["c"]
    await shop.record(call, **{id_name: number}, **attribute(1, "c", "null"))
    assert await listed() == []


@kinds
async def test_long_attributes(shop: Shop, call: str, listing: str, id_name: str, base: dict[str, Any]) -> None:
    """Long attributes hold 65535 characters, and are deleted like the others."""
    text = "x" * 65_535
    saved = await shop.record(call, **base, longAttributeName1="story", longAttributeValue1=text)
    record = (await shop.records(listing, orderByDir="desc"))[0]
    assert record["longAttributes"] == [{"attributeName": "story", "attributeValue": text}]
    number = int(next(iter(saved.values())))
    gone = {id_name: number, "longAttributeName1": "story", "longAttributeValue1": "undefined"}
    await shop.record(call, **gone)
    assert (await shop.records(listing, orderByDir="desc"))[0].get("longAttributes", []) == []


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        *(("int", value, 0) for value in ("0", "-5", "2147483647", "-2147483648")),
        *(("int", value, 1014) for value in ("x", "1.5", "2147483648", "-2147483649", "", "1e3")),
        *(("double", value, 0) for value in ("0", "-5.25", "100000.000001")),
        *(("double", value, 1014) for value in ("x", "1,5", "1e5", ".5", "")),
        *(("text", value, 0) for value in ("", "x" * 255)),
        ("text", "x" * 256, 1014),
        ("date", "x", 1016),
    ],
)
async def test_types_of_attributes(shop: Shop, kind: str, value: str, code: int) -> None:
    """The value of an attribute must be of the type it says: a 32-bit integer, a decimal, or at most 255 characters."""
    found = await post_call(shop, "saveCustomer", firstName="A", **attribute(1, "a", value, kind))
    field = None if code == 0 else "attributeType1" if code == 1016 else "attributeValue1"
    assert found == (code, field)


@kinds
async def test_searching_by_attribute(shop: Shop, call: str, listing: str, id_name: str, base: dict[str, Any]) -> None:
    """`searchAttributeName` and `searchAttributeValue`, numbered or not, find records; several must all hold."""
    assert id_name
    for pairs in ([("a", "1")], [("a", "1"), ("b", "2")], [("a", "2")], []):
        given: dict[str, Any] = {}
        for number, (name, value) in enumerate(pairs, start=1):
            given |= attribute(number, name, value)
        await shop.record(call, **base, notes="n", **given)

    async def count(**search: str) -> int:
        return len(await shop.records(listing, **search))

    everything = await count()
    assert await count(searchAttributeName1="a", searchAttributeValue1="1") == 2
    assert await count(searchAttributeName="a", searchAttributeValue="1") == 2
    assert await count(searchAttributeName="a", searchAttributeValue="2") == 1
    assert await count(searchAttributeName="A", searchAttributeValue="1") == 0
    assert await count(searchAttributeName="c", searchAttributeValue="1") == 0
    both = {"searchAttributeName4": "a", "searchAttributeValue4": "1"}
    assert await count(searchAttributeName9="b", searchAttributeValue9="2", **both) == 1
    assert await count(searchAttributeName="b", searchAttributeValue="2", **both) == 1
    assert everything >= 4
