"""saveCampaign and getCampaigns."""

from datetime import UTC, datetime
from typing import Any

import pytest

from calls.test_stored_fields import distinct
from erply_points import schemas
from support.client import Record
from support.shop import Shop

BASE: Record = {"purchaseTotalValue": "50", "percentageOffEntirePurchase": "10"}
"""A requirement and an award."""
POINTS: Record = {"rewardPoints": 100, "sumOffEntirePurchase": "5"}

LINKS = {"storeRegions": "storeRegionIDs", "customerGroups": "customerGroupIDs"}
PRODUCT_LISTS = (
    "purchasedProducts",
    "awardedProducts",
    "excludedProducts",
    "sumOffExcludedProducts",
    "sumOffIncludedProducts",
)
NUMBER_LISTS = ("percentageOffExcludedProducts", "percentageOffIncludedProducts")

REQUIREMENTS = {
    **dict.fromkeys(("purchaseTotalValue", "purchaseTotalValueMax"), "total"),
    **dict.fromkeys(
        (
            *("purchasedAmount", "purchasedProductGroupID", "purchasedProductCategoryID", "purchasedProductGroupIDs"),
            *("purchasedProductCategoryIDs", "purchasedBrandIDs", "purchasedProducts", "priceAtLeast", "priceAtMost"),
        ),
        "products",
    ),
    "rewardPoints": "points",
}
AWARDS = (
    *("percentageOffEntirePurchase", "sumOffEntirePurchase", "specialPrice", "specialUnitPrice"),
    *("percentageOFF", "sumOFF", "percentageOffMatchingItems", "sumOffMatchingItems"),
)


def value(name: str) -> Any:
    """A value of a field that is unlike its default."""
    special = {"startTime": "09:00:00", "endTime": "18:30", "enabled": 0, "type": "manual"}
    schema = schemas.call_request("saveCampaign")
    return special[name] if name in special else distinct(schemas.resolved(schema["properties"][name], schema["$id"]))


async def saved(shop: Shop, **params: Any) -> int:
    campaign_id: int = (await shop.record("saveCampaign", **params))["campaignID"]
    return campaign_id


async def read(shop: Shop, campaign_id: int) -> Record:
    return await shop.record("getCampaigns", campaignID=campaign_id)


async def found(shop: Shop, **params: Any) -> list[int]:
    return [record["campaignID"] for record in await shop.records("getCampaigns", **params)]


async def test_a_campaign_without_particulars(shop: Shop) -> None:
    """A new promotion applies by itself, always and everywhere; each field comes with its default and JSON type."""
    assert await shop.record("saveCampaign", **BASE) == {"campaignID": 1}
    defaults = schemas.call_answer("getCampaigns")["items"]
    record = await read(shop, 1)
    expected = {name: defaults["properties"][name]["default"] for name in defaults["required"]} | {
        "campaignID": 1,
        "enabled": 1,
        "purchaseTotalValue": 50,
        "percentageOffEntirePurchase": 10,
        "added": int(shop.clock.now),
        "lastModified": int(shop.clock.now),
    }
    assert record == expected
    assert (record["startDate"], record["endDate"], record["type"]) == ("0000-00-00", "0000-00-00", "auto")


def came(record: Record, name: str) -> Any:
    """What a record says of a field of the request, as the request would say it."""
    if name in PRODUCT_LISTS:
        return ",".join(str(each["productID"]) for each in record[name])
    if name in NUMBER_LISTS:
        return ",".join(map(str, record[name]))
    return record.get(name)


@pytest.mark.parametrize("name", sorted(schemas.call_request("saveCampaign")["properties"].keys() - {"campaignID"}))
async def test_every_field_comes_back(shop: Shop, name: str) -> None:
    """Whatever is said of a promotion is kept and given back; the schema names the fields, so none is forgotten."""
    params = {**(POINTS if name in {"rewardPoints", "maximumPointsDiscount"} else BASE), name: value(name)}
    if name in REQUIREMENTS:
        params = {"sumOffEntirePurchase": 5, name: value(name)}
    elif name in AWARDS:
        params = {"purchasedAmount": 2, name: value(name)}
    elif name == "requiresManagerOverride":
        params["type"] = "manual"
    campaign_id = await saved(shop, **params)
    assert str(came(await read(shop, campaign_id), name)) == str(value(name))
    shop.clock.advance(10)
    await saved(shop, campaignID=campaign_id, nameENG="Sale", attributeName1="a", attributeValue1="b")
    record = await read(shop, campaign_id)
    assert str(came(record, name)) == str("Sale" if name == "name" else value(name))
    assert (record["nameENG"], record["attributes"][0]["attributeValue"]) == ("Sale", "b")
    assert record["lastModified"] == record["added"] + 10


