"""Issued coupons: what they cost, what they are called, and until when they can be used."""

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.sending import outcome
from bulk.test_current_invoice import BAD_SALE, SALE, Setting, both, found
from bulk.test_order_of_checks import walk
from calls.test_stored_fields import stored
from erply_points import schemas
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


async def test_the_record_of_an_issue(shop: Shop) -> None:
    """Issuing answers the coupon's number first, what its rule says, its identifier as text and the points taken."""
    await rule(shop, 10, name="Free coffee", code="COFFEE", description="One cup")
    customer = await shop.customer(points=10)
    record = await issue(shop, customerID=customer)
    assert record == {
        "issuedCouponID": 1,
        "couponID": 1,
        "couponCode": "COFFEE",
        "couponName": "Free coffee",
        "couponDescription": "One cup",
        "uniqueIdentifier": record["uniqueIdentifier"],
        "printingCostInRewardPoints": 10,
    }
    assert next(iter(record)) == "issuedCouponID"
    assert await shop.balance(customer) == 0
    assert await shop.check() == []


async def test_an_issued_coupon_as_it_is_listed(shop: Shop) -> None:
    """A coupon of which little was said is active, never expires and refers to nothing."""
    await rule(shop, code="C")
    issued = await issue(shop)
    assert await shop.record("getIssuedCoupons") == {
        "issuedCouponID": 1,
        "couponID": 1,
        "couponCode": "C",
        "campaignName": "",
        "uniqueIdentifier": issued["uniqueIdentifier"],
        "issuedTimestamp": NOW,
        "expiryDate": "0000-00-00",
        "issuedInvoiceID": 0,
        "issuedInvoiceNo": "",
        "issuedCustomerID": 0,
        "issuedCustomerCardNumber": "",
        "issuedWarehouseID": 0,
        "issuedWarehouseCode": "",
        "issuedPointOfSaleID": 2,
        "issuedEmployeeID": 0,
        "isPrintedAutomatically": 0,
        "redeemedTimestamp": 0,
        "redeemedInvoiceID": 0,
        "redeemedInvoiceNo": "",
        "redeemedCustomerID": 0,
        "redeemedCustomerCardNumber": "",
        "redeemedWarehouseID": 0,
        "redeemedWarehouseCode": "",
        "redeemedPointOfSaleID": 0,
        "redeemedEmployeeID": 0,
        "status": "ACTIVE",
        "added": NOW,
        "lastModified": NOW,
    }


async def test_what_a_coupon_refers_to_is_named(shop: Shop) -> None:
    """Campaign, stores, invoices and customers are given by their names, codes and numbers."""
    campaign: dict[str, Any] = {
        "name": "Coffee days",
        "startDate": "2026-01-01",
        "endDate": "2026-12-31",
        "type": "coupon",
    }
    campaign |= {"rewardPoints": 5, "sumOffEntirePurchase": 1}
    store = {"name": "Old town", "code": "OT"}
    master = [{"requestName": "saveCampaign", **campaign}, {"requestName": "saveWarehouse", **store}]
    assert await shop.codes(master) == [0, 0]
    await rule(shop, campaignID=1)
    customer = await shop.customer(customerCardNumber="CARD-1")
    await shop.answers([SALE, {**SALE, "customNumber": "A/7"}])
    numbers = [record["number"] for record in await shop.records("getSalesDocuments")]
    issued = await issue(shop, customerID=customer, invoiceID=1, warehouseID=1, employeeID=4)
    identifier = issued["uniqueIdentifier"]
    verified = await shop.record("verifyIssuedCoupon", uniqueIdentifier=identifier)
    assert verified["campaignName"] == "Coffee days"
    await shop.record(
        "redeemIssuedCoupon", uniqueIdentifier=identifier, customerID=customer, invoiceID=2, warehouseID=1
    )
    record = await shop.record("getIssuedCoupons")
    assert record["campaignName"] == "Coffee days"
    for use, number in (("issued", numbers[0]), ("redeemed", "A/7")):
        named = [record[f"{use}{name}"] for name in ("InvoiceNo", "CustomerCardNumber", "WarehouseCode")]
        assert named == [number, "CARD-1", "OT"]


