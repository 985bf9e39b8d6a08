"""The examples in the schemas tell one story, and the server agrees with it."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from erply_points import schemas
from erply_points.accounts import administration
from erply_points.app import stores_of
from erply_points.calls.registry import CALLS
from support.client import Record
from support.shop import Shop

PIN = schemas.call_request("switchUser")["examples"][0]["cardCode"]
STORY = """
    verifyUser switchUser getSessionKeyInfo getSessionKeyUser getUserRights getConfParameters getServiceEndpoints
    saveVatRate getVatRates saveWarehouse getWarehouses savePointOfSale getPointsOfSale saveEmployee getEmployees
    saveProduct getProducts saveCustomer saveCustomer getCustomers saveCampaign getCampaigns
    saveSalesDocument addCustomerRewardPoints subtractCustomerRewardPoints saveSalesDocument getSalesDocuments
    savePayment getPayments getCustomerRewardPoints getCustomerRewardPoints
    getEarnedRewardPointRecords getUsedRewardPointRecords
    editEarnedRewardPointRecord editUsedRewardPointRecord saveGiftCard getGiftCards saveCoupon saveCoupon getCoupons
    saveIssuedCoupon verifyIssuedCoupon getIssuedCoupons redeemIssuedCoupon
    deleteCoupon deletePayment deleteSalesDocument deleteCustomer
""".split()  # noqa: SIM905 - it reads as a story
"""All calls in an order in which they make sense; one that is named again goes on to its next example."""


def fields(record: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a record and of the records in it, with their values."""
    if isinstance(record, dict):
        for name, value in record.items():
            yield f"{path}{name}", value
            yield from fields(value, f"{path}{name}.")
    elif isinstance(record, list):
        for each in record:
            yield from fields(each, path)


def unsupported(node: Any, base: str, path: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of an answer that the server never fills, and the value that they have if they come."""
    for name, described in node.get("properties", {}).items():
        field = schemas.resolved(described, base)
        if field.get("x-use") == "unsupported":
            yield f"{path}{name}", field["default"]
        else:
            yield from unsupported(schemas.resolved(field.get("items", field), base), base, f"{path}{name}.")


@pytest.fixture
async def told(shop: Shop) -> list[tuple[str, Record, list[Record]]]:
    """Every example, sent to a fresh account in which a second user has a PIN: call, request, records."""
    await administration.create_user(stores_of(shop.settings), shop.code, "second", "secret", PIN)
    answers = []
    seen: Counter[str] = Counter()
    for call in STORY:
        request = schemas.call_request(call)["examples"][seen[call]]
        seen[call] += 1
        answers.append((call, request, await shop.records(call, **request)))
    return answers


def test_the_story_has_every_example_of_every_call() -> None:
    """No example is left out of what the server is asked below."""
    assert Counter(STORY) == {call: len(schemas.call_request(call)["examples"]) for call in CALLS}


async def test_the_examples_can_be_sent(told: list[tuple[str, Record, list[Record]]]) -> None:
    """Whoever copies the examples in their order, into a fresh account, gets answers without an error."""
    assert len(told) == len(STORY)  # The fixture has looked at the answers.


async def test_the_examples_of_answers_are_answers(told: list[tuple[str, Record, list[Record]]]) -> None:
    """The example of an answer has the fields that the server sends, and their JSON types."""
    for call, _, records in told:
        shown = {name: type(value) for name, value in fields(schemas.call_answer(call)["examples"][0])}
        for name, value in fields(records):
            if name in shown and not (shown[name] in {int, float} and type(value) in {int, float}):
                assert type(value) is shown[name], (call, name)
        if records and call != "getServiceEndpoints":
            required = schemas.resolved(schemas.call_answer(call)["items"], schemas.call_answer(call)["$id"])[
                "required"
            ]
            assert set(required) <= shown.keys(), call


async def test_what_is_not_supported_says_nothing(told: list[tuple[str, Record, list[Record]]]) -> None:
    """A field that is marked as never filled has its default, if it comes at all."""
    for call, _, records in told:
        schema = schemas.call_answer(call)
        silent = dict(unsupported(schemas.resolved(schema.get("items", {}), schema["$id"]), schema["$id"]))
        spoken = {
            name: json.dumps(value) for name, value in fields(records) if name in silent and value != silent[name]
        }
        assert not spoken, call