async def test_lists(shop: Shop) -> None:
    """Lists of IDs come back as Erply's arrays, products with what the supplier pays for each."""
    lists = dict.fromkeys((*PRODUCT_LISTS, *NUMBER_LISTS, *LINKS.values()), " 7, 9")
    campaign = {"purchasedProducts": "38, 39,40", "awardedProducts": "38,39", "sumOFF": 1}
    subsidies = {"purchasedProductSubsidies": "0.5, x,2", "awardedProductSubsidies": "1"}
    record = await read(shop, await saved(shop, **{**lists, **campaign, **subsidies}))
    assert record["purchasedProducts"] == [
        {"productID": 38, "subsidy": 0.5},
        {"productID": 39},
        {"productID": 40, "subsidy": 2},
    ]
    assert record["awardedProducts"] == [{"productID": 38, "subsidy": 1}, {"productID": 39}]
    for name in PRODUCT_LISTS[2:]:
        assert record[name] == [{"productID": 7}, {"productID": 9}]
    for name in NUMBER_LISTS:
        assert record[name] == [7, 9]
    for name, sent in LINKS.items():
        assert record[name] == [{"id": 7}, {"id": 9}]
        assert record[sent] == " 7, 9"
    await saved(shop, campaignID=1, excludedProducts="", storeRegionIDs="", purchasedProductSubsidies="1,2,3,4,5")
    record = await read(shop, 1)
    assert (record["excludedProducts"], record["storeRegions"], record["storeRegionIDs"]) == ([], [], "")
    assert [each["subsidy"] for each in record["purchasedProducts"]] == [1, 2, 3]


async def test_names_can_be_cleared(shop: Shop) -> None:
    """A promotion may have no name, and take one in any language."""
    await saved(shop, name="Summer", **BASE)
    await saved(shop, campaignID=1, name="")
    assert (await read(shop, 1))["name"] == ""
    await saved(shop, campaignID=1, nameEST="Suvi")
    assert (await read(shop, 1))["name"] == "Suvi"


@pytest.mark.parametrize("name", REQUIREMENTS)
async def test_each_requirement_will_do(shop: Shop, name: str) -> None:
    """Each requirement alone is enough, one of another kind is too many, and 0 or nothing is none."""
    await saved(shop, **{name: value(name), "sumOffEntirePurchase": 1})
    for other, kind in REQUIREMENTS.items():
        both = {"sumOffEntirePurchase": 1, name: value(name), other: value(other)}
        if kind == REQUIREMENTS[name]:
            await saved(shop, **both)
        else:
            assert await shop.error("saveCampaign", **both) == (1046, other)
    for nothing in (0, "0") if isinstance(value(name), int) else ("", "0"):
        assert await shop.error("saveCampaign", **{name: nothing, "sumOffEntirePurchase": 1}) == (1047, None)


