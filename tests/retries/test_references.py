"""Named references: values that a sub-request takes from the answers before it."""

from typing import Any

import pytest

from erply_points.accounts import administration, rights
from erply_points.app import stores_of
from retries.keyed import (
    Reply,
    Request,
    balance,
    by_header,
    contents,
    earning,
    file_of,
    plain,
    receipt,
    redemption,
    send,
)
from support.client import Record
from support.shop import Shop

NEW: Record = {"requestName": "saveCustomer", "requestID": "new", "lastName": "Tamm"}


def referring(requests: list[Record], **top: Any) -> Request:
    return plain(requests, references=1, **top)


def to_new(request: Record, reference: str = "@{new.customerID}") -> Record:
    """The sub-request for the customer that the bulk makes."""
    return {**request, "customerID": reference}


async def outcomes(shop: Shop, requests: list[Record]) -> list[tuple[int, str | None]]:
    reply = await send(shop, referring(requests))
    return [(each["status"]["errorCode"], each["status"].get("errorField")) for each in reply.answers]


async def test_a_customer_a_sale_its_payment_and_a_redemption(shop: Shop) -> None:
    """One bulk makes a customer, sells to it, takes the payment, gives points and redeems on the sale."""
    reply = await send(
        shop,
        referring(
            [
                NEW,
                to_new(receipt(0)) | {"requestID": "sale"},
                {
                    "requestName": "savePayment",
                    "documentID": "@{sale.invoiceID}",
                    "type": "CASH",
                    "sum": "@{sale.total}",
                },
                to_new(earning(0, 50)),
                to_new(redemption(0, 60, invoiceID="CURRENT_INVOICE_ID")),
                to_new(redemption(0, 1, invoiceID="@{sale.invoiceID}")),
                to_new(balance(0)),
            ]
        ),
    )
    assert reply.codes == [0] * 7
    customer = reply.record(0)["customerID"]
    assert reply.record(6) == {"points": 18 + 50 - 61}
    (document,) = await shop.records("getSalesDocuments", clientID=customer)
    assert (document["paymentStatus"], document["paid"]) == ("PAID", "21.60")
    used = await shop.records("getUsedRewardPointRecords", customerID=customer)
    assert [each["invoiceID"] for each in used] == [document["id"]] * 2
    assert await shop.check() == []


async def test_only_where_the_bulk_says_so(shop: Shop) -> None:
    """Without `references=1` the text is a text, or not a number."""
    reply = await send(shop, plain([NEW, to_new(balance(0)), {**NEW, "notes": "@{new.customerID}"}]))
    assert reply.codes == [0, 1014, 0]
    customers = await shop.records("getCustomers")
    assert [each["notes"] for each in customers] == ["", "@{new.customerID}"]


@pytest.mark.parametrize(
    "text",
    [
        *("@{new.customerID} ", " @{new.customerID}", "@{new.customerID}\n", "@new.customerID", "{new.customerID}"),
        *("@{new}", "@{new.}", "@{.customerID}", "@{}", "@{new.records[0]}", "@{new.customerID"),
        *("@@{new.customerID}", "@{{new.customerID}}", "x @{new.customerID}", "@{new.customer-ID}", "@{new.1}"),
        "@{new.customerID}@{new.customerID}",
    ],
)
async def test_what_is_not_exactly_a_reference_is_text(shop: Shop, text: str) -> None:
    """Anything but exactly `@{NAME.field}` or `@{NAME.records[i].field}` stays as it was sent."""
    assert await outcomes(shop, [NEW, {**NEW, "requestID": 2, "notes": text}]) == [(0, None)] * 2
    assert [each["notes"] for each in await shop.records("getCustomers")] == ["", text]
    assert await outcomes(shop, [NEW, to_new(balance(0), text)]) == [(0, None), (1014, "customerID")]


