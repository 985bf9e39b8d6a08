"""Payments: what they say, and what their document shows as paid."""

import asyncio
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.sending import outcome, post_call
from calls.paying import NOW, TYPES, paid, pay, read, sale
from calls.test_stored_fields import distinct
from erply_points import schemas
from support.shop import Shop


async def test_a_payment_as_it_is_by_default(shop: Shop) -> None:
    """A payment of a document has its customer, today's date in the shop, and no more than was said; types are Go's."""
    customer = await shop.customer()
    document = await sale(shop, customerID=customer)
    record = await read(shop, await pay(shop, documentID=document))
    empty = {name: "" for name in record if name.startswith(("bank", "card")) and name != "bankTransactionID"}
    assert record == {
        "paymentID": 1,
        "documentID": document,
        "customerID": customer,
        "typeID": "2",
        "type": "TRANSFER",
        "date": "2026-01-01",
        "time": "02:00:00",
        "sum": "0.00",
        "currencyCode": "EUR",
        "currencyRate": "1.0",
        "cashPaid": "0.00",
        "cashChange": "0.00",
        "info": "",
        "authorizationCode": "",
        "referenceNumber": "",
        "isPrepayment": 0,
        "storeCredit": 0,
        "bankTransactionID": 0,
        "archivalNumber": "",
        "giftCardVatRateID": 0,
        "added": NOW,
        "lastModified": NOW,
        "attributes": [],
        **empty,
    }


async def test_every_stored_field_comes_back(shop: Shop) -> None:
    """A payment comes back with every stored field, and an edit keeps what it does not name."""
    schema = schemas.call_request("savePayment")
    sent: dict[str, Any] = {"currencyCode": "USD", "cardNumber": "4321", "time": "14:59:01"}
    for name, each in schema["properties"].items():
        if each["x-use"] == "stored" and name not in sent:
            sent[name] = distinct(schemas.resolved(each, schema["$id"]))
    assert len(sent) > 35
    payment = await pay(shop, customerID=await shop.customer(), type="GIFTCARD", sum=1, **sent)
    record = await read(shop, payment)
    assert {name: str(record[name]) for name in sent} == {name: str(value) for name, value in sent.items()}
    shop.clock.advance(5)
    await pay(shop, paymentID=payment, info="changed")
    assert await read(shop, payment) == {**record, "info": "changed", "lastModified": NOW + 5}
    await pay(shop, paymentID=payment, info="", sum="", date="", time="", added=0)
    assert await read(shop, payment) == {**record, "info": "", "lastModified": NOW + 5}


async def test_attributes_and_signatures(shop: Shop) -> None:
    """Attributes and long attributes are kept, a signature never is."""
    customer = await shop.customer()
    attributes = {"attributeName1": "a", "attributeValue1": "b", "longAttributeName1": "c", "longAttributeValue1": "d"}
    record = await read(shop, await pay(shop, customerID=customer, signature="SIGNED", signatureIV="IV", **attributes))
    assert record["attributes"] == [{"attributeName": "a", "attributeType": "text", "attributeValue": "b"}]
    assert record["longAttributes"] == [{"attributeName": "c", "attributeValue": "d"}]
    assert not {"signature", "signatureIV"} & record.keys()
    for path in shop.folder.iterdir():
        assert b"SIGNED" not in path.read_bytes()


async def test_only_four_digits_of_a_card(shop: Shop) -> None:
    """Of a card's number the last four digits are kept, whether it comes as a field or as an attribute."""
    customer = await shop.customer()
    for sent in ("4111 1111 1111 9999", "XXXX-9999", "9999", 41111111119999):
        assert (await read(shop, await pay(shop, customerID=customer, cardNumber=sent)))["cardNumber"] == "9999"
    payment = await pay(shop, customerID=customer, attributeName1="card_number", attributeValue1="4111111111119999")
    record = await read(shop, payment)
    assert record["cardNumber"] == "9999"
    assert record["attributes"][0]["attributeValue"] == "9999"
    for path in shop.folder.iterdir():
        assert b"1119999" not in path.read_bytes()