@pytest.mark.parametrize("name", AWARDS)
async def test_each_award_will_do(shop: Shop, name: str) -> None:
    """Each award alone is enough, two are too many, and 0 is none."""
    await saved(shop, purchasedAmount=1, **{name: value(name)})
    await saved(shop, purchasedAmount=1, discountForOneLine=1, **{name: value(name)})
    for other in AWARDS:
        if other != name:
            both = {"purchasedAmount": 1, name: value(name), other: value(other)}
            assert await shop.error("saveCampaign", **both) == (1048, other)
    for nothing in (0, "0.00", ""):
        assert await shop.error("saveCampaign", purchasedAmount=1, **{name: nothing}) == (1049, None)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({}, (1047, None)),
        ({"name": "x"}, (1047, None)),
        ({"percentageOffEntirePurchase": 10}, (1047, None)),
        ({"purchaseTotalValue": 10}, (1049, None)),
        ({"purchasedAmount": 1, "awardedProducts": "38", "lowestPriceItemIsAwarded": 1}, (1049, None)),
        ({"purchasedAmount": 1, "discountForOneLine": 5}, None),
        ({"campaignID": 99, **BASE}, (1011, "campaignID")),
        ({"campaignID": 99}, (1011, "campaignID")),
        ({**BASE, "warehouseID": 1, "storeGroup": "N"}, (1110, "storeGroup")),
        ({**BASE, "storeGroup": "N", "warehouseID": 1}, (1110, "warehouseID")),
        ({**BASE, "storeGroup": "0", "storeRegionIDs": "1"}, (1110, "storeRegionIDs")),
        ({**BASE, "storeGroup": " ", "storeRegionIDs": "", "warehouseID": 1}, None),
        ({**BASE, "warehouseIDs": "1,2", "warehouseID": 1}, None),
        ({**BASE, "requiresManagerOverride": 1}, (1076, "requiresManagerOverride")),
        ({**BASE, "requiresManagerOverride": 1, "type": "coupon"}, (1076, "requiresManagerOverride")),
        ({**BASE, "requiresManagerOverride": 1, "type": "manual"}, None),
        ({**BASE, "requiresManagerOverride": 0}, None),
        ({**BASE, "maximumPointsDiscount": 50}, (1118, "maximumPointsDiscount")),
        ({**BASE, "maximumPointsDiscount": "0.0"}, None),
        ({"rewardPoints": 5, "sumOFF": 5, "maximumPointsDiscount": 50}, (1118, "maximumPointsDiscount")),
        (
            {"purchasedAmount": 5, "sumOffEntirePurchase": 5, "maximumPointsDiscount": 50},
            (1118, "maximumPointsDiscount"),
        ),
        ({**POINTS, "maximumPointsDiscount": "50"}, None),
        ({**POINTS, "redemptionLimit": 1}, (1144, "redemptionLimit")),
        ({**POINTS, "redemptionLimit": 0}, None),
        ({**BASE, "redemptionLimit": 1}, None),
        ({**BASE, "type": "automatic"}, (1016, "type")),
        ({**BASE, "enabled": 2}, (1016, "enabled")),
        ({**BASE, "startDate": "2026-02-30"}, (1014, "startDate")),
        ({**BASE, "endDate": "tomorrow"}, (1014, "endDate")),
        ({**BASE, "startTime": "25:00"}, (1014, "startTime")),
        ({**BASE, "excludedProducts": "1;2"}, (1029, "excludedProducts")),
        ({**BASE, "storeRegionIDs": "north"}, (1029, "storeRegionIDs")),
        ({"rewardPoints": -1, "sumOffEntirePurchase": 1}, (1016, "rewardPoints")),
        ({**BASE, "percentageOffEntirePurchase": -5}, (1014, "percentageOffEntirePurchase")),
        ({"purchaseTotalValue": "x"}, (1014, "purchaseTotalValue")),
        ({**BASE, "attributeValue1": "x"}, (1013, "attributeName1")),
    ],
)
async def test_rules(shop: Shop, sent: dict[str, Any], error: tuple[int, str | None] | None) -> None:
    """A promotion that breaks a rule is refused with its code and field, and nothing is kept of it."""
    if error is None:
        await saved(shop, **sent)
    else:
        assert await shop.error("saveCampaign", **sent) == error
    assert len(await found(shop)) == (error is None)


async def test_rules_of_an_edit(shop: Shop) -> None:
    """An edit is held to the rules together with what it leaves as it was."""
    campaign_id = await saved(shop, warehouseID=1, type="manual", requiresManagerOverride=1, **POINTS)
    before = await read(shop, campaign_id)
    for change, error in (
        ({"purchasedAmount": 1}, (1046, "purchasedAmount")),
        ({"rewardPoints": 0}, (1047, None)),
        ({"sumOFF": 1}, (1048, "sumOFF")),
        ({"sumOffEntirePurchase": "0"}, (1049, None)),
        ({"storeGroup": "N"}, (1110, "storeGroup")),
        ({"type": "auto"}, (1076, "requiresManagerOverride")),
        ({"redemptionLimit": 2}, (1144, "redemptionLimit")),
    ):
        assert await shop.error("saveCampaign", campaignID=campaign_id, **change) == error
        assert await read(shop, campaign_id) == before
    await saved(shop, campaignID=campaign_id, warehouseID=0, storeGroup="N", maximumPointsDiscount=50)
    assert await shop.error("saveCampaign", campaignID=campaign_id, sumOffEntirePurchase=0, sumOFF=1) == (
        1118,
        "maximumPointsDiscount",
    )
    await saved(shop, campaignID=campaign_id, maximumPointsDiscount=0, rewardPoints=0, purchaseTotalValue=9)
    assert (await read(shop, campaign_id))["purchaseTotalValue"] == 9


