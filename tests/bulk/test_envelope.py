"""The envelope: single calls and bulks, their statuses key by key, and what is wrong with a bulk as a whole."""

import json
from typing import Any

import pytest

from bulk.sending import outcome, outcomes, post, post_requests
from support.shop import Shop

SINGLE_OK = {
    *("request", "requestUnixTime", "responseStatus", "errorCode", "generationTime"),
    *("recordsTotal", "recordsInResponse"),
}
BULK_OK = {"requestUnixTime", "responseStatus", "errorCode", "generationTime"}
SUB_OK = SINGLE_OK - {"request"} | {"requestName", "requestID"}
ERROR = {"errorField", "errorMessage"}


async def test_keys_of_a_good_single_call(shop: Shop) -> None:
    """A single call's answer has exactly the documented keys and no errorField."""
    answer = await shop.call("getSessionKeyInfo", requestID="7")
    assert set(answer) == {"status", "records"}
    assert set(answer["status"]) == SINGLE_OK
    assert answer["status"] | {"generationTime": 0} == {
        "request": "getSessionKeyInfo",
        "requestUnixTime": 1_767_225_600,
        "responseStatus": "ok",
        "errorCode": 0,
        "generationTime": 0,
        "recordsTotal": 1,
        "recordsInResponse": 1,
    }


async def test_keys_of_a_failed_single_call(shop: Shop) -> None:
    """A failed single call has errorField and errorMessage beside them, totals 0 and records null."""
    answer = await shop.call("getCustomerRewardPoints")
    assert set(answer) == {"status", "records"}
    assert set(answer["status"]) == SINGLE_OK | ERROR
    assert answer["status"]["errorField"] == "customerID"
    assert (answer["status"]["recordsTotal"], answer["status"]["recordsInResponse"]) == (0, 0)
    assert answer["records"] is None


async def test_keys_of_a_bulk(shop: Shop) -> None:
    """A bulk's status has no request and no totals; each sub-status names its call and ID."""
    answer = await shop.bulk([{"requestName": "getVatRates"}, {"requestName": "getCustomerRewardPoints"}])
    assert set(answer) == {"status", "requests"}
    assert set(answer["status"]) == BULK_OK
    good, bad = answer["requests"]
    assert (set(good), set(bad)) == ({"status", "records"}, {"status", "records"})
    assert set(good["status"]) == SUB_OK
    assert set(bad["status"]) == SUB_OK | ERROR
    assert bad["records"] is None


async def test_keys_of_a_refused_bulk(shop: Shop) -> None:
    """A bulk that is refused as a whole has a status with the error, and no `requests`."""
    answer = await shop.bulk([{"requestName": "getVatRates"}], responseType="CSV")
    assert set(answer) == {"status"}
    assert set(answer["status"]) == BULK_OK | ERROR


async def test_the_clock_in_the_status_is_the_end_of_processing(shop: Shop) -> None:
    """`requestUnixTime` is the server's clock in whole seconds, on every level and on errors too."""
    shop.clock.advance(1_234.9)
    answer = await shop.bulk([{"requestName": "getVatRates"}, {"requestName": "nothing"}])
    statuses = [answer["status"], *(each["status"] for each in answer["requests"])]
    statuses.append((await shop.call("nothing"))["status"])
    assert [status["requestUnixTime"] for status in statuses] == [1_767_226_834] * 4
    assert all(isinstance(status["generationTime"], float) for status in statuses)
    assert all(0 <= status["generationTime"] < 5 for status in statuses)


async def test_records_total_counts_before_paging(shop: Shop) -> None:
    """`recordsTotal` is exact, whatever the page; a page past the end is ok with an empty list."""
    await shop.answers([{"requestName": "saveCustomer", "firstName": f"N{n}"} for n in range(7)])
    for page, found in ((1, 3), (2, 3), (3, 1), (4, 0), (400, 0)):
        answer = await shop.call("getCustomers", recordsOnPage=3, pageNo=page)
        assert (answer["status"]["recordsTotal"], answer["status"]["recordsInResponse"]) == (7, found)
        assert len(answer["records"]) == found


REQUEST_IDS = [
    *("0", "1", "-1", "42", "9007199254740993", "18446744073709551615", "18446744073709551616"),
    *("-9223372036854775809", "123456789012345678901234567890", "-99999999999999999999999999999999999999"),
    *("0.5", "1.0", "-2.25", "1e3", "1e22", "0.1", "1.7976931348623157e308", "5e-324"),
    *("true", "false", "null", '""', '"0"', '"1"', '"till-2"', '"null"', r'"\u0000\n\"\\\/"', '"Õ漢🎁"', '"a b"'),
]


