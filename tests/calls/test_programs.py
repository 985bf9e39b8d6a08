"""Programs, currencies, promotions, categories and identifiers, as Erply's calls give and show them."""

from typing import Any

import pytest

from support.shop import Shop

FILE = """
    [[program]]
    id = 97
    name = "Club"
    decimals = 2
    default = true

    [[program]]
    id = 98
    name = "Gold"

    [[currency]]
    name = "DocCoin"
    program = 98
    decimals = 1

    [[promotion]]
    id = 12
    program = 97

    [[promotion]]
    id = 13
    identifier = "gold-13"
    program = 98
"""


async def saved(shop: Shop, customer: int) -> dict[str, Any]:
    return await shop.record("getCustomers", customerID=customer)


async def test_a_customer_is_found_by_one_identifier_only_once(shop: Shop) -> None:
    """Two customers cannot share an external ID, a mobile or an email, however they are written."""
    first = await shop.customer(externalID="C-1001", mobile="+372 555", email="Mari@Example.com")
    for name, value in (("externalID", "C-1001"), ("mobile", "+37 2555"), ("email", " mari@example.COM ")):
        assert await shop.error("saveCustomer", firstName="Jaan", **{name: value}) == (1012, name)
    second = await shop.customer(externalID="c-1001", mobile="", email="")
    assert await shop.error("saveCustomer", customerID=second, mobile="+372555") == (1012, "mobile")
    await shop.record("saveCustomer", customerID=first, mobile="+372555", email="mari@example.com")
    shown = await saved(shop, first)
    assert (shown["externalID"], shown["mobile"], shown["email"]) == ("C-1001", "+372555", "mari@example.com")
    assert await shop.check() == []


async def test_an_identifier_that_is_given_up_is_free(shop: Shop) -> None:
    """What a customer changes, empties or leaves by deletion can be another's, in one bulk too."""
    first = await shop.customer(externalID="A", mobile="1")
    codes = await shop.codes(
        [
            {"requestName": "saveCustomer", "customerID": first, "externalID": "B", "mobile": ""},
            {"requestName": "saveCustomer", "lastName": "Tamm", "externalID": "A", "mobile": "1"},
            {"requestName": "deleteCustomer", "customerID": first},
            {"requestName": "saveCustomer", "lastName": "Kask", "externalID": "B"},
            {"requestName": "saveCustomer", "lastName": "Kask", "externalID": "B"},
        ]
    )
    assert codes == [0, 0, 0, 0, 1012]
    assert [(await saved(shop, number))["externalID"] for number in (2, 3)] == ["A", "B"]


async def test_a_profile_id_is_each_customers_own_and_stays(shop: Shop) -> None:
    """Every customer has one from the beginning, and no change of the customer changes it."""
    first, second = await shop.customer(), await shop.customer()
    profiles = [(await saved(shop, number))["profileID"] for number in (first, second)]
    assert len(set(profiles)) == 2
    await shop.record("saveCustomer", customerID=first, email="a@b.ee", externalID="X")
    assert (await saved(shop, first))["profileID"] == profiles[0]


async def test_customers_are_in_the_default_program_and_in_those_they_joined(shop: Shop) -> None:
    """A new customer is in the default program; programIDs adds others, and unknown ones are refused."""
    await shop.apply(FILE)
    customer = await shop.customer()
    assert (await saved(shop, customer))["programIDs"] == "97"
    assert await shop.error("saveCustomer", customerID=customer, programIDs="98, 99") == (1011, "programIDs")
    assert (await saved(shop, customer))["programIDs"] == "97"
    await shop.record("saveCustomer", customerID=customer, programIDs="98")
    await shop.record("saveCustomer", customerID=customer, programIDs="97,98")
    assert (await saved(shop, customer))["programIDs"] == "97,98"


