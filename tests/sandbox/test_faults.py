"""Planned failures: each kind on the real wire, what they hit, and what is left behind."""

import http.client
import json
import socket
import time
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from erply_points.testing import AnswerLost, ErplyError, SandboxError
from erply_points.testing.client import Erply
from erply_points.testing.sandbox import ErplyFaults, ErplyServer, Sandbox
from sandbox.shop import REDEEM, balance, codes, customer


@pytest.mark.parametrize("kind", ["drop_after", "cut"])
def test_a_lost_answer_is_asked_for_again(erply: Erply, faults: ErplyFaults, kind: str) -> None:
    """Where the answer is lost after the commit, a retry under the same key gets it, and the points leave once."""
    owner = customer(erply, points=100)
    getattr(faults, kind)(REDEEM)
    redemption = {"customerID": owner, "points": 30, "idempotencyKey": "receipt-1"}
    with pytest.raises(AnswerLost):
        erply.call(REDEEM, **redemption)
    assert balance(erply, owner) == 70
    assert erply.call(REDEEM, **redemption)[0]["remainingPoints"] == 70
    assert balance(erply, owner) == 70
    assert len(erply.call("getUsedRewardPointRecords", customerID=owner)) == 1


def test_without_a_key_the_points_leave_twice(erply: Erply, faults: ErplyFaults) -> None:
    """A program that retries without a key is found out: it has subtracted twice."""
    owner = customer(erply, points=100)
    faults.drop_after(REDEEM)
    with pytest.raises(AnswerLost):
        erply.call(REDEEM, customerID=owner, points=30)
    erply.call(REDEEM, customerID=owner, points=30)
    assert balance(erply, owner) == 40


def test_dropped_before_it_is_run(erply: Erply, faults: ErplyFaults) -> None:
    """Where the connection ends before the commit, nothing has happened."""
    owner = customer(erply, points=100)
    faults.drop_before(REDEEM, count=2)
    for _ in range(2):
        with pytest.raises(AnswerLost):
            erply.call(REDEEM, customerID=owner, points=30)
    assert balance(erply, owner) == 100
    erply.call(REDEEM, customerID=owner, points=30)
    assert balance(erply, owner) == 70


def test_what_the_wire_shows(account: ErplyServer, faults: ErplyFaults) -> None:
    """Dropped, not a byte comes back; cut, the length is the whole answer's and half of it comes; others live on."""
    form = urlencode({"clientCode": account.client_code, "sessionKey": account.session_key, "request": "getVatRates"})
    headers = {"content-type": "application/x-www-form-urlencoded"}

    def connected() -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(account.url).netloc, timeout=10)

    bystander = connected()
    for drop in (faults.drop_before, faults.drop_after):
        drop()
        connection = connected()
        connection.request("POST", "/api/", form, headers)
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()
        connection.close()
    faults.cut()
    connection = connected()
    connection.request("POST", "/api/", form, headers)
    response = connection.getresponse()
    length = int(response.headers["content-length"])
    with pytest.raises(http.client.IncompleteRead) as cut:
        response.read()
    assert len(cut.value.partial) == length // 2
    assert cut.value.partial.startswith(b'{"status":{"request":"getVatRates"')
    connection.close()
    for _ in range(2):
        bystander.request("POST", "/api/", form, headers)
        assert len(json.loads(bystander.getresponse().read())["records"]) == 1
    bystander.close()


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "cut"])
def test_requests_sent_ahead_go_down_with_the_connection(
    account: ErplyServer, erply: Erply, faults: ErplyFaults, kind: str
) -> None:
    """Where several requests were sent on one connection at once, those behind a dropped one are not carried out."""
    owner = customer(erply, points=100)
    session = {"clientCode": account.client_code, "sessionKey": account.session_key}
    redeem = urlencode({**session, "request": REDEEM, "customerID": owner, "points": 1})
    look = urlencode({**session, "request": "getVatRates"})
    address = urlsplit(account.url)
    getattr(faults, kind)("getVatRates")
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"".join(get(form) for form in (look, redeem, redeem)))
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert received.count(b"HTTP/1.1 200 OK") == (1 if kind == "cut" else 0)
    assert balance(erply, owner) == 100


def get(query: str) -> bytes:
    """A request as it stands on the wire."""
    return f"GET /api/?{query} HTTP/1.1\r\nHost: erply.test\r\n\r\n".encode()


def test_a_delay(erply: Erply, faults: ErplyFaults) -> None:
    """A delayed request waits and is then answered as any other; the next is not delayed."""
    faults.delay(0.3, "getCustomers")
    started = time.monotonic()
    assert erply.call("getVatRates")
    assert time.monotonic() - started < 0.3
    assert erply.call("getCustomers") == []
    assert time.monotonic() - started >= 0.3
    started = time.monotonic()
    assert erply.call("getCustomers") == []
    assert time.monotonic() - started < 0.3


def test_a_program_that_gives_up_waiting(account: ErplyServer, erply: Erply, faults: ErplyFaults) -> None:
    """A request whose sender has lost patience is carried out all the same, as a real server would."""
    owner = customer(erply, points=100)
    faults.delay(0.3)
    form = {"clientCode": account.client_code, "sessionKey": account.session_key, "request": REDEEM}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(account.api_url, data={**form, "customerID": owner, "points": 30}, timeout=0.1, trust_env=False)
    until = time.monotonic() + 10
    while balance(erply, owner) == 100 and time.monotonic() < until:
        time.sleep(0.02)
    assert balance(erply, owner) == 70


