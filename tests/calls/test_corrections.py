"""editEarnedRewardPointRecord and editUsedRewardPointRecord (docs/decisions/0014-corrections.md)."""

import contextlib
import json
import sqlite3
from typing import Any

import pytest

from calls.returning import DAY, add, credit, everything, later, proved, sell, spend
from erply_points.accounts import administration
from erply_points.app import stores_of
from support.client import Record
from support.shop import Shop

EARNED, USED = "editEarnedRewardPointRecord", "editUsedRewardPointRecord"


async def earned(shop: Shop, transaction_id: int) -> Record:
    records = await shop.records("getEarnedRewardPointRecords")
    return next(record for record in records if record["transactionID"] == transaction_id)


async def used(shop: Shop, transaction_id: int) -> Record:
    records = await shop.records("getUsedRewardPointRecords")
    return next(record for record in records if record["transactionID"] == transaction_id)


def kept(shop: Shop) -> list[tuple[Any, ...]]:
    """The corrections as the database has them: transaction, moment, user, before, after."""
    with contextlib.closing(sqlite3.connect(shop.folder / f"{shop.code}.db")) as database:
        found = database.execute("SELECT transaction_id, at, username, before, after FROM corrections ORDER BY id")
        rows = [(*row[:3], json.loads(row[3]), json.loads(row[4])) for row in found]
    database.close()
    return rows


@pytest.mark.parametrize(
    ("call", "params", "expected"),
    [
        (EARNED, {}, (1010, "transactionID")),
        (EARNED, {"transactionID": 9}, (1011, "transactionID")),
        (EARNED, {"transactionID": 4}, (1011, "transactionID")),
        (EARNED, {"transactionID": "x"}, (1014, "transactionID")),
        (EARNED, {"transactionID": 1, "customerID": 9}, (1011, "customerID")),
        (EARNED, {"transactionID": 1, "customerID": 2}, (1042, None)),
        (EARNED, {"transactionID": 3, "invoiceID": 9, "description": "x"}, (1011, "invoiceID")),
        (EARNED, {"transactionID": 3, "invoiceID": "CURRENT_INVOICE_ID"}, (1014, "invoiceID")),
        (EARNED, {"transactionID": 3, "expiryUnixTime": 1_767_225_600}, (1016, "expiryUnixTime")),
        (EARNED, {"transactionID": 3, "createdUnixTime": 1_900_000_000, "expiryUnixTime": 5}, (1016, "expiryUnixTime")),
        (EARNED, {"transactionID": 3, "customerID": 2, "expiryUnixTime": 5}, (1016, "expiryUnixTime")),
        (EARNED, {"transactionID": 3, "customerID": 2, "invoiceID": 9}, (1011, "invoiceID")),
        (USED, {}, (1010, "transactionID")),
        (USED, {"transactionID": 1}, (1011, "transactionID")),
        (USED, {"transactionID": 4, "customerID": 9}, (1011, "customerID")),
        (USED, {"transactionID": 4, "customerID": 2}, (1042, None)),
        (USED, {"transactionID": 4, "invoiceID": 9, "description": "x"}, (1011, "invoiceID")),
        (USED, {"transactionID": 4, "invoiceID": "CURRENT_INVOICE_ID"}, (1014, "invoiceID")),
        (USED, {"transactionID": 4, "campaignID": -1}, (1016, "campaignID")),
    ],
)
async def test_what_is_refused(shop: Shop, call: str, params: Record, expected: tuple[int, str | None]) -> None:
    """A correction that cannot be made changes nothing, not even the fields that could have been changed."""
    mari = await shop.customer(100)  # Transaction 1
    await shop.customer(10)  # 2
    await add(shop, mari, 30)  # 3
    await spend(shop, mari, 60)  # 4, paid by 1
    before = await everything(shop)
    assert await shop.error(call, **params) == expected
    assert await everything(shop) == before
    assert kept(shop) == []
    assert await proved(shop, mari) == 70


