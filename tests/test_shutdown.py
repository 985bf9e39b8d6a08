"""SIGTERM: a clean stop. What is in flight is answered, and the files are whole without their logs."""

import asyncio
import contextlib
import shutil
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from erply_points.accounts.administration import check_account
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from support.client import Erply, Record
from support.process import ServerProcess
from support.shop import new_account

IN_FLIGHT = 20
BULK = 50


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def running(data: Path) -> Iterator[ServerProcess]:
    """A server of this test's own, to be stopped."""
    server = ServerProcess(data)
    yield server
    if server.process.poll() is None:
        server.kill()


@pytest.fixture
async def till(running: ServerProcess) -> AsyncIterator[Erply]:
    """An account on the server that is to be stopped."""
    code = await new_account(ServerSettings(data=running.data))
    async with httpx.AsyncClient(base_url=running.url, timeout=30, trust_env=False) as http:
        yield await Erply(http, code).log_in()


def redemptions(customer: int) -> list[Record]:
    return [{"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": 1}] * BULK


@contextlib.contextmanager
def held(database: Path) -> Iterator[None]:
    """Hold a database so that every writer has to wait, which keeps its request in flight."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


async def in_flight(till: Erply, customer: int) -> list[asyncio.Task[dict[str, Any]]]:
    """Bulks that the server has taken and cannot finish yet."""
    sent = [asyncio.create_task(till.bulk(redemptions(customer))) for _ in range(IN_FLIGHT)]
    await asyncio.sleep(0.5)
    assert not any(task.done() for task in sent)
    return sent


async def left(data: Path, code: str, customer: int) -> int:
    """The balance in a sound file, read from a copy of the file alone: nothing may be missing without its log."""
    copied = data.with_name(f"copy-{code}")
    copied.mkdir()
    shutil.copy(data / f"{code}.db", copied)
    assert not list(data.glob(f"{code}.db-*"))
    assert await check_account(stores_of(ServerSettings(data=copied)), code) == []
    with contextlib.closing(sqlite3.connect(copied / f"{code}.db")) as database:
        (balance,) = database.execute("SELECT balance FROM wallets WHERE customer_id = ?", (customer,)).fetchone()
    return int(balance) // 1_000


async def test_bulks_in_flight_are_answered(running: ServerProcess, till: Erply, data: Path) -> None:
    """After SIGTERM every request already taken gets its whole answer, and what was answered is in the file."""
    customer = await till.customer(points=10_000)
    with held(data / f"{till.code}.db"):
        sent = await in_flight(till, customer)
        running.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
        assert running.process.poll() is None
    for answer in await asyncio.gather(*sent):
        assert [each["status"]["errorCode"] for each in answer["requests"]] == [0] * BULK
    assert await asyncio.to_thread(running._ended) == 0
    assert await left(data, till.code, customer) == 10_000 - IN_FLIGHT * BULK


async def test_a_stopping_server_takes_no_new_connections(running: ServerProcess, till: Erply, data: Path) -> None:
    """Between SIGTERM and the end nobody new is let in, so the stop comes to an end."""
    customer = await till.customer(points=10_000)
    with held(data / f"{till.code}.db"):
        sent = await in_flight(till, customer)
        running.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
        async with httpx.AsyncClient(base_url=running.url, trust_env=False) as late:
            with pytest.raises(httpx.TransportError):
                await late.get("/health")
    await asyncio.gather(*sent)
    assert await asyncio.to_thread(running._ended) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_impatient_second_signal_harms_nothing(
    running: ServerProcess, till: Erply, data: Path, number: signal.Signals
) -> None:
    """A second signal may cut answers short, but the server ends, a bulk is whole or undone, and the account sound."""
    customer = await till.customer(points=10_000)
    with held(data / f"{till.code}.db"):
        sent = await in_flight(till, customer)
        for _ in range(2):
            running.process.send_signal(number)
            await asyncio.sleep(0.2)
    answered = 0
    for outcome in await asyncio.gather(*sent, return_exceptions=True):
        if isinstance(outcome, dict):
            assert [each["status"]["errorCode"] for each in outcome["requests"]] == [0] * BULK
            answered += 1
        else:
            assert isinstance(outcome, httpx.TransportError)
    await asyncio.to_thread(running._ended)
    assert await check_account(stores_of(ServerSettings(data=data)), till.code) == []
    spent = 10_000 - await left(data, till.code, customer)
    assert spent % BULK == 0
    assert answered * BULK <= spent <= IN_FLIGHT * BULK


async def test_sigint_is_as_good_and_an_idle_server_stops_at_once(running: ServerProcess, till: Erply) -> None:
    """Ctrl-C ends the server with status 0, with clients connected and idle, and leaves no log behind."""
    customer = await till.customer(points=7)
    running.process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(running._ended) == 0
    assert await left(running.data, till.code, customer) == 7
    assert "Traceback" not in "".join(running.log)


async def test_sessions_and_points_are_there_after_a_restart(running: ServerProcess, till: Erply) -> None:
    """A restarted server goes on where the last one stopped: same session, same points, next numbers."""
    customer = await till.customer(points=7)
    first = await till.record("saveSalesDocument", customerID=customer)
    assert await asyncio.to_thread(running.terminate) == 0
    again = ServerProcess(running.data)
    try:
        async with httpx.AsyncClient(base_url=again.url, timeout=30, trust_env=False) as http:
            same = Erply(http, till.code, till.key)
            assert await same.balance(customer) == 7
            second = await same.record("saveSalesDocument", customerID=customer)
            assert int(second["invoiceID"]) == int(first["invoiceID"]) + 1
            assert int(second["invoiceNo"]) == int(first["invoiceNo"]) + 1
    finally:
        assert await asyncio.to_thread(again.terminate) == 0
