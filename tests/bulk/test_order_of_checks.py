"""In which order a request is checked: one error at a time, the first in the documented order wins.

Each test starts from a request that is wrong in every way and mends one thing after another.
"""

import json
from typing import Any

from bulk.sending import outcome, post
from support.shop import Shop


async def test_the_request_as_a_whole(shop: Shop) -> None:
    """Account, format, session, size, then the name of the call."""
    short = await shop.record("verifyUser", username="till", password="secret", sessionLength=60)
    shop.clock.advance(61)
    request: dict[str, Any] = {
        "clientCode": "no-such-account",
        "responseType": "CSV",
        "requests": [{"requestName": "nothing", "points": "x"}] * 101,
    }

    async def code(**mended: Any) -> int:
        request.update(mended)
        answer = await post(shop, json.dumps(request))
        if answer["status"]["errorCode"]:
            return int(answer["status"]["errorCode"])
        return int(answer["requests"][0]["status"]["errorCode"])

    assert await code() == 1001
    assert await code(clientCode=shop.code) == 1007
    assert await code(responseType="JSON") == 1009
    assert await code(sessionKey="f" * 40) == 1055
    assert await code(sessionKey=short["sessionKey"]) == 1054
    assert await code(sessionKey=shop.key) == 1020
    assert await code(requests="{") == 1015
    assert await code(requests=[{"requestName": "nothing", "points": "x"}]) == 1005
    assert await code(requests=[{"requestName": "getVatRates", "unheardOf": "x"}]) == 0


async def test_the_session_before_the_call(shop: Shop) -> None:
    """An unknown call without a session is told about the session first."""
    for params in ({}, {"request": "nothing"}, {"request": "getVatRates", "orderBy": "nonsense"}):
        answer = await shop.post({"clientCode": shop.code, **params})
        assert outcome(answer["status"]) == (1009, None)


async def walk(shop: Shop, name: str, steps: list[tuple[dict[str, Any], tuple[int, str | None]]]) -> None:
    """Send the call again and again, each time with one more parameter mended; None takes a parameter away."""
    request: dict[str, Any] = {"requestName": name}
    for mended, expected in steps:
        request = {key: value for key, value in {**request, **mended}.items() if value is not None}
        (answer,) = await shop.answers([request])
        assert outcome(answer["status"]) == expected, request


async def test_a_redemption(shop: Shop) -> None:
    """Required, format, value, references, then what the customer has."""
    customer = await shop.customer(points=100)
    await shop.record("saveSalesDocument", amount1=1)
    await walk(
        shop,
        "subtractCustomerRewardPoints",
        [
            ({"campaignID": "x", "invoiceID": "y", "warehouseID": -1}, (1010, "customerID")),
            ({"customerID": "x"}, (1010, "points")),
            ({"points": "-1"}, (1014, "customerID")),
            ({"customerID": 999}, (1014, "invoiceID")),
            ({"invoiceID": 888}, (1014, "campaignID")),
            ({"campaignID": 7}, (1016, "points")),
            ({"points": 101}, (1016, "warehouseID")),
            ({"warehouseID": 1}, (1011, "customerID")),
            ({"customerID": customer}, (1011, "invoiceID")),
            ({"invoiceID": 1}, (1042, None)),
            ({"points": 100}, (0, None)),
        ],
    )


async def test_an_earning(shop: Shop) -> None:
    """Required, format, value, references, then whether the customer earns points at all."""
    await shop.customer(rewardPointsDisabled=1)
    customer = await shop.customer()
    now = int(shop.clock.now)
    await walk(
        shop,
        "addCustomerRewardPoints",
        [
            ({"createdUnixTime": now, "expiryUnixTime": now - 1}, (1010, "customerID")),
            ({"customerID": "x"}, (1010, "points")),
            ({"points": "0"}, (1014, "customerID")),
            ({"customerID": 999}, (1016, "points")),
            ({"points": 5}, (1016, "expiryUnixTime")),
            ({"expiryUnixTime": now + 10}, (1011, "customerID")),
            ({"customerID": 1, "invoiceID": 7}, (1011, "invoiceID")),
            ({"invoiceID": 0}, (1072, None)),
            ({"customerID": customer}, (0, None)),
        ],
    )


async def test_a_sale(shop: Shop) -> None:
    """Required, format, value, references, contradictions, then the state of the document."""
    customer = await shop.customer()
    saved = await shop.record("saveSalesDocument", type="INVWAYBILL", amount1=1)
    await walk(
        shop,
        "saveSalesDocument",
        [
            (
                {
                    "id": 999,
                    "type": "BOGUS",
                    "customerID": 888,
                    "price1": "x",
                    "vatrateID1": 777,
                    "productID1": 1,
                    "serviceID1": 2,
                    "date": "2026-02-30",
                },
                (1010, "amount1"),
            ),
            ({"amount1": "0"}, (1014, "date")),
            ({"date": "2026-02-28"}, (1014, "price1")),
            ({"price1": "10"}, (1016, "type")),
            ({"type": "CASHINVOICE"}, (1016, "amount1")),
            ({"amount1": "1"}, (1011, "id")),
            ({"id": int(saved["invoiceID"])}, (1011, "customerID")),
            ({"customerID": customer}, (1011, "vatrateID1")),
            ({"vatrateID1": 1}, (1013, "productID1")),
            ({"serviceID1": 0}, (1121, "type")),
            ({"type": "INVWAYBILL"}, (1017, "customerID")),
            ({"customerID": None}, (1017, "productID1")),
            ({"id": None}, (0, None)),
        ],
    )


async def test_a_customer(shop: Shop) -> None:
    """Required, format, value, references, then uniqueness."""
    await shop.customer(customerCardNumber="99")
    other = await shop.customer()
    await walk(
        shop,
        "saveCustomer",
        [
            ({"customerCardNumber": "99", "birthday": "x", "flagStatus": 3}, (1010, "firstName")),
            ({"firstName": "A"}, (1014, "birthday")),
            ({"birthday": "1990-02-30"}, (1014, "birthday")),
            ({"birthday": ""}, (1016, "flagStatus")),
            ({"flagStatus": 1, "groupID": 0, "customerID": 999}, (1016, "groupID")),
            ({"groupID": 1}, (1011, "customerID")),
            ({"customerID": other}, (1012, "customerCardNumber")),
            ({"customerCardNumber": "98"}, (0, None)),
        ],
    )


async def test_a_vat_rate(shop: Shop) -> None:
    """Required, format, value, references, then contradictions."""
    await walk(
        shop,
        "saveVatRate",
        [
            ({"active": "x", "name": "n"}, (1010, "rate")),
            ({"rate": "x"}, (1014, "rate")),
            ({"rate": "-1"}, (1014, "rate")),
            ({"rate": "9"}, (1014, "active")),
            ({"active": 2}, (1016, "active")),
            ({"active": 1, "isReverseVat": 1, "vatRateID": 999}, (1016, "reverseRate")),
            ({"reverseRate": 20}, (1011, "vatRateID")),
            ({"vatRateID": 1}, (1013, "isReverseVat")),
            ({"vatRateID": None}, (1013, "rate")),
            ({"rate": None}, (0, None)),
        ],
    )


async def test_a_log_in(shop: Shop) -> None:
    """Format, missing credentials, then whether they are right."""
    await walk(
        shop,
        "verifyUser",
        [
            ({"sessionLength": "x"}, (1014, "sessionLength")),
            ({"sessionLength": 60}, (1050, "username")),
            ({"username": "till"}, (1050, "password")),
            ({"password": "wrong"}, (1051, None)),
            ({"password": "secret"}, (0, None)),
        ],
    )