async def test_every_field_of_an_earning(shop: Shop) -> None:
    """Each field of an earning is changed on its own and shown by the history; what is not sent stays."""
    mari = await shop.customer()
    sale, other = await sell(shop, mari, doNotAddRewardPoints=1), await sell(shop, mari, doNotAddRewardPoints=1)
    given: Record = {"customerID": mari, "points": 100, "invoiceID": sale, "pointOfSaleID": 1, "employeeID": 2}
    given |= {"description": "First", "expiryUnixTime": 1_800_000_000}
    transaction = (await shop.record("addCustomerRewardPoints", **given))["transactionID"]
    expected = await earned(shop, transaction)
    for name, value, shown in (
        ("invoiceID", other, {"invoiceNo": "100002"}),
        ("createdUnixTime", 1_700_000_000, {}),
        ("expiryUnixTime", 1_900_000_000, {}),
        ("pointOfSaleID", 7, {}),
        ("employeeID", 8, {}),
        ("description", "Õ", {}),
        ("invoiceID", 0, {"invoiceNo": ""}),
        ("pointOfSaleID", 0, {}),
        ("employeeID", 0, {}),
        ("description", "", {}),
        ("expiryUnixTime", 0, {}),
    ):
        assert await shop.record(EARNED, transactionID=transaction, **{name: value}) == {"transactionID": transaction}
        expected = {**expected, name: value, **{key: type(expected[key])(text) for key, text in shown.items()}}
        assert await earned(shop, transaction) == expected
        assert await proved(shop, mari) == 100


async def test_every_field_of_a_redemption(shop: Shop) -> None:
    """Each field of a redemption is changed on its own and shown by the history; what is not sent stays."""
    mari = await shop.customer(100)
    sale = await sell(shop, mari, doNotAddRewardPoints=1)
    transaction = await spend(shop, mari, 40)
    expected = await used(shop, transaction)
    for name, shown, value in (
        ("invoiceID", "invoiceID", sale),
        ("campaignID", "campaignID", 3),
        ("warehouseID", "warehouseID", 4),
        ("salepointID", "pointOfSaleID", 5),
        ("salespersonID", "employeeID", 6),
        ("issuedCouponID", "issuedCouponID", 7),
        ("description", "description", "Õ"),
        ("campaignID", "campaignID", 0),
        ("warehouseID", "warehouseID", 0),
        ("salepointID", "pointOfSaleID", 0),
        ("salespersonID", "employeeID", 0),
        ("issuedCouponID", "issuedCouponID", 0),
        ("description", "description", ""),
    ):
        assert await shop.record(USED, transactionID=transaction, **{name: value}) == {"transactionID": transaction}
        expected = {**expected, shown: value}
        if name == "invoiceID":
            number = (await shop.record("getSalesDocuments", id=sale))["number"]
            expected["invoiceNo"] = type(expected["invoiceNo"])(number)
        assert await used(shop, transaction) == expected
        assert await proved(shop, mari) == 60


async def test_what_keeps_a_field(shop: Shop) -> None:
    """A customer or a time of 0, and an edit of nothing, change nothing and leave no correction behind."""
    mari = await shop.customer(100)
    redemption = await spend(shop, mari, 10)
    before = await everything(shop)
    for params in ({}, {"customerID": 0}, {"createdUnixTime": 0}, {"customerID": mari}, {"description": ""}):
        await shop.record(EARNED, transactionID=1, **params)
    for params in ({}, {"customerID": 0}, {"customerID": mari}, {"invoiceID": 0}):
        await shop.record(USED, transactionID=redemption, **params)
    assert await everything(shop) == before
    assert kept(shop) == []


async def test_unspent_points_move(shop: Shop) -> None:
    """An earning of the wrong customer goes to the right one with its points, and can be spent there."""
    mari, jaan = await shop.customer(100), await shop.customer()
    await shop.record(EARNED, transactionID=1, customerID=jaan)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (0, 100)
    assert (await earned(shop, 1))["customerID"] == jaan
    await spend(shop, jaan, 100)
    assert await proved(shop, jaan) == 0
    assert await shop.error("subtractCustomerRewardPoints", customerID=mari, points=1) == (1042, None)


