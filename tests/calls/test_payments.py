"""Payments: what they say, and what their document shows as paid."""

import asyncio
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.sending import outcome, post_call
from bulk.test_current_invoice import BAD_SALE, SALE, Setting, both, found
from bulk.test_order_of_checks import walk
from calls.test_stored_fields import distinct
from erply_points import schemas
from support.shop import Shop

NOW = 1_767_225_600
"""2026-01-01 00:00:00 UTC, two in the morning in Tallinn."""

TYPES = ["CASH", "TRANSFER", "CARD", "CREDIT", "GIFTCARD", "CHECK", "TIP"]


async def sale(shop: Shop, **params: Any) -> int:
    """A sale of 12.00 with tax."""
    saved = await shop.record("saveSalesDocument", **{"type": "CASHINVOICE", "amount1": 1, "price1": 10, **params})
    return int(saved["invoiceID"])


async def pay(shop: Shop, **params: Any) -> int:
    saved = await shop.record("savePayment", **params)
    assert list(saved) == ["paymentID"]
    assert type(saved["paymentID"]) is int
    payment_id: int = saved["paymentID"]
    return payment_id


async def read(shop: Shop, payment_id: int) -> dict[str, Any]:
    return await shop.record("getPayments", paymentID=payment_id)


async def paid(shop: Shop, document_id: int) -> tuple[str, str]:
    record = await shop.record("getSalesDocuments", id=document_id)
    return record["paid"], record["paymentStatus"]


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


async def test_the_same_key_pays_once(shop: Shop) -> None:
    """A new payment with a temporaryUUID of the last day is 1206 and changes nothing; the day after it is a new one."""
    document = await sale(shop, temporaryUUID="u-1")
    booking = {"documentID": document, "sum": 5, "temporaryUUID": "u-1"}
    payment = await pay(shop, **booking)
    duplicate = (1206, "temporaryUUID")
    assert await shop.error("savePayment", **booking) == duplicate
    await pay(shop, paymentID=payment, info="x", temporaryUUID="u-1")
    assert await shop.codes([{"requestName": "savePayment", **booking}] * 2) == [1206] * 2
    assert (await paid(shop, document))[0] == "5.00"
    assert "temporaryUUID" not in await read(shop, payment)
    shop.clock.advance(86_399)
    await shop.log_in()
    assert await shop.error("savePayment", **booking) == duplicate
    shop.clock.advance(1)
    await pay(shop, **booking)
    assert (await paid(shop, document))[0] == "10.00"
    assert await shop.check() == []


async def test_equal_payments_are_two(shop: Shop) -> None:
    """Two equal payments without a key are two payments."""
    document = await sale(shop)
    for _ in range(2):
        await pay(shop, documentID=document, sum=6)
    assert await paid(shop, document) == ("12.00", "PAID")


@both
async def test_the_current_invoice(shop: Shop, setting: Setting) -> None:
    """CURRENT_INVOICE_ID is the sale before it in the bulk, whose customer pays."""
    await shop.set(failed_invoice=setting)
    customer = await shop.customer()
    booking = {"requestName": "savePayment", "documentID": "CURRENT_INVOICE_ID", "sum": 12}
    sold = {**SALE, "customerID": customer}
    assert await found(shop, [sold, booking, SALE, {**booking, "sum": 1}]) == [(0, None)] * 4
    records = await shop.records("getPayments")
    assert [(each["documentID"], each["customerID"]) for each in records] == [(1, customer), (2, 0)]
    assert (await paid(shop, 1), await paid(shop, 2)) == (("12.00", "PAID"), ("1.00", "UNPAID"))
    assert await found(shop, [booking, SALE]) == [(1016, "documentID"), (0, None)]
    assert await post_call(shop, "savePayment", documentID="CURRENT_INVOICE_ID") == (1016, "documentID")


@both
async def test_the_current_invoice_failed(shop: Shop, setting: Setting) -> None:
    """After a failed invoice a payment is stored without document and customer, or refused, as the account says."""
    await shop.set(failed_invoice=setting)
    customer = await shop.customer()
    booking = {"requestName": "savePayment", "documentID": "CURRENT_INVOICE_ID", "sum": 12}
    answers = await found(shop, [SALE, BAD_SALE, booking, {**booking, "customerID": customer}])
    assert answers[1] == (1014, "price1")
    records = await shop.records("getPayments")
    if setting == "execute":
        assert answers[2:] == [(0, None)] * 2
        assert [(each["documentID"], each["customerID"]) for each in records] == [(0, 0), (0, customer)]
    else:
        assert answers[2:] == [(1157, "documentID")] * 2
        assert records == []
    assert (await paid(shop, 1))[0] == "0.00"


async def test_a_repeated_invoice_is_paid_once(shop: Shop) -> None:
    """A bulk of sale and payment that is sent again changes nothing."""
    bulk = [
        {**SALE, "temporaryUUID": "x"},
        {"requestName": "savePayment", "documentID": "CURRENT_INVOICE_ID", "sum": 12},
    ]
    assert await found(shop, bulk) == [(0, None)] * 2
    assert await found(shop, bulk) == [(0, None)] * 2
    await shop.set(retry="erply")
    assert await found(shop, bulk) == [(1206, "temporaryUUID"), (1158, "documentID")]
    assert await paid(shop, 1) == ("12.00", "PAID")


