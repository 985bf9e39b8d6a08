"""What is drawn from the seed: what kind of life it is to be, which bulks come together, and what stands in them."""

from collections import deque
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from calls import made_up
from oracle import Record
from simulation import adjustments
from simulation.accounting import Account, Bulk
from simulation.systems import DEDUCTION, PROMISED, REGULAR, SYSTEMS, TRIGGERED

SETTINGS: Final = {
    **made_up.SETTINGS,
    "pending_hours": ("0", "1", "24"),
    "daily_adjustment_cap": ("0", "0", "0", "60"),
}
CUSTOMERS_MAX: Final = 60
SENT_AGAIN: Final = 12
"""Of so many bulks some come again later."""
KINDS: Final = {kind.__name__: (kind, weight) for kind, weight in made_up.KINDS.items()}


@dataclass(frozen=True)
class Temper:
    """What kind of life it is to be; each is one-sided in its own way: what is rare in one is common in another."""

    length: int
    """Steps."""
    customers: int
    """In the beginning."""
    crowd: int
    """Bulks that come together, at most."""
    bulk: int
    """Sub-requests in a bulk, at most."""
    turns: int
    """Of the event loop, that a client may come late and a transaction may take."""
    faults: float
    """The share of transactions that fail, in every other crowd."""
    cuts: float
    """The share of crowds in whose midst the process ends."""
    keys: float
    """The share of bulks that have a key."""
    retry: str
    """The account's setting, or `unique`: requestIDs are keys."""
    lots_read: int
    """Of a wallet, ahead of any need."""
    unrest: float
    """The share of events that are no crowds."""
    kinds: dict[str, float]
    """How often each kind of sub-request is sent."""
    pending: float
    """The share of earnings by Erply's call that cannot be spent yet."""
    systems: float
    """The share of bulks that are requests of Capillary's or fabric's instead."""

    @classmethod
    def drawn(cls, random: Random) -> "Temper":
        return cls(
            length=random.choice((300, 1_000, 2_000, 4_000)),
            customers=random.choice((1, 2, 3, 5, 10, 30)),
            crowd=random.choice((1, 2, 4, 8)),
            bulk=random.choice((2, 8, 20, 50)),
            turns=random.choice((0, 2, 6)),
            faults=random.choice((0.0, 0.05, 0.3)),
            cuts=random.choice((0.0, 0.02, 0.1)),
            keys=random.choice((0.0, 0.3, 1.0)),
            retry=random.choice(("erply", "replay", "unique")),
            lots_read=random.choice((1, 4)),
            unrest=random.choice((0.05, 0.2, 0.5)),
            kinds={name: weight * random.choice((0.1, 1, 1, 3)) for name, (_, weight) in KINDS.items()},
            pending=random.choice((0.1, 0.3, 0.9)),
            systems=random.choice((0.0, 0.2, 0.5, 0.8)),
        )


@dataclass(eq=False)
class Delivery:
    """A bulk on its way."""

    bulk: Bulk
    turn: int
    """When it is sent."""
    patience: int = 0
    """After so many turns the client is gone; 0: it waits."""
    reply: dict[str, Any] | None = None


