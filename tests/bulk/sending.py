"""Requests that the well-behaved client of `support` would not send, and answers looked at closely."""

import json
from typing import Any

import httpx

from support.client import Erply
from support.contract import check_answer

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
CONTENT_TYPE = "application/json; charset=UTF-8"

Answer = dict[str, Any]
Outcome = tuple[int, str | None]


def outcome(status: Answer) -> Outcome:
    """Code and field of a status; (0, None) for a good one."""
    assert (status["responseStatus"] == "ok") == (status["errorCode"] == 0)
    return status["errorCode"], status.get("errorField")


def outcomes(answer: Answer) -> list[Outcome]:
    """Code and field of each sub-answer of a bulk that was carried out."""
    assert outcome(answer["status"]) == (0, None), answer["status"]
    return [outcome(each["status"]) for each in answer["requests"]]


def well_formed(response: httpx.Response) -> Answer:
    """The answer of an API call, whatever came of it: HTTP 200, JSON, of the documented shape, no stack trace."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == CONTENT_TYPE
    assert "Traceback" not in response.text
    answer: Answer = json.loads(response.content)
    status = answer["status"]
    check_answer(answer, {} if "request" in status else {"requests": []})
    if status["responseStatus"] == "error":
        assert status["errorMessage"].endswith("."), status
    return answer


async def post(shop: Erply, body: str | bytes, content_type: str = "application/json") -> Answer:
    """The answer to a body sent as it is."""
    content = body.encode() if isinstance(body, str) else body
    return well_formed(await shop.http.post("/api/", content=content, headers={"content-type": content_type}))


def json_text(shop: Erply, requests: str) -> str:
    """A JSON body around `requests`, itself JSON text that may say what `json.dumps` would not."""
    return f'{{"clientCode": "{shop.code}", "sessionKey": "{shop.key}", "requests": {requests}}}'


async def post_requests(shop: Erply, requests: Any) -> Answer:
    """The answer to a bulk in a JSON body. `requests` is JSON text, or what becomes it."""
    return await post(shop, json_text(shop, requests if isinstance(requests, str) else json.dumps(requests)))


async def post_call(shop: Erply, name: str, **params: Any) -> Outcome:
    """Code and field of a single sub-request in a JSON body, its parameters with their JSON types."""
    (found,) = outcomes(await post_requests(shop, [{"requestName": name, **params}]))
    return found


LISTINGS = (
    {"requestName": "getCustomers", "recordsOnPage": 100},
    {"requestName": "getSalesDocuments", "recordsOnPage": 100, "getRowsForAllInvoices": 1},
    {"requestName": "getVatRates", "recordsOnPage": 1000},
    {"requestName": "getEarnedRewardPointRecords"},
    {"requestName": "getUsedRewardPointRecords"},
    {"requestName": "getConfParameters"},
)


async def contents(shop: Erply) -> list[Any]:
    """Everything that an account's listings show."""
    return [answer["records"] for answer in await shop.answers(list(LISTINGS))]
