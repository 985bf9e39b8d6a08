"""New prices of a confirmed sale: its points follow (docs/decisions/0021-prices-of-a-confirmed-sale.md).

Every number is worked out by hand beside its test; after every step the ledger is proved with `check`.
"""

from typing import Any

import pytest

from bulk.sending import post_call
from calls.returning import add, credit, everything, later, proved, refused, sell, spend
from support.client import Record
from support.shop import Shop

ROWS: Record = {"productID1": 1, "amount1": 3, "price1": 20}


async def reprice(shop: Shop, sale: int, price: Any, **row: Any) -> None:
    await shop.record("saveSalesDocument", id=sale, **{**ROWS, "price1": price, **row})


async def test_a_lower_price_takes_points(shop: Shop) -> None:
    """Three at 20.00 earned 60; at 12.50 they come to 37.50, which earn 38."""
    mari = await shop.customer(100)
    sale = await sell(shop, mari)
    await reprice(shop, sale, "12.50")
    assert await proved(shop, mari) == 138
    (lot,) = await shop.records("getEarnedRewardPointRecords", invoiceID=sale)
    assert (lot["earnedPoints"], lot["remainingPoints"]) == (60, 38)


async def test_a_higher_price_earns_more(shop: Shop) -> None:
    """Three at 20.00 earned 60; at 25.10 they come to 75.30: a further earning of 16, as old as the sale."""
    mari = await shop.customer()
    sale = await sell(shop, mari, date="2025-12-24", time="12:00:00")
    shop.clock.advance(50)
    await reprice(shop, sale, "25.10")
    assert await proved(shop, mari) == 76
    first, second = await shop.records("getEarnedRewardPointRecords", invoiceID=sale)
    assert (first["earnedPoints"], second["earnedPoints"]) == (60, 16)
    assert first["createdUnixTime"] == second["createdUnixTime"]


@pytest.mark.parametrize("prices", [("1", "20"), ("30", "20"), ("0.01", "99", "7.77", "20"), ("0", "20")])
async def test_prices_there_and_back(shop: Shop, prices: tuple[str, ...]) -> None:
    """However often a price is changed, the sale has earned what its last price earns."""
    mari = await shop.customer(10)
    sale = await sell(shop, mari)
    for price in prices:
        await reprice(shop, sale, price)
        await proved(shop, mari)
    assert await proved(shop, mari) == 70


async def test_what_changes_no_net_changes_no_points(shop: Shop) -> None:
    """Another tax, a header, or the same prices once more move no point and write no history."""
    await shop.record("saveVatRate", rate=9)
    mari = await shop.customer()
    sale = await sell(shop, mari)
    history = await shop.records("getEarnedRewardPointRecords")
    await reprice(shop, sale, 20, vatrateID1=2)
    await reprice(shop, sale, 40, discount1=50)
    await shop.record("saveSalesDocument", id=sale, notes="x", rounding="-5")
    assert await proved(shop, mari) == 60
    assert await shop.records("getEarnedRewardPointRecords") == history


async def test_the_rate_of_the_sale_counts(shop: Shop) -> None:
    """A sale that earned at 2 points a unit goes on earning at 2, whatever the account gives now."""
    await shop.set(reward_points_per_currency_unit="2")
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await shop.set(reward_points_per_currency_unit="0.5")
    for price, balance in ((10, 60), (30, 180)):
        await reprice(shop, sale, price)
        assert await proved(shop, mari) == balance


@pytest.mark.parametrize("header", [{"doNotAddRewardPoints": 1}, {"type": "ORDER"}, {"customerID": 0}])
async def test_what_earned_nothing_earns_nothing(shop: Shop, header: Record) -> None:
    """A document that was not to earn points earns none at another price either."""
    mari = await shop.customer(5)
    sale = await sell(shop, mari, **header)
    await reprice(shop, sale, 50)
    assert await proved(shop, mari) == 5


