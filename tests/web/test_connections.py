"""Slow, silent, endless and too many clients: each is cut off, and tills are served meanwhile.

On a real server with limits of fractions of a second. A client whose machine has vanished looks like a silent one, or
like one that does not take its answer: nothing comes from it.
"""

import asyncio
import contextlib
import gzip
import itertools
import json
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from erply_points.accounts.administration import create_client
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from support.client import Erply
from support.dialects import Fabric
from support.process import ServerProcess
from support.shop import new_account

CONNECTIONS_MAX: Final = 100
LIMITS: Final = (
    *("--head-seconds-max", "0.4", "--body-seconds-max", "0.4", "--answer-seconds-max", "0.4"),
    *("--idle-seconds-max", "0.8", "--connections-max", str(CONNECTIONS_MAX)),
)
PATIENCE: Final = 20.0
"""Seconds until a test gives up on being cut off."""


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that is quick to cut off."""
    running = ServerProcess(tmp_path_factory.mktemp("strict") / "data", *LIMITS)
    yield running
    assert running.terminate() == 0, "".join(running.log)
    assert "Traceback" not in "".join(running.log)


@pytest.fixture(scope="module")
def account(strict: ServerProcess) -> tuple[str, str]:
    """Code and session key."""
    code = asyncio.run(new_account(ServerSettings(data=strict.data)))
    form = {"clientCode": code, "request": "verifyUser", "username": "till", "password": "secret"}
    answer = httpx.post(f"{strict.url}/api/", data=form, trust_env=False)
    return code, answer.json()["records"][0]["sessionKey"]


@pytest.fixture
async def till(strict: ServerProcess, account: tuple[str, str]) -> AsyncIterator[Erply]:
    each_its_own = httpx.Limits(max_keepalive_connections=0)  # The server would close what is kept.
    async with httpx.AsyncClient(base_url=strict.url, timeout=30, trust_env=False, limits=each_its_own) as http:
        yield Erply(http, *account)


def connect(server: ServerProcess, receive_buffer: int = 0) -> socket.socket:
    address = urlsplit(server.url)
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(PATIENCE)
    connection.connect((address.hostname, address.port))
    return connection


def rest(connection: socket.socket) -> bytes:
    """All that comes until the server has closed the connection. Raises TimeoutError if it does not."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(1 << 20):
            found += part
    return found


def drip(connection: socket.socket, parts: Iterator[bytes], seconds: float) -> None:
    """Send bit by bit for as long as the server listens."""
    with contextlib.suppress(OSError):
        for part in parts:
            connection.sendall(part)
            time.sleep(seconds)


@contextlib.contextmanager
def dripping(connection: socket.socket, parts: Iterator[bytes], seconds: float = 0.02) -> Iterator[None]:
    thread = threading.Thread(target=drip, args=(connection, parts, seconds))
    thread.start()
    try:
        yield
    finally:
        connection.close()
        thread.join(PATIENCE)


HEAD: Final = b"POST /api/ HTTP/1.1\r\nHost: x\r\n"
CHUNKED: Final = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SLOW: Final[dict[str, tuple[Callable[[], Iterator[bytes]], bytes]]] = {
    "line": (lambda: itertools.chain([b"GET /"], itertools.repeat(b"x")), b"408"),
    "headers": (lambda: itertools.chain([HEAD], itertools.repeat(b"x: y\r\n")), b"408"),
    "empty lines": (lambda: itertools.repeat(b"\r\n"), b"408"),
    "body": (lambda: itertools.chain([HEAD, b"Content-Length: 99999\r\n\r\n"], itertools.repeat(b"x")), b"408"),
    "chunks": (lambda: itertools.chain([CHUNKED], itertools.repeat(b"1\r\nx\r\n")), b"408"),
    "a body that nobody reads": (
        lambda: itertools.chain([b"POST /no HTTP/1.1\r\nContent-Length: 99999\r\n\r\n"], itertools.repeat(b"x")),
        b"404",
    ),
}


@pytest.mark.parametrize("slow", SLOW)
async def test_slow_senders_are_cut_off(strict: ServerProcess, till: Erply, slow: str) -> None:
    """Who sends bit by bit is told so, and the connection is closed."""
    parts, status = SLOW[slow]
    connection = connect(strict)
    with dripping(connection, parts()):
        assert rest(connection).startswith(b"HTTP/1.1 " + status)
    assert await till.records("getVatRates")


@pytest.mark.parametrize("asked", [0, 1, 3])
async def test_silent_connections_are_closed(strict: ServerProcess, till: Erply, asked: int) -> None:
    """A connection on which nothing comes, at first or after some requests, is closed."""
    with connect(strict) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * asked)
        assert rest(connection).count(b'{"status":"ok"}') == asked
    assert await till.records("getVatRates")


async def test_who_does_not_take_its_answers_is_cut_off(strict: ServerProcess, till: Erply) -> None:
    """A client that asks and asks and never reads does not keep its answers in the server's memory."""
    customers = [{"requestName": "saveCustomer", "firstName": "x" * 200, "notes": "y" * 40_000} for _ in range(50)]
    await till.answers(customers)
    query = urlencode(
        {"clientCode": till.code, "sessionKey": till.key, "request": "getCustomers", "recordsOnPage": "100"}
    )
    request = f"GET /api/?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    asked = 30
    with connect(strict, receive_buffer=4_096) as connection:
        connection.sendall(request * asked)
        await asyncio.sleep(1.5)
        received = rest(connection)
    assert received.count(b"HTTP/1.1 200") < asked
    assert await till.records("getVatRates")