@pytest.mark.parametrize("text", REQUEST_IDS)
async def test_request_id_comes_back_with_its_type(shop: Shop, text: str) -> None:
    """Every JSON scalar comes back as the same scalar of the same type, integers of any length digit by digit."""
    requests = f'[{{"requestName":"getVatRates","requestID":{text}}},{{"requestName":"nothing","requestID":{text}}}]'
    answer = await post_requests(shop, requests)
    sent = json.loads(text)
    for sub_answer in answer["requests"]:
        echoed = sub_answer["status"]["requestID"]
        assert (echoed, type(echoed)) == (sent, type(sent))


async def test_request_id_in_a_form(shop: Shop) -> None:
    """The `requests` field of a form echoes just as a JSON body does."""
    sent = [7, "7", 7.5, True, None, 2**70]
    answers = await shop.answers([{"requestName": "getVatRates", "requestID": each} for each in sent])
    echoed = [answer["status"]["requestID"] for answer in answers]
    assert [(each, type(each)) for each in echoed] == [(each, type(each)) for each in sent]


async def test_request_id_not_sent(shop: Shop) -> None:
    """A sub-request without requestID is answered with null, and the key is there."""
    (answer,) = await shop.answers([{"requestName": "getVatRates"}])
    assert answer["status"]["requestID"] is None


@pytest.mark.parametrize("text", ["[]", "[1]", "{}", '{"a":1}', "1e400", "-1e400"])
async def test_request_id_that_is_no_scalar(shop: Shop, text: str) -> None:
    """What is no scalar, or no number that can be given back, harms neither its answer nor the next."""
    answer = await post_requests(
        shop, f'[{{"requestName":"getVatRates","requestID":{text}}},{{"requestName":"getVatRates","requestID":2}}]'
    )
    if answer["status"]["errorCode"]:
        assert outcome(answer["status"])[0] == 1015
    else:
        assert answer["requests"][1]["status"]["requestID"] == 2


async def test_a_hundred_sub_requests(shop: Shop) -> None:
    """A bulk of 100 is carried out, answered in its order."""
    requests = [{"requestName": "saveCustomer", "firstName": "A", "requestID": n} for n in range(100)]
    answers = await shop.answers(requests)
    assert [answer["status"]["requestID"] for answer in answers] == list(range(100))
    assert [answer["records"][0]["customerID"] for answer in answers] == list(range(1, 101))


@pytest.mark.parametrize("count", [101, 1_000])
async def test_more_than_a_hundred_are_refused_whole(shop: Shop, count: int) -> None:
    """From 101 on the whole bulk is 1020, without a field, and nothing of it is run."""
    answer = await shop.bulk([{"requestName": "saveCustomer", "firstName": "A"}] * count)
    assert outcome(answer["status"]) == (1020, None)
    assert "requests" not in answer
    assert await shop.records("getCustomers") == []


async def test_an_empty_bulk(shop: Shop) -> None:
    """An empty array is ok and answered with an empty array."""
    assert (await shop.bulk([]))["requests"] == []


@pytest.mark.parametrize(
    "requests",
    [
        *("{}", '{"requestName":"getVatRates"}', "1", "0", "true", "false", '"text"', '"[]x"', "[1]", "[null]"),
        *('["getVatRates"]', "[[]]", '[{"requestName":"saveCustomer","firstName":"A"},7]', '"{"', '"nonsense"'),
    ],
)
async def test_requests_that_are_no_list_of_objects(shop: Shop, requests: str) -> None:
    """Anything but an array of objects is 1015 for the whole, and nothing is run."""
    answer = await post_requests(shop, requests)
    assert outcome(answer["status"]) == (1015, None)
    assert "requests" not in answer
    assert await shop.records("getCustomers") == []


@pytest.mark.parametrize("requests", ["[", "{", "[{]", "getVatRates", "[{'requestName':'getVatRates'}]", "[1,]", "nul"])
async def test_requests_that_cannot_be_parsed(shop: Shop, requests: str) -> None:
    """A `requests` field that is not JSON is 1015."""
    assert outcome((await shop.bulk(requests))["status"]) == (1015, None)


async def test_requests_as_text_in_a_json_body(shop: Shop) -> None:
    """A client may put the array into a JSON body as text, as it would into a form."""
    assert outcomes(await post_requests(shop, json.dumps(json.dumps([{"requestName": "getVatRates"}])))) == [(0, None)]


@pytest.mark.parametrize("nothing", [{"requests": None}, {"requests": ""}, {}])
async def test_no_requests_is_a_single_call(shop: Shop, nothing: dict[str, Any]) -> None:
    """Null and empty text are as if `requests` had not been sent."""
    body = {"clientCode": shop.code, "sessionKey": shop.key, "request": "getVatRates", **nothing}
    assert (await post(shop, json.dumps(body)))["status"]["request"] == "getVatRates"


