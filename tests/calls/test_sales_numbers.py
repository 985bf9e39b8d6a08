"""Numbers of sales documents, and the UUID that makes saving one repeatable."""

import asyncio
from typing import Any

import pytest

from support.shop import Shop

DAY = 86_400


async def number(shop: Shop, **params: Any) -> str:
    saved = await shop.record("saveSalesDocument", **params)
    listed = await shop.record("getSalesDocuments", id=saved["invoiceID"])
    assert listed["number"] == (saved["customNumber"] or saved["invoiceNo"])
    text: str = saved["invoiceNo"]
    return text


async def test_each_type_counts_for_itself(shop: Shop) -> None:
    """Numbers are given in sequence, one for each type, so that two types may have the same number."""
    for kind in ("CASHINVOICE", "INVWAYBILL"):
        assert [await number(shop, type=kind) for _ in range(3)] == ["100001", "100002", "100003"]
    assert len(await shop.records("getSalesDocuments", number=100_002)) == 2


async def test_a_number_that_is_given(shop: Shop) -> None:
    """`invoiceNo` is kept if it is free; the sequence never gives it out again."""
    assert await number(shop, invoiceNo="10000001") == "10000001"
    assert await number(shop) == "10000002"
    assert await number(shop, invoiceNo=55) == "55"
    assert await number(shop) == "10000003"
    assert await number(shop, type="ORDER", invoiceNo="10000001") == "10000001"


async def test_a_number_that_is_taken(shop: Shop) -> None:
    """A taken number is replaced by a fresh one, told in the answer; `allowDuplicateNumbers` keeps it."""
    first = await number(shop, invoiceNo=20_000_001)
    assert await number(shop, invoiceNo=20_000_001) == "20000002"
    assert await number(shop, invoiceNo=20_000_001, allowDuplicateNumbers=0) == "20000003"
    assert await number(shop, invoiceNo=20_000_001, allowDuplicateNumbers=1) == first
    assert len(await shop.records("getSalesDocuments", number=20_000_001)) == 2
    assert await number(shop) == "20000004"


async def test_custom_numbers(shop: Shop) -> None:
    """`customNumber` is any text, without a check for duplicates; the answer's invoiceNo is then "0"."""
    for _ in range(2):
        saved = await shop.record("saveSalesDocument", customNumber="2026/A-17 Õ")
        assert (saved["invoiceNo"], saved["customNumber"]) == ("0", "2026/A-17 Õ")
    assert await number(shop) == "100001"
    assert (await shop.records("getSalesDocuments", numberOrCustomer="2026/a"))[1]["number"] == "2026/A-17 Õ"


async def test_unconfirmed_documents_have_no_number(shop: Shop) -> None:
    """An unconfirmed document has number "0" and gets its own on confirmation; it uses up none before."""
    pending = await shop.record("saveSalesDocument", confirmInvoice=0, amount1=1)
    assert pending["invoiceNo"] == "0"
    assert await number(shop) == "100001"
    confirmed = await shop.record("saveSalesDocument", id=pending["invoiceID"], confirmInvoice=1)
    assert confirmed["invoiceNo"] == "100002"
    again = await shop.record("saveSalesDocument", id=pending["invoiceID"], confirmInvoice=1, invoiceNo=777)
    assert again["invoiceNo"] == "100002"
    named = await shop.record("saveSalesDocument", confirmInvoice=0)
    assert (await shop.record("saveSalesDocument", id=named["invoiceID"], confirmInvoice=1, invoiceNo=777))[
        "invoiceNo"
    ] == "777"


@pytest.mark.parametrize("given", [9_007_199_254_740_991, 9_007_199_254_740_990, 999_999_999_999_999])
async def test_the_largest_numbers(shop: Shop, given: int) -> None:
    """However large a number was given, the next automatic one can still be asked for."""
    await shop.call("saveSalesDocument", invoiceNo=given)
    for _ in range(2):
        fresh = await number(shop)
        assert len(await shop.records("getSalesDocuments", number=fresh)) == 1


@pytest.mark.parametrize("given", ["A1", "1.5", "-1", "1 2"])
async def test_numbers_are_digits(shop: Shop, given: str) -> None:
    """A number with anything but digits is refused."""
    code, field = await shop.error("saveSalesDocument", invoiceNo=given)
    assert (code in {1014, 1016}, field) == (True, "invoiceNo")


