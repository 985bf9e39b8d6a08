"""fabric's adjustments: points in and out, types, reasons, pending points, the daily cap, enrolment and inquiry."""

import re
from typing import Any

import pytest

from support.dialects import Fabric
from support.shop import Shop

UNKNOWN = "78660e74-02e3-41e8-b443-00163e911bd2"


@pytest.fixture
async def profile(fabric: Fabric) -> str:
    """A member without points, who is customer 1."""
    account = await fabric.enrol()
    found: str = account["profileId"]
    return found


async def test_a_member_is_a_customer(club: Shop, fabric: Fabric) -> None:
    """Who is enrolled is a customer of Erply's calls, found by card, email and telephone number."""
    sent = {"birthDate": "1990-04-15", "tierReference": "Gold", "customAttributes": {"a": 1.5, "b": 2**80}}
    account = await fabric.enrol(**{**sent, "customAttributes": {"a": 1.5}})
    record = await club.record("getCustomers", searchCode=account["loyaltyNumber"])
    assert (record["firstName"], record["lastName"], record["birthday"]) == ("Mari", "Maasikas", "1990-04-15")
    assert (record["email"], record["mobile"]) == ("mari@example.com", "+3725550001")
    assert (record["profileID"], record["programIDs"]) == (account["profileId"], "1")
    assert (account["tierId"], account["clubReference"]) == ("Gold", "Company_Club")
    other = await fabric.enrol(emailAddress="jaan@example.com", phoneNumber="+3725550002")
    assert other["loyaltyNumber"] != account["loyaltyNumber"]
    assert await club.check() == []


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"firstName": ""}, {"firstName"}),
        ({"firstName": "x" * 101, "lastName": " "}, {"firstName", "lastName"}),
        ({"lastName": None, "clubReference": None}, {"lastName", "clubReference"}),
        ({"emailAddress": "x" * 255}, {"emailAddress"}),
        ({"phoneNumber": "1" * 17}, {"phoneNumber"}),
        ({"gender": "Cat", "redemptionChoice": "Cash"}, {"gender", "redemptionChoice"}),
        ({"birthDate": "15.04.1990"}, {"birthDate"}),
        ({"birthDate": "1990-02-30"}, {"birthDate"}),
        ({"addressLine2": "x" * 501, "city": "x" * 51, "region": "x" * 151}, {"addressLine2", "city", "region"}),
        ({"redemptionThreshold": "many", "enrollReasonCode": "x" * 31}, {"redemptionThreshold", "enrollReasonCode"}),
        ({"emailAddress": "MARI@example.com", "phoneNumber": "+372 5550001"}, {"emailAddress", "phoneNumber"}),
    ],
)
async def test_an_enrolment_that_cannot_be(
    club: Shop, fabric: Fabric, profile: str, fields: dict[str, Any], wrong: set[str]
) -> None:
    """Every field at fault is named, and nobody is enrolled."""
    whole = {
        "firstName": "Jaan",
        "lastName": "Tamm",
        "emailAddress": "jaan@example.com",
        "phoneNumber": "+3725550002",
        "entityReference": "Company",
        "clubReference": "Company_Club",
    }
    assert await fabric.errors("members", {**whole, **fields}) == (400, wrong)
    assert [each["profileID"] for each in await club.records("getCustomers")] == [profile]


