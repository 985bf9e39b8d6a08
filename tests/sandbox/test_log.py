"""The log of requests and answers: what it tells, what it never tells, and how long it remembers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from erply_points import schemas
from erply_points.bulk import envelope
from erply_points.contract.reference import reference
from erply_points.sandbox import log as sandbox_log
from erply_points.sandbox.log import BLANK, Log, is_secret
from erply_points.testing import AnswerLost, ErplyError
from erply_points.testing.client import Erply
from erply_points.testing.sandbox import ErplyClock, ErplyFaults, ErplyServer
from sandbox.shop import REDEEM, customer


def test_what_was_asked_and_answered(account: ErplyServer, erply: Erply, clock: ErplyClock) -> None:
    """Each request stands in the log as it was asked, with its answer, its time and its number."""
    clock.freeze()
    clock.set(1_900_000_000)
    erply.bulk([{"requestName": "getCustomers", "requestID": "a", "searchName": "x"}, {"requestName": "nothing"}])
    with pytest.raises(ErplyError):
        erply.call("getCustomerRewardPoints", customerID=99, idempotencyKey="k")
    first, second = account.log()
    assert first["request"] == {
        "clientCode": account.client_code,
        "sessionKey": BLANK,
        "requests": [
            {"requestName": "getCustomers", "requestID": "a", "searchName": "x"},
            {"requestName": "nothing", "requestID": None},
        ],
    }
    assert [each["status"]["errorCode"] for each in first["answer"]["requests"]] == [0, 1005]
    assert second["request"]["request"] == "getCustomerRewardPoints"
    assert second["request"]["idempotencyKey"] == "k"
    assert second["answer"]["status"]["errorCode"] == 1011
    assert [(each["number"], each["at"], each["fault"]) for each in (first, second)] == [
        (1, 1_900_000_000, None),
        (2, 1_900_000_000, None),
    ]
    assert account.log(after=1) == [second]
    reference("/schemas/sandbox/log.answer.json").validate({"entries": [first, second]})
    account.control("DELETE", "/log")
    assert account.log() == []
    erply.call("getCustomers")
    assert [each["number"] for each in account.log()] == [3]


def test_what_faults_did(account: ErplyServer, erply: Erply, faults: ErplyFaults) -> None:
    """The log tells which fault hit a request, and the answer that the sender did not get."""
    faults.drop_before()
    faults.drop_after()
    for _ in range(2):
        with pytest.raises(AnswerLost):
            erply.call("saveCustomer", firstName="Mari", lastName="Maasikas")
    before, after = account.log()
    assert (before["fault"], before["answer"]) == ("drop_before", None)
    assert (after["fault"], after["answer"]["records"][0]["customerID"]) == ("drop_after", 1)


def test_no_secret_is_told(account: ErplyServer, erply: Erply) -> None:
    """Passwords, session keys, tokens, PINs and what stands on cards are blank in requests and in answers."""
    shown = erply.call("verifyUser", username=account.username, password=account.password)[0]
    erply.call("switchUser", cardCode=account.pin)
    with pytest.raises(ErplyError):
        erply.call("verifyUser", username=account.username, password="wrong-guess")
    card = "CARD-7301"
    owner = erply.call("saveCustomer", firstName="Mari", lastName="M", customerCardNumber=card)[0]["customerID"]
    erply.bulk([{"requestName": "saveGiftCard", "value": 10, "code": "GIFT-9911"}, {"requestName": "getGiftCards"}])
    erply.call("savePayment", customerID=owner, sum=5, cardNumber="4111-1111", cardHolder="Mari")
    erply.call("getPayments")
    assert erply.call("getCustomers")[0]["customerCardNumber"] == card
    entries = account.log()
    told = json.dumps(entries)
    secrets = (account.session_key, shown["sessionKey"], shown["token"], shown["identityToken"])
    for secret in (*secrets, card, '"secret"', "wrong-guess", f'"{account.pin}"', "GIFT-9911", "4111-1111"):
        assert secret not in told, secret
    assert entries[0]["request"]["password"] == entries[0]["answer"]["records"][0]["sessionKey"] == BLANK
    assert entries[0]["request"]["username"] == account.username


def _names() -> Iterator[tuple[str, str]]:
    """Every name that a call takes or answers, with the call."""

    def names(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from node.get("properties", {})
            for child in node.values():
                yield from names(child)
        elif isinstance(node, list):
            for child in node:
                yield from names(child)

    for uri, schema in schemas.all_schemas().items():
        if "/calls/" in uri:
            call = uri.rsplit("/", 1)[1].split(".")[0]
            yield from ((call, name) for name in names(schema))


def test_every_name_that_sounds_secret_is_judged() -> None:
    """A parameter or a field that comes and sounds like a secret is either blanked or known to be harmless."""
    harmless = {"doNotGenerateIdentityToken", "isPasswordExpired", "pinStatement", "shippingDate"}
    found = {
        (call, name)
        for call, name in _names()
        if re.search("password|pin|token|secret|session|card_?(code|number)", name, re.IGNORECASE)
    }
    assert len(found) > 10
    told = {name for call, name in found if not is_secret(name, call)}
    assert told <= harmless | {"sessionLength"}, told
    assert is_secret("code", "saveGiftCard")
    assert not is_secret("code", "saveProduct")


def test_the_log_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest entries make room, by number and by size; what is left is whole."""
    monkeypatch.setattr(sandbox_log, "ENTRIES_MAX", 5)
    monkeypatch.setattr(sandbox_log, "BYTES_MAX", 2_000)
    log = Log()
    for number in range(8):
        bulk = envelope.decode({"clientCode": "a", "request": "getCustomers", "pageNo": number}, {}, "")
        log.add(1.0, bulk, {"status": {}}, None, 0.1)
    assert [entry["request"]["pageNo"] for entry in log.entries()] == [3, 4, 5, 6, 7]
    log.add(1.0, envelope.decode({"request": "getCustomers", "name": "x" * 1_650}, {}, ""), None, None, 0.1)
    assert [entry["number"] for entry in log.entries()] == [8, 9]
    log.add(1.0, envelope.decode({"request": "getCustomers", "name": "x" * 3_000}, {}, ""), None, None, 0.1)
    assert log.entries() == []


