"""How the values of parameters are read: JSON types and form text, blanks, nothings, repetitions and lists."""

import json
from typing import Any

import pytest

from bulk.sending import FORM, JSON, outcome, outcomes, post, post_call, post_requests, well_formed
from support.client import Erply
from support.shop import Shop


@pytest.mark.parametrize("points", [5, "5", 5.0, "05", "0005"])
async def test_whole_numbers(shop: Shop, points: Any) -> None:
    """A whole number may come as JSON number or as digits."""
    customer = await shop.customer()
    assert await post_call(shop, "addCustomerRewardPoints", customerID=str(customer), points=points) == (0, None)
    assert await shop.balance(customer) == 5


@pytest.mark.parametrize(
    "points",
    [
        "x",
        "5x",
        "5.5",
        5.5,
        "5,5",
        "5 ",
        " 5",
        "+5",
        "5e0",
        "\u0665",
        "0x5",
        "1_0",
        "5\n",
        "\x005",
        True,
        False,
        "true",
    ],
)
async def test_what_is_no_whole_number(shop: Shop, points: Any) -> None:
    """Anything else is 1014 and never misread."""
    customer = await shop.customer()
    assert await post_call(shop, "addCustomerRewardPoints", customerID=customer, points=points) == (1014, "points")
    assert await shop.balance(customer) == 0


@pytest.mark.parametrize("flag", [1, "1", True, "true", 1.0, "01"])
async def test_flags_that_are_on(shop: Shop, flag: Any) -> None:
    """A switch is turned on by 1 and by true, in JSON and as text."""
    assert await post_call(shop, "saveCustomer", firstName="A", rewardPointsDisabled=flag) == (0, None)
    assert (await shop.record("getCustomers"))["rewardPointsDisabled"] == 1


@pytest.mark.parametrize("flag", [0, "0", False, "false", "", None])
async def test_flags_that_are_off(shop: Shop, flag: Any) -> None:
    """A switch is off by 0 and false; empty text and null leave it unset."""
    assert await post_call(shop, "saveCustomer", firstName="A", rewardPointsDisabled=flag) == (0, None)
    assert (await shop.record("getCustomers"))["rewardPointsDisabled"] == 0


@pytest.mark.parametrize(("flag", "code"), [("x", 1014), ("True", 1014), ("yes", 1014), (2, 1016), ("-1", 1016)])
async def test_what_is_no_flag(shop: Shop, flag: Any, code: int) -> None:
    """A switch that is neither 0 nor 1 is refused."""
    refused = await post_call(shop, "saveCustomer", firstName="A", rewardPointsDisabled=flag)
    assert refused == (code, "rewardPointsDisabled")


@pytest.mark.parametrize(("price", "kept"), [("8.3333", "8.3333"), (8.3333, "8.3333"), (10, "10"), ("10.50", "10.5")])
async def test_decimals(shop: Shop, price: Any, kept: str) -> None:
    """A decimal may come as number or text and is kept exactly."""
    assert await post_call(shop, "saveSalesDocument", amount1="1", price1=price) == (0, None)
    assert (await shop.record("getSalesDocuments", id=1))["rows"][0]["price"] == kept


@pytest.mark.parametrize(
    "price", ["1,5", "1.5.0", "1e3", ".5", "5.", "--1", "1 000", "inf", "NaN", "1'000", True, "€5"]
)
async def test_what_is_no_decimal(shop: Shop, price: Any) -> None:
    """A decimal with a comma, an exponent or anything else is 1014, never half of it."""
    assert await post_call(shop, "saveSalesDocument", amount1=1, price1=price) == (1014, "price1")
    assert await shop.records("getSalesDocuments") == []


@pytest.mark.parametrize(("text", "kept"), [(7, "7"), (7.5, "7.5"), ("7", "7"), (2**70, str(2**70)), ("", "")])
async def test_numbers_as_text(shop: Shop, text: Any, kept: str) -> None:
    """A number where text belongs is taken as its digits."""
    assert await post_call(shop, "saveCustomer", firstName="A", notes=text) == (0, None)
    assert (await shop.record("getCustomers"))["notes"] == kept


async def test_null_is_as_absent(shop: Shop) -> None:
    """A parameter of JSON null has not been sent: a required one is missing, an optional one has its default."""
    customer = await shop.customer(points=5)
    assert await post_call(shop, "getCustomerRewardPoints", customerID=None) == (1010, "customerID")
    params = {"customerID": customer, "points": 1, "invoiceID": None, "description": None, "subtractedUnixTime": None}
    assert await post_call(shop, "subtractCustomerRewardPoints", **params) == (0, None)
    used = await shop.record("getUsedRewardPointRecords")
    assert (used["invoiceID"], used["description"], used["createdUnixTime"]) == (0, "", int(shop.clock.now))


