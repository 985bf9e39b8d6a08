"""A server that dies or vanishes in the middle of a transaction: nothing of it is half there, and the others go on."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from erply_points.accounts.administration import check_account
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from postgres.mortal_server import LAST_WORDS
from support.client import Erply


@contextlib.contextmanager
def mortal_server(moment: str, settings: ServerSettings) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The URL and the process of a server on the same database that LAST_WORDS end at this moment."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("mortal_server.py")), moment, "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "ERPLY_POINTS_DATABASE_URL": settings.database_url},
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        serving = re.search(r"Serving (http://\S+)/api/", line)
        assert serving, line
        yield serving[1], process
    finally:
        process.kill()
        process.wait(20)
        process.stdout.close()


async def _say_last_words(till: Erply, url: str, customer: int) -> None:
    """Redeem 10 at a server that will not live to answer."""
    async with httpx.AsyncClient(base_url=url, timeout=2, trust_env=False) as http:
        doomed = Erply(http, till.code, till.key)
        with pytest.raises(httpx.TransportError):
            await doomed.call("subtractCustomerRewardPoints", customerID=customer, points=10, description=LAST_WORDS)


@pytest.mark.parametrize(("moment", "left"), [("before", 100), ("after", 90)])
async def test_a_killed_server_leaves_all_or_nothing(
    tills: list[Erply], settings: ServerSettings, moment: str, left: int
) -> None:
    """Killed before its commit it has done nothing, after it everything; its lock is gone with it."""
    customer = await tills[0].customer(points=100)
    with mortal_server(moment, settings) as (url, process):
        await _say_last_words(tills[0], url, customer)
        assert process.wait(20) == -signal.SIGKILL
        answers = await asyncio.gather(
            *(till.record("subtractCustomerRewardPoints", customerID=customer, points=1) for till in tills)
        )
        assert sorted(answer["remainingPoints"] for answer in answers) == [left - 4, left - 3, left - 2, left - 1]
    assert await check_account(stores_of(settings), tills[0].code) == []


async def test_a_server_that_vanishes_holds_up_the_others_only_so_long(
    tills: list[Erply], settings: ServerSettings
) -> None:
    """A server that stands still in the middle of a transaction loses it after a while; who waited is answered then.

    When it comes back it cannot finish what it began: nothing of that is kept.
    """
    customer = await tills[0].customer(points=100)
    with mortal_server("vanish", settings) as (url, process):
        await _say_last_words(tills[0], url, customer)
        assert process.poll() is None
        answers = await asyncio.gather(
            *(till.record("subtractCustomerRewardPoints", customerID=customer, points=1) for till in tills)
        )
        assert sorted(answer["remainingPoints"] for answer in answers) == [96, 97, 98, 99]
        process.send_signal(signal.SIGCONT)
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
            assert await Erply(http, tills[0].code, tills[0].key).balance(customer) == 96
    assert await check_account(stores_of(settings), tills[0].code) == []