@pytest.mark.parametrize("size", [200_000, 3_000_000])
@pytest.mark.parametrize("part", ["line", "header", "headers"])
async def test_oversized_heads_are_refused(strict: ServerProcess, till: Erply, part: str, size: int) -> None:
    """A request line or headers above the limit are HTTP 431, and the client gets to read it."""
    head = {
        "line": b"GET /api/?" + b"x" * size + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "header": HEAD + b"X: " + b"x" * size + b"\r\n\r\n",
        "headers": HEAD + b"".join(b"X-%d: y\r\n" % number for number in range(size // 10)) + b"\r\n",
    }[part]
    with connect(strict) as connection:
        connection.sendall(head[:131_072])
        with contextlib.suppress(ConnectionError):
            connection.sendall(head[131_072:-4])  # It never ends.
        assert rest(connection).startswith(b"HTTP/1.1 431 ")
    assert await till.records("getVatRates")


async def test_long_queries_are_served(till: Erply) -> None:
    """A bulk of 100 calls in the query string, as some clients send it, is within the limit."""
    redemption = {"requestName": "getCustomerRewardPoints", "customerID": 12345, "requestID": "customer-12345"}
    query = urlencode({"clientCode": till.code, "sessionKey": till.key, "requests": json.dumps([redemption] * 100)})
    assert len(query) > 10_000
    response = await till.http.post(f"/api/?{query}&padding={'x' * 40_000}")
    assert len(response.json()["requests"]) == 100


async def test_endless_trailers_are_cut_off(strict: ServerProcess, till: Erply) -> None:
    """Headers after a chunked body are limited as those before it are."""
    connection = connect(strict)
    with dripping(connection, itertools.chain([CHUNKED, b"0\r\n"], itertools.repeat(b"X: y\r\n" * 5_000)), 0.001):
        assert b"200" not in rest(connection)
    assert await till.records("getVatRates")


async def test_an_endless_body_is_cut_off(strict: ServerProcess, till: Erply) -> None:
    """A chunked body without end is given up."""
    connection = connect(strict)
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with dripping(connection, itertools.chain([CHUNKED], itertools.repeat(chunk * 16)), 0.0):
        answered = rest(connection)
    assert re.match(rb"HTTP/1.1 (413|408) ", answered) or not answered
    assert await till.records("getVatRates")


async def test_pipelined_requests_are_answered_in_order(strict: ServerProcess, till: Erply) -> None:
    """Requests that are sent ahead of their answers run one after the other, and are answered in that order."""
    customer = await till.customer(points=1_000)
    requests = []
    for number in range(50):
        call = {"request": "subtractCustomerRewardPoints", "customerID": customer, "points": 1, "description": number}
        body = urlencode({"clientCode": till.code, "sessionKey": till.key, **call}).encode()
        last = b"Connection: close\r\n" if number == 49 else b""
        requests.append(HEAD + last + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    with connect(strict) as connection:
        connection.sendall(b"".join(requests))
        answered = rest(connection)
    ids = [int(each) for each in re.findall(rb'"transactionID":"?(\d+)', answered)]
    assert len(ids) == 50
    used = {each["transactionID"]: each["description"] for each in await till.records("getUsedRewardPointRecords")}
    assert [used[each] for each in ids] == [str(number) for number in range(50)]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP, identity"])
async def test_compressed_bodies_are_refused(strict: ServerProcess, till: Erply, encoding: str) -> None:
    """A compressed body is HTTP 415 in every dialect, and nothing unpacks it; one that says identity is taken."""
    bomb = gzip.compress(bytes(50_000_000))
    headers = {"content-encoding": encoding}
    response = await till.http.post("/api/", content=bomb, headers=headers)
    assert (response.status_code, response.json()["status"]["errorCode"]) == (415, 1015)
    client = await create_client(stores_of(ServerSettings(data=strict.data)), till.code, "till")
    fabric = await Fabric.log_in(till.http, *client)
    bearer = {**headers, "authorization": f"Bearer {fabric.token}"}
    adjustment = "/v2/customers/1/negativePointsAdjustment"
    answers = [
        await till.http.post("/v1/members", content=bomb, headers=bearer),
        await till.http.post(adjustment, content=bomb, headers=headers, auth=httpx.BasicAuth(*client)),
    ]
    assert [each.status_code for each in answers] == [415, 415]
    params = {"clientCode": till.code, "sessionKey": till.key, "request": "getVatRates"}
    plain = await till.http.post("/api/", data=params, headers={"content-encoding": "identity"})
    assert plain.json()["status"]["errorCode"] == 0


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + b"Content-Length: 99\r\n\r\nx"], ids=["idle", "head", "body"])
async def test_many_connections_keep_nobody_out(strict: ServerProcess, till: Erply, sent: bytes) -> None:
    """Above the limit the connection that has kept the server waiting the longest makes room; tills are served."""
    with contextlib.ExitStack() as stack:
        idle = []
        for number in range(3 * CONNECTIONS_MAX):
            idle.append(stack.enter_context(connect(strict)))
            idle[-1].sendall(sent)
            if number % 50 == 0:
                assert await till.records("getVatRates")
        assert rest(idle[0]) == b""  # Not even 408: it did not last as long.
        async with httpx.AsyncClient(base_url=strict.url, trust_env=False) as late:
            assert (await late.get("/health")).json() == {"status": "ok"}
