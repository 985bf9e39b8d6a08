"""Gift cards: found by number or code, and worth what the client says, to the cent."""

import asyncio
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.sending import post_call
from bulk.test_current_invoice import BAD_SALE, SALE, Setting, both, found
from bulk.test_order_of_checks import walk
from calls.test_stored_fields import stored
from erply_points import schemas
from support.shop import Shop

NOW = 1_767_225_600


async def save(shop: Shop, **params: Any) -> int:
    saved = await shop.record("saveGiftCard", **params)
    assert list(saved) == ["giftCardID"]
    assert type(saved["giftCardID"]) is int
    card_id: int = saved["giftCardID"]
    return card_id


async def read(shop: Shop, card_id: int) -> dict[str, Any]:
    return await shop.record("getGiftCards", giftCardID=card_id)


async def test_a_new_card(shop: Shop) -> None:
    """A new card holds its value, has no dates and no references, and its amounts are JSON numbers."""
    record = await read(shop, await save(shop, code="GC-1", value="25.50"))
    assert record == {
        "giftCardID": 1,
        "code": "GC-1",
        "value": 25.5,
        "balance": 25.5,
        "purchasingCustomerID": 0,
        "purchaseDateTime": 0,
        "redeemingCustomerID": 0,
        "redemptionDateTime": 0,
        "expirationDate": "0000-00-00",
        "purchaseInvoiceID": 0,
        "redemptionInvoiceID": 0,
        "vatrateID": 0,
        "added": NOW,
        "lastModified": NOW,
    }
    assert type(record["value"]) is float


async def test_every_stored_field_comes_back(shop: Shop) -> None:
    """A card comes back with every stored field, and an edit keeps what it does not name."""
    sent = stored("saveGiftCard")
    assert len(sent) > 12
    card = await save(shop, code="GC-1", value=10, balance=4, **sent)
    record = await read(shop, card)
    assert {name: str(record[name]) for name in sent} == {name: str(value) for name, value in sent.items()}
    assert (record["value"], record["balance"]) == (10, 4)
    shop.clock.advance(5)
    await save(shop, giftCardID=card, information="changed", code="", value="", balance="")
    assert await read(shop, card) == {**record, "information": "changed", "lastModified": NOW + 5}
    await save(shop, giftCardID=card, expirationDate="")
    assert (await read(shop, card))["expirationDate"] == "0000-00-00"


async def test_a_code_finds_its_card(shop: Shop) -> None:
    """A code that exists changes its card, letter by letter; any other makes a new one."""
    assert await save(shop, code="GC-1", value=10) == 1
    assert await save(shop, code="GC-1", balance=3) == 1
    assert await save(shop, code="gc-1", value=5) == 2
    assert await save(shop, value=5) == 3
    assert await save(shop, value=5) == 4
    records = await shop.records("getGiftCards")
    amounts = [(each["code"], each["value"], each["balance"]) for each in records]
    assert amounts == [("GC-1", 10, 3), ("gc-1", 5, 5), ("", 5, 5), ("", 5, 5)]


async def test_changing_a_code(shop: Shop) -> None:
    """A card may get another code, not one that another card has; its old code is free then, in the same bulk too."""
    for code in ("A", "B"):
        await save(shop, code=code, value=1)
    assert await shop.error("saveGiftCard", giftCardID=1, code="B") == (1012, "code")
    assert await shop.error("saveGiftCard", giftCardID=9, code="B") == (1011, "giftCardID")
    card = {"requestName": "saveGiftCard"}
    answers = await shop.answers(
        [
            {**card, "giftCardID": 1, "code": "C"},
            {**card, "code": "C", "balance": 7},
            {**card, "giftCardID": 2, "code": "A"},
            {**card, "code": "B", "value": 4},
            {**card, "giftCardID": 3, "code": "A"},
        ]
    )
    assert [answer["status"]["errorCode"] for answer in answers] == [0, 0, 0, 0, 1012]
    records = await shop.records("getGiftCards")
    assert [(each["code"], each["balance"]) for each in records] == [("C", 7), ("A", 1), ("B", 4)]


