"""The judge of the failover harness sees what it is there to see. The harness itself is a command of its own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from reliability.failover_load import Attempt, History, Sent, Stored, judge, make_request, pause_of, sale
from reliability.patroni import NotInstalled, Programs
from retries.keyed import Request, by_header, reply
from support.client import Record


def _status(code: int = 0) -> Record:
    return {"errorCode": code}


def _history() -> History:
    """A sale and a redemption, both acknowledged."""
    told = [
        {"status": _status(), "records": [{"invoiceID": "7", "invoiceNo": "107"}]},
        {"status": _status(), "records": [{"transactionID": 3}]},
    ]
    bulk = reply(json.dumps({"status": _status(), "requests": told}).encode(), None)
    single = reply(json.dumps({"status": _status(), "records": [{"transactionID": 4}]}).encode(), None)
    return History([Sent("a", by_header("a", sale("a", 1)), bulk), Sent("b", Request(None), single)])


def _stored() -> Stored:
    """What an account holds in which that history has happened."""
    redemptions = [
        {"description": "a", "transactionID": 3, "invoiceID": 7},
        {"description": "b", "transactionID": 4, "invoiceID": 0},
    ]
    return Stored(redemptions, [{"notes": "a", "id": 7, "number": "107"}])


def test_what_is_right_is_no_problem() -> None:
    """Where all is there once, as it was answered, nothing is said."""
    assert judge(_history(), _stored()) == []


def test_what_is_wrong_is_seen() -> None:
    """What is lost, twice, half, under another number, or of nobody, is a problem each."""
    held = _stored()
    a, b = held.redemptions
    documents = held.documents
    cases = {
        "b was acknowledged and is lost": Stored([a], documents),
        "half of a is there": Stored([b], documents),
        "redemption b is there 2 times": Stored([a, b, b], documents),
        "document a is there 2 times": Stored([a, b], documents * 2),
        "b has another number": Stored([a, {**b, "transactionID": 5}], documents),
        "a was told ('7', '107', 3, '7') and is ('8', '107', 3, '7')": Stored([a, b], [{**documents[0], "id": 8}]),
        "c was sent by nobody": Stored([a, b, {**b, "description": "c"}], documents),
    }
    for problem, wrong in cases.items():
        assert judge(_history(), wrong) == [problem]


def test_what_was_never_answered_is_a_problem() -> None:
    """A till that still waits at the end, and an answer that no till should get, are told."""
    history = _history()
    history.sent[1].answer = None
    history.surprises.append("a surprise")
    assert judge(history, _stored()) == ["a surprise", "b was never answered"]


def test_a_pause_lies_between_two_successes() -> None:
    """It is that of one server, and holds how soon refusals came."""
    attempts = [
        *(Attempt(0, moment - 0.1, moment, "done") for moment in (1.0, 2.0, 9.0, 9.5, 30.0)),
        Attempt(0, 4.0, 4.25, "refused"),
        Attempt(0, 5.0, 8.0, "lost"),
        Attempt(1, 2.0, 3.0, "done"),
    ]
    pause = pause_of(attempts, 0, 3.0, 20.0)
    assert (pause.longest, pause.refusals, max(pause.waits), pause.lost) == (7.0, [0.25], 3.0, 1)
    assert pause_of(attempts, 1, 3.0, 20.0).longest == float("inf")


def _sold() -> list[Request]:
    return [make_request(f"t{number}", 1, Random(number)) for number in range(20)]  # noqa: S311 - repeatable


def test_what_is_sold_comes_from_the_seed() -> None:
    """The same seed sells the same, and each request carries its key."""
    assert _sold() == _sold()
    for number, request in enumerate(_sold()):
        uuids = {each.get("temporaryUUID") for each in request.requests or []}
        assert f"t{number}" in {*request.headers.values(), *uuids}


def test_programs_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Patroni or etcd the harness says which packages to install."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NotInstalled, match="apt-get install patroni etcd-server"):
        Programs.find()


def test_the_command_says_what_it_does() -> None:
    """Its help names every kind of failure."""
    command = [sys.executable, str(Path(__file__).with_name("failover.py")), "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for option in ("--kills", "--hangs", "--reboots", "--etcd-members", "--etcd-outages", "--seed", "--not-strict"):
        assert option in shown