async def test_partly_spent_points_move(shop: Shop) -> None:
    """What the earning had paid for is paid by the old customer's other points, or the earning stays."""
    mari, jaan = await shop.customer(100), await shop.customer()
    await spend(shop, mari, 60)
    assert await shop.error(EARNED, transactionID=1, customerID=jaan) == (1042, None)
    await add(shop, mari, 59)
    assert await shop.error(EARNED, transactionID=1, customerID=jaan) == (1042, None)
    assert await proved(shop, mari) == 99
    await add(shop, mari, 1)
    await shop.record(EARNED, transactionID=1, customerID=jaan)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (0, 100)


async def test_expired_points_move(shop: Shop) -> None:
    """An expired earning moves without a balance, and its new customer may get a later expiry in the same edit."""
    mari, jaan = await shop.customer(), await shop.customer()
    for _ in range(2):
        await add(shop, mari, 50, days=1)
    await later(shop, 2)
    await shop.record(EARNED, transactionID=1, customerID=jaan)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (0, 0)
    await shop.record(EARNED, transactionID=2, customerID=jaan, expiryUnixTime=int(shop.clock()) + DAY)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (0, 50)
    await later(shop, 1)
    assert await proved(shop, jaan) == 0


async def test_an_expiry_is_corrected(shop: Shop) -> None:
    """A later expiry revives what was lost, an earlier one loses what is left, never what was spent."""
    mari = await shop.customer()
    transaction = await add(shop, mari, 50, days=1)
    await spend(shop, mari, 20)
    await later(shop, 2)
    assert await proved(shop, mari) == 0
    now = int(shop.clock())
    for expiry, balance in ((now + DAY, 30), (now, 0), (0, 30), (now + 5, 30), (now - DAY, 0)):
        await shop.record(EARNED, transactionID=transaction, expiryUnixTime=expiry)
        assert await proved(shop, mari) == balance
        assert (await earned(shop, transaction))["remainingPoints"] == balance
    with_start = {"createdUnixTime": now - 10, "expiryUnixTime": now - 5}
    await shop.record(EARNED, transactionID=transaction, **with_start)
    assert {name: (await earned(shop, transaction))[name] for name in with_start} == with_start
    assert await proved(shop, mari) == 0


async def test_a_redemption_moves(shop: Shop) -> None:
    """A redemption of the wrong customer gives its points back there and is paid by the right one, if it can be."""
    mari, jaan = await shop.customer(100), await shop.customer(59)
    transaction = await spend(shop, mari, 60)
    assert await shop.error(USED, transactionID=transaction, customerID=jaan) == (1042, None)
    await add(shop, jaan, 1)
    await shop.record(USED, transactionID=transaction, customerID=jaan)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (100, 0)
    assert (await used(shop, transaction))["customerID"] == jaan


async def test_a_redemption_moves_below_zero(shop: Shop) -> None:
    """Where balances may be below zero the right customer owes what is missing, and the wrong one owes no more."""
    await shop.set(negative_balance="allow")
    mari, jaan = await shop.customer(10), await shop.customer(20)
    transaction = await spend(shop, mari, 60)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (-50, 20)
    await shop.record(USED, transactionID=transaction, customerID=jaan)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (10, -40)
    await add(shop, jaan, 50)
    assert await proved(shop, jaan) == 10


async def test_an_earning_of_a_returned_sale_stays(shop: Shop) -> None:
    """An earning of which a return has taken points back stays until the return is deleted, in the same bulk too."""
    mari, jaan = await shop.customer(), await shop.customer()
    sale = await sell(shop, mari)
    back = await credit(shop, sale, productID1=1, amount1=-1)
    move = {"requestName": EARNED, "transactionID": 1, "customerID": jaan}
    assert await shop.error(EARNED, transactionID=1, customerID=jaan) == (1016, "customerID")
    assert await proved(shop, mari) == 40
    assert await shop.codes([move, {"requestName": "deleteSalesDocument", "documentID": back}, move]) == [1016, 0, 0]
    assert (await proved(shop, mari), await proved(shop, jaan)) == (0, 60)
    await credit(shop, sale, productID1=1, amount1=-3)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (0, 0)


