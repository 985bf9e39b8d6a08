"""What may stand in no log and in no answer to anybody else: passwords, PINs, keys, tokens, names, card numbers."""

import asyncio
import io
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erply_points.accounts.account import Account
from erply_points.calls.call import Call, Context
from erply_points.calls.registry import CALLS
from erply_points.dialects import clients
from erply_points.logs import DiscreetFormatter
from support.dialects import LOOKUP
from support.shop import Shop

CANARY = "c4n4ry"
"""Begins every secret here."""


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged, at DEBUG, by whomever, as the server formats it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(DiscreetFormatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    # What the tests' own client logs is not the server's.
    quiet = [logging.getLogger(name) for name in ("httpx", "httpcore", "hypothesis")]
    before = root.level, [(each, each.level) for each in quiet]
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for each in quiet:
        each.setLevel(logging.WARNING)
    yield written
    root.removeHandler(handler)
    root.setLevel(before[0])
    for each, level in before[1]:
        each.setLevel(level)


secrets = st.builds(lambda tail: CANARY + tail, st.text("0123456789abcdef'\"%\\{} Õ\n", max_size=8))
values = st.one_of(secrets, st.lists(secrets, max_size=2), st.dictionaries(secrets, secrets, max_size=2))
NAMES = [
    *("username", "password", "cardCode", "firstName", "lastName", "customerCardNumber", "email", "code", "notes"),
    *("customerID", "points", "sessionLength", "description", "uniqueIdentifier", "temporaryUUID", "orderBy"),
]
calls = st.tuples(st.sampled_from(sorted(CALLS)), st.dictionaries(st.sampled_from(NAMES) | secrets, values, max_size=5))
tops = st.dictionaries(
    st.sampled_from(["clientCode", "sessionKey", "idempotencyKey", "responseType", "requests", "atomic", "x"]), values
)


async def test_nothing_of_a_request_is_logged(shop: Shop, log: io.StringIO) -> None:
    """Whatever is sent, in whatever place, no log of any library has it at any level."""
    customer = await shop.customer(points=10)
    key, secret = await shop.client()
    loop = asyncio.get_running_loop()

    async def send(call: tuple[str, dict[str, Any]], top: dict[str, Any], value: Any) -> None:
        name, params = call
        good = {"clientCode": shop.code, "sessionKey": shop.key}
        json = {"content-type": "application/json"}
        await shop.http.post("/api/", json={**good, "request": name, **params})
        await shop.http.post("/api/", json={**good, **top, "requests": [{"requestName": name, **params}]})
        await shop.http.post("/api/", data={**good, "request": name, **{each: str(params[each]) for each in params}})
        await shop.http.get("/api/", params={"password": str(value)})
        await shop.http.post("/api/", content=str(value).encode(), headers=json)
        await shop.http.post("/api/", files={"a": str(value)}, headers={"idempotency-key": CANARY})
        await shop.http.post("/v3/oauth/token/generate", json={"key": str(value), "secret": str(value)})
        await shop.http.post("/v3/oauth/token/generate", json={"key": key, "secret": str(value)})
        path = f"/v2/customers/{customer}/negativePointsAdjustment"
        for auth in ((key, secret), (key, CANARY)):
            await shop.http.post(path, json={"reasonOfReturn": value, "pointsToBeAdjusted": value}, auth=auth)
        query = {"source": "LINE", "identifierName": "email", "identifierValue": str(value)}
        await shop.http.post(LOOKUP, params=query, json={}, auth=(key, secret))
        await shop.http.post("/v1/members", json={"firstName": value}, headers={"authorization": f"Bearer {CANARY}"})
        await shop.http.get(f"/{CANARY}", headers={"host": CANARY})

    @settings(max_examples=40, deadline=None)
    @given(call=calls, top=tops, value=values)
    def sending(call: tuple[str, dict[str, Any]], top: dict[str, Any], value: Any) -> None:
        asyncio.run_coroutine_threadsafe(send(call, top, value), loop).result(timeout=60)

    await asyncio.to_thread(sending)
    told = log.getvalue()
    assert not [secret for secret in (CANARY, shop.key, key, secret, "secret", "Maasikas") if secret in told], told


async def test_broken_bodies_leave_no_line_in_the_log(shop: Shop, log: io.StringIO) -> None:
    """A stranger who sends what cannot be read, of any kind, cannot fill the log with it."""
    multipart = {"content-type": "multipart/form-data; boundary=sep"}
    for body in (
        b"--sep\r\nbad header\r\n\r\n",
        b"--seX",
        b"--sep\r\n\x00: x\r\n",
        b"--sep\r\na;b: c\r\n\r\nx\r\n--sep?",
    ):
        assert (await shop.http.post("/api/", content=body, headers=multipart)).json()["status"]["errorCode"] == 1015
    for kind, body in (("application/json", b"{"), ("application/x-www-form-urlencoded", b"a=%ff"), ("a/b", b"\xff")):
        await shop.http.post("/api/", content=body, headers={"content-type": kind})
    assert log.getvalue() == ""


async def test_a_mistake_of_ours_tells_nothing(shop: Shop, log: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that quotes what it was given is logged with its place, not with its words; so is what led to it."""

    def failing(_: Context, params: Any) -> Any:
        try:
            {}[params["lastName"]]
        except KeyError as error:
            error.add_note(f"while looking at {params}")
            raise ExceptionGroup(str(params), [ValueError(str(params))]) from error

    async def failing_client(_: Account, key: str, secret: str) -> Any:
        raise ValueError(f"{key} {secret}")

    monkeypatch.setitem(CALLS, "saveCustomer", Call("saveCustomer", failing, writes=True))
    monkeypatch.setattr(clients, "by_secret", failing_client)
    answers = [
        await shop.http.post("/api/", json={**good, "lastName": f"{CANARY}-name"})
        for good in [{"clientCode": shop.code, "sessionKey": shop.key, "request": "saveCustomer"}]
    ]
    path = f"/v2/customers/1/negativePointsAdjustment?x={CANARY}"
    answers.append(await shop.http.post(path, json={}, auth=(f"{shop.code}.{CANARY}", CANARY)))
    assert [answer.status_code for answer in answers] == [200, 500]
    assert answers[0].json()["status"]["errorCode"] == 1000
    told = log.getvalue()
    for place in ("saveCustomer failed", "a request failed", "in failing", "in failing_client"):
        assert place in told
    for kind in ("builtins.KeyError", "builtins.ExceptionGroup", "builtins.ValueError", "which led to:"):
        assert kind in told
    for text in (told, *(answer.text for answer in answers)):
        assert CANARY not in text
    assert "Traceback" not in "".join(answer.text for answer in answers)


async def test_what_leaves_the_application_is_a_plain_500(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a mistake outside of every guard shows the client no line of code."""

    def failing(*_: Any) -> Any:
        raise ZeroDivisionError(CANARY)

    monkeypatch.setattr("erply_points.bulk.envelope.decode", failing)
    transport: Any = shop.http._transport
    quiet = httpx.ASGITransport(transport.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=quiet, base_url="http://erply.test") as http:
        answer = await http.post("/api/", data={"password": CANARY})
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")


async def test_answers_do_not_repeat_secrets(shop: Shop) -> None:
    """The answer to a wrong log-in, key, PIN or secret does not say again what was sent, nor what would be right."""
    key, secret = await shop.client()
    answers = [
        await shop.http.post("/api/", json={"clientCode": shop.code, **each})
        for each in (
            {"request": "verifyUser", "username": "till", "password": CANARY},
            {"request": "verifyUser", "username": "till", "password": [CANARY]},
            {"request": "verifyUser", "username": CANARY, "password": CANARY},
            {"request": "switchUser", "cardCode": CANARY, "sessionKey": shop.key},
            {"request": "getVatRates", "sessionKey": CANARY},
            {"requests": [{"requestName": "verifyUser", "username": "till", "password": CANARY}]},
        )
    ]
    answers.append(await shop.http.post("/v3/oauth/token/generate", json={"key": key, "secret": CANARY}))
    answers.append(await shop.http.post("/v3/oauth/token/generate", json={"key": key, "secret": [CANARY]}))
    answers.append(await shop.http.post(LOOKUP, json={}, auth=(key, CANARY)))
    for answer in answers:
        assert "rror" in answer.text
        assert not [each for each in (CANARY, secret, shop.key) if each in answer.text], answer.text
