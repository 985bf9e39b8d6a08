"""Every answer of Erply's API carries `requestUnixTime`, by which clients wait for the next hour and sync."""

import json
from typing import Any

import httpx
import pytest

from bulk.sending import FORM, JSON
from support.shop import Shop

GOOD = '{"requestName": "getVatRates"}'
REFUSED: list[tuple[int, str, dict[str, str]]] = [
    (0, '{"clientCode": "CODE", "sessionKey": "KEY", "request": "getVatRates"}', JSON),
    (0, f'{{"clientCode": "CODE", "sessionKey": "KEY", "requests": [{GOOD}, {GOOD}, {{"requestName": "no"}}]}}', JSON),
    (0, '{"clientCode": "CODE", "sessionKey": "KEY", "requests": []}', JSON),
    (1001, '{"clientCode": "nobody"}', JSON),
    (1001, "", FORM),
    (1005, '{"clientCode": "CODE", "sessionKey": "KEY", "request": "nothing"}', JSON),
    (1007, '{"clientCode": "CODE", "sessionKey": "KEY", "responseType": "CSV"}', JSON),
    (1009, '{"clientCode": "CODE", "request": "getVatRates"}', JSON),
    (1015, "{", JSON),
    (1015, '{"clientCode": "CODE", "sessionKey": "KEY", "requests": 5}', JSON),
    (1020, f'{{"clientCode": "CODE", "sessionKey": "KEY", "requests": [{", ".join([GOOD] * 101)}]}}', JSON),
    (1051, '{"clientCode": "CODE", "request": "verifyUser", "username": "till", "password": "x"}', JSON),
    (1055, '{"clientCode": "CODE", "sessionKey": "f", "requests": []}', JSON),
    (9001, f'{{"clientCode": "CODE", "sessionKey": "KEY", "atomic": 1, "requests": [{GOOD}, {{}}]}}', JSON),
]


def statuses(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """All statuses of an answer."""
    return [answer["status"], *(each["status"] for each in answer.get("requests", ()))]


@pytest.mark.parametrize(("code", "body", "headers"), REFUSED)
async def test_every_answer_says_when(shop: Shop, code: int, body: str, headers: dict[str, str]) -> None:
    """Good or refused, single or bulk, each status has the time of the server's clock in whole seconds."""
    shop.clock.now = 1_767_229_999.9
    await shop.log_in()
    content = body.replace("CODE", shop.code).replace("KEY", shop.key)
    answer = json.loads((await shop.http.post("/api/", content=content, headers=headers)).content)
    assert answer["status"]["errorCode"] == code
    for status in statuses(answer):
        # What cannot be read at all has no account, and so no clock but the machine's.
        assert status["requestUnixTime"] == 1_767_229_999 or body == "{"
        assert type(status["requestUnixTime"]) is int


async def test_quota_and_size_too(shop: Shop) -> None:
    """So have the answers to a request over the quota and to a body over the limit."""
    await shop.set(requests_per_hour="1")
    await shop.records("getVatRates")
    for answer in (await shop.call("getVatRates"), await shop.bulk([{"requestName": "getVatRates"}])):
        assert (answer["status"]["errorCode"], answer["status"]["requestUnixTime"]) == (1002, int(shop.clock.now))
    large: httpx.Response = await shop.http.post("/api/", content=b"x" * 4_000_001)
    assert (large.status_code, type(large.json()["status"]["requestUnixTime"])) == (413, int)
