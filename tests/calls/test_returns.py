"""Credit invoices: what they take back of the points, row by row (docs/decisions/0013-returns.md).

Every number is worked out by hand beside its test; after every step the ledger is proved with `check`.
"""

import pytest

from calls.returning import credit, crediting, proved, refused, sell
from support.client import Record
from support.shop import Shop


async def test_a_return_of_all_takes_back_all(shop: Shop) -> None:
    """Three pieces at 20.00 earned 60 points; all three returned, none is left, and the shown lot is empty."""
    mari = await shop.customer(100)
    sale = await sell(shop, mari)
    assert await proved(shop, mari) == 160
    await credit(shop, sale, productID1=1, amount1=-3, price1=20)
    assert await proved(shop, mari) == 100
    (lot,) = await shop.records("getEarnedRewardPointRecords", invoiceID=sale)
    assert (lot["earnedPoints"], lot["remainingPoints"]) == (60, 0)


@pytest.mark.parametrize("order", [(1, 1, 1), (2, 1), (1, 2)])
async def test_parts_add_up(shop: Shop, order: tuple[int, ...]) -> None:
    """Each piece of 20.00 takes 20 points back, in whatever portions they come, and the last one leaves nothing."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    left = 60
    for pieces in order:
        await credit(shop, sale, productID1=1, amount1=-pieces, price1=20)
        left -= 20 * pieces
        assert await proved(shop, mari) == left


async def test_awkward_cents(shop: Shop) -> None:
    """Three at 3.335 come to 10.01 and earn 11; what is kept of 6.68 and of 3.34 is rounded up: 8, 4, and then 0."""
    mari = await shop.customer()
    sale = await sell(shop, mari, {"productID1": 1, "amount1": 3, "price1": "3.335"})
    assert await proved(shop, mari) == 11
    for kept in (8, 4, 0):
        await credit(shop, sale, productID1=1, amount1=-1, price1="3.335")
        assert await proved(shop, mari) == kept


async def test_a_fraction_of_a_piece(shop: Shop) -> None:
    """Weighed goods come back in fractions: 0.25 of 1.5 kg at 10.00 is 2.50 of 15.00; 12.5 are kept, so 13."""
    mari = await shop.customer()
    sale = await sell(shop, mari, {"productID1": 1, "amount1": "1.5", "price1": 10})
    await credit(shop, sale, productID1=1, amount1="-0.25", price1=10)
    assert await proved(shop, mari) == 13
    await credit(shop, sale, productID1=1, amount1="-1.25", price1=10)
    assert await proved(shop, mari) == 0


async def test_a_row_without_a_price_has_the_sold_one(shop: Shop) -> None:
    """Price, discount and tax that a row leaves out are those of the row it credits: 2 x 8.00 of 3 x 8.00."""
    mari = await shop.customer()
    sale = await sell(shop, mari, {"productID1": 1, "amount1": 3, "price1": 10, "discount1": 20})
    assert await proved(shop, mari) == 24
    saved = await shop.record("saveSalesDocument", **crediting(sale, {"productID1": 1, "amount1": -2}))
    assert (saved["net"], saved["vat"], saved["total"]) == (-16.0, -3.2, -19.2)
    assert await proved(shop, mari) == 8
    (row,) = (await shop.record("getSalesDocuments", id=saved["invoiceID"]))["rows"]
    assert (row["price"], row["discount"], row["amount"]) == ("10", "20", "-2")


async def test_what_a_row_sends_of_its_price_counts(shop: Shop) -> None:
    """A row that sends a discount only keeps the sold price, one that sends a price only the sold discount."""
    mari = await shop.customer()
    sale = await sell(shop, mari, {"productID1": 1, "amount1": 3, "price1": 10, "discount1": 20})
    rows = {"productID1": 1, "amount1": -1, "discount1": 50, "productID2": 1, "amount2": -1, "price2": 5}
    saved = await shop.record("saveSalesDocument", **crediting(sale, rows))
    assert saved["net"] == -9.0  # 5.00 and 4.00
    assert await proved(shop, mari) == 15


@pytest.mark.parametrize(
    ("price", "kept", "kept_at_last"),
    [("5", 55, 15), ("19.99", 41, 1), ("25", 35, 0), ("0", 60, 20), ("0.01", 60, 20), ("20", 40, 0)],
)
async def test_another_price_counts_by_what_is_paid_back(shop: Shop, price: str, kept: int, kept_at_last: int) -> None:
    """One of three pieces of 20.00 credited at another price takes back what is paid back, and so do all of them."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await credit(shop, sale, productID1=1, amount1=-1, price1=price)
    assert await proved(shop, mari) == kept
    await credit(shop, sale, productID1=1, amount1=-2, price1=20)
    assert await proved(shop, mari) == kept_at_last


