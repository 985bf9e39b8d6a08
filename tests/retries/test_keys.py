"""What carries a key is done once, and whoever sends it again is given the first answer, to the byte."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from retries.keyed import (
    KEYS,
    SALE_CHANGES,
    Keyed,
    Reply,
    Request,
    balance,
    by_field,
    by_header,
    by_request_ids,
    by_uuid,
    contents,
    earning,
    every_kind,
    file_of,
    plain,
    ready,
    receipt,
    redemption,
    sale,
    send,
    whole_kinds,
)
from support.shop import Shop


@every_kind
async def test_a_bulk_is_done_once(shop: Shop, kind: str) -> None:
    """However often it comes, also after other sales and in another session: done once, the first answer each time."""
    customer, keyed = await ready(shop, kind)
    request = keyed("k1", sale(customer))
    first = await send(shop, request)
    assert (first.codes, first.replayed) == ([0] * 6, None)
    before = contents(file_of(shop))
    for _ in range(2):
        assert await send(shop, request) == Reply(first.body, "true")
    assert contents(file_of(shop)) == before
    await send(shop, keyed("k2", sale(customer, 7)))
    await shop.log_in()
    assert await send(shop, request) == Reply(first.body, "true")
    assert await shop.balance(customer) == 1_000 + SALE_CHANGES + (18 - 7 + 5)
    assert await shop.check() == []


@every_kind
async def test_twenty_at_once(shop: Shop, kind: str) -> None:
    """Of twenty copies at the same time one is run; the others get its answer."""
    customer, keyed = await ready(shop, kind)
    replies = await asyncio.gather(*(send(shop, keyed("k", sale(customer))) for _ in range(20)))
    assert Counter(each.replayed for each in replies) == {None: 1, "true": 19}
    assert len({each.body for each in replies}) == 1
    assert await shop.balance(customer) == 1_000 + SALE_CHANGES
    assert len(await shop.records("getSalesDocuments")) == len(await shop.records("getPayments")) == 1
    assert await shop.check() == []


async def test_many_kinds_and_clients_at_once(shop: Shop) -> None:
    """Ten different sales with a key each, all sent five times in one crowd, are ten sales."""
    await shop.set(unique_request_ids="1")
    customer = await shop.customer(points=1_000)
    requests = [keyed(f"{kind}-{number}", sale(customer)) for kind, keyed in KEYS.items() for number in range(2)]
    replies = await asyncio.gather(*(send(shop, request) for request in requests * 5))
    for number in range(len(requests)):
        assert len({each.body for each in replies[number :: len(requests)]}) == 1
    assert Counter(each.replayed for each in replies) == {None: 10, "true": 40}
    assert await shop.balance(customer) == 1_000 + 10 * SALE_CHANGES
    assert await shop.check() == []


@pytest.mark.parametrize("kind", ["Idempotency-Key", "idempotencyKey"])
async def test_a_single_call_with_a_key(shop: Shop, kind: str) -> None:
    """A single redemption with a key is done once; its first answer shows the balance of then."""
    customer = await shop.customer(points=100)
    key: dict[str, Any] = {"idempotencyKey": "k"} if kind == "idempotencyKey" else {}
    headers = {} if key else {kind: "k"}
    single = Request(
        None, headers, {"request": "subtractCustomerRewardPoints", "customerID": customer, "points": 30, **key}
    )
    first = await send(shop, single)
    assert first.answer["records"][0]["remainingPoints"] == 70
    await shop.record("addCustomerRewardPoints", customerID=customer, points=5)
    assert await send(shop, single) == Reply(first.body, "true")
    assert await shop.balance(customer) == 75


@pytest.mark.parametrize("name", ["temporaryUUID", "source-uuid"])
async def test_a_single_document_with_a_uuid(shop: Shop, name: str) -> None:
    """A document that is saved alone and sent again is answered with its own first number."""
    uuid = {"temporaryUUID": "u"} if name == "temporaryUUID" else {"attributeName3": name, "attributeValue3": "u"}
    single = Request(None, top={"request": "saveSalesDocument", "amount1": 1, "price1": 5, **uuid})
    first = await send(shop, single)
    assert first.status == (0, None)
    assert await send(shop, single) == Reply(first.body, "true")
    assert len(await shop.records("getSalesDocuments")) == 1


CHANGED: dict[str, Any] = {
    "a parameter": lambda requests: [*requests[:3], {**requests[3], "points": 31}, *requests[4:]],
    "a parameter more": lambda requests: [*requests[:5], {**requests[5], "lang": "est"}],
    "a sub-request more": lambda requests: [*requests, balance(1)],
    "a sub-request less": lambda requests: requests[:-1],
    "another order": lambda requests: [*requests[:4], requests[5], requests[4]],
    "another call": lambda requests: [*requests[:5], {**requests[5], "requestName": "getUsedRewardPointRecords"}],
}


@whole_kinds
@pytest.mark.parametrize("change", CHANGED)
async def test_other_content_is_refused(shop: Shop, kind: str, change: str) -> None:
    """A key that comes with anything else is refused, naming its parameter, and nothing of it is run."""
    customer, keyed = await ready(shop, kind)
    first = await send(shop, keyed("k", sale(customer)))
    before = contents(file_of(shop))
    refused = await send(shop, keyed("k", CHANGED[change](sale(customer))))
    field = "temporaryUUID" if "uuid" in kind.lower() else "idempotencyKey"
    assert refused.status == (1206 if field == "temporaryUUID" else 1013, field)
    assert "requests" not in refused.answer
    assert refused.replayed is None
    assert contents(file_of(shop)) == before
    assert await send(shop, keyed("k", sale(customer))) == Reply(first.body, "true")


@pytest.mark.parametrize("switch", ["atomic", "references"])
async def test_a_switch_is_content(shop: Shop, switch: str) -> None:
    """The same bulk with another `atomic` or `references` would be done in another way, so it is other content."""
    customer = await shop.customer(points=100)
    await send(shop, by_header("k", [redemption(customer)]))
    assert (await send(shop, by_header("k", [redemption(customer)], **{switch: 1}))).status == (1013, "idempotencyKey")
    assert (await send(shop, by_header("k", [redemption(customer)], **{switch: 0}))).replayed == "true"


async def test_a_request_id_with_other_content_is_refused(shop: Shop) -> None:
    """Where no requestID is used twice, one that comes with other content stops its whole bulk."""
    await shop.set(unique_request_ids="1")
    customer = await shop.customer(points=100)
    await send(shop, plain([redemption(customer, 1, requestID=7)]))
    new = redemption(customer, 2, requestID=8)
    refused = await send(shop, plain([new, redemption(customer, 3, requestID=7)]))
    assert refused.status == (1013, "requestID")
    assert (await send(shop, plain([redemption(customer, 4, requestID=9), new, {**new, "points": 5}]))).status == (
        1013,
        "requestID",
    )
    assert await shop.balance(customer) == 99
    assert (await send(shop, plain([redemption(customer, 3, requestID="7")]))).codes == [0]  # Text is no number.


@pytest.mark.parametrize("kind", ["Idempotency-Key", "temporaryUUID"])
async def test_what_is_no_content(shop: Shop, kind: str) -> None:
    """Attempts may be numbered anew, come from another user, in another version, encoding or form of answer."""
    customer, keyed = await ready(shop, kind)
    request = keyed("k", sale(customer))
    assert request.requests is not None
    first = await send(shop, request)
    renumbered = [{**each, "requestID": number} for number, each in enumerate(request.requests)]
    again = await send(shop, Request(renumbered, request.headers, {"version": "2.0", "sendContentType": 1}))
    assert again.replayed == "true"
    assert [each["status"]["requestID"] for each in again.answers] == list(range(6))
    assert [each["records"] for each in again.answers] == [each["records"] for each in first.answers]
    in_xml = await shop.http.post("/api/", data={**request.form(shop), "responseType": "XML"}, headers=request.headers)
    assert in_xml.headers["content-type"] == "application/xml; charset=UTF-8"
    assert in_xml.headers["idempotency-replayed"] == "true"
    assert f"<invoiceNo>{first.record(0)['invoiceNo']}</invoiceNo>" in in_xml.text
    as_json = {"clientCode": shop.code, "sessionKey": shop.key, "requests": request.requests}
    in_json = await shop.http.post("/api/", json=as_json, headers=request.headers)
    assert in_json.headers["idempotency-replayed"] == "true"
    assert await shop.balance(customer) == 1_000 + SALE_CHANGES


async def test_the_header_goes_before_the_field(shop: Shop) -> None:
    """Where both are sent the header is the key; in quotes, as its draft writes it, it is the same key."""
    customer = await shop.customer(points=100)
    bulk = [redemption(customer)]
    await send(shop, Request(bulk, {"Idempotency-Key": '"h"'}, {"idempotencyKey": "f"}))
    assert (await send(shop, by_header("h", bulk))).replayed == "true"
    assert (await send(shop, by_field("f", bulk))).replayed is None
    assert (await send(shop, by_field("h", bulk))).replayed == "true"
    assert await shop.balance(customer) == 40


@pytest.mark.parametrize(
    "request_of",
    [
        lambda bulk: by_uuid("u", bulk),
        lambda bulk: by_header("k", by_uuid("u", bulk).requests or []),
        lambda bulk: by_header("another", by_uuid("u", bulk).requests or []),
    ],
    ids=["the UUID alone", "both", "the UUID and a new header"],
)
async def test_a_retry_is_found_by_any_of_its_keys(shop: Shop, request_of: Any) -> None:
    """A bulk that came with two keys is known by either."""
    customer = await shop.customer(points=100)
    first = await send(shop, by_header("k", by_uuid("u", sale(customer)).requests or []))
    assert await send(shop, request_of(sale(customer))) == Reply(first.body, "true")
    assert await shop.balance(customer) == 100 + SALE_CHANGES


async def test_a_known_uuid_is_refused_under_a_new_header(shop: Shop) -> None:
    """A new Idempotency-Key does not let a document be made twice: the content differs, so nothing is run."""
    customer = await shop.customer(points=100)
    await send(shop, by_uuid("u", sale(customer)))
    other = by_header("new", [*(by_uuid("u", sale(customer)).requests or []), earning(customer, 1)])
    assert (await send(shop, other)).status == (1206, "temporaryUUID")
    assert await shop.balance(customer) == 100 + SALE_CHANGES


async def test_two_documents_in_one_bulk(shop: Shop) -> None:
    """Each of the UUIDs of a bulk stands for the whole bulk; one that comes alone is other content."""
    customer = await shop.customer(points=100)
    bulk = [receipt(customer, temporaryUUID="a"), receipt(customer, temporaryUUID="b"), redemption(customer)]
    first = await send(shop, plain(bulk))
    assert await send(shop, plain(bulk)) == Reply(first.body, "true")
    assert (await send(shop, plain(bulk[:1]))).status == (1206, "temporaryUUID")
    assert (await send(shop, plain([*bulk[1:], *bulk[:1]]))).status == (1206, "temporaryUUID")
    assert len(await shop.records("getSalesDocuments")) == 2


async def test_a_uuid_twice_in_one_bulk(shop: Shop) -> None:
    """The second document of one UUID is 1206 in its own place, what depends on it 1158, and a retry says so again."""
    customer = await shop.customer(points=100)
    one = receipt(customer, temporaryUUID="a")
    bulk = [one, one, redemption(customer, invoiceID="CURRENT_INVOICE_ID"), redemption(customer, 1)]
    first = await send(shop, plain(bulk))
    assert first.codes == [0, 1206, 1158, 0]
    assert await send(shop, plain(bulk)) == Reply(first.body, "true")
    assert await shop.balance(customer) == 100 + 18 - 1


async def test_an_edit_is_no_new_document(shop: Shop) -> None:
    """A temporaryUUID beside an `id` is no key: edits are run each time, as before."""
    made = await shop.record("saveSalesDocument", amount1=1, price1=5, temporaryUUID="u")
    edit = {"requestName": "saveSalesDocument", "id": int(made["invoiceID"]), "temporaryUUID": "u"}
    for notes in ("a", "b", "a"):
        edited = await send(shop, plain([{**edit, "notes": notes}]))
        assert (edited.codes, edited.replayed) == ([0], None)
        assert (await shop.record("getSalesDocuments"))["notes"] == notes


@pytest.mark.parametrize("no_id", [0, "0", "", None, "00"])
async def test_a_document_of_id_0_is_new(shop: Shop, no_id: Any) -> None:
    """Clients that send every parameter as text say `id=0` of a new document: its UUID is a key all the same."""
    customer = await shop.customer(points=100)
    request = by_uuid("u", sale(customer, id=no_id))
    first = await send(shop, request)
    assert first.codes == [0] * 6
    assert await send(shop, request) == Reply(first.body, "true")


async def test_without_a_key_it_is_done_again(shop: Shop) -> None:
    """Two equal coffees are two sales; empty keys are none; requestIDs are none unless the account says so."""
    customer = await shop.customer(points=1_000)
    requests = [
        plain(sale(customer)),
        by_header("", sale(customer)),
        by_header('""', sale(customer)),
        by_field("", sale(customer)),
        by_uuid("", sale(customer)),
        by_request_ids("id", sale(customer)),
        plain([redemption(customer, 1, requestID="")]),
    ]
    for request in requests:
        for _ in range(2):
            assert (await send(shop, request)).replayed is None
    assert await shop.balance(customer) == 1_000 + 12 * SALE_CHANGES - 2


@pytest.mark.parametrize("key", ["x" * 256, "a\tb", "\x7f"])
async def test_what_is_no_key(shop: Shop, key: str) -> None:
    """A key of more than 255 characters, or with control characters, is 1014 and nothing is run; 255 will do."""
    customer = await shop.customer(points=100)
    for request in (by_field(key, [redemption(customer)]), by_header(key, [redemption(customer)])):
        assert (await send(shop, request)).status == (1014, "idempotencyKey")
    assert await shop.balance(customer) == 100
    longest = by_field("ä" * 255, [redemption(customer)])
    assert [(await send(shop, longest)).replayed for _ in range(2)] == [None, "true"]


@pytest.mark.parametrize("value", [["a"], {"a": 1}, True, 1.5])
async def test_a_key_is_text(shop: Shop, value: Any) -> None:
    """In a JSON body too the key is text (or a whole number, as its digits); anything else is 1014."""
    customer = await shop.customer(points=100)
    body = {"clientCode": shop.code, "sessionKey": shop.key, "requests": [redemption(customer)]}
    answer = (await shop.http.post("/api/", json={**body, "idempotencyKey": value})).json()
    assert (answer["status"]["errorCode"], answer["status"]["errorField"]) == (1014, "idempotencyKey")
    await shop.http.post("/api/", json={**body, "idempotencyKey": 17})
    assert (await send(shop, by_header("17", [redemption(customer)]))).replayed == "true"
    assert await shop.balance(customer) == 70


STRANGE = ["a\0b", "a b", "ä", "'", "x" * 200, "a,b", "%00"]


@pytest.mark.parametrize("uuid", STRANGE)
@pytest.mark.parametrize("keyed", [KEYS["temporaryUUID"], KEYS["source-uuid"]], ids=["temporaryUUID", "source-uuid"])
async def test_a_uuid_of_the_wrong_form_harms_nothing(shop: Shop, keyed: Keyed, uuid: str) -> None:
    """A document refused for its UUID leaves the rest of the bulk standing, and sending it again does no harm."""
    customer = await shop.customer(points=100)
    request = keyed(uuid, [receipt(customer), redemption(customer, 1)])
    first = await send(shop, request)
    assert (first.status, first.codes[1]) == ((0, None), 0)
    again = await send(shop, request)
    assert (again.status, again.codes[1]) == ((0, None), 0)


async def test_erplys_ways(shop: Shop) -> None:
    """With `retry=erply` a UUID sent again is 1206, what depends on it 1158, the rest is run; headers still replay."""
    await shop.set(retry="erply")
    customer = await shop.customer(points=1_000)
    request = by_uuid("u", sale(customer))
    assert (await send(shop, request)).codes == [0] * 6
    again = await send(shop, request)
    assert (again.codes, again.replayed) == ([1206, 0, 1158, 1158, 0, 0], None)
    assert again.answers[0]["status"]["errorField"] == "temporaryUUID"
    assert await shop.balance(customer) == 1_000 + SALE_CHANGES + 5
    with_both = by_header("k", by_uuid("v", sale(customer)).requests or [])
    first = await send(shop, with_both)
    assert await send(shop, with_both) == Reply(first.body, "true")
    assert (await send(shop, by_uuid("v", sale(customer)))).codes == [1206, 0, 1158, 1158, 0, 0]


async def test_a_change_of_ways(shop: Shop) -> None:
    """What was first sent in Erply's ways has no first answer later: 1206 and 1158, and nothing is done twice."""
    await shop.set(retry="erply")
    customer = await shop.customer(points=100)
    request = by_uuid("u", [receipt(customer), redemption(customer, invoiceID="CURRENT_INVOICE_ID")])
    await send(shop, request)
    await shop.set(retry="replay")
    assert (await send(shop, request)).codes == [1206, 1158]
    await shop.set(retry="erply")
    assert (await send(shop, request)).codes == [1206, 1158]


