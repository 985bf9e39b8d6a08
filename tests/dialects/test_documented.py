"""The examples of both systems' documentation, sent to the real server over a socket."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest

from erply_points.accounts import administration
from erply_points.app import stores_of
from support.client import Erply
from support.dialects import Capillary, Fabric
from support.process import ServerProcess

UUID = "8f14e45f-ceea-467f-a8f2-6d1a2b3c4d5e"
FILE = f"""
    [[program]]
    id = 1
    name = "Club"
    decimals = 2

    [[currency]]
    name = "DocCoin"
    decimals = 1

    [[promotion]]
    id = 12
    identifier = "{UUID}"

    [[reason]]
    code = "7502"

    [settings]
    point_value = "0.01"
"""
WHY = {"pointCategoryTypes": "REGULAR", "reasonOfReturn": "Goods returned"}


class Club(NamedTuple):
    till: Erply
    capillary: Capillary
    fabric: Fabric
    customer: int
    award: int
    coins: int
    """The award of DocCoin."""


@pytest.fixture
async def club(server: ServerProcess, till: Erply) -> AsyncIterator[Club]:
    """A customer with 695.50 points, of promotion 12, and 80,155.5 DocCoin of it."""
    stores = stores_of(server.settings)
    await administration.apply_file(stores, till.code, FILE)
    key, secret = await administration.create_client(stores, till.code, "till")
    customer = await till.customer(externalID="C-1001", mobile="+3725550001", email="mari@example.com")
    common = {"customerID": customer, "promotionID": 12, "awardRefType": "bill_promotions"}
    award = (await till.record("addCustomerRewardPoints", points="695.50", **common))["transactionID"]
    currency = {"points": "80155.5", "currency": "DocCoin"}
    coins = (await till.record("addCustomerRewardPoints", **currency, **common))["transactionID"]
    async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as http:
        fabric = await Fabric.log_in(http, key, secret)
        yield Club(till, Capillary(http, key, secret), fabric, customer, award, coins)


async def test_the_lookup_form(club: Club) -> None:
    """Capillary's example request, answered as its sample."""
    body = {"pointCategoryTypes": "REGULAR", "pointsToBeAdjusted": "25.50", "reasonOfReturn": "Goods returned"}
    query = {"identifierName": "externalId", "identifierValue": "C-1001", "source": "WEBSITE"}
    response = await club.capillary.send("/v2/customers/lookup/negativePointsAdjustment", query, body)
    assert response.status_code == 200
    assert response.text == (
        '{"status":"success","pointsAvailable":"670.000","message":"points deducted successfully for the user ",'
        '"warnings":[]}'
    )
    assert await club.till.balance(club.customer) == 670


async def test_an_alternate_currency(club: Club) -> None:
    """The sample's answer for DocCoin, to the letter."""
    path = f"/v2/customers/{club.customer}/negativePointsAdjustment"
    body = {**WHY, "alternateCurrencyName": "DocCoin", "valueToBeAdjusted": "10"}
    assert (await club.capillary.send(path, {"source": "INSTORE"}, body)).text == (
        '{"status":"success","valueAvailable":"80145.500","message":"DocCoin deducted successfully for the user ",'
        '"warnings":[]}'
    )


@pytest.mark.parametrize("of", ["points", "currency"])
@pytest.mark.parametrize(
    "drawn_from",
    [
        {},
        {"pointsAwardedId": "award", "pointsAwardedRefType": "bill_promotions"},
        {"promotionId": 12},
        {"promotionIdentifier": UUID, "programId": 1},
        {"programId": 1},
    ],
    ids=lambda drawn_from: "+".join(drawn_from) or "plain",
)
async def test_the_documented_combinations(club: Club, of: str, drawn_from: dict[str, Any]) -> None:
    """All five combinations, for points and for an alternate currency."""
    if of == "points":
        amount, field, left = {"pointsToBeAdjusted": "100.00"}, "pointsAvailable", "595.500"
    else:
        amount = {"alternateCurrencyName": "DocCoin", "valueToBeAdjusted": "100.00"}
        field, left = "valueAvailable", "80055.500"
    award = {"pointsAwardedId": club.award if of == "points" else club.coins} if "pointsAwardedId" in drawn_from else {}
    answer = await club.capillary.lookup("mobile", "+3725550001", {**WHY, **amount, **drawn_from, **award}, "INSTORE")
    assert (answer["status"], answer[field]) == ("success", left)


async def test_an_error(club: Club) -> None:
    """The body of an error, as Capillary's other calls have it."""
    query = {"identifierName": "email", "identifierValue": "nobody@example.com", "source": "WECHAT"}
    response = await club.capillary.send("/v2/customers/lookup/negativePointsAdjustment", query, WHY)
    assert response.status_code == 400
    assert response.text == (
        '{"warnings":[],"errors":[{"status":false,"code":8015,'
        '"message":"Customer not found for the given identifiers"}]}'
    )


async def test_capillarys_token(club: Club) -> None:
    """Key and secret give a token, which stands in the header of its own."""
    http = club.capillary.http
    sent = {"key": club.capillary.key, "secret": club.capillary.secret}
    answer = (await http.post("/v3/oauth/token/generate", json=sent)).json()
    assert set(answer) == {"data", "errors"}
    response = await http.post(
        f"/v2/customers/{club.customer}/negativePointsAdjustment",
        json={**WHY, "pointsToBeAdjusted": "10"},
        headers={"X-CAP-API-OAUTH-TOKEN": answer["data"]["accessToken"]},
    )
    assert response.json()["pointsAvailable"] == "685.500"
    assert (await http.post("/v2/customers/1/negativePointsAdjustment")).status_code == 401


async def test_fabrics_adjustment(club: Club) -> None:
    """Fabric's answer, but for the transaction's own code."""
    profile = (await club.fabric.enrol(emailAddress="jaan@example.com", phoneNumber="2"))["profileId"]
    sent = {
        "points": 100,
        "profileId": profile,
        "pointType": "Base",
        "billingEntity": "Company_Club",
        "reasonCode": "7502",
        "setToPending": False,
    }
    answer = (await club.fabric.post("points-adjustment", sent)).json()
    code = answer["data"].pop("transactionCode")
    assert len(code) == 36
    assert answer == {
        "message": "Member points adjusted",
        "errors": {},
        "data": {"Message": "100.0 points added", "futureDate": False, "ExceptionString": ""},
        "status": 200,
    }
    answer = await club.fabric.adjust(profile, -100)
    assert answer["data"]["Message"] == "100.0 points deducted"


async def test_fabrics_activation(club: Club) -> None:
    """The answer of points-activate, in its order."""
    profile = (await club.till.record("getCustomers", customerID=club.customer))["profileID"]
    response = await club.fabric.post("points-activate", {"profileId": profile})
    assert response.text == '{"message":"Member points activated","errors":{},"data":null,"status":200}'


async def test_fabrics_enrolment(club: Club) -> None:
    """201, and the account with the number and the ID by which the member is known from now on."""
    account = await club.fabric.enrol(emailAddress="jaan@example.com", phoneNumber="2")
    assert {"profileId", "loyaltyNumber", "clubReference", "tierId"} <= set(account)
    shown = await club.fabric.member(account["profileId"])
    assert shown["totalPoints"] == 0