async def test_requests_win_over_request(shop: Shop) -> None:
    """If both are sent, the bulk is carried out and `request` is ignored."""
    answer = await shop.bulk([{"requestName": "getVatRates"}], request="saveCustomer", firstName="A")
    assert outcomes(answer) == [(0, None)]
    assert await shop.records("getCustomers") == []


async def test_log_in_inside_a_bulk(shop: Shop) -> None:
    """A bulk that logs in works, but its other calls have no session: the key is a top-level parameter."""
    login = {"requestName": "verifyUser", "username": "till", "password": "secret"}
    requests: list[dict[str, Any]] = [
        login,
        {"requestName": "getVatRates"},
        {"requestName": "saveCustomer", "firstName": "A"},
    ]
    answer = await shop.post({"clientCode": shop.code, "requests": requests})
    assert outcomes(answer) == [(0, None), (1009, None), (1009, None)]
    shop.key = answer["requests"][0]["records"][0]["sessionKey"]
    assert await shop.codes([login, {"requestName": "getVatRates"}]) == [0, 0]
    assert await shop.records("getCustomers") == []


async def test_a_session_is_asked_for_once(shop: Shop) -> None:
    """A bulk without a usable key gets one top-level error and nothing is run."""
    requests = [{"requestName": "saveCustomer", "firstName": "A"}] * 3
    for key, code in (("", 1009), ("0" * 40, 1055)):
        answer = await shop.bulk(requests, sessionKey=key)
        assert set(answer) == {"status"}
        assert outcome(answer["status"]) == (code, None)
    assert await shop.records("getCustomers") == []


@pytest.mark.parametrize(
    "sub_request",
    [
        {},
        {"requestName": ""},
        {"requestName": None},
        {"requestName": 5},
        {"requestName": ["getVatRates"]},
        {"requestName": "getvatrates"},
        {"requestName": "getVatRates "},
        {"requestName": "__class__"},
        {"requestName": "x" * 100_000},
        {"request": "getVatRates"},
        {"requests": [{"requestName": "getVatRates"}]},
        {"requestName": "requests", "requests": '[{"requestName":"getVatRates"}]'},
    ],
)
async def test_unknown_calls_and_nested_bulks(shop: Shop, sub_request: dict[str, Any]) -> None:
    """A missing, unknown or nested call is 1005 in its own sub-request, and the next one runs."""
    answer = await post_requests(shop, [sub_request, {"requestName": "getVatRates"}])
    assert outcomes(answer) == [(1005, None), (0, None)]
    name = sub_request.get("requestName")
    assert answer["requests"][0]["status"]["requestName"] == (name if isinstance(name, str) else "")


async def test_an_unknown_single_call_keeps_its_name(shop: Shop) -> None:
    """A single call that does not exist is 1005, its name as sent; without a name it is empty."""
    status = (await shop.call("getUnicorns"))["status"]
    assert (status["request"], *outcome(status)) == ("getUnicorns", 1005, None)
    status = (await shop.post({"clientCode": shop.code, "sessionKey": shop.key}))["status"]
    assert (status["request"], *outcome(status)) == ("", 1005, None)


async def test_the_top_is_ok_though_everything_failed(shop: Shop) -> None:
    """The top level says ok even if every sub-request failed, and one failure stops no other."""
    customer = await shop.customer(points=10)
    subtract = {"requestName": "subtractCustomerRewardPoints", "customerID": customer}
    bulk: list[dict[str, Any]] = [
        {**subtract, "points": 11},
        {**subtract, "points": 0},
        {"requestName": "nothing"},
        {**subtract},
    ]
    assert outcomes(await shop.bulk(bulk)) == [(1042, None), (1016, "points"), (1005, None), (1010, "points")]
    assert await shop.codes([{**subtract, "points": 4}, {**subtract, "points": 7}, {**subtract, "points": 6}]) == [
        *(0, 1042, 0)
    ]
    assert await shop.balance(customer) == 0


async def test_sub_requests_see_the_earlier_ones(shop: Shop) -> None:
    """Sub-requests run in array order: a listing sees the customer that the call before it made."""
    answers = await shop.answers(
        [
            {"requestName": "getCustomers"},
            {"requestName": "saveCustomer", "firstName": "A"},
            {"requestName": "getCustomers"},
            {"requestName": "addCustomerRewardPoints", "customerID": 1, "points": 5},
            {"requestName": "subtractCustomerRewardPoints", "customerID": 1, "points": 2},
            {"requestName": "getCustomerRewardPoints", "customerID": 1},
            {"requestName": "getEarnedRewardPointRecords"},
        ]
    )
    assert [len(answer["records"]) for answer in answers] == [0, 1, 1, 1, 1, 1, 1]
    assert answers[5]["records"] == [{"points": 3}]
    assert answers[6]["records"][0]["remainingPoints"] == 3


