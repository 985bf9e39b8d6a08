"""Waiting: for a host that hangs, which is found out sooner than outside tests, and for what is merely slow."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Iterator

import asyncpg
import pytest

from erply_points.store.postgres import connection as postgres_connection
from erply_points.store.postgres import store as postgres_store
from erply_points.store.postgres import watch as postgres_watch
from retries.keyed import Reply, Request, send
from support.postgres import shared_cluster
from support.shop import Shop

SECONDS_MAX = 12.0
"""How long anybody waits at most: twice what is promised, and less than a statement may take while its host lives."""


@contextlib.contextmanager
def impatience() -> Iterator[None]:
    """Inside, a host that is silent is given up after the shortest while. One that lives may be so too, by mistake."""
    with pytest.MonkeyPatch.context() as patch:
        for name, seconds in (("WAIT", 0.2), ("ANSWER", 0.4), ("POOLED_ANSWER", 0.4), ("LOOK", 0.05)):
            patch.setattr(postgres_watch, f"{name}_SECONDS", seconds)
        for name in ("OUTCOME_SECONDS", "OUTCOME_SECONDS_MIN"):
            patch.setattr(postgres_store, name, 0.4)
        patch.setattr(postgres_connection, "CONNECT_SECONDS", 0.5)
        patch.setattr(postgres_connection, "PATIENCE_SECONDS", 0.4)
        yield


async def in_time(work: Awaitable[Reply]) -> Reply:
    async with asyncio.timeout(SECONDS_MAX):
        return await work


async def until_done(shop: Shop, request: Request) -> Reply:
    """The answer that is not 1003, however often it takes."""
    async with asyncio.timeout(30):
        while True:
            answer = await send(shop, request)
            if answer.status[0] != 1003:
                return answer
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def locked(*shops: Shop) -> AsyncIterator[None]:
    """Inside, another has the locks that writers of these accounts wait for."""
    holder = await asyncpg.connect(shared_cluster().url())
    try:
        async with holder.transaction():
            for shop in shops:
                await holder.execute(f"SELECT FROM account_{shop.code}.sequences FOR UPDATE")
            yield
    finally:
        await holder.close()
