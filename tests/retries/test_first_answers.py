"""Which answers are kept, what of them, and who is given them again."""

import sqlite3
from typing import Any

import pytest

from calls.every_call import CASES, some_of_everything
from erply_points.calls.registry import CALLS
from retries.keyed import (
    Reply,
    Request,
    balance,
    by_header,
    contents,
    copy,
    every_kind,
    file_of,
    ready,
    receipt,
    redemption,
    sale,
    send,
    whole_kinds,
)
from support.client import Record
from support.shop import Shop

HOUR = 3_600


@every_kind
async def test_what_failed_wholly_can_be_mended(shop: Shop, kind: str) -> None:
    """A bulk of which nothing was kept is not remembered: corrected, it goes through under the same key."""
    customer, keyed = await ready(shop, kind, points=10)
    await shop.set(failed_invoice="refuse")
    bulk = [receipt(customer, price1="nine"), redemption(customer, invoiceID="CURRENT_INVOICE_ID")]
    assert (await send(shop, keyed("k", bulk))).codes == [1014, 1157]
    mended = keyed("k", [receipt(customer), redemption(customer, 20, invoiceID="CURRENT_INVOICE_ID")])
    first = await send(shop, mended)
    assert (first.codes, first.replayed) == ([0, 0], None)
    assert await send(shop, mended) == Reply(first.body, "true")


@whole_kinds
async def test_what_failed_in_part_is_given_again_as_it_was(shop: Shop, kind: str) -> None:
    """If anything was kept the first answer stands, failures included, even where they would succeed by now."""
    customer, keyed = await ready(shop, kind, points=10)
    bulk = keyed("k", [receipt(customer), redemption(customer, 500, invoiceID="CURRENT_INVOICE_ID")])
    first = await send(shop, bulk)
    assert first.codes == [0, 1042]
    await shop.record("addCustomerRewardPoints", customerID=customer, points=1_000)
    assert await send(shop, bulk) == Reply(first.body, "true")
    assert await shop.balance(customer) == 1_028


async def test_what_only_reads_is_answered_anew(shop: Shop) -> None:
    """A bulk that changes nothing has no first answer: with a key, too, it shows what is."""
    customer = await shop.customer(points=10)
    request = by_header("k", [balance(customer)])
    assert (await send(shop, request)).record(0) == {"points": 10}
    await shop.record("addCustomerRewardPoints", customerID=customer, points=1)
    again = await send(shop, request)
    assert (again.record(0), again.replayed) == ({"points": 11}, None)


async def test_a_replay_needs_a_session_of_the_account(shop: Shop) -> None:
    """A first answer is given to whoever has a session, and to nobody else."""
    customer = await shop.customer(points=100)
    request = by_header("k", [redemption(customer)])
    await send(shop, request)
    for key, code in (("", 1009), ("0" * 40, 1055), ((await shop.neighbour()).key, 1055)):
        stranger = Shop(shop.http, shop.code, shop.settings, shop.clock)
        stranger.key = key
        found = await send(stranger, request)
        assert (found.status[0], found.replayed) == (code, None)
    shop.clock.advance(HOUR + 1)
    assert (await send(shop, request)).status[0] == 1054
    await shop.log_in()
    assert (await send(shop, request)).replayed == "true"


async def test_a_log_in_is_made_anew(shop: Shop) -> None:
    """In a bulk that is given its first answer a log-in is run again: its session is new and works."""
    customer = await shop.customer(points=100)
    log_in = {"requestName": "verifyUser", "username": "till", "password": "secret"}
    request = by_header("k", [log_in, redemption(customer)])
    first = await send(shop, request)
    again = await send(shop, request)
    assert (again.codes, again.replayed) == ([0, 0], "true")
    assert again.record(1) == first.record(1)
    assert again.record(0)["sessionKey"] != first.record(0)["sessionKey"]
    shop.key = again.record(0)["sessionKey"]
    assert await shop.balance(customer) == 70
    wrong = by_header("k", [{**log_in, "password": "wrong"}, redemption(customer)])
    assert (await send(shop, wrong)).codes == [1051, 0]


async def test_a_log_in_alone_is_never_replayed(shop: Shop) -> None:
    """A single log-in with a key opens a session each time."""
    request = Request(
        None, {"Idempotency-Key": "k"}, {"request": "verifyUser", "username": "till", "password": "secret"}
    )
    replies = [await send(shop, request) for _ in range(2)]
    assert [each.replayed for each in replies] == [None, None]
    assert len({each.answer["records"][0]["sessionKey"] for each in replies}) == 2


