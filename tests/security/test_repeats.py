"""A first answer that is given again: only to a user who may ask for it."""

from typing import Any

import pytest

from erply_points.accounts import administration, rights
from erply_points.app import stores_of
from support.shop import Shop

KEY: dict[str, Any] = {"idempotencyKey": "receipt-7"}


async def user(shop: Shop, name: str, *denied: str) -> Shop:
    """A session of a user who lacks these rights."""
    stores = stores_of(shop.settings)
    await administration.create_user(stores, shop.code, name, "secret", rights=rights.make(denied))
    other = Shop(shop.http, shop.code, shop.settings, shop.clock)
    await other.log_in(name)
    return other


BULK = [
    {"requestName": "saveCustomer", "requestID": "a", "firstName": "Mari", "customerCardNumber": "C7"},
    {"requestName": "getCustomers", "requestID": "b", "customerID": "@{a.customerID}"},
    {"requestName": "getCustomers", "requestID": "c"},
]


@pytest.mark.parametrize("atomic", [0, 1])
async def test_who_lacks_the_right_is_not_shown_what_another_was(shop: Shop, atomic: int) -> None:
    """With another user's key and request, a user who may not see customers sees none; who may is given all of it."""
    asked = {**KEY, "references": 1, "atomic": atomic}
    first = await shop.answers(BULK, **asked)
    assert [len(each["records"]) for each in first] == [1, 1, 1]
    colleague = await user(shop, "colleague")
    again = await colleague.answers(BULK, **asked)
    assert [each["records"] for each in again] == [each["records"] for each in first]
    curious = await user(shop, "curious", "customers.view")
    answer = await curious.bulk(BULK, **asked)
    shown = [each["records"] for each in answer["requests"] if each["status"]["requestName"] == "getCustomers"]
    assert shown == [None, None]
    assert "C7" not in str(shown)


async def test_a_single_call_too(shop: Shop) -> None:
    """The same holds for a single call: the answer is 1061, and nothing is done."""
    asked: dict[str, Any] = {**KEY, "firstName": "Mari"}
    first = await shop.record("saveCustomer", **asked)
    denied = await user(shop, "denied", "customers.add")
    assert await denied.error("saveCustomer", **asked) == (1061, None)
    assert (await shop.record("saveCustomer", **asked))["customerID"] == first["customerID"]
    assert len(await shop.records("getCustomers")) == 1
