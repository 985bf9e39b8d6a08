"""How a run goes on when the server, the session or the user does not."""

import json
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from contract.judging import folder
from erply_points.contract import cases, reporters, runner
from erply_points.contract.cases import Case
from erply_points.contract.cleanup import LeftBehind, Made
from erply_points.contract.results import Outcome, Report, Result
from erply_points.contract.wire import LoginRefused, Secrets, Wire

Form = dict[str, str]


def status(form: Form, code: int = 0, count: int = 0) -> dict[str, Any]:
    outcome = {"responseStatus": "error", "errorField": None} if code else {"responseStatus": "ok"}
    counts = {"generationTime": 0.1, "recordsTotal": count, "recordsInResponse": count}
    return {"request": form.get("request", ""), "requestUnixTime": 1, "errorCode": code, **outcome, **counts}


def failing(form: Form, code: int) -> httpx.Response:
    return httpx.Response(200, json={"status": status(form, code), "records": None})


def listing(form: Form, *records: Any) -> httpx.Response:
    return httpx.Response(200, json={"status": status(form, 0, len(records)), "records": list(records)})


class Scripted:
    """A server that is played by a function; it gives out the keys key-0001, key-0002 and so on."""

    def __init__(self, answer: Callable[[Form], httpx.Response]) -> None:
        self.forms: list[Form] = []
        self._answer = answer
        self._keys = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        form = dict(httpx.QueryParams(request.content.decode()))
        self.forms.append(form)
        if form.get("request") == "verifyUser":
            self._keys += 1
            return listing(form, {"sessionKey": f"key-{self._keys:04}"})
        return self._answer(form)

    @property
    def asked(self) -> list[str]:
        return [form.get("request", "bulk") for form in self.forms]


def play(server: Scripted, loaded: list[Case], *, watch: Callable[..., None] = lambda *_: None, **plan: Any) -> Report:
    wire = Wire("http://erply.test", "a1", "till", "secret", transport=httpx.MockTransport(server))
    try:
        return runner.run(loaded, wire, runner.Plan(**plan), watch)
    finally:
        wire.close()


def own(tmp_path: Path, text: str) -> list[Case]:
    """The cases of a file; each `case NAME` line begins one whose step follows."""
    text = "".join(
        f'[[case]]\nname = "{line.split()[1]}"\npromises = "It works."\nbasis = "documented"\n[[case.step]]\n'
        if line.startswith("case ")
        else f"{line}\n"
        for line in text.splitlines()
    )
    names = {case.name for case in cases.load()}
    return [case for case in cases.load(folder(tmp_path, 'title = "Own"\n' + text)) if case.name not in names]


TWO = 'case one\ncall = "getVatRates"\ncase two\ncall = "getVatRates"\n'


def test_an_ended_session_is_renewed(tmp_path: Path) -> None:
    """1054 leads to a new log-in, and the same request goes out again with the new key."""

    def answer(form: Form) -> httpx.Response:
        return failing(form, 1054) if form["sessionKey"] == "key-0001" else listing(form)

    server = Scripted(answer)
    report = play(server, own(tmp_path, TWO), extensions=False)
    assert report.counts["passed"] == 2
    assert server.asked == ["verifyUser", "getVatRates", "verifyUser", "getVatRates", "getVatRates"]
    assert server.forms[-1]["sessionKey"] == "key-0002"


def test_a_case_about_ended_sessions_sees_them(tmp_path: Path) -> None:
    """A key that a case sends itself is not renewed behind its back."""
    text = 'case one\ncall = "getVatRates"\ntop = { sessionKey = "old" }\nexpect = { error = 1054 }'
    server = Scripted(lambda form: failing(form, 1054))
    assert play(server, own(tmp_path, text), extensions=False).counts["passed"] == 1
    assert server.asked == ["verifyUser", "getVatRates"]


def test_a_session_that_cannot_be_renewed_ends_the_run(tmp_path: Path) -> None:
    """If the second log-in is refused, the rest is not checked."""

    def answer(request: httpx.Request) -> httpx.Response:
        form = dict(httpx.QueryParams(request.content.decode()))
        if form["request"] == "verifyUser" and not logins:
            logins.append(form)
            return listing(form, {"sessionKey": "key-0001"})
        return failing(form, 1051 if form["request"] == "verifyUser" else 1054)

    logins: list[Form] = []
    wire = Wire("http://erply.test", "a1", "till", "secret", transport=httpx.MockTransport(answer))
    report = runner.run(own(tmp_path, TWO), wire, runner.Plan(extensions=False), lambda *_: None)
    wire.close()
    assert report.counts == {"passed": 0, "failed": 0, "not checked": 2}
    (reason,) = report.reasons
    assert reason.startswith("the session has ended and there is no new one: verifyUser: error 1051.")


