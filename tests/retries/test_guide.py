"""The pages for those who write clients: what stands in them is run, on the real server."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from erply_points.accounts.administration import create_user
from erply_points.app import stores_of
from support.client import Erply
from support.process import ServerProcess

DOCS: Final = Path(__file__).parents[2] / "docs"
SERVED: Final = "http://127.0.0.1:8080"


def blocks(page: str, language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.+?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    assert found, page
    return found


class Reader:
    """Runs what a page says, in an account that looks like the demonstration's."""

    def __init__(self, till: Erply, server: ServerProcess) -> None:
        self._till = till
        self._server = server

    def adapted(self, text: str, url: str = "") -> str:
        """The page's commands, for this server and account."""
        return (
            text.replace(SERVED, url or self._server.url)
            .replace("clientCode=demo", f"clientCode={self._till.code}")
            .replace('"clientCode": "demo"', f'"clientCode": "{self._till.code}"')
            .replace("erply-points account set demo", f"erply-points account set {self._till.code}")
            .replace("erply-points ", f"{sys.executable} -m erply_points ")
        )

    async def run(self, *command: str) -> str:
        """What a command prints; it must end well."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "ERPLY_POINTS_DATA": str(self._server.data)},
        )
        printed, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, printed.decode()
        return printed.decode()


@pytest.fixture
async def reader(till: Erply, server: ServerProcess) -> Reader:
    assert await till.customer(points=400) == 1
    await create_user(stores_of(server.settings), till.code, "demo", "demo")
    return Reader(till, server)


async def check_shell(reader: Reader, page: str, before: str = "") -> None:
    """Run a page's shell commands one after the other; each text below them must be what they print, `...` aside."""
    text = (DOCS / page).read_text("utf-8")
    parts = re.findall(r"```(sh|text)\n(.+?)```", text, re.DOTALL)
    script = "\n".join([before, *(body if kind == "sh" else "echo; echo '--- next ---'" for kind, body in parts)])
    shell = shutil.which("bash")
    assert shell is not None
    printed = (await reader.run(shell, "-ec", reader.adapted(script))).split("--- next ---")
    expected = [body for kind, body in parts if kind == "text"]
    assert len(printed) == len(expected) + 1
    for found, lines in zip(printed, expected, strict=False):
        pieces = re.split(r"\.\.\.|\n", lines.strip())
        assert re.search(".*".join(map(re.escape, pieces)), found, re.DOTALL), (pieces, found)


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the examples call curl")


@needs_curl
async def test_the_commands_about_retrying(reader: Reader, till: Erply) -> None:
    """Every command of the page about retries does what the page says, and points leave once each."""
    await check_shell(reader, "retrying.md")
    assert await till.balance(1) == 400 - 10 + 9 - 5 - 1 - 2 - 3


@needs_curl
async def test_the_commands_about_bulks(reader: Reader, till: Erply) -> None:
    """So does every command of the page about bulks, of which the dry run leaves nothing."""
    await check_shell(reader, "bulks.md", f"KEY={till.key}")
    assert await till.balance(2) == 50 + 18 - 60
    assert len(await till.records("getSalesDocuments")) == 1


@contextlib.asynccontextmanager
async def bad_network(url: str) -> AsyncIterator[tuple[str, list[int]]]:
    """A way to the server on which most answers are lost: its URL, and how many were lost and came through."""
    server = urlsplit(url)
    counts = [0, 0]

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            request = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", request.lower())
            assert length is not None
            request += await reader.readexactly(int(length[1]))
            there, back = await asyncio.open_connection(server.hostname, server.port)
            with contextlib.closing(back):
                back.write(request)
                answer = await there.read()
            lost = sum(counts) % 3 != 2
            counts[0 if lost else 1] += 1
            if not lost:
                writer.write(answer)
                await writer.drain()

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as proxy:
        host, port = proxy.sockets[0].getsockname()
        yield f"http://{host}:{port}", counts


async def test_the_client_in_python(reader: Reader, till: Erply, server: ServerProcess) -> None:
    """The client of the page makes its sale once, though two of three answers are lost on the way."""
    (code,) = blocks("retrying.md", "python")
    async with bad_network(server.url) as (url, counts):
        printed = (await reader.run(sys.executable, "-c", reader.adapted(code, url))).splitlines()
    document = (await till.record("getSalesDocuments"))["id"]
    used = (await till.record("getUsedRewardPointRecords"))["transactionID"]
    assert printed == [f"{document} {used} {400 + 18 - 20}"] * 2
    lost, came_through = counts
    assert lost > came_through > 2


def test_links_lead_somewhere() -> None:
    """Every page that the two pages link to is there."""
    for page in ("retrying.md", "bulks.md"):
        links = re.findall(r"\]\(([^)#:]+)\)", (DOCS / page).read_text("utf-8"))
        assert links
        assert [link for link in links if not (DOCS / link).exists()] == []
