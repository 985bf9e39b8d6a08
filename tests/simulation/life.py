"""One life of an account: what happens in it is drawn from a seed, and all of it is what the oracle foretells.

It is spoken to in Erply's bulks and in requests of Capillary's and fabric's, all of the same points. Invariants:
1. every answer, a bulk's sub-answers one by one, has the error code, the numbers and the points that the oracle
   foretells for its place in the order in which all were served, whichever system it is of; a number is used up by
   what was done only, so there are no gaps;
2. bulks that write are served in the order in which they came, each whole and once; requests of the other systems,
   whose client has to be looked up first, once; who only reads sees the account as it was between two of them;
3. what carries a key is done once, however often and in whatever company it comes; every further answer is the first
   one and says so; the same key on something else is refused, and nothing is run; of a request that has done nothing
   no key is kept, and what one system keeps by a key means nothing to another;
4. success was answered after the commit: what was answered is there after the process has died, and what was not
   committed is not;
5. a fault is answered with 1003, to the other systems 503, and has changed nothing; the others of its group are run
   again, one by one;
6. a refused request, a failed atomic bulk and a dry run have changed nothing;
7. points expire at their second, and become active at theirs, or by a call; pending ones are in the balance and pay
   for nothing but a deduction that asks for them, and once active they repay first what is owed; what was written
   down stands though the clock steps back; a restart changes nothing, and tidying up forgets old keys only;
8. now and then, and in the end: every balance, earning, redemption, document, coupon and gift card is the oracle's,
   and there are no others; what fabric tells of a member, by type, pending and deducted, is so too;
9. then, too, `check` finds nothing wrong: earned = remaining + redeemed + expired + reversed in every lot and wallet,
   a balance is the open lots less the shortfall, and the entries prove both.
"""

import asyncio
import hashlib
import json
import traceback
from collections import Counter, deque
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final

from agreement import foretold, seen
from calls import made_up
from calls.points_oracle import DAY, HOUR
from erply_points.accounts import administration
from oracle import Record
from simulation.accounting import Account, Bulk, Outcome, UnsteadyPoints
from simulation.drawing import SETTINGS, Clients, Delivery, Temper
from simulation.server import CODE, NOBODY, Server, running
from simulation.systems import INQUIRY
from simulation.till import Till
from support.shop import ManualClock

UNAVAILABLE: Final = 1003
LOOK_EVERY: Final = 200
"""Steps between two looks at everything."""
TOLD: Final = 15
"""Of the last events so many are told when something is wrong."""
ASKED_OF_FABRIC: Final = 5
"""Of so many customers, when all is looked at."""
STEPS_BACK: Final = (1, 60, HOUR, DAY, 3 * DAY)


class Diverged(AssertionError):
    """The server did not do what the oracle foretold."""


