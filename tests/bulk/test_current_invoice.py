"""CURRENT_INVOICE_ID: the ten order patterns, which document it means, duplicates, and where nothing precedes."""

from typing import Any, Literal

import pytest

from bulk.sending import outcome, post_call
from support.client import Erply
from support.shop import Shop

Setting = Literal["execute", "refuse"]
both = pytest.mark.parametrize("setting", ["execute", "refuse"])

SALE = {"requestName": "saveSalesDocument", "type": "CASHINVOICE", "amount1": 1, "price1": 10}
BAD_SALE = {**SALE, "price1": "ten"}


def redeem(points: int = 10, **params: Any) -> dict[str, Any]:
    return {
        "requestName": "subtractCustomerRewardPoints",
        "customerID": 1,
        "points": points,
        "invoiceID": "CURRENT_INVOICE_ID",
        **params,
    }


async def prepared(shop: Shop, setting: Setting) -> None:
    """Customer 1 with 1000 points; `failed_invoice` as given, the default left unset."""
    if setting != "execute":
        await shop.set(failed_invoice=setting)
    assert await shop.customer(points=1_000) == 1


async def found(shop: Erply, requests: list[dict[str, Any]]) -> list[tuple[int, str | None]]:
    return [outcome(answer["status"]) for answer in await shop.answers(requests)]


async def references(shop: Shop) -> list[int]:
    """The documents that the redemptions refer to, in the order of the redemptions."""
    return [record["invoiceID"] for record in await shop.records("getUsedRewardPointRecords")]


@both
async def test_pattern_1_invoice_and_two_dependants(shop: Shop, setting: Setting) -> None:
    """Invoice ok, two dependants: both refer to it."""
    await prepared(shop, setting)
    assert await found(shop, [SALE, redeem(), redeem(5)]) == [(0, None)] * 3
    assert await references(shop) == [1, 1]
    assert await shop.balance(1) == 985


@both
async def test_pattern_2_failed_invoice(shop: Shop, setting: Setting) -> None:
    """Invoice fails: `execute` stores the dependants without a reference, `refuse` answers 1157 and writes nothing."""
    await prepared(shop, setting)
    answers = await found(shop, [BAD_SALE, redeem(), redeem(5)])
    if setting == "execute":
        assert answers == [(1014, "price1"), (0, None), (0, None)]
        assert await references(shop) == [0, 0]
        assert await shop.balance(1) == 985
    else:
        assert answers == [(1014, "price1"), (1157, "invoiceID"), (1157, "invoiceID")]
        assert await references(shop) == []
        assert await shop.balance(1) == 1_000
    assert await shop.records("getSalesDocuments") == []


@both
async def test_pattern_3_two_invoices(shop: Shop, setting: Setting) -> None:
    """Each invoice gives the placeholder a new meaning for what follows it."""
    await prepared(shop, setting)
    assert await found(shop, [SALE, redeem(), SALE, redeem(), redeem()]) == [(0, None)] * 5
    assert await references(shop) == [1, 2, 2]


@both
async def test_pattern_4_the_nearest_one_failed(shop: Shop, setting: Setting) -> None:
    """A failed invoice after a good one: the dependant follows the failed one's rule, never the older good one."""
    await prepared(shop, setting)
    answers = await found(shop, [SALE, BAD_SALE, redeem()])
    assert answers[2] == ((0, None) if setting == "execute" else (1157, "invoiceID"))
    assert await references(shop) == ([0] if setting == "execute" else [])
    assert len(await shop.records("getSalesDocuments")) == 1


@both
async def test_pattern_5_the_invoice_stands_later(shop: Shop, setting: Setting) -> None:
    """A dependant before its invoice is 1016; the invoice is stored all the same."""
    await prepared(shop, setting)
    assert await found(shop, [redeem(), SALE]) == [(1016, "invoiceID"), (0, None)]
    assert await references(shop) == []
    assert len(await shop.records("getSalesDocuments")) == 1


@both
async def test_pattern_6_a_repeated_invoice(shop: Shop, setting: Setting) -> None:
    """The same temporaryUUID again, where the account wants Erply's ways: 1206, and 1158 under both settings."""
    await prepared(shop, setting)
    await shop.set(retry="erply")
    bulk = [{**SALE, "temporaryUUID": "a-1"}, redeem()]
    assert await found(shop, bulk) == [(0, None)] * 2
    assert await found(shop, bulk) == [(1206, "temporaryUUID"), (1158, "invoiceID")]
    assert await references(shop) == [1]
    assert await shop.balance(1) == 990