async def test_card_data_are_fields_and_attributes(shop: Shop) -> None:
    """Card data sent as fields are attributes too, and are edited by either name."""
    payment = await pay(
        shop, customerID=await shop.customer(), cardHolder="MARI", cardType="VISA", cardNumber="1111", info="x"
    )
    edit = {"cardholder_name": "JAAN", "card_number": "2222", "authCode": "A1", "refNo": "R1"}
    numbered: dict[str, str] = {}
    for number, (name, value) in enumerate(edit.items(), start=1):
        numbered |= {f"attributeName{number}": name, f"attributeValue{number}": value}
    await pay(shop, paymentID=payment, **numbered)
    record = await read(shop, payment)
    shown = {name: record[name] for name in ("cardHolder", "cardNumber", "cardType", "authorizationCode")}
    assert shown == {"cardHolder": "JAAN", "cardNumber": "2222", "cardType": "VISA", "authorizationCode": "A1"}
    assert record["referenceNumber"] == "R1"
    attributes = {each["attributeName"]: each["attributeValue"] for each in record["attributes"]}
    assert attributes == {**edit, "card_type": "VISA"}
    await pay(shop, paymentID=payment, cardHolder="", cardType="MC")
    record = await read(shop, payment)
    assert (record["cardHolder"], record["cardType"], record["cardNumber"]) == ("", "MC", "2222")
    assert await shop.records("getPayments", searchAttributeName="card_type", searchAttributeValue="MC") == [record]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("21.6", "21.60"), (10, "10.00"), (-2.5, "-2.50"), ("0.005", "0.01"), ("-0.005", "-0.01"), (0, "0.00")],
)
async def test_amounts_are_cents(shop: Shop, sent: Any, shown: str) -> None:
    """Sums are text with two decimals, rounded half away from zero; a refund is negative."""
    document = await sale(shop)
    amounts = dict.fromkeys(("sum", "cashPaid", "cashChange"), sent)
    assert await post_call(shop, "savePayment", documentID=document, **amounts) == (0, None)
    record = await read(shop, 1)
    assert {name: record[name] for name in amounts} == dict.fromkeys(amounts, shown)
    assert (await paid(shop, document))[0] == shown


async def test_what_a_document_shows_as_paid(shop: Shop) -> None:
    """A document's `paid` follows its payments: booked, changed, moved to another document, taken off, deleted."""
    first, second = await sale(shop), await sale(shop)
    shop.clock.advance(10)
    payment = await pay(shop, documentID=first, sum=5, type="CASH")
    assert await paid(shop, first) == ("5.00", "UNPAID")
    await pay(shop, documentID=first, sum="7.00", type="CARD")
    assert await paid(shop, first) == ("12.00", "PAID")
    await pay(shop, paymentID=payment, sum="4.99")
    assert await paid(shop, first) == ("11.99", "UNPAID")
    await pay(shop, paymentID=payment, documentID=second)
    assert (await paid(shop, first), await paid(shop, second)) == (("7.00", "UNPAID"), ("4.99", "UNPAID"))
    await pay(shop, paymentID=payment, documentID=second, sum=12)
    assert await paid(shop, second) == ("12.00", "PAID")
    await pay(shop, paymentID=payment, documentID=0)
    assert await paid(shop, second) == ("0.00", "UNPAID")
    await pay(shop, paymentID=payment, documentID=first, sum=1)
    assert await shop.records("deletePayment", paymentID=payment) == []
    assert await paid(shop, first) == ("7.00", "UNPAID")
    assert [record["lastModified"] for record in await shop.records("getSalesDocuments")] == [NOW + 10] * 2


async def test_a_payment_that_fails_changes_nothing(shop: Shop) -> None:
    """A payment above what the server can hold is 1016, and its document stays as it was."""
    document = await sale(shop)
    booking = {"requestName": "savePayment", "documentID": document, "sum": 999_999_999_999}
    codes = await shop.codes([booking] * 11)
    assert codes == [0] * 10 + [1016]
    assert (await paid(shop, document))[0] == "9999999999990.00"
    assert len(await shop.records("getPayments")) == 10


async def test_paid_is_the_exact_sum_of_the_payments(shop: Shop) -> None:
    """Whatever is booked, changed and deleted, `paid` is the payments' sum to the cent."""
    document = await sale(shop)
    loop = asyncio.get_running_loop()
    cent = Decimal("0.01")
    amounts = st.decimals(-10_000, 10_000, places=3)
    payments: dict[int, Decimal] = {}

    async def example(booked: list[Decimal], changed: Decimal, deleted: int) -> None:
        answers = await shop.answers(
            [{"requestName": "savePayment", "documentID": document, "sum": str(each)} for each in booked]
        )
        for answer, amount in zip(answers, booked, strict=True):
            payments[answer["records"][0]["paymentID"]] = amount.quantize(cent, ROUND_HALF_UP)
        first, *_, last = payments
        await pay(shop, paymentID=first, sum=str(changed))
        payments[first] = changed.quantize(cent, ROUND_HALF_UP)
        if deleted and last != first:
            await shop.records("deletePayment", paymentID=last)
            del payments[last]
        assert Decimal((await paid(shop, document))[0]) == sum(payments.values())

    @settings(max_examples=40, deadline=None)
    @given(st.lists(amounts, min_size=2, max_size=5), amounts, st.integers(0, 1))
    def booked(booked: list[Decimal], changed: Decimal, deleted: int) -> None:
        asyncio.run_coroutine_threadsafe(example(booked, changed, deleted), loop).result(timeout=30)

    await asyncio.to_thread(booked)


