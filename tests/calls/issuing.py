"""Coupons to try: rules, and what is issued of them."""

from typing import Any

from support.shop import Shop

NOW = 1_767_225_600
"""2026-01-01 00:00:00 UTC, two in the morning in Tallinn."""

DAY = 86_400
RENAMED = {
    "warehouseID": "issuedWarehouseID",
    "employeeID": "issuedEmployeeID",
    "timestamp": "issuedTimestamp",
}


async def rule(shop: Shop, cost: int = 0, **params: Any) -> int:
    """A coupon rule that costs so many points."""
    coupon = {"requestName": "saveCoupon", "printingCostInRewardPoints": cost, **params}
    (answer,) = await shop.answers([coupon])
    coupon_id: int = answer["records"][0]["couponID"]
    return coupon_id


async def issue(shop: Shop, **params: Any) -> dict[str, Any]:
    return await shop.record("saveIssuedCoupon", **{"couponID": 1, "pointOfSaleID": 2, **params})


async def read(shop: Shop, issued_id: int = 0) -> dict[str, Any]:
    records = await shop.records("getIssuedCoupons", recordsOnPage=100)
    return next(each for each in records if each["issuedCouponID"] == issued_id or not issued_id)
