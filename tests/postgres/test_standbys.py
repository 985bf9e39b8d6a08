"""A standby that must have what is acknowledged, and is away: nothing is a success until it has."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass

import asyncpg
import pytest

from erply_points.settings import ServerSettings
from erply_points.store.postgres import connection as postgres_connection
from erply_points.store.postgres import store as postgres_store
from erply_points.store.postgres import watch as postgres_watch
from retries.keyed import Reply, Request, redemption, send
from support.postgres import Cluster, cluster
from support.shop import Shop, open_shop

_WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@dataclass
class Standby:
    """The one that the primary waits for."""

    shop: Shop
    admin: "asyncpg.Connection[asyncpg.Record]"

    async def name(self, names: str) -> None:
        await self.change("synchronous_standby_names", names)

    async def change(self, setting: str, value: str) -> None:
        """Change a setting of the whole cluster."""
        await self.admin.execute(f"ALTER SYSTEM SET {setting} = '{value}'")
        await self.admin.execute("SELECT pg_reload_conf()")
        while await self.admin.fetchval(f"SHOW {setting}") != value:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.02)

    async def connections(self) -> set[int]:
        """The server's."""
        found = await self.admin.fetch("SELECT pid FROM pg_stat_activity WHERE application_name = 'erply-points'")
        return {process for (process,) in found}

    async def interrupt(self, how: str, work: Awaitable[Reply]) -> Reply:
        """What `work` returns, whose commits wait for the standby until that wait is ended."""
        task = asyncio.ensure_future(work)
        interrupted = 0
        while not task.done() or await self.admin.fetchval(_WAITING):
            for (process,) in await self.admin.fetch(_WAITING):
                interrupted += await self.admin.fetchval(f"SELECT {how}($1)", process)
            await asyncio.sleep(0.02)
        assert interrupted
        return task.result()


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


@pytest.fixture
async def standby(own: Cluster, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Standby]:
    """A shop of a cluster of its own, whose standby is away when it is given a name."""
    for name in ("OUTCOME_SECONDS", "OUTCOME_SECONDS_MIN"):
        monkeypatch.setattr(postgres_store, name, 0.5)
    monkeypatch.setattr(postgres_connection, "COMMAND_SECONDS", 1.0)
    admin = await asyncpg.connect(own.url())
    try:
        async with open_shop(ServerSettings(database_url=own.url())) as shop:
            yield Standby(shop, admin)
    finally:
        await admin.close()


@pytest.mark.parametrize("how", ["pg_terminate_backend", "pg_cancel_backend"])
async def test_what_a_standby_has_not_is_no_success(standby: Standby, how: str) -> None:
    """A commit whose wait for its standby is cut short is 1003, and so is its key sent again, until the standby has it.

    The primary holds and shows it by then: an answer from there would be lost with that host.
    """
    shop = standby.shop
    customer = await shop.customer(points=100)
    request = Request([redemption(customer, 30)], {"Idempotency-Key": "k"})
    await standby.name("away")
    assert (await standby.interrupt(how, send(shop, request))).status[0] == 1003
    assert await shop.balance(customer) == 70
    assert (await send(shop, request)).status[0] == 1003
    await standby.name("")
    answer = await send(shop, request)
    assert (answer.codes, answer.replayed) == ([0], "true")
    assert len(await shop.records("getUsedRewardPointRecords", customerID=customer)) == 1
    assert await shop.check() == []


async def test_a_primary_that_only_reads_now_is_let_go_of(standby: Standby) -> None:
    """On a host that has lost its place nothing is kept, and no connection to it; when it writes again all is well."""
    shop = standby.shop
    customer = await shop.customer(points=100)
    before = await standby.connections()
    await standby.change("default_transaction_read_only", "on")
    assert (await send(shop, Request([redemption(customer, 30)]))).status[0] == 1003
    await standby.change("default_transaction_read_only", "off")
    assert (await send(shop, Request([redemption(customer, 30)]))).codes == [0]
    assert await shop.balance(customer) == 70
    after = await standby.connections()
    assert before
    assert after
    assert not before & after


async def test_a_commit_may_wait_for_its_standby(standby: Standby, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the standby catches up the primary is asked whether it lives; it does, and the commit goes on waiting."""
    monkeypatch.setattr(postgres_connection, "COMMAND_SECONDS", 15.0)
    async with open_shop(standby.shop.settings) as shop:
        customer = await shop.customer(points=100)
        monkeypatch.setattr(postgres_watch, "WAIT_SECONDS", 0.1)
        await standby.name("away")
        selling = asyncio.create_task(send(shop, Request([redemption(customer, 30)])))
        while not await standby.admin.fetchval(_WAITING):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.6)
        assert not selling.done()
        await standby.name("")
        assert (await selling).codes == [0]
        assert await shop.balance(customer) == 70
