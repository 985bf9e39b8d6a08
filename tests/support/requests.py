"""Sub-requests of bulks, as tests with many clients send them."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, Final, TypeVar

from support.client import Record

RECEIPT: Final = {
    "requestName": "saveSalesDocument",
    "type": "CASHINVOICE",
    "productID1": 38,
    "vatrateID1": 1,
    "amount1": 1,
    "price1": "10.00",
}


def redemption(customer: int, points: int, **more: Any) -> Record:
    return {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": points, **more}


def earning(customer: int, points: int) -> Record:
    return {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": points}


def balance(customer: int) -> Record:
    return {"requestName": "getCustomerRewardPoints", "customerID": customer}


T = TypeVar("T")


async def crowd(asked: Iterable[Awaitable[T]], at_once: int = 200) -> list[T]:
    """What each comes to, in order, while as many are under way as a client and an account take without a refusal."""
    room = asyncio.Semaphore(at_once)

    async def in_its_turn(one: Awaitable[T]) -> T:
        async with room:
            return await one

    return await asyncio.gather(*map(in_its_turn, asked))