async def test_points_are_added_and_deducted(club: Shop, fabric: Fabric, profile: str) -> None:
    """Positive points add, negative ones deduct; Erply's calls see the same balance and both histories."""
    added = await fabric.adjust(profile, 100, reasonCode="7502", billingEntity="Company_Club")
    assert added["message"] == "Member points adjusted"
    assert added["data"]["Message"] == "100.0 points added"
    deducted = await fabric.adjust(profile, -25.25, reasonCode="7502")
    assert deducted["data"]["Message"] == "25.25 points deducted"
    codes = [answer["data"]["transactionCode"] for answer in (added, deducted)]
    assert len(set(codes)) == 2
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", code) for code in codes)
    assert await club.balance(1) == 74
    lot = await club.record("getEarnedRewardPointRecords", customerID=1)
    used = await club.record("getUsedRewardPointRecords", customerID=1)
    assert (lot["earnedPoints"], lot["remainingPoints"], used["usedPoints"]) == (100, 74, 25)
    store = await club.store()
    try:
        needs = {"awards": {lot["transactionID"]}, "adjustments": {used["transactionID"]}}
        transaction = await store.begin(needs, write=False)
        work = transaction.work
        award, adjustment = work.awards.get(lot["transactionID"]), work.adjustments.get(used["transactionID"])
        await transaction.rollback()
    finally:
        await store.close()
    assert award is not None
    assert (award.transaction_code, award.reason, award.billing_entity) == (codes[0], "7502", "Company_Club")
    assert adjustment is not None
    assert (adjustment.dialect, adjustment.transaction_code, adjustment.reason) == ("fabric", codes[1], "7502")
    assert await club.check() == []


@pytest.mark.parametrize(
    ("points", "message"),
    [(100, "100.0"), (100.0, "100.0"), (0.5, "0.5"), (0.25, "0.25"), (1_000_000, "1000000.0"), (10, "10.0")],
)
async def test_the_message_has_at_least_one_decimal(
    club: Shop, fabric: Fabric, profile: str, points: float, message: str
) -> None:
    """The number is told exactly, without a sign, and never in powers of ten."""
    assert (await fabric.adjust(profile, points))["data"]["Message"] == f"{message} points added"
    assert (await fabric.adjust(profile, -points))["data"]["Message"] == f"{message} points deducted"
    assert await club.balance(1) == 0


async def test_a_type_is_drawn_from_alone(club: Shop, fabric: Fabric, profile: str) -> None:
    """Without a type deductions take the soonest expiry, whatever the type; with one that type only, pending or not."""
    await fabric.adjust(profile, 10)
    await fabric.adjust(profile, 20, pointType="Bonus")
    await fabric.adjust(profile, 40, pointType="Restricted")
    await fabric.adjust(profile, 80, pointType="Bonus", setToPending=True)
    await club.record("addCustomerRewardPoints", customerID=1, points=5)
    assert await fabric.errors("points-adjustment", {"profileId": profile, "points": -20.01, "pointType": "Bonus"}) == (
        400,
        {"points"},
    )
    await fabric.adjust(profile, -20, pointType="Bonus")
    assert await fabric.errors("points-adjustment", {"profileId": profile, "points": -16, "pointType": "Base"}) == (
        400,
        {"points"},
    )
    await fabric.adjust(profile, -12, pointType="Base")
    await fabric.adjust(profile, -4, pointType=None)
    shown = await fabric.member(profile)
    assert {each["pointType"]: each["points"] for each in shown["pointsByType"]} == {
        "Base": 3,
        "Bonus": 80,
        "Restricted": 36,
    }
    answer = await fabric.adjust(profile, -40)
    assert answer["errors"] == {"points": ["The member has 39 points to deduct."]}
    assert await club.check() == []


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"points": 0}, {"points"}),
        ({"points": 0.0}, {"points"}),
        ({"points": None}, {"points"}),
        ({"points": "100"}, {"points"}),
        ({"points": True}, {"points"}),
        ({"points": 1_000_000_001}, {"points"}),
        ({"points": 0.001}, {"points"}),
        ({"points": -101}, {"points"}),
        ({"profileId": None, "points": "x"}, {"profileId", "points"}),
        ({"profileId": 7}, {"profileId"}),
        ({"pointType": "Silver", "reasonCode": "", "billingEntity": ""}, {"pointType", "reasonCode", "billingEntity"}),
        ({"reasonCode": "7503"}, {"reasonCode"}),
        ({"reasonCode": "7503", "points": -1, "setToPending": True}, {"reasonCode", "setToPending"}),
        ({"setToPending": "yes"}, {"setToPending"}),
        ({"setToPending": 1}, {"setToPending"}),
    ],
)
async def test_an_adjustment_that_cannot_be(
    club: Shop, fabric: Fabric, profile: str, sent: dict[str, Any], wrong: set[str]
) -> None:
    """Every field at fault is named with sentences, and nothing has changed."""
    await fabric.adjust(profile, 100)
    response = await fabric.post("points-adjustment", {"profileId": profile, "points": 1, **sent})
    answer = response.json()
    assert (response.status_code, set(answer["errors"]), answer["data"]) == (400, wrong, None)
    assert all(sentence.endswith(".") for sentences in answer["errors"].values() for sentence in sentences)
    assert await club.balance(1) == 100
    assert await club.check() == []


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b'{"a":1,"a":2}', b"\xff"),
        b'{"profileId":"x","points":1e999999999}',
        b'{"profileId":"x","points":1e-999999999}',
        b'{"profileId":"x","points":' + b"9" * 5_000 + b"}",
    ],
)
@pytest.mark.parametrize("call", ["points-adjustment", "points-activate", "members"])
async def test_what_is_no_body_is_400(fabric: Fabric, call: str, content: bytes) -> None:
    """Whatever bytes come, the answer is the envelope with 400."""
    response = await fabric.post(call, content)
    assert (response.status_code, response.json()["message"], response.json()["data"]) in {
        (400, "Bad Request", None),
        (404, "Not Found", None),
    }
    assert response.json()["errors"]