async def test_another_price_never_takes_more_than_the_row(shop: Shop) -> None:
    """A row of 20.00 that is credited with 500.00 takes its own 20 points, not those of the other row."""
    mari = await shop.customer()
    sale = await sell(
        shop, mari, {"productID1": 1, "amount1": 1, "price1": 20, "productID2": 2, "amount2": 1, "price2": 30}
    )
    await credit(shop, sale, productID1=1, amount1=-1, price1=500)
    assert await proved(shop, mari) == 30


async def test_rows_count_each_for_itself(shop: Shop) -> None:
    """A return takes the points of the rows that come back: the 30.00 of the coat, not the 20.00 of the hat."""
    mari = await shop.customer()
    rows = {"productID1": 1, "amount1": 1, "price1": 20, "serviceID2": 1, "amount2": 1, "price2": 30}
    sale = await sell(shop, mari, rows)
    await credit(shop, sale, serviceID7=1, amount7=-1)
    assert await proved(shop, mari) == 20
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 0


TWO_PRICES: Record = {
    "productID1": 1,
    "amount1": 1,
    "price1": 10,
    "stableRowID1": 71,
    "productID2": 1,
    "amount2": 2,
    "price2": 20,
    "stableRowID2": 72,
}


async def test_the_stable_number_names_the_row(shop: Shop) -> None:
    """Of two rows of one product `stableRowID` says which comes back, with or without the product and the price."""
    mari = await shop.customer()
    sale = await sell(shop, mari, TWO_PRICES)
    await credit(shop, sale, productID1=1, amount1=-1, stableRowID1=72)
    assert await proved(shop, mari) == 30
    await credit(shop, sale, amount1=-1, stableRowID1=72)
    assert await proved(shop, mari) == 10
    assert (await refused(shop, sale, productID1=1, amount1=-1, stableRowID1=72))[0] == 1016
    assert await refused(shop, sale, productID1=2, amount1=-1, stableRowID1=71) == (1016, "stableRowID1")
    await credit(shop, sale, productID1=1, amount1=-1, stableRowID1=71)
    assert await proved(shop, mari) == 0


async def test_automatic_numbers_name_no_row(shop: Shop) -> None:
    """A row without a `stableRowID` matches by product, though its own number be one that a sold row was given."""
    mari = await shop.customer()
    rows = {"productID1": 1, "amount1": 1, "price1": 10, "productID2": 1, "amount2": 1, "price2": 20, "stableRowID2": 3}
    sale = await sell(shop, mari, rows)  # Rows 1 and 2; the next row of any document is number 3.
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 20


async def test_rows_of_one_product_are_credited_in_order(shop: Shop) -> None:
    """Without a number the first row that has something left comes back first, at its own price."""
    mari = await shop.customer()
    sale = await sell(shop, mari, TWO_PRICES)  # 10.00 and 2 x 20.00
    for kept, net in ((40, -10.0), (20, -20.0), (0, -20.0)):
        saved = await shop.record("saveSalesDocument", **crediting(sale, {"productID1": 1, "amount1": -1}))
        assert (saved["net"], await proved(shop, mari)) == (net, kept)
    assert (await refused(shop, sale, productID1=1, amount1=-1))[0] == 1016


async def test_several_rows_credit_one_product_together(shop: Shop) -> None:
    """Rows of a credit invoice share what is left of the sold rows: two rows of one piece each are two pieces."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await credit(shop, sale, productID1=1, amount1=-1, productID2=1, amount2=-1)
    assert await proved(shop, mari) == 20
    assert await refused(shop, sale, productID1=1, amount1=-1, productID5=1, amount5=-1) == (1016, "amount5")


async def test_free_text_rows_match_by_name(shop: Shop) -> None:
    """A row without product or service credits the sold row of its name, at its price."""
    mari = await shop.customer()
    rows = {"itemName1": "Hat", "amount1": 2, "price1": 10, "itemName2": "Coat", "amount2": 1, "price2": 30}
    sale = await sell(shop, mari, rows)
    await credit(shop, sale, itemName1="Coat", amount1=-1)
    assert await proved(shop, mari) == 20
    assert await refused(shop, sale, itemName1="Coat", amount1=-1) == (1016, "amount1")
    await credit(shop, sale, itemName1="Hat", amount1=-2)
    assert await proved(shop, mari) == 0


async def test_a_rebate_counts_by_its_net(shop: Shop) -> None:
    """A row that names nothing sold, such as a rebate, takes back by its net amount, and never more than was sold."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await credit(shop, sale, itemName1="Rebate", amount1=-1, price1="14.50")
    assert await proved(shop, mari) == 46  # 45.50 are left of 60.00.
    assert (await refused(shop, sale, itemName1="Rebate", amount1=-1, price1="45.51"))[0] == 1016
    await credit(shop, sale, productID1=1, amount1=-3)
    assert await proved(shop, mari) == 0


