"""Issued coupons: what they say, what they cost, and what they are called."""

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.test_current_invoice import SALE, found
from calls.issuing import NOW, RENAMED, issue, read, rule
from calls.test_stored_fields import stored
from support.shop import Shop


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