async def test_a_member_that_is_not_there_is_404(fabric: Fabric) -> None:
    """A profileId that is nobody's is 404 for every call, and well-formed bodies only come so far."""
    for call, body in (("points-adjustment", {"points": 1}), ("points-activate", {})):
        for profile in (UNKNOWN, "x", " "):
            assert await fabric.errors(call, {"profileId": profile, **body}) == (404, {"profileId"})
    headers = {"authorization": f"Bearer {fabric.token}"}
    response = await fabric.http.get(f"/v1/inquire/{UNKNOWN}/member-points", headers=headers)
    assert (response.status_code, response.json()["status"], response.json()["data"]) == (404, 404, None)


async def test_pending_points_wait_for_a_call(club: Shop, fabric: Fabric, profile: str) -> None:
    """With `pending_hours` 0 pending points count but cannot be spent until points-activate lets them."""
    start = int(club.clock())
    for _ in range(3):
        await fabric.adjust(profile, 10, setToPending=True)
        club.clock.advance(3_600)
        fabric = await Fabric.log_in(club.http, *await club.client())
    shown = await fabric.member(profile)
    assert shown["pointsBalance"]["memberPointsAvailable"] == shown["pointsBalance"]["memberPointsLocked"] == 30
    await club.log_in()
    assert await club.error("subtractCustomerRewardPoints", customerID=1, points=1) == (1042, None)
    assert start == 1_767_225_600  # 2026-01-01 00:00:00
    body = {"profileId": profile, "startDate": "2026-01-01 00:00:01", "endDate": "2026-01-01 01:00:00"}
    assert (await fabric.post("points-activate", body)).json() == {
        "message": "Member points activated",
        "errors": {},
        "data": None,
        "status": 200,
    }
    await club.record("subtractCustomerRewardPoints", customerID=1, points=10)
    assert await club.error("subtractCustomerRewardPoints", customerID=1, points=1) == (1042, None)
    assert (await fabric.post("points-activate", {"profileId": profile, "startDate": None})).status_code == 200
    await club.record("subtractCustomerRewardPoints", customerID=1, points=20)
    assert (await fabric.member(profile))["pointsBalance"]["memberPointsLocked"] == 0
    assert await club.check() == []