async def test_null_inside_leaves_what_stands_outside(shop: Shop) -> None:
    """A null `getFields` in a sub-request is absent there, so the common one holds."""
    await shop.customer()
    requests = json.dumps([{"requestName": "getCustomers", "getFields": None}])
    body = f'{{"clientCode":"{shop.code}","sessionKey":"{shop.key}","getFields":"customerID","requests":{requests}}}'
    response = await shop.http.post("/api/", content=body, headers=JSON)
    assert response.json()["requests"][0]["records"] == [{"customerID": 1}]


async def test_empty_text_is_unset(shop: Shop) -> None:
    """Empty text where a number, a date, a choice or a list belongs is as if nothing had been sent."""
    customer = await shop.customer(points=5)
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points=1, invoiceID="", campaignID="")
    await shop.record("saveSalesDocument", id="", customerID="", type="", date="", time="", invoiceState="", amount1=1)
    assert len(await shop.records("getSalesDocuments", ids="", types="", type="", confirmed="", dateFrom="")) == 1
    assert len(await shop.records("getCustomers", customerIDs="", customerID="", orderBy="", mode="", pageNo="")) == 1
    assert len(await shop.records("getEarnedRewardPointRecords", customerIDs="", orderByDir="", pageNo="")) == 1
    assert len(await shop.records("getUsedRewardPointRecords", customerIDs="", createdUnixTimeTo="")) == 1
    assert await shop.error("subtractCustomerRewardPoints", customerID=customer, points="") == (1010, "points")


@pytest.mark.parametrize("ids", ["1,3", " 1 , 3 ", "1, 3", "3,1", "1,3,3,1", "1,3,999", "0003,01"])
async def test_lists_of_numbers(shop: Shop, ids: str) -> None:
    """A comma list may hold blanks, repetitions and numbers that refer to nothing."""
    for _ in range(4):
        await shop.customer(points=1)
    assert {each["customerID"] for each in await shop.records("getCustomers", customerIDs=ids)} == {1, 3}
    for call in ("getEarnedRewardPointRecords", "getCustomers"):
        assert {each["customerID"] for each in await shop.records(call, customerIDs=ids)} == {1, 3}


@pytest.mark.parametrize("ids", ["1;3", "1,,3", ",", "1,", "a", "1,x", "1 3", "-1", "1.0"])
async def test_what_is_no_list_of_numbers(shop: Shop, ids: str) -> None:
    """A comma list with anything else in it is refused with its field."""
    code, field = await shop.error("getCustomers", customerIDs=ids)
    assert (code, field) == (1029, "customerIDs")


async def test_one_number_as_a_list(shop: Shop) -> None:
    """A list of one may come as a JSON number."""
    await shop.customer()
    await shop.customer()
    (answer,) = (await post_requests(shop, [{"requestName": "getCustomers", "customerIDs": 2}]))["requests"]
    assert [record["customerID"] for record in answer["records"]] == [2]


async def test_numbered_fields_with_gaps_in_any_order(shop: Shop) -> None:
    """Numbered fields need not begin at 1, nor follow each other, nor come in order: the number decides."""
    saved = await shop.record(
        "saveSalesDocument",
        price20="3",
        amount5="2",
        productID20="8",
        amount20="1",
        productID5="7",
        price5="1.5",
        amount999999="4",
        itemName999999="last",
    )
    assert [(row["productID"], row["amount"]) for row in saved["rows"]] == [(7, "2"), (8, "1"), (0, "4")]
    assert saved["net"] == 6.0


@pytest.mark.parametrize(
    "name", ["amount1234567", "amount", "amount-1", "amount1x", "Amount1", "xamount1", "amount1\n"]
)
async def test_names_that_are_not_numbered_fields(shop: Shop, name: str) -> None:
    """What only resembles a numbered field is an unknown parameter, and ignored."""
    assert await post_call(shop, "saveSalesDocument", **{name: "nonsense"}) == (0, None)
    assert (await shop.record("getSalesDocuments", id=1))["rows"] == []


async def test_one_number_in_two_spellings(shop: Shop) -> None:
    """`amount1` and `amount01` with different values: 1013, or the odd one is ignored; never a silent choice."""
    code, _ = await post_call(shop, "saveSalesDocument", amount1=1, amount01=2)
    assert code in {0, 1013}
    if code == 0:
        assert [row["amount"] for row in (await shop.record("getSalesDocuments", id=1))["rows"]] == ["1"]


ODD_VALUES: tuple[Any, ...] = ([1], {"a": 1}, "x", None, [[[]]], True, 2**80)


