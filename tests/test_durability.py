"""What an answer promises: its commit is on disk before it is sent, and `kill -9` at any instant takes nothing of it.

Invariants, checked after every kill of the real server under load and a restart:
1. everything acknowledged is there, with the numbers that were answered;
2. nothing is there twice, acknowledged or not;
3. a bulk is there whole or not at all;
4. `erply-points check` finds nothing wrong, on the file as the kill left it;
5. a receipt that got no answer can be sent again: then it is there once.

The instants come from a seed. ERPLY_POINTS_KILLS sets how many kills (default 6), ERPLY_POINTS_SEED the seed.
"""

import asyncio
import functools
import itertools
import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from erply_points.settings import ServerSettings
from support.client import Erply, Record
from support.process import ServerProcess
from support.shop import new_account, open_shop, place

KILLS = int(os.environ.get("ERPLY_POINTS_KILLS", "6"))
SEED = int(os.environ.get("ERPLY_POINTS_SEED", "20260101"))
CUSTOMERS = 8
CLIENTS = 12
LONG_BULK = 20


@dataclass
class Sent:
    """One request as a client remembers it: its tag stands in everything that it makes."""

    tag: str
    requests: list[Record]
    answers: list[dict[str, Any]] | None = None
    """None: no answer came."""

    @property
    def redemptions(self) -> list[str]:
        return [each["description"] for each in self.requests if each["requestName"] == "subtractCustomerRewardPoints"]

    @property
    def is_receipt(self) -> bool:
        return "temporaryUUID" in self.requests[0]


@dataclass
class Stored:
    """What the account holds, by tag."""

    redemptions: list[Record]
    earnings: list[Record]
    documents: list[Record]
    counts: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = Counter(
            [f"redemption {each['description']}" for each in self.redemptions]
            + [f"earning {each['description']}" for each in self.earnings if each["description"]]
            + [f"document {each['notes']}" for each in self.documents]
        )


