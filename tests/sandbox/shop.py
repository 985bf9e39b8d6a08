"""Short cuts for the sandbox's tests."""

from typing import Any

from erply_points.testing.client import Erply

REDEEM = "subtractCustomerRewardPoints"


def customer(erply: Erply, points: int = 0, **params: Any) -> int:
    """A new customer's ID, with points that are spent or lost as `params` of their earning say."""
    saved = erply.call("saveCustomer", firstName="Mari", lastName="Maasikas")
    customer_id: int = saved[0]["customerID"]
    if points:
        erply.call("addCustomerRewardPoints", customerID=customer_id, points=points, **params)
    return customer_id


def balance(erply: Erply, customer_id: int) -> int:
    points: int = erply.call("getCustomerRewardPoints", customerID=customer_id)[0]["points"]
    return points


def codes(answer: dict[str, Any]) -> list[int]:
    """The error codes of a bulk's sub-answers."""
    return [each["status"]["errorCode"] for each in answer["requests"]]
