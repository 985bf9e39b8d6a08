"""Issued coupons in use: verified, redeemed, until when, and in bulks with an invoice."""

from typing import Any

import pytest

from bulk.test_current_invoice import BAD_SALE, SALE, Setting, both, found
from bulk.test_order_of_checks import walk
from calls.issuing import DAY, NOW, issue, rule
from calls.test_stored_fields import stored
from support.shop import Shop


async def test_verifying_and_redeeming(shop: Shop) -> None:
    """A coupon can be verified as often as one likes and redeemed once; what took it is kept."""
    await rule(shop)
    customer = await shop.customer()
    await shop.answers([SALE])
    identifier = (await issue(shop, expiryDate="2026-01-31"))["uniqueIdentifier"]
    coupon = {"issuedCouponID": 1, "couponID": 1, "uniqueIdentifier": identifier}
    for _ in range(2):
        verified = await shop.record("verifyIssuedCoupon", uniqueIdentifier=identifier)
        assert verified == {**coupon, "campaignName": "", "expiryDate": "2026-01-31"}
    sent = stored("redeemIssuedCoupon") | {"customerID": customer}
    shop.clock.advance(60)
    redeemed = await shop.record("redeemIssuedCoupon", uniqueIdentifier=identifier, invoiceID=1, **sent)
    assert redeemed == coupon
    record = await shop.record("getIssuedCoupons")
    came = {name: record[f"redeemed{name[0].upper()}{name[1:]}"] for name in sent}
    assert came == sent
    assert len(sent) == 5
    assert (record["redeemedInvoiceID"], record["status"], record["lastModified"]) == (1, "REDEEMED", NOW + 60)
    for call in ("verifyIssuedCoupon", "redeemIssuedCoupon"):
        assert await shop.error(call, uniqueIdentifier=identifier) == (1041, None)
        assert await shop.error(call, uniqueIdentifier="1") == (1040, None)
        assert await shop.error(call, uniqueIdentifier="0" + identifier) == (1040, None)
    assert await shop.record("getIssuedCoupons") == record


async def test_when_a_coupon_was_redeemed(shop: Shop) -> None:
    """Without a `timestamp` a coupon was redeemed now; twice in one bulk is once."""
    await rule(shop)
    identifier = (await issue(shop))["uniqueIdentifier"]
    redeem = {"requestName": "redeemIssuedCoupon", "uniqueIdentifier": identifier}
    shop.clock.advance(5)
    assert await shop.codes([redeem, redeem, {**redeem, "requestName": "verifyIssuedCoupon"}]) == [0, 1041, 1041]
    assert (await shop.record("getIssuedCoupons"))["redeemedTimestamp"] == NOW + 5


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("Europe/Tallinn", NOW + DAY - 7_200),
        ("UTC", NOW + DAY),
        ("America/New_York", NOW + DAY + 5 * 3_600),
        ("Pacific/Kiritimati", NOW + DAY - 14 * 3_600),
    ],
)
async def test_the_last_day(shop: Shop, zone: str, midnight: int) -> None:
    """A coupon can be used until midnight after its last day, by the clock of the shop; the filter says the same."""
    await shop.set(timezone=zone)
    await rule(shop)
    identifier = (await issue(shop, expiryDate="2026-01-01"))["uniqueIdentifier"]
    other = (await issue(shop, expiryDate="2026-01-01"))["uniqueIdentifier"]
    await issue(shop)
    shop.clock.now = midnight - 1
    await shop.log_in()

    async def states() -> list[list[int]]:
        return [
            [each["issuedCouponID"] for each in await shop.records("getIssuedCoupons", status=status)]
            for status in ("ACTIVE", "REDEEMED", "EXPIRED")
        ]

    async def told() -> list[str]:
        return [each["status"] for each in await shop.records("getIssuedCoupons")]

    await shop.record("verifyIssuedCoupon", uniqueIdentifier=identifier)
    await shop.record("redeemIssuedCoupon", uniqueIdentifier=other)
    assert await states() == [[1, 3], [2], []]
    assert await told() == ["ACTIVE", "REDEEMED", "ACTIVE"]
    shop.clock.advance(1)
    for call in ("verifyIssuedCoupon", "redeemIssuedCoupon"):
        assert await shop.error(call, uniqueIdentifier=identifier) == (1045, None)
        assert await shop.error(call, uniqueIdentifier=other) == (1041, None)
    # The time that a redemption states does not bring the day back.
    late = {"uniqueIdentifier": identifier, "timestamp": midnight - 100}
    assert await shop.error("redeemIssuedCoupon", **late) == (1045, None)
    assert await states() == [[3], [2], [1]]
    assert await told() == ["EXPIRED", "REDEEMED", "ACTIVE"]
    await shop.record("saveIssuedCoupon", issuedCouponID=1, expiryDate="2026-01-05")
    await shop.record("redeemIssuedCoupon", uniqueIdentifier=identifier)
    assert await states() == [[3], [1, 2], []]


