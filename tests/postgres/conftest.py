"""Several server processes on one database, and clients of them all."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import pytest

from erply_points.settings import ServerSettings
from support.client import Erply
from support.cut import Wire
from support.postgres import shared_cluster
from support.process import ServerProcess
from support.shop import new_account

SERVERS: Final = 4


@pytest.fixture(scope="package")
def servers() -> Iterator[list[ServerProcess]]:
    """The real server, four times, on the tests' own cluster."""
    url = shared_cluster().url()
    with ThreadPoolExecutor() as starting:
        running = list(starting.map(lambda _: ServerProcess(Path(), database_url=url), range(SERVERS)))
    yield running
    for server in running:
        assert server.terminate() == 0, "".join(server.log)


@pytest.fixture
def settings(servers: list[ServerProcess]) -> ServerSettings:
    return servers[0].settings


@pytest.fixture
async def tills(servers: list[ServerProcess]) -> AsyncIterator[list[Erply]]:
    """A fresh account, and a client at each server, all with the session that the first one opened."""
    code = await new_account(servers[0].settings)
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False))
            for server in servers
        ]
        first = await Erply(clients[0], code).log_in()
        yield [Erply(client, code, first.key) for client in clients]


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """A way to the tests' own cluster that can be cut."""
    shared = shared_cluster()
    async with Wire(f"{shared.folder}/.s.PGSQL.{shared.port}") as opened:
        yield opened