async def test_pending_points_become_active_by_time(club: Shop, fabric: Fabric, profile: str) -> None:
    """With `pending_hours` they become active by themselves, and then repay what is owed."""
    await club.set(pending_hours="1", negative_balance="allow")
    await fabric.adjust(profile, 10, setToPending=True)
    await fabric.adjust(profile, -4)
    assert await club.balance(1) == 6
    club.clock.advance(3_599)
    assert (await fabric.member(profile))["pointsBalance"]["memberPointsLocked"] == 10
    club.clock.advance(1)
    fabric = await Fabric.log_in(club.http, *await club.client())
    shown = await fabric.member(profile)
    assert (shown["totalPoints"], shown["pointsBalance"]["memberPointsLocked"]) == (6, 0)
    await fabric.adjust(profile, -6, pointType="Base")
    assert await club.check() == []


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"startDate": "2026-01-01"}, {"startDate"}),
        ({"startDate": "2026-01-01T00:00:00Z", "endDate": 5}, {"startDate", "endDate"}),
        ({"endDate": "2026-02-30 00:00:00"}, {"endDate"}),
        ({"startDate": "2026-01-02 00:00:00", "endDate": "2026-01-01 00:00:00"}, {"endDate"}),
        ({"profileId": None}, {"profileId"}),
    ],
)
async def test_an_activation_that_cannot_be(
    fabric: Fabric, profile: str, sent: dict[str, Any], wrong: set[str]
) -> None:
    """A moment that is none, or an interval that ends before it begins, activates nothing."""
    await fabric.adjust(profile, 10, setToPending=True)
    assert await fabric.errors("points-activate", {"profileId": profile, **sent}) == (400, wrong)
    assert (await fabric.member(profile))["pointsBalance"]["memberPointsLocked"] == 10


async def test_the_daily_cap_counts_both_ways(club: Shop, fabric: Fabric, profile: str) -> None:
    """What fabric adds and deducts of one member in a day of the account's zone stays within the cap."""
    await club.set(daily_adjustment_cap="100", timezone="Europe/Tallinn")
    other = (await fabric.enrol(emailAddress="b@example.com", phoneNumber="2"))["profileId"]
    await club.record("addCustomerRewardPoints", customerID=1, points=500)
    await club.record("subtractCustomerRewardPoints", customerID=1, points=50)
    assert (await fabric.adjust(profile, 60))["status"] == 200
    assert (await fabric.adjust(profile, -30.5))["status"] == 200
    refused = await fabric.adjust(profile, 9.51)
    assert refused["errors"] == {"points": ["At most 100 points are adjusted in a day; 9.5 are left today."]}
    assert (await fabric.adjust(profile, 9.5))["status"] == 200
    assert (await fabric.adjust(profile, -0.01))["status"] == 400
    assert (await fabric.adjust(other, 100))["status"] == 200
    club.clock.advance(22 * 3_600)  # The clock began at 02:00 in Tallinn.
    fabric = await Fabric.log_in(club.http, *await club.client())
    assert (await fabric.adjust(profile, 100))["status"] == 200


async def test_the_inquiry_adds_up(club: Shop, fabric: Fabric, profile: str) -> None:
    """Earned less deducted, used and expired is what is available, as the documented example has it."""
    await club.set(point_value="0.01")
    now = int(club.clock())
    await club.record("addCustomerRewardPoints", customerID=1, points=100, expiryUnixTime=now + 60)
    await club.record("addCustomerRewardPoints", customerID=1, points=400)
    await fabric.adjust(profile, 100, setToPending=True)
    club.clock.advance(60)
    await fabric.adjust(profile, -100)
    await club.record("subtractCustomerRewardPoints", customerID=1, points=100)
    assert await fabric.member(profile) == {
        "totalPoints": 300,
        "pointsByType": [{"pointType": "Base", "points": 300, "subType": ""}],
        "pointsBalance": {
            "memberPointsEarned": 600,
            "memberPointsDeducted": 100,
            "memberPointsUsed": 100,
            "memberPointsExpired": 100,
            "memberPointsAvailable": 300,
            "memberPointsLocked": 100,
        },
        "breakdown": {
            "totalPoints": 300,
            "totalCurrencyValue": 3,
            "unrestrictedPoints": {
                "totalPoints": 300,
                "totalCurrencyValue": 3,
                "unrestrictedPointsItems": [{"points": 300, "pointType": "Base"}],
            },
            "restrictedPoints": {
                "totalPoints": 0,
                "totalCurrencyValue": 0,
                "restrictedPointsItems": [{"points": 0, "pointType": "Restricted", "restrictedLocation": ""}],
            },
        },
    }
    assert await club.balance(1) == 300