@pytest.mark.parametrize(
    ("call", "listing", "names"),
    [
        ("saveSalesDocument", "getSalesDocuments", ("vatrateIDx", "itemName", "State", "attributes", "net", "paid")),
        ("saveCustomer", "getCustomers", ("attributeName", "fields", "added", "rewardPoints", "type_id")),
        ("saveVatRate", "getVatRates", ("components", "attributeValue", "added")),
    ],
)
async def test_unknown_parameters_of_saving_calls(shop: Shop, call: str, listing: str, names: tuple[str, ...]) -> None:
    """What a call's schema does not name leaves no trace in what is saved, whatever it holds."""
    plain = {"requestName": call, "firstName": "A", "rate": 9, "amount1": 1, "price1": 2}
    bulk = [plain, *({**plain, name: value} for name in names for value in ODD_VALUES)]
    assert outcomes(await post_requests(shop, bulk)) == [(0, None)] * len(bulk)
    records = await shop.records(listing, recordsOnPage=100, getRowsForAllInvoices=1)
    saved = [record for record in records if record.get("name") != "20%"]
    differing = {"id", "customerID", "number", "rows", "profileID"}
    assert len(saved) == len(bulk)
    assert all(record.keys() == saved[0].keys() for record in saved)
    assert not [record for record in saved if any(record[key] != saved[0][key] for key in record.keys() - differing)]


@pytest.mark.parametrize(
    ("call", "names"),
    [
        ("getVatRates", ("vatRateID", "id", "ids")),
        ("getCustomers", ("id", "name", "card_number", "limit")),
        ("getSalesDocuments", ("customerID", "documentID", "number1")),
        ("getUsedRewardPointRecords", ("id", "transactionID", "campaignID")),
        ("getConfParameters", ("name", "failed_invoice")),
    ],
)
async def test_unknown_parameters_of_reading_calls(shop: Shop, call: str, names: tuple[str, ...]) -> None:
    """A filter that a call does not have filters nothing, whatever it holds."""
    customer = await shop.customer(points=5)
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points=1)
    await shop.record("saveSalesDocument", amount1=1)
    bulk = [{"requestName": call}, *({"requestName": call, name: value} for name in names for value in ODD_VALUES)]
    answer = await post_requests(shop, bulk)
    assert outcomes(answer) == [(0, None)] * len(bulk)
    plain, *odd = (each["records"] for each in answer["requests"])
    assert len(plain) == 1
    assert odd == [plain] * len(odd)


ARRAYS = ("[]", "[5]", '["5"]', '{"0": 5}', "[[5]]", "[null]")


@pytest.mark.parametrize(
    ("call", "field"),
    [
        *(("subtractCustomerRewardPoints", name) for name in ("customerID", "points", "invoiceID", "description")),
        *(("saveSalesDocument", name) for name in ("type", "price1", "itemName1", "date", "temporaryUUID", "jdoc")),
        *(("getSalesDocuments", name) for name in ("searchAttributeName1", "ids", "confirmed", "recordsOnPage")),
        *(("verifyUser", name) for name in ("username", "password")),
    ],
)
async def test_arrays_for_scalars(shop: Shop, call: str, field: str) -> None:
    """A list or an object where a single value belongs is 1030 with its field, for every kind of parameter."""
    good = {"requestName": call, "customerID": await shop.customer(points=9), "points": 5, "amount1": 1, "price1": 2}
    texts = [json.dumps(good | {field: "@"}).replace('"@"', array) for array in ARRAYS]
    answer = await post_requests(shop, f'[{",".join(texts)},{{"requestName":"getVatRates"}}]')
    assert outcomes(answer) == [(1030, field)] * len(ARRAYS) + [(0, None)]
    assert await shop.records("getSalesDocuments") == []


@pytest.mark.parametrize("body", ["points[]=5", "points%5B%5D=5", "points[0]=5&points[1]=6", "points[a][b]=5"])
async def test_arrays_in_forms(shop: Shop, body: str) -> None:
    """`points[]=`, as PHP writes a list into a form, is 1030."""
    customer = await shop.customer()
    form = f"clientCode={shop.code}&sessionKey={shop.key}&request=addCustomerRewardPoints&customerID={customer}&{body}"
    answer = await post(shop, form, FORM["content-type"])
    assert outcome(answer["status"]) == (1030, "points")
    response = await shop.http.get(f"/api?{form}")
    assert outcome(well_formed(response)["status"]) == (1030, "points")