async def test_a_fee_leaves_points(shop: Shop) -> None:
    """A fee that the credit invoice keeps, a row of the other sign, lets the customer keep its points."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    rows = {"productID1": 1, "amount1": -2, "itemName2": "Fee", "amount2": 1, "price2": 5}
    await credit(shop, sale, **rows)
    assert await proved(shop, mari) == 25


async def test_an_exchange_on_one_receipt(shop: Shop) -> None:
    """A sale of three and minus one at 20.00 earned 40; its rows of either sign are credited by the opposite sign."""
    mari = await shop.customer()
    rows = {"productID1": 1, "amount1": -1, "price1": 20, "productID2": 1, "amount2": 3, "price2": 20}
    sale = await sell(shop, mari, rows)
    assert await proved(shop, mari) == 40
    assert await refused(shop, sale, productID1=1, amount1=-4) == (1016, "amount1")
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 20
    await credit(shop, sale, productID1=1, amount1=-2, productID2=1, amount2=1)
    assert await proved(shop, mari) == 0


async def test_an_invoice_is_computed_from_net_prices(shop: Shop) -> None:
    """An invoice of 3 at 9.995 net, rounded once, is 29.99; a third of it, 9.99, takes back 9 of the 30 points."""
    mari = await shop.customer()
    sale = await sell(shop, mari, {"productID1": 1, "amount1": 3, "price1": "9.995"}, type="INVOICE")
    assert await proved(shop, mari) == 30
    saved = await shop.record("saveSalesDocument", **crediting(sale, {"productID1": 1, "amount1": -1}))
    assert (saved["net"], await proved(shop, mari)) == (-10.0, 21)  # 30 x 9.99 / 29.99 is less than 10.
    await credit(shop, sale, productID1=1, amount1=-2)
    assert await proved(shop, mari) == 0


async def test_a_receipt_is_computed_from_shelf_prices(shop: Shop) -> None:
    """A receipt of 3 at 9.99 net, 11.99 with 20 % tax, is 35.97, of which 6.00 is tax: 29.97 net, and 9.99 each."""
    mari = await shop.customer()
    sale = await sell(shop, mari, {"productID1": 1, "amount1": 3, "price1": "9.99"}, type="CASHINVOICE")
    assert await proved(shop, mari) == 30
    rows = {"productID1": 1, "amount1": -1, "isCashInvoice": 1}
    saved = await shop.record("saveSalesDocument", **crediting(sale, rows))
    assert (saved["net"], saved["total"]) == (-9.99, -11.99)
    assert await proved(shop, mari) == 20  # 19.98 are left.
    await credit(shop, sale, productID1=1, amount1=-2, isCashInvoice=1)
    assert await proved(shop, mari) == 0


async def test_what_earns_nothing_takes_nothing(shop: Shop) -> None:
    """A product that must not earn points takes none back; the others take all that was earned."""
    plain, excluded = [
        (await shop.record("saveProduct", nameENG=name, rewardPointsNotAllowed=flag))["productID"]
        for name, flag in (("Bread", 0), ("Tobacco", 1))
    ]
    mari = await shop.customer()
    rows = {"productID1": plain, "amount1": 2, "price1": 10, "productID2": excluded, "amount2": 1, "price2": 80}
    sale = await sell(shop, mari, rows)
    assert await proved(shop, mari) == 20
    await shop.record("saveProduct", productID=excluded, rewardPointsNotAllowed=0)  # It did not earn then.
    await credit(shop, sale, productID1=excluded, amount1=-1)
    assert await proved(shop, mari) == 20
    await credit(shop, sale, productID1=plain, amount1=-1)
    assert await proved(shop, mari) == 10


async def test_points_at_another_rate(shop: Shop) -> None:
    """A return takes what was earned then, though the account has another rate now."""
    await shop.set(reward_points_per_currency_unit="2.5")
    mari = await shop.customer()
    sale = await sell(shop, mari)
    assert await proved(shop, mari) == 150
    await shop.set(reward_points_per_currency_unit="1")
    await credit(shop, sale, productID1=1, amount1=-1)
    assert await proved(shop, mari) == 100


async def test_points_added_by_hand_stay(shop: Shop) -> None:
    """Points that a till added for the sale are not the sale's own: whoever gave them takes them."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await shop.record("addCustomerRewardPoints", customerID=mari, points=7, invoiceID=sale)
    await credit(shop, sale, productID1=1, amount1=-3)
    assert await proved(shop, mari) == 7


async def test_a_sale_that_earned_nothing(shop: Shop) -> None:
    """A sale without points, or without a customer, is credited without touching any."""
    mari = await shop.customer(5)
    for customer_id, without in ((mari, 1), (0, 0)):
        sale = await sell(shop, customer_id, doNotAddRewardPoints=without)
        await credit(shop, sale, productID1=1, amount1=-3)
        assert await proved(shop, mari) == 5
        assert (await refused(shop, sale, productID1=1, amount1=-3))[0] == 1016
