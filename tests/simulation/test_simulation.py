"""The simulation in short, and the simulation of broken ledgers, which must not pass."""

import asyncio
import shlex
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from erply_points.bulk.retries import Retries
from erply_points.calls import points, returns
from erply_points.dialects import fabric
from erply_points.dialects.job import DialectJob
from erply_points.ledger import wallet
from erply_points.ledger.allocation import allocate
from erply_points.store import group_commit
from erply_points.store.sqlite import store
from simulation import simulate
from simulation.life import Lived, live
from simulation.systems import SYSTEMS

SEED = 2_026
LIVES = 8
STEPS = 400
"""Of each life."""
CAUGHT_WITHIN = 4_000
"""Steps."""


def life(number: int, folder: Path) -> Lived:
    place = folder / str(number)
    place.mkdir()
    return asyncio.run(live(SEED, number, place, STEPS))


def test_short_lives(tmp_path: Path) -> None:
    """In some short lives everything that can happen does, and all is as the oracle foretells."""
    counts: Counter[str] = Counter()
    for number in range(LIVES):
        lived = life(number, tmp_path)
        assert not lived.failure, lived.failure
        assert lived.steps >= STEPS
        counts += lived.counts
    rare = ("faults", "processes killed", "clock stepped back", "restarts", "tidied up", "first answers given again")
    assert [each for each in rare if not counts[each]] == []
    assert min(counts["saveIssuedCoupon done"], counts["redeemIssuedCoupon done"], counts["saveGiftCard done"]) > 0
    assert [each for each in SYSTEMS if not counts[f"{each} done"]] == []


def test_a_seed_tells_the_same_story_again(tmp_path: Path) -> None:
    """A life is the same each time, to the last answer; another number is another life."""
    (first, again, other) = (tmp_path / each for each in ("first", "again", "other"))
    lives = []
    for number, folder in ((3, first), (3, again), (4, other)):
        folder.mkdir()
        lives.append(life(number, folder))
    assert lives[0] == lives[1]
    assert lives[0].digest != lives[2].digest


def _last_lot_pays(lots: Any, *rest: Any) -> Any:
    return allocate(tuple(reversed(tuple(lots))), *rest)


async def _nothing_is_known(*_: Any) -> None:
    return None


def _all_of_it(points: int, *_: Any, **__: Any) -> int:
    return points


def _good_news(done: asyncio.Future[None], _: Exception | None) -> None:
    if not done.done():
        done.set_result(None)


def _answered_too_early(transaction: store.SQLiteTransaction) -> None:
    """One commit in fifty is forgotten."""
    transaction._flush()
    forgotten = (transaction.work.sequences.rows.get("transactions") or 0) % 50 == 49
    transaction._database.execute("ROLLBACK" if forgotten else "COMMIT")


def _only_settled(held: wallet.Wallet, _lots: Any, at: int) -> wallet.Posting:
    return wallet.settle(held, at)


def _active_at_once(*_: Any) -> int:
    return 0


BROKEN: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "points do not expire": (wallet.Draft, "_expire", lambda *_: None),
    "what is sent again is done again": (Retries, "look_up", _nothing_is_known),
    "the return of a part gives and takes back all": (returns, "_part", _all_of_it),
    "the lot that expires last pays first": (wallet, "allocate", _last_lot_pays),
    "a fault is answered with success": (group_commit, "_settle", _good_news),
    "a commit is forgotten": (store.SQLiteTransaction, "commit_now", _answered_too_early),
    "pending points can be spent": (points, "activation", _active_at_once),
    "activation leaves points pending": (fabric, "activated", _only_settled),
    "a deduction that is sent again is done again": (DialectJob, "_first", lambda *_: None),
}


@pytest.mark.parametrize("flaw", BROKEN)
def test_a_broken_ledger_is_caught(flaw: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: a ledger with one flaw does not live long."""
    monkeypatch.setattr(*BROKEN[flaw])
    steps = 0
    for number in range(CAUGHT_WITHIN // STEPS):
        lived = life(number, tmp_path)
        steps += lived.steps
        if lived.failure:
            assert "simulation.life.Diverged" in lived.failure
            return
    pytest.fail(f"not caught in {steps} steps")


def test_the_command_that_is_told_finds_the_failure_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that fails ends with status 1, tells what happened last, and how to have just that life again."""
    monkeypatch.setattr(*BROKEN["points do not expire"])
    monkeypatch.setattr(sys, "argv", ["simulate.py", "--seed", "5", "--steps", "20000"])
    assert simulate.main() == 1
    first = capsys.readouterr().out
    assert "Diverged" in first
    command = shlex.split(first.splitlines()[-1])
    assert command[:2] == ["python", "tests/simulation/simulate.py"]
    monkeypatch.setattr(sys, "argv", command[1:])
    assert simulate.main() == 1
    again = capsys.readouterr().out
    assert [line for line in again.splitlines() if "steps" not in line] == [
        line for line in first.splitlines() if "steps" not in line
    ]