async def test_what_is_owed_is_taken_off_the_base_points(club: Shop, fabric: Fabric, profile: str) -> None:
    """Below zero the types still add up to the total."""
    await club.set(negative_balance="allow")
    await fabric.adjust(profile, 5, pointType="Restricted")
    await fabric.adjust(profile, -12.5)
    await fabric.adjust(profile, 3, pointType="Restricted", setToPending=True)
    shown = await fabric.member(profile)
    assert shown["totalPoints"] == -4.5
    assert {each["pointType"]: each["points"] for each in shown["pointsByType"]} == {"Base": -7.5, "Restricted": 3}
    assert shown["breakdown"]["restrictedPoints"]["totalPoints"] == 3


async def test_a_customer_of_erplys_is_a_member(club: Shop, fabric: Fabric) -> None:
    """The profileID that getCustomers shows is a profileId, in any case; without points all is zero."""
    customer = await club.customer()
    profile = (await club.record("getCustomers", customerID=customer))["profileID"]
    assert (await fabric.member(profile.upper()))["totalPoints"] == 0
    await club.record("saveCustomer", customerID=customer, rewardPointsDisabled=1)
    assert await fabric.errors("points-adjustment", {"profileId": profile, "points": 5}) == (400, {"profileId"})


async def test_both_paths_lead_to_the_same(club: Shop, fabric: Fabric, profile: str) -> None:
    """Every call is there with and without /api before it."""
    headers = {"authorization": f"Bearer {fabric.token}"}
    sent = {"profileId": profile, "points": 1}
    for prefix in ("", "/api"):
        response = await club.http.post(f"{prefix}/v1/members/points-adjustment", json=sent, headers=headers)
        assert response.status_code == 200
        response = await club.http.post(
            f"{prefix}/v1/members/points-activate", json={"profileId": profile}, headers=headers
        )
        assert response.status_code == 200
        response = await club.http.get(f"{prefix}/v1/inquire/{profile}/member-points", headers=headers)
        assert response.status_code == 200
    assert await club.balance(1) == 2


async def test_without_a_token_nothing_is_looked_at(club: Shop, profile: str) -> None:
    """No token, an unknown one, one that has ended or mere Basic credentials are 401 for every call."""
    key, secret = await club.client()
    ended = (await Fabric.log_in(club.http, key, secret)).token
    club.clock.advance(3_600)
    for headers in ({}, {"authorization": f"Bearer {club.code}.x"}, {"authorization": f"Bearer {ended}"}):
        for call in ("points-adjustment", "points-activate", ""):
            response = await club.http.post(f"/v1/members/{call}".rstrip("/"), content=b"{", headers=headers)
            assert response.status_code == 401
            assert response.json() == {"message": "Unauthorized", "errors": {}, "data": None, "status": 401}
            assert response.headers["www-authenticate"] == "Bearer"
        response = await club.http.get(f"/v1/inquire/{profile}/member-points", headers=headers)
        assert response.status_code == 401
    assert (await club.http.post("/v1/members", json={}, auth=(key, secret))).status_code == 401


async def test_a_token_is_given_for_client_credentials_only(club: Shop) -> None:
    """Another grant is 400, wrong credentials 401, in the terms of OAuth; any authorisation server's ID will do."""
    key, secret = await club.client()
    path = "/api/oauth2/aus123/v1/token"
    form = {"grant_type": "client_credentials"}
    good = await club.http.post(path, data=form, auth=(key, secret))
    answer = good.json()
    assert (good.status_code, answer["token_type"], answer["scope"], answer["expires_in"]) == (
        200,
        "Bearer",
        "s2s",
        3_600,
    )
    for data in ({"grant_type": "password"}, {}):
        response = await club.http.post(path, data=data, auth=(key, secret))
        assert (response.status_code, response.json()) == (400, {"error": "unsupported_grant_type"})
    for auth in ((key, "x"), ("x", secret)):
        response = await club.http.post(path, data=form, auth=auth)
        assert (response.status_code, response.json()) == (401, {"error": "invalid_client"})
