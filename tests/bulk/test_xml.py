"""Answers in XML: the content of the JSON answer in the elements that docs/xml.md specifies."""

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calls.every_call import CASES, FREE, some_of_everything
from erply_points.bulk.formats import JSON, XML
from erply_points.calls.registry import CALLS
from support.client import Record
from support.shop import Shop


class Number(str):
    """A number as JSON writes it."""

    __slots__ = ()


VOLATILE = {"generationTime", "sessionKey", "token", "identityToken"}
"""Fields that differ from one answer to the next."""


def from_json(content: str | bytes) -> Any:
    return json.loads(content, parse_int=Number, parse_float=Number)


def same(element: ET.Element, value: Any, name: str = "response") -> None:
    """Raise AssertionError unless `element` is what docs/xml.md makes of a JSON value."""
    text = element.text or ""
    attributes = {key: text for key, text in element.attrib.items() if key != "name"}
    assert attributes == ({"nil": "true"} if value is None else {}), name
    if isinstance(value, dict):
        children = list(element)
        assert len(children) == len(value), name
        assert text == "", name
        for child, (key, inner) in zip(children, value.items(), strict=True):
            if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", key):
                assert (child.tag, child.attrib.get("name")) == (key, None)
            else:
                assert (child.tag, child.attrib.get("name")) == ("item", without_bad_characters(key))
            if key not in VOLATILE:
                same(child, inner, child.tag)
    elif isinstance(value, list):
        tag = {"records": "record", "requests": "request"}.get(name, "item")
        assert [child.tag for child in element] == [tag] * len(value), name
        assert text == "", name
        for child, inner in zip(element, value, strict=True):
            assert "name" not in child.attrib
            same(child, inner, tag)
    else:
        assert list(element) == [], name
        expected = {None: "", True: "1", False: "0"}.get(value, value)
        assert text == (expected if isinstance(value, Number) else without_bad_characters(expected)), name


def without_bad_characters(text: str) -> str:
    good = ("\t", "\n", "\r")
    return "".join(
        each
        if each in good or " " <= each <= "\ud7ff" or "\ue000" <= each <= "\ufffd" or each >= "\U00010000"
        else "\ufffd"
        for each in text
    )


async def sent(shop: Shop, form: Record) -> httpx.Response:
    base = {"clientCode": shop.code, "sessionKey": shop.key}
    plain = {name: value if isinstance(value, str | int) else json.dumps(value) for name, value in form.items()}
    response = await shop.http.post("/api/", data={**base, **plain})
    assert response.status_code == 200
    return response


async def in_xml(shop: Shop, **form: Any) -> ET.Element:
    """The root of an answer that was asked for in XML."""
    response = await sent(shop, {**form, "responseType": "XML"})
    assert response.headers["content-type"] == "application/xml; charset=UTF-8"
    assert response.content.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<response>")
    return ET.fromstring(response.content)  # noqa: S314 - our own answer


async def in_json(shop: Shop, **form: Any) -> Any:
    return from_json((await sent(shop, form)).content)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.from_regex(r"[A-Za-z_]\w*", fullmatch=True), inner),
    max_leaves=20,
)


@example({"a": "\r\n\t\x00\x0b\ud800\ufffe\uffff]]><&\"'", "b": 2e-05, "c": 1e22, "d": 2**70, "e": -0.0, "f": [[], {}]})
@example({"": 1, "1a": 2, "a b": 3, "a:b": {"x": None}, "\x00\r": 4, "-": [], "records": [{"records": [1]}]})
@given(st.dictionaries(st.text(), VALUES))
def test_any_answer(answer: dict[str, Any]) -> None:
    """Whatever stands in an answer, its XML is well-formed and holds what its JSON holds."""
    root = ET.fromstring(XML.encode(answer))  # noqa: S314 - our own answer
    assert root.tag == "response"
    same(root, answer_as_json(answer))


def answer_as_json(value: Any) -> Any:
    """A value with its numbers as JSON writes them; texts may hold what JSON cannot."""
    match value:
        case dict():
            return {key: answer_as_json(inner) for key, inner in value.items()}
        case list():
            return [answer_as_json(inner) for inner in value]
        case bool() | None | str():
            return value
        case _:
            return Number(JSON.encode({"number": value})[len('{"number":') : -1].decode())


READS = [(call, params) for call, params, _, code in CASES if code == 1060] + [
    *((call, {}) for call in sorted(FREE) if call.startswith("get")),
]
WRITES = [(call, params) for call, params, _, code in CASES if code != 1060]


async def test_every_call_that_reads(shop: Shop) -> None:
    """Every listing answers in XML with the content of its JSON answer, alone and in a bulk."""
    await some_of_everything(shop)
    for call, params in READS:
        answer = await in_json(shop, request=call, **params)
        assert answer["status"]["errorCode"] == "0", call
        same(await in_xml(shop, request=call, **params), answer)
    requests = [{"requestName": call, "requestID": number, **params} for number, (call, params) in enumerate(READS)]
    same(await in_xml(shop, requests=requests), await in_json(shop, requests=requests))


@pytest.mark.parametrize(("call", "params"), WRITES, ids=str)
async def test_every_call_that_writes(shop: Shop, call: str, params: Record) -> None:
    """Every call that saves answers in XML as it does in JSON, and does the same."""
    other = await shop.neighbour()
    for each in (shop, other):
        await some_of_everything(each)
    same(await in_xml(other, request=call, **params), await in_json(shop, request=call, **params))
    listings = [{"requestName": "getSalesDocuments"}, {"requestName": "getEarnedRewardPointRecords"}]
    same(await in_xml(other, requests=listings), await in_json(shop, requests=listings))


