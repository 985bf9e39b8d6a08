"""What a user may do: each right denied alone, each right held alone (docs/decisions/0015-rights-and-pins.md)."""

from typing import Any

import pytest

from bulk.sending import outcomes, post_requests
from calls.every_call import CASES, FREE, some_of_everything
from erply_points.accounts import administration, rights
from erply_points.app import stores_of
from erply_points.calls.registry import CALLS
from support.client import Record
from support.shop import Shop


async def user(shop: Shop, name: str, denied: list[str], warehouses: list[int] | None = None) -> Shop:
    """A session of a new user who lacks these rights."""
    stores = stores_of(shop.settings)
    held = rights.make(denied, warehouses or [])
    await administration.create_user(stores, shop.code, name, "secret", rights=held)
    other = Shop(shop.http, shop.code, shop.settings, shop.clock)
    await other.log_in(name)
    return other


async def all_records(shop: Shop) -> list[Any]:
    listings = sorted(
        name for name in CALLS if name.startswith("get") and name not in FREE | {"getCustomerRewardPoints"}
    )
    return [answer["records"] for answer in await shop.answers([{"requestName": name} for name in listings])]


@pytest.mark.parametrize(("call", "params", "right", "code"), CASES, ids=str)
async def test_a_right_denied(shop: Shop, call: str, params: Record, right: str, code: int) -> None:
    """A user who lacks one right is refused with its code and has changed nothing; who has only that may do it."""
    await some_of_everything(shop)
    without = await user(shop, "without", [right])
    before = await all_records(shop)
    assert await without.error(call, **params) == (code, None)
    assert await all_records(shop) == before
    needed = {right, "points.add", "rightAddRewardPoints"} if call == "addCustomerRewardPoints" else {right}
    with_it = await user(shop, "with", [each for each in rights.ALL if each not in needed])
    assert await with_it.records(call, **params) is not None


def test_every_call_needs_a_right() -> None:
    """Each call but those of log-in and configuration is in the table above."""
    assert {call for call, _, _, _ in CASES} | FREE == set(CALLS)


async def test_what_everybody_may(shop: Shop) -> None:
    """Logging in, switching users, and asking about session, rights and configuration need no right."""
    nobody = await user(shop, "nobody", list(rights.ALL))
    for call in sorted(FREE - {"verifyUser", "switchUser"}):
        assert await nobody.records(call) is not None
    assert (await nobody.error("switchUser", cardCode="1"))[0] == 1051
    assert await nobody.records("verifyUser", username="nobody", password="secret")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, 1061),
        ({"customerID": "nobody", "points": -1}, 1061),
        ({"customerID": 99, "points": 5, "invoiceID": 99}, 1061),
        ({"customerID": [1]}, 1061),
    ],
)
async def test_rights_come_before_parameters(shop: Shop, params: Record, code: int) -> None:
    """Whoever may not do something is told so, whatever is wrong with the parameters, even one sent twice."""
    other = await user(shop, "other", ["points.add"])
    for call in ("addCustomerRewardPoints", "subtractCustomerRewardPoints"):
        (found,) = outcomes(await post_requests(other, [{"requestName": call, **params}]))
        assert found == (code, None)
    twice = '[{"requestName": "addCustomerRewardPoints", "points": 1, "points": 2}]'
    assert outcomes(await post_requests(other, twice)) == [(code, None)]


async def test_one_request_does_not_stop_another(shop: Shop) -> None:
    """Within a bulk only the requests that need a right are refused for want of it."""
    mari = await shop.customer(10)
    other = await user(shop, "other", ["sales.add", "points.view"])
    requests: list[Record] = [
        {"requestName": "saveSalesDocument", "customerID": mari, "amount1": 1, "price1": 5},
        {"requestName": "subtractCustomerRewardPoints", "customerID": mari, "points": 1},
        {"requestName": "getCustomerRewardPoints", "customerID": mari},
        {"requestName": "getCustomers"},
    ]
    assert await other.codes(requests) == [1061, 0, 1060, 0]
    assert await shop.balance(mari) == 9


NO_ID: list[Any] = [None, "", 0, "0", "00", "-0", 0.0, "0.0", False, " 0"]


