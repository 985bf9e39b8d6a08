"""deleteSalesDocument: what a document did to the points is undone (docs/decisions/0013-returns.md).

Every number is worked out by hand beside its test; after every step the ledger is proved with `check`.
"""

import pytest

from calls.returning import DAY, THREE_AT_20, add, credit, everything, later, proved, sell, spend
from support.client import Record
from support.shop import Shop


async def delete(shop: Shop, document_id: int) -> None:
    assert await shop.records("deleteSalesDocument", documentID=document_id) == []


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, (1010, "documentID")),
        ({"documentID": 0}, (1016, "documentID")),
        ({"documentID": 99}, (1011, "documentID")),
        ({"documentID": "one"}, (1014, "documentID")),
        ({"documentID": "CURRENT_INVOICE_ID"}, (1014, "documentID")),
    ],
)
async def test_what_cannot_be_deleted(shop: Shop, params: Record, expected: tuple[int, str]) -> None:
    """A document must be named, by the number of one that is there."""
    await sell(shop, await shop.customer())
    before = await everything(shop)
    assert await shop.error("deleteSalesDocument", **params) == expected
    assert await everything(shop) == before


async def test_a_deleted_sale_is_gone(shop: Shop) -> None:
    """A deleted document is in no listing, cannot be deleted, edited or credited again, and its ID is not reused."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await delete(shop, sale)
    assert await shop.records("getSalesDocuments", id=sale) == []
    assert await shop.error("deleteSalesDocument", documentID=sale) == (1011, "documentID")
    assert await shop.error("saveSalesDocument", id=sale, notes="x") == (1011, "id")
    assert await shop.error("saveSalesDocument", type="CREDITINVOICE", creditToDocumentID=sale) == (
        *(1011, "creditToDocumentID"),
    )
    assert await shop.error("addCustomerRewardPoints", customerID=mari, points=1, invoiceID=sale) == (1011, "invoiceID")
    assert await sell(shop, mari) == sale + 1


async def test_a_deleted_sale_takes_back_what_it_earned(shop: Shop) -> None:
    """The points of a deleted sale are taken as a return takes them, and the history loses the document."""
    mari = await shop.customer(100)
    sale = await sell(shop, mari)
    await spend(shop, mari, 30)
    await delete(shop, sale)
    assert await proved(shop, mari) == 70
    earned = await shop.records("getEarnedRewardPointRecords", customerID=mari)
    assert [(one["earnedPoints"], one["remainingPoints"], one["invoiceID"]) for one in earned] == [
        *((100, 70, 0), (60, 0, 0)),
    ]


async def test_what_was_spent_on_a_deleted_sale_stays_spent(shop: Shop) -> None:
    """Points spent on a deleted sale stay spent, without a document; so do points that were added for it."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer(100)
    sale = await sell(shop, mari)
    await spend(shop, mari, 40, invoiceID=sale)
    await shop.record("addCustomerRewardPoints", customerID=mari, points=7, invoiceID=sale)
    await delete(shop, sale)
    assert await proved(shop, mari) == 67
    (used,) = await shop.records("getUsedRewardPointRecords", customerID=mari)
    assert (used["usedPoints"], used["invoiceID"], used["invoiceNo"]) == (40, 0, "")
    earned = await shop.records("getEarnedRewardPointRecords", customerID=mari)
    assert {one["invoiceID"] for one in earned} == {0}


@pytest.mark.parametrize(("setting", "after", "later"), [("allow", -60, 40), ("floor", 0, 100)])
async def test_spent_points_of_a_deleted_sale(shop: Shop, setting: str, after: int, later: int) -> None:
    """Points of a deleted sale that were spent are owed, or forgiven if the account says so."""
    await shop.set(returns_below_zero=setting)
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await spend(shop, mari, 60)
    await delete(shop, sale)
    assert await proved(shop, mari) == after
    await add(shop, mari, 100)
    assert await proved(shop, mari) == later


async def test_documents_that_earned_nothing(shop: Shop) -> None:
    """Orders, unconfirmed documents and sales without a customer are deleted without touching any points."""
    mari = await shop.customer(5)
    for header in ({"type": "ORDER"}, {"confirmInvoice": 0}, {"customerID": 0}, {"doNotAddRewardPoints": 1}):
        await delete(shop, await sell(shop, mari, **header))
        assert await proved(shop, mari) == 5
    await delete(shop, await sell(shop, mari, {}))
    assert await proved(shop, mari) == 5