class Clients:
    """All who send something. They know of the account what the oracle knows."""

    def __init__(self, random: Random, temper: Temper, oracle: Account) -> None:
        self._random = random
        self._temper = temper
        self._oracle = oracle
        self._numbers = 0
        self._sent: deque[Bulk] = deque(maxlen=SENT_AGAIN)
        """Bulks with keys."""
        self.plot: deque[int | list[Record]] = deque()
        """What is yet to come of a story: bulks, and seconds between them."""

    def crowd(self) -> list[Delivery]:
        """Bulks that come at about the same time, in the order in which they come."""
        random, turns = self._random, self._temper.turns
        deliveries = []
        for _ in range(random.randint(1, self._temper.crowd)):
            bulk = self._bulk()
            copies = random.choice((1, 1, 2, 3)) if bulk.keys or (self._oracle.unique and not bulk.system) else 1
            deliveries += [Delivery(bulk, random.randint(0, turns)) for _ in range(copies)]
            if random.random() < 0.05:
                deliveries[-1].patience = random.randint(1, 5)
        if self._sent and random.random() < 0.3:
            deliveries.append(Delivery(random.choice(self._sent), random.randint(0, turns)))
        return sorted(deliveries, key=lambda each: each.turn)

    def bulk_of(self, requests: list[Record], **how: Any) -> Bulk:
        """A bulk whose sub-requests have requestIDs of their own where these are keys."""
        if self._oracle.unique:
            requests = [{**each, "requestID": f"r{self._number()}"} for each in requests]
        return Bulk(tuple(requests), **how)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _bulk(self) -> Bulk:
        random, unique = self._random, self._oracle.unique
        if random.random() < self._temper.systems:
            return self._by_another_system()
        if unique and random.random() < 0.3 and (earlier := [each for each in self._sent if not each.system]):
            return self._cut_anew(earlier)
        requests = [self._as_sent(drawn) for drawn in self._drawn()]
        key = f"key {self._number()}" if not unique and random.random() < self._temper.keys else ""
        keyed = [bulk.key for bulk in self._sent if bulk.key and not bulk.system]
        if key and keyed and random.random() < 0.02:  # By mistake.
            key = random.choice(keyed)
        single = len(requests) == 1 and not unique and random.random() < 0.5
        special = random.choice(("atomic", "dry run")) if random.random() < 0.02 else ""
        bulk = self.bulk_of(
            requests,
            key=key,
            single=single,
            atomic=special == "atomic" and not single,
            dry_run=special == "dry run" and not key,
            replays=self._temper.retry == "replay",
        )
        if (bulk.keys or unique) and not bulk.dry_run:
            self._sent.append(bulk)
        return bulk

    def _by_another_system(self) -> Bulk:
        random = self._random
        request = self._as_sent(adjustments.request(random))
        key = f"key {self._number()}" if random.random() < self._temper.keys else ""
        bulk = Bulk((request,), key, single=True)
        used = [each.key for each in self._sent if each.key and each.system == bulk.system]
        if key and used and random.random() < 0.02:  # By mistake.
            bulk = replace(bulk, key=random.choice(used))
        if bulk.keys:
            self._sent.append(bulk)
        return bulk

    def _cut_anew(self, sent: list[Bulk]) -> Bulk:
        """What was sent before, in other company."""
        bulks = self._random.sample(sent, min(2, len(sent)))
        earlier = [request for bulk in bulks for request in bulk.requests]
        chosen = self._random.sample(earlier, self._random.randint(1, len(earlier)))
        once = {request["requestID"]: request for request in chosen}
        return Bulk(tuple(once.values())[:100])

    def _drawn(self) -> list[Record]:
        random = self._random
        if self.plot and not isinstance(self.plot[0], int):
            step = self.plot.popleft()
            assert isinstance(step, list)
            return step
        what = random.random()
        if what < 0.1:
            return made_up.receipts(random)
        if what < 0.2:
            customers = random.choices(list(self._oracle.disabled), k=random.randint(1, 5))
            return [{"requestName": "getCustomerRewardPoints", "whose": each} for each in customers]
        if what < 0.25 and not self.plot:
            self.plot.extend(made_up.story(random))
        count = random.randint(1, random.randint(1, self._temper.bulk))
        names = random.choices(tuple(self._temper.kinds), tuple(self._temper.kinds.values()), k=count)
        return [KINDS[name][0](random) for name in names]

    def _as_sent(self, drawn: Record) -> Record:
        """A request that was made up for few customers, coupons and documents, in an account with many."""
        random, oracle = self._random, self._oracle
        request = dict(drawn)
        customers = list(oracle.disabled)
        if request["requestName"] == "saveCustomer" and len(customers) >= CUSTOMERS_MAX:
            request.setdefault("customerID", 1)
        if "whose" in request:
            request["customerID"] = request.pop("whose")
        elif request.get("customerID", 9) <= 3:
            weights = [1 / place for place in range(1, len(customers) + 1)]
            (request["customerID"],) = random.choices(customers, weights)
        if request["requestName"] == "addCustomerRewardPoints" and random.random() < self._temper.pending:
            request["pointCategory"] = random.choice((PROMISED, PROMISED, TRIGGERED))
        if SYSTEMS.get(request["requestName"]) == "fabric" and request["customerID"] not in customers:
            request["customerID"] = 0  # Which it stays: who has no profile when it is sent is a stranger to fabric.
        if "uniqueIdentifier" in request:
            request["uniqueIdentifier"] = str(int(request["uniqueIdentifier"]) + max(0, len(oracle.issued) - 4))
        if "temporaryUUID" in request and self._temper.retry == "replay" and random.random() < 0.9:
            request["temporaryUUID"] = f"u-{self._number()}"
        request = made_up.as_sent(request, oracle)
        if request["requestName"] == DEDUCTION and random.random() < 0.8:
            self._aim(request)
        return request

    def _aim(self, deduction: Record) -> None:
        """At points that are there."""
        earnings, oracle = self._oracle.points.earnings, self._oracle
        category = deduction["pointCategoryTypes"]
        if award := earnings.get(deduction.get("pointsAwardedId", 0)):
            deduction |= {"customerID": award.customer, "pointCategoryTypes": oracle.category(award)}
        elif category != REGULAR:
            waiting = [each.customer for each in earnings.values() if each.left and oracle.category(each) == category]
            if waiting:
                deduction["customerID"] = self._random.choice(waiting)
