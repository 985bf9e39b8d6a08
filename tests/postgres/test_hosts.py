"""A database URL of several hosts: the one that writes is found, whatever has become of the others."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from erply_points.settings import ServerSettings
from erply_points.store.postgres.connection import CONNECT_SECONDS, Database, hosts_of
from erply_points.store.protocol import StoreUnavailable
from support.postgres import cluster, free_port, shared_cluster
from support.shop import open_shop


@contextlib.contextmanager
def silent_host() -> Iterator[str]:
    """A host that takes connections and never says a word, as one that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def url_of(*hosts: str, **options: str) -> str:
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"postgresql://points@{','.join(hosts)}/postgres?{query}"


def primary() -> str:
    return f"127.0.0.1:{shared_cluster().port}"


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_dead_and_silent_hosts_keep_nobody_from_the_primary(place: int) -> None:
    """The primary is found at any place of the list, also behind hosts that never answer."""
    with silent_host() as first:
        hosts = [first, f"127.0.0.1:{free_port()}"]
        hosts.insert(place, primary())
        async with open_shop(ServerSettings(database_url=url_of(*hosts))) as shop:
            assert await shop.balance(await shop.customer(points=5)) == 5


async def test_what_the_url_asks_for_counts() -> None:
    """A host that is not as `target_session_attrs` wants it is passed over."""
    with cluster(default_transaction_read_only="on") as reading:
        url = url_of(f"127.0.0.1:{reading.port}", primary(), target_session_attrs="read-write")
        async with Database(url).held() as database:
            connections = [await database.take() for _ in range(4)]
            ports = {await each.fetchval("SELECT inet_server_port()") for each in connections}
            for each in connections:
                await database.give_back(each)
            assert ports == {shared_cluster().port}


async def test_where_no_host_writes_that_is_said() -> None:
    """Neither silent hosts nor dead ones are waited for without end, and the reason names no host."""
    with silent_host() as silent:
        async with Database(url_of(silent, f"127.0.0.1:{free_port()}")).held() as database:
            async with asyncio.timeout(4 * CONNECT_SECONDS):
                with pytest.raises(StoreUnavailable, match="none of 2 hosts is a primary that answers"):
                    await database.take()


@pytest.mark.skipif(sys.platform != "linux", reason="the options are Linux's")
async def test_a_host_that_vanishes_is_noticed() -> None:
    """The system is told to end a connection whose other end confirms nothing any more."""
    async with Database(url_of(primary())).held() as database:
        connection = await database.take()
        transport = connection._transport  # type: ignore[attr-defined]  # what a pool gives out passes it on
        line = transport.get_extra_info("socket")
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5_000
        await database.give_back(connection)


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://a:p@h1:1,h2:2/d", [("h1", 1), ("h2", 2)]),
        ("postgresql://h1,h2:2,h3/d", [("h1", 5432), ("h2", 2), ("h3", 5432)]),
        ("postgresql://u@[::1]:7,[fe80::2]/d", [("::1", 7), ("fe80::2", 5432)]),
        ("postgresql:///d?host=h1,h2&port=1,2", [("h1", 1), ("h2", 2)]),
        ("postgresql:///d?host=h1,h2&port=9", [("h1", 9), ("h2", 9)]),
        (f"postgresql:///d?host={quote('/run/pg', safe='')}&port=9", [("/run/pg", 9)]),
        ("postgresql://u:p%40,x@h1:1%2Ch2:2/d", [("h1", 1), ("h2", 2)]),
        ("postgresql:///d", [("", 5432)]),
    ],
)
def test_hosts_are_read_from_every_form(url: str, hosts: list[tuple[str, int]]) -> None:
    """Hosts stand before the path or among the options, with ports of their own, one for all, or none."""
    assert hosts_of(url) == hosts
