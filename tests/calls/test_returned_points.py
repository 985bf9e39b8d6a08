"""Returns of points that were spent, or on which points were spent: debts, the floor, giving back, and VOID.

Every number is worked out by hand beside its test; after every step the ledger is proved with `check`.
"""

from typing import Any

import pytest

from calls.returning import add, credit, later, proved, refused, sell, spend
from support.shop import Shop


async def remaining(shop: Shop, customer_id: int) -> dict[int, int]:
    """What remains of each earning, by transaction."""
    records = await shop.records("getEarnedRewardPointRecords", customerID=customer_id)
    return {record["transactionID"]: record["remainingPoints"] for record in records}


async def test_spent_points_are_taken_from_others(shop: Shop) -> None:
    """60 earned with the sale, 50 of them spent: the return takes the 10 left and 50 of the other points."""
    mari = await shop.customer()
    sale = await sell(shop, mari)  # Transaction 1
    await spend(shop, mari, 50)
    other = await add(shop, mari, 80)
    await credit(shop, sale, productID1=1, amount1=-3)
    assert await proved(shop, mari) == 30
    assert await remaining(shop, mari) == {1: 0, other: 30}


async def test_what_nobody_has_is_owed(shop: Shop) -> None:
    """A customer who spent it all is at -60 after the return; the next 100 points leave 40."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await spend(shop, mari, 60)
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == -20
    await credit(shop, sale, productID1=1, amount1=-2)
    assert await proved(shop, mari) == -60
    assert await shop.error("subtractCustomerRewardPoints", customerID=mari, points=1) == (1042, None)
    earned = await add(shop, mari, 100)
    assert await proved(shop, mari) == 40
    assert (await remaining(shop, mari))[earned] == 40


async def test_the_floor_forgives(shop: Shop) -> None:
    """With `returns_below_zero=floor` a return takes what is there; what it forgave, it does not take later."""
    await shop.set(returns_below_zero="floor")
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await spend(shop, mari, 50)
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 0  # 10 of 20 taken
    await add(shop, mari, 100)
    assert await proved(shop, mari) == 100
    await credit(shop, sale, productID1=1, amount1=-2)
    assert await proved(shop, mari) == 60  # 40 of 40 taken


async def test_the_setting_counts_at_the_return(shop: Shop) -> None:
    """What was owed before the account chose the floor stays owed; what was forgiven stays forgiven."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await spend(shop, mari, 60)
    for setting, balance in (("allow", -20), ("floor", -20), ("allow", -40)):
        await shop.set(returns_below_zero=setting)
        await credit(shop, sale, productID1=1, amount1=-1)
        assert await proved(shop, mari) == balance


async def test_expired_points_count_as_taken(shop: Shop) -> None:
    """Points of the sale that time has taken are not taken again from other points."""
    await shop.set(reward_points_duration="1", timezone="UTC")
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await shop.set(reward_points_duration="0")
    await add(shop, mari, 100)
    await spend(shop, mari, 15)
    await later(shop, 32)
    assert await proved(shop, mari) == 100  # 45 expired.
    await credit(shop, sale, productID1=1, amount1=-2)
    assert await proved(shop, mari) == 100  # 40 of those 45
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 85  # the other 5, and 15 from the others


async def test_spent_points_come_back_by_setting_only(shop: Shop) -> None:
    """By default a return leaves what was spent on the sale to the till; with the setting it gives it back in part."""
    mari = await shop.customer(100)
    first, second = [await sell(shop, mari, doNotAddRewardPoints=1) for _ in range(2)]
    for sale in (first, second):
        await spend(shop, mari, 30, invoiceID=sale)
    await credit(shop, first, productID1=1, amount1=-3)
    assert await proved(shop, mari) == 40
    await shop.set(return_redeemed_points="1")
    for balance in (50, 60, 70):
        await credit(shop, second, productID1=1, amount1=-1)
        assert await proved(shop, mari) == balance


async def test_parts_of_spent_points_add_up(shop: Shop) -> None:
    """Of 10 points spent, returns of a third each give back 3, 3 and 4; each redemption counts for itself."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer(100)
    sale = await sell(shop, mari, doNotAddRewardPoints=1)
    await spend(shop, mari, 10, invoiceID=sale)
    await spend(shop, mari, 1, invoiceID=sale)
    for balance in (92, 95, 100):
        await credit(shop, sale, productID1=1, amount1=-1)
        assert await proved(shop, mari) == balance
    used = await shop.records("getUsedRewardPointRecords", invoiceID=sale)
    assert [record["usedPoints"] for record in used] == [10, 1]


async def test_points_spent_after_a_part_came_back(shop: Shop) -> None:
    """Points spent on what is left of a sale come back with all returns counted together."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer(100)
    sale = await sell(shop, mari, doNotAddRewardPoints=1)
    await credit(shop, sale, productID1=1, amount1=-1)
    await spend(shop, mari, 30, invoiceID=sale)
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 90  # two thirds of 30
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 100


