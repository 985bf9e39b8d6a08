"""A database host that hangs: its connections stay open and nobody answers. Who waits for a live one is left alone."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest

from erply_points.app import stores_of
from erply_points.bulk.dispatcher import OUTCOME_UNKNOWN
from erply_points.settings import ServerSettings
from erply_points.store.postgres import watch as postgres_watch
from erply_points.store.protocol import Rows, StoreUnavailable
from postgres.waiting import SECONDS_MAX, impatience, in_time, locked, until_done
from retries.keyed import Request, by_header, send
from support.cut import Wire
from support.postgres import shared_cluster
from support.requests import balance, redemption
from support.shop import Shop, open_shop


@pytest.fixture
async def shop(wire: Wire) -> AsyncIterator[Shop]:
    """A shop whose server reaches its database by the wire."""
    url = f"postgresql://points@127.0.0.1:{wire.port}/postgres"
    async with open_shop(ServerSettings(database_url=url)) as opened:
        yield opened


async def test_a_host_that_hangs_is_told_soon_and_nothing_is_lost_or_twice() -> None:
    """Tills of two accounts are told in seconds that nobody answers, whatever they were at; later all is done once.

    The host stands still in the midst of it, and wakes up with all that it was sent before.
    """
    shared = shared_cluster()
    async with open_shop(ServerSettings(database_url=shared.url())) as shop:
        shops = (shop, await shop.neighbour())
        customers = [await each.customer(points=100) for each in shops]
        done = Counter[int]()
        refused = Counter[int]()
        standing = asyncio.Event()

        async def sell(till: int) -> None:
            """Redeem 1 again and again until the host hangs; what was not answered then, until it is."""
            place = till % 2
            request, reading = Request(), Request([balance(customers[place])])
            while not standing.is_set():
                done[place] += 1
                request = by_header(f"{till}-{done[place]}", [redemption(customers[place], 1)])
                while (answer := await in_time(send(shops[place], request))).status[0]:
                    refused[till] += 1
                    await in_time(send(shops[place], reading))
                    await asyncio.sleep(0.05)
                assert answer.codes == [0]

        tills = [asyncio.create_task(sell(till)) for till in range(6)]
        await asyncio.sleep(0.1)
        with impatience(), shared.standstill():
            async with asyncio.timeout(SECONDS_MAX):
                while len(refused) < len(tills):  # noqa: ASYNC110 - the tills count
                    await asyncio.sleep(0.05)
            standing.set()
        await asyncio.gather(*tills)
        for place, each in enumerate(shops):
            assert await each.balance(customers[place]) == 100 - done[place]
            made = await each.records("getUsedRewardPointRecords", customerID=customers[place], recordsOnPage=100)
            assert len(made) == done[place]
            assert await each.check() == []


async def test_a_commit_that_a_host_which_hangs_keeps_to_itself(shop: Shop, wire: Wire) -> None:
    """The answer says that it may be done; it is when the host goes on, and is not done again with its key."""
    customer = await shop.customer(points=100)
    request = by_header("k", [redemption(customer, 7)])
    wire.cut_at = "hold"
    with impatience():
        lost = await in_time(send(shop, request))
    assert wire.cuts == 1
    assert lost.answer["status"]["errorMessage"] == OUTCOME_UNKNOWN
    wire.let_go()
    again = await until_done(shop, request)
    assert (again.codes, again.replayed) == ([0], "true")
    assert await shop.balance(customer) == 93


async def test_what_had_no_commit_under_way_is_not_done(shop: Shop, wire: Wire) -> None:
    """Who wrote is told that nothing is kept, who read that nobody answers, and so is who comes later."""
    customer = await shop.customer(points=100)
    asked = (Request([redemption(customer, 7)]), Request([balance(customer)]))
    wire.hold()
    with impatience():
        for _ in range(2):
            for answer in await asyncio.gather(*(in_time(send(shop, each)) for each in asked)):
                assert answer.status[0] == 1003
                assert answer.answer["status"]["errorMessage"] != OUTCOME_UNKNOWN
    wire.let_go()
    assert (await until_done(shop, asked[1])).record(0)["points"] == 100


async def test_another_host_serves_while_one_hangs(wire: Wire) -> None:
    """Who waits for the host that hangs is told soon, and served by the other, which is the primary now."""
    shared = shared_cluster()
    async with Wire(f"{shared.folder}/.s.PGSQL.{shared.port}") as other:
        other.dead = True
        url = f"postgresql://points@127.0.0.1:{wire.port},127.0.0.1:{other.port}/postgres"
        async with open_shop(ServerSettings(database_url=url)) as shop:
            customer = await shop.customer(points=100)
            request = by_header("k", [redemption(customer, 7)])
            other.dead = False
            wire.hold()
            with impatience():
                answer = await in_time(send(shop, request))
            assert answer.status[0] in {0, 1003}
            assert (await until_done(shop, request)).codes == [0]
            assert await shop.balance(customer) == 93
            assert wire.is_held
            wire.let_go()


class Part(list[tuple[str, str]]):
    """Rows; `reached` is called where somebody has read a tenth of them."""

    reached: Callable[[], None]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for number, row in enumerate(super().__iter__()):
            if number == len(self) // 10:
                self.reached()
            yield row


@pytest.mark.parametrize("fault", ["hangs", "breaks"])
async def test_a_copy_that_is_under_way_ends_too(wire: Wire, fault: str) -> None:
    """What fills an account when its database hangs, or the connection breaks, says so and leaves nothing."""
    stores = stores_of(ServerSettings(database_url=f"postgresql://points@127.0.0.1:{wire.port}/postgres"))
    settings = Part((f"setting{number}", "x" * 20_000) for number in range(1_000))
    settings.reached = wire.hold

    async def rows() -> Rows:
        yield "settings", settings

    filling = asyncio.create_task(stores.fill("filled", rows()))
    if fault == "breaks":
        while not wire.is_held:  # noqa: ASYNC110 - the copy holds it
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        wire.cut()
    with impatience(), pytest.raises(StoreUnavailable):
        async with asyncio.timeout(SECONDS_MAX):
            await filling
    wire.let_go()
    assert "filled" not in await stores_of(ServerSettings(database_url=shared_cluster().url())).codes()


async def test_who_waits_for_the_account_is_not_cut_off(
    shop: Shop, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another has the account's lock the host is asked whether it lives; it does, and who waits gets its turn."""
    customer = await shop.customer(points=100)
    monkeypatch.setattr(postgres_watch, "WAIT_SECONDS", 0.1)
    async with locked(shop):
        waiting = [asyncio.create_task(send(shop, Request([redemption(customer, 1)]))) for _ in range(20)]
        before = wire.connections
        async with asyncio.timeout(30):
            while wire.connections < before + 3:  # noqa: ASYNC110 - the watch asks when it does
                await asyncio.sleep(0.05)
        assert not any(each.done() for each in waiting)
    assert {tuple(answer.codes) for answer in await asyncio.gather(*waiting)} == {(0,)}
    assert await shop.balance(customer) == 80


