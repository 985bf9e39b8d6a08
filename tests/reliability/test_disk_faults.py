"""A disk that is full, fails or is read-only: no false answer, and when it is well again so is the server.

The real server runs on a disk that fails on demand (`disk_faults.c`). Each fault comes while tills are at work. Then:
1. every answer is a success or 1003, and none that was asked for during the fault is a success if it writes;
2. balances can be read meanwhile, where the disk can be read;
3. the first request after the fault is carried out;
4. what was acknowledged is there once, what was refused is not there: at once, and after kill -9;
5. `erply-points check` finds nothing wrong.
"""

import asyncio
from pathlib import Path

import pytest

from reliability.disk import FAULTS, READ_ONLY, Fault
from reliability.tills import Shop, send, work
from support.client import Erply

REFUSALS = 3


async def _is_refused(shop: Shop, till: Erply, name: str) -> None:
    for number in range(REFUSALS):
        assert await send(till, shop.load, f"{name}-{number}", shop.customers[number]) == 1003


async def _comes_and_goes(shop: Shop, till: Erply, fault: Fault, name: str) -> None:
    """The disk fails while all are at work, then works again."""
    await asyncio.sleep(0.2)
    shop.disk.fail(fault)
    await asyncio.sleep(0.05)  # What was on its way has been answered.
    await _is_refused(shop, till, name)
    status = (await till.call("getCustomerRewardPoints", customerID=shop.customers[0]))["status"]
    assert status["errorCode"] == 0 or (status["errorCode"] == 1003 and not fault.readable)
    shop.disk.heal()
    assert await send(till, shop.load, f"well after {name}", shop.customers[0]) == 0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_failing_disk(tmp_path: Path, fault: Fault) -> None:
    """Nobody gets a false answer, and the server works again at once when the disk does.

    The disk fails when the account is opened, twice under load, and once more until kill -9: what was refused is not
    there then either, though its bytes may have reached the log.
    """
    shop = await Shop(tmp_path).prepare()
    disk, load = shop.disk, shop.load
    async with shop.till(disk.start()) as till:
        disk.fail(fault)
        await _is_refused(shop, till, "opening")
        disk.heal()
        assert await send(till, load, "well after opening", shop.customers[0]) == 0
        working = [
            asyncio.create_task(work(till, load, f"till {number}", customer))
            for number, customer in enumerate(shop.customers)
        ]
        for turn in range(2):
            await _comes_and_goes(shop, till, fault, f"turn {turn}")
        for task in working:
            task.cancel()
        for outcome in await asyncio.gather(*working, return_exceptions=True):
            assert isinstance(outcome, asyncio.CancelledError), outcome
        shop.compare()
        disk.fail(fault)
        await _is_refused(shop, till, "killed")
    assert disk.struck > 3 * REFUSALS
    shop.compare()
    await shop.is_sound()


async def test_an_account_that_was_opened_on_a_read_only_disk(tmp_path: Path) -> None:
    """It can be read from, and is written to as soon as the disk allows it."""
    shop = await Shop(tmp_path).prepare()
    async with shop.till(shop.disk.start()) as till:
        assert await send(till, shop.load, "before", shop.customers[0]) == 0
    async with shop.till(shop.disk.start()) as till:
        shop.disk.fail(READ_ONLY)
        before = await till.balance(shop.customers[0])
        assert await send(till, shop.load, "meanwhile", shop.customers[0]) == 1003
        assert await till.balance(shop.customers[0]) == before
        shop.disk.heal()
        assert await send(till, shop.load, "afterwards", shop.customers[0]) == 0
        shop.compare()
    await shop.is_sound()