def test_numbers_of_any_size_and_broken_requests(account: ErplyServer, erply: Erply) -> None:
    """What is sent may be as odd as it likes: it is answered, logged if it could be read, and a secret stays one."""
    form = {"clientCode": account.client_code, "sessionKey": account.session_key}
    with httpx.Client(base_url=account.url, timeout=30, trust_env=False) as client:
        client.post("/api/", json={**form, "requests": [{"requestName": "getCustomers", "pageNo": 10**30}]})
        client.post("/api/", data={**form, "requests": '[{"password": "hidden-1"'})
        client.post("/api/", json={**form, "requests": [{"password": {"deep": "hidden-2"}}, {"requestName": 5}]})
        client.post("/api/", json={**form, "request": "saveCustomer", "attributes": [{"password": "hidden-3"}]})
    entries = account.log()
    assert len(entries) == 4
    assert entries[0]["request"]["requests"][0]["pageNo"] == 10**30
    assert "hidden" not in json.dumps(entries)
    assert erply.call("getCustomers") == []


def test_nothing_of_it_is_on_disk(account: ErplyServer, erply: Erply) -> None:
    """The log is gone with the process: no file of the data folder holds what was only asked."""
    with pytest.raises(ErplyError):
        erply.call(REDEEM, customerID=12345, points=1, description="only-in-the-log")
    assert "only-in-the-log" in json.dumps(account.log())
    files = [path for path in Path(account.sandbox.process.data).rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"only-in-the-log" in path.read_bytes()]
    assert customer(erply) == 1
