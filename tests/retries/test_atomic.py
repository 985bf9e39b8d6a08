"""Atomic bulks: all of it is kept or nothing, and the answers say which."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.every_call import some_of_everything
from erply_points.store.unit_of_work import UnitOfWork
from retries.bulks import BULKS
from retries.keyed import (
    Reply,
    Request,
    balance,
    by_header,
    by_uuid,
    contents,
    copy,
    earning,
    examples,
    file_of,
    in_a_shop,
    plain,
    receipt,
    redemption,
    sale,
    send,
)
from support.client import Record
from support.shop import Shop


async def test_where_all_succeed_it_is_as_any_bulk(shop: Shop) -> None:
    """An atomic bulk without a failure is answered as it would be without the word."""
    customer = await shop.customer(points=100)
    other = copy(shop)
    done = await send(shop, plain(sale(customer), atomic=1))
    assert done == await send(other, plain(sale(customer), atomic=0))
    assert done.codes == [0] * 6
    assert contents(file_of(shop)) == contents(file_of(other))


@pytest.mark.parametrize("position", range(4))
async def test_a_failure_anywhere(shop: Shop, position: int) -> None:
    """The one that fails keeps its code, all others before and behind it are 9001, the whole is 9001."""
    customer = await shop.customer(points=100)
    requests = [receipt(customer), redemption(customer, 1), earning(customer, 1)]
    requests.insert(position, redemption(customer, 5_000))
    before = contents(file_of(shop))
    failed = await send(shop, plain([{**each, "requestID": n} for n, each in enumerate(requests)], atomic=1))
    assert failed.codes == [1042 if number == position else 9001 for number in range(4)]
    assert [each["status"]["requestID"] for each in failed.answers] == [0, 1, 2, 3]
    status = failed.answer["status"]
    assert (status["responseStatus"], status["errorCode"], status["errorField"]) == ("error", 9001, None)
    others = [each for each in failed.answers if each["status"]["errorCode"] == 9001]
    assert {each["status"]["errorMessage"] for each in (failed.answer, *others)} == {
        f"Not kept: sub-request {position + 1} failed."
    }
    assert all(each["records"] is None and not each["status"]["recordsTotal"] for each in failed.answers)
    assert contents(file_of(shop)) == before


FAILING: dict[str, tuple[Record, int]] = {
    "an unknown call": ({"requestName": "noSuchCall"}, 1005),
    "a parameter of the wrong form": (redemption(1, points="many"), 1014),
    "an unknown customer": (redemption(99), 1011),
    "a reading call": (balance(99), 1011),
    "a duplicate": (receipt(1, temporaryUUID="u"), 1206),
    "the placeholder without an invoice": (redemption(1, 1, invoiceID="CURRENT_INVOICE_ID"), 1016),
}


@pytest.mark.parametrize("failing", FAILING)
async def test_every_failure_counts(shop: Shop, failing: str) -> None:
    """Whatever fails, found before the run or in it, a reading call or not: nothing is kept."""
    assert await shop.customer(points=100) == 1
    await shop.set(retry="erply")
    await send(shop, plain([receipt(1, temporaryUUID="u")]))
    request, code = FAILING[failing]
    before = contents(file_of(shop))
    assert (await send(shop, plain([redemption(1, 2), request, earning(1, 2)], atomic=1))).codes == [9001, code, 9001]
    assert contents(file_of(shop)) == before


async def test_the_first_failure_is_the_one_that_counts(shop: Shop) -> None:
    """What stands behind the first failure is not run, so it has no code of its own."""
    customer = await shop.customer(points=100)
    failed = await send(shop, plain([redemption(customer, 500), redemption(99), {"requestName": "x"}], atomic=1))
    assert failed.codes == [1042, 9001, 9001]


async def test_numbers_and_ids_are_free_again(shop: Shop) -> None:
    """A failed atomic bulk has used up no ID and no invoice number."""
    customer = await shop.customer(points=100)
    for _ in range(3):
        await send(shop, plain([receipt(customer), redemption(customer, 5_000)], atomic=1))
    saved = await shop.record("saveSalesDocument", customerID=customer, amount1=1, price1=5)
    assert (saved["invoiceID"], saved["invoiceNo"], saved["rows"][0]["rowID"]) == ("1", "100001", 1)


MADE_AND_DELETED: dict[str, list[Record]] = {
    "a document": [receipt(1), {"requestName": "deleteSalesDocument", "documentID": 1}],
    "a document with its number": [receipt(1, invoiceNo=5), {"requestName": "deleteSalesDocument", "documentID": 1}],
    "a customer": [
        {"requestName": "saveCustomer", "lastName": "Tamm", "customerCardNumber": "C1"},
        {"requestName": "deleteCustomer", "customerID": 2},
    ],
    "a payment": [
        receipt(1),
        {"requestName": "savePayment", "documentID": 1, "type": "CASH", "sum": 1},
        {"requestName": "deletePayment", "paymentID": 1},
    ],
    "a sale and its return": [
        receipt(1),
        {**receipt(1), "type": "CREDITINVOICE", "creditToDocumentID": 1, "amount1": -1},
        {"requestName": "deleteSalesDocument", "documentID": 2},
        {"requestName": "deleteSalesDocument", "documentID": 1},
    ],
    "a coupon": [
        {"requestName": "saveCoupon", "name": "One"},
        {"requestName": "saveIssuedCoupon", "couponID": 1, "uniqueIdentifier": "1111"},
        {"requestName": "redeemIssuedCoupon", "uniqueIdentifier": "1111", "invoiceID": 0},
        {"requestName": "saveCoupon", "name": "Two"},
        {"requestName": "deleteCoupon", "couponID": 2},
    ],
    "an earning": [
        earning(1, 5),
        {"requestName": "editEarnedRewardPointRecord", "transactionID": 2, "expiryUnixTime": 1_900_000_000},
        redemption(1, 102),
    ],
}


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("what", MADE_AND_DELETED)
async def test_what_was_made_and_deleted_is_undone(shop: Shop, what: str, listed: bool) -> None:
    """What came, changed and went within the bulk is undone as well, also where a listing came between."""
    assert await shop.customer(points=100) == 1
    steps = MADE_AND_DELETED[what]
    if listed:
        steps = [each for step in steps for each in (step, {"requestName": "getCustomers"})]
    assert (await send(copy(shop), plain(steps, atomic=1))).codes == [0] * len(steps)
    before = contents(file_of(shop))
    for _ in range(2):
        failed = await send(shop, plain([*steps, redemption(99)], atomic=1))
        assert failed.codes == [9001] * len(steps) + [1011]
        assert contents(file_of(shop)) == before
    assert (await send(shop, plain(steps, atomic=1))).codes == [0] * len(steps)
    assert await shop.check() == []


async def test_a_failed_bulk_can_be_mended_under_its_keys(shop: Shop) -> None:
    """Nothing of a failed atomic bulk is remembered: corrected, it is done once, as any bulk with a key."""
    customer = await shop.customer(points=10)
    bulk = by_uuid("u", [receipt(customer), redemption(customer, 40, invoiceID="CURRENT_INVOICE_ID")]).requests
    assert bulk is not None
    failed = by_header("k", bulk, atomic=1)
    for _ in range(2):
        assert (await send(shop, failed)).codes == [9001, 1042]
    assert contents(file_of(shop))["kept_answers"] == []
    mended = by_header("k", [bulk[0], {**bulk[1], "points": 20}], atomic=1)
    first = await send(shop, mended)
    assert (first.codes, first.replayed) == ([0, 0], None)
    assert await send(shop, mended) == Reply(first.body, "true")
    assert await shop.balance(customer) == 10 + 18 - 20


async def test_a_single_call_is_atomic_anyway(shop: Shop) -> None:
    """`atomic` on a single call changes nothing: it keeps its own code."""
    customer = await shop.customer(points=10)
    params = {"request": "subtractCustomerRewardPoints", "customerID": customer, "atomic": 1}
    assert (await send(shop, Request(None, top={**params, "points": 11}))).status == (1042, None)
    assert (await send(shop, Request(None, top={**params, "points": 10}))).status == (0, None)


async def test_an_empty_atomic_bulk(shop: Shop) -> None:
    """A bulk of nothing does not fail."""
    done = await send(shop, plain([], atomic=1))
    assert (done.status, done.answers) == ((0, None), [])


@pytest.mark.parametrize("value", [2, "yes", "-1", "TRUE", 1.0, [], {}])
@pytest.mark.parametrize("name", ["atomic", "dryRun", "references"])
async def test_what_is_no_switch(shop: Shop, name: str, value: Any) -> None:
    """A switch is 0 or 1; a value that might have meant either is 1014, and nothing is run."""
    customer = await shop.customer(points=10)
    body = {"clientCode": shop.code, "sessionKey": shop.key, "requests": [redemption(customer, 1)], name: value}
    status = (await shop.http.post("/api/", json=body)).json()["status"]
    assert (status["errorCode"], status["errorField"]) == (1014, name)
    assert await shop.balance(customer) == 10


@pytest.mark.parametrize("value", [0, "0", "", None, False, "false"])
async def test_a_switch_that_is_off(shop: Shop, value: Any) -> None:
    """0, empty text and null are off."""
    customer = await shop.customer(points=10)
    body = {"clientCode": shop.code, "sessionKey": shop.key, "requests": [redemption(customer, 1), redemption(99)]}
    answer = (await shop.http.post("/api/", json={**body, "atomic": value, "dryRun": value})).json()
    assert [each["status"]["errorCode"] for each in answer["requests"]] == [0, 1011]
    assert await shop.balance(customer) == 9


async def test_a_log_in_of_a_failed_bulk_is_not_kept(shop: Shop) -> None:
    """A log-in in an atomic bulk that fails opens no session, and wrong passwords in one are counted all the same."""
    log_in = {"requestName": "verifyUser", "username": "till", "password": "secret"}
    before = contents(file_of(shop))["sessions"]
    failed = await send(shop, plain([log_in, redemption(99)], atomic=1))
    assert failed.codes == [9001, 1011]
    assert b"sessionKey" not in failed.body
    assert contents(file_of(shop))["sessions"] == before
    wrong = [{**log_in, "password": "wrong"}, redemption(99)]
    codes = [(await send(shop, plain(wrong, atomic=1))).codes for _ in range(6)]
    assert codes == [[1051, 9001]] * 5 + [[1052, 9001]]


async def test_in_xml(shop: Shop) -> None:
    """In XML too a failed atomic bulk shows 9001 and its requests."""
    customer = await shop.customer(points=10)
    form = plain([redemption(customer, 1), redemption(99)], atomic=1, responseType="XML").form(shop)
    text = (await shop.http.post("/api/", data=form)).text
    assert text.count("<errorCode>9001</errorCode>") == 2
    assert text.count("<errorCode>1011</errorCode>") == 1


@given(bulks=st.lists(BULKS, min_size=1, max_size=3))
@examples(40)
def test_all_or_nothing(bulks: list[list[Record]]) -> None:
    """Any bulk that would succeed throughout is done as ever; of any other nothing changes, in no table.

    A copy of the account, to which the same bulk is sent without `atomic`, says which it is, and which fails first.
    """

    async def story(shop: Shop) -> None:
        await some_of_everything(shop)
        for bulk in bulks:
            other = copy(shop)
            before = contents(file_of(shop))
            expected = await send(other, plain(bulk, references=1))
            found = await send(shop, plain(bulk, atomic=1, references=1))
            first_failure = next((place for place, code in enumerate(expected.codes) if code), None)
            if first_failure is None:
                assert found == expected
                assert contents(file_of(shop)) == contents(file_of(other))
            else:
                assert found.status == (9001, None)
                assert found.answers[first_failure] == expected.answers[first_failure]
                assert found.codes == [
                    code if place == first_failure else 9001 for place, code in enumerate(expected.codes)
                ]
                assert contents(file_of(shop)) == before
        assert await shop.check() == []

    in_a_shop(story, retry="erply")


def test_the_property_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: failed bulks that are not undone are caught."""
    monkeypatch.setattr(UnitOfWork, "undo", lambda _work, _mark: None)
    with pytest.raises(AssertionError):
        test_all_or_nothing()
