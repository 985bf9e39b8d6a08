"""Bad input on the real server: a documented code at HTTP 200, nothing changed, nobody else harmed.

Each test sends many bad requests to one account and compares what the account holds before and after.
"""

import json
from typing import Any

import pytest

from bulk.sending import FORM, JSON, contents, json_text, outcome, outcomes, post, post_requests, well_formed
from support.client import Erply

MULTIPART = "multipart/form-data; boundary=sep"
DEEP = 1_000

GOOD = '{"requestName": "getVatRates", "requestID": "good"}'
ADD = '{"requestName": "addCustomerRewardPoints", "customerID": 1, "points": 5}'


async def prepared(till: Erply) -> list[Any]:
    """An account with a customer, points and a document; what it holds."""
    customer = await till.customer(points=50)
    sale = {"requestName": "saveSalesDocument", "customerID": customer, "amount1": 1, "price1": 5}
    redemption = {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": 1}
    assert await till.codes([sale, redemption]) == [0, 0]
    return await contents(till)


def part(name: bytes, value: bytes) -> bytes:
    return b'--sep\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n' + value + b"\r\n"


def form_of(till: Erply, more: bytes) -> bytes:
    return f"clientCode={till.code}&sessionKey={till.key}&request=addCustomerRewardPoints&customerID=1&".encode() + more


async def test_bodies_that_cannot_be_read(till: Erply) -> None:
    """Broken JSON, broken UTF-8 and broken multipart are 1015 for the whole, and nothing is run."""
    before = await prepared(till)
    good = json_text(till, f"[{ADD}]").encode()
    parts = part(b"clientCode", till.code.encode()) + part(b"sessionKey", till.key.encode())
    bodies = [
        *((good[:cut], JSON["content-type"]) for cut in (1, 20, len(good) - 1)),
        (good + b"}", JSON["content-type"]),
        (good + good, JSON["content-type"]),
        (good.replace(b'"', b"'"), JSON["content-type"]),
        (b"\xef\xbb\xbf" + good, JSON["content-type"]),
        (good.decode().encode("utf-16"), JSON["content-type"]),
        (good.decode().encode("utf-32"), JSON["content-type"]),
        (b"[" + good + b"]", JSON["content-type"]),
        (b'"text"', JSON["content-type"]),
        (b"5", JSON["content-type"]),
        (b"NaN", JSON["content-type"]),
        (b"null", JSON["content-type"]),
        (good.replace(b"5}", b"NaN}"), JSON["content-type"]),
        (good.replace(b"5}", b"Infinity}"), JSON["content-type"]),
        (good.replace(b"5}", b"05}"), JSON["content-type"]),
        (good.replace(b"5}", b"0x5}"), JSON["content-type"]),
        (good.replace(b"5}", b"5,}"), JSON["content-type"]),
        (good.replace(b"5}", b"5} // five"), JSON["content-type"]),
        (good.replace(b"addC", b"add\x00C"), JSON["content-type"]),
        (good.replace(b"addC", b"add\xffC"), JSON["content-type"]),
        (good.replace(b"addC", b"add\xed\xa0\x80C"), JSON["content-type"]),
        (good.replace(b"addC", b"add\\ud800C"), JSON["content-type"]),
        (good.replace(b"addC", b"add\\udc00\\ud800C"), JSON["content-type"]),
        (good.replace(b"addC", b"add\\u00C"), JSON["content-type"]),
        (form_of(till, b"points=5&description=%ff"), FORM["content-type"]),
        (form_of(till, b"points=5&description=\xff"), FORM["content-type"]),
        (form_of(till, b"points=5&description=%ed%a0%80"), FORM["content-type"]),
        (form_of(till, b"points=5&description=%c3"), FORM["content-type"]),
        (form_of(till, b"points=5&%ff=x"), FORM["content-type"]),
        (parts + part(b"request", b"getVatRates\xff") + b"--sep--\r\n", MULTIPART),
        (parts + part(b"re\xffquest", b"getVatRates") + b"--sep--\r\n", MULTIPART),
        (parts, "multipart/form-data"),
        (parts.replace(b"Content-Disposition", b"Content Disposition"), MULTIPART),
        (parts.replace(b"form-data; name", b"form-data; nome"), MULTIPART),
        (parts.replace(b'name="clientCode"', b'name="clientCode"; filename="x"') + b"--sep--\r\n", MULTIPART),
        (b"no parts at all", MULTIPART),
    ]
    for body, content_type in bodies:
        answer = await post(till, body, content_type)
        assert outcome(answer["status"]) == (1015, None), (body, content_type)
    assert await contents(till) == before


async def test_queries_that_cannot_be_read(till: Erply) -> None:
    """Broken UTF-8 in the query is 1015 too, whatever stands in the body."""
    before = await prepared(till)
    query = form_of(till, b"points=5&description=%ff%fe").decode()
    for response in (
        await till.http.get(f"/api/?{query}"),
        await till.http.post(f"/api/?{query}"),
        await till.http.post(f"/api/?{query}", data={"version": "1.0"}),
        await till.http.post(f"/api?{query}", json={"points": 6}),
    ):
        assert outcome(well_formed(response)["status"]) == (1015, None)
    assert await contents(till) == before


@pytest.mark.parametrize("depth", [DEEP, 100_000])
@pytest.mark.parametrize("shape", ["[", '{"a":', '[{"a":'])
async def test_deep_nesting(till: Erply, shape: str, depth: int) -> None:
    """Nesting of a thousand levels and more is an error of its request, in every place, never of the server."""
    before = await prepared(till)
    closing = {"[": "]", '{"a":': "}", '[{"a":': "}]"}[shape]
    deep = shape * depth + "1" + closing * depth
    for body in (
        deep,
        json_text(till, deep),
        json_text(till, f'[{ADD[:-1]}, "description": {deep}}}]'),
        json_text(till, f'[{ADD[:-1]}, "unknown": {deep}}}]'),
        json_text(till, f'[{ADD[:-1]}, "requestID": {deep}}}]'),
        json_text(till, f'[{ADD[:-1]}, "points": 6, "deep": {deep}}}]'),
    ):
        assert outcome((await post(till, body))["status"]) == (1015, None)
    status = (await till.post({"clientCode": till.code, "sessionKey": till.key, "requests": deep}))["status"]
    assert outcome(status) == (1015, None)
    assert await contents(till) == before


BAD_PARAMETERS: list[tuple[str, str, tuple[int, str | None]]] = [
    *(("subtractCustomerRewardPoints", *each) for each in [
        ('"customerID": 1', (1010, "points")),
        ('"points": 1', (1010, "customerID")),
        ('"customerID": 1, "points": "five"', (1014, "points")),
        ('"customerID": 1, "points": 1.5', (1014, "points")),
        ('"customerID": 1, "points": -0', (1016, "points")),
        ('"customerID": 1, "points": -0.0', (1016, "points")),
        ('"customerID": 1, "points": -5', (1016, "points")),
        ('"customerID": 1, "points": 1e400', (1014, "points")),
        ('"customerID": 1, "points": 1e308', (1016, "points")),
        ('"customerID": 1, "points": 1' + "0" * 40, (1016, "points")),
        ('"customerID": 1, "points": "1' + "0" * 30 + '"', (1016, "points")),
        ('"customerID": 1, "points": "1' + "0" * 400 + '"', (1014, "points")),
        ('"customerID": 1, "points": 1000000001', (1016, "points")),
        ('"customerID": 1, "points": 500', (1042, None)),
        ('"customerID": 1, "points": true', (1014, "points")),
        ('"customerID": 1, "points": [1]', (1030, "points")),
        ('"customerID": 1, "points": {"1": 1}', (1030, "points")),
        ('"customerID": 999, "points": 1', (1011, "customerID")),
        ('"customerID": 0, "points": 1', (1016, "customerID")),
        ('"customerID": -1, "points": 1', (1016, "customerID")),
        ('"customerID": 9007199254740992, "points": 1', (1016, "customerID")),
        ('"customerID": 18446744073709551617, "points": 1', (1016, "customerID")),
        ('"customerID": "1 OR 1=1", "points": 1', (1014, "customerID")),
        ('"customerID": 1, "points": 1, "invoiceID": 999', (1011, "invoiceID")),
        ('"customerID": 1, "points": 1, "invoiceID": "1; DROP TABLE lots"', (1014, "invoiceID")),
        ('"customerID": 1, "points": 1, "description": "a\\u0000b"', (1014, "description")),
        ('"customerID": 1, "points": 1, "description": "' + "x" * 256 + '"', (1014, "description")),
        ('"customerID": 1, "points": 1, "description": 1e400', (1014, "description")),
        ('"customerID": 1, "points": 1, "subtractedUnixTime": 253402300800', (1016, "subtractedUnixTime")),
        ('"customerID": 1, "points": 1, "points": 2', (1013, "points")),
    ]),
    *(("saveSalesDocument", *each) for each in [
        ('"price1": 5', (1010, "amount1")),
        ('"amount1": 0', (1016, "amount1")),
        ('"amount1": "0.000"', (1016, "amount1")),
        ('"amount1": 1e400', (1014, "amount1")),
        ('"amount1": 1e308', (1016, "amount1")),
        ('"amount1": 1e12', (1016, "amount1")),
        ('"amount1": "1,5"', (1014, "amount1")),
        ('"amount1": 999999999999, "price1": 999999999999', (1016, "price1")),
        ('"amount1": 1, "rounding": 1e308', (1016, "rounding")),
        ('"amount1": 1, "vatrateID1": 99', (1011, "vatrateID1")),
        ('"amount1": 1, "customerID": 99', (1011, "customerID")),
        ('"amount1": 1, "date": "2026-02-31"', (1014, "date")),
        ('"amount1": 1, "date": "31.01.2026"', (1014, "date")),
        ('"amount1": 1, "deliveryDate1": "2026-02-31"', (1014, "deliveryDate1")),
        ('"amount1": 1, "time": "25:00"', (1014, "time")),
        ('"amount1": 1, "type": "cashinvoice"', (1016, "type")),
        ('"amount1": 1, "temporaryUUID": "a b"', (1014, "temporaryUUID")),
        ('"amount1": 1, "temporaryUUID": "' + "a" * 129 + '"', (1014, "temporaryUUID")),
        ('"amount1": 1, "attributeName1": "a b", "attributeValue1": "c"', (1014, "attributeName1")),
        ('"amount1": 1, "attributeValue1": "c"', (1013, "attributeName1")),
        ('"attributeName1": "a", "attributeType1": "int", "attributeValue1": ""', (1014, "attributeValue1")),
        ('"amount1": 1, "itemName1": "a\\u0000"', (1014, "itemName1")),
    ]),
    *(("saveCustomer", *each) for each in [
        ("", (1010, "firstName")),
        ('"firstName": "   "', (1010, "firstName")),
        ('"firstName": "A", "customerID": 99', (1011, "customerID")),
        ('"firstName": ["A"]', (1030, "firstName")),
        ('"firstName": "A", "birthday": "1990-13-01"', (1014, "birthday")),
        ('"firstName": "A", "credit": 1e400', (1014, "credit")),
        ('"firstName": "A", "notes": "' + "x" * 65_536 + '"', (1014, "notes")),
    ]),
    ("getCustomers", '"orderBy": "password"', (1016, "orderBy")),
    ("getCustomers", '"orderByDir": "sideways"', (1016, "orderByDir")),
    ("getCustomers", '"customerIDs": "1) OR (1=1"', (1029, "customerIDs")),
    ("getCustomers", '"recordsOnPage": "many"', (1014, "recordsOnPage")),
    ("saveVatRate", '"rate": "-1"', (1014, "rate")),
    ("saveVatRate", '"rate": -1', (1016, "rate")),
    ("verifyUser", '"username": "till"', (1050, "password")),
    ("getMoney", "", (1005, None)),
    ("", "", (1005, None)),
]  # fmt: skip


async def test_bad_parameters(till: Erply) -> None:
    """Each bad sub-request gets its code, field and sentence; the good ones around it are carried out."""
    before = await prepared(till)
    for start in range(0, len(BAD_PARAMETERS), 15):
        some = BAD_PARAMETERS[start : start + 15]
        texts = [f'{{"requestName": "{call}"{", " if text else ""}{text}}}' for call, text, _ in some]
        between = [each for text in texts for each in (GOOD, text)]
        answer = await post_requests(till, f"[{', '.join(between)}]")
        found = outcomes(answer)
        assert found[0::2] == [(0, None)] * len(some)
        assert dict(zip(texts, found[1::2], strict=True)) == dict(
            zip(texts, (expected for *_, expected in some), strict=True)
        )
    assert await contents(till) == before


async def test_page_numbers_without_end(till: Erply) -> None:
    """Pages and page sizes beyond all bounds are brought inside them."""
    await prepared(till)
    for text, found in (
        *(('"recordsOnPage": 1e308', 1), ('"recordsOnPage": 1' + "0" * 40, 1), ('"recordsOnPage": -1e308', 1)),
        *(('"pageNo": -0', 1), ('"pageNo": -5', 1), ('"pageNo": 1e308', 0), ('"pageNo": 1' + "0" * 40, 0)),
        ('"pageNo": 9223372036854775807, "recordsOnPage": 100', 0),
    ):
        (answer,) = (await post_requests(till, f'[{{"requestName": "getCustomers", {text}}}]'))["requests"]
        assert outcome(answer["status"]) == (0, None), text
        assert (len(answer["records"]), answer["status"]["recordsTotal"]) == (found, 1), text


@pytest.mark.parametrize(
    "code",
    [
        *("../x", "..", ".", "/", "/etc/passwd", "..%2fx", "a/../b", "a.db", "a\x00", "\x00", "A1", "1 ", " 1", "Õ"),
        *("-", "a-", "-a", "a" * 33, "1" * 100_000, "con", "nul", "*", "a;b", "a'b", "\\", "%", "\ud7ff", "\uff11"),
    ],
)
async def test_account_codes_are_checked_first(till: Erply, code: str) -> None:
    """Text that is no account code is 1001 and touches no path, in forms, JSON and headers."""
    for answer in (
        await till.post({"clientCode": code, "sessionKey": till.key, "request": "getVatRates"}),
        await post(till, json.dumps({"clientCode": code, "sessionKey": till.key, "requests": []})),
    ):
        assert outcome(answer["status"]) == (1001, None)


@pytest.mark.parametrize("code", ["null", "true", "[]", "{}", '["a1"]', "1.5", "-1", "1e400", "1" + "0" * 4_000])
async def test_account_codes_of_other_types(till: Erply, code: str) -> None:
    """A clientCode that is no text and no whole number of an account is 1001."""
    answer = await post(till, f'{{"clientCode": {code}, "sessionKey": "{till.key}", "request": "getVatRates"}}')
    assert outcome(answer["status"])[0] in {1001, 1015}


@pytest.mark.parametrize("key", ["null", "true", "[]", "{}", "5", "1.5", '"\\u0000"', '"' + "f" * 1_000_000 + '"'])
async def test_session_keys_of_other_types(till: Erply, key: str) -> None:
    """A sessionKey that is no key is 1009 or 1055, never anything else."""
    answer = await post(till, f'{{"clientCode": "{till.code}", "sessionKey": {key}, "request": "getVatRates"}}')
    assert outcome(answer["status"]) in {(1009, None), (1055, None)}


async def test_very_long_names(till: Erply) -> None:
    """Names of a million characters, of calls as of parameters, are read past."""
    before = await prepared(till)
    name = "x" * 1_000_000
    answer = await post_requests(
        till, f'[{{"requestName": "{name}"}}, {ADD[:-1]}, "{name}": 1, "points": "y"}}, {GOOD}]'
    )
    assert outcomes(answer) == [(1005, None), (1013, "points"), (0, None)]
    repeated = f'[{{"requestName": "getVatRates", "{name}": 1, "{name}": 2}}, {GOOD}]'
    first, second = outcomes(await post_requests(till, repeated))
    assert (first[0], second) == (1013, (0, None))
    assert await contents(till) == before


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", "application/xml", "image/png", "", ";", "a", "a/b/c", "x" * 5_000, "application/jsonx"),
        *("application/x-www-form-urlencoded; charset=klingon", "application/json/", "*/*"),
    ],
)
async def test_weird_content_types_are_read_as_forms(till: Erply, content_type: str) -> None:
    """A body of an unknown type is taken for a form: a good form works, JSON in it names no account."""
    form = f"clientCode={till.code}&sessionKey={till.key}&request=getVatRates"
    headers = {"content-type": content_type}
    response = await till.http.post("/api/", content=form, headers=headers)
    assert outcome(well_formed(response)["status"]) == (0, None)
    response = await till.http.post("/api/", content=json_text(till, f"[{ADD}]"), headers=headers)
    assert outcome(well_formed(response)["status"])[0] in {1001, 1015}


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("application/json; charset=utf-16", 0),
        ("APPLICATION/JSON", 0),
        ("application/json;;;", 0),
        ("multipart/form-data; boundary=", 1015),
        ("multipart/form-data; boundary=" + "y" * 5_000, 1015),
    ],
)
async def test_parameters_of_content_types(till: Erply, content_type: str, code: int) -> None:
    """What stands behind the type of a JSON body is ignored; multipart without its boundary cannot be read."""
    answer = await post(till, json_text(till, "[]"), content_type)
    assert outcome(answer["status"])[0] in ({0} if code == 0 else {code, 1001})