@both
async def test_pattern_7_an_edited_invoice(shop: Shop, setting: Setting) -> None:
    """An edit by `id` makes the placeholder mean the edited document."""
    await prepared(shop, setting)
    await shop.answers([SALE, SALE, SALE])
    edit = {"requestName": "saveSalesDocument", "id": 2, "notes": "again"}
    assert await found(shop, [edit, redeem()]) == [(0, None)] * 2
    assert await references(shop) == [2]


@both
async def test_pattern_8_a_single_call(shop: Shop, setting: Setting) -> None:
    """Outside a bulk the placeholder means nothing: 1016."""
    await prepared(shop, setting)
    params = {"customerID": 1, "points": 1, "invoiceID": "CURRENT_INVOICE_ID"}
    assert await shop.error("subtractCustomerRewardPoints", **params) == (1016, "invoiceID")
    assert await shop.balance(1) == 1_000


@both
async def test_pattern_9_too_many_points(shop: Shop, setting: Setting) -> None:
    """A redemption that fails leaves its invoice standing."""
    await prepared(shop, setting)
    assert await found(shop, [SALE, redeem(1_001), redeem(1)]) == [(0, None), (1042, None), (0, None)]
    assert await references(shop) == [1]
    assert len(await shop.records("getSalesDocuments")) == 1


@both
async def test_pattern_10_the_invoice_in_another_bulk(shop: Shop, setting: Setting) -> None:
    """An invoice of the bulk just before is not the current one: 1016, loud enough to be noticed."""
    await prepared(shop, setting)
    assert await found(shop, [SALE]) == [(0, None)]
    assert await found(shop, [redeem()]) == [(1016, "invoiceID")]
    assert await references(shop) == []


@pytest.mark.parametrize(
    "kind", ["INVWAYBILL", "CASHINVOICE", "INVOICE", "WAYBILL", "PREPAYMENT", "OFFER", "ORDER", "CREDITINVOICE"]
)
async def test_any_type_of_document(shop: Shop, kind: str) -> None:
    """The placeholder means the document that was saved, of whatever type."""
    await prepared(shop, "refuse")
    amount = -1 if kind == "CREDITINVOICE" else 1
    assert await found(shop, [{**SALE, "type": kind, "amount1": amount}, redeem()]) == [(0, None)] * 2
    assert await references(shop) == [1]


async def test_an_unconfirmed_document(shop: Shop) -> None:
    """An unconfirmed document has an ID too, if no number."""
    await prepared(shop, "refuse")
    assert await found(shop, [{**SALE, "confirmInvoice": 0}, redeem()]) == [(0, None)] * 2
    record = await shop.record("getUsedRewardPointRecords")
    assert (record["invoiceID"], record["invoiceNo"]) == (1, "")


async def test_a_taken_number_is_no_duplicate(shop: Shop) -> None:
    """An invoice that gets another number than it asked for is a new invoice, and the placeholder means it."""
    await prepared(shop, "refuse")
    numbered = {**SALE, "invoiceNo": 20_000_001}
    assert await found(shop, [numbered, numbered, redeem()]) == [(0, None)] * 3
    assert await references(shop) == [2]


async def test_calls_in_between_change_nothing(shop: Shop) -> None:
    """Other calls, failing ones and listings included, leave the placeholder its meaning."""
    await prepared(shop, "refuse")
    between = [
        {"requestName": "getSalesDocuments"},
        {"requestName": "nothing"},
        {"requestName": "saveCustomer", "firstName": "B"},
        {"requestName": "getCustomerRewardPoints"},
    ]
    assert await found(shop, [SALE, *between, redeem()]) == [
        *((0, None), (0, None), (1005, None), (0, None), (1010, "customerID"), (0, None))
    ]
    assert await references(shop) == [1]


@both
@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"points": 0}, (1016, "points")),
        ({"points": "x"}, (1014, "points")),
        ({"points": None}, (1010, "points")),
        ({"campaignID": [1]}, (1030, "campaignID")),
    ],
)
async def test_its_own_errors_come_first(
    shop: Shop, setting: Setting, wrong: dict[str, Any], expected: tuple[int, str]
) -> None:
    """A dependant that is itself malformed is told so, before 1157 and 1158."""
    await prepared(shop, setting)
    await shop.set(retry="erply")
    await shop.answers([{**SALE, "temporaryUUID": "u"}])
    for sale in (BAD_SALE, {**SALE, "temporaryUUID": "u"}):
        assert (await found(shop, [sale, redeem(**wrong)]))[1] == expected
    assert await shop.balance(1) == 1_000


async def test_every_way_an_invoice_may_fail(shop: Shop) -> None:
    """Whatever stopped the invoice, its dependant is 1157 under `refuse`; an unknown `id` is no reference."""
    await prepared(shop, "refuse")
    for wrong in (
        {"id": 99},
        {"customerID": 99},
        {"vatrateID1": 99},
        {"type": "X"},
        {"productID1": 1, "serviceID1": 1},
    ):
        assert (await found(shop, [{**SALE, **wrong}, redeem()]))[1] == (1157, "invoiceID")
    assert await shop.balance(1) == 1_000