async def test_keys_of_different_kinds_never_meet(shop: Shop) -> None:
    """The same text as header, UUID and requestID is three keys, and another account's is its own."""
    await shop.set(unique_request_ids="1")
    neighbour = await shop.neighbour()
    for account in (shop, neighbour):
        customer = await account.customer(points=100)
        bulks = [
            by_header("same", [redemption(customer, 1)]),
            plain([receipt(customer, temporaryUUID="same")]),
            plain([redemption(customer, 2, requestID="same")]),
            plain([redemption(customer, 3, requestID="key:same")]),
        ]
        assert [(await send(account, bulk)).replayed for bulk in bulks] == [None] * 4
        assert await account.balance(customer) == 100 + 18 - 6


async def test_large_and_odd_content(shop: Shop) -> None:
    """Numbers beyond 64 bits, deep lists and any text can be content; equal content is found equal."""
    customer = await shop.customer(points=100)
    odd: dict[str, Any] = {"unknown": 2**70, "nested": [[{"a": [None, True, 0.1]}]], "text": "\u2028õ\x00"}
    request = by_header("k", [redemption(customer, **odd, requestID=2**80)])
    first = await send(shop, request)
    assert first.codes == [0]
    assert await send(shop, request) == Reply(first.body, "true")
    other = by_header("k", [redemption(customer, **{**odd, "unknown": 2**70 + 1})])
    assert (await send(shop, other)).status == (1013, "idempotencyKey")