async def test_multipart_cut_short(till: Erply) -> None:
    """A multipart body that ends before its last boundary is not taken for a whole one."""
    before = await prepared(till)
    fields = {"clientCode": till.code, "sessionKey": till.key, "request": "addCustomerRewardPoints", "customerID": "1"}
    parts = b"".join(part(name.encode(), value.encode()) for name, value in fields.items())
    whole = parts + part(b"points", b"500") + b"--sep--\r\n"
    for cut in (len(parts) + 58, len(whole) - 10, len(whole) - 12, len(whole) - 4):
        answer = await post(till, whole[:cut], MULTIPART)
        assert outcome(answer["status"])[0] in {1010, 1015}, whole[:cut][-60:]
    assert await contents(till) == before


async def test_nul_bytes_in_forms(till: Erply) -> None:
    """NUL is refused where text is stored, in every encoding, and ignored in what is not read."""
    before = await prepared(till)
    for body, kind in (
        (form_of(till, b"points=5&description=a%00b"), FORM["content-type"]),
        (form_of(till, b"points=5&description=a\x00b"), FORM["content-type"]),
    ):
        assert outcome((await post(till, body, kind))["status"]) == (1014, "description")
    assert outcome((await post(till, form_of(till, b"points=%005"), FORM["content-type"]))["status"]) == (
        1014,
        "points",
    )
    assert await contents(till) == before