def _receipt(tag: str, customer: int) -> list[Record]:
    return [
        {
            "requestName": "saveSalesDocument",
            "type": "CASHINVOICE",
            "customerID": customer,
            "temporaryUUID": tag,
            "notes": tag,
            "productID1": 1,
            "vatrateID1": 1,
            "amount1": 3,
            "price1": "4.50",
        },
        {
            "requestName": "subtractCustomerRewardPoints",
            "customerID": customer,
            "invoiceID": "CURRENT_INVOICE_ID",
            "points": 2,
            "description": tag,
        },
        {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": 1, "description": tag},
    ]


def _redemption(tag: str, customer: int) -> Record:
    return {
        "requestName": "subtractCustomerRewardPoints",
        "customerID": customer,
        "points": 1,
        "description": tag,
    }


def _requests(kind: int, tag: str, customers: list[int], source: random.Random) -> list[Record]:
    """What a client sends: a receipt with a redemption, one redemption, or a long bulk of them."""
    if kind == 0:
        return _receipt(tag, source.choice(customers))
    if kind == 1:
        return [_redemption(tag, source.choice(customers))]
    return [_redemption(f"{tag}.{number}", source.choice(customers)) for number in range(LONG_BULK)]


async def _client(till: Erply, number: int, kill: int, customers: list[int], history: list[Sent]) -> None:
    """Send one request after the other until the server is gone."""
    source = random.Random(f"{SEED} {kill} {number}")  # noqa: S311 - repeatable
    for count in itertools.count():
        tag = f"k{kill}-c{number}-{count}"
        sent = Sent(tag, _requests(number % 3, tag, customers, source))
        history.append(sent)
        try:
            if number % 3 == 1:
                (request,) = sent.requests
                call = {name: value for name, value in request.items() if name != "requestName"}
                sent.answers = [await till.call(request["requestName"], **call)]
            else:
                sent.answers = await till.answers(sent.requests)
        except httpx.TransportError:
            return


async def _documents(till: Erply) -> list[Record]:
    found: list[Record] = []
    for page in itertools.count(1):
        records = await till.records("getSalesDocuments", recordsOnPage=100, pageNo=page)
        found += records
        if len(records) < 100:
            return found
    raise AssertionError


async def _stored(till: Erply) -> Stored:
    return Stored(
        await till.records("getUsedRewardPointRecords"),
        await till.records("getEarnedRewardPointRecords"),
        await _documents(till),
    )


def _check(data: Path) -> None:
    command = [sys.executable, "-m", "erply_points", "check", "--data", str(data)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def _compare(history: list[Sent], stored: Stored) -> None:
    """Invariants 1 to 3."""
    assert {tag: count for tag, count in stored.counts.items() if count > 1} == {}
    redemptions = {each["description"]: each for each in stored.redemptions}
    documents = {each["notes"]: each for each in stored.documents}
    for sent in history:
        expected = [f"redemption {description}" for description in sent.redemptions]
        if sent.is_receipt:
            expected += [f"earning {sent.tag}", f"document {sent.tag}"]
        there = [stored.counts[each] for each in expected]
        assert len(set(there)) == 1, f"half of {sent.tag} is there: {dict(zip(expected, there, strict=True))}"
        if sent.answers is not None:
            assert there[0] == 1, f"{sent.tag} was acknowledged and is lost"
            _compare_answers(sent, redemptions, documents)
        if sent.is_receipt and there[0]:
            assert redemptions[sent.tag]["invoiceID"] == documents[sent.tag]["id"]


def _compare_answers(sent: Sent, redemptions: dict[str, Record], documents: dict[str, Record]) -> None:
    assert sent.answers is not None
    for request, answer in zip(sent.requests, sent.answers, strict=True):
        assert answer["status"]["errorCode"] == 0, (request, answer["status"])
        record = answer["records"][0]
        if request["requestName"] == "subtractCustomerRewardPoints":
            kept = redemptions[request["description"]]
            assert (kept["transactionID"], kept["customerID"]) == (record["transactionID"], request["customerID"])
        elif request["requestName"] == "saveSalesDocument":
            kept = documents[sent.tag]
            assert (str(kept["id"]), kept["number"]) == (record["invoiceID"], record["invoiceNo"])


async def _send_again(till: Erply, history: list[Sent]) -> None:
    """A client that got no answer sends its receipt once more: it is done now, or the first answer is given."""
    for sent in history:
        if sent.answers is None and sent.is_receipt:
            assert await till.codes(sent.requests) == [0] * len(sent.requests)


async def _load_until_killed(
    server: ServerProcess, http: httpx.AsyncClient, till: Erply, kill: int, customers: list[int]
) -> list[Sent]:
    """Every other kill comes at some instant; the others at the very arrival of some answer.

    The latter would find an answer that is sent before its transaction is on disk.
    """
    history: list[Sent] = []
    source = random.Random(f"{SEED} {kill}")  # noqa: S311 - repeatable
    answers_left = source.randint(20, 200) if kill % 2 else -1

    async def answered(_: httpx.Response) -> None:
        nonlocal answers_left
        answers_left -= 1
        if not answers_left:
            server.process.kill()

    http.event_hooks = {"response": [answered]}
    clients = [asyncio.create_task(_client(till, number, kill, customers, history)) for number in range(CLIENTS)]
    if answers_left < 0:
        await asyncio.sleep(source.uniform(0.05, 1.0))
        server.process.kill()
    await asyncio.gather(*clients)
    server.kill()
    return history


@pytest.mark.timeout(60 + 10 * KILLS)
@pytest.mark.parametrize("kills", [KILLS], ids=[f"kills={KILLS}-seed={SEED}"])
async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, kills: int) -> None:
    """After kills at any instant, what was acknowledged is there once, and every bulk is whole or not there."""
    data = tmp_path / "data"
    code = await new_account(ServerSettings(data=data))
    history: list[Sent] = []
    key, customers = "", list[int]()
    for kill in range(kills + 1):
        server = ServerProcess(data)
        try:
            async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as http:
                till = Erply(http, code, key)
                if not key:
                    key = (await till.log_in()).key
                    customers = [await till.customer(points=1_000_000) for _ in range(CUSTOMERS)]
                _compare(history, await _stored(till))
                await _send_again(till, [sent for sent in history if sent.tag.startswith(f"k{kill - 1}-")])
                _compare(history, await _stored(till))
                if kill < kills:
                    history += await _load_until_killed(server, http, till, kill, customers)
        except AssertionError as error:
            server.kill()
            error.add_note("the server's log:\n" + "".join(server.log))
            raise
        finally:
            server.kill()
        _check(data)
    acknowledged = sum(sent.answers is not None for sent in history)
    assert kills < acknowledged < len(history)  # Each kill met a server at work.


class Gate:
    """Where a writer's commit waits until the test lets it through, or makes it fail."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.failing = False

    def pass_through(self) -> None:
        self.reached.set()
        assert self.opened.wait(timeout=20)
        if self.failing:
            raise sqlite3.OperationalError("disk I/O error")


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate before every COMMIT of writers that connect from now on. It stands open until it is closed."""
    found = Gate()
    found.opened.set()

    class Gated(sqlite3.Connection):
        writing = False

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql.startswith("BEGIN"):
                self.writing = sql == "BEGIN IMMEDIATE"
            elif sql == "COMMIT" and self.writing:
                found.pass_through()
            return super().execute(sql, *values)

    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Gated))
    return found


async def test_an_answer_waits_for_its_commit(tmp_path: Path, gate: Gate) -> None:
    """No success is answered before the transaction that holds it has committed, and nobody reads it before."""
    async with open_shop(place(tmp_path / "data")) as shop:
        customer = await shop.customer(points=100)
        gate.reached.clear()
        gate.opened.clear()
        redeeming = asyncio.create_task(shop.codes([_redemption("waits", customer)]))
        assert await asyncio.to_thread(gate.reached.wait, 20)
        await asyncio.sleep(0.1)
        assert not redeeming.done()
        assert await shop.balance(customer) == 100
        gate.opened.set()
        assert await redeeming == [0]
        assert await shop.balance(customer) == 99


async def test_a_failed_commit_is_no_success(tmp_path: Path, gate: Gate) -> None:
    """A bulk whose commit fails is answered 1003, nothing of it is there, and the next one goes well."""
    async with open_shop(place(tmp_path / "data")) as shop:
        customer = await shop.customer(points=100)
        gate.failing = True
        answer = await shop.bulk([_redemption("fails", customer), _redemption("fails too", customer)])
        assert answer["status"]["errorCode"] == 1003
        gate.failing = False
        assert await shop.balance(customer) == 100
        assert await shop.codes([_redemption("goes well", customer)]) == [0]
        (used,) = await shop.records("getUsedRewardPointRecords", customerID=customer)
        assert used["description"] == "goes well"
        assert await shop.check() == []