@both
@pytest.mark.parametrize("field", ["invoiceID", "issuedInvoiceID"])
async def test_the_current_invoice_of_an_issue(shop: Shop, setting: Setting, field: str) -> None:
    """CURRENT_INVOICE_ID is the sale before it; after a failed one the coupon has none, or is refused at no cost."""
    await shop.set(failed_invoice=setting)
    await rule(shop, 10)
    customer = await shop.customer(points=30)
    coupon = {"requestName": "saveIssuedCoupon", "couponID": 1, "pointOfSaleID": 2, "customerID": customer}
    coupon[field] = "CURRENT_INVOICE_ID"
    answers = await found(shop, [coupon, SALE, coupon, BAD_SALE, coupon])
    executed = setting == "execute"
    last = (0, None) if executed else (1157, field)
    assert answers == [(1016, field), (0, None), (0, None), (1014, "price1"), last]
    documents = [1, 0] if executed else [1]
    assert [each["issuedInvoiceID"] for each in await shop.records("getIssuedCoupons")] == documents
    assert [each["invoiceID"] for each in await shop.records("getUsedRewardPointRecords")] == documents
    assert await shop.balance(customer) == (10 if executed else 20)
    assert await shop.check() == []


async def test_the_current_invoice_under_both_names(shop: Shop) -> None:
    """The placeholder under both names is one sale."""
    await rule(shop)
    both_names = dict.fromkeys(("invoiceID", "issuedInvoiceID"), "CURRENT_INVOICE_ID")
    coupon = {"requestName": "saveIssuedCoupon", "couponID": 1, "pointOfSaleID": 2, **both_names}
    assert await found(shop, [SALE, coupon]) == [(0, None)] * 2
    assert (await shop.record("getIssuedCoupons"))["issuedInvoiceID"] == 1


@both
async def test_the_current_invoice_of_a_redemption(shop: Shop, setting: Setting) -> None:
    """A coupon is redeemed on the sale before it; after a failed one without a sale, or not at all."""
    await shop.set(failed_invoice=setting)
    await rule(shop)
    redeem = {"requestName": "redeemIssuedCoupon", "invoiceID": "CURRENT_INVOICE_ID"}
    first, second = [{**redeem, "uniqueIdentifier": (await issue(shop))["uniqueIdentifier"]} for _ in range(2)]
    answers = await found(shop, [first, SALE, first, BAD_SALE, second])
    executed = setting == "execute"
    last = (0, None) if executed else (1157, "invoiceID")
    assert answers == [(1016, "invoiceID"), (0, None), (0, None), (1014, "price1"), last]
    records = await shop.records("getIssuedCoupons")
    assert [each["redeemedInvoiceID"] for each in records] == [1, 0]
    assert [each["status"] for each in records] == ["REDEEMED", "REDEEMED" if executed else "ACTIVE"]


async def test_a_retried_bulk_issues_and_redeems_once(shop: Shop) -> None:
    """A bulk of sale, coupon and redemption that is sent again charges nothing more, the first answer given or not."""
    await rule(shop, 10)
    customer = await shop.customer(points=100)
    await issue(shop, customerID=customer, uniqueIdentifier="77")
    reference = {"invoiceID": "CURRENT_INVOICE_ID"}
    coupon: dict[str, Any] = {"couponID": 1, "pointOfSaleID": 2, "customerID": customer, **reference}
    bulk: list[dict[str, Any]] = [
        {**SALE, "temporaryUUID": "x"},
        {"requestName": "saveIssuedCoupon", **coupon},
        {"requestName": "redeemIssuedCoupon", "uniqueIdentifier": "77", **reference},
    ]
    assert await found(shop, bulk) == [(0, None)] * 3
    assert await found(shop, bulk) == [(0, None)] * 3
    await shop.set(retry="erply")
    assert await found(shop, bulk) == [(1206, "temporaryUUID"), (1158, "invoiceID"), (1158, "invoiceID")]
    assert await shop.balance(customer) == 80
    assert len(await shop.records("getIssuedCoupons")) == 2
    assert await shop.check() == []