@pytest.mark.parametrize(
    ("request_id", "name"),
    [
        *(("new", "new"), (7, "7"), ("7", "7"), (-1, "-1"), (1.5, "1.5"), (2**70, str(2**70))),
        *((name, name) for name in ("a.b", "with a blank", "õ€", "@", "[0]", "x" * 300)),
    ],
)
async def test_names(shop: Shop, request_id: Any, name: str) -> None:
    """A name is a requestID as text, whatever it looks like, braces excepted."""
    both = [{**NEW, "requestID": request_id}, to_new(balance(0), f"@{{{name}.customerID}}")]
    assert await outcomes(shop, both) == [(0, None)] * 2


async def test_the_nearest_before_it(shop: Shop) -> None:
    """Of several sub-requests of one name, the nearest before the reference is meant."""
    reply = await send(
        shop,
        referring(
            [
                {**NEW, "requestID": 1, "code": "one"},
                to_new(earning(0, 1), "@{1.customerID}"),
                {**NEW, "requestID": "1", "code": "two"},
                to_new(earning(0, 2), "@{1.customerID}"),
            ]
        ),
    )
    assert reply.codes == [0] * 4
    assert reply.record(1)["customerID"] == reply.record(0)["customerID"]
    assert reply.record(3)["customerID"] == reply.record(2)["customerID"] != reply.record(0)["customerID"]


async def test_records_of_a_list(shop: Shop) -> None:
    """`records[i]` is the i-th record of a listing, counted from 0; without it the first is meant."""
    first, second = await shop.customer(points=10), await shop.customer(points=20)
    listing = {"requestName": "getCustomers", "requestID": "all", "orderBy": "customerID", "orderByDir": "asc"}
    reply = await send(
        shop,
        referring(
            [
                listing,
                to_new(balance(0), "@{all.id}"),
                to_new(balance(0), "@{all.records[0].id}"),
                to_new(balance(0), "@{all.records[1].id}"),
                to_new(balance(0), "@{all.records[2].id}"),
            ]
        ),
    )
    assert reply.codes == [0, 0, 0, 0, 1016]
    assert [reply.record(place)["points"] for place in (1, 2, 3)] == [10, 10, 20]
    assert first < second


@pytest.mark.parametrize(
    "reference",
    [
        *(
            "@{later.customerID}",
            "@{nobody.customerID}",
            "@{self.customerID}",
            "@{New.customerID}",
            "@{None.customerID}",
        ),
        *("@{new.noSuchField}", "@{new.records[1].customerID}", "@{new.records[9999].customerID}", "@{sale.rows}"),
        *("@{new.records.customerID}", "@{new.records[-1].customerID}", "@{new.records[0].rows[0].rowID}"),
        "@{nothing.id}",
    ],
)
async def test_references_that_lead_nowhere(shop: Shop, reference: str) -> None:
    """Unknown and later names, missing records and fields, lists: 1016 of the parameter; all others are run."""
    bulk = [
        NEW,
        {**receipt(0), "requestID": "sale", "customerID": 0},
        {"requestName": "getPayments", "requestID": "nothing"},
        {"requestName": "saveCustomer", "lastName": "no name"},
        {**to_new(earning(0, 5), reference), "requestID": "self"},
        {**NEW, "requestID": "later"},
        to_new(balance(0), "@{later.customerID}"),
    ]
    assert await outcomes(shop, bulk) == [*[(0, None)] * 4, (1016, "customerID"), *[(0, None)] * 2]


async def test_of_several_wrong_references_the_first_is_named(shop: Shop) -> None:
    """One error per sub-request: the first reference that leads nowhere."""
    bulk = [NEW, to_new(redemption(0), "@{a.x}") | {"invoiceID": "@{b.x}"}]
    assert await outcomes(shop, bulk) == [(0, None), (1016, "customerID")]


async def test_a_source_that_failed(shop: Shop) -> None:
    """What refers to a failure is 1157, what refers to that is 1157 too, and everything else is run."""
    customer = await shop.customer(points=100)
    bulk = [
        {**receipt(customer, price1="x"), "requestID": "sale"},
        redemption(customer, 10, requestID="paid", invoiceID="@{sale.invoiceID}"),
        {"requestName": "editUsedRewardPointRecord", "transactionID": "@{paid.transactionID}", "description": "x"},
        redemption(customer, 7),
    ]
    assert await outcomes(shop, bulk) == [(1014, "price1"), (1157, "invoiceID"), (1157, "transactionID"), (0, None)]
    assert await shop.balance(customer) == 93