async def test_a_customer_who_no_longer_collects(shop: Shop) -> None:
    """Whether a sale earns was settled when it was made: before the customer gave up collecting, or after."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await shop.record("saveCustomer", customerID=mari, rewardPointsDisabled=1)
    late = await sell(shop, mari)
    for each in (sale, late):
        await reprice(shop, each, 30)
    assert await proved(shop, mari) == 90


async def test_products_that_earn_nothing(shop: Shop) -> None:
    """A row that did not earn when it was sold does not at another price, though its product would today."""
    product = (await shop.record("saveProduct", nameENG="Tobacco", rewardPointsNotAllowed=1))["productID"]
    mari = await shop.customer()
    rows = {"productID1": product, "amount1": 1, "price1": 10, "productID2": 9, "amount2": 1, "price2": 5}
    sale = await sell(shop, mari, rows)
    await shop.record("saveProduct", productID=product, rewardPointsNotAllowed=0)
    await shop.record("saveSalesDocument", id=sale, **{**rows, "price1": 100, "price2": 6})
    assert await proved(shop, mari) == 6
    await credit(shop, sale, productID1=product, amount1=-1)
    assert await proved(shop, mari) == 6


@pytest.mark.parametrize(("setting", "after", "at_last"), [("allow", -30, 10), ("floor", 0, 40)])
async def test_points_that_were_spent(shop: Shop, setting: str, after: int, at_last: int) -> None:
    """What a lower price takes of spent points is owed, or forgiven if the account says so, as with a return."""
    await shop.set(returns_below_zero=setting)
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await spend(shop, mari, 60)
    await reprice(shop, sale, 10)
    assert await proved(shop, mari) == after
    await add(shop, mari, 40)
    assert await proved(shop, mari) == at_last


async def test_points_that_expired(shop: Shop) -> None:
    """Of a sale whose points have expired a lower price takes none of the others, and a higher one gives none."""
    await shop.set(reward_points_duration="1", timezone="UTC")
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await shop.set(reward_points_duration="0")
    await add(shop, mari, 100)
    await later(shop, 32)
    for price in (10, 40, 5):
        await reprice(shop, sale, price)
        assert await proved(shop, mari) == 100


async def test_points_that_were_moved(shop: Shop) -> None:
    """The points of a sale that were given to another customer follow its price there."""
    mari, jaan = await shop.customer(), await shop.customer(10)
    sale = await sell(shop, mari)  # Transaction 2
    await shop.record("editEarnedRewardPointRecord", transactionID=2, customerID=jaan)
    await reprice(shop, sale, 30)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (0, 100)
    await reprice(shop, sale, 10)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (0, 40)


@pytest.mark.parametrize(("price", "kept"), [("10", (20, 10, 0)), ("30", (60, 30, 0)), ("3.335", (8, 4, 0))])
async def test_returns_after_a_new_price(shop: Shop, price: str, kept: tuple[int, ...]) -> None:
    """Each piece that comes back takes its part of what the sale earns at its new price; at last nothing is left."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await reprice(shop, sale, price)
    for balance in kept:
        await credit(shop, sale, productID1=1, amount1=-1)
        assert await proved(shop, mari) == balance


async def test_a_return_after_a_higher_price_is_undone(shop: Shop) -> None:
    """A return that took back of both earnings of a sale gives both back when it is deleted."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await reprice(shop, sale, 25)
    back = await credit(shop, sale, productID1=1, amount1=-2)
    assert await proved(shop, mari) == 25
    await shop.records("deleteSalesDocument", documentID=back)
    assert await proved(shop, mari) == 75
    await credit(shop, sale, creditInvoiceType="VOID")
    assert await proved(shop, mari) == 0


async def test_a_sale_is_deleted_after_new_prices(shop: Shop) -> None:
    """A deleted sale takes back all that it has earned at any price, and no more."""
    mari = await shop.customer(5)
    sale = await sell(shop, mari)
    for price in (30, 10, 15):
        await reprice(shop, sale, price)
    await shop.records("deleteSalesDocument", documentID=sale)
    assert await proved(shop, mari) == 5


async def test_prices_of_a_credited_sale(shop: Shop) -> None:
    """The prices of a sale of which something was credited are fixed (1017) until the credit invoice is deleted."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    back = await credit(shop, sale, productID1=1, amount1=-1)
    before = await everything(shop)
    assert await post_call(shop, "saveSalesDocument", id=sale, **{**ROWS, "price1": 10}) == (1017, "price1")
    assert await everything(shop) == before
    assert await proved(shop, mari) == 40
    await reprice(shop, sale, 20)  # The same again is no new price.
    await shop.records("deleteSalesDocument", documentID=back)
    await reprice(shop, sale, 10)
    assert await proved(shop, mari) == 30


async def test_prices_of_a_credit_invoice(shop: Shop) -> None:
    """The prices of a confirmed credit invoice are fixed (1017): what it took back was taken at these."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    back = await credit(shop, sale, productID1=1, amount1=-1)
    row = {"productID1": 1, "amount1": -1, "price1": 5}
    assert await post_call(shop, "saveSalesDocument", id=back, **row) == (1017, "price1")
    await shop.record("saveSalesDocument", id=back, **{**row, "price1": 20}, notes="x")
    assert await proved(shop, mari) == 40
    free = await sell(shop, mari, row, type="CREDITINVOICE")
    await shop.record("saveSalesDocument", id=free, **{**row, "price1": 7})
    assert await proved(shop, mari) == 40
    assert (await refused(shop, free, productID1=1, amount1=1))[0] == 1016