async def test_a_document_with_payments_stays(shop: Shop) -> None:
    """A sale with payments is 1022 until its payments are deleted, in the same bulk or before."""
    mari = await shop.customer()
    first, second = await sell(shop, mari), await sell(shop, mari)
    payments = [
        (await shop.record("savePayment", documentID=sale, type="CASH", sum=72))["paymentID"]
        for sale in (first, first, second)
    ]
    for sale in (first, second):
        assert await shop.error("deleteSalesDocument", documentID=sale) == (1022, "documentID")
        assert await proved(shop, mari) == 120
    await shop.records("deletePayment", paymentID=payments[0])
    remove = {"requestName": "deleteSalesDocument", "documentID": first}
    assert await shop.codes([remove, {"requestName": "deletePayment", "paymentID": payments[1]}, remove]) == [
        1022,
        0,
        0,
    ]
    assert await proved(shop, mari) == 60
    assert await shop.error("deleteSalesDocument", documentID=second) == (1022, "documentID")


async def test_a_document_with_credit_invoices_stays(shop: Shop) -> None:
    """A credited sale is 1022, confirmed or not the credit invoice, until that is deleted or credits another sale."""
    mari = await shop.customer()
    sale, other = await sell(shop, mari), await sell(shop, mari)
    back = await credit(shop, sale, productID1=1, amount1=-1)
    waiting = await credit(shop, sale, productID1=1, amount1=-1, confirmInvoice=0)

    def remove(document_id: int) -> Record:
        return {"requestName": "deleteSalesDocument", "documentID": document_id}

    assert await shop.codes([remove(sale), remove(back), remove(sale)]) == [1022, 0, 1022]
    assert await proved(shop, mari) == 120
    moved = {"requestName": "saveSalesDocument", "id": waiting, "creditToDocumentID": other}
    assert await shop.codes([remove(sale), moved, remove(sale), remove(other)]) == [1022, 0, 0, 1022]
    assert await proved(shop, mari) == 60
    assert await shop.codes([remove(waiting), remove(other)]) == [0, 0]
    assert await proved(shop, mari) == 0


async def test_a_deleted_credit_invoice_is_undone(shop: Shop) -> None:
    """What a return took is there again, where it was, and the sale can be returned anew."""
    mari = await shop.customer(100)
    sale = await sell(shop, mari)  # Transaction 2
    back = await credit(shop, sale, productID1=1, amount1=-3)
    assert await proved(shop, mari) == 100
    await delete(shop, back)
    assert await proved(shop, mari) == 160
    earned = await shop.records("getEarnedRewardPointRecords", customerID=mari)
    assert [one["remainingPoints"] for one in earned] == [100, 60]
    await credit(shop, sale, productID1=1, amount1=-2)
    assert await proved(shop, mari) == 120


async def test_one_of_several_returns_is_undone(shop: Shop) -> None:
    """Of 11 points three returns take 3, 4 and 4; without the first the others keep 8, and a new one takes the rest."""
    mari = await shop.customer()
    sale = await sell(shop, mari, {"productID1": 1, "amount1": 3, "price1": "3.335"})
    first, second, _ = [await credit(shop, sale, productID1=1, amount1=-1) for _ in range(3)]
    assert await proved(shop, mari) == 0
    await delete(shop, first)
    assert await proved(shop, mari) == 3
    await delete(shop, second)
    assert await proved(shop, mari) == 7
    await credit(shop, sale, productID1=1, amount1=-2)
    assert await proved(shop, mari) == 0


async def test_a_debt_is_undone(shop: Shop) -> None:
    """What was owed for a return is owed no more, and earnings that repaid it are there again."""
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await spend(shop, mari, 60)
    back = await credit(shop, sale, productID1=1, amount1=-3)
    earned = await add(shop, mari, 40)
    assert await proved(shop, mari) == -20
    await delete(shop, back)
    assert await proved(shop, mari) == 40
    records = await shop.records("getEarnedRewardPointRecords", customerID=mari)
    assert {one["transactionID"]: one["remainingPoints"] for one in records}[earned] == 40


async def test_what_was_forgiven_is_not_given(shop: Shop) -> None:
    """At the floor a return took 10 of 60; its undoing gives those 10."""
    await shop.set(returns_below_zero="floor")
    mari = await shop.customer()
    sale = await sell(shop, mari)
    await spend(shop, mari, 50)
    back = await credit(shop, sale, productID1=1, amount1=-3)
    assert await proved(shop, mari) == 0
    await delete(shop, back)
    assert await proved(shop, mari) == 10