async def test_order_of_checks_of_an_issue(shop: Shop) -> None:
    """Required, format, value, references, contradictions, then identifier, customer and points."""
    await rule(shop, 10)
    poor, disabled = await shop.customer(), await shop.customer(rewardPointsDisabled=1)
    await issue(shop, uniqueIdentifier="5", doNotSubtractRewardPoints=1)
    wrong = {"invoiceID": 99, "customerID": 98, "warehouseID": 1, "issuedWarehouseID": 2, "expiryDate": "2026-02-30"}
    await walk(
        shop,
        "saveIssuedCoupon",
        [
            ({**wrong, "doNotSubtractRewardPoints": 5, "employeeID": "x"}, (1010, "couponID")),
            ({"couponID": 97}, (1010, "pointOfSaleID")),
            ({"uniqueIdentifier": "5"}, (1014, "employeeID")),
            ({"employeeID": 1}, (1014, "expiryDate")),
            ({"expiryDate": ""}, (1016, "doNotSubtractRewardPoints")),
            ({"doNotSubtractRewardPoints": 0}, (1011, "couponID")),
            ({"couponID": 1}, (1011, "invoiceID")),
            ({"invoiceID": 0}, (1011, "customerID")),
            ({"customerID": disabled}, (1013, "issuedWarehouseID")),
            ({"issuedWarehouseID": 1}, (1012, "uniqueIdentifier")),
            ({"uniqueIdentifier": "6", "customerID": 0}, (1010, "customerID")),
            ({"customerID": disabled}, (1072, None)),
            ({"customerID": poor}, (1042, None)),
            ({"doNotSubtractRewardPoints": 1}, (0, None)),
            ({"issuedCouponID": 9}, (1011, "issuedCouponID")),
        ],
    )
    assert await shop.check() == []


async def test_order_of_checks_of_a_redemption(shop: Shop) -> None:
    """Required, format, whether the coupon and its invoice are there, then what state the coupon is in."""
    await rule(shop)
    await issue(shop, uniqueIdentifier="5", expiryDate="2025-12-31")
    await issue(shop, uniqueIdentifier="6")
    await walk(
        shop,
        "redeemIssuedCoupon",
        [
            ({"invoiceID": "x", "warehouseID": -1}, (1010, "uniqueIdentifier")),
            ({"uniqueIdentifier": "five"}, (1014, "uniqueIdentifier")),
            ({"uniqueIdentifier": "4"}, (1014, "invoiceID")),
            ({"invoiceID": 99}, (1016, "warehouseID")),
            ({"warehouseID": 1}, (1040, None)),
            ({"uniqueIdentifier": "5"}, (1011, "invoiceID")),
            ({"invoiceID": 0}, (1045, None)),
            ({"uniqueIdentifier": "6"}, (0, None)),
            ({"uniqueIdentifier": "6"}, (1041, None)),
        ],
    )


async def test_impossible_days(shop: Shop) -> None:
    """A last day that the calendar lacks is 1014, and an issue at no till without an identifier is 1010."""
    await rule(shop)
    params = {"couponID": 1, "pointOfSaleID": 1}
    for day in ("2026-02-29", "2026-13-01", "tomorrow", "0000-01-01"):
        assert await shop.error("saveIssuedCoupon", **params, expiryDate=day) == (1014, "expiryDate")
    for day in ("", "0000-00-00"):
        await issue(shop, expiryDate=day)
    assert [each["expiryDate"] for each in await shop.records("getIssuedCoupons", status="ACTIVE")] == [
        "0000-00-00"
    ] * 2
    assert await shop.error("saveIssuedCoupon", couponID=1) == (1010, "pointOfSaleID")
    assert await shop.error("saveIssuedCoupon", couponID=0, pointOfSaleID=1) == (1010, "couponID")