async def test_a_source_that_failed_goes_before_other_faults(shop: Shop) -> None:
    """A sub-request is checked when its values are known: 1157 comes before its own errors, 1016 of a name too."""
    bad = {"points": "many"}
    failed = {**receipt(0, price1="x"), "requestID": "sale"}
    assert await outcomes(shop, [failed, {**redemption(1), **bad, "invoiceID": "@{sale.invoiceID}"}]) == [
        (1014, "price1"),
        (1157, "invoiceID"),
    ]
    assert await outcomes(shop, [{**redemption(1), **bad, "invoiceID": "@{sale.invoiceID}"}]) == [(1016, "invoiceID")]


async def test_values_are_checked_as_if_they_had_been_sent(shop: Shop) -> None:
    """What comes by reference is held to the call's schema and to the account's records."""
    customer = await shop.customer(points=100, email="mari@example.com")
    listing = {"requestName": "getCustomers", "requestID": "mari"}
    bulk = [
        listing,
        {**redemption(customer, 1), "points": "@{mari.email}"},
        {**redemption(customer, 1), "points": "@{mari.groupID}"},
        {**redemption(customer, 1), "invoiceID": "@{mari.id}"},
        {**redemption(customer, 1), "description": "@{mari.email}"},
        {**NEW, "requestID": None, "lastName": "@{mari.added}"},
    ]
    assert await outcomes(shop, bulk) == [
        *((0, None), (1014, "points"), (1016, "points"), (1011, "invoiceID"), (0, None), (0, None)),
    ]
    assert (await shop.record("getUsedRewardPointRecords"))["description"] == "mari@example.com"
    assert (await shop.records("getCustomers"))[1]["lastName"] == str(int(shop.clock()))


async def test_types_of_values(shop: Shop) -> None:
    """Numbers in text, whole numbers, decimals and flags arrive as they would if sent."""
    customer = await shop.customer(points=100)
    await shop.record("saveSalesDocument", type="CASHINVOICE", customerID=customer, amount1=1, price1="0.1")
    bulk = [
        {"requestName": "getSalesDocuments", "requestID": "d"},
        {**receipt(customer), "price1": "@{d.netTotal}", "confirmInvoice": "@{d.confirmed}"},
        {"requestName": "savePayment", "documentID": "@{d.id}", "type": "CASH", "sum": "@{d.total}"},
    ]
    reply = await send(shop, referring(bulk))
    assert reply.codes == [0, 0, 0]
    assert (reply.record(1)["net"], reply.record(1)["invoiceNo"]) == (0.2, "100002")


async def test_a_listing_of_what_a_reference_says(shop: Shop) -> None:
    """Listings take references too, and see what the bulk has done so far."""
    bulk = [
        NEW,
        to_new(earning(0, 5)),
        {"requestName": "getEarnedRewardPointRecords", "customerID": "@{new.customerID}"},
        {"requestName": "getCustomerRewardPoints", "customerIDs": "@{new.customerID}"},
    ]
    reply = await send(shop, referring(bulk))
    assert reply.codes == [0] * 4
    assert reply.record(2)["earnedPoints"] == reply.record(3)["points"] == 5


async def test_rights_are_those_of_the_user(shop: Shop) -> None:
    """A reference gets nobody past a right, nor past a store that is not theirs."""
    south = (await shop.record("saveWarehouse", nameENG="South"))["warehouseID"]
    north = (await shop.record("saveWarehouse", nameENG="North"))["warehouseID"]
    limited = rights.make(["points.add"], [south])
    await administration.create_user(stores_of(shop.settings), shop.code, "limited", "secret", "", limited)
    await shop.log_in("limited")
    bulk = [
        NEW,
        to_new(earning(0, 5)),
        {"requestName": "getWarehouses", "requestID": "w", "warehouseID": north},
        {**receipt(0), "customerID": "@{new.customerID}", "warehouseID": "@{w.warehouseID}"},
    ]
    assert await outcomes(shop, bulk) == [(0, None), (1061, None), (0, None), (1064, "warehouseID")]