async def test_new_cards_in_one_bulk(shop: Shop) -> None:
    """A card that was made earlier in the bulk is found by its code and by its number."""
    card = {"requestName": "saveGiftCard", "code": "X"}
    answers = await shop.answers([{**card, "value": 9}, {**card, "balance": 2}, {**card, "giftCardID": 1, "value": 8}])
    assert [answer["records"] for answer in answers] == [[{"giftCardID": 1}]] * 3
    record = await shop.record("getGiftCards")
    assert (record["value"], record["balance"]) == (8, 2)


async def test_the_server_never_takes_from_a_card(shop: Shop) -> None:
    """Only the client changes a balance: neither a redemption nor a payment with the card does."""
    card = await save(shop, code="GC-1", value=50)
    saved = await shop.record("saveSalesDocument", amount1=1, price1=10)
    invoice = int(saved["invoiceID"])
    await shop.record("savePayment", documentID=invoice, type="GIFTCARD", sum=12)
    await save(shop, code="GC-1", redemptionInvoiceID=invoice, redemptionDateTime=NOW)
    record = await read(shop, card)
    assert (record["balance"], record["redemptionInvoiceID"], record["redemptionDateTime"]) == (50, invoice, NOW)
    await save(shop, giftCardID=card, value=60)
    assert (await read(shop, card))["balance"] == 50


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"value": -1}, (1016, "value")),
        ({"balance": "-0.01"}, (1016, "balance")),
        ({"value": 5, "balance": "-0.001"}, (1016, "balance")),
        ({"value": "1,50"}, (1014, "value")),
        ({"balance": 1e15}, (1016, "balance")),
        ({"code": "x" * 256}, (1014, "code")),
        ({"expirationDate": "2026-02-29"}, (1014, "expirationDate")),
        ({"purchaseInvoiceID": 5}, (1011, "purchaseInvoiceID")),
        ({"redemptionInvoiceID": 5}, (1011, "redemptionInvoiceID")),
        ({"purchaseInvoiceID": -5}, (1016, "purchaseInvoiceID")),
        ({"redemptionInvoiceID": "x"}, (1014, "redemptionInvoiceID")),
        ({"value": "-0"}, (0, None)),
        ({"value": 0, "balance": 99}, (0, None)),
    ],
)
async def test_what_a_card_may_be(shop: Shop, params: dict[str, Any], expected: tuple[int, str | None]) -> None:
    """Negative amounts, impossible dates and unknown documents are refused by name, and nothing is kept."""
    assert await post_call(shop, "saveGiftCard", **params) == expected
    assert len(await shop.records("getGiftCards")) == int(expected[0] == 0)


async def test_order_of_checks(shop: Shop) -> None:
    """Format, value, references, then whether the code is taken."""
    for code in ("A", "B"):
        await save(shop, code=code)
    wrong = {"giftCardID": 9, "code": "B", "value": "x", "balance": -1, "purchaseInvoiceID": 8}
    await walk(
        shop,
        "saveGiftCard",
        [
            (wrong, (1014, "value")),
            ({"value": 1}, (1016, "balance")),
            ({"balance": 1}, (1011, "giftCardID")),
            ({"giftCardID": 1}, (1011, "purchaseInvoiceID")),
            ({"purchaseInvoiceID": 0}, (1012, "code")),
            ({"code": "C"}, (0, None)),
        ],
    )


async def test_amounts_are_exact_cents(shop: Shop) -> None:
    """Whatever value and balance are sent, they come back to the cent, rounded half away from zero."""
    loop = asyncio.get_running_loop()
    amounts = st.decimals(0, 999_999_999, places=4).map(str)

    def cents(text: str) -> Decimal:
        return Decimal(text).quantize(Decimal("0.01"), ROUND_HALF_UP)

    async def example(value: str, balance: str) -> None:
        record = await read(shop, await save(shop, code="GC-1", value=value, balance=balance))
        assert (Decimal(repr(record["value"])), Decimal(repr(record["balance"]))) == (cents(value), cents(balance))

    @settings(max_examples=60, deadline=None)
    @given(amounts, amounts)
    def saved(value: str, balance: str) -> None:
        asyncio.run_coroutine_threadsafe(example(value, balance), loop).result(timeout=30)

    await asyncio.to_thread(saved)


