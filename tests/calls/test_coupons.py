"""Coupon rules, the blueprints of issued coupons."""

from typing import Any

import pytest

from bulk.sending import post_call
from bulk.test_order_of_checks import walk
from calls.test_stored_fields import stored
from erply_points import schemas
from support.shop import Shop

NOW = 1_767_225_600


async def save(shop: Shop, **params: Any) -> int:
    (answer,) = await shop.answers([{"requestName": "saveCoupon", **params}])
    assert answer["status"]["errorCode"] == 0, answer["status"]
    (saved,) = answer["records"]
    assert list(saved) == ["couponID"]
    assert type(saved["couponID"]) is int
    coupon_id: int = saved["couponID"]
    return coupon_id


async def read(shop: Shop, coupon_id: int) -> dict[str, Any]:
    return await shop.record("getCoupons", couponID=coupon_id)


async def test_a_new_rule(shop: Shop) -> None:
    """A rule of which nothing was said costs nothing and has no limits; IDs of others are text, as Go expects."""
    assert await read(shop, await save(shop, name="Free coffee")) == {
        "couponID": 1,
        "campaignID": "0",
        "warehouseID": "0",
        "issuedFromDate": "0000-00-00",
        "issuedUntilDate": "0000-00-00",
        "name": "Free coffee",
        "code": "",
        "description": "",
        "printedAutomaticallyInPOS": 0,
        "promptCashier": 0,
        "threshold": "0",
        "measure": "",
        "thresholdType": "",
        "treshold": 0,
        "tresholdType": "",
        "printingCostInRewardPoints": 0,
        "added": NOW,
        "lastModified": NOW,
    }


@pytest.mark.parametrize("left_out", ["warehouseID", "storeGroup"])
async def test_every_stored_field_comes_back(shop: Shop, left_out: str) -> None:
    """A rule comes back with every stored field and its cost, and an edit keeps what it does not name."""
    sent = stored("saveCoupon")
    del sent[left_out]
    assert len(sent) >= 12
    coupon = await save(shop, printingCostInRewardPoints=100, **sent)
    record = await read(shop, coupon)
    assert {name: str(record[name]) for name in sent} == {name: str(value) for name, value in sent.items()}
    assert record["printingCostInRewardPoints"] == 100
    shop.clock.advance(5)
    await save(shop, couponID=coupon, name="changed")
    assert await read(shop, coupon) == {**record, "name": "changed", "lastModified": NOW + 5}
    await save(shop, couponID=coupon, printingCostInRewardPoints=0, issuedFromDate="", description="")
    cleared = {"name": "changed", "printingCostInRewardPoints": 0, "issuedFromDate": "0000-00-00", "description": ""}
    assert await read(shop, coupon) == {**record, **cleared, "lastModified": NOW + 5}


async def test_the_misspelled_doubles(shop: Shop) -> None:
    """The threshold comes as text and, without decimals, under its old misspelled name; so does its type."""
    for sent, text, whole in (("10.5", "10.5", 10), (10.99, "10.99", 10), ("0.90", "0.9", 0), (1e-7, "0.0000001", 0)):
        coupon = {"threshold": sent, "measure": "points", "thresholdType": "this_sale"}
        assert await post_call(shop, "saveCoupon", **coupon) == (0, None)
        record = (await shop.records("getCoupons"))[-1]
        assert (record["threshold"], record["treshold"]) == (text, whole)
        assert (record["measure"], record["thresholdType"], record["tresholdType"]) == (
            "points",
            "this_sale",
            "this_sale",
        )


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"printingCostInRewardPoints": -1}, (1016, "printingCostInRewardPoints")),
        ({"printingCostInRewardPoints": 1.5}, (1014, "printingCostInRewardPoints")),
        ({"printingCostInRewardPoints": 10**9 + 1}, (1016, "printingCostInRewardPoints")),
        ({"threshold": -1}, (1016, "threshold")),
        ({"measure": "euros"}, (1016, "measure")),
        ({"thresholdType": "x"}, (1016, "thresholdType")),
        ({"issuedFromDate": "2026-02-30"}, (1014, "issuedFromDate")),
        ({"issuedUntilDate": "soon"}, (1014, "issuedUntilDate")),
        ({"warehouseID": 1, "storeGroup": "North"}, (1013, "storeGroup")),
        ({"couponID": 9}, (1011, "couponID")),
    ],
)
async def test_what_a_rule_may_be(shop: Shop, params: dict[str, Any], expected: tuple[int, str]) -> None:
    """What a rule cannot be is refused by name, and nothing is kept."""
    assert await post_call(shop, "saveCoupon", **params) == expected
    assert await shop.records("getCoupons") == []


