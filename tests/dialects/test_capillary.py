"""Capillary's negativePointsAdjustment: combinations, the 13 codes in their order and what fails."""

from typing import Any

import pytest

from support.dialects import BODY, LOOKUP, Capillary, error
from support.shop import Shop

UUID = "8f14e45f-ceea-467f-a8f2-6d1a2b3c4d5e"


async def earned(shop: Shop, customer: int, points: float, **more: Any) -> int:
    record = await shop.record("addCustomerRewardPoints", customerID=customer, points=points, **more)
    number: int = record["transactionID"]
    return number


@pytest.fixture
async def customer(club: Shop) -> int:
    """In both programs, with 100.5 points, 50 in program 97 and 20.5 DocCoin."""
    number = await club.customer(externalID="C-1001", mobile="+372 555", email="Mari@example.com", programIDs="97")
    await earned(club, number, 100.5)
    await earned(club, number, 50, programID=97)
    await earned(club, number, 20.5, currency="DocCoin")
    return number


@pytest.mark.parametrize(
    ("name", "value"), [("externalId", "C-1001"), ("mobile", "+372555"), ("email", "mari@EXAMPLE.com")]
)
async def test_a_customer_is_found_by_every_identifier(
    club: Shop, capillary: Capillary, customer: int, name: str, value: str
) -> None:
    """The lookup form takes external ID, mobile and email; the points are gone for Erply's calls too."""
    answer = await capillary.lookup(name, value, BODY)
    assert answer == {
        "status": "success",
        "pointsAvailable": "75.000",
        "message": "points deducted successfully for the user ",
        "warnings": [],
    }
    assert list(answer) == ["status", "pointsAvailable", "message", "warnings"]
    assert await club.balance(customer) == 75
    used = await club.record("getUsedRewardPointRecords", customerID=customer)
    assert (used["usedPoints"], used["description"]) == (25, "Goods returned")
    assert await club.check() == []


async def test_the_form_by_id_needs_no_source(capillary: Capillary, customer: int) -> None:
    """A customer's own ID in the path is enough; a source that is sent must be a known one."""
    path = f"/v2/customers/{customer}/negativePointsAdjustment"
    for query, expected in (({}, "75.000"), ({"source": "INSTORE"}, "49.500")):
        assert (await capillary.send(path, query, BODY)).json()["pointsAvailable"] == expected
    assert error((await capillary.send(path, {"source": "MOON"}, BODY)).json())[0] == 8003


@pytest.mark.parametrize(
    "source",
    [
        *("INSTORE", "MARTJACK", "WECHAT", "FACEBOOK", "WEB_ENGAGE", "TMALL", "TAOBAO", "JD", "ECOMMERCE", "WEBSITE"),
        *("LINE", "ALL"),
    ],
)
async def test_every_source_is_taken(capillary: Capillary, customer: int, source: str) -> None:
    """All twelve sources of the documentation."""
    answer = await capillary.lookup("externalId", "C-1001", {**BODY, "pointsToBeAdjusted": 1}, source)
    assert answer["pointsAvailable"] == "99.500", customer


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ({"pointsToBeAdjusted": "10"}, ("pointsAvailable", "90.500", "points")),
        ({"pointsToBeAdjusted": 10}, ("pointsAvailable", "90.500", "points")),
        ({"pointsToBeAdjusted": 10.25}, ("pointsAvailable", "90.250", "points")),
        ({"pointsToBeAdjusted": "100.50000"}, ("pointsAvailable", "0.000", "points")),
        ({"pointsToBeAdjusted": 10, "programId": 1}, ("pointsAvailable", "90.500", "points")),
        ({"pointsToBeAdjusted": "10.00", "programId": 97}, ("pointsAvailable", "40.000", "points")),
        ({"pointsToBeAdjusted": "10", "programId": "97"}, ("pointsAvailable", "40.000", "points")),
        ({"alternateCurrencyName": "DocCoin", "valueToBeAdjusted": "10"}, ("valueAvailable", "10.500", "DocCoin")),
        (
            {"alternateCurrencyName": "DocCoin", "valueToBeAdjusted": 0.5, "programId": 1},
            ("valueAvailable", "20.000", "DocCoin"),
        ),
        (
            {"alternateCurrencyName": "DocCoin", "valueToBeAdjusted": 0.5, "pointsToBeAdjusted": 50},
            ("valueAvailable", "20.000", "DocCoin"),
        ),
        (
            {"pointsToBeAdjusted": 10, "promotionId": None, "pointsAwardedId": None},
            ("pointsAvailable", "90.500", "points"),
        ),
    ],
)
async def test_points_and_currencies(
    club: Shop, capillary: Capillary, customer: int, sent: dict[str, Any], answered: tuple[str, str, str]
) -> None:
    """Points of a program or an alternate currency; amounts as numbers or text, answered with three decimals."""
    field, available, name = answered
    assert await capillary.adjust(customer, **sent) == {
        "status": "success",
        field: available,
        "message": f"{name} deducted successfully for the user ",
        "warnings": [],
    }
    assert await club.check() == []


