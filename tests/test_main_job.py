"""The main job: an invoice, a redemption on it and the balance in one bulk, on the real server."""

from support.client import Erply


async def test_invoice_redeem_and_balance_in_one_bulk(till: Erply) -> None:
    """A client that saves a receipt, redeems on it and asks for the balance gets all three answers right."""
    customer = await till.customer(points=400)
    sale, redemption, balance = await till.answers(
        [
            {
                "requestName": "saveSalesDocument",
                "requestID": 1,
                "type": "CASHINVOICE",
                "customerID": customer,
                "productID1": 38,
                "vatrateID1": 1,
                "amount1": 2,
                "price1": 10.0,
                "discount1": 10,
            },
            {
                "requestName": "subtractCustomerRewardPoints",
                "requestID": "two",
                "customerID": customer,
                "invoiceID": "CURRENT_INVOICE_ID",
                "points": 100,
            },
            {"requestName": "getCustomerRewardPoints", "customerID": customer},
        ]
    )
    assert sale["records"][0] | {"rows": []} == {
        "invoiceID": "1",
        "invoiceNo": "100001",
        "customNumber": "",
        "invoiceLink": "",
        "receiptLink": "",
        "net": 18.0,
        "vat": 3.6,
        "rounding": 0,
        "total": 21.6,
        "rows": [],
    }
    assert redemption["records"][0]["remainingPoints"] == 400 + 18 - 100
    assert balance["records"] == [{"points": 318}]
    assert [answer["status"]["requestID"] for answer in (sale, redemption, balance)] == [1, "two", None]
    used = await till.record("getUsedRewardPointRecords", customerID=customer)
    assert (used["transactionID"], used["invoiceID"]) == (redemption["records"][0]["transactionID"], 1)