async def test_every_stored_field_comes_back(shop: Shop) -> None:
    """A coupon comes back with every stored field, under either of its two names; `redeemed...` only when corrected."""
    await rule(shop)
    for chosen in (set(RENAMED), set(RENAMED.values())):
        sent = {
            name: value
            for name, value in stored("saveIssuedCoupon").items()
            if name in chosen or name not in {*RENAMED, *RENAMED.values()}
        }
        assert len(sent) == 9
        expected = {RENAMED.get(name, name): value for name, value in sent.items()} | {"isPrintedAutomatically": 1}
        issued = await issue(shop, **sent)
        new = await read(shop, issued["issuedCouponID"])
        assert {name for name, value in expected.items() if new[name] != value} == {
            name for name in expected if name.startswith("redeemed")
        }
        await shop.record("saveIssuedCoupon", issuedCouponID=issued["issuedCouponID"], **sent)
        corrected = await read(shop, issued["issuedCouponID"])
        assert {name: corrected[name] for name in expected} == expected
        assert (new["status"], corrected["status"]) == ("ACTIVE", "REDEEMED")


async def test_what_a_correction_keeps(shop: Shop) -> None:
    """A correction keeps what it does not name, never charges again, and can take a redemption back."""
    await rule(shop, 10)
    await rule(shop, 500)
    customer = await shop.customer(points=10)
    issued = await issue(shop, customerID=customer, expiryDate="2026-05-01", warehouseID=3, isPrintedAutomatically=-1)
    identifier = issued["uniqueIdentifier"]
    await shop.record("redeemIssuedCoupon", uniqueIdentifier=identifier)
    before = await shop.record("getIssuedCoupons")
    assert before["isPrintedAutomatically"] == 1
    shop.clock.advance(9)
    record = await shop.record("saveIssuedCoupon", issuedCouponID=1, couponID=2, uniqueIdentifier="")
    assert (record["couponID"], record["printingCostInRewardPoints"]) == (2, 0)
    assert record["uniqueIdentifier"] == identifier
    assert await shop.record("getIssuedCoupons") == {**before, "couponID": 2, "lastModified": NOW + 9}
    await shop.record(
        "saveIssuedCoupon", issuedCouponID=1, redeemedTimestamp=0, expiryDate="", customerID=0, isPrintedAutomatically=0
    )
    changed = {"redeemedTimestamp": 0, "status": "ACTIVE", "expiryDate": "0000-00-00", "issuedCustomerID": 0}
    after = await shop.record("getIssuedCoupons")
    assert after == {**before, "couponID": 2, **changed, "isPrintedAutomatically": 0, "lastModified": NOW + 9}
    await shop.record("verifyIssuedCoupon", uniqueIdentifier=identifier)
    assert await shop.balance(customer) == 0
    assert len(await shop.records("getUsedRewardPointRecords")) == 1
    assert await shop.check() == []


async def test_two_names_of_one_thing(shop: Shop) -> None:
    """A parameter may come under either name or both; two different values are 1013, and 0 is as if it was not sent."""
    await rule(shop, 5)
    first, second = await shop.customer(points=20), await shop.customer(points=20)
    await issue(shop, customerID=first, issuedCustomerID=first)
    await issue(shop, customerID=0, issuedCustomerID=second, pointOfSaleID="", issuedPointOfSaleID=9)
    await issue(shop, customerID=first, issuedCustomerID=0)
    records = await shop.records("getIssuedCoupons")
    assert [each["issuedCustomerID"] for each in records] == [first, second, first]
    assert [each["issuedPointOfSaleID"] for each in records] == [2, 9, 2]
    params: dict[str, Any]
    for name, values in (("customerID", (first, second)), ("warehouseID", (1, 2)), ("timestamp", (1, 2))):
        alias = f"issued{name[0].upper()}{name[1:]}"
        params = {"couponID": 1, "pointOfSaleID": 2, "customerID": first, name: values[0], alias: values[1]}
        assert await shop.error("saveIssuedCoupon", **params) == (1013, alias)
    assert await shop.error("saveIssuedCoupon", couponID=1, issuedPointOfSaleID=1, issuedCustomerID=99) == (
        1011,
        "issuedCustomerID",
    )
    await shop.record("saveIssuedCoupon", issuedCouponID=1, issuedCustomerID=0)
    assert (await read(shop, 1))["issuedCustomerID"] == 0
    assert (await shop.balance(first), await shop.balance(second)) == (10, 15)