async def test_surrogates_beside_repeated_keys(till: Erply) -> None:
    """A lone surrogate is refused however the rest of the body is read, before anything is done."""
    before = await prepared(till)
    twice = '{"requestName": "getVatRates", "x": 1, "x": 2}'
    for place in ('"requestID": "\\ud800"', '"description": "\\udfff"', '"unknown": "\\ud800"', '"\\ud800": 1'):
        answer = await post_requests(till, f"[{ADD[:-1]}, {place}}}, {twice}]")
        assert outcome(answer["status"]) == (1015, None), place
    for value in ("1e400", "-1e999"):
        answer = await post_requests(till, f'[{{"requestName": "nothing", "requestID": {value}}}, {twice}]')
        assert outcome(answer["status"])[0] in {0, 1015}
    assert await contents(till) == before


async def test_repeated_keys_everywhere(till: Erply) -> None:
    """Contradicting keys at the top, in a sub-request and inside a value are never resolved silently."""
    before = await prepared(till)
    top = f'{{"clientCode": "{till.code}", "sessionKey": "{till.key}", "requests": [{ADD}], "requests": []}}'
    assert outcome((await post(till, top))["status"])[0] in {1013, 1015}
    inside = f'{ADD[:-1]}, "description": {{"a": 1, "a": 2}}}}'
    assert outcomes(await post_requests(till, f"[{inside}, {GOOD}]")) == [(1030, "description"), (0, None)]
    assert await contents(till) == before
