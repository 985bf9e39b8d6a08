"""The fifteen points that real Erply clients need, one test each, and the examples of the protocol sent literally."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from bulk.sending import CONTENT_TYPE, FORM, outcome, outcomes, post_requests, well_formed
from erply_points.app import create_app
from support.client import Erply
from support.process import ServerProcess
from support.shop import Shop, open_shop, place

NOW = 1_767_225_600


async def test_01_paths_verbs_and_encodings(till: Erply) -> None:
    """`/api` and `/api/`, GET and POST, query, form with and without charset, multipart: no redirects."""
    params = {"clientCode": till.code, "request": "verifyUser", "username": "till", "password": "secret"}
    charset = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    body = "&".join(f"{name}={value}" for name, value in params.items())
    for path in ("/api", "/api/"):
        for response in (
            await till.http.get(path, params=params),
            await till.http.post(path, params=params),
            await till.http.post(path, data=params),
            await till.http.post(path, content=body, headers=charset),
            await till.http.post(path, files={name: (None, value) for name, value in params.items()}),
        ):
            assert well_formed(response)["records"][0]["sessionKey"]


async def test_02_errors_are_http_200_in_json(till: Erply) -> None:
    """An API error is HTTP 200 with the Content-Type of JSON."""
    for form in ({}, {"clientCode": till.code}, {"clientCode": till.code, "request": "verifyUser"}):
        response = await till.http.post("/api/", data=form)
        assert (response.status_code, response.headers["content-type"]) == (200, CONTENT_TYPE)
        assert response.json()["status"]["errorCode"] > 0


async def test_03_length_without_compression_or_chunks(till: Erply) -> None:
    """Answers have a Content-Length and are neither compressed nor chunked, whatever the client offers to take."""
    headers = {"accept-encoding": "gzip, br, zstd", "te": "trailers"}
    query = {"clientCode": till.code, "sessionKey": till.key, "request": "getConfParameters"}
    response = await till.http.post("/api/", params=query, headers=headers)
    assert int(response.headers["content-length"]) == len(response.content)
    assert not {"content-encoding", "transfer-encoding"} & set(response.headers)


async def test_04_switches_and_unknown_parameters(till: Erply) -> None:
    """`setContentType`, `sendContentType` and unknown parameters are fine, and an empty sessionKey at log-in."""
    login = {"username": "till", "password": "secret", "sessionKey": "", "recordsOnPage": 100, "unheardOf": "x"}
    for switch in ("setContentType", "sendContentType"):
        assert await till.record("verifyUser", **login, **{switch: 1})


async def test_05_request_ids_and_names(till: Erply) -> None:
    """`requestID` comes back with its JSON type, null if not sent; requestName is always there."""
    sent = [1, "1", 1.5, True, None, 2**53 + 1]
    requests: list[dict[str, Any]] = [{"requestName": "getVatRates", "requestID": each} for each in sent]
    answers = await till.answers([*requests, {"requestName": "nothing"}])
    echoed = [answer["status"]["requestID"] for answer in answers]
    assert [(each, type(each)) for each in echoed] == [(each, type(each)) for each in [*sent, None]]
    assert [answer["status"]["requestName"] for answer in answers] == ["getVatRates"] * 6 + ["nothing"]


async def test_06_statuses(till: Erply) -> None:
    """A status is complete, numbers are numbers, and responseStatus is exactly ok or error."""
    for name, verdict in (("getVatRates", "ok"), ("nothing", "error")):
        status = (await till.call(name))["status"]
        assert status["responseStatus"] == verdict
        assert status["request"] == name
        numbers = ("requestUnixTime", "errorCode", "recordsTotal", "recordsInResponse")
        assert {type(status[number]) for number in numbers} == {int}
        assert type(status["generationTime"]) is float
        assert abs(status["requestUnixTime"] - time.time()) < 60


async def test_07_empty_listings_and_totals(till: Erply) -> None:
    """Empty listings are [], totals are exact and 1 for calls that answer one record."""
    for listing in ("getCustomers", "getSalesDocuments", "getEarnedRewardPointRecords", "getUsedRewardPointRecords"):
        answer = await till.call(listing)
        assert (answer["records"], answer["status"]["recordsTotal"]) == ([], 0)
    await till.answers([{"requestName": "saveCustomer", "firstName": f"N{n}"} for n in range(45)])
    lister = await till.call("getCustomers", recordsOnPage=1)
    assert lister["status"]["recordsTotal"] == 45
    pages = await till.answers([{"requestName": "getCustomers", "recordsOnPage": 20, "pageNo": n} for n in range(1, 5)])
    assert [len(page["records"]) for page in pages] == [20, 20, 5, 0]
    for name, params in (
        ("verifyUser", {"username": "till", "password": "secret"}),
        ("saveCustomer", {"firstName": "A"}),
        ("getConfParameters", {}),
        ("getSessionKeyInfo", {}),
    ):
        assert (await till.call(name, **params))["status"]["recordsTotal"] == 1


def nulls(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        return [found for key, child in value.items() for found in nulls(child, f"{path}.{key}")]
    if isinstance(value, list):
        return [found for child in value for found in nulls(child, f"{path}[]")]
    return [path] if value is None else []


async def test_08_types_of_fields(till: Erply) -> None:
    """Fields have the JSON types of the tables, and nothing in a record is null, dates least of all."""
    customer = await till.customer(points=5)
    await till.record("saveSalesDocument", type="CASHINVOICE", customerID=customer, amount1=1, price1=10)
    await till.record("subtractCustomerRewardPoints", customerID=customer, points=1)
    found: dict[str, dict[str, Any]] = {}
    for listing in (
        *("getCustomers", "getSalesDocuments", "getVatRates", "getEarnedRewardPointRecords"),
        *("getUsedRewardPointRecords", "getConfParameters", "getSessionKeyInfo", "getSessionKeyUser"),
    ):
        found[listing] = (await till.records(listing))[0]
    assert nulls(found) == []
    document, user = found["getSalesDocuments"], found["getSessionKeyUser"]
    assert (document["warehouseID"], document["netTotalsByTaxRate"][0]["vatrateID"]) == (0, 1)
    assert (document["rows"][0]["vatrateID"], document["confirmed"], document["paymentDays"]) == ("1", "1", "0")
    assert (document["employeeID"], type(user["employeeID"])) == (0, str)
    assert found["getVatRates"]["rate"] == "20"
    assert {type(value) for value in found["getSessionKeyInfo"].values()} == {str}


async def test_09_the_log_in_record(till: Erply) -> None:
    """`token` and `loginUrl` are in the log-in record, and its IDs are strings."""
    record = await till.record("verifyUser", username="till", password="secret", doNotGenerateIdentityToken=1)
    assert record["token"]
    assert {type(record[name]) for name in ("loginUrl", "userID", "employeeID", "groupID")} == {str}
    assert {"userName", "employeeName", "groupName", "sessionKey"} <= set(record)


async def test_10_clamped_pages_gaps_and_lists_with_blanks(till: Erply) -> None:
    """Page sizes are clamped, numbered fields may have gaps, lists may have blanks."""
    await till.answers([{"requestName": "saveCustomer", "firstName": "A"}] * 100)
    assert len(await till.records("getCustomers", recordsOnPage=300, pageNo=0)) == 100
    assert [each["id"] for each in await till.records("getCustomers", customerIDs="12, 25")] == [12, 25]
    saved = await till.record("saveSalesDocument", productID5=1, amount5=1, amount20=2, productID20=2)
    assert [row["productID"] for row in saved["rows"]] == [1, 2]


async def test_11_keys_survive_a_restart(tmp_path: Path) -> None:
    """A key works after a restart; an expired one is 1054, an unknown one 1055."""
    async with open_shop(place(tmp_path)) as shop:
        code, key, clock, settings = shop.code, shop.key, shop.clock, shop.settings
    app = create_app(settings, clock)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://erply.test") as http,
    ):
        again = Erply(http, code, key)
        assert await again.records("getVatRates")
        clock.advance(3_600)
        assert await again.error("getVatRates") == (1054, None)
        again.key = "0" * 40
        assert await again.error("getVatRates") == (1055, None)


async def test_12_a_bulk_of_a_hundred_in_time(till: Erply) -> None:
    """A bulk of 100 sales with redemptions is answered in well under the three seconds of the strictest client."""
    customer = await till.customer(points=10_000)
    sale = {"requestName": "saveSalesDocument", "customerID": customer, "amount1": 1, "price1": 10, "amount2": 2}
    redeem = {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": 1}
    bulk = [sale, {**redeem, "invoiceID": "CURRENT_INVOICE_ID"}] * 50
    started = time.perf_counter()
    bulks = await asyncio.gather(*(till.bulk(bulk) for _ in range(5)))
    assert time.perf_counter() - started < 3
    assert all(outcomes(answer) == [(0, None)] * 100 for answer in bulks)


async def test_13_nothing_of_a_request_is_logged(server: ServerProcess, till: Erply) -> None:
    """Query strings and bodies are not logged: several clients put passwords and keys there."""
    query = {"clientCode": till.code, "request": "verifyUser", "username": "till", "password": "in-the-query"}
    await till.http.get("/api/", params=query)
    await till.http.post("/api/", data={**query, "password": "in-the-body"})
    await asyncio.sleep(0.05)
    log = "".join(server.log)
    assert not [secret for secret in ("in-the-query", "in-the-body", till.key) if secret in log]


async def test_14_the_id_comes_first(till: Erply) -> None:
    """In the record of a save the ID is the first field, since clients take the first field for it."""
    for name, first in (
        ("saveCustomer", "customerID"),
        ("saveSalesDocument", "invoiceID"),
        ("saveVatRate", "vatRateID"),
    ):
        record = await till.record(name, firstName="A", amount1=1, rate=1)
        assert next(iter(record)) == first


@pytest.mark.parametrize("host", ["{code}.erply.example", "{code}.localhost:8080", "127.0.0.1", "other.erply.example"])
async def test_15_any_host(till: Erply, host: str) -> None:
    """The account is taken from clientCode, never from the host."""
    form = {"clientCode": till.code, "sessionKey": till.key, "request": "getVatRates"}
    response = await till.http.post("/api/", data=form, headers={"host": host.format(code=till.code)})
    assert well_formed(response)["status"]["errorCode"] == 0


# The examples of the protocol, sent as they stand; numbers of records are adapted to what exists here.


def shape(value: Any) -> Any:
    """An answer's keys and JSON types; int and float are both numbers where the documentation shows 0."""
    if isinstance(value, dict):
        return {key: shape(child) for key, child in value.items()}
    if isinstance(value, list):
        return [shape(child) for child in value]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def assert_same_shape(answer: Any, documented: str) -> None:
    """Every documented key is there with its type, in statuses no other; errors also have their sentence."""

    def compare(found: Any, expected: Any, path: str) -> None:
        if isinstance(expected, dict):
            ours = {"errorMessage"} if path.endswith("status") and expected.get("errorCode") else set()
            extra = set(found) - set(expected) - ours
            assert set(expected) <= set(found), (path, set(expected) - set(found))
            assert not (path.endswith("status") and extra), (path, extra)
            for key, child in expected.items():
                compare(found[key], child, f"{path}.{key}")
        elif isinstance(expected, list):
            assert len(found) == len(expected), path
            for index, (one, other) in enumerate(zip(found, expected, strict=True)):
                compare(one, other, f"{path}[{index}]")
        else:
            assert shape(found) == shape(expected), (path, found, expected)

    compare(answer, json.loads(documented), "")