async def test_one_award_is_drawn_from_alone(club: Shop, capillary: Capillary, customer: int) -> None:
    """`pointsAwardedId` draws from exactly that award, and what it has left is the limit."""
    award = await earned(club, customer, 30, awardRefType="bill_regular")
    other = await earned(club, customer, 5, awardRefType="line_item_promotions")
    named = {"pointsAwardedId": award, "pointsAwardedRefType": "bill_regular"}
    assert (await capillary.adjust(customer, pointsToBeAdjusted="20", **named))["pointsAvailable"] == "115.500"
    assert await capillary.code(customer, pointsToBeAdjusted="10.01", **named) == 8907
    assert (await capillary.adjust(customer, pointsToBeAdjusted="10", **named))["pointsAvailable"] == "105.500"
    assert await capillary.code(customer, pointsToBeAdjusted="1", **named) == 8907
    records = await club.records("getEarnedRewardPointRecords", customerID=customer)
    assert {each["transactionID"]: each["remainingPoints"] for each in records} == {1: 100, award: 0, other: 5}
    assert (
        await capillary.code(customer, pointsToBeAdjusted=1, **{**named, "pointsAwardedRefType": "bill_promotions"})
        == 8877
    )
    plain = {"pointsAwardedId": str(1), "pointsAwardedRefType": "customer_promotions"}
    assert (await capillary.adjust(customer, pointsToBeAdjusted="0.5", **plain))["pointsAvailable"] == "105.000"
    assert await club.check() == []


async def test_a_promotion_is_drawn_from_alone(club: Shop, capillary: Capillary, customer: int) -> None:
    """By ID, or by identifier and program: soonest expiry first among the awards of that promotion."""
    await earned(club, customer, 7, promotionID=12)
    await earned(club, customer, 5, promotionID=12, expiryUnixTime=int(club.clock()) + 1_000)
    await earned(club, customer, 9, promotionID=13)
    assert (await capillary.adjust(customer, pointsToBeAdjusted=6, promotionId=12))["pointsAvailable"] == "106.500"
    by_identifier = {"promotionIdentifier": UUID, "programId": 1}
    assert await capillary.code(customer, pointsToBeAdjusted="6.01", **by_identifier) == 8907
    assert (await capillary.adjust(customer, pointsToBeAdjusted=6, **by_identifier))["pointsAvailable"] == "100.500"
    assert await capillary.code(customer, pointsToBeAdjusted=1, **by_identifier) == 8907
    assert (await capillary.adjust(customer, pointsToBeAdjusted=9, promotionId="13"))["pointsAvailable"] == "50.000"
    assert await club.check() == []