async def test_a_log_in_is_no_effect_to_be_kept(shop: Shop) -> None:
    """A bulk that did nothing but log in has failed: mended by points, it goes through under its key."""
    customer = await shop.customer(points=10)
    log_in = {"requestName": "verifyUser", "username": "till", "password": "secret"}
    request = by_header("k", [log_in, redemption(customer)])
    assert (await send(shop, request)).codes == [0, 1042]
    await shop.record("addCustomerRewardPoints", customerID=customer, points=100)
    assert (await send(shop, request)).codes == [0, 0]


async def test_no_session_key_is_kept(shop: Shop) -> None:
    """Nothing that is kept holds a session's secrets, and nobody is told those of another session."""
    customer = await shop.customer(points=100)
    asked = [{"requestName": name} for name in ("getSessionKeyUser", "getSessionKeyInfo", "getUserRights")]
    log_in = {"requestName": "verifyUser", "username": "till", "password": "secret"}
    request = by_header("k", [redemption(customer), *asked, log_in])
    first = await send(shop, request)
    assert first.codes == [0] * 5
    secrets = {shop.key, first.record(1)["token"], first.record(4)["sessionKey"], first.record(4)["token"]}
    kept = repr(contents(file_of(shop))["kept_answers"])
    assert "subtractedPoints" in kept
    assert {secret for secret in secrets if secret in kept} == set()
    await shop.log_in()
    again = await send(shop, request)
    assert again.record(0) == first.record(0)
    assert again.record(1)["sessionKey"] == shop.key


WRITING = [(name, params) for name, params, *_ in CASES if CALLS[name].writes]


@pytest.mark.parametrize(("name", "params"), WRITING, ids=lambda value: value if isinstance(value, str) else "")
async def test_every_call_that_writes(shop: Shop, name: str, params: Record) -> None:
    """Whatever a call does, with a key it is done once, and its answer comes again to the byte."""
    await some_of_everything(shop)
    for account, request in (
        (copy(shop), by_header("k", [{"requestName": name, **params}])),
        (shop, Request(None, {"Idempotency-Key": "k"}, {"request": name, **params})),
    ):
        before = contents(file_of(account))
        first = await send(account, request)
        assert b'"errorCode":0' in first.body
        assert b'"responseStatus":"error"' not in first.body
        done = contents(file_of(account))
        assert done.keys() == before.keys()
        assert done != before
        assert await send(account, request) == Reply(first.body, "true")
        assert contents(file_of(account)) == done


async def test_every_call_in_one_bulk(shop: Shop) -> None:
    """A bulk of every call there is comes again to the byte, reading calls and listings included."""
    await some_of_everything(shop)
    request = by_header("k", [{"requestName": name, **params} for name, params, *_ in CASES])
    first = await send(shop, request)
    assert len(first.codes) == len(CASES)
    assert await send(shop, request) == Reply(first.body, "true")


async def test_get_fields_are_applied_to_the_first_answer(shop: Shop) -> None:
    """A first answer shows the fields that were asked for, which are a part of its content."""
    customer = await shop.customer(points=100)
    request = by_header("k", [redemption(customer)], getFields="transactionID")
    first = await send(shop, request)
    assert set(first.record(0)) == {"transactionID"}
    assert await send(shop, request) == Reply(first.body, "true")
    assert (await send(shop, by_header("k", [redemption(customer)]))).status == (1013, "idempotencyKey")


async def test_a_failed_commit_keeps_no_answer(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer and effects are written together: where the effects are lost the answer is, and a retry is run."""
    customer = await shop.customer(points=100)
    request = by_header("k", sale(customer))
    with monkeypatch.context() as failing:
        failing.setattr("erply_points.store.sqlite.store.SQLiteTransaction.commit_now", _disk_full)
        assert (await send(shop, request)).status[0] == 1003
    assert await shop.balance(customer) == 100
    assert contents(file_of(shop))["kept_answers"] == []
    first = await send(shop, request)
    assert (first.codes, first.replayed) == ([0] * 6, None)
    assert await send(shop, request) == Reply(first.body, "true")


def _disk_full(_: Any) -> None:
    raise sqlite3.OperationalError("database or disk is full")
