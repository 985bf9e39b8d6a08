"""How large a body may be, and how long it may take."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bulk.sending import FORM, well_formed
from erply_points.app import create_app
from erply_points.settings import ServerSettings
from support.client import Erply
from support.shop import Shop

LIMIT = 4_000_000


def padded(client: Erply, size: int) -> bytes:
    """A good form of exactly `size` bytes."""
    start = f"clientCode={client.code}&sessionKey={client.key}&request=getSessionKeyInfo&padding=".encode()
    return start + b"x" * (size - len(start))


async def in_pieces(body: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def refused(response: httpx.Response) -> dict[str, Any]:
    """The status of a body that is too large."""
    assert response.status_code == 413
    assert "Traceback" not in response.text
    status: dict[str, Any] = response.json()["status"]
    assert status["responseStatus"] == "error"
    assert str(LIMIT) in status["errorMessage"]
    return status


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
async def test_the_limit_itself_is_allowed(till: Erply, *, chunked: bool) -> None:
    """A body of exactly 4 MB is read."""
    body = padded(till, LIMIT)
    response = await till.http.post("/api/", content=in_pieces(body) if chunked else body, headers=FORM)
    assert well_formed(response)["status"]["errorCode"] == 0


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
async def test_one_byte_more_is_413(till: Erply, *, chunked: bool) -> None:
    """One byte above the limit is HTTP 413 with an answer in JSON, however the length is told."""
    body = padded(till, LIMIT + 1)
    refused(await till.http.post("/api/", content=in_pieces(body) if chunked else body, headers=FORM))


@pytest.mark.parametrize("attempt", range(3))
@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
async def test_ten_megabytes_are_413_and_the_client_learns_it(till: Erply, attempt: int, *, chunked: bool) -> None:
    """A client that is still sending gets to read the 413 instead of a broken connection."""
    body = padded(till, 10_000_000 + attempt)
    refused(await till.http.post("/api/", content=in_pieces(body) if chunked else body, headers=FORM))
    assert await till.records("getVatRates")


async def test_the_limit_is_a_setting(tmp_path: Path) -> None:
    """`body_size_max` moves the limit, in the check and in the sentence."""
    app = create_app(ServerSettings(data=tmp_path, body_size_max=100))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://erply.test") as http:
        assert (await http.post("/api/", content=b"a=" + b"x" * 98)).status_code == 200
        response = await http.post("/api/", content=b"a=" + b"x" * 99)
        assert response.status_code == 413
        assert "100" in response.json()["status"]["errorMessage"]


async def test_a_body_that_never_ends_is_given_up(tmp_path: Path) -> None:
    """A body that comes too slowly is HTTP 408, and the server goes on."""
    app = create_app(ServerSettings(data=tmp_path, body_seconds_max=0.05))

    async def slowly() -> AsyncIterator[bytes]:
        yield b"clientCode="
        await asyncio.sleep(5)
        yield b"x"

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://erply.test") as http:
        assert (await http.post("/api/", content=slowly(), headers=FORM)).status_code == 408
        assert (await http.post("/api/", content=b"", headers=FORM)).status_code == 200


async def test_bodies_are_limited_all_together(tmp_path: Path) -> None:
    """While the bodies in progress are as large as the server takes, one more is told to come again."""
    app = create_app(ServerSettings(data=tmp_path, bodies_size_max=1_000))
    held, go_on = asyncio.Event(), asyncio.Event()

    async def in_two_parts() -> AsyncIterator[bytes]:
        yield b"a=" + b"x" * 698
        held.set()
        await go_on.wait()
        yield b"x" * 100

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://erply.test") as http:
        slow = asyncio.create_task(http.post("/api/", content=in_two_parts(), headers=FORM))
        await held.wait()
        for path, content in (("/api/", b"a=" + b"x" * 398), ("/v1/members", b"x" * 400)):
            response = await http.post(path, content=content)
            assert (response.status_code, response.headers["retry-after"]) == (503, "1")
            assert response.headers["connection"] == "close"
        assert (await http.post("/api/", content=b"a=" + b"x" * 198)).status_code == 200
        go_on.set()
        assert (await slow).status_code == 200
        for _ in range(5):
            assert (await http.post("/api/", content=b"a=" + b"x" * 998)).status_code == 200


async def test_many_fields_and_a_large_bulk_within_the_limit(shop: Shop) -> None:
    """A form of thousands of fields and a bulk of 100 long sub-requests are no trouble."""
    rows = {f"amount{n}": "1" for n in range(1, 1_001)} | {f"itemName{n}": "x" * 200 for n in range(1, 1_001)}
    saved = await shop.record("saveSalesDocument", **rows)
    assert len(saved["rows"]) == 1_000
    notes = [{"requestName": "saveCustomer", "firstName": "A", "notes": "n" * 30_000} for _ in range(100)]
    assert len(json.dumps(notes)) < LIMIT
    assert await shop.codes(notes) == [0] * 100
