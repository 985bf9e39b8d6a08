"""Session keys: given by the server alone, new at each log-in, dead at their end, and good in one account only."""

import json
import re
from typing import Any

import pytest

from bulk.sending import outcome, post
from erply_points.accounts import administration
from erply_points.app import stores_of
from support.client import Erply
from support.shop import Shop

HOUR = 3_600


async def opened(shop: Shop, **params: Any) -> str:
    """The key of a new session."""
    record = await shop.record("verifyUser", username="till", password="secret", **params)
    key: str = record["sessionKey"]
    return key


async def test_keys_are_new_at_each_log_in(shop: Shop) -> None:
    """A hundred log-ins give a hundred keys of 160 random bits."""
    keys = {await opened(shop) for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch("[0-9a-f]{40}", key) for key in keys)
    columns = zip(*keys, strict=True)
    assert all(len(set(column)) > 8 for column in columns)  # No digit of it stands still.


@pytest.mark.parametrize("chosen", ["f" * 40, "0" * 40, "mine", "\x00"])
async def test_nobody_chooses_a_key(shop: Shop, chosen: str) -> None:
    """A key that was sent along with a log-in, in whatever place, is not the session's and opens nothing after it."""
    login = {"request": "verifyUser", "username": "till", "password": "secret", "sessionKey": chosen, "token": chosen}
    answer = await post(shop, json.dumps({"clientCode": shop.code, **login}))
    given = answer["records"][0]["sessionKey"] if answer["records"] else ""
    assert given != chosen
    headers = {"sessionkey": "f" * 40, "cookie": f"sessionKey={'f' * 40}"}
    response = await shop.http.post("/api/", data={**login, "clientCode": shop.code}, headers=headers)
    assert "set-cookie" not in response.headers
    assert await Erply(shop.http, shop.code, chosen).error("getVatRates") == (1055, None)
    assert await Erply(shop.http, shop.code, "f" * 40).error("getVatRates") == (1055, None)


async def test_switching_users_gives_a_new_key(shop: Shop) -> None:
    """A switch of users opens another session for the other user; the first stays its user's own."""
    await administration.create_user(stores_of(shop.settings), shop.code, "manager", "other", pin="1234")
    record = await shop.record("switchUser", cardCode="1234")
    assert record["sessionKey"] != shop.key
    assert record["userName"] == "manager"
    assert (await shop.record("getSessionKeyUser"))["userName"] == "till"
    switched = Erply(shop.http, shop.code, record["sessionKey"])
    assert (await switched.record("getSessionKeyUser"))["userName"] == "manager"


async def test_a_session_ends_at_its_second(shop: Shop) -> None:
    """A key is good to the last second of its length and never after, by whatever way it is sent."""
    shop.key = await opened(shop, sessionLength=60)
    shop.clock.advance(59.9)
    assert await shop.records("getVatRates")
    shop.clock.advance(0.1)
    for _ in range(2):
        assert await shop.error("getVatRates") == (1054, None)
        assert outcome((await shop.bulk([{"requestName": "getVatRates"}]))["status"]) == (1054, None)
    response = await shop.http.get("/api/", params={"clientCode": shop.code}, headers={"sessionkey": shop.key})
    assert response.json()["status"]["errorCode"] == 1054
    assert await shop.error("getSessionKeyInfo") == (1054, None)
    # To use it does not make it younger, nor does another log-in of the same user.
    await opened(shop)
    shop.clock.advance(30 * 86_400)
    assert await shop.error("getVatRates") == (1054, None)


@pytest.mark.parametrize("asked", [10**9, 2**53 - 1, -1, 0])
async def test_no_session_lives_longer_than_a_day(shop: Shop, asked: int) -> None:
    """However long a session is asked for, it ends within a day; without a length, or with none, in an hour."""
    shop.key = await opened(shop, sessionLength=asked)
    shop.clock.advance(86_400 if asked > 0 else HOUR)
    assert await shop.error("getVatRates") == (1054, None)


async def test_keys_are_good_in_one_account_and_letter_by_letter(shop: Shop) -> None:
    """A key of another account, in other letters, with more or less of them, or its hash, opens nothing."""
    other = await shop.neighbour()
    tried = [
        other.key,
        shop.key.upper(),
        shop.key[:-1],
        shop.key + "0",
        f" {shop.key}",
        f"{shop.key}\x00",
        "%",
        "_" * 40,
    ]
    for key in tried:
        if key != shop.key:
            assert await Erply(shop.http, shop.code, key).error("getVatRates") == (1055, None), key
    assert await Erply(shop.http, other.code, shop.key).error("getVatRates") == (1055, None)
    assert await shop.records("getVatRates")


async def test_only_hashes_are_kept(shop: Shop) -> None:
    """No file of the account holds a session key, a password, a PIN, a token or a client's secret."""
    await administration.create_user(stores_of(shop.settings), shop.code, "manager", "pass-w0rd", pin="83749201")
    key, secret = await shop.client()
    response = await shop.http.post("/v3/oauth/token/generate", json={"key": key, "secret": secret})
    token = response.json()["data"]["accessToken"]
    await shop.record("switchUser", cardCode="83749201")
    await shop.post({"clientCode": shop.code, "sessionKey": shop.key, "request": "saveCustomer", "firstName": "A"})
    # Answers that are kept for retries are those of everything but log-ins.
    login = {"requestName": "verifyUser", "username": "till", "password": "secret"}
    bulk = await shop.bulk([login, {"requestName": "saveCustomer", "firstName": "B"}], idempotencyKey="k")
    logged_in = bulk["requests"][0]["records"][0]
    content = b"".join(path.read_bytes() for path in shop.settings.data.iterdir())
    for hidden in (shop.key, "pass-w0rd", "83749201", secret, token, logged_in["sessionKey"], logged_in["token"]):
        assert hidden.encode() not in content
    assert key.encode() in content