async def test_points_given_back_are_spent_again(shop: Shop) -> None:
    """What a return gave back is spent again; what the customer has spent meanwhile is owed."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer(100)
    sale = await sell(shop, mari)
    await spend(shop, mari, 90, invoiceID=sale)
    back = await credit(shop, sale, productID1=1, amount1=-2)
    assert await proved(shop, mari) == 90  # 70 - 40 + 60
    await spend(shop, mari, 80)
    await delete(shop, back)
    assert await proved(shop, mari) == -10  # As if 90 and 80 of 160 had been spent.


async def test_points_spent_again_where_some_were_spent_elsewhere(shop: Shop) -> None:
    """An earning that got points back and lost some to another redemption pays what it has, and others the rest."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer()
    await add(shop, mari, 60, days=100)
    await add(shop, mari, 30)
    sale = await sell(shop, mari, doNotAddRewardPoints=1)
    await spend(shop, mari, 70, invoiceID=sale)
    back = await credit(shop, sale, productID1=1, amount1=-3)
    assert await proved(shop, mari) == 90
    await spend(shop, mari, 75)
    await delete(shop, back)
    assert await proved(shop, mari) == -55


@pytest.mark.parametrize(("days", "after_credit"), [(5, 120), (15, 100)])
async def test_given_back_points_that_expired(shop: Shop, days: int, after_credit: int) -> None:
    """Points given back and lost to their expiry, at once or later, are not taken from other points by the undoing."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer(100)
    await add(shop, mari, 20, days=10)
    sale = await sell(shop, mari, doNotAddRewardPoints=1)
    await spend(shop, mari, 20, invoiceID=sale)
    await later(shop, days)
    back = await credit(shop, sale, productID1=1, amount1=-3)
    assert await proved(shop, mari) == after_credit
    await later(shop, 10)
    assert await proved(shop, mari) == 100
    await delete(shop, back)
    assert await proved(shop, mari) == 100


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_returns_around_an_expiry_are_undone(shop: Shop, order: tuple[int, int]) -> None:
    """Points of one earning given back before its expiry and after it cost nothing when both returns are deleted."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer(100)
    await add(shop, mari, 20, days=10)
    sale = await sell(shop, mari, {"productID1": 1, "amount1": 2, "price1": 30}, doNotAddRewardPoints=1)
    await spend(shop, mari, 20, invoiceID=sale)
    backs = []
    for _ in range(2):
        backs.append(await credit(shop, sale, productID1=1, amount1=-1))
        await later(shop, 11)
    assert await proved(shop, mari) == 100
    for which in order:
        await delete(shop, backs[which])
        assert await proved(shop, mari) == 100


async def test_what_was_lost_before_the_return_stays_lost(shop: Shop) -> None:
    """Of 300 points 100 were spent and 200 lost; the 100 came back by grace, were spent again, and cost as much."""
    await shop.set(return_redeemed_points="1", returned_points_grace_days="30")
    mari = await shop.customer(500)
    await add(shop, mari, 300, days=10)
    sale = await sell(shop, mari, doNotAddRewardPoints=1)
    await spend(shop, mari, 100, invoiceID=sale)
    await later(shop, 11)
    back = await credit(shop, sale, productID1=1, amount1=-3)
    assert await proved(shop, mari) == 600
    await spend(shop, mari, 100)
    await delete(shop, back)
    assert await proved(shop, mari) == 400


async def test_a_return_is_undone_after_a_new_expiry(shop: Shop) -> None:
    """Points given back to an earning that had expired, and revived with it since, are spent from it again."""
    await shop.set(return_redeemed_points="1")
    mari = await shop.customer(100)
    lot = await add(shop, mari, 20, days=10)
    sale = await sell(shop, mari, doNotAddRewardPoints=1)
    await spend(shop, mari, 20, invoiceID=sale)
    await later(shop, 15)
    back = await credit(shop, sale, productID1=1, amount1=-3)
    assert await proved(shop, mari) == 100
    expiry = int(shop.clock()) + 50 * DAY
    await shop.record("editEarnedRewardPointRecord", transactionID=lot, expiryUnixTime=expiry)
    assert await proved(shop, mari) == 120
    await delete(shop, back)
    assert await proved(shop, mari) == 100