async def test_logging_in(shop: Shop) -> None:
    """Logging in answers in XML too, with a session key that works."""
    form = {"request": "verifyUser", "username": "till", "password": "secret"}
    root = await in_xml(shop, **form)
    same(root, await in_json(shop, **form))
    shop.key = root.findtext("records/record/sessionKey") or ""
    assert await shop.records("getVatRates")


def test_no_call_is_left_out() -> None:
    """The calls above are all there are, but for switchUser, which answers as verifyUser does."""
    assert {call for call, _ in READS + WRITES} | {"verifyUser", "switchUser"} == set(CALLS)


@pytest.mark.parametrize(
    "form",
    [
        {"clientCode": "nobody"},
        {"clientCode": ""},
        {"sessionKey": ""},
        {"sessionKey": "0" * 40},
        {"request": "x"},
        {"request": ""},
        {"request": "getCustomers", "recordsOnPage": "many"},
        {"request": "getCustomerRewardPoints"},
        {"request": "getCustomerRewardPoints", "customerID": "<&>"},
        {"requests": "[1, 2]"},
        {"requests": "not json"},
        {"requests": json.dumps([{"requestName": "getVatRates"}] * 101)},
        {"requests": json.dumps([{"requestName": "getVatRates", "pageNo": "<"}, {"requestName": "<&>\u0001"}, {}])},
    ],
)
async def test_errors(shop: Shop, form: dict[str, str]) -> None:
    """Errors of the whole request and of its parts come in the format that was asked for."""
    whole = {"request": "getVatRates"} if "requests" not in form else {}
    root, answer = await in_xml(shop, **{**whole, **form}), await in_json(shop, **{**whole, **form})
    same(root, answer)
    codes = [element.text for element in root.iter("errorCode")]
    assert any(code != "0" for code in codes)


async def test_the_records_of_errors(shop: Shop) -> None:
    """The records of an error are nil, or an empty element if the account wants a list."""
    (records,) = (await in_xml(shop, request="getCustomerRewardPoints")).findall("records")
    assert (records.attrib, list(records), records.text) == ({"nil": "true"}, [], None)
    await shop.set(error_records="empty")
    (records,) = (await in_xml(shop, request="getCustomerRewardPoints")).findall("records")
    assert (records.attrib, list(records), records.text) == ({}, [], None)


@pytest.mark.parametrize(
    "text", ["<b>Õ & \"ä\" 'x'</b>", "]]>", "a\tb\nc\rd\r\ne", "🎁\u2028\u0085", "  x  ", "&amp;&#65;"]
)
async def test_texts(shop: Shop, text: str) -> None:
    """Texts arrive character for character, whatever XML means by them."""
    await shop.customer(notes=text)
    root, answer = await in_xml(shop, request="getCustomers"), await in_json(shop, request="getCustomers")
    assert answer["records"][0]["notes"] == text
    assert root.findtext("records/record/notes") == text
    same(root, answer)


async def test_characters_that_xml_lacks(shop: Shop) -> None:
    """Characters that XML cannot hold become U+FFFD, each one."""
    await shop.customer(lastName="A\u0001B\u001f\ufffe\uffff\u007f")
    root = await in_xml(shop, request="getCustomers")
    assert root.findtext("records/record/lastName") == "A\ufffdB\ufffd\ufffd\ufffd\u007f"


@pytest.mark.parametrize(
    "request_id",
    ['"\\u0000"', '"]]>&<x/>"', '"\\r"', '""', "7", "1.5", "1e-7", "true", "false", "null", "[]", "{}", "1" * 30],
)
async def test_any_request_id(shop: Shop, request_id: str) -> None:
    """Whatever stands in requestID, it comes back in XML as it does in JSON."""
    body = f'[{{"requestName": "getVatRates", "requestID": {request_id}}}]'
    root, answer = await in_xml(shop, requests=body), await in_json(shop, requests=body)
    same(root, answer)


async def test_the_example_of_the_documentation(shop: Shop) -> None:
    """The answer that docs/xml.md shows is what the server answers, but for its moment and numbers."""
    mari = await shop.customer(318)
    response = await sent(shop, {"request": "getCustomerRewardPoints", "customerID": mari, "responseType": "XML"})
    assert re.sub(r"<generationTime>[^<]*<", "<generationTime>0.0021<", response.text) == (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        "<response><status><request>getCustomerRewardPoints</request><requestUnixTime>1767225600</requestUnixTime>"
        "<responseStatus>ok</responseStatus><errorCode>0</errorCode><generationTime>0.0021</generationTime>"
        "<recordsTotal>1</recordsTotal><recordsInResponse>1</recordsInResponse></status>"
        "<records><record><points>318</points></record></records></response>"
    )


@pytest.mark.parametrize("asked", ["xml", "Xml", "YAML", "XML "])
async def test_formats_that_there_are_not(shop: Shop, asked: str) -> None:
    """A format that the server does not write is 1007, told in JSON."""
    response = await sent(shop, {"request": "getVatRates", "responseType": asked})
    assert response.headers["content-type"] == "application/json; charset=UTF-8"
    assert response.json()["status"]["errorCode"] == 1007