async def test_points_of_other_programs_and_currencies_stand_apart(shop: Shop) -> None:
    """Erply's balance and histories are those of the default program's points."""
    await shop.apply(FILE)
    customer = await shop.customer(programIDs="98")
    given = [
        await shop.record("addCustomerRewardPoints", customerID=customer, **more)
        for more in (
            {"points": 5},
            {"points": 7, "programID": 98},
            {"points": 2.5, "currency": "DocCoin"},
            {"points": 3, "promotionID": 12},
            {"points": 4, "promotionID": 13},
        )
    ]
    assert await shop.balance(customer) == 8
    listed = await shop.records("getEarnedRewardPointRecords", customerID=customer)
    assert [record["transactionID"] for record in listed] == [given[0]["transactionID"], given[3]["transactionID"]]
    other = given[1]["transactionID"]
    assert await shop.error("editEarnedRewardPointRecord", transactionID=other, description="x") == (
        1011,
        "transactionID",
    )
    assert await shop.error("subtractCustomerRewardPoints", customerID=customer, points=9) == (1042, None)
    assert await shop.error("deleteCustomer", customerID=customer) == (1022, "customerID")
    assert await shop.check() == []


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        ({"points": 1, "programID": 99}, (1011, "programID")),
        ({"points": 1, "programID": 98}, (1016, "programID")),
        ({"points": 1, "promotionID": 99}, (1011, "promotionID")),
        ({"points": 1, "promotionID": 13, "programID": 97}, (1013, "promotionID")),
        ({"points": 1, "currency": "coins"}, (1011, "currency")),
        ({"points": 1, "currency": "points"}, (1011, "currency")),
        ({"points": 1, "currency": "DocCoin", "programID": 97}, (1013, "currency")),
        ({"points": 1, "currency": "DocCoin", "promotionID": 12}, (1013, "promotionID")),
        ({"points": 1, "pointCategory": "SOON"}, (1016, "pointCategory")),
        ({"points": 1, "awardRefType": "bill"}, (1016, "awardRefType")),
        ({"points": "1.005"}, (1014, "points")),
        ({"points": "0.001", "promotionID": 12}, (1014, "points")),
        ({"points": "1e2"}, (1014, "points")),
        ({"points": 0}, (1016, "points")),
        ({"points": "0.00"}, (1016, "points")),
    ],
)
async def test_an_earning_that_cannot_be_is_refused(
    shop: Shop, sent: dict[str, Any], refused: tuple[int, str | None]
) -> None:
    """What names something that is not there, or is not the customer's, changes nothing."""
    await shop.apply(FILE)
    customer = await shop.customer()
    assert await shop.error("addCustomerRewardPoints", customerID=customer, **sent) == refused
    assert await shop.balance(customer) == 0
    assert await shop.records("getEarnedRewardPointRecords", customerID=customer) == []


async def test_points_with_decimals_are_exact(shop: Shop) -> None:
    """A program with decimals takes and spends them to the last one, sent as a number or as text."""
    await shop.apply(FILE)
    await shop.set(reward_points_is_double="1")
    customer = await shop.customer()
    for points in (0.1, "0.2", "0.70", 100.25):
        await shop.record("addCustomerRewardPoints", customerID=customer, points=points)
    assert await shop.balance(customer) == 101.25
    spent = await shop.record("subtractCustomerRewardPoints", customerID=customer, points="1.05")
    assert (spent["subtractedPoints"], spent["remainingPoints"]) == (1.05, 100.2)
    used = await shop.record("getUsedRewardPointRecords", customerID=customer)
    assert used["usedPoints"] == 1.05
    assert (await shop.record("getCustomerRewardPoints", customerIDs=str(customer)))["points"] == 100.2


async def test_without_the_setting_only_whole_points_are_shown(shop: Shop) -> None:
    """Clients that know whole points only are shown no point that is not whole, and no number with a dot."""
    await shop.apply(FILE)
    customer = await shop.customer()
    await shop.record("addCustomerRewardPoints", customerID=customer, points="10.75")
    answer = await shop.http.post(
        "/api/",
        data={
            "clientCode": shop.code,
            "sessionKey": shop.key,
            "request": "getCustomerRewardPoints",
            "customerID": customer,
        },
    )
    assert '"records":[{"points":10}]' in answer.text
    spent = await shop.record("subtractCustomerRewardPoints", customerID=customer, points=1)
    assert spent["remainingPoints"] == 9
    assert (await shop.record("getEarnedRewardPointRecords", customerID=customer))["remainingPoints"] == 9


async def test_a_program_without_decimals_takes_none(shop: Shop) -> None:
    """Where points are whole, a fraction is refused, whether added or subtracted."""
    customer = await shop.customer(points=10)
    for call in ("addCustomerRewardPoints", "subtractCustomerRewardPoints"):
        assert await shop.error(call, customerID=customer, points="1.5") == (1014, "points")
        assert await shop.error(call, customerID=customer, points="1.0001") == (1014, "points")
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points="2.000")
    assert await shop.balance(customer) == 8


async def test_pending_points_are_counted_but_not_spent(shop: Shop) -> None:
    """PROMISED points become active after `pending_hours`, or by a call if it is 0; triggered ones by a call only."""
    await shop.set(pending_hours="2")
    customer = await shop.customer(points=10)
    for category in ("PROMISED", "EXTERNAL_TRIGGER_BASED", "REGULAR"):
        await shop.record("addCustomerRewardPoints", customerID=customer, points=5, pointCategory=category)
    await shop.set(pending_hours="0")
    await shop.record("addCustomerRewardPoints", customerID=customer, points=5, pointCategory="PROMISED")
    assert await shop.balance(customer) == 30
    assert await shop.error("subtractCustomerRewardPoints", customerID=customer, points=16) == (1042, None)
    shop.clock.advance(2 * 3_600)
    await shop.log_in()
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points=20)
    assert await shop.error("subtractCustomerRewardPoints", customerID=customer, points=1) == (1042, None)
    assert await shop.balance(customer) == 10
    assert await shop.check() == []
