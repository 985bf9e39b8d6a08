"""Sales to pay for, and their payments."""

from typing import Any

from support.shop import Shop

NOW = 1_767_225_600
"""2026-01-01 00:00:00 UTC, two in the morning in Tallinn."""

TYPES = ["CASH", "TRANSFER", "CARD", "CREDIT", "GIFTCARD", "CHECK", "TIP"]


async def sale(shop: Shop, **params: Any) -> int:
    """A sale of 12.00 with tax."""
    saved = await shop.record("saveSalesDocument", **{"type": "CASHINVOICE", "amount1": 1, "price1": 10, **params})
    return int(saved["invoiceID"])


async def pay(shop: Shop, **params: Any) -> int:
    saved = await shop.record("savePayment", **params)
    assert list(saved) == ["paymentID"]
    assert type(saved["paymentID"]) is int
    payment_id: int = saved["paymentID"]
    return payment_id


async def read(shop: Shop, payment_id: int) -> dict[str, Any]:
    return await shop.record("getPayments", paymentID=payment_id)


async def paid(shop: Shop, document_id: int) -> tuple[str, str]:
    record = await shop.record("getSalesDocuments", id=document_id)
    return record["paid"], record["paymentStatus"]
