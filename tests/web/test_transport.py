"""How a request may travel: path, verb, place and encoding of its parameters."""

import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from bulk.sending import CONTENT_TYPE, FORM, JSON, outcomes, well_formed
from support.client import Erply
from support.shop import Shop

FORMS = {
    "form": FORM,
    "form with charset": {"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
    "form with capitals": {"content-type": "Application/X-WWW-Form-Urlencoded;charset=UTF-8"},
    "body without a type": {},
}
SHAPES = [*FORMS, "multipart", "json", "json with charset", "GET query", "POST query", "query and form"]


async def send(client: Erply, shape: str, path: str, params: dict[str, Any]) -> httpx.Response:
    """One request with the same parameters in one of the shapes."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
    sent: dict[str, Any]
    match shape:
        case "multipart":
            sent = {"files": {name: (None, value) for name, value in texts.items()}}
        case "json":
            sent = {"json": params}
        case "json with charset":
            sent = {"content": json.dumps(params), "headers": {"content-type": "application/json; charset=utf-8"}}
        case "GET query" | "POST query":
            sent = {"params": texts}
        case "query and form":
            first, *rest = texts.items()
            sent = {"params": dict([first]), "data": dict(rest)}
        case _:
            sent = {"content": urlencode(texts), "headers": FORMS[shape]}
    return await client.http.request("GET" if shape.startswith("GET") else "POST", path, **sent)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("path", ["/api", "/api/"])
async def test_log_in_by_every_shape(shop: Shop, path: str, shape: str) -> None:
    """`/api` and `/api/` take the same call in every encoding, at once and without a redirect."""
    params = {"clientCode": shop.code, "request": "verifyUser", "username": "till", "password": "secret"}
    response = await send(shop, shape, path, {**params, "version": "1.0"})
    answer = well_formed(response)
    assert not response.history
    assert answer["records"][0]["userName"] == "till"


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_bulk_by_every_shape(shop: Shop, shape: str) -> None:
    """A bulk, non-ASCII letters included, arrives unharmed in every encoding."""
    requests = [
        {"requestName": "saveCustomer", "requestID": 1, "firstName": "Õnne & Jüri=ä+b %41", "lastName": "Šć 漢字 🎁"},
        {"requestName": "getCustomers", "requestID": "two"},
    ]
    params = {"clientCode": shop.code, "sessionKey": shop.key, "requests": requests}
    answer = well_formed(await send(shop, shape, "/api/", params))
    assert outcomes(answer) == [(0, None), (0, None)]
    (customer,) = answer["requests"][1]["records"]
    assert (customer["firstName"], customer["lastName"]) == ("Õnne & Jüri=ä+b %41", "Šć 漢字 🎁")


@pytest.mark.parametrize("body", ["form", "multipart", "json"])
async def test_the_body_wins_over_the_query(shop: Shop, body: str) -> None:
    """Query and body are merged, and what both name is taken from the body."""
    query = {"request": "getVatRates", "sessionKey": "wrong", "clientCode": shop.code}
    params = {"request": "getSessionKeyInfo", "sessionKey": shop.key}
    kinds: dict[str, Any] = {
        "form": {"data": params},
        "multipart": {"files": {name: (None, value) for name, value in params.items()}},
        "json": {"json": params},
    }
    answer = well_formed(await shop.http.post("/api/", params=query, **kinds[body]))
    assert answer["status"]["request"] == "getSessionKeyInfo"
    assert answer["status"]["errorCode"] == 0


async def test_account_and_key_in_headers(shop: Shop) -> None:
    """A client may send `clientCode` and `sessionKey` as headers."""
    headers = {"clientCode": shop.code, "sessionKey": shop.key}
    answer = well_formed(await shop.http.post("/api", params={"request": "getSessionKeyUser"}, headers=headers))
    assert answer["records"][0]["sessionKey"] == shop.key


async def test_a_basic_authorization_header_is_ignored(shop: Shop) -> None:
    """A client that adds HTTP Basic credentials to its log-in is judged by its parameters alone."""
    params = {"clientCode": shop.code, "request": "verifyUser", "username": "till", "password": "secret"}
    query = {**params, "doNotGenerateIdentityToken": "1"}
    answer = well_formed(await shop.http.get("/api", params=query, auth=("somebody", "else")))
    record = answer["records"][0]
    assert record["token"]
    assert "identityToken" not in record


@pytest.mark.parametrize("host", ["{code}.erply.example", "zz.erply.example", "127.0.0.1", "shop.local:8080"])
async def test_the_account_comes_from_client_code(shop: Shop, host: str) -> None:
    """The host name, whatever its form, has no say in which account is asked."""
    form = {"clientCode": shop.code, "sessionKey": shop.key, "request": "getSessionKeyInfo"}
    answer = well_formed(await shop.http.post("/api/", data=form, headers={"host": host.format(code=shop.code)}))
    assert answer["status"]["errorCode"] == 0


@pytest.mark.parametrize("form", [{"request": "verifyUser"}, {"clientCode": "no-such"}, {}, {"requests": "{"}])
async def test_errors_are_http_200_in_json(shop: Shop, form: dict[str, str]) -> None:
    """An API error is HTTP 200 with the right Content-Type and the length of its body."""
    response = await shop.http.post("/api/", data=form)
    assert well_formed(response)["status"]["errorCode"] == 1001
    assert response.headers["content-type"] == CONTENT_TYPE
    assert int(response.headers["content-length"]) == len(response.content)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
async def test_other_methods_are_405(shop: Shop, method: str) -> None:
    """A verb that is not part of the protocol is refused, told which ones are, and runs nothing."""
    query = {"clientCode": shop.code, "sessionKey": shop.key, "request": "saveCustomer", "firstName": "A"}
    response = await shop.http.request(method, "/api/", params=query)
    assert response.status_code == 405
    assert await shop.records("getCustomers") == []
    assert {"GET", "POST"} <= set(response.headers["allow"].replace(" ", "").split(","))


@pytest.mark.parametrize("path", ["/", "/api/x", "/apis", "/API", "//api/", "/api/../etc/passwd", "/favicon.ico"])
async def test_other_paths_are_404(shop: Shop, path: str) -> None:
    """A path that is not served is a plain 404, not an answer of the API."""
    response = await shop.http.get(path)
    assert response.status_code == 404
    assert "status" not in response.json()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", FORM),
        (b"", JSON),
        (b"", {}),
        (b"", {"content-type": "multipart/form-data; boundary=x"}),
    ],
)
async def test_an_empty_body_leaves_the_query(shop: Shop, body: bytes, headers: dict[str, str]) -> None:
    """POST with everything in the query and nothing in the body works, whatever type the body claims."""
    query = {"clientCode": shop.code, "sessionKey": shop.key, "request": "getConfParameters"}
    response = await shop.http.post("/api", params=query, content=body, headers=headers)
    assert well_formed(response)["status"]["errorCode"] == 0