async def literal(shop: Shop, body: str) -> dict[str, Any]:
    """Send a form body as the documentation prints it, but for account and key."""
    body = body.replace("101010", shop.code).replace("0123456789abcdef0123456789abcdef01234567", shop.key)
    headers = {**FORM, "host": f"{shop.code}.erply.example"}
    return well_formed(await shop.http.post("/api/", content=body, headers=headers))


START = "clientCode=101010&sessionKey=0123456789abcdef0123456789abcdef01234567&"


async def example(shop: Shop) -> None:
    """Customer 5 with 500 points, on account of 384 documents before."""
    for number in range(1, 6):
        await shop.customer(customerCardNumber=f"990000{number}")
    for _ in range(3):
        await shop.answers([{"requestName": "saveSalesDocument"}] * 100)
    await shop.answers([{"requestName": "saveSalesDocument"}] * 84)
    await shop.record("addCustomerRewardPoints", customerID=5, points=500)
    shop.clock.advance(1)


async def test_example_10_1_single_call(shop: Shop) -> None:
    """The documented single redemption and its error get answers of the documented shape and values."""
    await example(shop)
    body = (
        f"{START}request=subtractCustomerRewardPoints&version=1.0&responseType=JSON&sendContentType=1"
        "&customerID=5&invoiceID=384&points=100&subtractedUnixTime=1767225600"
    )
    documented = """
        {"status":{"request":"subtractCustomerRewardPoints","requestUnixTime":1767225601,"responseStatus":"ok",
         "errorCode":0,"generationTime":0.0041,"recordsTotal":1,"recordsInResponse":1},
         "records":[{"customerID":5,"remainingPoints":400,"subtractedPoints":100,"transactionID":77}]}"""
    answer = await literal(shop, body)
    assert_same_shape(answer, documented)
    assert answer["status"]["requestUnixTime"] == NOW + 1
    assert answer["records"][0] | {"transactionID": 77} == json.loads(documented)["records"][0]
    documented = """
        {"status":{"request":"subtractCustomerRewardPoints","requestUnixTime":1767225601,"responseStatus":"error",
         "errorCode":1010,"errorField":"points","generationTime":0.0012,"recordsTotal":0,"recordsInResponse":0},
         "records":null}"""
    answer = await literal(shop, body.replace("points=100&", ""))
    assert_same_shape(answer, documented)
    assert outcome(answer["status"]) == (1010, "points")