async def test_edits_of_one_bulk_do_not_undo_each_other(shop: Shop) -> None:
    """Edits of several records of a customer in one bulk all stand, though some need the wallet and some do not."""
    mari = await shop.customer(100)
    await add(shop, mari, 50)
    redemption = await spend(shop, mari, 10)
    edits: list[Record] = [
        {"requestName": EARNED, "transactionID": 1, "description": "a"},
        {"requestName": USED, "transactionID": redemption, "description": "c"},
        {"requestName": EARNED, "transactionID": 2, "expiryUnixTime": 1_900_000_000, "description": "b"},
        {"requestName": EARNED, "transactionID": 1, "employeeID": 4},
    ]
    assert await shop.codes(edits) == [0] * 4
    found = [await earned(shop, 1), await earned(shop, 2), await used(shop, redemption)]
    assert [record["description"] for record in found] == ["a", "b", "c"]
    assert found[0]["employeeID"] == 4
    assert await proved(shop, mari) == 140


@pytest.mark.parametrize("together", [True, False])
async def test_records_that_meet_again(shop: Shop, *, together: bool) -> None:
    """A redemption and the earning that paid it may part and meet again in another wallet, in one bulk or several."""
    mari, jaan, anu = await shop.customer(100), await shop.customer(), await shop.customer()
    redemption = await spend(shop, mari, 50)
    await add(shop, anu, 100)
    edits = [
        {"requestName": USED, "transactionID": redemption, "customerID": anu},
        {"requestName": EARNED, "transactionID": 1, "customerID": jaan},
        {"requestName": USED, "transactionID": redemption, "customerID": jaan},
    ]
    if together:
        assert await shop.codes(edits) == [0, 0, 0]
    else:
        for edit in edits:
            assert await shop.codes([edit]) == [0]
            assert await shop.check() == []
    assert [await proved(shop, one) for one in (mari, jaan, anu)] == [0, 50, 100]


async def test_corrections_are_kept(shop: Shop) -> None:
    """Each edit is kept with what the record said before and after, when, and by whom."""
    await administration.create_user(stores_of(shop.settings), shop.code, "manager", "other")
    mari, jaan = await shop.customer(100), await shop.customer()
    redemption = await spend(shop, mari, 10)
    await add(shop, mari, 20)
    await shop.record(EARNED, transactionID=1, description="Wrong till", employeeID=3)
    await shop.log_in("manager", "other")
    shop.clock.advance(60)
    await shop.record(EARNED, transactionID=1, customerID=jaan, invoiceID=0)
    await shop.error(USED, transactionID=redemption, campaignID=4, customerID=99)
    await shop.record(USED, transactionID=redemption, campaignID=4)
    at = int(shop.clock())
    first, second, third = kept(shop)
    assert first == (
        *(1, at - 60, "till"),
        {"employee_id": 0, "description": ""},
        {"employee_id": 3, "description": "Wrong till"},
    )
    assert second[:3] == (1, at, "manager")
    assert (second[3]["customer_id"], second[4]["customer_id"]) == (mari, jaan)
    assert (second[3]["remaining"], second[4]["remaining"]) == (90_000, 100_000)
    assert set(second[3]) == set(second[4]) == {"customer_id", "remaining", "redeemed"}
    assert third == (redemption, at, "manager", {"campaign_id": 0}, {"campaign_id": 4})
    assert (await proved(shop, mari), await proved(shop, jaan)) == (10, 100)


async def test_a_corrected_reference_is_what_counts(shop: Shop) -> None:
    """After an edit the sale that a record names now is the one whose return and deletion concern it."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer(100)
    first, second = await sell(shop, mari), await sell(shop, mari, doNotAddRewardPoints=1)
    redemption = await spend(shop, mari, 30, invoiceID=first)
    await shop.record(USED, transactionID=redemption, invoiceID=second)
    await credit(shop, first, productID1=1, amount1=-3)
    assert await proved(shop, mari) == 70
    await credit(shop, second, productID1=1, amount1=-3)
    assert await proved(shop, mari) == 100
