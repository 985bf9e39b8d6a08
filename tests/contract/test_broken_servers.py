"""Servers that are broken on purpose, each in one way, are found, and the report names the promise they break."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from contract.judging import Run, chosen, failed
from erply_points.contract import reporters, runner
from erply_points.contract.results import Outcome
from erply_points.contract.wire import Wire
from support.process import ServerProcess
from support.proxy import Answer, Change, Proxy, parts, records


def wrong_type(answer: Answer) -> None:
    """Points come as text, as loosely typed servers send them."""
    for record in records(answer, "getCustomerRewardPoints"):
        record["points"] = str(record["points"])


def wrong_code(answer: Answer) -> None:
    """Too few points are called a bad value."""
    for each in parts(answer):
        if each["status"]["errorCode"] == 1042:
            each["status"]["errorCode"] = 1016


def lost_order(answer: Answer) -> None:
    """The answers of a bulk come the other way round."""
    if "requests" in answer:
        answer["requests"].reverse()


def lost_order_with_ids_in_place(answer: Answer) -> None:
    """The answers of a bulk come the other way round, and pretend not to."""
    if "requests" in answer:
        statuses = [dict(each["status"]) for each in answer["requests"]]
        answer["requests"].reverse()
        for each, status in zip(answer["requests"], statuses, strict=True):
            each["status"] |= {name: status[name] for name in ("requestID", "requestName")}


def wrong_balance(answer: Answer) -> None:
    """What remains after a redemption is what was there before it."""
    for record in records(answer, "subtractCustomerRewardPoints"):
        record["remainingPoints"] += record["subtractedPoints"]


def stale_balance(answer: Answer) -> None:
    """The balance does not know of the last hundred points that were spent."""
    for record in records(answer, "getCustomerRewardPoints"):
        record["points"] += 100 if 0 < record["points"] < 500 else 0


def reused_ids(field: str, call: str) -> Callable[[], Change]:
    """Every new record has the ID of the first."""

    def made() -> Change:
        first: list[Any] = []

        def change(answer: Answer) -> None:
            for record in records(answer, call):
                first.append(record[field])
                record[field] = first[0]

        return change

    return made


def forgotten_redemption(answer: Answer) -> None:
    """Redemptions are made, but never listed."""
    for each in parts(answer):
        if each["status"].get("requestName", each["status"].get("request")) == "getUsedRewardPointRecords":
            each["records"] = []
            each["status"] |= {"recordsTotal": 0, "recordsInResponse": 0}


def texts_for_ids(answer: Answer) -> None:
    """A requestID comes back as text, whatever it was."""
    for each in answer.get("requests", ()):
        if each["status"]["requestID"] is not None:
            each["status"]["requestID"] = str(each["status"]["requestID"])


def uncounted(answer: Answer) -> None:
    """A listing counts only what is on its page."""
    for each in parts(answer):
        if "recordsTotal" in each["status"]:
            each["status"]["recordsTotal"] = each["status"]["recordsInResponse"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda: wrong_type, "new-customer-has-no-points"),
        (lambda: wrong_code, "too-few-points"),
        (lambda: lost_order, "bulk-call"),
        (lambda: wrong_balance, "redemption-takes-from-the-balance"),
        (reused_ids("transactionID", "subtractCustomerRewardPoints"), "transactions-have-their-own-numbers"),
    ],
    ids=["wrong type", "wrong code", "lost order", "wrong balance", "reused ID"],
)
def test_a_broken_server_is_found(server: ServerProcess, run: Run, change: Callable[[], Change], named: str) -> None:
    """Of all cases, the one that states the broken promise is among those that fail, and others pass."""
    with Proxy(server.url, change()) as proxy:
        report = run(proxy.url)
    assert named in failed(report)
    assert not report.good
    assert len(report.of(Outcome.PASSED)) >= 15


@pytest.mark.parametrize(
    ("change", "group", "named"),
    [
        (lambda: lost_order_with_ids_in_place, "Points", "answers-belong-to-their-sub-requests"),
        (lambda: stale_balance, "Points", "balance-is-what-is-left-of-earnings"),
        (lambda: forgotten_redemption, "Points", "redemption-is-listed"),
        (reused_ids("paymentID", "savePayment"), "Payments", "payments-have-their-own-numbers"),
        (lambda: texts_for_ids, "Envelope", "request-id-keeps-its-type"),
        (lambda: uncounted, "Customers", "customer-pages"),
    ],
    ids=[
        "lost order in disguise",
        "stale balance",
        "forgotten redemption",
        "reused payment",
        "texts for IDs",
        "uncounted",
    ],
)
def test_subtler_faults_are_found(
    server: ServerProcess, run: Run, change: Callable[[], Change], group: str, named: str
) -> None:
    """Faults that a client may not notice for days fail the case that is about them."""
    with Proxy(server.url, change()) as proxy:
        assert named in failed(run(proxy.url, only=group))


def test_a_finding_points_at_the_place(server: ServerProcess, run: Run) -> None:
    """A failure says in which step, at which path of the answer, what was expected and what came."""
    with Proxy(server.url, wrong_type) as proxy:
        report = run(proxy.url, only="Points")
    (result,) = (each for each in report.results if each.case.name == "new-customer-has-no-points")
    (finding,) = result.findings
    assert finding.sentence == 'bulk: requests[0].records[0].points: expected type integer or number, came "0"'
    table = reporters.to_junit(report)
    assert "requests[0].records[0].points" in table
    assert json.loads(reporters.to_json(report))["good"] is False


def answering(answer: Callable[[dict[str, str]], Any]) -> httpx.MockTransport:
    """A server that says yes to every log-in, and else what `answer` says to the form it got."""

    def handle(request: httpx.Request) -> httpx.Response:
        form = dict(httpx.QueryParams(request.content.decode(errors="replace") or request.url.query.decode()))
        if form.get("request") == "verifyUser":
            status = ok("verifyUser", 1)
            return httpx.Response(200, json={"status": status, "records": [{"sessionKey": "key-of-nobody"}]})
        return httpx.Response(200, json=answer(form))

    return httpx.MockTransport(handle)


def ok(call: str, count: int = 0) -> dict[str, Any]:
    """The status of a call that went well."""
    counts = {"recordsTotal": count, "recordsInResponse": count}
    status = {"requestUnixTime": 1767225600, "responseStatus": "ok", "errorCode": 0, "generationTime": 0.001}
    return {"request": call, **status, **counts}


def yes(form: dict[str, str]) -> dict[str, Any]:
    """All goes well and nothing comes of it."""
    if "requests" not in form:
        return {"status": ok(form.get("request", "")), "records": []}
    status = {
        name: value for name, value in ok("").items() if name not in {"request", "recordsTotal", "recordsInResponse"}
    }
    try:
        requests = json.loads(form["requests"])
    except ValueError:
        requests = []
    answers = []
    for each in [each for each in requests if isinstance(each, dict)]:
        sub_status = {**ok(""), "requestName": each["requestName"], "requestID": each.get("requestID")}
        answers.append({"status": sub_status, "records": []})
    return {"status": status, "requests": answers}


def no(form: dict[str, str]) -> dict[str, Any]:
    """Everything fails for reasons of the server's own."""
    status = ok(form.get("request", "")) | {"responseStatus": "error", "errorCode": 1000, "errorField": None}
    return {"status": status, "records": None}


