"""The schemas as a client meets them: fetched from the real server, references followed over HTTP."""

import contextlib
import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from erply_points import schemas
from support.client import Erply
from support.process import ServerProcess

DOCS = Path(__file__).parents[2] / "docs"
COMMON = "/schemas/erply/common.json"


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
        yield client


class Fetching:
    """A registry that knows nothing beforehand and fetches each `$ref` from the server."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.fetched: list[str] = []
        self.registry: Registry[Any] = Registry(retrieve=self._retrieve)  # type: ignore[call-arg]  # attrs' alias

    def _retrieve(self, uri: str) -> Resource[Any]:
        self.fetched.append(uri)
        response = self._client.get(uri)
        assert response.status_code == 200, uri
        return Resource.from_contents(response.json())

    def validator(self, path: str) -> Draft202012Validator:
        return Draft202012Validator(self._client.get(path).json(), registry=self.registry)


class Raw(NamedTuple):
    status: int
    content_type: str | None
    body: bytes


def raw(server: ServerProcess, method: str, path: str, host: str | None = None) -> Raw:
    """The answer to a path that goes out as it stands, without a client that tidies it up."""
    with contextlib.closing(http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)) as connection:
        connection.request(method, path, headers={} if host is None else {"Host": host})
        response = connection.getresponse()
        return Raw(response.status, response.headers["content-type"], response.read())


async def test_request_and_answer_hold_against_fetched_schemas(client: httpx.Client, till: Erply) -> None:
    """A client that knows only the address of a schema can validate what it sends and what it gets."""
    fetching = Fetching(client)
    customer = await till.customer(points=50)
    request = {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": 20}
    bulk = {"clientCode": till.code, "sessionKey": till.key, "requests": [request]}
    answer = await till.bulk([request])
    fetching.validator("/schemas/erply/bulk.request.json").validate(bulk)
    fetching.validator("/schemas/erply/bulk.answer.json").validate(answer)
    base = str(client.base_url).rstrip("/")
    assert f"{base}{COMMON}" in fetching.fetched
    assert f"{base}/schemas/erply/calls/subtractCustomerRewardPoints.answer.json" in fetching.fetched
    assert {uri[: len(base)] for uri in fetching.fetched} == {base}

    answer["requests"][0]["records"][0]["remainingPoints"] = "30"
    assert not fetching.validator("/schemas/erply/bulk.answer.json").is_valid(answer)
    request["points"] = 0
    assert not fetching.validator("/schemas/erply/bulk.request.json").is_valid(bulk)


def test_a_reference_is_as_good_as_the_schema(client: httpx.Client) -> None:
    """A validator that is given nothing but a `$ref` to an address fetches the rest by itself."""
    fetching = Fetching(client)
    address = f"{str(client.base_url).rstrip('/')}/schemas/erply/calls/getCustomerRewardPoints.request.json"
    validator = Draft202012Validator({"$ref": address}, registry=fetching.registry)
    assert validator.is_valid({"customerID": 5})
    assert not validator.is_valid({"customerID": 0})
    assert len({*fetching.fetched}) == 2


def test_the_documented_way_works(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of the documentation, with the address of a server, run as they stand."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (code,) = re.findall(r"```python\n(.+?)```", (DOCS / "schemas.md").read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace("http://127.0.0.1:8080", server.url), names)  # noqa: S102 - our own documentation
    assert names["schema"]["$id"] == f"{server.url}/schemas/erply/calls/saveCustomer.request.json"


def test_the_index_leads_to_every_schema(client: httpx.Client) -> None:
    """Each schema is listed with the call and the direction it is for, and its `$id` can be fetched as it stands."""
    listed = client.get("/schemas/").json()["schemas"]
    assert [each["path"] for each in listed] == list(schemas.all_schemas())
    for each in listed:
        response = client.get(each["$id"])
        assert response.headers["content-type"] == "application/schema+json"
        found = response.json()
        assert found == {**schemas.all_schemas()[each["path"]], "$id": each["$id"]}
        assert (each["title"], each["description"]) == (found["title"], found["description"])
        if each["call"]:
            assert each["path"] == f"/schemas/erply/calls/{each['call']}.{each['direction']}.json"
    calls = {each["call"] for each in listed if each["call"]}
    assert {"saveSalesDocument", "subtractCustomerRewardPoints"} < calls
    assert {each["direction"] for each in listed} == {"request", "answer", None}
    assert client.get("/schemas").json() == {"schemas": listed}


def test_a_proxy_is_seen_through(client: httpx.Client) -> None:
    """Behind a proxy that passes on Host and scheme, `$id`s are the addresses that the client used."""
    headers = {"Host": "points.example.com", "X-Forwarded-Proto": "https"}
    assert client.get(COMMON, headers=headers).json()["$id"] == f"https://points.example.com{COMMON}"
    listed = client.get("/schemas/", headers=headers).json()["schemas"]
    assert all(each["$id"] == f"https://points.example.com{each['path']}" for each in listed)


def test_what_is_unchanged_is_not_sent_again(client: httpx.Client) -> None:
    """A client may keep a schema but asks each time, by its tag; under another address it is another text."""
    first = client.get(COMMON)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "no-cache"
    for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.get(COMMON, headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "no-cache"
    assert client.get(COMMON, headers={"If-None-Match": '"other"'}).content == first.content
    assert client.get(COMMON, headers={"Host": "other.example", "If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("path", ["/schemas/", COMMON])
def test_pages_of_any_origin_may_read(client: httpx.Client, path: str) -> None:
    """A validator that runs in a browser can fetch the schemas, and sees why it can not."""
    origin = {"Origin": "https://validator.example"}
    for response in (client.get(path, headers=origin), client.get("/schemas/none.json", headers=origin)):
        assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/schemas/", COMMON])
def test_head_tells_what_get_would_send(server: ServerProcess, client: httpx.Client, path: str) -> None:
    """HEAD has the headers of GET and no body."""
    got = client.get(path)
    looked = client.head(path)
    assert looked.status_code == 200
    assert looked.content == b""
    for name in ("content-length", "content-type", "etag", "cache-control", "access-control-allow-origin"):
        assert looked.headers[name] == got.headers[name]
    assert raw(server, "POST", path).status == 405


@pytest.mark.parametrize(
    "path",
    [
        "/schemas/none.json",
        "/schemas/erply",
        "/schemas/erply/",
        "/schemas/erply/calls/",
        "/schemas/erply/calls/saveCustomer",
        "/schemas/erply/common.json/",
        "/schemas//erply/common.json",
        "/schemas/erply/calls/../common.json",
        "/schemas/../pyproject.toml",
        "/schemas/..%2f..%2fpyproject.toml",
        "/schemas/%2e%2e/pyproject.toml",
        "/schemas//etc/passwd",
        "/schemas/%2fetc%2fpasswd",
        "/schemas/erply%5ccommon.json",
        "/schemas/erply/common.json%00",
    ],
)
def test_nothing_else_is_served(server: ServerProcess, path: str) -> None:
    """What is no schema is 404 in JSON, and no path leads out of the folder."""
    response = raw(server, "GET", path)
    assert response.status == 404
    assert response.content_type == "application/json"
    assert json.loads(response.body)["error"].endswith(".")


@pytest.mark.parametrize("host", ["a b", "x/y", "a@b", '"', "[1", "x:y", "x:123456", "x?y", "x#y"])
def test_a_host_that_is_none_makes_no_address(server: ServerProcess, host: str) -> None:
    """A Host header that nobody could fetch from is no part of an `$id`; the server's own address stands there."""
    assert json.loads(raw(server, "GET", COMMON, host).body)["$id"] == server.url + COMMON
    assert json.loads(raw(server, "GET", COMMON, "[::1]:81").body)["$id"] == f"http://[::1]:81{COMMON}"
