"""PgBouncer in transaction mode between server and database: each transaction may come to another server process."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from erply_points.accounts.administration import check_account
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from erply_points.store.postgres import watch as postgres_watch
from erply_points.store.postgres.connection import Database
from postgres.waiting import impatience, in_time, locked, until_done
from retries.keyed import Request, send
from support.postgres import REQUIRED, as_nobody, free_port, own_folder, shared_cluster
from support.requests import balance, redemption
from support.shop import Shop, open_shop

SERVER_CONNECTIONS = 3
"""Fewer than the clients: so they do take turns."""


@pytest.fixture(scope="module")
def pooler() -> Iterator[str]:
    """The URL of the tests' cluster by way of PgBouncer."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"PgBouncer is not installed, and {REQUIRED}=1 says that it must be there")
        pytest.skip("PgBouncer is not installed")
    cluster, folder, port = shared_cluster(), own_folder("erply-bouncer-"), free_port()
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"""
        [databases]
        postgres = host={cluster.folder} port={cluster.port} user=points
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = any
        pool_mode = transaction
        default_pool_size = {SERVER_CONNECTIONS}
        ignore_startup_parameters = extra_float_digits
        """
    )
    settings.chmod(0o644)
    log = (folder / "log").open("wb")
    with log, subprocess.Popen([program, settings], stdout=log, stderr=log, cwd=folder, **as_nobody()) as process:
        try:
            _wait_for(port, process, folder / "log")
            yield f"postgresql://points@127.0.0.1:{port}/postgres"
        finally:
            process.kill()
            process.wait(20)
            shutil.rmtree(folder)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


async def test_a_pooler_is_noticed(pooler: str) -> None:
    """Whether somebody stands between us and the server decides whether statements are kept prepared."""
    for url, direct in ((pooler, False), (shared_cluster().url(), True)):
        async with Database(url).held() as database:
            await database.give_back(await database.take())
            assert database._is_direct is direct


async def test_a_shop_through_a_pooler(pooler: str) -> None:
    """Redemptions, listings and balances of many clients at once, through fewer connections than clients."""
    settings = ServerSettings(database_url=pooler)
    async with open_shop(settings) as shop, open_shop(settings) as neighbour:
        await asyncio.gather(*(_live(each) for each in (shop, neighbour)))
        for each in (shop, neighbour):
            assert await check_account(stores_of(settings), each.code) == []


async def _live(shop: Shop) -> None:
    customer = await shop.customer(points=100)
    redemption = {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": 7}
    history = {"requestName": "getUsedRewardPointRecords", "customerID": customer}
    balance = {"requestName": "getCustomerRewardPoints", "customerID": customer}
    answered = await asyncio.gather(*(shop.codes([redemption, history, balance]) for _ in range(40)))
    assert Counter(map(tuple, answered)) == {(0, 0, 0): 14, (1042, 0, 0): 26}
    assert await shop.balance(customer) == 2


async def test_nothing_is_left_behind_on_a_connection(pooler: str) -> None:
    """What a transaction set for itself is gone for the next client of the connection: path, timeouts, statements."""
    async with open_shop(ServerSettings(database_url=pooler)) as shop:
        await shop.customer(points=100)
        other = await asyncpg.connect(pooler, statement_cache_size=0)
        try:
            for _ in range(2 * SERVER_CONNECTIONS):
                await other.execute("BEGIN")
                for setting, value in (("search_path", '"$user", public'), ("lock_timeout", "0")):
                    assert await other.fetchval("SELECT current_setting($1)", setting) == value
                assert await other.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''") == 0
                await other.execute("COMMIT")
        finally:
            await other.close()


async def test_a_server_that_hangs_behind_a_pooler_is_noticed(pooler: str) -> None:
    """The pooler lets everybody in; that the server behind it answers nobody is found out all the same."""
    async with open_shop(ServerSettings(database_url=pooler)) as shop:
        customer = await shop.customer(points=100)
        with impatience(), shared_cluster().standstill():
            asked = (Request([redemption(customer, 7)]), Request([balance(customer)]))
            answers = await asyncio.gather(*(in_time(send(shop, each)) for each in asked))
            assert [answer.status[0] for answer in answers] == [1003, 1003]
        assert (await until_done(shop, Request([redemption(customer, 1)]))).codes == [0]


async def test_who_queues_at_the_pooler_is_not_cut_off(pooler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the pooler's connections all wait for locks, a question to the server queues too; that is no silence."""
    async with open_shop(ServerSettings(database_url=pooler)) as shop:
        shops = [shop, *[await shop.neighbour() for _ in range(SERVER_CONNECTIONS)]]
        customers = [await each.customer(points=100) for each in shops]
        monkeypatch.setattr(postgres_watch, "WAIT_SECONDS", 0.1)
        monkeypatch.setattr(postgres_watch, "ANSWER_SECONDS", 0.1)
        async with locked(*shops):
            waiting = [
                asyncio.create_task(send(each, Request([redemption(customer, 7)])))
                for each, customer in zip(shops, customers, strict=True)
            ]
            await asyncio.sleep(0.6)
            assert not any(each.done() for each in waiting)
        assert [answer.codes for answer in await asyncio.gather(*waiting)] == [[0]] * len(shops)
