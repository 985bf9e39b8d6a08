"""Text stays text: in every parameter of every call, in account codes and in paths."""

import itertools
import sqlite3
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from calls.every_call import CASES, some_of_everything
from erply_points import schemas
from erply_points.calls.registry import CALLS
from support.dialects import LOOKUP
from support.shop import Shop

PAYLOADS = (
    *("'", '"', "\\", "' OR '1'='1", "1; DROP TABLE customers; --", "') OR 1=1 --", "x' UNION SELECT * FROM users --"),
    *("1 OR 1=1", "/* */", "`", "${1}", "%", "_", "\\%", "../../etc/passwd", "a/../../b.db", "~root", "|id", "$(id)"),
    *(
        "CURRENT_INVOICE_ID",
        "@{1.x}",
        "rowid",
        "id); DELETE FROM lots; --",
        "\ud7ff",
        "\uff24\uff32\uff2f\uff30",
        "a\u2028b",
    ),
)


STRONGEST = (
    "' OR '1'='1",
    "1; DROP TABLE customers; --",
    "') UNION SELECT * FROM users --",
    "../../etc/passwd",
    "%'\\",
)
"""For where every parameter is tried."""


def texts(call: str) -> Iterator[str]:
    """The parameters of a call, those with a number as the first of theirs."""
    schema = schemas.call_request(call)
    yield from schema.get("properties", {})
    for pattern in schema.get("patternProperties", {}):
        yield pattern.strip("^$").partition("[")[0] + "1"


def shape(shop: Shop) -> list[tuple[Any, ...]]:
    """Tables, indexes and how many rows of what no call below can make or delete."""
    with sqlite3.connect(shop.settings.data / f"{shop.code}.db") as database:
        found = database.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()
        found += database.execute("SELECT 'users', count(*), '' FROM users").fetchall()
        found += database.execute("SELECT name, value, '' FROM settings ORDER BY 1").fetchall()
    database.close()
    return found


async def test_every_parameter_of_every_call(shop: Shop) -> None:
    """SQL, patterns and paths in any parameter are values or refused: no 1000, the tables as they were, all sound."""
    await some_of_everything(shop)
    before = shape(shop)
    good = {name: params for name, params, *_ in CASES}
    sent = 0
    for name in sorted(CALLS.keys() - {"verifyUser", "switchUser"}):
        requests = [
            {"requestName": name, **good.get(name, {}), parameter: payload}
            for parameter in texts(name)
            for payload in STRONGEST
        ]
        for start in range(0, len(requests), 100):
            some = requests[start : start + 100]
            top = {"clientCode": shop.code, "sessionKey": shop.key}
            answer = (await shop.http.post("/api/", json={**top, "requests": some})).json()
            codes = {each["status"]["errorCode"] for each in answer["requests"]}
            assert not codes & {1000, 1003}, name
            sent += len(some)
    assert sent > 2_000
    assert shape(shop) == before
    assert await shop.check() == []


async def test_text_comes_back_and_is_found_as_it_is(shop: Shop) -> None:
    """What was saved comes back letter by letter; searching for it finds it and nothing that only looks like it."""
    other = await shop.customer(firstName="Other", lastName="Person", code="elsewhere")
    for payload in PAYLOADS:
        mine = await shop.customer(firstName=payload, lastName="Tamm", code=payload)
        (found,) = await shop.records("getCustomers", customerID=mine)
        assert (found["firstName"], found["code"]) == (payload, payload)
        ids = {each["customerID"] for each in await shop.records("getCustomers", searchName=payload, recordsOnPage=100)}
        assert mine in ids, payload
        assert other not in ids, payload


async def test_what_shapes_a_listing(shop: Shop) -> None:
    """Sort fields, directions, ID lists and fields asked for are names from a list, or refused; never SQL."""
    await shop.customer()
    fields = ("orderBy", "orderByDir", "getFields", "lang", "customerIDs", "changedSince")
    for field, payload in itertools.product(fields, PAYLOADS):
        answer = await shop.call("getCustomers", **{field: payload})
        status = answer["status"]
        if field in {"getFields", "lang"}:
            assert status["errorCode"] == 0
            assert field == "lang" or answer["records"] == [{}]
        else:
            assert (status["errorCode"], status["errorField"]) in {(1014, field), (1016, field), (1029, field)}


CODES = (
    *("..", "../data/CODE", "./CODE", "CODE/", "CODE.db", "CODE\x00", "CODE ", " CODE", "CODE\n", "UPPER", "CODE%00"),
    *(
        "/etc/passwd",
        "file:CODE",
        "CODE?mode=memory",
        ":memory:",
        "WIDE",
        "CODE\u200b",
        "a\u0301",
        "\uff23ODE",
        "CODE'--",
    ),
    *("CODE-wal", "CODE;x", "*", "CODE*", "[a-z]", "\u0131", "K"),
)


async def test_account_codes_lead_nowhere_else(shop: Shop) -> None:
    """A clientCode in other letters, with paths or with what looks alike names no account and touches no file."""
    for code in CODES:
        await leads_nowhere(shop, code)


async def leads_nowhere(shop: Shop, code: str) -> None:
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in shop.code)
    tried = code.replace("CODE", shop.code).replace("WIDE", wide).replace("UPPER", shop.code.upper())
    before = sorted(path.name for path in shop.settings.data.parent.rglob("*"))
    status = (await shop.post({"clientCode": tried, "sessionKey": shop.key, "request": "getVatRates"}))["status"]
    assert status["errorCode"] == 1001, code
    for key in (f"{tried}.x", tried):
        headers = {b"authorization": b"Bearer " + key.encode()}
        assert (await shop.http.post("/v1/members", json={}, headers=headers)).status_code == 401
        body = {"key": key, "secret": "x"}
        assert (await shop.http.post("/v3/oauth/token/generate", json=body)).status_code in {400, 401}
    assert sorted(path.name for path in shop.settings.data.parent.rglob("*")) == before


async def test_paths_and_identifiers_of_the_other_dialects(shop: Shop) -> None:
    """Customers, profiles and identifiers of Capillary and fabric are values too: not found, whatever they say."""
    await shop.customer(points=5, email="a@b.ee")
    key, secret = await shop.client()
    form = {"grant_type": "client_credentials"}
    token = (await shop.http.post("/oauth2/x/v1/token", data=form, auth=(key, secret))).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    for payload in PAYLOADS:
        query = {"source": "LINE", "identifierName": "email", "identifierValue": payload}
        body = {"reasonOfReturn": payload[:50], "pointsToBeAdjusted": 1}
        by_value = await shop.http.post(LOOKUP, params=query, json=body, auth=(key, secret))
        assert by_value.json()["errors"][0]["code"] == 8015, payload
        found = await shop.http.get(f"/v1/inquire/{quote(payload, safe='')}/member-points", headers=headers)
        assert found.status_code in {400, 404}, payload
    assert await shop.balance(1) == 5


@pytest.mark.parametrize("path", ["../pyproject.toml", "%2e%2e/account.json", "..%2f..%2fetc/passwd", "erply", "%00"])
async def test_schemas_are_all_that_is_served(shop: Shop, path: str) -> None:
    """Below /schemas/ there are the schemas and no files."""
    assert (await shop.http.get(f"/schemas/{path}")).status_code == 404
