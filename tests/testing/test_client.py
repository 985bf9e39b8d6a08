"""The client that tests get: what it sends, and what it makes of answers that are none."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from erply_points import schemas
from erply_points.testing import AnswerLost, ErplyError, InvalidAnswer
from erply_points.testing.client import Erply

STATUS = {
    "request": "getCustomerRewardPoints",
    "requestUnixTime": 1,
    "responseStatus": "ok",
    "errorCode": 0,
    "generationTime": 0.1,
    "recordsTotal": 1,
    "recordsInResponse": 1,
}
GOOD = {"status": STATUS, "records": [{"points": 5}]}
FAILED = {"responseStatus": "error", "errorCode": 1011, "errorField": "customerID", "errorMessage": "Unknown."}

Answering = Callable[[httpx.Request], httpx.Response]
Client = Callable[[Answering], Erply]


@pytest.fixture
def client() -> Iterator[Client]:
    """Makes a client whose server is a function."""
    opened: list[httpx.Client] = []

    def made(answering: Answering) -> Erply:
        opened.append(httpx.Client(base_url="http://erply.test", transport=httpx.MockTransport(answering)))
        return Erply(opened[-1], "101010", "key")

    yield made
    for each in opened:
        each.close()


def answer(body: Any) -> Answering:
    return lambda _: httpx.Response(200, json=body)


def test_what_is_sent(client: Client) -> None:
    """Account and session go along unless the call says otherwise; lists and objects travel as JSON in their field."""
    sent: list[dict[str, list[str]]] = []

    def keep(request: httpx.Request) -> httpx.Response:
        sent.append(parse_qs(request.content.decode(), keep_blank_values=True, strict_parsing=True))
        return httpx.Response(200, json=GOOD)

    erply = client(keep)
    assert erply.call("getCustomerRewardPoints", customerID=5, note="äõ & =", empty="") == [{"points": 5}]
    erply.call("getCustomerRewardPoints", customerID=5, sessionKey="other", attributes=[{"a": 1}], price=1.5)
    common = {"clientCode": ["101010"], "request": ["getCustomerRewardPoints"], "customerID": ["5"]}
    assert sent[0] == {**common, "sessionKey": ["key"], "note": ["äõ & ="], "empty": [""]}
    assert sent[1] == {**common, "sessionKey": ["other"], "attributes": ['[{"a": 1}]'], "price": ["1.5"]}


def test_an_error_is_typed(client: Client) -> None:
    """An error carries call, code, field and message, and the whole answer."""
    failed = {"status": {**STATUS, **FAILED, "recordsInResponse": 0}, "records": None}
    with pytest.raises(ErplyError) as raised:
        client(answer(failed)).call("getCustomerRewardPoints", customerID=5)
    error = raised.value
    assert (error.call, error.code, error.field, error.message) == (
        *("getCustomerRewardPoints", 1011, "customerID", "Unknown."),
    )
    assert str(error) == "getCustomerRewardPoints: 1011 (customerID) Unknown."
    assert error.answer == failed


def test_every_answer_is_held_against_the_schemas(client: Client) -> None:
    """A field that is missing or of another type, in a single call or in a bulk, is noticed and named."""
    wrong = copy.deepcopy(GOOD)
    wrong["records"] = [{"points": "5"}]
    with pytest.raises(InvalidAnswer, match=r"\$\.records\[0\]\.points.*'5' is not of type 'integer'"):
        client(answer(wrong)).call("getCustomerRewardPoints", customerID=5)
    bulk = schemas.by_name()["bulk"]["answer"]["examples"][0]
    requests = [{"requestName": each["status"]["requestName"]} for each in bulk["requests"]]
    assert client(answer(bulk)).bulk(requests) == bulk
    broken = copy.deepcopy(bulk)
    del broken["requests"][0]["status"]["errorCode"]
    with pytest.raises(InvalidAnswer, match="'errorCode' is a required property"):
        client(answer(broken)).bulk(requests)


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(502, text="Bad gateway"),
        httpx.Response(413, json=GOOD),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
    ],
)
def test_what_is_no_answer(client: Client, response: httpx.Response) -> None:
    """Another HTTP status, no JSON, or JSON of another shape is an invalid answer."""
    with pytest.raises(InvalidAnswer):
        client(lambda _: response).call("getCustomerRewardPoints", customerID=5)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout])
def test_an_answer_that_does_not_come(client: Client, error: type[httpx.TransportError]) -> None:
    """Whatever the connection died of, the answer is lost: a ConnectionError that says why."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise error("gone")

    with pytest.raises(AnswerLost, match="gone") as lost:
        client(fail).call("getCustomers")
    assert isinstance(lost.value, ConnectionError)


def test_trimmed_records_are_not_whole(client: Client) -> None:
    """With getFields the records are what was asked for, and are not held against the schema of whole ones."""
    trimmed = json.loads(json.dumps(GOOD))
    trimmed["records"] = [{}]
    assert client(answer(trimmed)).call("getCustomerRewardPoints", customerID=5, getFields="other") == [{}]
