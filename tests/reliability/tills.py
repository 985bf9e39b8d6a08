"""Tills at work on a server whose disk fails: what they were told, and whether it is so."""

import contextlib
import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from erply_points.accounts.administration import check_account
from erply_points.app import create_app, stores_of
from erply_points.settings import ServerSettings
from reliability.disk import FailingDisk
from support.client import Erply, Record
from support.process import ServerProcess
from support.shop import new_account

TILLS = 6
POINTS = 1_000_000

_STORED = """
    SELECT json_extract(documents.fields, '$.notes'), group_concat(redemptions.description)
    FROM documents LEFT JOIN redemptions ON redemptions.document_id = documents.id GROUP BY documents.id
"""


@dataclass
class Load:
    """What tills have sent, by the tag that stands in what it makes."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    """With the moment at which the answer was there."""
    refused: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    clock: Callable[[], int] = lambda: 0
    """What moments are told by."""


def _receipt(tag: str, customer: int) -> list[Record]:
    sale = {"requestName": "saveSalesDocument", "type": "CASHINVOICE", "customerID": customer, "notes": tag}
    row = {"productID1": 1, "vatrateID1": 1, "amount1": 3, "price1": "4.50"}
    redemption = {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": 1}
    return [{**sale, **row}, {**redemption, "invoiceID": "CURRENT_INVOICE_ID", "description": tag}]


async def send(till: Erply, load: Load, tag: str, customer: int) -> int:
    """Send one receipt; the code of the whole."""
    load.unanswered.add(tag)
    answer = await till.bulk(_receipt(tag, customer))
    load.unanswered.remove(tag)
    code: int = answer["status"]["errorCode"]
    if code:
        load.refused.add(tag)
    else:
        assert [each["status"]["errorCode"] for each in answer["requests"]] == [0, 0], answer
        load.acknowledged[tag] = load.clock()
    return code


async def work(till: Erply, load: Load, name: str, customer: int) -> None:
    """Send one receipt after the other; each is done or refused with 1003."""
    for number in itertools.count():
        assert await send(till, load, f"{name}-{number}", customer) in {0, 1003}


class Shop:
    """An account on a failing disk."""

    def __init__(self, folder: Path, *, traced: bool = False) -> None:
        self.data = folder / "data"
        self.disk = FailingDisk(folder, self.data, traced=traced)
        self.load = Load()
        self.code = self.key = ""
        self.customers: list[int] = []

    async def prepare(self) -> "Shop":
        """Make the account with a server that is gone again before the disk begins to fail."""
        app = create_app(ServerSettings(data=self.data))
        self.code = await new_account(ServerSettings(data=self.data))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://erply.test") as http,
        ):
            till = await Erply(http, self.code).log_in()
            self.key = till.key
            self.customers = [await till.customer(points=POINTS) for _ in range(TILLS)]
        return self

    @asynccontextmanager
    async def till(self, server: ServerProcess) -> AsyncIterator[Erply]:
        """A client of the server, which is killed in the end."""
        try:
            async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as http:
                yield Erply(http, self.code, self.key)
        except AssertionError as error:
            server.kill()
            error.add_note("the server's log:\n" + "".join(server.log))
            raise
        finally:
            server.kill()

    def stored(self, data: Path | None = None) -> set[str]:
        """The tags of what is there: each stands in one document and in the one redemption that refers to it."""
        with contextlib.closing(sqlite3.connect((data or self.data) / f"{self.code}.db")) as database:
            found = database.execute(_STORED).fetchall()
            (redemptions,) = database.execute("SELECT count(*) FROM redemptions").fetchone()
        assert redemptions == len(found)
        assert [pair for pair in found if pair[0] != pair[1]] == [], "half of a bulk is there"
        tags = {tag for tag, _ in found}
        assert len(tags) == len(found), "something is there twice"
        return tags

    def compare(self) -> None:
        """All is as the answers have said."""
        stored = self.stored()
        assert self.load.acknowledged.keys() <= stored, "something that was acknowledged is lost"
        assert not self.load.refused & stored, "something that was refused is there"
        assert stored <= self.load.acknowledged.keys() | self.load.unanswered

    async def is_sound(self, data: Path | None = None) -> None:
        """`erply-points check` finds nothing wrong."""
        assert await check_account(stores_of(ServerSettings(data=data or self.data)), self.code) == []
