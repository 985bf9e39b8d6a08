"""Every call with parameters that would do, and a shop where they do."""

from support.client import Record
from support.shop import Shop

VIEWING, ADDING, EDITING, DELETING, LOCATION = 1060, 1061, 1062, 1063, 1064

PROMOTION: Record = {"name": "Autumn", "type": "auto", "purchaseTotalValue": 50, "percentageOffEntirePurchase": 10}
CASES: list[tuple[str, Record, str, int]] = [
    # Call, parameters that would do, the right it needs, and the code without it.
    ("getCustomers", {}, "customers.view", VIEWING),
    ("getCustomerRewardPoints", {"customerID": 1}, "points.view", VIEWING),
    ("getEarnedRewardPointRecords", {}, "points.view", VIEWING),
    ("getUsedRewardPointRecords", {}, "points.view", VIEWING),
    ("getSalesDocuments", {}, "sales.view", VIEWING),
    ("getPayments", {}, "payments.view", VIEWING),
    ("getGiftCards", {}, "giftCards.view", VIEWING),
    ("getCoupons", {}, "coupons.view", VIEWING),
    ("getIssuedCoupons", {}, "coupons.view", VIEWING),
    ("verifyIssuedCoupon", {"uniqueIdentifier": "1111"}, "coupons.view", VIEWING),
    ("getCampaigns", {}, "campaigns.view", VIEWING),
    ("getProducts", {}, "products.view", VIEWING),
    ("getWarehouses", {}, "warehouses.view", VIEWING),
    ("getPointsOfSale", {}, "warehouses.view", VIEWING),
    ("getEmployees", {}, "employees.view", VIEWING),
    ("getVatRates", {}, "vatRates.view", VIEWING),
    ("saveCustomer", {"lastName": "Tamm"}, "customers.add", ADDING),
    ("saveCustomer", {"customerID": 1, "lastName": "Tamm"}, "customers.edit", EDITING),
    ("deleteCustomer", {"customerID": 2}, "customers.delete", DELETING),
    ("addCustomerRewardPoints", {"customerID": 1, "points": 5}, "points.add", ADDING),
    ("addCustomerRewardPoints", {"customerID": 1, "points": 5}, "rightAddRewardPoints", ADDING),
    ("subtractCustomerRewardPoints", {"customerID": 1, "points": 5}, "points.add", ADDING),
    ("editEarnedRewardPointRecord", {"transactionID": 1, "description": "x"}, "points.edit", EDITING),
    ("editUsedRewardPointRecord", {"transactionID": 2, "description": "x"}, "points.edit", EDITING),
    ("saveSalesDocument", {"customerID": 1, "amount1": 1, "price1": 5}, "sales.add", ADDING),
    ("saveSalesDocument", {"id": 1, "notes": "x"}, "sales.edit", EDITING),
    ("deleteSalesDocument", {"documentID": 2}, "sales.delete", DELETING),
    ("savePayment", {"documentID": 1, "type": "CASH", "sum": 5}, "payments.add", ADDING),
    ("savePayment", {"paymentID": 1, "sum": 6}, "payments.edit", EDITING),
    ("deletePayment", {"paymentID": 1}, "payments.delete", DELETING),
    ("saveGiftCard", {"code": "G2", "value": 10}, "giftCards.add", ADDING),
    ("saveGiftCard", {"giftCardID": 1, "value": 10}, "giftCards.edit", EDITING),
    ("saveCoupon", {"name": "Two"}, "coupons.add", ADDING),
    ("saveCoupon", {"couponID": 1, "name": "Two"}, "coupons.edit", EDITING),
    ("deleteCoupon", {"couponID": 2}, "coupons.delete", DELETING),
    ("saveIssuedCoupon", {"couponID": 1, "uniqueIdentifier": "2222"}, "coupons.add", ADDING),
    ("saveIssuedCoupon", {"issuedCouponID": 1, "expiryDate": "2030-01-01"}, "coupons.edit", EDITING),
    ("redeemIssuedCoupon", {"uniqueIdentifier": "1111"}, "coupons.edit", EDITING),
    ("saveCampaign", PROMOTION, "campaigns.add", ADDING),
    ("saveCampaign", {"campaignID": 1, "name": "Winter"}, "campaigns.edit", EDITING),
    ("saveProduct", {"nameENG": "Hat"}, "products.add", ADDING),
    ("saveProduct", {"productID": 1, "nameENG": "Hat"}, "products.edit", EDITING),
    ("saveWarehouse", {"nameENG": "North"}, "warehouses.add", ADDING),
    ("saveWarehouse", {"warehouseID": 1, "nameENG": "North"}, "warehouses.edit", EDITING),
    ("savePointOfSale", {"name": "T2", "warehouseID": 1}, "warehouses.add", ADDING),
    ("savePointOfSale", {"pointOfSaleID": 1, "name": "T2"}, "warehouses.edit", EDITING),
    ("saveEmployee", {"lastName": "Kask"}, "employees.add", ADDING),
    ("saveEmployee", {"employeeID": 1, "lastName": "Kask"}, "employees.edit", EDITING),
    ("saveVatRate", {"rate": 9}, "vatRates.add", ADDING),
    ("saveVatRate", {"vatRateID": 1, "name": "x"}, "vatRates.edit", EDITING),
]
FREE = {"verifyUser", "switchUser", "getSessionKeyInfo", "getSessionKeyUser", "getUserRights"} | {
    *("getConfParameters", "getServiceEndpoints"),
}


async def some_of_everything(shop: Shop) -> None:
    """A record of every kind, number 1, and what may be deleted as number 2."""
    for _ in range(2):
        await shop.customer()
        await shop.record("saveCoupon", name="One")
    await shop.record("addCustomerRewardPoints", customerID=1, points=50)
    await shop.record("subtractCustomerRewardPoints", customerID=1, points=5)
    for _ in range(2):
        await shop.record("saveSalesDocument", customerID=1, amount1=1, price1=5)
    await shop.record("savePayment", documentID=1, type="CASH", sum=1)
    await shop.record("saveGiftCard", code="G1", value=20)
    await shop.record("saveIssuedCoupon", couponID=1, uniqueIdentifier="1111")
    await shop.record("saveProduct", nameENG="Bread")
    await shop.record("saveWarehouse", nameENG="South")
    await shop.record("savePointOfSale", name="T1", warehouseID=1)
    await shop.record("saveEmployee", lastName="Saar")
    await shop.record("saveCampaign", **PROMOTION)