def test_a_used_up_quota_ends_the_run(tmp_path: Path) -> None:
    """1002 says nothing of the protocol: nothing failed, the rest is not checked and not sent."""
    server = Scripted(lambda form: failing(form, 1002))
    report = play(server, own(tmp_path, TWO), extensions=False)
    assert report.reasons == {"the account's hourly quota is used up (1002)": 2}
    assert server.asked == ["verifyUser", "getVatRates"]


@pytest.mark.parametrize(
    ("response", "came"),
    [
        (httpx.Response(403), "HTTP status 403"),
        (httpx.Response(302, headers={"location": "http://erply.test/"}), "HTTP status 302"),
        (httpx.Response(200, text="<html>"), "a body that is no JSON"),
        (httpx.Response(200, text=""), "a body that is no JSON"),
        (httpx.Response(200, text='{"points": NaN}'), "a body that is no JSON"),
        (httpx.Response(200, text="[" * 100_000), "a body that is no JSON"),
        (httpx.Response(200, text="[]"), "JSON that is no object"),
    ],
)
def test_what_is_no_answer_fails(tmp_path: Path, response: httpx.Response, came: str) -> None:
    """Every outcome of the API is HTTP 200 with a JSON object; anything else is a failure, said plainly."""
    report = play(Scripted(lambda _: response), own(tmp_path, TWO), extensions=False)
    sentence = f"getVatRates: expected an answer in JSON with HTTP status 200, came {came}"
    assert [[each.sentence for each in result.findings] for result in report.results] == [[sentence], [sentence]]


@pytest.mark.parametrize(
    "answer", [{}, {"status": None}, {"status": {}}, {"status": {"errorCode": 0}}, {"records": []}]
)
def test_what_has_no_status_fails(tmp_path: Path, answer: Any) -> None:
    """An answer without a whole status is a failure, and not an error of the kit."""
    report = play(Scripted(lambda _: httpx.Response(200, json=answer)), own(tmp_path, TWO), extensions=False)
    assert report.counts["failed"] == 2
    assert all(finding.path.startswith("status") for result in report.results for finding in result.findings)


def test_a_silent_server_ends_the_run(tmp_path: Path) -> None:
    """After three requests without an answer no more are sent."""

    def answer(_: Form) -> httpx.Response:
        raise httpx.ReadTimeout("timed out")

    server = Scripted(answer)
    text = "".join(f'case one{number}\ncall = "getVatRates"\n' for number in range(5))
    report = play(server, own(tmp_path, text), extensions=False)
    assert report.counts == {"passed": 0, "failed": 3, "not checked": 2}
    assert report.reasons == {"the server gave no answer 3 times in a row": 2}


def test_a_lost_answer_to_a_write_is_told(tmp_path: Path) -> None:
    """What may have been made without the kit knowing is listed with what is left behind."""
    text = 'case one\ncall = "saveCustomer"\nwith = { lastName = "Kit" }'
    server = Scripted(lambda _: httpx.Response(502))
    report = play(server, own(tmp_path, text), extensions=False, allow_writes=True)
    assert report.left_behind == ["saveCustomer got no answer: what it has made, if anything, is not known"]


def test_what_an_unsound_answer_made_is_removed_too(tmp_path: Path) -> None:
    """A case that fails for its answer's shape still leaves nothing behind."""
    text = 'case one\ncall = "saveCustomer"\nwith = { lastName = "Kit" }'
    server = Scripted(lambda form: listing(form, {"customerID": "5"}))
    report = play(server, own(tmp_path, text), extensions=False, allow_writes=True)
    assert report.counts["failed"] == 1
    (removals,) = [json.loads(form["requests"]) for form in server.forms if "requests" in form]
    assert [(each["requestName"], each["customerID"]) for each in removals] == [("deleteCustomer", "5")]


def test_an_interrupted_run_reports_and_cleans_up(tmp_path: Path) -> None:
    """Ctrl-C ends the cases; what was made is taken away, and the rest is not checked."""

    def watch(case: Case, result: Result | None) -> None:
        if case.name == "two" and result is None:
            raise KeyboardInterrupt

    server = Scripted(lambda form: listing(form, {"customerID": 5, "alreadyExists": False}))
    text = 'case one\ncall = "saveCustomer"\nwith = { lastName = "Kit" }\ncase two\ncall = "getVatRates"'
    report = play(server, own(tmp_path, text), watch=watch, extensions=False, allow_writes=True)
    assert report.reasons == {"the run was interrupted": 1}
    (removals,) = [json.loads(form["requests"]) for form in server.forms if "requests" in form]
    assert [(each["requestName"], each["customerID"]) for each in removals] == [("deleteCustomer", 5)]
    assert report.left_behind == ["customerID 5: deleteCustomer answered nothing"]