@pytest.mark.parametrize("number", NO_ID, ids=repr)
async def test_an_id_that_is_none_makes_something_new(shop: Shop, number: object) -> None:
    """Nobody without the right to add gets past it with an ID that comes to nothing."""
    await shop.customer()
    other = await user(shop, "other", ["customers.add", "sales.add"])
    for name, call, params in (
        ("customerID", "saveCustomer", {"lastName": "Tamm"}),
        ("id", "saveSalesDocument", {"amount1": 1}),
    ):
        (found,) = outcomes(await post_requests(other, [{"requestName": call, name: number, **params}]))
        assert found[0] in {1061, 1014}
    assert await shop.records("getSalesDocuments") == []
    assert len(await shop.records("getCustomers")) == 1


@pytest.mark.parametrize("number", [1, "1", "01", 1.0], ids=repr)
async def test_an_id_makes_an_edit(shop: Shop, number: object) -> None:
    """An ID in any form that the call takes is an edit, and needs the right to edit."""
    await shop.customer()
    other = await user(shop, "other", ["customers.edit"])
    request = {"requestName": "saveCustomer", "customerID": number, "lastName": "Tamm"}
    (found,) = outcomes(await post_requests(other, [request]))
    assert found == (1062, None)


async def test_stores_of_a_user(shop: Shop) -> None:
    """A user of some stores sells in those, or in none that is named: any other is 1064."""
    other = await user(shop, "other", [], [1, 3])
    values: list[tuple[Any, int]] = [
        *((1, 0), ("3", 0), ("01", 0), (0, 0), ("", 0), (2, 1064), ("2", 1064), ("02", 1064), (2.0, 1064)),
        *((4, 1064), (31, 1064), ("x", 1014)),
    ]
    for value, code in values:
        request = {"requestName": "saveSalesDocument", "amount1": 1, "warehouseID": value}
        (found,) = outcomes(await post_requests(other, [request]))
        assert found == (code, "warehouseID" if code else None), value
    assert {record["warehouseID"] for record in await shop.records("getSalesDocuments")} == {0, 1, 3}
    await shop.record("saveSalesDocument", amount1=1, warehouseID=2)


async def test_documents_of_other_stores(shop: Shop) -> None:
    """A user of some stores neither edits nor deletes nor credits documents of others."""
    other = await user(shop, "other", [], [1])
    away = int(
        (await shop.record("saveSalesDocument", amount1=1, price1=5, warehouseID=2, confirmInvoice=0))["invoiceID"]
    )
    here = int(
        (await shop.record("saveSalesDocument", amount1=1, price1=5, warehouseID=1, confirmInvoice=0))["invoiceID"]
    )
    for call, name in (("saveSalesDocument", "id"), ("deleteSalesDocument", "documentID")):
        assert (await other.error(call, **{name: away}))[0] == 1064
        assert await other.records(call, **{name: here}) is not None


async def test_the_rights_that_are_shown(shop: Shop) -> None:
    """A listing shows each user's flags, of all users, of one, or of the session's own."""
    other = await user(shop, "other", ["rightAddRewardPoints", "rightMakePOSRefunds", "sales.add"])
    till, shown = await shop.records("getUserRights")
    flags = {name: value for name, value in shown.items() if name.startswith("right")}
    assert set(flags) == set(rights.FLAGS)
    assert {name for name, value in flags.items() if not value} == {"rightAddRewardPoints", "rightMakePOSRefunds"}
    assert all(till[flag] == 1 for flag in flags)
    assert (till["userName"], till["userID"], till["cardCode"], till["maxDiscount"]) == ("till", 1, "", 100)
    assert await shop.record("getUserRights", userID=2) == shown
    assert await other.record("getUserRights", getCurrentUser=1) == shown
    assert await shop.record("getUserRights", getCurrentUser=1) == till
    assert len(await shop.records("getUserRights", getCurrentUser=0, userID=0)) == 2
    assert await shop.records("getUserRights", userID=9) == []
    assert await shop.record("getUserRights", recordsOnPage=1, pageNo=2) == shown
    assert await shop.error("getUserRights", getCurrentUser=1, userID=2) == (1013, "getCurrentUser")
