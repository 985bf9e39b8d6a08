"""Sub-requests of bulks, as tests with many clients send them."""

from typing import Any, Final

from support.client import Record

RECEIPT: Final = {
    "requestName": "saveSalesDocument",
    "type": "CASHINVOICE",
    "productID1": 38,
    "vatrateID1": 1,
    "amount1": 1,
    "price1": "10.00",
}


def redemption(customer: int, points: int, **more: Any) -> Record:
    return {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": points, **more}


def earning(customer: int, points: int) -> Record:
    return {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": points}


def balance(customer: int) -> Record:
    return {"requestName": "getCustomerRewardPoints", "customerID": customer}