async def test_the_cost_is_a_redemption(shop: Shop) -> None:
    """The points that a coupon cost are listed as used, with coupon, sale, till and time of the issue."""
    await rule(shop, 30)
    customer = await shop.customer(points=100)
    await shop.answers([SALE])
    await issue(shop, customerID=customer, invoiceID=1, warehouseID=3, employeeID=4, timestamp=NOW - 50)
    used = await shop.record("getUsedRewardPointRecords")
    names = ("usedPoints", "customerID", "issuedCouponID", "invoiceID", "warehouseID", "pointOfSaleID", "employeeID")
    assert [used[name] for name in names] == [30, customer, 1, 1, 3, 2, 4]
    assert (used["createdUnixTime"], used["campaignID"]) == (NOW - 50, 0)
    assert await shop.balance(customer) == 70
    assert await shop.check() == []


async def test_too_few_points(shop: Shop) -> None:
    """One point too few is 1042: no coupon, no points taken, and the next coupon has the same number."""
    await rule(shop, 11)
    customer = await shop.customer(points=10)
    params = {"couponID": 1, "pointOfSaleID": 2, "customerID": customer}
    assert await shop.error("saveIssuedCoupon", **params) == (1042, None)
    assert await shop.records("getIssuedCoupons") == []
    assert await shop.balance(customer) == 10
    await shop.record("addCustomerRewardPoints", customerID=customer, points=1)
    issued = await issue(shop, customerID=customer)
    assert issued["issuedCouponID"] == 1
    assert issued["uniqueIdentifier"].startswith("200010000001")
    assert await shop.balance(customer) == 0
    assert await shop.check() == []


async def test_below_zero_where_the_account_allows_it(shop: Shop) -> None:
    """With `negative_balance=allow` a coupon may be paid with points that are not there yet."""
    await shop.set(negative_balance="allow")
    await rule(shop, 11)
    customer = await shop.customer(points=10)
    await issue(shop, customerID=customer)
    assert await shop.balance(customer) == -1
    assert await shop.check() == []


async def test_without_a_cost(shop: Shop) -> None:
    """doNotSubtractRewardPoints=1 takes nothing and needs no customer; nor does a coupon that costs nothing."""
    await rule(shop, 11)
    await rule(shop)
    customer = await shop.customer(points=20, rewardPointsDisabled=0)
    poor = await shop.customer(rewardPointsDisabled=1)
    free = await issue(shop, customerID=customer, doNotSubtractRewardPoints=1)
    assert free["printingCostInRewardPoints"] == 0
    await issue(shop, doNotSubtractRewardPoints=1)
    await issue(shop, customerID=poor, doNotSubtractRewardPoints=1)
    await issue(shop, couponID=2)
    await issue(shop, couponID=2, customerID=poor)
    assert len(await shop.records("getIssuedCoupons")) == 5
    assert await shop.balance(customer) == 20
    assert await shop.records("getUsedRewardPointRecords") == []
    params = {"couponID": 1, "pointOfSaleID": 2}
    assert await shop.error("saveIssuedCoupon", **params) == (1010, "customerID")
    assert await shop.error("saveIssuedCoupon", **params, customerID=poor) == (1072, None)
    assert (await issue(shop, customerID=customer, doNotSubtractRewardPoints=0))["printingCostInRewardPoints"] == 11
    assert await shop.check() == []


async def test_points_of_an_earlier_sale_pay(shop: Shop) -> None:
    """Points that a sale earns pay for a coupon after it in the bulk, not for one before it."""
    await rule(shop, 10)
    customer = await shop.customer()
    sold = {**SALE, "customerID": customer}
    coupon = {"requestName": "saveIssuedCoupon", "couponID": 1, "pointOfSaleID": 2, "customerID": customer}
    bulk = [coupon, sold, {**coupon, "invoiceID": "CURRENT_INVOICE_ID"}, coupon]
    assert await found(shop, bulk) == [(1042, None), (0, None), (0, None), (1042, None)]
    record = await shop.record("getIssuedCoupons")
    assert (record["issuedInvoiceID"], record["issuedCustomerID"]) == (1, customer)
    assert await shop.balance(customer) == 0
    assert await shop.check() == []