async def test_ways_of_payment(shop: Shop) -> None:
    """A way of payment is named by `type` or by `typeID`, its place in the list; the two must not disagree."""
    customer = await shop.customer()
    assert schemas.call_request("savePayment")["properties"]["type"]["enum"] == TYPES
    for number, name in enumerate(TYPES, start=1):
        for params in ({"type": name}, {"typeID": number}, {"type": name, "typeID": number}):
            record = await read(shop, await pay(shop, customerID=customer, **params))
            assert (record["type"], record["typeID"]) == (name, str(number))
            assert record["storeCredit"] == int(name == "CREDIT")
    for params, expected in (
        ({"type": "SHELLS"}, (1016, "type")),
        ({"type": "cash"}, (1016, "type")),
        ({"typeID": 8}, (1011, "typeID")),
        ({"type": "CASH", "typeID": 3}, (1013, "typeID")),
    ):
        assert await shop.error("savePayment", customerID=customer, **params) == expected
    payment = await pay(shop, customerID=customer, type="", typeID=0)
    assert (await read(shop, payment))["type"] == "TRANSFER"
    await pay(shop, paymentID=payment, typeID=1)
    assert (await read(shop, payment))["type"] == "CASH"


async def test_tax_rates_of_gift_cards(shop: Shop) -> None:
    """A payment that is no GIFTCARD is 1160 with a giftCardVatRateID; 0 says nothing."""
    customer = await shop.customer()
    error = (1160, "giftCardVatRateID")
    assert await shop.error("savePayment", customerID=customer, type="CASH", giftCardVatRateID=1) == error
    await pay(shop, customerID=customer, type="CASH", giftCardVatRateID=0)
    payment = await pay(shop, customerID=customer, type="GIFTCARD", giftCardVatRateID=1)
    assert await shop.error("savePayment", paymentID=payment, type="CASH") == error
    await pay(shop, paymentID=payment, type="CASH", giftCardVatRateID=0)
    assert (await read(shop, payment))["giftCardVatRateID"] == 0


async def test_unknown_currencies_are_the_accounts(shop: Shop) -> None:
    """A currency that is none becomes the account's, without an error; on an edit the payment keeps its own."""
    await shop.set(default_currency="SEK")
    payment = await pay(shop, customerID=await shop.customer(), currencyCode="crowns")
    assert (await read(shop, payment))["currencyCode"] == "SEK"
    await pay(shop, paymentID=payment, currencyCode="USD")
    await pay(shop, paymentID=payment, currencyCode="?")
    assert (await read(shop, payment))["currencyCode"] == "USD"


async def test_who_pays(shop: Shop) -> None:
    """The customer is the one named, else the document's; an edit that moves the payment takes the new document's."""
    first, second = await shop.customer(), await shop.customer()
    documents = [await sale(shop, customerID=first), await sale(shop, customerID=second)]
    assert (await read(shop, await pay(shop, documentID=documents[0], customerID=second)))["customerID"] == second
    payment = await pay(shop, documentID=documents[0], customerID=0)
    assert (await read(shop, payment))["customerID"] == first
    await pay(shop, paymentID=payment, sum=1, customerID="")
    assert (await read(shop, payment))["customerID"] == first
    await pay(shop, paymentID=payment, documentID=documents[1])
    assert (await read(shop, payment))["customerID"] == second
    await pay(shop, paymentID=payment, documentID=0)
    assert (await read(shop, payment))["customerID"] == second
    await pay(shop, paymentID=payment, documentID=documents[0], customerID=second)
    assert (await read(shop, payment))["customerID"] == second


async def test_when_it_was_paid(shop: Shop) -> None:
    """`added` is when the payment was made, and gives date and time in the shop's zone where they are not sent."""
    customer = await shop.customer()
    payment = await pay(shop, customerID=customer, added=NOW - 7_201)
    record = await read(shop, payment)
    assert (record["added"], record["date"], record["time"]) == (NOW - 7_201, "2025-12-31", "23:59:59")
    await pay(shop, paymentID=payment, date="2025-11-30", time="08:30", added=NOW + 1)
    record = await read(shop, payment)
    assert (record["added"], record["date"], record["time"]) == (NOW + 1, "2025-11-30", "08:30:00")
    latest = await read(shop, await pay(shop, customerID=customer, added=253_402_300_799))
    assert latest["added"] == 253_402_300_799


async def test_deleting(shop: Shop) -> None:
    """A payment that is there can be deleted, once; its number is not used again."""
    customer = await shop.customer()
    await pay(shop, customerID=customer)
    assert await shop.error("deletePayment") == (1010, "paymentID")
    assert await shop.error("deletePayment", paymentID=2) == (1011, "paymentID")
    assert await shop.error("deletePayment", paymentID=0) == (1016, "paymentID")
    answer = await shop.call("deletePayment", paymentID=1)
    assert (answer["records"], outcome(answer["status"])) == ([], (0, None))
    assert await shop.error("deletePayment", paymentID=1) == (1011, "paymentID")
    assert await shop.error("savePayment", paymentID=1, sum=1) == (1011, "paymentID")
    assert await shop.records("getPayments") == []
    assert await pay(shop, customerID=customer) == 2


async def test_a_document_with_payments_stays(shop: Shop) -> None:
    """A document with a payment cannot be deleted, in the same bulk either; without it, it can."""
    document = await sale(shop)
    answers = await shop.codes(
        [
            {"requestName": "savePayment", "documentID": document, "sum": 1},
            {"requestName": "deleteSalesDocument", "documentID": document},
            {"requestName": "deletePayment", "paymentID": 1},
            {"requestName": "deleteSalesDocument", "documentID": document},
        ]
    )
    assert answers == [0, 1022, 0, 0]
