"""Answers that never arrive, on the real server: whoever sends again gets the first answer, and points leave once.

For each kind of key, alone and twenty at once: the connection is dropped after the commit; the server restarts
meanwhile; the server is killed between commit and answer, or just before the commit.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import httpx
import pytest

from erply_points.accounts import administration
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from retries.keyed import KEYS, SALE_CHANGES, SETTINGS, Request, every_kind, sale, send
from retries.mortal_server import LAST_WORDS
from retries.servers import SECONDS_MAX, MortalServer, Sent
from support.client import Erply
from support.process import ServerProcess
from support.shop import new_account

Server = TypeVar("Server", ServerProcess, MortalServer)
POINTS: Final = 1_000
CROWD: Final = 20
crowds = pytest.mark.parametrize("times", [1, CROWD], ids=["alone", "twenty at once"])


@contextlib.asynccontextmanager
async def till_of(server: ServerProcess, code: str, key: str = "") -> AsyncIterator[Erply]:
    """A client of an account, with the session `key` or a new one."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as http:
        till = Erply(http, code, key)
        yield till if key else await till.log_in()


async def set_for(data: Path, code: str, kind: str) -> None:
    """Let the account know keys of that kind."""
    await administration.set_settings(stores_of(ServerSettings(data=data)), code, SETTINGS.get(kind, {}))


@dataclass(frozen=True)
class Lost:
    """A sale whose first answer nobody has read."""

    customer: int
    request: Request

    @classmethod
    async def prepared(cls, till: Erply, kind: str, name: str) -> "Lost":
        customer = await till.customer(points=POINTS)
        requests = sale(customer, notes=name)
        requests[3] |= {"description": LAST_WORDS}
        return cls(customer, KEYS[kind](name, requests))

    async def happened(self, till: Erply) -> None:
        """Wait until the sale is there for others to see."""
        async with asyncio.timeout(SECONDS_MAX):
            while await till.balance(self.customer) == POINTS:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)

    async def is_done_once(self, till: Erply, times: int, replayed: str | None = "true") -> None:
        """Send it again, `times` at once: the answers are those of the one sale that is there."""
        replies = await asyncio.gather(*(send(till, self.request) for _ in range(times)))
        assert sorted(each.replayed or "" for each in replies) == [replayed or ""] + ["true"] * (times - 1)
        (reply,) = {each.body: each for each in replies}.values()
        assert reply.codes == [0] * 6
        (document,) = await till.records("getSalesDocuments", clientID=self.customer)
        assert (document["id"], document["number"]) == (int(reply.record(0)["invoiceID"]), reply.record(0)["invoiceNo"])
        (used,) = await till.records("getUsedRewardPointRecords", customerID=self.customer)
        assert (used["transactionID"], used["usedPoints"], used["invoiceID"]) == (
            reply.record(3)["transactionID"],
            reply.record(3)["subtractedPoints"],
            document["id"],
        )
        _, earned, gift = await till.records("getEarnedRewardPointRecords", customerID=self.customer)
        assert (earned["invoiceID"], gift["transactionID"]) == (document["id"], reply.record(4)["transactionID"])
        (payment,) = await till.records("getPayments", documentID=document["id"])
        assert payment["paymentID"] == reply.record(2)["paymentID"]
        assert reply.record(5) == {"points": POINTS + SALE_CHANGES}
        assert await till.balance(self.customer) == POINTS + SALE_CHANGES


@every_kind
@crowds
@pytest.mark.parametrize("drop", [Sent.close, Sent.reset], ids=["closed", "reset"])
async def test_a_connection_is_dropped_after_the_commit(
    till: Erply, server: ServerProcess, kind: str, times: int, drop: Callable[[Sent], None]
) -> None:
    """The sale is there, its answer is on the way, and the connection is gone: a retry gets that answer."""
    await set_for(server.data, till.code, kind)
    lost = await Lost.prepared(till, kind, "dropped")
    sent = [Sent(server.url, till, lost.request) for _ in range(times)]
    await lost.happened(till)
    for each in sent:
        drop(each)
    await lost.is_done_once(till, times)


@every_kind
@crowds
async def test_a_connection_is_dropped_at_once(till: Erply, server: ServerProcess, kind: str, times: int) -> None:
    """Whether or not the server has read the request before the client was gone, with the retry it is done once."""
    await set_for(server.data, till.code, kind)
    lost = await Lost.prepared(till, kind, "dropped")
    for number in range(times):
        sent = Sent(server.url, till, lost.request)
        (sent.close, sent.reset)[number % 2]()
    first = await send(till, lost.request)
    assert first.codes == [0] * 6
    await lost.is_done_once(till, times)


@crowds
async def test_the_server_restarts(tmp_path: Path, times: int) -> None:
    """First answers outlive the process, and so does the session that asks for them."""
    data = tmp_path / "data"
    code = await new_account(ServerSettings(data=data), **SETTINGS["requestID"])
    with running(ServerProcess(data)) as server:
        async with till_of(server, code) as till:
            key = till.key
            all_lost = [await Lost.prepared(till, kind, f"{kind}-restart") for kind in KEYS]
            for lost in all_lost:
                sent = [Sent(server.url, till, lost.request) for _ in range(times)]
                await lost.happened(till)
                for each in sent:
                    each.close()
        assert server.terminate() == 0
    with running(ServerProcess(data)) as server:
        async with till_of(server, code, key) as till:
            for lost in all_lost:
                await lost.is_done_once(till, times)
    await is_sound(data, code)


@crowds
@pytest.mark.parametrize("moment", ["after", "before"])
async def test_the_server_is_killed(tmp_path: Path, moment: str, times: int) -> None:
    """Killed after the commit and before the answer, a retry gets that answer; killed before it, the retry is run."""
    data = tmp_path / "data"
    code = await new_account(ServerSettings(data=data), **SETTINGS["requestID"])
    with running(ServerProcess(data)) as server:
        async with till_of(server, code) as till:
            key = till.key
            all_lost = [await Lost.prepared(till, kind, f"{kind}-killed") for kind in KEYS]
        assert server.terminate() == 0
    for lost in all_lost:
        with running(MortalServer(data, moment)) as mortal, contextlib.ExitStack() as stack:
            sent = [stack.enter_context(Sent(mortal.url, till, lost.request)) for _ in range(times)]
            assert await asyncio.to_thread(mortal.died) == -signal.SIGKILL
            assert await asyncio.to_thread(answers, sent) == [b""] * times
    with running(ServerProcess(data)) as server:
        async with till_of(server, code, key) as till:
            for lost in all_lost:
                assert await till.balance(lost.customer) == POINTS + (SALE_CHANGES if moment == "after" else 0)
                await lost.is_done_once(till, times, "true" if moment == "after" else None)
    await is_sound(data, code)


def answers(sent: Sequence[Sent]) -> list[bytes]:
    return [each.received() for each in sent]


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """A server that is gone afterwards, whatever happens."""
    try:
        yield server
    finally:
        server.kill()


async def is_sound(data: Path, code: str) -> None:
    assert await administration.check_account(stores_of(ServerSettings(data=data)), code) == []