@pytest.mark.parametrize("answer", [yes, no])
def test_no_case_passes_whatever_comes(answer: Callable[[dict[str, str]], Any]) -> None:
    """A server that says yes to all, or no, passes no case but those that ask for next to nothing."""
    wire = Wire("http://erply.test", "a1", "till", "secret", transport=answering(answer))
    report = runner.run(chosen(), wire, runner.Plan(allow_writes=True, extensions=True), lambda *_: None)
    wire.close()
    passed = {result.case.name for result in report.of(Outcome.PASSED)}
    nothing_to_see = {
        "listing-of-nothing",
        "page-size-limit",
        "without-identity-token",
        "numbers-as-text",
        "empty-bulk",
    }
    assert passed <= (nothing_to_see if answer is yes else set())
    assert len(report.of(Outcome.FAILED)) >= 50


def test_reports_hold_no_secret(server: ServerProcess, run: Run, tmp_path: Path) -> None:
    """Neither the password nor a session key stands in any report, even where an answer is quoted that holds it."""

    def leak(answer: Answer) -> None:
        for record in records(answer, "verifyUser", "getConfParameters"):
            record["country"] = ["till", "secret", record.get("sessionKey", "")]
            record["employeeID"] = {"token": "token-of-till", "sessionKey": record.get("sessionKey")}

    with Proxy(server.url, leak) as proxy:
        report = run(proxy.url, writes=False)
    assert {"log-in", "single-call"} <= failed(report)
    path = tmp_path / "table.txt"
    with path.open("w", encoding="utf-8") as file:
        reporters.print_report(report, Console(file=file, width=200))
    texts = [reporters.to_json(report), reporters.to_junit(report), path.read_text("utf-8")]
    assert len(proxy.keys) >= 5
    for text in texts:
        assert "***" in text
        assert [secret for secret in ("secret", "token-of-till", *proxy.keys) if secret in text] == []
