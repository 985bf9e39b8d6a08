"""Requests of Capillary's and fabric's, made up at random; what is meant, not named, is as in `calls.made_up`."""

from collections.abc import Callable
from random import Random
from typing import Final

from calls.made_up import call, customer, meant
from oracle import Record
from simulation.systems import ACTIVATION, ADJUSTMENT, BASE, DEDUCTION, INQUIRY, PROMISED, REGULAR, TRIGGERED


def deduction(random: Random) -> Record:
    points = random.randint(1, random.choice((5, 40)))
    sent: Record = {
        "pointsToBeAdjusted": random.choice((points, f"{points}.00")),
        "pointCategoryTypes": random.choice((REGULAR, REGULAR, PROMISED, PROMISED, TRIGGERED)),
        "reasonOfReturn": "Goods returned",
    }
    if random.random() < 0.4:
        sent |= {"pointsAwardedId": meant(random, "earning"), "pointsAwardedRefType": "bill_regular"}
    if random.random() < 0.05:
        bad = ({"bad": 8882, "reasonOfReturn": ""}, {"bad": 8888, "pointsToBeAdjusted": 0})
        return call(random, DEDUCTION, customerID=1, **sent) | random.choice(bad)
    return call(random, DEDUCTION, customerID=customer(random), **sent)


def adjustment(random: Random) -> Record:
    points = random.choice((random.randint(1, 40), -random.randint(1, 30)))
    return call(
        random,
        ADJUSTMENT,
        customerID=customer(random),
        points=points,
        pointType=lambda: random.choice((BASE, "Bonus", "Restricted")),
        setToPending=lambda: points > 0 or random.random() < 0.1,
    )


def activation(random: Random) -> Record:
    return call(random, ACTIVATION, customerID=customer(random))


def inquiry(random: Random) -> Record:
    return call(random, INQUIRY, customerID=customer(random))


KINDS: Final[dict[Callable[[Random], Record], int]] = {deduction: 5, adjustment: 6, activation: 1, inquiry: 2}
"""How often each is sent."""


def request(random: Random) -> Record:
    (kind,) = random.choices(tuple(KINDS), tuple(KINDS.values()))
    return kind(random)