async def test_log_ins_take_no_references(shop: Shop) -> None:
    """A log-in cannot take values from other answers: 1016, and it is not tried."""
    user = {"requestName": "getSessionKeyUser", "requestID": "me"}
    log_in = {"requestName": "verifyUser", "username": "@{me.userName}", "password": "wrong"}
    for _ in range(6):
        assert await outcomes(shop, [user, log_in]) == [(0, None), (1016, "references")]
    await shop.log_in()


async def test_a_single_call_has_nothing_to_refer_to(shop: Shop) -> None:
    """In a single call every reference is 1016."""
    single = Request(None, top={"request": "getCustomerRewardPoints", "customerID": "@{new.id}", "references": 1})
    assert (await send(shop, single)).status == (1016, "customerID")


async def test_in_an_atomic_bulk(shop: Shop) -> None:
    """With `atomic` too, references work and a failure leaves nothing."""
    before = contents(file_of(shop))
    failed = await send(shop, referring([NEW, to_new(earning(0, 5)), to_new(redemption(0, 6))], atomic=1))
    assert failed.codes == [9001, 9001, 1042]
    assert contents(file_of(shop)) == before
    done = await send(shop, referring([NEW, to_new(earning(0, 5)), to_new(redemption(0, 5))], atomic=1))
    assert done.codes == [0, 0, 0]


async def test_fields_that_are_not_shown(shop: Shop) -> None:
    """A reference takes its value from the whole record, whatever `getFields` shows of it."""
    reply = await send(shop, referring([NEW, to_new(balance(0))], getFields="points"))
    assert (reply.codes, reply.record(0), reply.record(1)) == ([0, 0], {}, {"points": 0})


async def test_sent_again_with_a_key(shop: Shop) -> None:
    """Numbered as before, a bulk with references and a key is given its first answer."""
    request = by_header("k", [NEW, to_new(earning(0, 5))], references=1)
    first = await send(shop, request)
    assert first.codes == [0, 0]
    assert await send(shop, request) == Reply(first.body, "true")
    assert len(await shop.records("getCustomers")) == 1


async def test_names_are_content(shop: Shop) -> None:
    """Under a key, requestIDs that references call by name are content: with others it is another request."""
    bulk = [{**NEW, "requestID": "a", "code": "A"}, {**NEW, "requestID": "b", "code": "B"}]
    gift = to_new(earning(0, 5), "@{a.customerID}")
    first = await send(shop, by_header("k", [*bulk, gift], references=1))
    assert first.codes == [0, 0, 0]
    swapped = [{**bulk[0], "requestID": "b"}, {**bulk[1], "requestID": "a"}]
    assert (await send(shop, by_header("k", [*swapped, gift], references=1))).status == (1013, "idempotencyKey")
    assert await send(shop, by_header("k", [*bulk, gift], references=1)) == Reply(first.body, "true")


async def test_a_first_answer_is_a_source(shop: Shop) -> None:
    """Where requestIDs are unique, what was done before can be referred to as if it were done now."""
    await shop.set(unique_request_ids="1")
    made = await send(shop, referring([NEW]))
    reply = await send(shop, referring([NEW, to_new(earning(0, 5)) | {"requestID": "points"}]))
    assert (reply.codes, reply.replayed) == ([0, 0], "partial")
    assert reply.record(1)["customerID"] == made.record(0)["customerID"]
    again = await send(shop, referring([to_new(earning(0, 5)) | {"requestID": "points"}]))
    assert (again.codes, again.replayed) == ([0], "true")  # Its source need not come along.
    assert len(await shop.records("getCustomers")) == 1