async def test_parallel_saves_get_different_numbers(shop: Shop) -> None:
    """Documents saved at the same time have numbers and IDs of their own."""
    saved = await asyncio.gather(*(shop.record("saveSalesDocument", amount1=1) for _ in range(40)))
    assert len({each["invoiceNo"] for each in saved}) == 40
    assert len({each["invoiceID"] for each in saved}) == 40


async def test_a_refused_document_uses_no_number(shop: Shop) -> None:
    """What is refused leaves no gap in the numbers."""
    good = {"requestName": "saveSalesDocument", "amount1": 1}
    answers = await shop.answers([good, {**good, "vatrateID1": 99}, {**good, "customerID": 99}, good])
    numbers = [answer["records"][0]["invoiceNo"] for answer in answers if answer["records"]]
    assert numbers == ["100001", "100002"]


async def test_a_uuid_is_remembered_for_a_day(shop: Shop) -> None:
    """A second document with the same temporaryUUID is 1206 for 24 hours, and a new one afterwards."""
    await shop.set(retry="erply")
    await shop.record("saveSalesDocument", temporaryUUID="till-1.7", amount1=1)
    for _ in range(2):
        refused = await shop.error("saveSalesDocument", temporaryUUID="till-1.7", amount1=2, price1=9)
        assert refused == (1206, "temporaryUUID")
    shop.clock.advance(DAY - 1)
    await shop.log_in()
    assert await shop.error("saveSalesDocument", temporaryUUID="till-1.7") == (1206, "temporaryUUID")
    assert await number(shop, temporaryUUID="TILL-1.7") == "100002"
    shop.clock.advance(1)
    assert await number(shop, temporaryUUID="till-1.7") == "100003"
    assert await shop.error("saveSalesDocument", temporaryUUID="till-1.7") == (1206, "temporaryUUID")


async def test_a_refused_document_does_not_use_up_its_uuid(shop: Shop) -> None:
    """A document that was not saved may be sent again under its UUID."""
    assert await shop.error("saveSalesDocument", temporaryUUID="a", amount1=1, customerID=99) == (1011, "customerID")
    assert await number(shop, temporaryUUID="a", amount1=1) == "100001"


async def test_re_saving_with_the_same_uuid(shop: Shop) -> None:
    """Saving the created document again, its `id` given, with the same UUID is fine."""
    saved = await shop.record("saveSalesDocument", temporaryUUID="a", amount1=1)
    again = await shop.record("saveSalesDocument", temporaryUUID="a", id=saved["invoiceID"], notes="x")
    assert again["invoiceID"] == saved["invoiceID"]


async def test_the_attribute_source_uuid(shop: Shop) -> None:
    """The attribute `source-uuid` acts as temporaryUUID does, and is kept as an attribute."""
    await shop.set(retry="erply")
    attribute = {"attributeName2": "source-uuid", "attributeValue2": "s-1"}
    await shop.record("saveSalesDocument", **attribute)
    assert (await shop.error("saveSalesDocument", **attribute))[0] == 1206
    assert (await shop.error("saveSalesDocument", temporaryUUID="s-1"))[0] == 1206
    assert (await shop.record("getSalesDocuments"))["attributes"][0]["attributeValue"] == "s-1"


async def test_identical_documents_without_uuid(shop: Shop) -> None:
    """Two equal receipts are two receipts: nothing is silently taken for a duplicate."""
    sale = {"requestName": "saveSalesDocument", "type": "CASHINVOICE", "amount1": 1, "price1": 2}
    first, second = await shop.answers([sale, sale])
    assert first["records"][0]["invoiceID"] != second["records"][0]["invoiceID"]


async def test_parallel_saves_with_one_uuid(shop: Shop) -> None:
    """Of many saves with one UUID at once exactly one makes a document, where the others are refused too."""
    await shop.set(retry="erply")

    async def save() -> int:
        answer = await shop.call("saveSalesDocument", temporaryUUID="same", amount1=1)
        code: int = answer["status"]["errorCode"]
        return code

    codes = sorted(await asyncio.gather(*(save() for _ in range(20))))
    assert codes[0] == 0
    assert set(codes[1:]) <= {1204, 1206}
    assert len(await shop.records("getSalesDocuments")) == 1
