"""More requests than the server takes: the rest is turned away at once, nothing of it is begun, and then all is well.

The store is made to wait at its commit, so that what is in progress stays in progress.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from erply_points.accounts.administration import create_client
from erply_points.app import create_app, stores_of
from erply_points.settings import ServerSettings
from support.client import Erply
from support.contract import check_answer
from support.dialects import LOOKUP, Capillary, Fabric
from support.gate import Gate, gate_before_commits
from support.shop import new_account

ACCOUNT_MAX: Final = 6
SERVER_MAX: Final = 9
SENT: Final = 20


@dataclass
class Server:
    """A server with room for few requests, and two accounts in it."""

    http: httpx.AsyncClient
    settings: ServerSettings
    first: Erply
    second: Erply
    gate: Gate

    async def post(self, till: Erply, customer: int, number: int) -> httpx.Response:
        call = {"request": "subtractCustomerRewardPoints", "customerID": customer, "points": 1, "description": number}
        return await self.http.post("/api/", data={"clientCode": till.code, "sessionKey": till.key, **call})


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    gate = gate_before_commits(monkeypatch)
    settings = ServerSettings(data=tmp_path / "data", requests_max=SERVER_MAX, account_requests_max=ACCOUNT_MAX)
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://erply.test") as http,
    ):
        first, second = [await Erply(http, await new_account(settings)).log_in() for _ in range(2)]
        yield Server(http, settings, first, second, gate)
        gate.opened.set()


async def some(tasks: Sequence[asyncio.Task[httpx.Response]], count: int) -> list[httpx.Response]:
    """Wait until so many are done, and no more can be."""
    async with asyncio.timeout(20):
        while sum(task.done() for task in tasks) < count:  # noqa: ASYNC110 - whichever they are
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    done = [task.result() for task in tasks if task.done()]
    assert len(done) == count
    return done


def turned_away(response: httpx.Response) -> None:
    """The response is that of a busy server, in Erply's shape."""
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    answer = response.json()
    check_answer(answer, {})
    assert answer["status"]["errorCode"] == 1003
    assert "busy" in answer["status"]["errorMessage"]


async def test_an_account_has_its_share(server: Server) -> None:
    """Above its share an account's requests are turned away, another's are not, and afterwards all are taken again."""
    till = server.first
    customer = await till.customer(points=100)
    server.gate.close()
    sent = [asyncio.create_task(server.post(till, customer, number)) for number in range(SENT)]
    for response in await some(sent, SENT - ACCOUNT_MAX):
        turned_away(response)
    assert await server.second.records("getVatRates")
    server.gate.opened.set()
    answered = [(await task).json()["status"]["errorCode"] for task in sent]
    assert sorted(answered) == [0] * ACCOUNT_MAX + [1003] * (SENT - ACCOUNT_MAX)
    used = await till.records("getUsedRewardPointRecords", customerID=customer)
    taken = [str(number) for number, code in enumerate(answered) if code == 0]
    assert sorted(each["description"] for each in used) == sorted(taken)
    assert await till.balance(customer) == 100 - ACCOUNT_MAX
    again = await asyncio.gather(*(server.post(till, customer, number) for number in range(ACCOUNT_MAX)))
    assert {each.json()["status"]["errorCode"] for each in again} == {0}


async def test_a_full_server_turns_all_dialects_away(server: Server) -> None:
    """When the server is full nothing is read or begun, whoever asks; each gets its dialect's 503; health is told."""
    stores = stores_of(server.settings)
    client = await create_client(stores, server.second.code, "till")
    capillary, fabric = Capillary(server.http, *client), await Fabric.log_in(server.http, *client)
    customers = [await till.customer(points=100) for till in (server.first, server.second)]
    server.gate.close()
    sent = [
        asyncio.create_task(server.post(till, customer, number))
        for till, customer in zip((server.first, server.second), customers, strict=True)
        for number in range(SENT)
    ]
    for response in await some(sent, 2 * SENT - SERVER_MAX):
        turned_away(response)
    turned_away(await server.http.post("/api/", content=b"\xff"))
    refusals = [
        await capillary.send(LOOKUP, {}, {}),
        await server.http.post("/v3/oauth/token/generate", json={"key": client[0], "secret": client[1]}),
        await fabric.http.post("/v1/members", json={}),
    ]
    assert [(each.status_code, each.headers["retry-after"]) for each in refusals] == [(503, "1")] * 3
    assert (await server.http.get("/health")).json() == {"status": "ok"}
    server.gate.opened.set()
    codes = [(await task).json()["status"]["errorCode"] for task in sent]
    assert codes.count(0) == SERVER_MAX
    spent = 200 - await server.first.balance(customers[0]) - await server.second.balance(customers[1])
    assert spent == SERVER_MAX


async def test_who_goes_away_makes_room(server: Server) -> None:
    """A request whose client has gone counts only until it is done, so nobody can fill the server for good."""
    till = server.first
    customer = await till.customer(points=100)
    server.gate.close()
    sent = [asyncio.create_task(server.post(till, customer, number)) for number in range(ACCOUNT_MAX)]
    assert await asyncio.to_thread(server.gate.reached.wait, 20)
    for task in sent:
        task.cancel()
    server.gate.opened.set()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*sent)
    async with asyncio.timeout(20):
        while (await server.post(till, customer, 0)).status_code != 200:  # noqa: ASYNC110 - as a till would
            await asyncio.sleep(0.01)
    again = await asyncio.gather(*(server.post(till, customer, number) for number in range(ACCOUNT_MAX)))
    assert {each.status_code for each in again} == {200}
