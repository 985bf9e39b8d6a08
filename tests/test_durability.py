"""What an answer promises: its commit is on disk before it is sent, and `kill -9` at any instant takes nothing of it.

The instants come from a seed. ERPLY_POINTS_KILLS sets how many kills (default 6), ERPLY_POINTS_SEED the seed.
"""

import asyncio
import os
from pathlib import Path

import pytest

from reliability.crash import Crash
from support.client import Record
from support.gate import Gate, gate_before_commits
from support.shop import open_shop, place

KILLS = int(os.environ.get("ERPLY_POINTS_KILLS", "6"))
SEED = int(os.environ.get("ERPLY_POINTS_SEED", "20260101"))


def _redemption(tag: str, customer: int) -> Record:
    return {
        "requestName": "subtractCustomerRewardPoints",
        "customerID": customer,
        "points": 1,
        "description": tag,
    }


@pytest.mark.timeout(60 + 10 * KILLS)
@pytest.mark.parametrize("kills", [KILLS], ids=[f"kills={KILLS}-seed={SEED}"])
async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, kills: int) -> None:
    """After kills at any instant, what was acknowledged is there once, and every bulk is whole or not there."""
    figures = await Crash(tmp_path / "data", kills, SEED).run()
    assert figures.acknowledged > kills  # Each kill met a server at work.
    assert figures.unanswered > kills


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return gate_before_commits(monkeypatch)


async def test_an_answer_waits_for_its_commit(tmp_path: Path, gate: Gate) -> None:
    """No success is answered before the transaction that holds it has committed, and nobody reads it before."""
    async with open_shop(place(tmp_path / "data")) as shop:
        customer = await shop.customer(points=100)
        gate.close()
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
