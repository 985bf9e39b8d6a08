"""Answers in XML, as docs/xml.md specifies them."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from support.shop import Shop


async def answer(shop: Shop, **form: Any) -> ET.Element:
    sent = {"clientCode": shop.code, "sessionKey": shop.key, "responseType": "XML", **form}
    response = await shop.http.post("/api/", data=sent)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/xml; charset=UTF-8"
    return ET.fromstring(response.content)  # noqa: S314 - our own answer


async def test_a_single_call(shop: Shop) -> None:
    """A single call has a status and a record for each record of the JSON answer, field by field."""
    await shop.customer(notes='<b>Õ & "ä" 🎁</b>\n', firstName="A\u0001B")
    root = await answer(shop, request="getCustomers")
    (record,) = await shop.records("getCustomers")
    assert root.tag == "response"
    assert root.findtext("status/responseStatus") == "ok"
    assert root.findtext("status/recordsTotal") == "1"
    (found,) = root.findall("records/record")
    assert [child.tag for child in found] == list(record)
    assert found.findtext("notes") == record["notes"]
    assert found.findtext("firstName") == "A\ufffdB"
    assert found.findtext("customerID") == "1"
    assert list(found.find("attributes") or []) == []


async def test_a_bulk(shop: Shop) -> None:
    """A bulk has a request for each sub-request, in order; null and lists have their documented form."""
    requests = '[{"requestName":"saveCustomer","requestID":7,"firstName":"A"},{"requestName":"nothing"}]'
    root = await answer(shop, requests=requests)
    good, bad = root.findall("requests/request")
    assert (good.findtext("status/requestID"), good.findtext("records/record/alreadyExists")) == ("7", "0")
    assert bad.findtext("status/errorCode") == "1005"
    for path in ("status/requestID", "status/errorField", "records"):
        element = bad.find(path)
        assert element is not None
        assert (element.get("nil"), element.text) == ("true", None)


@pytest.mark.parametrize(
    ("form", "code"), [({"clientCode": "nobody"}, "1001"), ({"sessionKey": ""}, "1009"), ({"request": "x"}, "1005")]
)
async def test_errors(shop: Shop, form: dict[str, str], code: str) -> None:
    """Errors of the whole request come in the format that was asked for."""
    root = await answer(shop, **{"request": "getVatRates", **form})
    assert root.findtext("status/errorCode") == code
    assert root.findtext("status/responseStatus") == "error"
    assert (root.findtext("status/errorMessage") or "").endswith(".")


@pytest.mark.parametrize("request_id", ['"\\u0000"', '"]]>&<x/>"', "1.5", "true", "123456789012345678901234567890"])
async def test_any_request_id(shop: Shop, request_id: str) -> None:
    """Whatever stands in requestID, the answer is well-formed XML."""
    root = await answer(shop, requests=f'[{{"requestName":"getVatRates","requestID":{request_id}}}]')
    (sub_answer,) = root.findall("requests/request")
    expected = {'"\\u0000"': "\ufffd", '"]]>&<x/>"': "]]>&<x/>", "true": "1"}.get(request_id, request_id)
    assert sub_answer.findtext("status/requestID") == expected