async def test_example_10_2_mixed_bulk(shop: Shop) -> None:
    """The documented bulk of three, the second of which fails, gets an answer of the documented shape and values."""
    await example(shop)
    first = {"customerID": 5, "invoiceID": 384, "points": 100, "subtractedUnixTime": NOW}
    await shop.record("subtractCustomerRewardPoints", **first)
    requests = """[{"requestName":"getCustomerRewardPoints","requestID":1,"customerID":5},
 {"requestName":"subtractCustomerRewardPoints","requestID":"till-2","customerID":"5","points":"99999"},
 {"requestName":"getUsedRewardPointRecords","requestID":3,"customerID":5,"orderByDir":"desc"}]"""
    answer = await literal(shop, f"{START}version=1.0&sendContentType=1&requests={quote(requests)}")
    documented = """
        {"status":{"requestUnixTime":1767225610,"responseStatus":"ok","errorCode":0,"generationTime":0.0093},
         "requests":[
          {"status":{"requestName":"getCustomerRewardPoints","requestID":1,"requestUnixTime":1767225610,
            "responseStatus":"ok","errorCode":0,"generationTime":0.0011,"recordsTotal":1,"recordsInResponse":1},
           "records":[{"points":400}]},
          {"status":{"requestName":"subtractCustomerRewardPoints","requestID":"till-2","requestUnixTime":1767225610,
            "responseStatus":"error","errorCode":1042,"errorField":null,"generationTime":0.0013,"recordsTotal":0,
            "recordsInResponse":0},
           "records":null},
          {"status":{"requestName":"getUsedRewardPointRecords","requestID":3,"requestUnixTime":1767225610,
            "responseStatus":"ok","errorCode":0,"generationTime":0.0019,"recordsTotal":1,"recordsInResponse":1},
           "records":[{"transactionID":77,"customerID":5,"customerCardNumber":"9900001","invoiceID":384,
             "invoiceNo":"100001","campaignID":0,"warehouseID":0,"pointOfSaleID":0,"pointOfSaleName":"",
             "employeeID":0,"employeeName":"","usedPoints":100,"createdUnixTime":1767225600}]}]}"""
    assert_same_shape(answer, documented)
    assert outcomes(answer) == [(0, None), (1042, None), (0, None)]
    balance, _, used = (each["records"] for each in answer["requests"])
    assert balance == [{"points": 400}]
    assert (used[0]["invoiceID"], used[0]["usedPoints"], used[0]["createdUnixTime"]) == (384, 100, NOW)
    assert (used[0]["customerCardNumber"], used[0]["invoiceNo"]) == ("9900005", "100384")