@pytest.mark.parametrize(
    "text",
    [
        "current_invoice_id",
        "CURRENT_INVOICE_ID ",
        " CURRENT_INVOICE_ID",
        "CURRENT_INVOICE",
        "CURRENT_INVOICE_ID\n",
        "#1",
    ],
)
async def test_only_the_exact_word(shop: Shop, text: str) -> None:
    """Other letters, blanks and other words are not a number: 1014."""
    await prepared(shop, "execute")
    assert (await found(shop, [SALE, redeem(invoiceID=text)]))[1] == (1014, "invoiceID")
    assert await shop.balance(1) == 1_000


@pytest.mark.parametrize(
    ("call", "params", "field"),
    [
        ("addCustomerRewardPoints", {"customerID": 1, "points": 1}, "invoiceID"),
        ("addCustomerRewardPoints", {"points": 1}, "customerID"),
        ("subtractCustomerRewardPoints", {"customerID": 1, "points": 1}, "campaignID"),
        ("getUsedRewardPointRecords", {}, "invoiceID"),
        ("getEarnedRewardPointRecords", {}, "invoiceID"),
        ("getSalesDocuments", {}, "id"),
        ("getSalesDocuments", {}, "ids"),
        ("saveSalesDocument", {"amount1": 1}, "id"),
        ("saveSalesDocument", {"amount1": 1}, "creditToDocumentID"),
        ("saveSalesDocument", {"amount1": 1}, "baseDocumentID"),
        ("saveSalesDocument", {"amount1": 1}, "baseDocumentIDs"),
    ],
)
async def test_fields_that_do_not_take_it(shop: Shop, call: str, params: dict[str, Any], field: str) -> None:
    """In a field that is not documented to take the placeholder it is not a number: 1014, or 1029 in a list."""
    await prepared(shop, "execute")
    answers = await found(shop, [SALE, {"requestName": call, **params, field: "CURRENT_INVOICE_ID"}])
    assert answers == [(0, None), (1029 if field in {"ids", "baseDocumentIDs"} else 1014, field)]


async def test_in_text_it_is_text(shop: Shop) -> None:
    """In a field for text the word is just a text."""
    await prepared(shop, "execute")
    assert await found(shop, [SALE, redeem(description="CURRENT_INVOICE_ID")]) == [(0, None)] * 2
    assert (await shop.record("getUsedRewardPointRecords"))["description"] == "CURRENT_INVOICE_ID"


async def test_what_a_dependant_sees_of_the_invoice(shop: Shop) -> None:
    """Points that the invoice earned are there for the redemption after it, and in its remainingPoints."""
    assert await shop.customer() == 1
    assert await post_call(shop, "subtractCustomerRewardPoints", customerID=1, points=1) == (1042, None)
    answers = await shop.answers([{**SALE, "customerID": 1}, redeem(10)])
    assert answers[1]["records"][0]["remainingPoints"] == 0
    assert await found(shop, [redeem(1)]) == [(1016, "invoiceID")]


async def test_another_customer_may_pay(shop: Shop) -> None:
    """Nothing ties the redemption's customer to the invoice's: it is stored as sent."""
    await prepared(shop, "execute")
    other = await shop.customer()
    assert await found(shop, [{**SALE, "customerID": other}, redeem()]) == [(0, None)] * 2
    assert (await shop.balance(1), await shop.balance(other)) == (990, 10)


async def test_a_retried_bulk_spends_once(shop: Shop) -> None:
    """Under Erply's ways a whole bulk sent again after a lost answer changes nothing, however often."""
    await prepared(shop, "execute")
    await shop.set(retry="erply")
    bulk = [{**SALE, "customerID": 1, "temporaryUUID": "x"}, redeem(), redeem(7)]
    await shop.answers(bulk)
    balance = await shop.balance(1)
    for _ in range(3):
        assert await found(shop, bulk) == [(1206, "temporaryUUID"), (1158, "invoiceID"), (1158, "invoiceID")]
    assert await shop.balance(1) == balance


async def test_a_duplicate_inside_one_bulk(shop: Shop) -> None:
    """The second of two invoices with one UUID in one bulk is the duplicate; a third, good one resolves again."""
    await prepared(shop, "execute")
    first = {**SALE, "temporaryUUID": "x"}
    assert await found(shop, [first, first, redeem(), {**SALE, "temporaryUUID": "y"}, redeem()]) == [
        *((0, None), (1206, "temporaryUUID"), (1158, "invoiceID"), (0, None), (0, None))
    ]
    assert await references(shop) == [2]