def _agree(what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise Diverged(f"{what}: {found} instead of {expected}")


class Life:
    """An account from its first customer to the last look at it.

    A step is a sub-request that was run, a bulk that was answered with its first answer or refused as a whole, or an
    event between bulks.
    """

    def __init__(self, random: Random, temper: Temper, server: Server) -> None:
        self.steps = 0
        self.counts: Counter[str] = Counter()
        """What happened how often."""
        self.last: deque[str] = deque(maxlen=TOLD)
        self._random = random
        self._temper = temper
        self._server = server
        self._oracle = Account(UnsteadyPoints(int(server.clock())), unique=temper.retry == "unique")
        self._clients = Clients(random, temper, self._oracle)
        self._history = hashlib.sha256()
        self._senders = 0
        self._looked_at = 0

    @property
    def digest(self) -> str:
        """Of all that was sent, answered and done."""
        return self._history.hexdigest()

    async def happen(self) -> None:
        """Raises Diverged, and whatever a broken server raises."""
        await self._begin()
        events = {self._wait: 8, self._step_back: 2, self._change_a_setting: 4, self._restart: 1, self._tidy: 1}
        while self.steps < self._temper.length:
            plot = self._clients.plot
            if plot and isinstance(plot[0], int):
                self._move_clock(int(str(plot.popleft())), "time passed")
            elif self._random.random() < self._temper.unrest:
                (event,) = self._random.choices(tuple(events), tuple(events.values()))
                await event()
                self.steps += 1
            else:
                await self._crowd()
            if self.steps - self._looked_at >= LOOK_EVERY:
                await self._look()
        await self._restart()
        await self._look()

    def _happened(self, what: str, text: str = "") -> None:
        self.counts[what] += 1
        self._tell(f"{what} {text}")

    def _tell(self, text: str) -> None:
        self.last.append(f"{self.steps:>6} {text}")
        self._history.update(self.last[-1].encode())

    async def _begin(self) -> None:
        unique = self._oracle.unique
        settings = {"timezone": "UTC", "unique_request_ids": str(int(unique))}
        settings["retry"] = "erply" if unique else self._temper.retry
        await administration.create_account(self._server.stores, CODE, settings)
        self._till = await Till.made(self._server)
        products = [{"requestName": "saveProduct", "name": "Tea", "rewardPointsNotAllowed": no} for no in (0, 0, 1)]
        await self._till.answers(products)
        self._oracle.no_points.add(3)
        await self._set({name: self._random.choice(values) for name, values in SETTINGS.items()})
        customer: Record = {"requestName": "saveCustomer", "lastName": "Tamm", "rewardPointsDisabled": 0}
        coupon: Record = {"requestName": "saveCoupon", "printingCostInRewardPoints": 5}
        opening = self._clients.bulk_of([customer] * self._temper.customers + [coupon])
        await self._serve([Delivery(opening, 0)])

    # Events between bulks.

    async def _wait(self) -> None:
        self._move_clock(self._random.choice(made_up.WAITS), "time passed")

    async def _step_back(self) -> None:
        self._move_clock(-self._random.choice(STEPS_BACK), "clock stepped back")

    def _move_clock(self, seconds: int, what: str) -> None:
        self._server.clock.advance(seconds)
        self._oracle.points.pass_time(seconds)
        self._happened(what, f"{seconds} s")

    async def _change_a_setting(self) -> None:
        name = self._random.choice(tuple(SETTINGS))
        await self._set({name: self._random.choice(SETTINGS[name])})

    async def _set(self, settings: dict[str, str]) -> None:
        await administration.set_settings(self._server.stores, CODE, settings)
        self._oracle.settings.update(settings)
        self._happened("settings changed", json.dumps(settings))

    async def _restart(self) -> None:
        await self._server.stop()
        await self._server.start()
        await self._till.begin()
        self._happened("restarts")

    async def _tidy(self) -> None:
        await self._server.tidy()
        self._oracle.tidy()
        self._happened("tidied up")

    async def _look(self) -> None:
        """Compare all that there is."""
        self._looked_at = self.steps
        there, expected = await seen(self._till, self._oracle), foretold(self._oracle)
        for name, value in expected.items():
            if there[name] != value:
                _agree(name, *_different(there[name], value))
        customers = list(self._oracle.disabled)
        for customer in self._random.sample(customers, min(ASKED_OF_FABRIC, len(customers))):
            inquiry = Bulk(({"requestName": INQUIRY, "customerID": customer},), single=True)
            self._compare(await self._till.send(NOBODY, inquiry), inquiry, self._oracle.outcome(inquiry))
        _agree("check", await administration.check_account(self._server.stores, CODE), [])
        self._happened("looks at everything")

    # Bulks.

    async def _crowd(self) -> None:
        """Some clients send at about the same time, in whatever weather."""
        random, temper, weather = self._random, self._temper, self._server.weather
        deliveries = self._clients.crowd()
        weather.turns = temper.turns
        if random.random() < temper.cuts:
            weather.cut = random.choice(("before", "after"))
        elif random.random() < 0.5:
            weather.faults = temper.faults
        await self._serve(deliveries)
        self._happened("crowds", f"of {len(deliveries)}")

    async def _serve(self, deliveries: list[Delivery]) -> None:
        """Send, and hold what came back to the order in which it was done."""
        server = self._server
        base = self._senders
        self._senders += len(deliveries)
        server.forget_who_was_served()
        sending = [asyncio.create_task(self._send(base + place, each)) for place, each in enumerate(deliveries)]
        everybody, cut = asyncio.create_task(asyncio.wait(sending)), asyncio.create_task(server.cut.wait())
        await asyncio.wait({everybody, cut}, return_when=asyncio.FIRST_COMPLETED)
        everybody.cancel()
        cut.cancel()
        for task in sending:
            if task.done():
                task.result()
        was_cut, faults = server.cut.is_set(), server.weather.clear()
        if was_cut:
            self._happened("processes killed")
            await server.die()
            await server.start()
            await self._till.begin()
        else:
            await server.quiet()
        self.counts["faults"] += faults
        _agree("groups", server.harmed, [])
        _agree("the order of bulks that write", server.wrote, sorted(server.wrote))
        self._judge([deliveries[sender - base] for sender in server.done], deliveries, faults, was_cut=was_cut)
        await self._till.meet([each for each in self._oracle.disabled if each not in self._till.profiles])

    async def _send(self, sender: int, delivery: Delivery) -> None:
        for _ in range(delivery.turn):
            await asyncio.sleep(0)
        answering = asyncio.create_task(self._till.send(sender, delivery.bulk))
        if delivery.patience:
            for _ in range(delivery.patience):
                await asyncio.sleep(0)
            if not answering.done():
                answering.cancel()
                return
        delivery.reply = await answering

    def _judge(self, done: list[Delivery], deliveries: list[Delivery], faults: int, *, was_cut: bool) -> None:
        for delivery in done:
            bulk = delivery.bulk
            self._tell(repr(bulk))
            expected = self._oracle.outcome(bulk)
            if expected.replayed == "true":
                self.counts["first answers given again"] += 1
                self.steps += 1
            else:
                self._count(bulk, expected)
                self.steps += len(expected.answers) or 1
            if delivery.reply is not None:
                self._compare(delivery.reply, bulk, expected)
        _agree("bulks served", len(set(done)), len(done))
        for delivery in (each for each in deliveries if each not in done):
            reply = delivery.reply
            self.steps += 1
            if reply is None:
                # Who is gone while the server still looks who calls is not served at all.
                if not was_cut and not faults and not (delivery.patience and delivery.bulk.system):
                    raise Diverged(f"never served: {delivery}")
            else:
                self.counts["bulks answered with 1003"] += 1
                _agree(f"not kept, but answered: {delivery}", reply["status"]["errorCode"], UNAVAILABLE)
                if not faults:
                    raise Diverged(f"refused for no reason: {delivery}")

    def _count(self, bulk: Bulk, expected: Outcome) -> None:
        self.counts["bulks"] += 1
        for request, (code, _) in zip(bulk.requests, expected.answers, strict=False):
            self.counts["sub-requests refused" if code else f"{request['requestName']} done"] += 1

    def _compare(self, reply: dict[str, Any], bulk: Bulk, expected: Outcome) -> None:
        status = reply["status"]
        _agree("replayed", reply["replayed"], expected.replayed)
        if bulk.single and not expected.code:
            answers = [reply]
        else:
            _agree(f"the whole: {status}", status["errorCode"], expected.code)
            answers = reply.get("requests") or []
        if bulk.dry_run and not expected.replayed:  # What it would make has no number, so references to it may fail.
            return
        _agree("codes", [each["status"]["errorCode"] for each in answers], [code for code, _ in expected.answers])
        records = [answer["records"] for answer in answers]
        for given, (code, record) in zip(records, expected.answers, strict=True):
            if record and not code:
                _agree("records", given, [given[0] | record])
        self._history.update(json.dumps(records).encode())
        if expected.firsts:
            _agree("the first answer", records, expected.firsts)
        elif expected.firsts is not None:
            expected.firsts += records


def _different(there: Any, expected: Any) -> tuple[list[Any], list[Any]]:
    """What is in one of two listings only."""
    if isinstance(there, dict):
        there, expected = list(there.items()), list(expected.items())
    return [each for each in there if each not in expected], [each for each in expected if each not in there]


@dataclass(frozen=True)
class Lived:
    """What is left of a life."""

    steps: int
    counts: Counter[str]
    digest: str
    failure: str = ""
    """What went wrong, and what happened last."""


async def live(seed: int, number: int, folder: Path, length: int = 0) -> Lived:
    """A whole life, or that of another length, with the account in an empty folder."""
    random = Random(f"{seed}/{number}")  # noqa: S311 - repeatable
    temper = Temper.drawn(random)
    if length:
        temper = replace(temper, length=length)
    async with running(folder, ManualClock(), random, temper.lots_read) as server:
        life = Life(random, temper, server)
        try:
            await life.happen()
        except Exception as error:  # noqa: BLE001 - whatever a broken server or a wrong oracle raises
            where = traceback.format_exception(error)
            failure = "\n".join([str(temper), *life.last, *map(str.rstrip, where)])
            return Lived(life.steps, life.counts, life.digest, failure)
    return Lived(life.steps, life.counts, life.digest)