async def test_one_store_or_one_group(shop: Shop) -> None:
    """A rule with a store gets a group only when the store is taken away."""
    coupon = await save(shop, warehouseID=1)
    assert await shop.error("saveCoupon", couponID=coupon, storeGroup="North") == (1013, "storeGroup")
    await save(shop, couponID=coupon, storeGroup="North", warehouseID=0)
    record = await read(shop, coupon)
    assert (record["warehouseID"], record["storeGroup"]) == ("0", "North")


async def test_order_of_checks(shop: Shop) -> None:
    """Format, value, references, contradictions."""
    await save(shop)
    wrong = {"couponID": 9, "issuedFromDate": "2026-02-30", "measure": "x", "warehouseID": 1, "storeGroup": "N"}
    await walk(
        shop,
        "saveCoupon",
        [
            (wrong, (1014, "issuedFromDate")),
            ({"issuedFromDate": ""}, (1016, "measure")),
            ({"measure": "points"}, (1011, "couponID")),
            ({"couponID": 1}, (1013, "storeGroup")),
            ({"storeGroup": ""}, (0, None)),
        ],
    )


async def test_deleting(shop: Shop) -> None:
    """A rule can be deleted while nothing was issued of it, in the same bulk too; its number is not used again."""
    coupon = await save(shop)
    assert await shop.error("deleteCoupon") == (1010, "couponID")
    assert await shop.error("deleteCoupon", couponID=9) == (1011, "couponID")
    assert await shop.error("deleteCoupon", couponID=0) == (1016, "couponID")
    assert await shop.records("deleteCoupon", couponID=coupon) == []
    assert await shop.error("deleteCoupon", couponID=coupon) == (1011, "couponID")
    assert await shop.records("getCoupons") == []
    assert await save(shop) == 2
    issue = {"requestName": "saveIssuedCoupon", "couponID": 2, "pointOfSaleID": 1}
    delete = {"requestName": "deleteCoupon", "couponID": 2}
    assert await shop.codes([issue, delete]) == [0, 1022]
    assert await shop.error("deleteCoupon", couponID=2) == (1022, "couponID")
    assert await save(shop) == 3
    answers = await shop.codes([{**delete, "couponID": 3}, {**issue, "couponID": 3}])
    assert answers == [0, 1011]
    assert await shop.check() == []


FILTERS: dict[str, list[tuple[Any, list[int]]]] = {
    "couponID": [(2, [2]), (9, []), (0, [1, 2, 3])],
    "couponIDs": [("3, 1", [1, 3]), ("9", []), ("", [1, 2, 3])],
    "changedSince": [(NOW + 20, [1, 3]), (NOW + 31, []), (0, [1, 2, 3])],
    "recordsOnPage": [(2, [1, 2]), (0, [1, 2, 3])],
    "pageNo": [(0, [1, 2, 3]), (2, [])],
}


async def test_every_filter(shop: Shop) -> None:
    """Each filter that the schema names finds exactly the rules that fit."""
    for _ in range(3):
        await save(shop)
        shop.clock.advance(10)
    await save(shop, couponID=1, name="later")
    assert {*schemas.call_request("getCoupons")["properties"]} == {*FILTERS}
    wrong = []
    for name, cases in FILTERS.items():
        for value, expected in cases:
            numbers = [record["couponID"] for record in await shop.records("getCoupons", **{name: value})]
            if numbers != expected:
                wrong.append((name, value, numbers, expected))
    assert wrong == []


async def test_paging(shop: Shop) -> None:
    """20 on a page by default, 100 at most, and the total is exact."""
    for _ in range(2):
        await shop.answers([{"requestName": "saveCoupon", "name": "n"}] * 60)
    answer = await shop.call("getCoupons")
    assert (answer["status"]["recordsTotal"], answer["status"]["recordsInResponse"]) == (120, 20)
    second = await shop.records("getCoupons", recordsOnPage=500, pageNo=2)
    assert [record["couponID"] for record in second] == list(range(101, 121))