def test_what_cases_begin_with_fails_once(tmp_path: Path) -> None:
    """The first case that cannot begin fails; the others are not checked and point at it."""
    server = Scripted(lambda form: failing(form, 1000))
    text = TWO.replace("[[case.step]]", "")
    loaded = own(tmp_path, text)
    given = next(case.given for case in cases.load() if case.name == "redemption-is-listed")
    report = play(
        server,
        [Case(each.name, "Own", each.promises, "documented", given, each.steps, ()) for each in loaded],
        extensions=False,
        allow_writes=True,
    )
    assert [result.outcome for result in report.results] == [Outcome.FAILED, Outcome.NOT_CHECKED]
    assert report.reasons == {"what it begins with, customer, failed in case one": 1}
    assert report.results[0].steps_left == 2


def test_what_the_account_lacks_must_be_soundly_said(tmp_path: Path) -> None:
    """An empty listing may mean that the account has none; an answer of the wrong shape is a failure there too."""
    text = 'case one\ncall = "getVatRates"\nlacks = "a tax rate"\nexpect = { has = ["id"] }'
    empty = play(Scripted(listing), own(tmp_path, text), extensions=False)
    assert empty.reasons == {"the account lacks a tax rate": 1}
    wrong = play(Scripted(lambda form: listing(form, {"id": 1})), own(tmp_path, text), extensions=False)
    assert [each.sentence for each in wrong.results[0].findings] == [
        "getVatRates: records[0].id: expected type string, came 1"
    ]


def test_a_log_in_without_a_key_is_refused() -> None:
    """A server that says ok and gives no key cannot be talked to."""
    wire = Wire("http://erply.test", "a1", "till", "secret", transport=httpx.MockTransport(lambda _: listing({})))
    with pytest.raises(LoginRefused, match=r"no records\[0\]\.sessionKey"):
        wire.log_in()
    wire.close()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://101010.erply.com", "https://101010.erply.com/api/"),
        ("https://101010.erply.com/", "https://101010.erply.com/api/"),
        ("https://101010.erply.com/api", "https://101010.erply.com/api/"),
        ("http://shop.test/erply/api/?x=1", "http://shop.test/erply/api/"),
        ("https://me:hidden@shop.test/api/", "https://shop.test/api/"),
    ],
)
def test_the_address_of_the_api(url: str, address: str) -> None:
    """The path of the API is added where it is missing, and what a URL holds of a user is never shown."""
    wire = Wire(url, "a1", "till", "secret")
    assert wire.shown_url == address
    assert wire.secrets.hide("me:hidden") == ("me:***" if "hidden" in url else "me:hidden")
    wire.close()


