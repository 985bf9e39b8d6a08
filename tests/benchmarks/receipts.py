"""Receipts as a till sends them: what they say, the requests that say it, and sales made up by a repeatable chance."""

import random
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from erply_points.calls.money import decimal_text
from erply_points.ledger.amounts import Cents

ROWS: Final = 3
POINTS: Final = 5
"""What each receipt's customer pays with points; a receipt earns more."""

VAT_RATE_ID: Final = 1
CURRENCY: Final = "EUR"


class Row(NamedTuple):
    product_id: int
    amount: int
    price: Cents
    """Net, for one."""
    price_text: str
    """The same in units of currency, as the till writes it."""
    discount: int
    """Per cent."""


class Receipt(NamedTuple):
    customer_id: int
    point_of_sale_id: int
    employee_id: int
    rows: tuple[Row, ...]


def receipts(customers: Iterator[int], source: random.Random) -> Iterator[Receipt]:
    """Receipts without end, for one customer after the other."""
    for customer_id in customers:
        rows = tuple(_row(source) for _ in range(ROWS))
        yield Receipt(customer_id, source.randint(1, 8), source.randint(1, 20), rows)


def _row(source: random.Random) -> Row:
    price = source.randint(199, 9_999)
    text = decimal_text(f"{price // 100}.{price % 100:02}")
    return Row(source.randint(1, 500), source.randint(1, 4), price, text, source.choice((0, 0, 0, 10)))


def sale(receipt: Receipt) -> dict[str, Any]:
    """The call that saves a receipt."""
    rows: dict[str, Any] = {}
    for number, row in enumerate(receipt.rows, 1):
        rows |= {
            f"productID{number}": row.product_id,
            f"vatrateID{number}": VAT_RATE_ID,
            f"amount{number}": row.amount,
            f"price{number}": row.price_text,
            f"discount{number}": row.discount,
        }
    return {
        "requestName": "saveSalesDocument",
        "type": "CASHINVOICE",
        "customerID": receipt.customer_id,
        "pointOfSaleID": receipt.point_of_sale_id,
        "employeeID": receipt.employee_id,
        "currencyCode": CURRENCY,
        "confirmInvoice": 1,
        **rows,
    }


def redemption(receipt: Receipt) -> dict[str, Any]:
    """The points that a receipt's customer pays with."""
    return {
        "requestName": "subtractCustomerRewardPoints",
        "customerID": receipt.customer_id,
        "points": POINTS,
        "invoiceID": "CURRENT_INVOICE_ID",
    }


def balance(receipt: Receipt) -> dict[str, Any]:
    return {"requestName": "getCustomerRewardPoints", "customerID": receipt.customer_id}