async def test_goods_that_cost_points_alone(shop: Shop) -> None:
    """A sale of 0.00 that was paid in points gives them back when all of it comes back, and nothing before."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer(100)
    sale = await sell(shop, mari, {"productID1": 1, "amount1": 2, "price1": 20, "discount1": 100})
    await spend(shop, mari, 50, invoiceID=sale)
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 50
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 100


async def test_points_go_back_where_they_came_from(shop: Shop) -> None:
    """Points come back to the earnings that paid, those that live longest first, with their own expiry."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer()
    soon, late = await add(shop, mari, 40, days=10), await add(shop, mari, 40, days=20)
    sale = await sell(shop, mari, doNotAddRewardPoints=1)
    await spend(shop, mari, 60, invoiceID=sale)
    assert await remaining(shop, mari) == {soon: 0, late: 20}
    await credit(shop, sale, productID1=1, amount1=-2)
    assert await remaining(shop, mari) == {soon: 20, late: 40}
    await later(shop, 10)
    assert await proved(shop, mari) == 40
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 40  # They went back to what has expired.
    await later(shop, 10)
    assert await proved(shop, mari) == 0


async def test_days_of_grace(shop: Shop) -> None:
    """With `returned_points_grace_days` points that went back to an expired earning live on for so many days."""
    await shop.set(return_redeemed_points="1", returned_points_grace_days="3")
    mari = await shop.customer()
    soon = await add(shop, mari, 60, days=10)
    sale = await sell(shop, mari, doNotAddRewardPoints=1)
    await spend(shop, mari, 30, invoiceID=sale)
    await later(shop, 12)
    await credit(shop, sale, productID1=1, amount1=-2)
    assert await proved(shop, mari) == 20
    assert await remaining(shop, mari) == {soon: 20}
    await later(shop, 2)
    assert await proved(shop, mari) == 20
    await later(shop, 1)
    assert await proved(shop, mari) == 0


async def test_debts_of_a_redemption_are_cancelled_first(shop: Shop) -> None:
    """A redemption below zero that comes back makes the debt smaller before it gives points."""
    await shop.set(return_redeemed_points="1", negative_balance="allow")
    mari = await shop.customer(20)
    sale = await sell(shop, mari, doNotAddRewardPoints=1)
    await spend(shop, mari, 60, invoiceID=sale)
    for balance in (-20, 0, 20):
        await credit(shop, sale, productID1=1, amount1=-1)
        assert await proved(shop, mari) == balance


async def test_what_comes_back_and_what_is_taken_meet(shop: Shop) -> None:
    """A sale paid with 100 points earned 60, spent since: its return gives the 100 back and takes 60 of them."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer(100)
    sale = await sell(shop, mari)
    await spend(shop, mari, 100, invoiceID=sale)
    await spend(shop, mari, 60)
    assert await proved(shop, mari) == 0
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 13  # a third of 100 less a third of 60
    await credit(shop, sale, productID1=1, amount1=-2)
    assert await proved(shop, mari) == 40


@pytest.mark.parametrize("rows", [{}, {"productID1": 1, "amount1": -3, "price1": 20}])
async def test_a_void_undoes_all(shop: Shop, rows: dict[str, Any]) -> None:
    """A VOID, with rows or without, takes all that was earned and gives all that was spent, whatever the settings."""
    mari = await shop.customer(100)
    sale = await sell(shop, mari)
    await spend(shop, mari, 90, invoiceID=sale)
    assert await proved(shop, mari) == 70
    await credit(shop, sale, creditInvoiceType="VOID", **rows)
    assert await proved(shop, mari) == 100
    assert await refused(shop, sale, creditInvoiceType="VOID") == (1016, "creditToDocumentID")
    assert (await refused(shop, sale, productID1=1, amount1=-1, price1=20))[0] == 1016


async def test_a_void_after_a_return(shop: Shop) -> None:
    """A VOID after a return undoes what is left, with rows for what is left only."""
    mari = await shop.customer(100)
    sale = await sell(shop, mari)
    await spend(shop, mari, 90, invoiceID=sale)
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 50
    assert await refused(shop, sale, creditInvoiceType="VOID", productID1=1, amount1=-3) == (1016, "amount1")
    await credit(shop, sale, creditInvoiceType="VOID", productID1=1, amount1=-2)
    assert await proved(shop, mari) == 100


async def test_returns_move_with_the_earning(shop: Shop) -> None:
    """After a correction a return takes and gives points where they are now."""
    await shop.set(return_redeemed_points="1")
    mari, jaan = await shop.customer(100), await shop.customer(100)
    sale = await sell(shop, mari)  # Transaction 3
    redemption = await spend(shop, mari, 30, invoiceID=sale)
    await shop.record("editEarnedRewardPointRecord", transactionID=3, customerID=jaan)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (70, 160)
    await credit(shop, sale, productID1=1, amount1=-1)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (80, 140)
    await shop.record("editUsedRewardPointRecord", transactionID=redemption, customerID=jaan)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (100, 120)
    await credit(shop, sale, productID1=1, amount1=-2)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (100, 100)