@pytest.mark.parametrize(
    ("sent", "repeats"),
    [
        ({}, 0),
        ({"type": "coupon"}, 0),
        ({"type": "manual"}, 1),
        ({"type": "manual", "redemptionLimit": 3}, 1),
        ({"type": "manual", "redemptionLimit": 1}, 0),
        ({"type": "manual", "customerCanUseOnlyOnce": 1}, 0),
    ],
)
async def test_manual_promotions_that_repeat(shop: Shop, sent: dict[str, Any], repeats: int) -> None:
    """A cashier can choose a manual promotion again for the same sale, unless it is limited to once."""
    assert (await read(shop, await saved(shop, **BASE, **sent)))["canBeAppliedManuallyMultipleTimes"] == repeats


async def test_the_coupon_of_a_promotion(shop: Shop) -> None:
    """A promotion names the first coupon rule that gives it."""
    first, second = await saved(shop, **BASE, type="coupon"), await saved(shop, **BASE)
    coupon = (await shop.record("saveCoupon", name="c", code="C-1", campaignID=first))["couponID"]
    await shop.record("saveCoupon", name="d", code="C-2", campaignID=first)
    record = await read(shop, first)
    assert (record["requiredCouponID"], record["requiredCouponCode"]) == (coupon, "C-1")
    record = await read(shop, second)
    assert (record["requiredCouponID"], record["requiredCouponCode"]) == (0, "")


async def test_filters(shop: Shop) -> None:
    """Each filter finds the promotions that fit, and all filters must hold together."""
    await saved(shop, **BASE, warehouseID=12)
    shop.clock.advance(10)
    await saved(shop, **BASE, type="manual", warehouseIDs="1, 2,3", customerGroupIDs="4")
    await saved(shop, **BASE, type="coupon", storeRegionIDs="5, 16", customerGroupIDs="14 , 7")
    await saved(shop, **BASE, attributeName1="a", attributeValue1="b", storeRegionIDs="6")
    for params, expected in (
        ({}, [1, 2, 3, 4]),
        ({"campaignID": 2}, [2]),
        ({"campaignID": 99}, []),
        ({"type": "auto"}, [1, 4]),
        ({"type": "coupon"}, [3]),
        ({"warehouseID": 12}, [1]),
        ({"warehouseID": 2}, [2]),
        ({"warehouseID": 4}, []),
        ({"storeRegionIDs": "5"}, [3]),
        ({"storeRegionIDs": "6, 5"}, [3, 4]),
        ({"storeRegionIDs": "1"}, []),
        ({"storeRegionIDs": ""}, [1, 2, 3, 4]),
        ({"customerGroupIDs": "4"}, [2]),
        ({"customerGroupIDs": "7,99"}, [3]),
        ({"searchAttributeName": "a", "searchAttributeValue": "b"}, [4]),
        ({"changedSince": int(shop.clock.now)}, [2, 3, 4]),
        ({"type": "coupon", "customerGroupIDs": "4"}, []),
    ):
        assert await found(shop, **params) == expected, params


async def test_active_today(shop: Shop) -> None:
    """Promotions are active on their days, the first and the last among them, by the date of the shop."""
    await shop.set(timezone="Europe/Tallinn")
    shop.clock.now = datetime(2026, 6, 30, 20, 30, tzinfo=UTC).timestamp()
    await shop.log_in()
    for days in (
        {},
        {"startDate": "2026-06-30"},
        {"startDate": "2026-07-01"},
        {"endDate": "2026-06-30"},
        {"endDate": "2026-06-29"},
        {"startDate": "0000-00-00", "endDate": "0000-00-00"},
        {"startDate": "2026-06-01", "endDate": "2026-07-31"},
        {"startDate": "2026-06-01", "endDate": "2026-07-31", "enabled": 0},
    ):
        await saved(shop, **BASE, **days)
    assert await found(shop, activeToday=1) == [1, 2, 4, 6, 7]
    assert len(await found(shop, activeToday=0)) == 8
    shop.clock.now = datetime(2026, 6, 30, 21, tzinfo=UTC).timestamp()  # Midnight in Tallinn.
    assert await found(shop, activeToday=1) == [1, 2, 3, 6, 7]
    await saved(shop, campaignID=8, enabled=1, endDate="")
    assert await found(shop, activeToday=1) == [1, 2, 3, 6, 7, 8]


async def test_pages(shop: Shop) -> None:
    """Promotions come in pages of 20 by default, and 100 at most."""
    await shop.codes([{"requestName": "saveCampaign", **BASE}] * 100)
    await saved(shop, **BASE)
    assert len(await found(shop)) == 20
    assert len(await found(shop, recordsOnPage=500)) == 100
    assert await found(shop, recordsOnPage=100, pageNo=2) == [101]
    assert (await shop.call("getCampaigns"))["status"]["recordsTotal"] == 101
