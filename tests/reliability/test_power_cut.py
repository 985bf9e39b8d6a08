"""A power cut at any instant takes nothing that was acknowledged, on a disk whose syncs fail now and then too.

`kill -9` leaves to the operating system what was written but not synced; a power cut does not. So what the server
writes and syncs is traced (`disk_faults.c`), and for many instants of the trace the disk is made as a power cut would
have left it (`power_cut.py`). ERPLY_POINTS_CUTS sets how many instants (default 25), ERPLY_POINTS_SEED the seed.
"""

import asyncio
import os
import shutil
from pathlib import Path
from random import Random

import httpx
import pytest

from reliability.disk import FULL, SYNC
from reliability.power_cut import PAGE, CachedFile, events, power_cuts
from reliability.tills import Shop, work

CUTS = int(os.environ.get("ERPLY_POINTS_CUTS", "25"))
TURNS = 10
EACH_TURN = 20
"""Receipts that are acknowledged between one fault and the next."""
SEED = int(os.environ.get("ERPLY_POINTS_SEED", "20260101"))


async def _serve_until_killed(shop: Shop, *, faults: bool, chance: Random) -> None:
    """Tills at work for a while; with `faults`, the disk fails now and then."""
    server = shop.disk.start()
    async with shop.till(server) as till:
        working = [
            asyncio.create_task(work(till, shop.load, f"till {number}", customer))
            for number, customer in enumerate(shop.customers)
        ]
        for turn in range(1, TURNS + 1):
            while len(shop.load.acknowledged) < turn * EACH_TURN:  # noqa: ASYNC110 - whoever they come from
                await asyncio.sleep(0.01)
            if faults:
                shop.disk.fail(chance.choice((SYNC, SYNC, FULL)))
                await asyncio.sleep(chance.uniform(0.0, 0.03))
                shop.disk.heal()
        # At least one has to be refused, however slow the machine is.
        if faults:
            shop.disk.fail(SYNC)
            while not shop.load.refused:  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.01)
            shop.disk.heal()
        server.kill()
        for outcome in await asyncio.gather(*working, return_exceptions=True):
            assert isinstance(outcome, httpx.TransportError), outcome


@pytest.mark.timeout(120 + CUTS)
@pytest.mark.parametrize("faults", [False, True], ids=["a good disk", "a failing disk"])
async def test_what_was_acknowledged_survives_a_power_cut(tmp_path: Path, *, faults: bool) -> None:
    """Whatever of the unsynced pages has reached the disk, what was acknowledged is there, whole, and is sound."""
    chance = Random(f"{SEED} {faults}")  # noqa: S311 - repeatable
    shop = await Shop(tmp_path, traced=True).prepare()
    shutil.copytree(shop.data, tmp_path / "before")
    shop.load.clock = lambda: shop.disk.noted
    await _serve_until_killed(shop, faults=faults, chance=chance)
    assert bool(shop.load.refused) == faults
    ends = [event.end for event in events(shop.disk.trace)]
    at = sorted(chance.choice(ends) for _ in range(CUTS - 1)) + ends[-1:]
    seen = set()
    for end, left in power_cuts(tmp_path / "before", shop.disk.trace, at, tmp_path / "left", chance):
        await shop.is_sound(left)
        stored = shop.stored(left)
        assert {tag for tag, moment in shop.load.acknowledged.items() if moment <= end} <= stored
        seen.add(len(stored))
    assert len(seen) > 5  # The instants were spread over the work.


def test_the_model_loses_what_was_not_synced() -> None:
    """A page that was written and not synced may be lost, after a failed sync for good; one that was synced is not."""
    chance = Random(1)  # noqa: S311 - repeatable
    file = CachedFile()
    file.write(0, b"a" * PAGE)
    file.sync()
    file.write(PAGE, b"b" * PAGE * 20)
    left = {file.after_power_cut(chance)[: PAGE + 1] for _ in range(50)}
    assert left == {b"a" * PAGE, b"a" * PAGE + b"b", b"a" * PAGE + b"\0"}
    file.fail_to_sync(chance)
    file.write(0, b"c")
    file.sync()
    kept = file.after_power_cut(chance)
    assert kept[:1] == b"c"
    assert b"\0" * PAGE in kept
    assert b"b" * PAGE in kept