@pytest.mark.parametrize(
    ("send", "slash", "method", "place", "media_type"),
    [
        ("form", True, "POST", "body", "application/x-www-form-urlencoded"),
        ("query", True, "POST", "query", ""),
        ("get", False, "GET", "query", ""),
        ("multipart", True, "POST", "body", "multipart/form-data"),
        ("json", False, "POST", "body", "application/json"),
    ],
)
def test_ways_to_send(send: str, slash: bool, method: str, place: str, media_type: str) -> None:
    """Parameters stand where the case says, and the address ends as it says."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return listing({})

    wire = Wire("http://erply.test", "a1", "till", "secret", transport=httpx.MockTransport(answer))
    wire.send({"request": "getVatRates", "customerID": 5, "requests": [{"a": 1}]}, send, slash=slash)
    wire.close()
    (request,) = seen
    query, body = request.url.query.decode(), request.read().decode()
    assert (request.method, request.url.path) == (method, "/api/" if slash else "/api")
    assert ("getVatRates" in query, "getVatRates" in body) == (place == "query", place == "body")
    assert request.headers.get("content-type", "").partition(";")[0] == media_type
    if send == "json":
        assert json.loads(body) == {"request": "getVatRates", "customerID": 5, "requests": [{"a": 1}]}


def test_a_pause_before_each_request() -> None:
    """Requests keep their distance."""
    answer = httpx.MockTransport(lambda _: listing({}))
    wire = Wire("http://erply.test", "a1", "till", "secret", pause_seconds=0.05, transport=answer)
    started = time.monotonic()
    for _ in range(4):
        wire.send({})
    wire.close()
    assert time.monotonic() - started >= 0.2


def test_secrets_are_hidden_however_they_are_written() -> None:
    """As they are, in a query, in JSON; the longer one first."""
    secrets = Secrets('pass "word"&ä', "pass")
    secrets.learn({"records": [{"sessionKey": "0123456789abcdef", "token": "0", "name": "Mari"}]})
    hidden = secrets.hide(
        'a pass "word"&ä b pass%20%22word%22%26%C3%A4 c pass+%22word%22%26%C3%A4 d pass \\"word\\"&\\u00e4'
    )
    assert hidden == "a *** b *** c *** d ***"
    assert secrets.hide("0123456789abcdef, 0 and Mari") == "***, 0 and Mari"


def made(call: str, params: dict[str, Any], record: dict[str, Any]) -> list[list[dict[str, Any]]]:
    noted = Made()
    noted.note(call, params, answered(call, record), "17")
    return noted.removals()


def answered(call: str, *records: Any, code: int = 0) -> dict[str, Any]:
    return {"status": {"requestName": call, "errorCode": code}, "records": list(records)}


def test_what_was_there_before_is_not_removed() -> None:
    """Edits, customers who existed, other people's gift cards and what failed are left alone."""
    assert made("saveCustomer", {"customerID": 5}, {"customerID": 5}) == []
    assert made("saveCustomer", {}, {"customerID": 5, "alreadyExists": True}) == []
    assert made("saveSalesDocument", {"id": 5}, {"invoiceID": "5"}) == []
    assert made("saveGiftCard", {"code": "GIFT"}, {"giftCardID": 5}) == []
    assert made("saveGiftCard", {"code": "KIT17"}, {"giftCardID": 0}) == []
    assert made("saveVatRate", {}, {"vatRateID": 5}) == []
    noted = Made()
    noted.note("saveCustomer", {}, answered("saveCustomer", {"customerID": 5}, code=1010), "17")
    noted.note("saveCustomer", {}, answered("subtractCustomerRewardPoints", {"customerID": 5}), "17")
    for junk in ({}, {"status": None}, {"records": 5}, answered("saveCustomer"), answered("saveCustomer", "x")):
        noted.note("saveCustomer", {}, junk, "17")
    assert noted.removals() == []


def test_the_last_made_goes_first_in_bulks() -> None:
    """What refers to others is taken away before them, a hundred at a time, and each once."""
    noted = Made()
    for number in [*range(1, 121), 7]:
        noted.note("saveCustomer", {}, answered("saveCustomer", {"customerID": number}), "17")
    noted.note("saveGiftCard", {"code": "KIT17"}, answered("saveGiftCard", {"giftCardID": 3}), "17")
    first, second = noted.removals()
    assert (len(first), len(second)) == (100, 21)
    assert (first[0]["requestName"], first[0]["balance"], first[1]["customerID"]) == ("saveGiftCard", 0, 120)
    assert second[-1]["customerID"] == 1


def test_what_is_left_is_told_by_reason() -> None:
    """Gone is gone, whoever did it; the rest is listed with the code."""
    bulk = [{"requestName": "deleteCustomer", "customerID": number} for number in range(1, 6)]
    bulk.append({"requestName": "saveGiftCard", "giftCardID": 3})
    left = LeftBehind()
    left.take(bulk, [{"status": {"errorCode": code}} for code in (0, 1011, 1022, 1022)])
    left.take(bulk[5:], [{"status": {"errorCode": 0}}])
    assert left.sentences == [
        "customerID 3, 4: deleteCustomer answered error 1022",
        "customerID 5: deleteCustomer answered nothing",
        "giftCardID 3: saveGiftCard answered nothing",
        "giftCardID 3: no call deletes it, saveGiftCard has made it harmless",
    ]


def test_reports_stay_readable_whatever_comes(tmp_path: Path) -> None:
    """Control characters and markup of an answer break neither XML nor JSON nor the table."""
    text = 'case one\ncall = "getVatRates"'
    answer = {"id": "1", "name": 5, "code": ["\x00\x1b[31m", "[bold]<&>\ufffe"]}
    report = play(Scripted(lambda form: listing(form, answer)), own(tmp_path, text), extensions=False)
    assert len(report.results[0].findings) == 2
    root = ET.fromstring(reporters.to_junit(report))  # noqa: S314 - written by ourselves
    (failure,) = root.iter("failure")
    assert "records[0].code" in (failure.text or "")
    assert json.loads(reporters.to_json(report))["cases"][0]["findings"][0]["step"] == "getVatRates"
    path = tmp_path / "table.txt"
    with path.open("w", encoding="utf-8") as file:
        reporters.print_report(report, Console(file=file, width=200))
    assert "[bold]<&>" in path.read_text("utf-8")
    assert "\x1b" not in path.read_text("utf-8")
