"""A full account on the real server: its requests are turned away before they are begun, others come in as ever.

A lock that the test holds on the account's database keeps its writers waiting.
"""

import asyncio
import contextlib
import json
import re
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from erply_points.settings import ServerSettings
from erply_points.web.doorman import _CLIENT_CODE
from support.client import Erply
from support.contract import check_answer
from support.process import ServerProcess
from support.shop import new_account

ROOM: Final = 2
FORM: Final = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with little room for each account."""
    running = ServerProcess(tmp_path_factory.mktemp("small") / "data", "--account-requests-max", str(ROOM))
    yield running
    assert running.terminate() == 0, "".join(running.log)
    assert "Traceback" not in "".join(running.log)


@pytest.fixture
async def till(small: ServerProcess) -> AsyncIterator[Erply]:
    async with httpx.AsyncClient(base_url=small.url, timeout=30, trust_env=False) as http:
        yield await Erply(http, await new_account(ServerSettings(data=small.data))).log_in()


@pytest.fixture
async def neighbour(small: ServerProcess, till: Erply) -> Erply:
    return await Erply(till.http, await new_account(ServerSettings(data=small.data))).log_in()


@contextlib.asynccontextmanager
async def full(server: ServerProcess, till: Erply) -> AsyncIterator[None]:
    """While the block runs, all of the account's room is taken by redemptions that wait; then they are done."""
    customer = await till.customer(points=ROOM)
    with contextlib.closing(sqlite3.connect(server.data / f"{till.code}.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        waiting = [asyncio.create_task(redeemed(till, customer)) for _ in range(ROOM)]
        async with asyncio.timeout(20):
            while (await till.http.post("/api/", data=vat_rates(till))).status_code == 200:  # noqa: ASYNC110 - a look
                await asyncio.sleep(0.01)
        yield
        holder.execute("ROLLBACK")
        await asyncio.gather(*waiting)
    assert await till.balance(customer) == 0


async def redeemed(till: Erply, customer: int) -> None:
    """Redeem a point; try again until there is room, and the database has no lock."""
    call = {"request": "subtractCustomerRewardPoints", "customerID": customer, "points": 1}
    while True:
        response = await till.http.post("/api/", data={"clientCode": till.code, "sessionKey": till.key, **call})
        if response.json()["status"]["errorCode"] == 0:
            return


def vat_rates(till: Erply, **more: str) -> dict[str, str]:
    return {"clientCode": till.code, "sessionKey": till.key, "request": "getVatRates", **more}


async def test_a_full_account_is_turned_away_whatever_its_requests_look_like(
    small: ServerProcess, till: Erply, neighbour: Erply
) -> None:
    """In every encoding a full account's request is HTTP 503 with Retry-After and 1003; its neighbour's is answered."""
    async with full(small, till):
        for account, status, code in ((till, 503, 1003), (neighbour, 200, 0)):
            params = vat_rates(account)
            long = vat_rates(account, notes="x" * 100_000)
            headers = {"clientCode": account.code, "sessionKey": account.key}
            post = till.http.post
            for response in (
                await post("/api/", data=params),
                await post("/api", params=params),
                await till.http.get("/api/", params=params),
                await post("/api/", json=params),
                await post("/api/", json=long),
                await post("/api/", data=long),
                await post("/api/", files={name: (None, value) for name, value in params.items()}),
                await post("/api/", params={"request": "getVatRates"}, headers=headers),
            ):
                assert response.status_code == status
                assert response.headers.get("retry-after") == ("1" if status == 503 else None)
                answer = response.json()
                check_answer(answer, {})
                assert answer["status"]["errorCode"] == code
                assert abs(answer["status"]["requestUnixTime"] - time.time()) < 60
        assert (await till.http.head("/api/", params=vat_rates(till))).status_code == 405
        assert (await till.http.get("/health")).status_code == 200
        assert (await till.http.get("/api/no")).status_code == 404


async def test_turned_away_and_let_in_on_one_connection(small: ServerProcess, till: Erply, neighbour: Erply) -> None:
    """Requests that are sent ahead are answered in their order, those that are turned away among them."""
    asked = [till, till, neighbour, till, neighbour, neighbour, till]
    sent = b""
    for number, account in enumerate(asked):
        body = urlencode(vat_rates(account)).encode()
        last = "Connection: close\r\n" if number == len(asked) - 1 else ""
        head = f"POST /api/ HTTP/1.1\r\nHost: x\r\n{last}Content-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n"
        sent += head.encode() + body
    async with full(small, till):
        for size in (len(sent), 100):
            received = await asyncio.to_thread(exchanged, small.url, sent, size)
            statuses = [int(each) for each in re.findall(rb"HTTP/1.1 (\d+)", received)]
            assert statuses == [503 if account is till else 200 for account in asked]
            codes = [int(each) for each in re.findall(rb'"errorCode":(\d+)', received)]
            assert codes == [1003 if account is till else 0 for account in asked]


def exchanged(url: str, sent: bytes, size: int) -> bytes:
    """All that comes back, where so many bytes are sent at a time."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(sent), size):
            connection.sendall(sent[start : start + size])
            time.sleep(0.002)
        received = b""
        while part := connection.recv(65_536):
            received += part
    return received


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"clientCode=101010&x=1", b"101010"),
        (b"a=1&clientCode=a-1", b"a-1"),
        (json.dumps({"a": [1], "clientCode": "101010", "b": 2}).encode(), b"101010"),
        (b'{"clientCode" :"101010"}', b"101010"),
        (b"notclientCode=1", None),
        (b"clientCode=", None),
        (b"clientCode=UPPER", None),
        (b"clientCode=" + b"1" * 33, None),
        (b"", None),
        (b"\xff\xfe", None),
    ],
)
def test_the_account_is_seen_at_a_glance(content: bytes, code: bytes | None) -> None:
    """The doorman finds the account in a form and in JSON; what it does not find goes the usual way."""
    found = _CLIENT_CODE.search(content)
    assert (found[1] if found else None) == code
