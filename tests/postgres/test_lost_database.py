"""A database that goes away: answers come soon and are true, nothing is done twice, and all is well when it is back."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from erply_points.accounts.administration import check_account
from erply_points.app import create_app, stores_of
from erply_points.bulk.dispatcher import OUTCOME_UNKNOWN
from erply_points.settings import ServerSettings
from erply_points.store.postgres import store as postgres_store
from support.cut import Moment, Wire
from support.postgres import cluster
from support.shop import Shop, open_shop

UNAVAILABLE = (1003, None)


@pytest.fixture
async def shop(wire: Wire) -> AsyncIterator[Shop]:
    """A shop whose server reaches its database by the wire."""
    url = f"postgresql://points@127.0.0.1:{wire.port}/postgres"
    async with open_shop(ServerSettings(database_url=url)) as opened:
        yield opened


async def redeem(shop: Shop, customer: int, points: int = 7) -> int:
    """The error code of a redemption."""
    answer = await shop.call("subtractCustomerRewardPoints", customerID=customer, points=points)
    code: int = answer["status"]["errorCode"]
    return code


async def test_a_commit_whose_answer_is_lost_is_found_and_answered(shop: Shop, wire: Wire) -> None:
    """A commit that came about while the connection was lost is a success, and is not done again."""
    customer = await shop.customer(points=100)
    wire.cut_at = "after"
    assert await redeem(shop, customer) == 0
    assert wire.cuts == 1
    assert await shop.balance(customer) == 93
    assert len(await shop.records("getUsedRewardPointRecords", customerID=customer)) == 1


async def test_a_commit_that_never_arrived_is_told_and_nothing_is_kept(shop: Shop, wire: Wire) -> None:
    """A commit that was lost on its way is 1003 and has left nothing; the next one works."""
    customer = await shop.customer(points=100)
    wire.cut_at = "before"
    assert await redeem(shop, customer) == 1003
    assert wire.cuts == 1
    assert await shop.balance(customer) == 100
    assert await redeem(shop, customer) == 0
    assert await shop.balance(customer) == 93


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_of_a_group_nothing_is_done_twice(shop: Shop, wire: Wire, moment: Moment) -> None:
    """Where many wait for a commit that is lost, what is answered with success is there once, and no more is there."""
    customer = await shop.customer(points=1_000)
    for number in range(5):
        before = await shop.balance(customer)
        tasks = [asyncio.create_task(redeem(shop, customer, 1)) for _ in range(20 + number)]
        await asyncio.sleep(0)
        wire.cut_at = moment
        codes = await asyncio.gather(*tasks)
        assert set(codes) <= {0, 1003}
        assert await shop.balance(customer) == before - codes.count(0)
    assert wire.cuts == 5
    assert await shop.check() == []


async def test_an_outcome_that_nobody_can_tell_is_told_as_such(
    shop: Shop, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the database stays away after a commit was lost, the answer says that it may be done; with its key it is."""
    for name in ("OUTCOME_SECONDS", "OUTCOME_SECONDS_MIN"):
        monkeypatch.setattr(postgres_store, name, 0.3)
    customer = await shop.customer(points=100)
    form = {"clientCode": shop.code, "sessionKey": shop.key, "request": "subtractCustomerRewardPoints"}
    form |= {"customerID": str(customer), "points": "7"}
    wire.cut_at, wire.dead = "after", True
    lost = (await shop.http.post("/api/", data=form, headers={"Idempotency-Key": "k"})).json()
    assert (lost["status"]["errorCode"], lost["status"]["errorMessage"]) == (1003, OUTCOME_UNKNOWN)
    wire.dead = False
    again = (await shop.http.post("/api/", data=form, headers={"Idempotency-Key": "k"})).json()
    assert again["status"]["errorCode"] == 0
    assert await shop.balance(customer) == 93


async def test_cut_connections_are_made_anew(shop: Shop, wire: Wire) -> None:
    """Connections that were cut between two requests are noticed, and nobody is told."""
    customer = await shop.customer(points=100)
    for points in range(99, 59, -1):  # More often than there may be connections.
        wire.cut()
        assert await redeem(shop, customer, 1) == 0
        wire.cut()
        assert await shop.balance(customer) == points


async def test_a_database_that_is_down_is_answered_soon(shop: Shop, wire: Wire) -> None:
    """While nobody gets through, every call is 1003, and afterwards all works without a restart."""
    customer = await shop.customer(points=100)
    wire.dead = True
    wire.cut()
    started = time.monotonic()
    for _ in range(5):
        assert await shop.error("subtractCustomerRewardPoints", customerID=customer, points=7) == UNAVAILABLE
        assert await shop.error("getCustomerRewardPoints", customerID=customer) == UNAVAILABLE
    assert time.monotonic() - started < 60  # Ten answers; a client waits thirty seconds for one.
    wire.dead = False
    assert await redeem(shop, customer) == 0
    assert await shop.balance(customer) == 93


async def test_a_cluster_that_crashes_and_recovers() -> None:
    """What was answered before a crash of the database is there after it, and the server goes on by itself."""
    with cluster(durable=True) as crashing:
        settings = ServerSettings(database_url=crashing.url())
        async with open_shop(settings) as shop:
            customer = await shop.customer(points=100)
            assert await redeem(shop, customer) == 0
            crashing.crash()
            assert await redeem(shop, customer) == 1003
            crashing.start()
            assert await redeem(shop, customer) == 0
            assert await shop.balance(customer) == 86
            assert await check_account(stores_of(settings), shop.code) == []


async def test_a_server_starts_without_its_database() -> None:
    """A server whose database is not there yet answers 1003, not with an error of its own."""
    settings = ServerSettings(database_url="postgresql://points:secret@127.0.0.1:1/postgres")
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://erply.test") as http,
    ):
        answer = (await http.post("/api/", data={"clientCode": "shop", "request": "verifyUser"})).json()
    assert answer["status"]["errorCode"] == 1003
