"""Guessing: as much work for a wrong name as for a wrong password, few tries, and no trace that fills the disk."""

import asyncio
import hmac
from typing import Any

import pytest

from erply_points.accounts import administration, passwords
from erply_points.accounts.account import FAILURES_SECONDS
from erply_points.app import stores_of
from erply_points.calls import sessions
from erply_points.store.sqlite.store import SQLiteStore
from support.dialects import LOOKUP
from support.shop import Shop


class Counted:
    """Counts how often something is called."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        return self.function(*args)


@pytest.mark.parametrize("password", ["wrong", "secret ", "x" * 1_024, "x" * 5_000, "\x00"])
async def test_an_unknown_name_costs_what_a_wrong_password_costs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    """For a name that nobody has, one password hash is computed at the same cost, and the answer is the same."""
    computed: list[str] = []
    verify = passwords._hasher.verify

    class Hasher:
        def verify(self, kept: str, given: str) -> bool:
            computed.append(kept.rpartition("$")[0].rpartition("$")[0])
            return verify(kept, given)

        hash = staticmethod(passwords._hasher.hash)

    monkeypatch.setattr(passwords, "_hasher", Hasher())
    answers = []
    for username in ("till", "nobody"):
        answer = await shop.call("verifyUser", username=username, password=password)
        answer["status"]["generationTime"] = 0
        answers.append(answer)
    assert answers[0] == answers[1]
    assert answers[0]["status"]["errorCode"] in {1051, 1014}
    known, unknown = computed or ("", "")
    assert known == unknown  # The same variant, memory, passes and lanes.


async def test_unknown_clients_are_compared_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client's secret is hashed once and compared in constant time, for a key that nobody has as for one that is."""
    key, secret = await shop.client()
    hashed, compared = Counted(passwords.hash_key), Counted(hmac.compare_digest)
    monkeypatch.setattr("erply_points.dialects.clients.hash_key", hashed)
    monkeypatch.setattr(hmac, "compare_digest", compared)
    for sent in ((key, "wrong"), (f"{shop.code}.0000", "wrong"), (f"{shop.code}.", secret)):
        hashed.calls = compared.calls = 0
        response = await shop.http.post(LOOKUP, json={}, auth=sent)
        assert response.status_code == 401
        assert (hashed.calls, compared.calls) == (1, 1)


@pytest.mark.parametrize("way", ["basic", "capillary token", "fabric token"])
async def test_secrets_of_clients_are_tried_five_times(shop: Shop, way: str) -> None:
    """Five wrong secrets block a client for ten minutes by every way of showing one; its tokens go on."""
    key, secret = await shop.client()
    good = await shop.http.post("/v3/oauth/token/generate", json={"key": key, "secret": secret})
    token = good.json()["data"]["accessToken"]

    async def tried(with_secret: str) -> int:
        if way == "basic":
            response = await shop.http.post(LOOKUP, json={}, auth=(key, with_secret))
        elif way == "capillary token":
            response = await shop.http.post("/v3/oauth/token/generate", json={"key": key, "secret": with_secret})
        else:
            form = {"grant_type": "client_credentials"}
            response = await shop.http.post("/oauth2/default/v1/token", data=form, auth=(key, with_secret))
        return response.status_code

    assert await tried(secret) in {200, 400}
    assert [await tried("wrong") for _ in range(5)] == [401] * 5
    assert await tried(secret) == 401
    assert (await shop.http.post(LOOKUP, json={}, headers={"x-cap-api-oauth-token": token})).status_code == 400
    shop.clock.advance(sessions.BLOCKED_SECONDS)
    assert await tried(secret) in {200, 400}


async def failures(shop: Shop) -> int:
    """How many names have failures that are remembered."""
    store = await SQLiteStore.open(shop.settings.data / f"{shop.code}.db")
    try:
        (found,) = await store._reader.run(
            lambda: store._reader.database.execute("SELECT count(*) FROM login_failures").fetchone()
        )
        return int(found)
    finally:
        await store.close()


async def test_made_up_keys_leave_no_trace(shop: Shop) -> None:
    """A stranger who makes up keys of clients, tokens and sessions writes nothing into the account."""
    for number in range(20):
        assert (await shop.http.post(LOOKUP, json={}, auth=(f"{shop.code}.{number}", "x"))).status_code == 401
        headers = {"authorization": f"Bearer {shop.code}.{number}"}
        assert (await shop.http.post("/v1/members", json={}, headers=headers)).status_code == 401
        assert (await shop.call("getVatRates", sessionKey=str(number)))["status"]["errorCode"] == 1055
    assert await failures(shop) == 0


async def test_made_up_names_are_forgotten(shop: Shop) -> None:
    """Names that failed to log in are forgotten an hour after their last failure, which is longer than a block."""
    assert sessions.BLOCKED_SECONDS < FAILURES_SECONDS
    for number in range(5):
        await shop.error("verifyUser", username=f"nobody{number}", password="x")
    for _ in range(5):
        await shop.error("verifyUser", username="till", password="x")
    transport: Any = shop.http._transport
    endpoint = next(route.endpoint for route in transport.app.routes if route.path == "/api/")
    async with endpoint._dispatcher._accounts.use(shop.code) as account:
        await account.tidy()
        assert await failures(shop) == 6
        shop.clock.advance(sessions.BLOCKED_SECONDS - 1)
        await account.tidy()
        assert await shop.error("verifyUser", username="till", password="secret") == (1052, None)
        shop.clock.advance(FAILURES_SECONDS)
        await account.tidy()
    assert await failures(shop) == 0
    assert await shop.log_in()


async def test_pins_are_tried_five_times_by_each_session(shop: Shop) -> None:
    """Guessing PINs blocks the guesser's user for ten minutes, in parallel as one by one, and nobody else."""
    await administration.create_user(stores_of(shop.settings), shop.code, "manager", "other", pin="1234")
    other = Shop(shop.http, shop.code, shop.settings, shop.clock)
    await other.log_in("manager", "other")
    guesses = await asyncio.gather(*(shop.error("switchUser", cardCode=str(pin)) for pin in range(20)))
    assert sorted(code for code, _ in guesses) == [1051] * 5 + [1052] * 15
    assert await shop.error("switchUser", cardCode="1234") == (1052, None)
    assert await other.records("switchUser", cardCode="1234")
