"""HTTP itself, on the real server: old versions of it, lengths, keep-alive, clients that go away."""

import socket
from urllib.parse import urlencode, urlsplit

import httpx

from bulk.sending import CONTENT_TYPE, well_formed
from support.client import Erply
from support.process import ServerProcess


def exchange(server: ServerProcess, request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Status line, headers and body, read until the server closes the connection."""
    address = urlsplit(server.url)
    assert address.hostname
    with socket.create_connection((address.hostname, address.port or 80), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return status, headers, body


def multipart(fields: dict[str, str]) -> tuple[str, bytes]:
    parts = "".join(
        f'--sep\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    return "multipart/form-data; boundary=sep", f"{parts}--sep--\r\n".encode()


async def test_http_1_0_without_keep_alive(server: ServerProcess, till: Erply) -> None:
    """A client of HTTP/1.0 gets a Content-Length, no chunks, no compression, and a closed connection."""
    fields = {"clientCode": till.code, "sessionKey": "", "request": "verifyUser", "username": "till"}
    kind, body = multipart({**fields, "password": "secret"})
    head = (
        f"POST /api/ HTTP/1.0\r\nHost: {till.code}.erply.example\r\nConnection: close\r\nAccept-Encoding: gzip\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    status, headers, answer = exchange(server, head.encode() + body)
    assert status.split()[1] == "200"
    assert int(headers["content-length"]) == len(answer)
    assert "transfer-encoding" not in headers
    assert "content-encoding" not in headers
    assert headers["content-type"] == CONTENT_TYPE
    assert b'"responseStatus":"ok"' in answer


async def test_http_1_0_without_a_host(server: ServerProcess, till: Erply) -> None:
    """A request of HTTP/1.0 needs no Host header."""
    query = urlencode({"clientCode": till.code, "sessionKey": till.key, "request": "getVatRates"})
    status, headers, answer = exchange(server, f"GET /api?{query} HTTP/1.0\r\n\r\n".encode())
    assert status.split()[1] == "200"
    assert int(headers["content-length"]) == len(answer)


async def test_answers_are_never_chunked(till: Erply) -> None:
    """HTTP/1.1 answers carry their length too, large ones included."""
    customers = [{"requestName": "saveCustomer", "firstName": "x" * 255, "notes": "y" * 5_000} for _ in range(50)]
    await till.answers(customers)
    form = {"clientCode": till.code, "sessionKey": till.key, "request": "getCustomers", "recordsOnPage": "100"}
    response = await till.http.post("/api/", data=form)
    assert len(response.content) > 250_000
    assert int(response.headers["content-length"]) == len(response.content)
    assert "transfer-encoding" not in response.headers


async def test_a_connection_is_used_again(server: ServerProcess, till: Erply) -> None:
    """Keep-alive holds over good and bad requests, malformed bodies included."""
    address = urlsplit(server.url)
    assert address.hostname
    bodies = [b"clientCode=nobody", b"\xff\xfe", urlencode({"clientCode": till.code}).encode()]
    with socket.create_connection((address.hostname, address.port or 80), timeout=10) as connection:
        for body in bodies:
            head = f"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            received = b""
            while not received.endswith(b"}"):
                chunk = connection.recv(65_536)
                assert chunk, "the server closed the connection"
                received += chunk
            assert received.startswith(b"HTTP/1.1 200")


async def test_clients_that_go_away_harm_nobody(server: ServerProcess, till: Erply) -> None:
    """A connection cut in the middle of a body, or before the answer, leaves the server serving."""
    address = urlsplit(server.url)
    assert address.hostname
    for sent in (
        b"POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nclientCode=",
        b"POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"GET /api/?request=getCustomers HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01nonsense\r\n\r\n",
    ):
        with socket.create_connection((address.hostname, address.port or 80), timeout=10) as connection:
            connection.sendall(sent)
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as other:
        response = await other.post("/api/", data={"clientCode": till.code, "sessionKey": till.key})
        assert well_formed(response)["status"]["errorCode"] == 1005