async def test_many_lots_pay_for_one_coupon(shop: Shop) -> None:
    """A coupon is paid from as many earnings as it takes."""
    await rule(shop, 40)
    customer = await shop.customer()
    add = {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": 2}
    await shop.answers([add] * 20)
    await issue(shop, customerID=customer)
    assert await shop.balance(customer) == 0
    assert await shop.check() == []


async def test_the_format_of_identifiers(shop: Shop) -> None:
    """An identifier is register, rule (4 digits), the register's sequence (7) and 4 random digits, unlike any other."""
    for _ in range(3):
        await rule(shop)
    coupon = {"requestName": "saveIssuedCoupon"}
    places = [(register, coupon_id) for register in (1, 12, 987) for coupon_id in (1, 2, 3)] * 10
    sent = [{**coupon, "couponID": coupon_id, "pointOfSaleID": register} for register, coupon_id in places]
    issued = [answer["records"][0]["uniqueIdentifier"] for answer in await shop.answers(sent)]
    assert len(set(issued)) == 90
    sequences: dict[int, list[int]] = {1: [], 12: [], 987: []}
    for (register, coupon_id), text in zip(places, issued, strict=True):
        match = re.fullmatch(rf"{register}000{coupon_id}([0-9]{{7}})[0-9]{{4}}", text)
        assert match, text
        sequences[register].append(int(match[1]))
    assert list(sequences.values()) == [list(range(1, 31))] * 3
    assert len({text[-4:] for text in issued}) > 60


async def test_long_numbers_in_identifiers(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A register above 999 lends its last digits; where two registers meet, the sequence goes on."""
    monkeypatch.setattr("erply_points.calls.issued_coupons.secrets.randbelow", lambda _: 42)
    await rule(shop)
    issued = [await issue(shop, pointOfSaleID=register) for register in (1, 45_001, 45_001, 1)]
    assert [each["uniqueIdentifier"] for each in issued] == [
        *("1000100000010042", "1000100000020042", "1000100000030042", "1000100000040042"),
    ]


async def test_identifiers_that_somebody_chose(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An identifier of the caller's is kept digit by digit, is unique, and the server's own never meet it."""
    monkeypatch.setattr("erply_points.calls.issued_coupons.secrets.randbelow", lambda _: 7)
    await rule(shop)
    chosen = ["2000100000010007", "2000100000020007", "7", "007"]
    for text in chosen:
        await issue(shop, uniqueIdentifier=text, pointOfSaleID=0)
    issued = await issue(shop)
    assert issued["uniqueIdentifier"] == "2000100000030007"
    duplicate = (1012, "uniqueIdentifier")
    for text in (*chosen, issued["uniqueIdentifier"]):
        assert await shop.error("saveIssuedCoupon", couponID=1, uniqueIdentifier=text) == duplicate
    assert await shop.error("saveIssuedCoupon", issuedCouponID=1, uniqueIdentifier="7") == duplicate
    await shop.record("saveIssuedCoupon", issuedCouponID=1, uniqueIdentifier=chosen[0])
    await shop.record("saveIssuedCoupon", issuedCouponID=1, uniqueIdentifier="0007")
    assert await shop.error("verifyIssuedCoupon", uniqueIdentifier=chosen[0]) == (1040, None)
    await issue(shop, uniqueIdentifier=chosen[0])
    coupon = {"requestName": "saveIssuedCoupon", "couponID": 1}
    assert await shop.codes([{**coupon, "uniqueIdentifier": text} for text in ("8", "8", "9")]) == [0, 1012, 0]


async def test_any_digits_are_an_identifier(shop: Shop) -> None:
    """Whatever digits a coupon is called by, it is found by exactly these."""
    await rule(shop)
    loop = asyncio.get_running_loop()
    known: set[str] = set()

    async def example(text: str) -> None:
        params = {"couponID": 1, "uniqueIdentifier": text}
        if text in known:
            assert await shop.error("saveIssuedCoupon", **params) == (1012, "uniqueIdentifier")
        else:
            assert (await shop.record("saveIssuedCoupon", **params))["uniqueIdentifier"] == text
            known.add(text)
        assert (await shop.record("verifyIssuedCoupon", uniqueIdentifier=text))["uniqueIdentifier"] == text
        records = await shop.records("getIssuedCoupons", uniqueIdentifier=f" {text} ,9999")
        assert {record["uniqueIdentifier"] for record in records} == {text, "9999"} & known

    @settings(max_examples=60, deadline=None)
    @given(st.text("0123456789", min_size=1, max_size=20))
    def called(text: str) -> None:
        asyncio.run_coroutine_threadsafe(example(text), loop).result(timeout=30)

    await asyncio.to_thread(called)


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


ALL = [1, 2, 3]
FILTERS: dict[str, list[tuple[Any, list[int]]]] = {
    "uniqueIdentifier": [("102", [2]), (" 101, 103 ,9", [1, 3]), ("0102", []), ("", ALL)],
    "status": [("ACTIVE", [3]), ("REDEEMED", [1]), ("EXPIRED", [2]), ("", ALL)],
    "issuedTimestampFrom": [(200, [2, 3]), (301, []), (0, ALL)],
    "issuedTimestampTo": [(200, [1, 2]), (99, [])],
    "redeemedTimestampFrom": [(500, [1]), (501, [])],
    "redeemedTimestampTo": [(500, [1]), (499, []), (0, ALL)],
    "issuedCustomerID": [(1, [1]), (9, []), (0, ALL)],
    "issuedCustomerIDs": [("1, 2", [1, 2]), ("", ALL)],
    "redeemedCustomerID": [(2, [1]), (1, []), (0, ALL)],
    "redeemedCustomerIDs": [("2,1", [1]), ("1", [])],
    "couponIDs": [("2", [3]), ("1,2", ALL), ("9", [])],
    "issuedInvoiceIDs": [("1,2", [1, 2]), ("2", [2])],
    "redeemedInvoiceIDs": [("2", [1]), ("1", [])],
    "changedSince": [(NOW + 20, [1, 3]), (NOW + 31, [])],
    "recordsOnPage": [(2, [1, 2]), (0, ALL)],
    "pageNo": [(0, ALL), (2, [])],
}


async def test_every_filter(shop: Shop) -> None:
    """Each filter that the schema names finds exactly the coupons that fit, bounds included."""
    for _ in range(2):
        await rule(shop)
        await shop.customer()
        await shop.answers([SALE])
    coupons: list[dict[str, Any]] = [
        {"customerID": 1, "invoiceID": 1, "timestamp": 100},
        {"customerID": 2, "invoiceID": 2, "timestamp": 200, "expiryDate": "2025-12-31"},
        {"couponID": 2, "timestamp": 300, "expiryDate": "2026-01-01"},
    ]
    for number, coupon in enumerate(coupons, start=101):
        await issue(shop, uniqueIdentifier=number, **coupon)
        shop.clock.advance(10)
    await shop.record("redeemIssuedCoupon", uniqueIdentifier="101", customerID=2, invoiceID=2, timestamp=500)
    assert {*schemas.call_request("getIssuedCoupons")["properties"]} == {*FILTERS}
    wrong = []
    for name, cases in FILTERS.items():
        for value, expected in cases:
            numbers = [record["issuedCouponID"] for record in await shop.records("getIssuedCoupons", **{name: value})]
            if numbers != expected:
                wrong.append((name, value, numbers, expected))
    assert wrong == []
    assert await shop.error("getIssuedCoupons", status="LOST") == (1016, "status")


async def test_paging(shop: Shop) -> None:
    """20 on a page by default, 100 at most, and the total is exact."""
    await rule(shop)
    for _ in range(2):
        await shop.answers([{"requestName": "saveIssuedCoupon", "couponID": 1, "pointOfSaleID": 1}] * 60)
    answer = await shop.call("getIssuedCoupons")
    assert (answer["status"]["recordsTotal"], answer["status"]["recordsInResponse"]) == (120, 20)
    second = await shop.records("getIssuedCoupons", recordsOnPage=500, pageNo=2)
    assert [record["issuedCouponID"] for record in second] == list(range(101, 121))


async def test_another_accounts_coupons(shop: Shop) -> None:
    """A coupon of one account is unknown to another, which may use the same digits."""
    other = await shop.neighbour()
    for account in (shop, other):
        await rule(account)
    await issue(other, uniqueIdentifier="5")
    assert await shop.error("redeemIssuedCoupon", uniqueIdentifier="5") == (1040, None)
    await issue(shop, uniqueIdentifier="5")
    assert outcome((await other.call("redeemIssuedCoupon", uniqueIdentifier="5"))["status"]) == (0, None)
    assert outcome((await shop.call("verifyIssuedCoupon", uniqueIdentifier="5"))["status"]) == (0, None)
