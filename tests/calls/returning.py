"""Sales and credit invoices as tests send them, in a ledger that is proved after every step."""

from collections.abc import Mapping
from typing import Any

from support.client import Record
from support.shop import Shop

THREE_AT_20: Record = {"productID1": 1, "amount1": 3, "price1": 20}
DAY = 86_400


async def proved(shop: Shop, customer_id: int) -> int:
    """The customer's balance, in a ledger that adds up."""
    assert await shop.check() == []
    return await shop.balance(customer_id)


async def sell(shop: Shop, customer_id: int, rows: Mapping[str, Any] | None = None, **header: Any) -> int:
    given = {"customerID": customer_id, **(THREE_AT_20 if rows is None else rows), **header}
    return int((await shop.record("saveSalesDocument", **given))["invoiceID"])


def crediting(document_id: int, rows: Mapping[str, Any]) -> Record:
    return {"type": "CREDITINVOICE", "creditToDocumentID": document_id, **rows}


async def credit(shop: Shop, document_id: int, **rows: Any) -> int:
    return int((await shop.record("saveSalesDocument", **crediting(document_id, rows)))["invoiceID"])


async def refused(shop: Shop, document_id: int, **rows: Any) -> tuple[int, str | None]:
    """How a credit invoice is refused; it changes no balance, no history and no document."""
    before = await everything(shop)
    found = await shop.error("saveSalesDocument", **crediting(document_id, rows))
    assert await everything(shop) == before
    assert await shop.check() == []
    return found


async def everything(shop: Shop) -> list[Any]:
    listings = ("getSalesDocuments", "getEarnedRewardPointRecords", "getUsedRewardPointRecords")
    return [await shop.records(name) for name in listings]


async def spend(shop: Shop, customer_id: int, points: int, **params: Any) -> int:
    record = await shop.record("subtractCustomerRewardPoints", customerID=customer_id, points=points, **params)
    transaction_id: int = record["transactionID"]
    return transaction_id


async def add(shop: Shop, customer_id: int, points: int, days: int = 0) -> int:
    """Points that expire in some days, or never; the transaction."""
    expiry = {"expiryUnixTime": int(shop.clock()) + days * DAY} if days else {}
    record = await shop.record("addCustomerRewardPoints", customerID=customer_id, points=points, **expiry)
    transaction_id: int = record["transactionID"]
    return transaction_id


async def later(shop: Shop, days: int) -> None:
    shop.clock.advance(days * DAY)
    await shop.log_in()
