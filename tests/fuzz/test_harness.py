"""A short run of the harness with a fixed seed, and proof that it notices what it looks for.

The long run: `python tests/fuzz --inputs 1000000 --seed 1`, see docs/reliability/hostile-input.md.
"""

import asyncio
import os
import sqlite3
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from starlette.types import ASGIApp

from erply_points.bulk.dispatcher import Dispatcher, Reply
from erply_points.bulk.envelope import BulkRequest
from fuzz import harness
from fuzz.harness import Broken, Came, Tally
from fuzz.inputs import Input, Keys, Maker

INPUTS = int(os.environ.get("ERPLY_POINTS_FUZZ_INPUTS", "3000"))
SEED = int(os.environ.get("ERPLY_POINTS_FUZZ_SEED", "1"))
KEYS = Keys("a1", "s" * 40, "t" * 40, "a1.c", "secret", "a1.token", "profile")


@pytest.mark.timeout(60 + INPUTS / 50)
def test_whatever_is_sent_the_server_keeps_its_promises() -> None:
    """Made-up requests of every kind: no exception, no 5xx, no 1000, no row changed by what was refused."""
    tally = harness.run(SEED, INPUTS)
    assert tally.inputs == INPUTS
    assert len(tally.kinds) == 7
    # The inputs are not all refused at the door: most ways through the server are gone.
    assert len(tally.done) > 30
    assert len(tally.codes) > 25
    assert tally.codes[0] > INPUTS / 4


def test_the_same_seed_sends_the_same_inputs() -> None:
    """What was found is found again: from a seed come always the same inputs, from another one others."""

    def inputs(seed: str) -> list[Input]:
        maker = Maker(Random(seed), KEYS)  # noqa: S311 - repeatable
        return [maker.next() for _ in range(300)]

    assert inputs("1 0") == inputs("1 0")
    assert inputs("1 0") != inputs("1 1")


def caught(said: str, inputs: int = 400) -> None:
    """Hold that a run breaks, and says so with the way to do it again."""
    with pytest.raises(Exception, match=said) as raised:
        harness.run(SEED, inputs)
    assert any(note.startswith(f"again: python tests/fuzz --seed {SEED}") for note in raised.value.__notes__)


def test_an_exception_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake that leaves the application breaks the run."""

    async def failing(_: Dispatcher, __: BulkRequest, ___: float) -> Reply:
        raise ZeroDivisionError("a mistake")

    prepared = harness._prepared

    async def prepared_first(*args: Any) -> Any:
        found = await prepared(*args)
        monkeypatch.setattr(Dispatcher, "answer", failing)
        return found

    monkeypatch.setattr(harness, "_prepared", prepared_first)
    caught("a mistake")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda came: replace(came, status=503), "HTTP 503"),
        (lambda came: replace(came, body=came.body.replace(b'"errorCode":10', b'"errorCode":1000,"x":10')), "1000: "),
        (lambda came: replace(came, body=came.body.replace(b'"records":null', b'"records":5')), "is not of type"),
        (lambda came: replace(came, body=came.body + harness.CANARY.encode()), "gives something away"),
        (lambda came: replace(came, body=b"Traceback (most recent call last)"), "gives something away"),
    ],
)
def test_a_wrong_answer_is_noticed(monkeypatch: pytest.MonkeyPatch, change: Any, said: str) -> None:
    """A failure of the server's, a wrong shape, another account's data or a stack trace in an answer breaks the run."""
    ask = harness.ask

    async def changed(app: ASGIApp, sent: Input) -> Came:
        came: Came = change(await ask(app, sent))
        return came

    monkeypatch.setattr(harness, "ask", changed)
    caught(said)


def test_a_row_that_a_refused_request_changed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something is kept of a request that was refused, the run breaks and shows the rows."""
    ask = harness.ask
    asked = 0

    async def writing(app: ASGIApp, sent: Input) -> Came:
        nonlocal asked
        asked += 1
        came = await ask(app, sent)
        if asked > 50 and b'"errorCode":1010' in came.body[:200]:
            database.execute("UPDATE customers SET first_name = 'changed' WHERE id = 1")
        return came

    database = sqlite3.connect(":memory:")
    monkeypatch.setattr(harness, "ask", writing)
    prepared = harness._prepared

    async def prepared_first(shop: Any) -> Any:
        nonlocal database
        found = await prepared(shop)
        database.close()
        database = sqlite3.connect(shop.settings.data / f"{shop.code}.db", isolation_level=None)
        return found

    monkeypatch.setattr(harness, "_prepared", prepared_first)
    try:
        caught("rows changed: .*customers", 2_000)
    finally:
        database.close()


def test_requests_that_stay_in_memory_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a request is held on to after its answer, as by an exception that is raised twice, the run breaks."""
    kept: list[BulkRequest] = []
    answer = Dispatcher.answer

    async def keeping(dispatcher: Dispatcher, bulk: BulkRequest, started: float) -> Reply:
        if len(kept) < 3:
            kept.append(bulk)
        return await answer(dispatcher, bulk, started)

    monkeypatch.setattr(Dispatcher, "answer", keeping)
    with pytest.raises(Broken, match="sub-requests are kept"):
        harness.run(SEED, 20)


def test_memory_beyond_the_limit_is_noticed() -> None:
    """A process that grows beyond its limit breaks the run."""
    with pytest.raises(Broken, match="MB of memory"):
        harness.run(SEED, 20, rss_max_mb=5)


def test_another_accounts_change_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round at whose end the neighbour has changed is broken."""
    monkeypatch.setattr(harness.Judge, "neighbour_untouched", lambda _: False)
    with asyncio.Runner() as runner, pytest.raises(Broken, match="another account has changed"):
        runner.run(harness.run_round(SEED, 0, 5, Tally()))