async def test_order_of_checks(shop: Shop) -> None:
    """Required, format, value, the key, references, contradictions, then the rest."""
    customer = await shop.customer()
    document = await sale(shop)
    await pay(shop, documentID=document, temporaryUUID="used")
    await walk(
        shop,
        "savePayment",
        [
            (
                {"sum": "x", "type": "SHELLS", "date": "2026-02-30", "temporaryUUID": "used", "giftCardVatRateID": 1},
                (1010, "documentID"),
            ),
            ({"documentID": 99, "customerID": 98}, (1014, "date")),
            ({"date": "2026-02-28"}, (1014, "sum")),
            ({"sum": 1}, (1016, "type")),
            ({"type": "CASH", "typeID": 9}, (1206, "temporaryUUID")),
            ({"temporaryUUID": "new"}, (1011, "documentID")),
            ({"documentID": document}, (1011, "customerID")),
            ({"customerID": customer}, (1011, "typeID")),
            ({"typeID": 2}, (1013, "typeID")),
            ({"typeID": 1}, (1160, "giftCardVatRateID")),
            ({"giftCardVatRateID": 0}, (0, None)),
            ({}, (1206, "temporaryUUID")),
            ({"paymentID": 9}, (1011, "paymentID")),
        ],
    )


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


ALL = [1, 2, 3, 4]
FILTERS: dict[str, list[tuple[Any, list[int]]]] = {
    "paymentID": [(2, [2]), (9, []), (0, ALL)],
    "paymentIDs": [("4, 2,9", [2, 4]), ("", ALL)],
    "customerID": [(2, [3, 4]), (9, [])],
    "documentID": [(1, [1, 2]), (2, [3]), (0, ALL)],
    "documentIDs": [("1,2", [1, 2, 3]), ("9", [])],
    "dateFrom": [("2026-01-02", [2, 3, 4]), ("2026-01-04", [4]), ("0000-00-00", ALL)],
    "dateTo": [("2026-01-02", [1, 2]), ("2025-12-31", []), ("0000-00-00", ALL), ("", ALL)],
    "type": [("CASH", [1]), ("SHELLS", []), ("", ALL)],
    "typeID": [(1, [1]), (5, [3]), (8, []), (0, ALL)],
    "giftCardVatRateID": [(1, [3]), (0, ALL)],
    "excludeStoreCreditPayments": [(1, [1, 3, 4]), (0, ALL)],
    "archivalNumber": [("A-1", [4]), ("A", [])],
    "searchAttributeName": [("a", [])],
    "changedSince": [(NOW + 30, [1, 4]), (NOW + 41, []), (0, ALL)],
    "recordsOnPage": [(3, [1, 2, 3]), (1_000, ALL), (0, ALL)],
    "pageNo": [(0, ALL), (2, [])],
}


async def test_every_filter(shop: Shop) -> None:
    """Each filter that the schema names finds exactly the payments that fit, bounds included."""
    customers = [await shop.customer(), await shop.customer()]
    documents = [await sale(shop, customerID=customer) for customer in customers]
    payments: list[dict[str, Any]] = [
        {"documentID": documents[0], "type": "CASH"},
        {"documentID": documents[0], "type": "CREDIT", "attributeName1": "a", "attributeValue1": "b"},
        {"documentID": documents[1], "type": "GIFTCARD", "giftCardVatRateID": 1},
        {"customerID": customers[1], "archivalNumber": "A-1"},
    ]
    for day, payment in enumerate(payments, start=1):
        await pay(shop, **payment, date=f"2026-01-0{day}")
        shop.clock.advance(10)
    await pay(shop, paymentID=1, info="later")
    used = {name for name, each in schemas.call_request("getPayments")["properties"].items() if each["x-use"] == "used"}
    assert used == {*FILTERS, "searchAttributeValue"}
    wrong = []
    for name, cases in FILTERS.items():
        for value, expected in cases:
            numbers = [record["paymentID"] for record in await shop.records("getPayments", **{name: value})]
            if numbers != expected:
                wrong.append((name, value, numbers, expected))
    assert wrong == []
    with_attribute = await shop.records("getPayments", searchAttributeName1="a", searchAttributeValue1="b")
    assert [record["paymentID"] for record in with_attribute] == [2]


async def test_paging(shop: Shop) -> None:
    """20 on a page by default, 100 at most, each payment on exactly one page, and the total is exact."""
    customer = await shop.customer()
    booking = {"requestName": "savePayment", "customerID": customer, "sum": 1}
    for _ in range(2):
        await shop.answers([booking] * 60)
    answer = await shop.call("getPayments")
    assert (answer["status"]["recordsTotal"], answer["status"]["recordsInResponse"]) == (120, 20)
    numbers = []
    for page in (1, 2, 3):
        numbers += [each["paymentID"] for each in await shop.records("getPayments", recordsOnPage=500, pageNo=page)]
    assert numbers == list(range(1, 121))


async def test_another_accounts_payments(shop: Shop) -> None:
    """A payment of one account is unknown to another."""
    other = await shop.neighbour()
    await pay(other, customerID=await other.customer())
    assert await shop.records("getPayments") == []
    assert await shop.error("deletePayment", paymentID=1) == (1011, "paymentID")