async def test_a_category_is_drawn_from_alone(club: Shop, capillary: Capillary, customer: int) -> None:
    """Promised and triggered points are deducted as such only, and regular ones do not help; the balance counts all."""
    promised = await earned(club, customer, 8, pointCategory="PROMISED")
    await earned(club, customer, 4, pointCategory="EXTERNAL_TRIGGER_BASED", promotionID=12)
    for category, points, left in (("PROMISED", 3, "109.500"), ("EXTERNAL_TRIGGER_BASED", 3, "106.500")):
        answer = await capillary.adjust(customer, pointsToBeAdjusted=points, pointCategoryTypes=category)
        assert answer["pointsAvailable"] == left
        assert await capillary.code(customer, pointsToBeAdjusted=6, pointCategoryTypes=category) == 8907
    named = {"pointsAwardedId": promised, "pointsAwardedRefType": "bill_regular"}
    assert await capillary.code(customer, pointsToBeAdjusted=1, **named) == 8907
    assert await capillary.code(customer, pointsToBeAdjusted=1, pointCategoryTypes="PROMISED", promotionId=12) == 8907
    assert await capillary.code(customer, pointsToBeAdjusted=1, pointCategoryTypes="PROMISED", **named) == 0
    assert await capillary.code(customer, pointsToBeAdjusted="100.51") == 8907
    assert await capillary.code(customer, pointsToBeAdjusted="100.50") == 0
    assert await club.check() == []


async def test_below_zero_only_where_the_account_allows_it(club: Shop, capillary: Capillary) -> None:
    """0 less 100 is -100 with `negative_balance=allow`; what is chosen to draw from stays the limit."""
    customer = await club.customer()
    refused = await capillary.adjust(customer, pointsToBeAdjusted="101.54")
    assert error(refused) == (
        8907,
        "points to be deducted 101.54 is greater than available points for program and NegativeBalanceOnReturn config"
        " is disabled for org.",
    )
    await club.set(negative_balance="allow")
    assert (await capillary.adjust(customer, pointsToBeAdjusted="100"))["pointsAvailable"] == "-100.000"
    assert (await capillary.adjust(customer, pointsToBeAdjusted="0.05"))["pointsAvailable"] == "-100.050"
    assert await capillary.code(customer, pointsToBeAdjusted="1", promotionId=12) == 8907
    assert await capillary.code(customer, pointsToBeAdjusted="999999999000") == 0
    assert await capillary.code(customer, pointsToBeAdjusted="999999999999") == 8907
    assert await club.check() == []


STEPS: list[tuple[dict[str, Any], int, str]] = [
    # A body that is wrong in every way, mended a step at a time; what is answered before each.
    ({}, 8882, "Reason for adjustment cannot be null"),
    ({"reasonOfReturn": "Goods returned"}, 8888, "Points to be adjusted cannot be zero"),
    ({"valueToBeAdjusted": "1.234"}, 8887, "Provide Program Id with Promotion Identifier"),
    (
        {"programId": 98},
        1218,
        "Customer not enrolled in loyalty program : customer not found forprogramId98",
    ),
    ({"programId": 97}, 8911, "No alternate currency with name DocCoin found for programId in org"),
    (
        {"programId": 1},
        8906,
        "decimal places passed: 3 is greater than the configured round decimals: 1 for programId: 1",
    ),
    ({"valueToBeAdjusted": "1000.50"}, 9975, "Points awarded ref type is invalid"),
    ({"pointsAwardedRefType": "bill_regular"}, 8877, "points awarded Id passed is invalid"),
    ({"pointsAwardedId": 3}, 8874, "promotion id passed is invalid"),
    (
        {"promotionIdentifier": UUID},
        8907,
        "points to be deducted 1000.50 is greater than available points for program and NegativeBalanceOnReturn config"
        " is disabled for org.",
    ),
]


