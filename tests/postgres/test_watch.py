"""Who is given up and who is not, told to a watch whose hosts the test plays."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import pytest

from erply_points.store.postgres import watch as postgres_watch
from erply_points.store.postgres.watch import Address, Watch

HERE: Address = ("here", 1)
THERE: Address = ("there", 2)


class Line:
    """A connection, as far as a watch knows it."""

    def __init__(self) -> None:
        self.is_given_up = False

    def terminate(self) -> None:
        self.is_given_up = True


class Hosts:
    """Who answers what. `asked` are the questions so far, `at_once` the most that were open together."""

    def __init__(self) -> None:
        self.answers: dict[Address, Callable[[], Coroutine[Any, Any, None]]] = {}
        self.asked: list[Address] = []
        self.at_once = 0
        self._open = 0

    async def ask(self, address: Address) -> None:
        self.asked.append(address)
        self._open += 1
        self.at_once = max(self.at_once, self._open)
        try:
            await self.answers.get(address, _never)()
        finally:
            self._open -= 1


async def _never() -> None:
    await asyncio.Event().wait()


async def _at_once() -> None:
    pass


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """Soon silent, and then for long; this process itself may be held up."""
    for name, seconds in (("WAIT", 0.1), ("ANSWER", 0.2), ("LOOK", 0.02), ("UNTRIED", 60), ("_LATE", 60)):
        monkeypatch.setattr(postgres_watch, f"{name}_SECONDS", seconds)
    return Hosts()


def take(watch: Watch, address: Address, times: int = 1) -> list[Any]:
    lines: list[Any] = [Line() for _ in range(times)]
    for line in lines:
        watch.begin(line, address)
    return lines


async def until(happened: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110 - it is the watch's doing, which tells nobody
            await asyncio.sleep(0.01)


async def test_all_who_wait_for_a_silent_host_are_given_up_after_one_question(hosts: Hosts) -> None:
    """However many wait, one question decides for them all; who waits for another host goes on."""
    hosts.answers[THERE] = _at_once
    watch = Watch(hosts.ask)
    waiting, others = take(watch, HERE, 100), take(watch, THERE, 100)
    await until(lambda: all(each.is_given_up for each in waiting))
    assert hosts.asked.count(HERE) == 1
    assert watch.is_silent(HERE)
    assert not watch.is_silent(THERE)
    assert not any(each.is_given_up for each in others)
    await watch.close()


async def test_one_question_at_a_time(hosts: Hosts) -> None:
    """A slow host that lives is asked again and again, never twice at once, and nobody is given up."""

    async def slowly() -> None:
        await asyncio.sleep(0.05)

    hosts.answers[HERE] = slowly
    watch = Watch(hosts.ask)
    waiting = take(watch, HERE, 100)
    await until(lambda: len(hosts.asked) == 5)
    assert hosts.at_once == 1
    assert not any(each.is_given_up for each in waiting)
    await watch.close()


@pytest.mark.parametrize(
    "refusal", [asyncpg.TooManyConnectionsError("no room"), ConnectionRefusedError(), asyncpg.InterfaceError("what?")]
)
async def test_a_refusal_is_an_answer(hosts: Hosts, refusal: Exception) -> None:
    """Who says no lives: a host without room for another connection, or whose system says that nobody listens."""

    async def refuse() -> None:
        raise refusal

    hosts.answers[HERE] = refuse
    watch = Watch(hosts.ask)
    (line,) = take(watch, HERE)
    await until(lambda: len(hosts.asked) == 3)
    assert not line.is_given_up
    await watch.close()


async def test_a_host_that_answers_somebody_is_not_asked(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """While other transactions end well on a host, who waits there waits for something else."""
    monkeypatch.setattr(postgres_watch, "WAIT_SECONDS", 0.4)
    watch = Watch(hosts.ask)
    (patient,) = take(watch, HERE)
    began = time.monotonic()
    while time.monotonic() - began < 0.6:
        (quick,) = take(watch, HERE)
        await asyncio.sleep(0.01)
        watch.end(quick, answered=True)
    assert not hosts.asked
    assert not patient.is_given_up
    await until(lambda: patient.is_given_up)
    await watch.close()


async def test_an_answer_to_another_while_it_is_asked_is_an_answer(hosts: Hosts) -> None:
    """A host too slow to let somebody in, which goes on answering those who are in, is not given up."""
    watch = Watch(hosts.ask)
    patient, quick = take(watch, HERE, 2)
    await until(lambda: hosts.asked)
    watch.end(quick, answered=True)
    await until(lambda: len(hosts.asked) == 2)
    assert not patient.is_given_up
    await until(lambda: patient.is_given_up)
    await watch.close()


async def test_who_stood_still_himself_asks_again(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where our own process was held up for longer than the answer may take, its lateness is not the host's."""
    monkeypatch.setattr(postgres_watch, "_LATE_SECONDS", 0.2)

    async def hold_up() -> None:
        hosts.answers.clear()
        time.sleep(0.5)  # noqa: ASYNC251 - that is the point
        await _never()

    hosts.answers[HERE] = hold_up
    watch = Watch(hosts.ask)
    (line,) = take(watch, HERE)
    await until(lambda: len(hosts.asked) == 2)
    assert not line.is_given_up
    await until(lambda: line.is_given_up)
    await watch.close()


async def test_a_silent_host_is_tried_again_soon(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as silent for a moment only, and no longer once it has answered."""
    monkeypatch.setattr(postgres_watch, "UNTRIED_SECONDS", 0.2)
    watch = Watch(hosts.ask)
    assert watch.doubt(HERE, time.monotonic())
    assert watch.is_silent(HERE)
    await until(lambda: not watch.is_silent(HERE))
    assert watch.doubt(HERE, time.monotonic())
    watch.hear(HERE)
    assert not watch.is_silent(HERE)
    assert not watch.doubt(HERE, time.monotonic() - 1)


async def test_where_nobody_waits_nobody_watches(hosts: Hosts) -> None:
    """The watch ends with the last connection that is out, and begins anew with the next."""
    watch = Watch(hosts.ask)
    for _ in range(2):
        (line,) = take(watch, HERE)
        looking = watch._looking
        assert looking is not None
        watch.end(line, answered=True)
        await until(looking.done)
    assert not hosts.asked
