"""Who may call Capillary's endpoints: key and secret, tokens, and what becomes of both."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from erply_points.accounts import administration
from erply_points.app import stores_of
from erply_points.dialects import clients
from erply_points.store.configuration import Client
from support.dialects import BODY, LOOKUP, Capillary, Fabric, error
from support.shop import Shop


@pytest.fixture
async def customer(club: Shop) -> int:
    """With 1,000 points."""
    return await club.customer(points=1_000)


async def test_without_credentials_nothing_is_looked_at(club: Shop, customer: int) -> None:
    """Nobody, or somebody unknown, is 401 before anything else, with the way to log in."""
    assert customer
    key, secret = await club.client()
    for headers in (
        {},
        {"authorization": "Basic"},
        {"authorization": "Basic ???"},
        {"authorization": "Basic /////w=="},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {key}"},
        {"authorization": "Digest x"},
        {"x-cap-api-oauth-token": f"{club.code}.unknown"},
        {"x-cap-api-oauth-token": "x" * 10_000},
        {"x-cap-api-oauth-token": "../other.token"},
    ):
        response = await club.http.post(LOOKUP, content=b"{", headers=headers)
        assert (response.status_code, error(response.json())) == (401, (401, "Unauthorized")), headers
        assert response.headers["www-authenticate"].startswith("Basic")
    for wrong in ((key, "wrong"), (key, ""), ("", secret), (key + "x", secret), ("none.x", secret)):
        response = await club.http.post(LOOKUP, content=b"{", auth=httpx.BasicAuth(*wrong))
        assert response.status_code == 401, wrong


async def test_a_deleted_client_is_refused_at_once(club: Shop, customer: int) -> None:
    """Its key and secret and the tokens it has are worth nothing from then on; other clients go on."""
    (key, secret), other = await club.client(), await club.client()
    response = await club.http.post("/v3/oauth/token/generate", json={"key": key, "secret": secret})
    token = {"x-cap-api-oauth-token": response.json()["data"]["accessToken"]}
    assert (await club.http.get(f"/v2/customers/{customer}/nothing", headers=token)).status_code != 401
    await administration.delete_client(stores_of(club.settings), club.code, key)
    path = f"/v2/customers/{customer}/negativePointsAdjustment"
    assert (await club.http.post(path, content=b"{}", headers=token)).status_code == 401
    assert (await club.http.post(path, content=b"{}", auth=httpx.BasicAuth(key, secret))).status_code == 401
    assert (await club.http.post(path, content=b"{}", auth=httpx.BasicAuth(*other))).status_code == 400


async def test_a_client_that_is_deleted_meanwhile_does_nothing(
    club: Shop, customer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted between the look at its secret or token and the work, a client is 401, and nothing is taken or given."""
    path = f"/v2/customers/{customer}/negativePointsAdjustment"

    def deleting(look: Callable[..., Awaitable[Client]]) -> Callable[..., Awaitable[Client]]:
        async def overtaken(*sent: Any) -> Client:
            found = await look(*sent)
            await administration.delete_client(stores_of(club.settings), club.code, found.key)
            return found

        return overtaken

    (one, other), third = [await club.client() for _ in range(2)], await club.client()
    token = (await Fabric.log_in(club.http, *third)).token
    with monkeypatch.context() as meanwhile:
        for name in ("by_secret", "by_token"):
            meanwhile.setattr(clients, name, deleting(getattr(clients, name)))
        refused = [
            await club.http.post(path, json=BODY, auth=httpx.BasicAuth(*one), headers={"idempotency-key": "k"}),
            await club.http.post("/v3/oauth/token/generate", json=dict(zip(("key", "secret"), other, strict=True))),
            await club.http.get("/v1/inquire/x/member-points", headers={"authorization": f"Bearer {token}"}),
        ]
    assert [response.status_code for response in refused] == [401] * 3
    assert await club.balance(customer) == 1_000
    assert await administration.list_clients(stores_of(club.settings), club.code) == []
    assert await club.check() == []


async def test_tokens_are_given_for_key_and_secret(club: Shop, customer: int) -> None:
    """A token stands for its client until it ends, in Capillary's header or as a bearer token."""
    key, secret = await club.client()
    response = await club.http.post("/v3/oauth/token/generate", json={"key": key, "secret": secret})
    assert response.status_code == 200
    answer = response.json()
    assert answer["errors"] is None
    assert answer["data"]["ttlSeconds"] == 3_600
    token = answer["data"]["accessToken"]
    path = f"/v2/customers/{customer}/negativePointsAdjustment"
    headers = ({"X-CAP-API-OAUTH-TOKEN": token}, {"authorization": f"Bearer {token}"})
    for each in headers:
        assert (await club.http.post(path, json=BODY, headers=each)).status_code == 200
    other = await club.neighbour()
    forged = token.replace(club.code, other.code)
    assert (await club.http.post(path, json=BODY, headers={"authorization": f"Bearer {forged}"})).status_code == 401
    club.clock.advance(3_600)
    for each in headers:
        assert (await club.http.post(path, json=BODY, headers=each)).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"{}", 400),
        (b'{"key": "a.b"}', 400),
        (b'{"key": 1, "secret": "x"}', 400),
        (b'{"key": "a.b", "secret": "x"}', 401),
        (b'{"key": "", "secret": ""}', 401),
    ],
)
async def test_a_token_is_not_given_for_less(club: Shop, body: bytes, status: int) -> None:
    """What is not a key and a secret is 400, and what is nobody's 401."""
    response = await club.http.post("/v3/oauth/token/generate", content=body)
    assert response.status_code == status
    assert response.json()["data"] is None
    assert response.json()["errors"][0]["code"] == status


async def test_guessing_a_secret_locks_the_client_out(club: Shop, capillary: Capillary, customer: int) -> None:
    """Five wrong secrets in a row block the key for ten minutes, the right one too; a success starts the count anew."""
    right, wrong = (httpx.BasicAuth(capillary.key, secret) for secret in (capillary.secret, "wrong"))
    path = f"/v2/customers/{customer}/negativePointsAdjustment"

    async def attempts(*auths: httpx.BasicAuth) -> list[int]:
        body = {"reasonOfReturn": "x", "pointsToBeAdjusted": 1}
        return [(await club.http.post(path, json=body, auth=auth)).status_code for auth in auths]

    assert await attempts(wrong, wrong, wrong, wrong, right) == [401, 401, 401, 401, 200]
    assert await attempts(wrong, wrong, wrong, wrong, wrong, right) == [401] * 6
    club.clock.advance(601)
    assert await attempts(right) == [200]
