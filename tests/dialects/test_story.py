"""One customer of three systems: what one of them spends is gone in the others, and the ledger agrees in all."""

from support.dialects import Capillary, Fabric
from support.shop import Shop


async def balances(shop: Shop, capillary: Capillary, fabric: Fabric, profile: str) -> set[float]:
    """What each system says the customer has; to Capillary one point is given up for it, and given back."""
    before = await shop.balance(1)
    member = await fabric.member(profile)
    told = await capillary.adjust(1, pointsToBeAdjusted=1)
    await fabric.adjust(profile, 1)
    return {before, member["totalPoints"], float(told["pointsAvailable"]) + 1}


async def test_three_systems_on_one_ledger(club: Shop, capillary: Capillary, fabric: Fabric) -> None:
    """A member is enrolled with fabric, buys at Erply's till and returns by Capillary; all see one balance."""
    account = await fabric.enrol(emailAddress="mari@example.com", phoneNumber="+372 555")
    profile = account["profileId"]
    customer = (await club.record("getCustomers", searchCode=account["loyaltyNumber"]))["customerID"]

    sale = {"requestName": "saveSalesDocument", "type": "INVWAYBILL", "customerID": customer}
    sale |= {"amount1": 2, "price1": 50, "vatrateID1": 1}
    redemption = {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": 30}
    sold, _ = await club.answers([sale, {**redemption, "invoiceID": "CURRENT_INVOICE_ID"}])
    invoice = int(sold["records"][0]["invoiceID"])
    assert await balances(club, capillary, fabric, profile) == {70}

    await fabric.adjust(profile, 50, pointType="Bonus", reasonCode="7502")
    await fabric.adjust(profile, 25, setToPending=True)
    assert await balances(club, capillary, fabric, profile) == {145}

    body = {"reasonOfReturn": "Goods returned", "pointsToBeAdjusted": "25.50"}
    answer = await capillary.lookup("email", "mari@example.com", body)
    assert answer["pointsAvailable"] == "119.500"
    pending = {**body, "pointsToBeAdjusted": "5", "pointCategoryTypes": "PROMISED"}
    assert (await capillary.lookup("mobile", "+372555", pending))["pointsAvailable"] == "114.500"
    assert (await fabric.member(profile))["pointsBalance"]["memberPointsLocked"] == 20

    assert await club.error("subtractCustomerRewardPoints", customerID=customer, points=95) == (1042, None)
    assert await capillary.code(customer, pointsToBeAdjusted="94.51") == 8907
    assert (await fabric.adjust(profile, -94.51))["status"] == 400
    await fabric.post("points-activate", {"profileId": profile})
    await club.record("subtractCustomerRewardPoints", customerID=customer, points=100)
    assert (await fabric.member(profile))["totalPoints"] == 14.5

    await club.set(negative_balance="allow", return_redeemed_points="1")
    credit = {"type": "CREDITINVOICE", "creditToDocumentID": invoice, "creditInvoiceType": "VOID"}
    await club.record("saveSalesDocument", customerID=customer, **credit)
    shown = await fabric.member(profile)
    assert shown["pointsBalance"] == {
        "memberPointsEarned": 77,
        "memberPointsDeducted": 32.5,
        "memberPointsUsed": 100,
        "memberPointsExpired": 0,
        "memberPointsAvailable": -55.5,
        "memberPointsLocked": 0,
    }
    assert await club.balance(customer) == -56
    assert (await capillary.adjust(customer, pointsToBeAdjusted="0.5"))["pointsAvailable"] == "-56.000"
    await fabric.adjust(profile, 60)
    assert await balances(club, capillary, fabric, profile) == {4}
    assert await club.check() == []


async def test_corrections_reach_what_the_others_did(club: Shop, capillary: Capillary, fabric: Fabric) -> None:
    """An earning of fabric's and a deduction of Capillary's can be moved to another customer by Erply's corrections."""
    first = (await fabric.enrol())["profileId"]
    second = (await fabric.enrol(emailAddress="b@example.com", phoneNumber="2"))["profileId"]
    await fabric.adjust(first, 40, pointType="Bonus")
    await club.record("addCustomerRewardPoints", customerID=2, points=30)
    await capillary.adjust(1, pointsToBeAdjusted=15)
    used = await club.record("getUsedRewardPointRecords", customerID=1)
    await club.record("editUsedRewardPointRecord", transactionID=used["transactionID"], customerID=2)
    earned = await club.record("getEarnedRewardPointRecords", customerID=1)
    await club.record("editEarnedRewardPointRecord", transactionID=earned["transactionID"], customerID=2)
    assert (await fabric.member(first))["totalPoints"] == 0
    shown = await fabric.member(second)
    assert {each["pointType"]: each["points"] for each in shown["pointsByType"]} == {"Base": 15, "Bonus": 40}
    assert shown["pointsBalance"]["memberPointsDeducted"] == 15
    assert await club.check() == []


async def test_two_accounts_know_nothing_of_each_other(club: Shop, capillary: Capillary) -> None:
    """A client of one account cannot reach the other's customers, whatever it says."""
    neighbour = await club.neighbour()
    await neighbour.customer(points=50, externalID="C-1", email="a@b.ee")
    assert await capillary.code(1, pointsToBeAdjusted=1) == 8015
    body = {"reasonOfReturn": "x", "pointsToBeAdjusted": 1}
    for name, value in (("externalId", "C-1"), ("email", "a@b.ee")):
        answer = await capillary.lookup(name, value, {**body, "clientCode": neighbour.code})
        assert answer["errors"][0]["code"] == 8015
    stranger = Capillary(club.http, capillary.key.replace(club.code, neighbour.code), capillary.secret)
    response = await stranger.send("/v2/customers/1/negativePointsAdjustment", {}, body)
    assert response.status_code == 401
    assert await neighbour.balance(1) == 50
