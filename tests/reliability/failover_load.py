"""Tills that sell while primaries die, what they were told, and whether it is so.

Each request carries a key of its own and is sent again, to the servers in turn, until an answer comes.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import httpx

from retries.keyed import Reply, Request, by_header, by_uuid, reply
from support.client import Erply, Record

UNAVAILABLE: Final = 1003
ANSWER_SECONDS_MAX: Final = 120.0
"""A till that has waited this long hangs."""
AGAIN_SECONDS: Final = (0.1, 0.5)
"""How long a till waits before it sends again: anything between."""
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request on its way to one server. Moments are those of `time.monotonic`."""

    server: int
    sent_at: float
    ended_at: float
    outcome: str
    """`done`, `refused` (1003) or `lost`."""

    @property
    def seconds(self) -> float:
        return self.ended_at - self.sent_at


@dataclass
class Sent:
    tag: str
    """Stands in everything that it makes."""
    request: Request
    answer: Reply | None = None

    @property
    def is_sale(self) -> bool:
        return self.request.requests is not None


@dataclass
class History:
    sent: list[Sent] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    """Answers that no till should ever be given."""


def sale(tag: str, customer: int) -> list[Record]:
    """An invoice of 18.00 net and a redemption on it."""
    invoice = {"requestName": "saveSalesDocument", "type": "CASHINVOICE", "customerID": customer, "notes": tag}
    redemption = {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": 2}
    return [
        {**invoice, "amount1": 2, "price1": "9.00"},
        {**redemption, "invoiceID": "CURRENT_INVOICE_ID", "description": tag},
    ]


def make_request(tag: str, customer: int, source: Random) -> Request:
    """A sale with a key in its header, one that has it in its document, or a single redemption."""
    kind = source.randrange(3)
    if kind == 0:
        return by_header(tag, sale(tag, customer))
    if kind == 1:
        return by_uuid(tag, sale(tag, customer))
    top = {"request": "subtractCustomerRewardPoints", "customerID": customer, "points": 1, "description": tag}
    return Request(None, {"Idempotency-Key": tag}, top)


class Tills:
    """`count` tills in one account of several servers, each selling every `pace` seconds or so."""

    def __init__(self, servers: Sequence[Erply], customers: Sequence[int], count: int, pace: float, seed: str) -> None:
        self.history = History()
        self._servers = servers
        self._customers = customers
        self._pace = pace
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._sell(f"{seed}-{number}", number)) for number in range(count)]

    async def close(self) -> None:
        """Let every till come to an answer for what it has sent, and stop."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    def abandon(self) -> None:
        """Stop where they are."""
        for task in self._tasks:
            task.cancel()

    async def _sell(self, name: str, number: int) -> None:
        source = Random(name)  # noqa: S311 - repeatable
        turn = itertools.cycle(range(len(self._servers)))
        for _ in range(number):
            next(turn)
        for count in itertools.count():
            await asyncio.sleep(source.uniform(0, 2 * self._pace))
            if self._stop.is_set():
                return
            tag = f"t{number}-{count}"
            sent = Sent(tag, make_request(tag, source.choice(self._customers), source))
            self.history.sent.append(sent)
            while sent.answer is None:
                sent.answer = await self._attempt(next(turn), sent)
                if sent.answer is None:
                    await asyncio.sleep(source.uniform(*AGAIN_SECONDS))

    async def _attempt(self, server: int, sent: Sent) -> Reply | None:
        """The answer, or None where it is to be sent again."""
        began = time.monotonic()
        outcome = "lost"
        try:
            answer = await post(self._servers[server], sent.request)
        except httpx.TransportError:
            return None
        else:
            outcome = "refused" if answer.status[0] == UNAVAILABLE else "done"
            if outcome == "refused":
                return None
            if any(codes := all_codes(answer)):
                self.history.surprises.append(f"{sent.tag} was answered {codes}: {answer.body!r}")
            return answer
        finally:
            self.history.attempts.append(Attempt(server, began, time.monotonic(), outcome))


async def post(till: Erply, request: Request) -> Reply:
    response = await till.http.post("/api/", data=request.form(till), headers=dict(request.headers))
    response.raise_for_status()
    return reply(response.content, response.headers.get("idempotency-replayed"))


def all_codes(answer: Reply) -> Iterable[int]:
    """Those of the whole and of its sub-answers."""
    return [answer.status[0], *(each["status"]["errorCode"] for each in answer.answer.get("requests", []))]


@dataclass
class Stored:
    """What the account holds, by tag."""

    redemptions: list[Record]
    documents: list[Record]


async def stored(till: Erply) -> Stored:
    documents: list[Record] = []
    for page in itertools.count(1):
        records = await till.records("getSalesDocuments", recordsOnPage=PAGE, pageNo=page)
        documents += records
        if len(records) < PAGE:
            break
    return Stored(await till.records("getUsedRewardPointRecords"), documents)


def judge(history: History, held: Stored) -> list[str]:
    """What is wrong: something lost, there twice, by half, under another number, or made by nobody."""
    problems = list(history.surprises)
    redeemed = Counter(str(each["description"]) for each in held.redemptions)
    invoiced = Counter(str(each["notes"]) for each in held.documents)
    problems += [f"redemption {tag} is there {count} times" for tag, count in redeemed.items() if count > 1]
    problems += [f"document {tag} is there {count} times" for tag, count in invoiced.items() if count > 1]
    redemptions = {each["description"]: each for each in held.redemptions}
    documents = {each["notes"]: each for each in held.documents}
    for sent in history.sent:
        is_there = redeemed[sent.tag] > 0
        if sent.is_sale and is_there != (invoiced[sent.tag] > 0):
            problems.append(f"half of {sent.tag} is there")
        elif sent.answer is None:
            problems.append(f"{sent.tag} was never answered")
        elif any(all_codes(sent.answer)):
            continue  # A surprise.
        elif not is_there:
            problems.append(f"{sent.tag} was acknowledged and is lost")
        else:
            problems += _other_numbers(sent, sent.answer, redemptions[sent.tag], documents.get(sent.tag, {}))
    tags = {sent.tag for sent in history.sent}
    return problems + [f"{tag} was sent by nobody" for tag in {*redeemed, *invoiced} - tags]


def _other_numbers(sent: Sent, answer: Reply, redemption: Record, document: Record) -> list[str]:
    if not sent.is_sale:
        (record,) = answer.answer["records"]
        return [] if record["transactionID"] == redemption["transactionID"] else [f"{sent.tag} has another number"]
    invoice = answer.record(0)
    told = (invoice["invoiceID"], invoice["invoiceNo"], answer.record(1)["transactionID"], invoice["invoiceID"])
    kept = (str(document["id"]), document["number"], redemption["transactionID"], str(redemption["invoiceID"]))
    return [] if told == kept else [f"{sent.tag} was told {told} and is {kept}"]


async def send_all_again(servers: Sequence[Erply], history: History, at_once: int = 8) -> list[str]:
    """Send every request once more, to the servers in turn; say which are not given their first answer."""
    problems: list[str] = []
    waiting = iter(enumerate(history.sent))

    async def go_on() -> None:
        for number, sent in waiting:
            again = await post(servers[number % len(servers)], sent.request)
            if sent.answer is None or again.body != sent.answer.body or again.replayed != "true":
                first = None if sent.answer is None else json.loads(sent.answer.body)
                problems.append(f"{sent.tag} was sent again: {again.replayed} {again.answer}, at first {first}")

    await asyncio.gather(*(go_on() for _ in range(at_once)))
    return problems


@dataclass(frozen=True)
class Pause:
    """What one server's clients saw of one failure. Seconds."""

    longest: float
    """Between two successes that follow each other."""
    refusals: list[float]
    """How long each 1003 took."""
    waits: list[float]
    """How long each answer took, of whatever kind."""
    lost: int


def pause_of(attempts: Sequence[Attempt], server: int, began: float, ended: float) -> Pause:
    """`began`: when the primary was killed; `ended`: when the next failure came or the run was over."""
    own = [each for each in attempts if each.server == server]
    done = sorted(each.ended_at for each in own if each.outcome == "done")
    before = [moment for moment in done if moment < began][-1:]
    after = [moment for moment in done if began <= moment < ended]
    moments = [*before, *after]
    meanwhile = [each for each in own if began <= each.ended_at < ended]
    return Pause(
        max((later - earlier for earlier, later in itertools.pairwise(moments)), default=float("inf")),
        sorted(each.seconds for each in meanwhile if each.outcome == "refused"),
        sorted(each.seconds for each in meanwhile),
        sum(each.outcome == "lost" for each in meanwhile),
    )


def middle(values: Sequence[float]) -> float:
    """The median of sorted values; 0 where there is none."""
    return values[len(values) // 2] if values else 0.0