@pytest.mark.parametrize("moved", ["redemption", "earning"])
async def test_a_return_is_undone_after_a_correction(shop: Shop, moved: str) -> None:
    """What a return gave back is spent again by whoever has the redemption now, from that customer's own points."""
    await shop.set(return_redeemed_points="1")
    mari, jaan = await shop.customer(100), await shop.customer(100)
    await add(shop, mari, 100)
    sale = await sell(shop, mari, doNotAddRewardPoints=1)
    redemption = await spend(shop, mari, 60, invoiceID=sale)
    back = await credit(shop, sale, productID1=1, amount1=-1)
    assert (await proved(shop, mari), await proved(shop, jaan)) == (160, 100)
    if moved == "redemption":
        await shop.record("editUsedRewardPointRecord", transactionID=redemption, customerID=jaan)
        expected = ((200, 60), (200, 40))
    else:
        await shop.record("editEarnedRewardPointRecord", transactionID=1, customerID=jaan)
        expected = ((60, 200), (40, 200))
    assert (await proved(shop, mari), await proved(shop, jaan)) == expected[0]
    await delete(shop, back)
    assert (await proved(shop, mari), await proved(shop, jaan)) == expected[1]


async def test_a_void_is_undone(shop: Shop) -> None:
    """A VOID by mistake is deleted: the sale is there again with all its points, and can be voided again."""
    mari = await shop.customer(100)
    sale = await sell(shop, mari)
    await spend(shop, mari, 90, invoiceID=sale)
    for _ in range(2):
        back = await credit(shop, sale, creditInvoiceType="VOID")
        assert await proved(shop, mari) == 100
        await delete(shop, back)
        assert await proved(shop, mari) == 70


async def test_a_return_that_met_expiry_is_undone(shop: Shop) -> None:
    """A return of expired points moved no balance, and neither does its undoing; what comes back late is lost."""
    await shop.set(reward_points_duration="1", timezone="UTC")
    mari = await shop.customer()
    sale, other = await sell(shop, mari), await sell(shop, mari)
    early = await credit(shop, sale, productID1=1, amount1=-3)
    await shop.set(reward_points_duration="0")
    await add(shop, mari, 100)
    assert await proved(shop, mari) == 160
    shop.clock.advance(32 * DAY)
    await shop.log_in()
    late = await credit(shop, other, productID1=1, amount1=-3)
    for back in (None, early, late):
        if back:
            await delete(shop, back)
        assert await proved(shop, mari) == 100


async def test_numbers_of_deleted_documents(shop: Shop) -> None:
    """A deleted document's number can be asked for again; the sequence does not step back."""
    mari = await shop.customer()
    sale = await sell(shop, mari, invoiceNo=500)
    await delete(shop, sale)
    again = await shop.record("saveSalesDocument", customerID=mari, **THREE_AT_20, invoiceNo=500)
    assert again["invoiceNo"] == "500"
    following = await shop.record("saveSalesDocument", customerID=mari, **THREE_AT_20)
    await delete(shop, int(following["invoiceID"]))
    last = await shop.record("saveSalesDocument", customerID=mari, **THREE_AT_20)
    assert int(last["invoiceNo"]) == int(following["invoiceNo"]) + 1


async def test_a_number_that_two_documents_have(shop: Shop) -> None:
    """Deleting one of two documents of a number leaves the number taken, in the same bulk too."""
    first = await sell(shop, 0, invoiceNo=5)
    await sell(shop, 0, invoiceNo=5, allowDuplicateNumbers=1)
    remove = {"requestName": "deleteSalesDocument", "documentID": first}
    answers = await shop.answers([remove, {"requestName": "saveSalesDocument", "amount1": 1, "invoiceNo": 5}])
    assert answers[1]["records"][0]["invoiceNo"] == "6"


async def test_made_and_deleted_in_one_bulk(shop: Shop) -> None:
    """A sale that is made and deleted within one bulk leaves no points and no document, and a bulk goes on after it."""
    mari = await shop.customer(10)
    sale = {"requestName": "saveSalesDocument", "customerID": mari, **THREE_AT_20}
    remove = {"requestName": "deleteSalesDocument", "documentID": 1}
    balance = {"requestName": "getCustomerRewardPoints", "customerID": mari}
    answers = await shop.answers([sale, balance, remove, balance, remove, sale, balance])
    assert [answer["status"]["errorCode"] for answer in answers] == [0, 0, 0, 0, 1011, 0, 0]
    assert [answers[number]["records"][0]["points"] for number in (1, 3, 6)] == [70, 10, 70]
    assert await proved(shop, mari) == 70
