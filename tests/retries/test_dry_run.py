"""Dry runs: the answer says what would happen, and nothing happens."""

import asyncio
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.every_call import CASES, some_of_everything
from erply_points.calls.registry import CALLS
from erply_points.store.sqlite.store import SQLiteTransaction
from erply_points.store.unit_of_work import UnitOfWork
from retries.bulks import BULKS
from retries.keyed import (
    SALE_CHANGES,
    Reply,
    Request,
    balance,
    by_header,
    by_uuid,
    contents,
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

SEQUENCES: Final = {
    "customerID": "customers",
    "clientID": "customers",
    "payerID": "customers",
    "issuedCustomerID": "customers",
    "invoiceID": "documents",
    "documentID": "documents",
    "issuedInvoiceID": "documents",
    "redeemedInvoiceID": "documents",
    "purchaseInvoiceID": "documents",
    "redemptionInvoiceID": "documents",
    "baseDocuments": "documents",
    "followUpDocuments": "documents",
    "rowID": "document_rows",
    "stableRowID": "document_rows",
    "transactionID": "transactions",
    "paymentID": "payments",
    "giftCardID": "gift_cards",
    "couponID": "coupons",
    "issuedCouponID": "issued_coupons",
    "issuedCouponIDs": "issued_coupons",
    "productID": "products",
    "vatRateID": "vat_rates",
    "vatrateID": "vat_rates",
    "warehouseID": "warehouses",
    "pointOfSaleID": "points_of_sale",
    "employeeID": "employees",
    "campaignID": "campaigns",
}
"""By field of an answer, the sequence that its IDs come from."""
OWN_ID: Final = {
    "getCustomers": "customers",
    "getSalesDocuments": "documents",
    "getProducts": "products",
    "getVatRates": "vat_rates",
    "getWarehouses": "warehouses",
    "getEmployees": "employees",
    "saveVatRate": "vat_rates",
}
"""By call, the sequence of the field `id`."""


def bytes_of(shop: Shop) -> list[str]:
    """Checksums of the account's database and of its write-ahead log.

    By another process: to close a file that SQLite has open here would take its locks away.
    """
    checksum = shutil.which("cksum")
    assert checksum is not None
    file = file_of(shop)
    found = subprocess.run(
        [checksum, file.name, f"{file.name}-wal"], cwd=file.parent, capture_output=True, text=True, check=True
    )
    return found.stdout.splitlines()


async def foreseen(shop: Shop, request: Request) -> Reply:
    """The answer of a dry run, which has changed no row and no byte."""
    before = contents(file_of(shop)), bytes_of(shop)
    found = await send(shop, Request(request.requests, request.headers, {**request.top, "dryRun": 1}))
    assert found.answer["status"]["dryRun"] == 1
    assert (contents(file_of(shop)), bytes_of(shop)) == before
    return found


def differences(seen: Any, real: Any, field: str, call: str) -> Iterator[tuple[str, Any, Any]]:
    """Where a dry run's answer and the real one differ: sequence of the IDs, or field, and both values."""
    if isinstance(seen, dict) and isinstance(real, dict) and seen.keys() == real.keys():
        for name, value in seen.items():
            called = value.get("status", {}).get("requestName", call) if isinstance(value, dict) else call
            yield from differences(value, real[name], name, called)
    elif isinstance(seen, list) and isinstance(real, list) and len(seen) == len(real):
        for one, other in zip(seen, real, strict=True):
            called = (
                one["status"]["requestName"] if isinstance(one, dict) and "requestID" in one.get("status", {}) else call
            )
            yield from differences(one, other, field, called)
    elif seen != real or type(seen) is not type(real):
        yield OWN_ID.get(call, field) if field == "id" else SEQUENCES.get(field, field), seen, real


def check_prediction(dry: Reply, real: Reply, last: dict[str, int]) -> None:
    """Raise unless the dry run has said all that came, with 0 for new IDs. `last` are the sequences before."""
    seen = dry.answer
    assert seen["status"].pop("dryRun") == 1
    for sequence, shown, came in differences(seen, real.answer, "", ""):
        if sequence == "profileID":
            continue  # It is random.
        assert str(shown) == "0", (sequence, shown, came)
        assert type(shown) is type(came)
        assert int(came) > last.get(sequence, 0), (sequence, shown, came)
        assert sequence in set(SEQUENCES.values()), (sequence, shown, came)


def sequences(shop: Shop) -> dict[str, int]:
    return dict(contents(file_of(shop))["sequences"])


async def test_a_whole_sale(shop: Shop) -> None:
    """A dry run of a sale shows its number, its totals and every balance, and 0 for the IDs of what is not there."""
    customer = await shop.customer(points=100)
    request = plain(sale(customer))
    dry = await foreseen(shop, request)
    assert dry.codes == [0] * 6
    document = dry.record(0)
    assert (document["invoiceID"], document["invoiceNo"], document["total"]) == ("0", "100001", 21.6)
    assert [row["rowID"] for row in document["rows"]] == [0]
    assert dry.record(3) == {
        "customerID": customer,
        "remainingPoints": 88,
        "subtractedPoints": 30,
        "transactionID": 0,
    }
    assert dry.record(5) == {"points": 100 + SALE_CHANGES}
    assert await shop.balance(customer) == 100
    last = sequences(shop)
    real = await send(shop, request)
    assert real.record(0)["invoiceNo"] == "100001"
    check_prediction(dry, real, last)


async def test_a_single_call(shop: Shop) -> None:
    """A single call can be tried out too; its own status says so."""
    customer = await shop.customer(points=100)
    single = Request(None, top={"request": "subtractCustomerRewardPoints", "customerID": customer, "points": 30})
    dry = await foreseen(shop, single)
    assert dry.answer["records"][0]["remainingPoints"] == 70
    assert await shop.balance(customer) == 100
    in_full = await send(shop, single)
    assert "dryRun" not in in_full.answer["status"]
    assert in_full.answer["records"][0]["remainingPoints"] == 70


async def test_only_the_top_status_says_so(shop: Shop) -> None:
    """In a bulk `dryRun` stands once, at the top."""
    customer = await shop.customer(points=100)
    dry = await foreseen(shop, plain([redemption(customer)]))
    assert dry.body.count(b"dryRun") == 1


async def test_failures_are_foreseen(shop: Shop) -> None:
    """Codes, fields and sentences are those of the real run."""
    customer = await shop.customer(points=10)
    bulk = plain([redemption(customer, 11), redemption(99), {"requestName": "x"}, receipt(customer, price1="x")])
    dry = await foreseen(shop, bulk)
    assert dry.codes == [1042, 1011, 1005, 1014]
    real = await send(shop, bulk)
    assert dry.answers == real.answers


async def test_an_atomic_dry_run(shop: Shop) -> None:
    """With `atomic` a dry run answers 9001 where the real run would."""
    customer = await shop.customer(points=10)
    dry = await foreseen(shop, plain([receipt(customer), redemption(customer, 500)], atomic=1))
    assert (dry.status[0], dry.codes) == (9001, [9001, 1042])


async def test_records_of_the_dry_run_itself(shop: Shop) -> None:
    """What is made in a dry run can be referred to and listed in it, under the ID 0, and a text stays what it is."""
    texts = {"code": "9007000000999999", "notes": "9007000000000001 or 9007000000000002"}
    requests = [
        {"requestName": "saveCustomer", "requestID": "new", "lastName": "Tamm", **texts},
        earning(0, 50) | {"customerID": "@{new.customerID}"},
        {**receipt(0), "customerID": "@{new.customerID}"},
        {**redemption(0, 20, invoiceID="CURRENT_INVOICE_ID"), "customerID": "@{new.customerID}"},
        {"requestName": "getUsedRewardPointRecords"},
        {"requestName": "getCustomers"},
    ]
    dry = await foreseen(shop, plain(requests, references=1))
    assert dry.codes == [0] * 6
    assert dry.record(3)["remainingPoints"] == 50 + 18 - 20
    used = dry.record(4)
    assert (used["transactionID"], used["customerID"], used["invoiceID"], used["invoiceNo"]) == (0, 0, 0, "100001")
    customer = dry.record(5)
    assert customer["id"] == customer["customerID"] == 0
    assert {name: customer[name] for name in texts} == texts
    last = sequences(shop)
    check_prediction(dry, await send(shop, plain(requests, references=1)), last)


async def test_no_foreseen_id_is_shown(shop: Shop) -> None:
    """Also in the sentences of errors a record that is not there has no number but 0."""
    requests = [
        {"requestName": "saveCustomer", "requestID": "new", "lastName": "Tamm", "rewardPointsDisabled": 1},
        earning(0, 50) | {"customerID": "@{new.customerID}"},
        {"requestName": "saveSalesDocument", "requestID": "sale", "amount1": 1},
        {"requestName": "deleteSalesDocument", "documentID": "@{sale.invoiceID}"},
        {"requestName": "deleteSalesDocument", "documentID": "@{sale.invoiceID}"},
    ]
    dry = await foreseen(shop, plain(requests, references=1))
    assert dry.codes == [0, 1072, 0, 0, 1011]
    assert re.search(rb"9007\d{12}", dry.body) is None


async def test_what_was_done_is_answered_as_it_was(shop: Shop) -> None:
    """A dry run of a request that has been done under its key shows the first answer, as the real run would."""
    customer = await shop.customer(points=100)
    for request in (by_header("k", sale(customer)), by_uuid("u", sale(customer))):
        first = await send(shop, request)
        dry = await foreseen(shop, request)
        assert dry.replayed == "true"
        assert dry.answers == first.answers
    assert (await foreseen(shop, by_header("k", [redemption(customer)]))).status == (1013, "idempotencyKey")


async def test_a_dry_run_uses_no_key(shop: Shop) -> None:
    """A key that was only tried out is new: the real run is run, corrected or not."""
    customer = await shop.customer(points=100)
    for _ in range(2):
        assert (await foreseen(shop, by_header("k", sale(customer)))).replayed is None
    done = await send(shop, by_header("k", sale(customer, 31)))
    assert (done.codes, done.replayed) == ([0] * 6, None)


async def test_a_log_in_cannot_be_tried_out(shop: Shop) -> None:
    """A dry run of a log-in is 1016, alone or in a bulk, and asks nobody for the password."""
    log_in = {"username": "till", "password": "wrong"}
    for _ in range(6):
        dry = await foreseen(shop, plain([{"requestName": "verifyUser", **log_in}]))
        assert dry.codes == [1016]
        assert dry.answers[0]["status"]["errorField"] == "dryRun"
    single = Request(None, top={"request": "verifyUser", "username": "till", "password": "secret"})
    assert (await foreseen(shop, single)).status == (1016, "dryRun")
    await shop.log_in()  # No wrong password was counted.


async def test_reading_in_a_dry_run(shop: Shop) -> None:
    """What only reads is answered as ever."""
    customer = await shop.customer(points=100)
    bulk = plain([balance(customer), {"requestName": "getCustomers"}])
    assert (await foreseen(shop, bulk)).answers == (await send(shop, bulk)).answers


async def test_dry_and_real_runs_at_once(shop: Shop) -> None:
    """Dry runs among real ones neither see each other nor are seen, and each shows a state that was."""
    customer = await shop.customer(points=1_000)
    dry = plain([redemption(customer, 100), balance(customer)], dryRun=1)
    real = plain([redemption(customer, 1), balance(customer)])
    replies = await asyncio.gather(*(send(shop, (dry, real)[number % 2]) for number in range(40)))
    after_real = [each.record(1)["points"] for each in replies[1::2]]
    after_dry = [each.record(1)["points"] for each in replies[::2]]
    assert sorted(after_real) == list(range(980, 1_000))
    assert set(after_dry) <= {points - 100 for points in (*after_real, 1_000)}
    assert await shop.balance(customer) == 980
    assert await shop.check() == []


async def test_a_dry_run_writes_nothing_to_disk(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run never commits, however much it would change, so it waits for no disk."""
    customer = await shop.customer(points=10_000)
    commits = []
    commit = SQLiteTransaction.commit_now

    def counted(transaction: SQLiteTransaction) -> None:
        commits.append(threading.current_thread().name)
        commit(transaction)

    monkeypatch.setattr(SQLiteTransaction, "commit_now", counted)
    dry = await send(shop, plain([receipt(customer)] * 50 + [redemption(customer, 1)] * 50, dryRun=1))
    assert dry.codes == [0] * 100
    assert commits == []


WRITING = [(name, params) for name, params, *_ in CASES if CALLS[name].writes]


@pytest.mark.parametrize(("name", "params"), WRITING, ids=lambda value: value if isinstance(value, str) else "")
async def test_every_call_that_writes(shop: Shop, name: str, params: Record) -> None:
    """Whatever a call would do, its dry run does nothing and foretells it."""
    await some_of_everything(shop)
    last = sequences(shop)
    bulk = plain([{"requestName": name, **params}])
    dry = await foreseen(shop, bulk)
    assert dry.codes == [0]
    check_prediction(dry, await send(shop, bulk), last)


IN_REQUESTS: Final = {**SEQUENCES, "id": "documents", "creditToDocumentID": "documents"}


def without_guesses(bulk: list[Record], last: dict[str, int]) -> list[Record]:
    """The bulk with an unknown number for whatever it calls by a number that is not given yet.

    A dry run gives 0 to what it makes, so nobody can call it by the number that it would have.
    """

    def known(name: str, value: Any) -> Any:
        if name == "customerIDs":
            return ",".join(str(known("customerID", int(each))) for each in value.split(","))
        is_guess = name in IN_REQUESTS and isinstance(value, int) and value > last.get(IN_REQUESTS[name], 0)
        return 999_999 if is_guess else value

    return [{name: known(name, value) for name, value in request.items()} for request in bulk]


@given(bulks=st.lists(BULKS, min_size=1, max_size=3), atomic=st.sampled_from([0, 0, 1]))
@examples(40)
def test_dry_runs_foretell_and_change_nothing(bulks: list[list[Record]], atomic: int) -> None:
    """Of any bulk a dry run changes no byte of the database, and the real run then answers what it has said."""

    async def story(shop: Shop) -> None:
        await some_of_everything(shop)
        for bulk in bulks:
            last = sequences(shop)
            request = plain(without_guesses(bulk, last), atomic=atomic, references=1)
            dry = await foreseen(shop, request)
            check_prediction(dry, await send(shop, request), last)
        assert await shop.check() == []

    in_a_shop(story, retry="erply")


def test_the_property_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: a dry run that uses up a number is caught."""

    def greedy(work: UnitOfWork, sequence: str, first: int = 1) -> int:
        if work.foreseen:
            next_number(work, sequence, first)
        return next_number(work, sequence, first)

    next_number = UnitOfWork.next_number
    monkeypatch.setattr(UnitOfWork, "next_number", greedy)
    with pytest.raises(AssertionError):
        test_dry_runs_foretell_and_change_nothing()
