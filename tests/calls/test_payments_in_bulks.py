"""Payments in bulks: the current invoice, what is sent twice, and the order of checks."""

from bulk.sending import post_call
from bulk.test_current_invoice import BAD_SALE, SALE, Setting, both, found
from bulk.test_order_of_checks import walk
from calls.paying import paid, pay, read, sale
from support.shop import Shop


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