def test_an_error_of_the_whole_request(erply: Erply, faults: ErplyFaults) -> None:
    """Without a call, the code is that of the request as a whole, single or bulk, and nothing of it is run."""
    owner = customer(erply, points=100)
    faults.error(1002, field="clientCode", message="The hourly limit is used up.", count=2)
    with pytest.raises(ErplyError) as refused:
        erply.call(REDEEM, customerID=owner, points=30)
    assert (refused.value.code, refused.value.field) == (1002, "clientCode")
    assert refused.value.message == "The hourly limit is used up."
    with pytest.raises(ErplyError) as refused:
        erply.bulk([{"requestName": REDEEM, "customerID": owner, "points": 30}])
    assert refused.value.call == ""
    assert "requests" not in refused.value.answer
    assert balance(erply, owner) == 100


def test_an_error_of_one_call(erply: Erply, faults: ErplyFaults) -> None:
    """With a call, its first sub-request alone is answered with the code, and the others see that it was not run."""
    owner = customer(erply, points=100)
    faults.error(1005, REDEEM)
    redeem = {"requestName": REDEEM, "customerID": owner, "points": 30}
    answer = erply.bulk([redeem, redeem, {"requestName": "getCustomerRewardPoints", "customerID": owner}])
    assert codes(answer) == [1005, 0, 0]
    assert answer["requests"][0]["status"]["errorMessage"].endswith("nothing of it was run.")
    assert answer["requests"][2]["records"] == [{"points": 70}]
    faults.error(1000, "verifyUser")
    with pytest.raises(ErplyError) as refused:
        erply.call("verifyUser", username="till", password="secret")
    assert (refused.value.call, refused.value.code, refused.value.field) == ("verifyUser", 1000, None)


def test_what_depends_on_a_planned_error(account: ErplyServer, erply: Erply, faults: ErplyFaults) -> None:
    """A failed invoice fails as a real one: what refers to it goes the account's way; an atomic bulk keeps nothing."""
    account.set(failed_invoice="refuse")
    owner = customer(erply, points=100)
    sale = {"requestName": "saveSalesDocument", "type": "CASHINVOICE", "customerID": owner, "amount1": 1, "price1": 10}
    redeem = {"requestName": REDEEM, "customerID": owner, "points": 30, "invoiceID": "CURRENT_INVOICE_ID"}
    faults.error(1002, "saveSalesDocument")
    assert codes(erply.bulk([sale, redeem])) == [1002, 1157]
    faults.error(1002, REDEEM)
    with pytest.raises(ErplyError) as refused:
        erply.bulk([sale, redeem], atomic=1)
    assert refused.value.code == 9001
    assert codes(refused.value.answer) == [9001, 1002]
    assert erply.call("getSalesDocuments") == []
    named = {"requestName": "getCustomerRewardPoints", "requestID": "b", "customerID": "{{a.customerID}}"}
    faults.error(1002, "getCustomerRewardPoints")
    answer = erply.bulk([{"requestName": "getCustomers", "requestID": "a"}, named], references=1)
    assert codes(answer) == [0, 1002]


def test_faults_wait_their_turn(account: ErplyServer, erply: Erply, faults: ErplyFaults) -> None:
    """A request is hit by the oldest fault that fits it, one at a time, any of its sub-requests counts; others wait."""
    neighbour = account.new_account().client()
    faults.error(1001, "getProducts", count=2)
    faults.error(1002)
    faults.error(1003)
    assert [(each["code"], each["count"]) for each in faults.waiting()] == [(1001, 2), (1002, 1), (1003, 1)]
    assert neighbour.call("getProducts") == []
    answer = erply.bulk([{"requestName": "getVatRates"}, {"requestName": "getProducts"}])
    assert codes(answer) == [0, 1001]
    hit = []
    for call in ("getVatRates", "getProducts", "getVatRates", "getProducts"):
        try:
            erply.call(call)
            hit.append(0)
        except ErplyError as error:
            hit.append(error.code)
    assert hit == [1002, 1001, 1003, 0]
    assert faults.waiting() == []
    faults.drop_before(count=5)
    faults.clear()
    assert erply.call("getProducts") == []


@pytest.mark.parametrize(
    ("fault", "field"),
    [
        ({}, None),
        ({"kind": "explode"}, "kind"),
        ({"kind": "error"}, None),
        ({"kind": "error", "code": 0}, "code"),
        ({"kind": "delay"}, None),
        ({"kind": "delay", "seconds": 61}, "seconds"),
        ({"kind": "cut", "count": 0}, "count"),
        ({"kind": "cut", "call": "getNothing"}, "call"),
        ({"kind": "cut", "calls": "getCustomers"}, None),
    ],
)
def test_a_fault_that_could_not_happen(
    account: ErplyServer, faults: ErplyFaults, fault: dict[str, object], field: str | None
) -> None:
    """What is no fault is refused with what is wrong, and nothing is planned."""
    with pytest.raises(SandboxError) as refused:
        account.control("POST", "/faults", fault)
    assert (refused.value.status, refused.value.field) == (400, field)
    assert refused.value.message.endswith(".")
    assert faults.waiting() == []


def test_nothing_of_it_looks_like_a_failure_of_the_server(sandbox: Sandbox, erply: Erply, faults: ErplyFaults) -> None:
    """A connection that is closed on purpose leaves no complaint in the server's log."""
    for fault in (faults.drop_before, faults.drop_after, faults.cut):
        fault()
        with pytest.raises(AnswerLost):
            erply.call("getCustomers")
    assert erply.call("getCustomers") == []
    assert not [line for line in sandbox.process.log if "ERROR" in line or "Traceback" in line]
