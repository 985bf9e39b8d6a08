"""What runs under the coverage-guided fuzzer, without it: the same functions over its seeds and changes of them.

The long run: `python tests/fuzz/guided.py --runs 1000000 --seed 1`, see docs/reliability/hostile-input.md.
"""

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp

from erply_points.bulk import envelope
from erply_points.bulk.envelope import BulkRequest, RepeatedKeys
from erply_points.bulk.validation import CallValidator
from erply_points.dialects.job import Reply as DialectReply
from erply_points.web import fabric, parameters
from fuzz import guided, harness, target
from fuzz.changes import changed
from fuzz.harness import Broken, Came
from fuzz.inputs import CONTENT_TYPES, JSON, Input, Keys, Maker
from fuzz.packed import PROFILE, SIZE_MAX, WAYS, Packed, packed, seeds, unpacked

CHANGES = 300
KEYS = Keys("a1", "s" * 40, "t" * 40, "a1.c", "secret", "a1.token", PROFILE.decode())
SEEDS = seeds()
CALL = bytes((0, CONTENT_TYPES.index(JSON))) + b'\n{"request": "getCustomers"}'
REFUSED = bytes((0, CONTENT_TYPES.index(JSON))) + b'\n{"request": "getCustomerRewardPoints"}'


def inputs() -> Iterable[bytes]:
    """The seeds, and changes of changes of them."""
    yield from SEEDS
    source = Random("smoke")  # noqa: S311 - repeatable
    known = list(SEEDS)
    for _ in range(CHANGES):
        known.append(changed(source.choice(known), source, SIZE_MAX))
        yield known[-1]


def test_whatever_bytes_come_the_checks_let_through_or_refuse() -> None:
    """Reading and checking raises nothing, and the errors fit the schemas of answers."""
    with target.Checks() as run:
        for data in inputs():
            run(data)


def test_whatever_bytes_come_the_server_keeps_its_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    """The promises of the harness hold for seeds and changes of them, over two accounts, and most calls succeed."""
    monkeypatch.setattr(target, "ROUND", len(SEEDS))
    with target.Server() as run:
        for data in inputs():
            run(data)
        tally = run.tally
    assert tally.inputs == len(SEEDS) + CHANGES
    assert len(tally.done) > 40
    assert len(tally.codes) > 20
    assert tally.statuses[201] > 0  # fabric's, too


def sent(name: str, data: Iterable[bytes]) -> None:
    """Run a target from its beginning to its end."""
    with target.TARGETS[name]() as run:
        for each in data:
            run(each)


def test_a_mistake_in_reading_a_body_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that only some bytes cause leaves either target."""
    collected = parameters._collected

    def mistaken(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
        found = collected(pairs)
        if isinstance(found, RepeatedKeys):
            raise IndexError("a mistake")
        return found

    monkeypatch.setattr(parameters, "_collected", mistaken)
    for name in target.TARGETS:
        with pytest.raises(IndexError, match="a mistake"):
            sent(name, inputs())


def test_a_wrong_verdict_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters that mean another thing when they are checked again are a finding."""
    coerce = CallValidator.coerce

    def mistaken(validator: CallValidator, given: dict[str, Any]) -> dict[str, Any]:
        found = coerce(validator, given)
        return {name: value + 1 if type(value) is int and value < 5 else value for name, value in found.items()}

    monkeypatch.setattr(CallValidator, "coerce", mistaken)
    with pytest.raises(Broken, match="checked twice"):
        sent("checks", inputs())


def test_a_wrong_answer_of_a_dialect_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of fabric's that its schema refuses is a finding."""
    monkeypatch.setattr(fabric, "_token_error", lambda status: DialectReply(status, {"wrong": 1}))
    way = next(number for number, way in enumerate(WAYS) if way.answer == "fabric/token")
    with pytest.raises(Broken, match="not valid under any of the schemas"):
        sent("server", [bytes(Packed(way, 0, b"1", b"grant_type=other"))])


def test_a_row_that_a_refused_request_changes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a request that is refused leaves something behind, that is a finding."""
    ask = harness.ask

    async def writing(app: ASGIApp, sent: Input) -> Came:
        database.execute("UPDATE customers SET first_name = 'changed' WHERE id = 1")
        return await ask(app, sent)

    with target.Server() as run:
        run(REFUSED)
        file = run.round.shop.settings.data / f"{run.round.shop.code}.db"
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as database:
            monkeypatch.setattr(harness, "ask", writing)
            with pytest.raises(Broken, match=r"rows changed: .*customers"):
                run(REFUSED)


def test_what_shows_at_the_end_of_a_round_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many inputs the account is looked at as a whole."""
    monkeypatch.setattr(target, "ROUND", 2)
    monkeypatch.setattr(harness.Judge, "neighbour_untouched", lambda _: False)
    with pytest.raises(Broken, match="another account has changed"):
        sent("server", [CALL] * 3)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_request(data: bytes) -> None:
    """All bytes mean something, and what they mean can be written down and read again."""
    meant = unpacked(data)
    meant.request(KEYS)
    assert unpacked(bytes(meant)) == meant


def test_made_up_requests_become_bytes_and_come_back() -> None:
    """What the blind harness sends to Erply's API is the same once it was bytes, but for the slash and the key."""
    maker = Maker(Random("packing"), KEYS)  # noqa: S311 - repeatable
    erply = [
        made for made in (maker.next() for _ in range(300)) if made.path.startswith("/api") and made.method != "PUT"
    ]
    there = 0
    for made in erply:
        if (as_bytes := packed(made)) is not None and b"\n" not in made.query:
            back = unpacked(bytes(as_bytes)).request(KEYS)
            assert (back.method, back.query, back.body) == (made.method, made.query, made.body)
            there += 1
    assert there > 150


def test_changes_are_repeatable_and_within_their_size() -> None:
    """The same seed changes an input in the same way; no change is longer than allowed."""
    for number, data in enumerate(SEEDS[::5]):
        once, again = (changed(data, Random(number), 300) for _ in range(2))  # noqa: S311 - repeatable
        assert once == again
        assert len(once) <= 300


def test_a_finding_is_printed_kept_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the fuzzer ends with a finding the status is 1, and the commands that are printed send it again."""

    def finding(command: list[str], _: Path) -> tuple[int, list[str]]:
        prefix = next(each for each in command if each.startswith("-artifact_prefix="))
        Path(prefix.partition("=")[2] + "crash-1").write_bytes(CALL)
        Path(command[3]).write_bytes(target.framed(REFUSED) + target.framed(CALL))
        return 77, ["a mistake"]

    monkeypatch.setattr(guided, "_watched", finding)
    assert guided.main(["--through", "checks", "--runs", "5", "--findings", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert repr(CALL) in said
    commands = [line.partition("guided.py ")[2].split() for line in said.splitlines() if "guided.py" in line]
    assert [command[2] for command in commands] == ["--input", "--since"]
    for command in commands:
        assert guided.main(command) == 0

    def mistaken(*_: object) -> BulkRequest:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(envelope, "decode", mistaken)
    for command in commands:
        with pytest.raises(ZeroDivisionError, match="a mistake"):
            guided.main(command)