async def test_a_database_without_room_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody is let in any more, who is in and waits for the account is not cut off."""
    shared = shared_cluster()
    admin = await asyncpg.connect(shared.url())
    await admin.execute("CREATE ROLE cramped LOGIN CONNECTION LIMIT 8; GRANT CREATE ON DATABASE postgres TO cramped")
    url = shared.url().replace("user=points", "user=cramped")
    others: list[asyncpg.Connection[asyncpg.Record]] = []
    try:
        async with open_shop(ServerSettings(database_url=url)) as shop:
            customer = await shop.customer(points=100)
            monkeypatch.setattr(postgres_watch, "WAIT_SECONDS", 0.1)
            async with locked(shop):
                waiting = asyncio.create_task(send(shop, Request([redemption(customer, 7)])))
                with contextlib.suppress(asyncpg.TooManyConnectionsError):
                    while True:
                        others.append(await asyncpg.connect(url))
                await asyncio.sleep(0.6)
                with pytest.raises(asyncpg.TooManyConnectionsError):
                    await asyncpg.connect(url)
                assert not waiting.done()
            assert (await waiting).codes == [0]
            for each in others:
                await each.close()
    finally:
        await admin.execute("DROP OWNED BY cramped CASCADE; DROP ROLE cramped")
        await admin.close()
