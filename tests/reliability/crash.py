"""`kill -9` of the real server at random instants under load, again and again: what was acknowledged must be there.

Checked after every kill:
1. everything acknowledged is there, with the numbers that were answered;
2. nothing is there twice, acknowledged or not;
3. a bulk is there whole or not at all;
4. `erply-points check` finds nothing wrong: on every fourth file as the kill left it, else beside the new server;
5. what carries a key and got no answer can be sent again: then it is there once.

Run: python tests/reliability/crash.py --kills 200 --seed 1
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx

from erply_points.accounts.administration import check_account
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from reliability.processes import processor_seconds
from support.client import Erply, Record
from support.process import ServerProcess
from support.shop import new_account

CUSTOMERS: Final = 8
CLIENTS: Final = 15
LONG_BULK: Final = 20
ROW: Final = MappingProxyType({"productID1": 1, "vatrateID1": 1, "price1": "4.50"})


def _redemption(tag: str, customer: int, points: int = 1) -> Record:
    call = {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": points}
    return {**call, "description": tag}


def _earning(tag: str, customer: int) -> Record:
    return {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": 1, "description": tag}


def _sale(tag: str, customer: int, **more: Any) -> Record:
    call = {"requestName": "saveSalesDocument", "type": "CASHINVOICE", "customerID": customer, "notes": tag}
    return {**call, **ROW, "amount1": 3, **more}


def _receipt(tag: str, customer: int) -> list[Record]:
    paid = {**_redemption(tag, customer, 2), "invoiceID": "CURRENT_INVOICE_ID"}
    return [_sale(tag, customer, temporaryUUID=tag), paid, _earning(tag, customer)]


def _return(tag: str, customer: int) -> list[Record]:
    credit = {"type": "CREDITINVOICE", "creditToDocumentID": "@{sale.invoiceID}", "amount1": -2}
    return [_sale(tag, customer, requestID="sale"), _sale(f"{tag}.return", customer, **credit)]


def _long_bulk(tag: str, customer: int) -> list[Record]:
    return [_redemption(f"{tag}.{number}", customer) for number in range(LONG_BULK)]


@dataclass
class Sent:
    """One request as a client remembers it. Tags stand in everything that it makes."""

    requests: list[Record]
    key: str = ""
    """Its Idempotency-Key."""
    answers: list[dict[str, Any]] | None = None
    """None: no answer came."""

    @property
    def can_be_sent_again(self) -> bool:
        return bool(self.key) or "temporaryUUID" in self.requests[0]

    @property
    def made(self) -> list[str]:
        """What is there if it was done."""
        return [f"{each['requestName']} {each.get('description') or each['notes']}" for each in self.requests]

    async def send(self, till: Erply) -> None:
        if len(self.requests) == 1:
            ((name, call),) = [(each["requestName"], each) for each in self.requests]
            self.answers = [await till.call(name, **{each: call[each] for each in call if each != "requestName"})]
        else:
            more = {"idempotencyKey": self.key} if self.key else {}
            self.answers = await till.answers(self.requests, references=1, **more)
        assert {each["status"]["errorCode"] for each in self.answers} == {0}, self.answers


def _request(kind: int, tag: str, customer: int) -> Sent:
    """A receipt, a redemption, a long bulk, a bulk with a key, or a sale and its return."""
    match kind:
        case 0:
            return Sent(_receipt(tag, customer))
        case 1:
            return Sent([_redemption(tag, customer)])
        case 2:
            return Sent(_long_bulk(tag, customer))
        case 3:
            return Sent([_redemption(tag, customer), _earning(tag, customer)], key=tag)
    return Sent(_return(tag, customer))


_STORED: Final = MappingProxyType(
    {
        "subtractCustomerRewardPoints": "SELECT description, id, customer_id, document_id FROM redemptions",
        "addCustomerRewardPoints": (
            "SELECT description, id, customer_id, document_id FROM lots WHERE source = 'manual' AND description != ''"
        ),
        "saveSalesDocument": (
            "SELECT json_extract(fields, '$.notes'), id, customer_id, credited_document_id FROM documents"
        ),
    }
)
_IDS: Final = MappingProxyType(
    {
        "subtractCustomerRewardPoints": "transactionID",
        "addCustomerRewardPoints": "transactionID",
        "saveSalesDocument": "invoiceID",
    }
)

Row = tuple[int, int, int]
"""The ID of what was made, its customer's, and its document's if it has one."""


def _stored(path: Path) -> tuple[dict[str, Row], Counter[str]]:
    """What the account holds by what made it, and how often."""
    rows: dict[str, Row] = {}
    counts: Counter[str] = Counter()
    with contextlib.closing(sqlite3.connect(path)) as database:
        for name, query in _STORED.items():
            for tag, *row in database.execute(query):
                rows[f"{name} {tag}"] = tuple(row)
                counts[f"{name} {tag}"] += 1
    return rows, counts


def compare(history: list[Sent], path: Path) -> None:
    """Invariants 1 to 3."""
    rows, counts = _stored(path)
    assert {tag: count for tag, count in counts.items() if count > 1} == {}
    for sent in history:
        there = [counts[each] for each in sent.made]
        assert len(set(there)) == 1, f"half of it is there: {dict(zip(sent.made, there, strict=True))}"
        if there[0] and sent.requests[0]["requestName"] == "saveSalesDocument":
            document, *_ = rows[sent.made[0]]
            assert rows[sent.made[1]][2] == document, "it refers to another document"
        if sent.answers is None:
            continue
        assert there[0], f"acknowledged and lost: {sent.made}"
        for request, answer, made in zip(sent.requests, sent.answers, sent.made, strict=True):
            number = int(answer["records"][0][_IDS[request["requestName"]]])
            assert rows[made][:2] == (number, request["customerID"])


@dataclass
class Figures:
    kills: int
    startups: list[float] = field(default_factory=list)
    """Seconds from the start of a process to its first answer from the account, whose log it has to read first."""
    cpu: list[float] = field(default_factory=list)
    """Seconds of processor time in it: what is left of it on a machine with nothing else to do."""
    acknowledged: int = 0
    unanswered: int = 0
    done_unanswered: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills: {self.acknowledged} requests acknowledged, all there once; {self.unanswered} without"
            f" an answer, {self.done_unanswered} of them done, none by half; check clean each time\n"
            f"start-up to the first answer: median {statistics.median(self.startups):.2f} s,"
            f" longest {max(self.startups):.2f} s; of processor time {statistics.median(self.cpu):.2f} s and"
            f" {max(self.cpu):.2f} s; load average {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores"
        )


class Crash:
    """One account that lives through many kills."""

    def __init__(self, data: Path, kills: int, seed: int) -> None:
        self.settings = ServerSettings(data=data)
        self.seed = seed
        self.figures = Figures(kills)
        self._code = self._key = ""
        self._customers: list[int] = []
        self._history: list[Sent] = []

    @property
    def _path(self) -> Path:
        return self.settings.data / f"{self._code}.db"

    async def run(self) -> Figures:
        self._code = await new_account(self.settings)
        last: list[Sent] = []
        for kill in range(self.figures.kills + 1):
            if kill % 4 == 0:
                await self._check()
            last = await self._live(kill, last)
            self._history += last
        await self._check()
        compare(self._history, self._path)
        return self.figures

    async def _live(self, kill: int, last: list[Sent]) -> list[Sent]:
        """A server from its start to its end; what was sent to it before it was killed."""
        started = time.perf_counter()
        server = ServerProcess(self.settings.data)
        try:
            async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as http:
                till = Erply(http, self._code, self._key)
                if self._key:
                    await till.balance(self._customers[0])
                    self.figures.startups.append(time.perf_counter() - started)
                    self.figures.cpu.append(processor_seconds(server.process.pid))
                else:
                    self._key = (await till.log_in()).key
                    self._customers = [await till.customer(points=10**7) for _ in range(CUSTOMERS)]
                compare(last, self._path)
                await self._send_again(till, last)
                await self._check()
                return await self._load(server, http, kill) if kill < self.figures.kills else []
        except AssertionError as error:
            server.kill()
            error.add_note("the server's log:\n" + "".join(server.log))
            raise
        finally:
            server.kill()

    async def _check(self) -> None:
        assert await check_account(stores_of(self.settings), self._code) == []

    async def _send_again(self, till: Erply, last: list[Sent]) -> None:
        _, counts = _stored(self._path)
        for sent in last:
            self.figures.acknowledged += sent.answers is not None
            if sent.answers is None:
                self.figures.unanswered += 1
                self.figures.done_unanswered += counts[sent.made[0]]
                if sent.can_be_sent_again:
                    await sent.send(till)
        compare(last, self._path)

    async def _load(self, server: ServerProcess, http: httpx.AsyncClient, kill: int) -> list[Sent]:
        """Every other kill comes at some instant; the others at the very arrival of some answer.

        The latter would find an answer that is sent before its transaction is on disk.
        """
        history: list[Sent] = []
        source = Random(f"{self.seed} {kill}")  # noqa: S311 - repeatable
        answers_left = source.randint(10, 80) if kill % 2 else -1

        async def answered(_: httpx.Response) -> None:
            nonlocal answers_left
            answers_left -= 1
            if not answers_left:
                server.process.kill()

        http.event_hooks = {"response": [answered]}
        till = Erply(http, self._code, self._key)
        clients = [asyncio.create_task(self._client(till, number, kill, history)) for number in range(CLIENTS)]
        if answers_left < 0:
            await asyncio.sleep(source.uniform(0.02, 0.8))
            server.process.kill()
        await asyncio.gather(*clients)
        server.kill()
        return history

    async def _client(self, till: Erply, number: int, kill: int, history: list[Sent]) -> None:
        """Send one request after the other until the server is gone."""
        source = Random(f"{self.seed} {kill} {number}")  # noqa: S311 - repeatable
        for count in itertools.count():
            sent = _request(number % 5, f"k{kill}-c{number}-{count}", source.choice(self._customers))
            history.append(sent)
            try:
                await sent.send(till)
            except httpx.TransportError:
                return


def main(arguments: Mapping[str, Any]) -> None:
    with tempfile.TemporaryDirectory(dir=arguments["folder"]) as name:
        print(asyncio.run(Crash(Path(name) / "data", arguments["kills"], arguments["seed"]).run()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to put the data (default: the temporary folder)")
    main(vars(parser.parse_args()))
