"""How long a key is known, and what an account file from before there were keys makes of them."""

import contextlib
import re
import sqlite3
from pathlib import Path

from erply_points.accounts.account import Account
from erply_points.store.sqlite import migrations
from erply_points.store.sqlite.store import SQLiteStore
from retries.keyed import (
    Reply,
    by_header,
    by_uuid,
    contents,
    every_kind,
    file_of,
    ready,
    receipt,
    redemption,
    sale,
    send,
)
from support.shop import Shop

HOUR = 3_600


@every_kind
async def test_a_key_lives_for_a_day(shop: Shop, kind: str) -> None:
    """For 24 hours the first answer is given; after them the request is a new one."""
    customer, keyed = await ready(shop, kind)
    request = keyed("k", sale(customer))
    first = await send(shop, request)
    shop.clock.advance(24 * HOUR - 1)
    await shop.log_in()
    assert (await send(shop, request)) == Reply(first.body, "true")
    shop.clock.advance(1)
    anew = await send(shop, request)
    assert (anew.codes, anew.replayed) == ([0] * 6, None)
    assert anew.record(0)["invoiceID"] != first.record(0)["invoiceID"]
    assert (await send(shop, request)) == Reply(anew.body, "true")


async def test_a_key_lives_as_long_as_the_account_says(shop: Shop) -> None:
    """`retry_hours` is how long; a change counts at once, for older keys too."""
    await shop.set(retry_hours="2")
    customer = await shop.customer(points=1_000)
    request = by_header("k", [redemption(customer)])
    await send(shop, request)
    shop.clock.advance(2 * HOUR)
    await shop.log_in()
    await shop.set(retry_hours="3")
    assert (await send(shop, request)).replayed == "true"
    await shop.set(retry_hours="2")
    assert (await send(shop, request)).replayed is None
    assert await shop.balance(customer) == 940


async def test_a_document_outlives_its_answer(shop: Shop) -> None:
    """Where answers live less than a day, a document's UUID is still remembered: 1206 and 1158, nothing twice."""
    await shop.set(retry_hours="1")
    customer = await shop.customer(points=100)
    request = by_uuid("u", [receipt(customer), redemption(customer, invoiceID="CURRENT_INVOICE_ID")])
    await send(shop, request)
    shop.clock.advance(2 * HOUR)
    await shop.log_in()
    assert (await send(shop, request)).codes == [1206, 1158]
    assert await shop.balance(customer) == 100 + 18 - 30


async def test_old_keys_are_purged(shop: Shop) -> None:
    """Tidying up deletes the answers whose keys have ended and no others."""
    customer = await shop.customer(points=100)
    await send(shop, by_header("old", by_uuid("old", sale(customer)).requests or []))
    shop.clock.advance(20 * HOUR)
    await shop.log_in()
    young = await send(shop, by_header("young", sale(customer)))
    shop.clock.advance(5 * HOUR)
    await shop.log_in()
    account = Account(shop.code, await SQLiteStore.open(file_of(shop)), shop.clock)
    try:
        await account.settings()
        await account.tidy()
    finally:
        await account.close()
    assert [row[0] for row in contents(file_of(shop))["kept_answers"]] == ["key:young"]
    assert await send(shop, by_header("young", sale(customer))) == Reply(young.body, "true")


async def test_a_key_that_was_used_anew_answers_for_nobody_else(shop: Shop) -> None:
    """Of two keys of a request one may be used anew when they have ended; the other does not lead to its answer."""
    await shop.set(retry_hours="1")
    customer = await shop.customer(points=1_000)
    both = by_header("k", by_uuid("u", [receipt(customer), redemption(customer, 10)]).requests or [])
    await send(shop, both)
    shop.clock.advance(2 * HOUR)
    await shop.log_in()
    assert (await send(shop, by_header("k", [redemption(customer, 1), redemption(customer, 2)]))).codes == [0, 0]
    await shop.set(retry_hours="24")
    again = await send(shop, by_uuid("u", [receipt(customer), redemption(customer, 10)]))
    assert (again.codes[0], again.replayed) == (1206, None)
    assert len(await shop.records("getSalesDocuments")) == 1


def _as_before(file: Path, older: Path) -> None:
    """Copy an account's file to what it would be if the program knew the first migration only."""
    later = "".join(migrations.known()[number] for number in LATER)
    with contextlib.closing(sqlite3.connect(file)) as source, contextlib.closing(sqlite3.connect(older)) as target:
        source.backup(target)
        for name in re.findall(r"CREATE (?:UNIQUE )?INDEX (\w+)", later):
            target.execute(f"DROP INDEX {name}")
        for name in reversed(re.findall(r"CREATE TABLE (\w+)", later)):
            target.execute(f"DROP TABLE {name}")
        for table, column in re.findall(r"ALTER TABLE (\w+) ADD COLUMN (\w+)", later):
            target.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        target.execute("PRAGMA user_version = 1")
        target.commit()


LATER = sorted(migrations.known())[1:]


async def test_an_older_file_learns_to_keep_answers(shop: Shop) -> None:
    """A file from before there were keys opens, keeps what it has, and keeps answers from then on."""
    customer = await shop.customer(points=100)
    await send(shop, by_uuid("before", [receipt(customer)]))
    _as_before(file_of(shop), shop.folder / "older.db")
    older = Shop(shop.http, "older", shop.settings, shop.clock)
    older.key = shop.key
    assert await older.balance(customer) == 118
    as_of = await older.record("getCustomerRewardPoints", customerID=customer, asOf=int(shop.clock()))
    assert as_of["points"] == 118
    assert (await send(older, by_uuid("before", [receipt(customer)]))).codes == [1206]
    request = by_header("k", sale(customer))
    assert [(await send(older, request)).replayed for _ in range(2)] == [None, "true"]
    assert await older.check() == []