async def test_checks_come_in_the_documented_order(club: Shop, capillary: Capillary, customer: int) -> None:
    """Of a request that is wrong in every way the first check answers, and with each mended the next."""
    body: dict[str, Any] = {
        "alternateCurrencyName": "DocCoin",
        "valueToBeAdjusted": "0.00",
        "promotionIdentifier": "unknown",
        "pointsAwardedId": 999,
        "pointsAwardedRefType": "bill",
    }
    assert customer
    query = {"identifierName": "card", "identifierValue": "?", "source": "MOON"}
    for fix, code, message in (
        ({}, 8003, "Invalid source"),
        ({"source": "LINE"}, 8013, "Lookup,Invalid identifier passed"),
        ({"identifierName": "email"}, 8015, "Customer not found for the given identifiers"),
    ):
        query |= fix
        response = await capillary.send(LOOKUP, query, b"{")
        assert (response.status_code, *error(response.json())) == (400, code, message)
    query["identifierValue"] = "mari@example.com"
    assert error((await capillary.send(LOOKUP, query, b"{")).json()) == (400, "Input is invalid")
    for fix, code, message in STEPS:
        body |= fix
        response = await capillary.send(LOOKUP, query, body)
        assert (response.status_code, *error(response.json())) == (400, code, message)
    assert await club.check() == []


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"reasonOfReturn": ""}, 8882),
        ({"reasonOfReturn": "  "}, 8882),
        ({"reasonOfReturn": None}, 8882),
        ({"reasonOfReturn": "x" * 51}, 400),
        ({"reasonOfReturn": 5}, 400),
        ({"pointsToBeAdjusted": 0}, 8888),
        ({"pointsToBeAdjusted": "0.000"}, 8888),
        ({"pointsToBeAdjusted": -5}, 8888),
        ({"pointsToBeAdjusted": None}, 8888),
        ({"pointsToBeAdjusted": None, "valueToBeAdjusted": 5}, 8888),
        ({"alternateCurrencyName": "DocCoin"}, 8888),
        ({"pointsToBeAdjusted": "ten"}, 400),
        ({"pointsToBeAdjusted": "1e2"}, 400),
        ({"pointsToBeAdjusted": "1,5"}, 400),
        ({"pointsToBeAdjusted": True}, 400),
        ({"pointsToBeAdjusted": [1]}, 400),
        ({"pointsToBeAdjusted": "9" * 40}, 400),
        ({"pointCategoryTypes": "SOON"}, 400),
        ({"promotionId": 1234567890}, 400),
        ({"promotionId": 12, "promotionIdentifier": UUID, "programId": 1}, 400),
        ({"promotionIdentifier": UUID}, 8887),
        ({"promotionIdentifier": "x", "programId": 1}, 8874),
        ({"promotionId": 99}, 8874),
        ({"promotionId": 13, "programId": 1}, 8874),
        ({"programId": 98}, 1218),
        ({"programId": 1, "alternateCurrencyName": "coins", "valueToBeAdjusted": 1}, 8911),
        ({"alternateCurrencyName": "points", "valueToBeAdjusted": 1}, 8911),
        ({"pointsToBeAdjusted": "1.234"}, 8906),
        ({"pointsToBeAdjusted": 1.001}, 8906),
        ({"pointsToBeAdjusted": "1.5", "programId": 97}, 8906),
        ({"pointsAwardedId": 1}, 9975),
        ({"pointsAwardedId": 1, "pointsAwardedRefType": "BILL_REGULAR"}, 9975),
        ({"pointsAwardedRefType": "bill_regular"}, 8877),
        ({"pointsAwardedId": 0, "pointsAwardedRefType": "bill_regular"}, 8877),
        ({"pointsAwardedId": 2, "pointsAwardedRefType": "bill_regular"}, 8877),
        ({"pointsToBeAdjusted": 101}, 8907),
    ],
)
async def test_what_is_refused_changes_nothing(
    club: Shop, capillary: Capillary, customer: int, sent: dict[str, Any], code: int
) -> None:
    """Each way of being wrong has its code, and leaves every balance and history as it was."""
    assert await capillary.code(customer, **{"pointsToBeAdjusted": "1", **sent}) == code
    assert await club.balance(customer) == 100
    assert await club.records("getUsedRewardPointRecords", customerID=customer) == []
    assert await club.check() == []


@pytest.mark.parametrize("user", ["0", "-1", "99", "abc", "1.0", "9" * 30, "lookup "])
async def test_a_customer_that_is_not_there(capillary: Capillary, customer: int, user: str) -> None:
    """An ID that is no customer's is 8015, whatever it looks like."""
    assert customer
    assert await capillary.code(user, pointsToBeAdjusted="1") == 8015