@pytest.mark.parametrize(
    ("pair", "found"),
    [
        ('"points": 5, "points": 6', (1013, "points")),
        ('"points": 5, "points": "5"', (1013, "points")),
        ('"points": 5, "points": null', (1013, "points")),
        ('"points": 5, "points": 5', (0, None)),
        ('"points": 5, "requestID": 1, "requestID": 1', (0, None)),
        ('"points": 5, "requestID": 1, "requestID": 2', (1013, "requestID")),
        ('"points": 5, "description": "a", "description": "b"', (1013, "description")),
        ('"points": 5, "poin\\u0074s": 6', (1013, "points")),
        ('"points": 5, "requestName": "getVatRates"', (1013, "requestName")),
    ],
)
async def test_repeated_keys_in_json(shop: Shop, pair: str, found: tuple[int, str | None]) -> None:
    """A key that stands twice with different values is 1013 with its name; the same value twice is fine."""
    await shop.customer()
    first = f'{{"requestName": "addCustomerRewardPoints", "customerID": 1, {pair}}}'
    assert outcomes(await post_requests(shop, f'[{first},{{"requestName":"getVatRates"}}]')) == [found, (0, None)]
    assert await shop.balance(1) == (5 if found == (0, None) else 0)


async def repeated(till: Erply, query: str = "", body: str = "", kind: str = FORM["content-type"]) -> dict[str, Any]:
    response = await till.http.post(f"/api/?{query}", content=body, headers={"content-type": kind})
    answer: dict[str, Any] = well_formed(response)["status"]
    return answer


async def test_repeated_fields_in_forms(shop: Shop) -> None:
    """A form field or query parameter that comes twice with different values is 1013; the same twice is fine."""
    await shop.customer()
    call = f"clientCode={shop.code}&sessionKey={shop.key}&request=addCustomerRewardPoints&customerID=1"
    assert outcome(await repeated(shop, body=f"{call}&points=5&points=6")) == (1013, "points")
    assert outcome(await repeated(shop, query=f"{call}&points=5&points=6")) == (1013, "points")
    assert outcome(await repeated(shop, query=f"{call}&points=5&points=6", body="version=1.0")) == (1013, "points")
    assert await shop.balance(1) == 0
    assert outcome(await repeated(shop, query=f"{call}&points=5&points=6", body="points=7")) == (0, None)
    assert outcome(await repeated(shop, body=f"{call}&points=1&points=1")) == (0, None)
    assert outcome(await repeated(shop, query=f"{call}&points=1", body=f"{call}&points=1")) == (0, None)
    assert await shop.balance(1) == 9


@pytest.mark.parametrize("name", ["sessionKey", "clientCode", "requests", "getFields"])
async def test_repeated_common_parameters_of_a_bulk(shop: Shop, name: str) -> None:
    """A common parameter sent twice with different values refuses the whole bulk: no value is chosen silently."""
    save = json.dumps([{"requestName": "saveCustomer", "firstName": "A"}])
    texts = {"clientCode": shop.code, "sessionKey": shop.key, "requests": save, "getFields": "customerID"}
    body = ", ".join(f'"{key}": {json.dumps(value)}' for key, value in texts.items())
    status = (await post(shop, f'{{{body}, "{name}": "another"}}'))["status"]
    assert status["errorCode"] in ({1001, 1013} if name == "clientCode" else {1013, 1055, 1015}), status
    form = {**texts, name: [texts[name], "another"]}
    response = await shop.http.post("/api/", data=form)
    assert well_formed(response)["status"]["errorCode"] != 0
    assert await shop.records("getCustomers") == []


async def test_promotion_rules_as_text(shop: Shop) -> None:
    """Fields with two numbers are read like the others: text is taken as the number it says, empty text as nothing."""
    rule = {
        "promotionRule1campaignID1": "7",
        "promotionRule1priceListID1": "",
        "promotionRule1amount1": "",
        "promotionRule1finalPrice1": 9,
        "promotionRule1campaignType1": "ITEMS",
    }
    await shop.record("saveSalesDocument", amount1="1", **rule)
    assert await shop.error("saveSalesDocument", amount1=1, promotionRule1campaignID2="x") == (
        1014,
        "promotionRule1campaignID2",
    )
    refused = await shop.error("saveSalesDocument", amount1=1, promotionRule1campaignType12="ALL")
    assert refused == (1016, "promotionRule1campaignType12")


async def test_names_in_other_languages_as_numbers(shop: Shop) -> None:
    """A name for one language is text like any other."""
    assert await post_call(shop, "saveVatRate", rate=5, nameENG=5) == (0, None)
    assert (await shop.records("getVatRates"))[0]["name"] == "5"


@pytest.mark.parametrize("value", ["x" * 256, "Õ" * 256])
async def test_long_text(shop: Shop, value: str) -> None:
    """Text is measured in characters: 255 fit, 256 are 1014."""
    assert await post_call(shop, "saveCustomer", firstName=value[:255]) == (0, None)
    assert await post_call(shop, "saveCustomer", firstName=value) == (1014, "firstName")
    assert await post_call(shop, "saveSalesDocument", customReferenceNumber="1" * 25) == (0, None)
    refused = await post_call(shop, "saveSalesDocument", customReferenceNumber="1" * 26)
    assert refused == (1014, "customReferenceNumber")
