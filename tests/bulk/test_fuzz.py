"""Arbitrary JSON as `requests` and arbitrary bytes as body: the server always gives a well-formed answer."""

import json
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulk.sending import post, post_requests, well_formed
from erply_points.calls.registry import CALLS
from support.shop import Shop

quick = settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

NAMES = ["requestName", "requestID", "customerID", "points", "invoiceID", "amount1", "price1", "type"]
CONTENT_TYPES = [
    *("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"),
    *(
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "",
        ";",
        "application/json; charset=utf-16",
        "a/b; c=\xff",
    ),
]

anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
        st.sampled_from([*CALLS, "CURRENT_INVOICE_ID", "1", "", "\x00", "2026-01-01"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=5)), inner, max_size=5),
    ),
    max_leaves=12,
)
sub_requests = st.fixed_dictionaries(
    {"requestName": st.sampled_from(sorted(CALLS))},
    optional={name: anything for name in NAMES if name != "requestName"},
)


@quick
@given(requests=anything)
async def test_any_json_as_requests(shop: Shop, requests: Any) -> None:
    """Whatever JSON stands in `requests`, the answer is HTTP 200 and of the documented shape."""
    answer = await post_requests(shop, json.dumps(requests))
    if answer["status"]["errorCode"] == 0 and "requests" in answer:
        assert len(answer["requests"]) == len(requests)
    assert answer["status"]["errorCode"] != 1000


@quick
@given(requests=st.lists(sub_requests, min_size=1, max_size=4))
async def test_known_calls_with_any_parameters(shop: Shop, requests: list[dict[str, Any]]) -> None:
    """A known call with arbitrary parameters never fails for a reason of the server's own (1000)."""
    answer = await post_requests(shop, json.dumps(requests))
    assert [each["status"]["requestName"] for each in answer["requests"]] == [each["requestName"] for each in requests]
    assert not [each for each in answer["requests"] if each["status"]["errorCode"] in {1000, 1003}]


@quick
@given(
    body=st.binary(max_size=60), start=st.sampled_from([b"", b"clientCode=", b"{", b"[", b"--x\r\n"]), kind=st.data()
)
async def test_any_bytes_as_body(shop: Shop, body: bytes, start: bytes, kind: st.DataObject) -> None:
    """Whatever bytes arrive under whatever content type, the answer is HTTP 200 and well formed."""
    content_type = kind.draw(st.sampled_from(CONTENT_TYPES)).encode("latin-1")
    response = await shop.http.post("/api/", content=start + body, headers={b"content-type": content_type})
    assert well_formed(response)["status"]["errorCode"] in {1001, 1015}


@quick
@given(body=st.binary(max_size=40))
async def test_any_bytes_behind_a_good_form(shop: Shop, body: bytes) -> None:
    """Bytes behind good parameters spoil at most that request."""
    good = f"clientCode={shop.code}&sessionKey={shop.key}&request=getVatRates&".encode()
    answer = await post(shop, good + body, "application/x-www-form-urlencoded")
    assert answer["status"]["errorCode"] in {0, 1001, 1005, 1007, 1009, 1013, 1014, 1015, 1016, 1030, 1055}


@quick
@given(query=st.binary(max_size=40))
async def test_any_bytes_as_query(shop: Shop, query: bytes) -> None:
    """A query string of any bytes, escaped or not, gets an answer too."""
    escaped = quote_from_bytes(query, safe="&=+%[]")
    assert well_formed(await shop.http.get(f"/api/?{escaped}"))["status"]["errorCode"] in {1001, 1015}