async def test_a_customer_must_be_in_the_program(club: Shop, capillary: Capillary) -> None:
    """A program of the account that the customer has not joined is as good as none, also by its currency."""
    customer = await club.customer()
    assert await capillary.code(customer, pointsToBeAdjusted=1, programId=97) == 1218
    assert await capillary.code(customer, alternateCurrencyName="coins", valueToBeAdjusted=1) == 1218
    assert await capillary.code(customer, pointsToBeAdjusted=1, promotionId=13) == 1218


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b"5", b'"text"', b'{"a":1,"a":2}', b"\xff", b'{"pointsToBeAdjusted": NaN}'),
        b'{"reasonOfReturn":"x","pointsToBeAdjusted":1e-999999999}',
        b'{"reasonOfReturn":"x","pointsToBeAdjusted":1e999999999}',
        b'{"reasonOfReturn":"x","pointsToBeAdjusted":1.' + b"0" * 5_000 + b"1}",
        b'{"reasonOfReturn":"x","pointsToBeAdjusted":' + b"9" * 5_000 + b"}",
        b'{"reasonOfReturn":"x","pointsToBeAdjusted":1,"programId":' + b"9" * 400 + b"}",
        b"[" * 100_000,
    ],
    ids=lambda content: content[:40].decode("latin-1"),
)
async def test_what_is_no_body_is_400(club: Shop, capillary: Capillary, customer: int, content: bytes) -> None:
    """Whatever bytes come, the answer is 400 in the dialect's shape, and nothing changes."""
    path = f"/v2/customers/{customer}/negativePointsAdjustment"
    response = await capillary.send(path, {}, content)
    assert (response.status_code, *error(response.json())) == (400, 400, "Input is invalid")
    assert await club.balance(customer) == 100


async def test_amounts_are_exact(club: Shop, capillary: Capillary) -> None:
    """No amount passes through a float: a hundred times 0.1 is 10, and nothing is left over."""
    customer = await club.customer(points=10)
    for left in range(99, -1, -1):
        answer = await capillary.adjust(customer, pointsToBeAdjusted=0.1)
        assert answer["pointsAvailable"] == f"{left // 10}.{left % 10}00"
    assert await capillary.code(customer, pointsToBeAdjusted="0.01") == 8907


async def test_a_deduction_is_kept_apart_from_redemptions(club: Shop, capillary: Capillary, customer: int) -> None:
    """A deduction is a redemption with an adjustment: who asked for it, why and what it drew from."""
    await capillary.lookup(
        "externalId", "C-1001", {**BODY, "pointsAwardedId": 1, "pointsAwardedRefType": "bill_regular"}, "JD"
    )
    used = await club.record("getUsedRewardPointRecords", customerID=customer)
    store = await club.store()
    try:
        transaction = await store.begin({"adjustments": {used["transactionID"]}}, write=False)
        kept = transaction.work.adjustments.get(used["transactionID"])
        await transaction.rollback()
    finally:
        await store.close()
    assert kept is not None
    assert (kept.dialect, kept.source, kept.reason, kept.award_id) == ("capillary", "JD", "Goods returned", 1)
    assert (kept.category, kept.client) == ("REGULAR", capillary.key)


async def test_only_post_is_taken(capillary: Capillary) -> None:
    """Another method is 405, and a path beside the documented ones 404."""
    assert (await capillary.http.get(LOOKUP)).status_code == 405
    assert (await capillary.http.post("/v2/customers/1/pointsAdjustment")).status_code == 404


async def test_a_body_over_the_limit_is_413(capillary: Capillary, customer: int) -> None:
    """More bytes than the server takes are refused in the dialect's shape."""
    path = f"/v2/customers/{customer}/negativePointsAdjustment"
    response = await capillary.send(path, {}, b" " * 4_000_001)
    assert (response.status_code, error(response.json())[0]) == (413, 413)