async def test_example_10_3_invoice_payment_and_redemption(shop: Shop) -> None:
    """The documented invoice with payment and redemption in one bulk gets the documented totals and points."""
    await example(shop)
    await shop.record("subtractCustomerRewardPoints", customerID=5, points=100)
    requests = """[{"requestName":"saveSalesDocument","requestID":1,"type":"CASHINVOICE","customerID":5,"warehouseID":1,"pointOfSaleID":2,"employeeID":4,
  "temporaryUUID":"2b6f0c1e-7d0a-4f6e-9c39-0f6a5d0c9b11",
  "productID1":38,"vatrateID1":1,"amount1":2,"price1":10.0,"discount1":10,"campaignIDs1":"7"},
 {"requestName":"savePayment","requestID":2,"documentID":"CURRENT_INVOICE_ID","type":"CASH","sum":"21.60","currencyCode":"EUR"},
 {"requestName":"subtractCustomerRewardPoints","requestID":3,"customerID":5,"invoiceID":"CURRENT_INVOICE_ID","campaignID":7,"warehouseID":1,"salepointID":2,"salespersonID":4,"points":100}]"""  # noqa: E501 - sent to the letter
    answer = await literal(shop, f"{START}version=1.0&sendContentType=1&requests={quote(requests)}")
    sale, payment, redemption = answer["requests"]
    documented = """
        {"status":{"requestName":"saveSalesDocument","requestID":1,"requestUnixTime":1767225620,"responseStatus":"ok",
          "errorCode":0,"generationTime":0.0122,"recordsTotal":1,"recordsInResponse":1},
         "records":[{"invoiceID":"385","invoiceNo":"100002","customNumber":"",
          "invoiceLink":"https://101010.erply.example/print/385",
          "receiptLink":"https://101010.erply.example/print/385?receipt","net":18.0,"vat":3.6,"rounding":0,"total":21.6,
          "rows":[{"rowID":1049,"stableRowID":1044,"productID":38,"serviceID":0,"amount":"2"}]}]}"""
    assert_same_shape(sale, documented)
    (saved,) = sale["records"]
    assert (saved["invoiceID"], saved["net"], saved["vat"], saved["rounding"], saved["total"]) == (
        *("385", 18.0, 3.6, 0, 21.6),
    )
    documented = """
        {"status":{"requestName":"subtractCustomerRewardPoints","requestID":3,"requestUnixTime":1767225620,
          "responseStatus":"ok","errorCode":0,"generationTime":0.0028,"recordsTotal":1,"recordsInResponse":1},
         "records":[{"customerID":5,"remainingPoints":318,"subtractedPoints":100,"transactionID":78}]}"""
    assert_same_shape(redemption, documented)
    assert redemption["records"][0]["remainingPoints"] == 318
    assert payment["status"]["requestID"] == 2
    if payment["status"]["errorCode"] != 1005:
        assert next(iter(payment["records"][0])) == "paymentID"
    again = await post_requests(shop, requests)
    assert [each["records"] for each in again["requests"]] == [each["records"] for each in answer["requests"]]
    await shop.set(retry="erply")
    again = await post_requests(shop, requests)
    assert outcomes(again)[0] == (1206, "temporaryUUID")
    assert outcomes(again)[2] == (1158, "invoiceID")
    assert await shop.balance(5) == 318