async def test_get_fields(shop: Shop) -> None:
    """`getFields` trims records: outside for all, inside for one, inside wins, unknown names and blanks are ignored."""
    customer = await shop.customer(points=5)
    listing = {"requestName": "getCustomers"}
    answers = await shop.answers(
        [
            listing,
            {**listing, "getFields": "lastName,nonsense"},
            {**listing, "getFields": ""},
            {**listing, "getFields": "nonsense"},
            {"requestName": "getCustomerRewardPoints", "customerID": customer},
        ],
        getFields="customerID, firstName",
    )
    first, inside, empty, unknown, points = (answer["records"] for answer in answers)
    assert first == [{"customerID": customer, "firstName": "Mari"}]
    assert inside == [{"lastName": "Maasikas"}]
    assert empty[0]["customerCardNumber"] == ""
    assert unknown == [{}]
    assert points == [{}]
    assert [answer["status"]["recordsTotal"] for answer in answers] == [1] * 5
    single = await shop.call("getCustomers", getFields="customerID")
    assert single["records"] == [{"customerID": customer}]


@pytest.mark.parametrize("wanted", ["total", "invoiceNo,net", "nonsense"])
async def test_get_fields_of_a_saving_call(shop: Shop, wanted: str) -> None:
    """Trimming the answer of a saved document takes nothing from the document, nor from what refers to it."""
    customer = await shop.customer(points=10)
    sale = {"requestName": "saveSalesDocument", "customerID": customer, "amount1": 1, "price1": 5, "getFields": wanted}
    redeem = {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": 1}
    saved, redeemed = await shop.answers([sale, {**redeem, "invoiceID": "CURRENT_INVOICE_ID"}])
    assert set(saved["records"][0]) == set(wanted.split(",")) - {"nonsense"}
    assert outcome(redeemed["status"]) == (0, None)
    assert (await shop.record("getUsedRewardPointRecords"))["invoiceID"] == 1


@pytest.mark.parametrize(
    "common",
    [
        {"version": "1.0"},
        {"version": "99"},
        {"version": ""},
        {"sendContentType": "1"},
        {"setContentType": "1"},
        {"sendContentType": "0", "setContentType": "nonsense"},
        {"partnerKey": "abc"},
        {"lang": "est"},
        {"lang": "xxxx"},
        {"responseMode": "detail"},
        {"responseType": "JSON"},
        {"responseType": ""},
        {"recordsOnPage": "20"},
        {"unheardOf": "1", "x[]": "2", "points": "many"},
    ],
)
async def test_common_parameters_that_change_nothing(shop: Shop, common: dict[str, str]) -> None:
    """What is only there for other servers, and what nobody knows, is ignored by single calls and bulks alike."""
    answer = await shop.call("getSessionKeyInfo", **common)
    assert outcome(answer["status"]) == (0, None)
    assert outcomes(await shop.bulk([{"requestName": "getSessionKeyInfo", **common}], **common)) == [(0, None)]


@pytest.mark.parametrize("kind", ["CSV", "json", "xml", "JSONP"])
async def test_other_response_types(shop: Shop, kind: str) -> None:
    """An output format that the server does not have is 1007, before the session is looked at."""
    assert (await shop.call("getVatRates", responseType=kind))["status"]["errorCode"] == 1007
    assert (await shop.bulk([], responseType=kind, sessionKey=""))["status"]["errorCode"] == 1007


async def test_names_are_exact(shop: Shop) -> None:
    """A parameter in other letters is another parameter."""
    assert await shop.error("getCustomerRewardPoints", CustomerID=1, customerid=1) == (1010, "customerID")
    answer = await shop.post({"ClientCode": shop.code, "sessionKey": shop.key, "request": "getVatRates"})
    assert outcome(answer["status"]) == (1001, None)


async def test_error_records_as_empty_lists(shop: Shop) -> None:
    """With the setting `error_records=empty` every failed call of the account answers `[]` in place of null."""
    await shop.set(error_records="empty")
    assert (await shop.call("getCustomerRewardPoints"))["records"] == []
    assert (await shop.call("nothing"))["records"] == []
    login = await shop.call("verifyUser", username="till", password="wrong")
    assert (outcome(login["status"]), login["records"]) == ((1051, None), [])
    (failed,) = await shop.answers([{"requestName": "nothing"}])
    assert failed["records"] == []


@pytest.mark.parametrize(
    ("common", "code"), [({"sessionKey": ""}, 1009), ({"sessionKey": "x"}, 1055), ({"responseType": "CSV"}, 1007)]
)
async def test_error_records_of_a_refused_single_call(shop: Shop, common: dict[str, str], code: int) -> None:
    """The setting holds for a single call that is refused before it is run, too."""
    await shop.set(error_records="empty")
    answer = await shop.call("getVatRates", **common)
    assert (answer["status"]["errorCode"], answer["records"]) == (code, [])