@both
@pytest.mark.parametrize("field", ["purchaseInvoiceID", "redemptionInvoiceID"])
async def test_the_current_invoice(shop: Shop, setting: Setting, field: str) -> None:
    """CURRENT_INVOICE_ID in either field is the sale before it; after a failed one none, or the card is refused."""
    await shop.set(failed_invoice=setting)
    card = {"requestName": "saveGiftCard", "value": 5, field: "CURRENT_INVOICE_ID"}
    answers = await found(shop, [SALE, {**card, "code": "A"}, BAD_SALE, {**card, "code": "B"}])
    executed = setting == "execute"
    assert answers == [(0, None), (0, None), (1014, "price1"), (0, None) if executed else (1157, field)]
    records = await shop.records("getGiftCards")
    assert [(each["code"], each[field]) for each in records] == [("A", 1), ("B", 0)][: 2 if executed else 1]
    assert await found(shop, [{**card, "code": "C"}, SALE]) == [(1016, field), (0, None)]
    await save(shop, code="A", **{field: 0})
    assert (await read(shop, 1))[field] == 0


ALL = [1, 2, 3]
FILTERS: dict[str, list[tuple[Any, list[int]]]] = {
    "giftCardID": [(2, [2]), (9, []), (0, ALL)],
    "code": [("GC-2", [2]), ("GC", []), ("gc-2", []), ("", ALL)],
    "purchaseInvoiceID": [(1, [1]), (9, []), (0, ALL)],
    "purchasedUnixTimeFrom": [(100, [1, 2]), (101, [2]), (0, ALL)],
    "purchasedUnixTimeTo": [(200, [1, 2]), (199, [1]), (99, [])],
    "redeemedUnixTimeFrom": [(300, [2]), (301, [])],
    "redeemedUnixTimeTo": [(300, [2]), (299, [])],
    "vatrateID": [(1, [2]), (2, []), (0, ALL)],
    "changedSince": [(NOW + 10, [1, 2, 3]), (NOW + 20, [1, 3]), (NOW + 31, [])],
    "recordsOnPage": [(2, [1, 2]), (0, ALL), (1_000, ALL)],
    "pageNo": [(0, ALL), (2, [])],
}


async def test_every_filter(shop: Shop) -> None:
    """Each filter of the schema finds exactly the cards that fit, bounds included; unknown moments never fit."""
    await shop.record("saveSalesDocument", amount1=1)
    cards: list[dict[str, Any]] = [
        {"code": "GC-1", "purchaseInvoiceID": 1, "purchaseDateTime": 100, "redemptionDateTime": 0},
        {"code": "GC-2", "vatrateID": 1, "purchaseDateTime": 200, "redemptionDateTime": 300},
        {"code": "GC-3"},
    ]
    for card in cards:
        await save(shop, **card)
        shop.clock.advance(10)
    await save(shop, code="GC-1", information="later")
    properties = schemas.call_request("getGiftCards")["properties"]
    assert {*properties} == {*FILTERS}
    wrong = []
    for name, cases in FILTERS.items():
        for value, expected in cases:
            numbers = [record["giftCardID"] for record in await shop.records("getGiftCards", **{name: value})]
            if numbers != expected:
                wrong.append((name, value, numbers, expected))
    assert wrong == []


async def test_paging(shop: Shop) -> None:
    """20 on a page by default, 100 at most, and the total is exact."""
    for _ in range(2):
        await shop.answers([{"requestName": "saveGiftCard", "value": 1}] * 60)
    answer = await shop.call("getGiftCards")
    assert (answer["status"]["recordsTotal"], answer["status"]["recordsInResponse"]) == (120, 20)
    second = await shop.records("getGiftCards", recordsOnPage=500, pageNo=2)
    assert [record["giftCardID"] for record in second] == list(range(101, 121))
