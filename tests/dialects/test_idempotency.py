"""Idempotency-Key: what carries one is done once, in either dialect, however often and whatever at once."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest

from fuzz.harness import ask
from fuzz.inputs import Input
from support.dialects import Capillary, Fabric
from support.shop import Shop

BODY = {"pointsToBeAdjusted": "10", "reasonOfReturn": "Goods returned"}


@pytest.fixture
async def customer(club: Shop) -> int:
    return await club.customer(points=100)


async def send(capillary: Capillary, customer: int, key: str, body: dict[str, Any] | None = None) -> httpx.Response:
    path = f"/v2/customers/{customer}/negativePointsAdjustment"
    return await capillary.send(path, {}, body or BODY, idempotency_key=key)


async def test_a_deduction_is_done_once(club: Shop, capillary: Capillary, customer: int) -> None:
    """The same key again gives the first answer again and says so; the points are gone once."""
    first = await send(capillary, customer, "k")
    again = await send(capillary, customer, '"k"')
    assert (first.text, "idempotency-replayed" in first.headers) == (again.text, False)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await send(capillary, customer, "other")).json()["pointsAvailable"] == "80.000"
    assert await club.balance(customer) == 80


async def test_without_a_key_everything_is_done_again(club: Shop, capillary: Capillary, customer: int) -> None:
    """A repeated call deducts again."""
    for left in (90, 80):
        await capillary.adjust(customer, **BODY)
        assert await club.balance(customer) == left


async def test_a_key_is_for_one_content(club: Shop, capillary: Capillary, customer: int) -> None:
    """The key of another request, path or query is 400, and nothing is done."""
    await send(capillary, customer, "k")
    other = await club.customer(points=100)
    for response in (
        await send(capillary, customer, "k", {**BODY, "pointsToBeAdjusted": "11"}),
        await send(capillary, other, "k"),
        await send(capillary, customer, "x" * 256),
    ):
        assert (response.status_code, response.json()["errors"][0]["code"]) == (400, 400)
    assert (await club.balance(customer), await club.balance(other)) == (90, 100)


async def test_what_was_refused_may_be_tried_again(club: Shop, capillary: Capillary, customer: int) -> None:
    """A refusal has changed nothing and keeps no key."""
    body = {**BODY, "pointsToBeAdjusted": "150"}
    assert (await send(capillary, customer, "k", body)).status_code == 400
    await club.record("addCustomerRewardPoints", customerID=customer, points=50)
    response = await send(capillary, customer, "k", body)
    assert (response.json()["pointsAvailable"], "idempotency-replayed" in response.headers) == ("0.000", False)


async def test_keys_are_each_clients_and_dialects_own(club: Shop, capillary: Capillary, fabric: Fabric) -> None:
    """Two clients, and the two dialects, can use the same key."""
    customer = await club.customer(points=100)
    profile = (await club.record("getCustomers", customerID=customer))["profileID"]
    other = Capillary(club.http, *await club.client())
    for client in (capillary, other):
        assert "idempotency-replayed" not in (await send(client, customer, "k")).headers
    sent = {"profileId": profile, "points": 5}
    codes = []
    for replayed in (None, "true"):
        response = await fabric.post("points-adjustment", sent, idempotency_key="k")
        assert response.headers.get("idempotency-replayed") == replayed
        codes.append(response.json()["data"]["transactionCode"])
    assert codes[0] == codes[1]
    assert await club.balance(customer) == 85
    response = await fabric.post("points-adjustment", {**sent, "points": 6}, idempotency_key="k")
    assert (response.status_code, set(response.json()["errors"])) == (400, {"Idempotency-Key"})
    assert await club.balance(customer) == 85


async def test_a_member_is_enrolled_once(club: Shop, fabric: Fabric) -> None:
    """An enrolment that is sent again is given the same member."""
    sent = {
        "firstName": "Mari",
        "lastName": "Maasikas",
        "emailAddress": "mari@example.com",
        "phoneNumber": "1",
        "entityReference": "Company",
        "clubReference": "Company_Club",
    }
    answers = [(await fabric.post("members", sent, idempotency_key="k")) for _ in range(2)]
    assert answers[0].text == answers[1].text
    assert [answer.status_code for answer in answers] == [201, 201]
    assert len(await club.records("getCustomers")) == 1


async def test_a_key_is_forgotten_with_its_answer(club: Shop, capillary: Capillary, customer: int) -> None:
    """After `retry_hours` a key is as good as new."""
    await club.set(retry_hours="1")
    for replayed, wait in ((False, 3_599), (True, 1), (False, 0)):
        response = await send(capillary, customer, "k")
        assert ("idempotency-replayed" in response.headers) == replayed
        club.clock.advance(wait)
    await club.log_in()
    assert await club.balance(customer) == 80


async def test_many_at_once_are_done_once_each(club: Shop, capillary: Capillary, fabric: Fabric) -> None:
    """Requests that come together share a transaction, and each key is still done once and each point spent once."""
    customer = await club.customer(points=100)
    profile = (await club.record("getCustomers", customerID=customer))["profileID"]
    same = [send(capillary, customer, "k") for _ in range(10)]
    others = [capillary.adjust(customer, pointsToBeAdjusted=5) for _ in range(10)]
    members = [fabric.adjust(profile, -7, pointType="Base") for _ in range(10)]
    bulks = [club.call("subtractCustomerRewardPoints", customerID=customer, points=3) for _ in range(10)]
    found: list[Any] = await asyncio.gather(*same, *others, *members, *bulks)
    assert len({response.text for response in found[:10]}) == 1
    good = 10 + 5 * sum("status" in answer for answer in found[10:20])
    good += 7 * sum(answer["status"] == 200 for answer in found[20:30])
    good += 3 * sum(answer["status"]["errorCode"] == 0 for answer in found[30:])
    assert await club.balance(customer) == 100 - good
    assert 0 <= 100 - good < 7
    assert await club.check() == []


async def test_a_query_that_is_not_utf8_does_no_harm(club: Shop, customer: int) -> None:
    """What a key stands for are the bytes of the URL, whether or not they can be read."""
    key, secret = await club.client()
    credentials = b"Basic " + base64.b64encode(f"{key}:{secret}".encode())
    path = f"/v2/customers/{customer}/negativePointsAdjustment"
    headers = ((b"authorization", credentials), (b"idempotency-key", b"k"))
    app = club.http._transport.app  # type: ignore[attr-defined]  # httpx would encode what is sent
    for query, status in ((b"other=\xc3", 200), (b"other=\xc3", 200), (b"other=\xc4", 400)):
        sent = Input("POST", path, query, headers, json.dumps(BODY).encode(), "")
        assert (await ask(app, sent)).status == status
    assert await club.balance(customer) == 90
