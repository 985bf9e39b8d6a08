"""deleteCustomer: a customer whom nothing refers to can go, any other stays."""

from typing import Any

import pytest

from support.shop import Shop


async def customers(shop: Shop) -> list[int]:
    return [record["customerID"] for record in await shop.records("getCustomers")]


async def test_a_customer_is_deleted(shop: Shop) -> None:
    """A deleted customer is gone, with an answer without records; the others stay and the number is not used again."""
    first, second = await shop.customer(), await shop.customer()
    assert await shop.records("deleteCustomer", customerID=first) == []
    assert await customers(shop) == [second]
    assert await shop.error("deleteCustomer", customerID=first) == (1011, "customerID")
    assert await shop.error("saveCustomer", customerID=first, firstName="A") == (1011, "customerID")
    assert await shop.error("getCustomerRewardPoints", customerID=first) == (1011, "customerID")
    assert await shop.error("addCustomerRewardPoints", customerID=first, points=1) == (1011, "customerID")
    assert await shop.error("saveSalesDocument", customerID=first, amount1=1) == (1011, "customerID")
    assert await shop.customer() == second + 1
    assert await shop.check() == []


async def test_the_card_is_free_again(shop: Shop) -> None:
    """The card of a deleted customer can be given to another one, in the same bulk too."""
    first = await shop.customer(customerCardNumber="77")
    other = {"requestName": "saveCustomer", "firstName": "Other", "customerCardNumber": "77"}
    codes = await shop.codes([other, {"requestName": "deleteCustomer", "customerID": first}, other])
    assert codes == [1012, 0, 0]
    record = await shop.record("getCustomers", searchCode="77")
    assert record["firstName"] == "Other"
    await shop.records("deleteCustomer", customerID=record["customerID"])
    assert await shop.records("getCustomers", searchCode="77") == []
    await shop.customer(customerCardNumber="77")


async def test_a_customer_of_the_same_bulk(shop: Shop) -> None:
    """A customer can be made and deleted in one bulk, and what comes after finds nobody."""
    assert await shop.codes(
        [
            {"requestName": "saveCustomer", "firstName": "A", "customerCardNumber": "1"},
            {"requestName": "deleteCustomer", "customerID": 1},
            {"requestName": "addCustomerRewardPoints", "customerID": 1, "points": 5},
            {"requestName": "saveCustomer", "firstName": "B", "customerCardNumber": "1"},
        ]
    ) == [0, 0, 1011, 0]
    assert await customers(shop) == [2]


@pytest.mark.parametrize(
    "document",
    [{}, {"confirmInvoice": 0}, {"type": "ORDER"}, {"price1": 0, "doNotAddRewardPoints": 1}],
    ids=["sale", "unconfirmed", "order", "without points"],
)
async def test_documents_refer_to_the_customer(shop: Shop, document: dict[str, Any]) -> None:
    """A customer with a document of any kind stays."""
    customer = await shop.customer()
    await shop.record("saveSalesDocument", customerID=customer, amount1=1, **{"price1": 5, **document})
    assert await shop.error("deleteCustomer", customerID=customer) == (1022, "customerID")
    assert await customers(shop) == [customer]


async def test_a_document_of_the_same_bulk(shop: Shop) -> None:
    """A document saved earlier in the bulk counts, and one deleted earlier does not."""
    customer = await shop.customer()
    delete = {"requestName": "deleteCustomer", "customerID": customer}
    assert await shop.codes(
        [
            {"requestName": "saveSalesDocument", "customerID": customer, "amount1": 1, "confirmInvoice": 0},
            delete,
            {"requestName": "deleteSalesDocument", "documentID": 1},
            delete,
            delete,
        ]
    ) == [0, 1022, 0, 0, 1011]
    assert await customers(shop) == []


async def test_a_history_of_points(shop: Shop) -> None:
    """A customer who ever earned or redeemed points stays, whatever is left of them."""
    earned, spent = await shop.customer(points=10), await shop.customer(points=10)
    await shop.record("subtractCustomerRewardPoints", customerID=spent, points=10)
    await shop.set(negative_balance="allow")
    owing = await shop.customer()
    await shop.record("subtractCustomerRewardPoints", customerID=owing, points=10)
    for customer in (earned, spent, owing):
        assert await shop.error("deleteCustomer", customerID=customer) == (1022, "customerID")
    assert await customers(shop) == [earned, spent, owing]
    assert await shop.check() == []


async def test_a_refused_redemption_is_no_history(shop: Shop) -> None:
    """Points that were refused leave no trace that would keep the customer."""
    customer = await shop.customer()
    codes = await shop.codes(
        [
            {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": 5},
            {"requestName": "deleteCustomer", "customerID": customer},
        ]
    )
    assert codes == [1042, 0]


async def test_points_of_the_same_bulk(shop: Shop) -> None:
    """Points earned earlier in the bulk keep the customer."""
    customer = await shop.customer()
    codes = await shop.codes(
        [
            {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": 5},
            {"requestName": "deleteCustomer", "customerID": customer},
        ]
    )
    assert codes == [0, 1022]
    assert await shop.balance(customer) == 5


async def test_the_customer_of_sales_without_one(shop: Shop) -> None:
    """The account's customer of sales to nobody in particular stays."""
    customer = await shop.customer()
    await shop.set(default_client_idDat=str(customer))
    assert await shop.error("deleteCustomer", customerID=customer) == (1022, "customerID")
    await shop.set(default_client_idDat="0")
    assert await shop.records("deleteCustomer", customerID=customer) == []


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({}, (1010, "customerID")),
        ({"customerID": ""}, (1010, "customerID")),
        ({"customerID": "x"}, (1014, "customerID")),
        ({"customerID": 0}, (1016, "customerID")),
        ({"customerID": -1}, (1016, "customerID")),
        ({"customerID": 999}, (1011, "customerID")),
    ],
)
async def test_bad_deletions(shop: Shop, sent: dict[str, Any], error: tuple[int, str]) -> None:
    """A deletion that names no customer deletes none."""
    customer = await shop.customer()
    assert await shop.error("deleteCustomer", **sent) == error
    assert await customers(shop) == [customer]
