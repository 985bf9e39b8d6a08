"""All that an account shows, and what the oracle says that it should show: two values to be compared."""

from typing import Any, Protocol

from calls.points_oracle import FOR_EVER
from oracle import Oracle
from support.client import Record

SHOWN = 100
"""Of documents and coupons the latest: a page of a listing holds no more."""
EARNING_FIELDS = (
    *("transactionID", "customerID", "earnedPoints", "remainingPoints"),
    *("createdUnixTime", "expiryUnixTime", "invoiceID"),
)
USED_FIELDS = ("transactionID", "customerID", "usedPoints", "invoiceID", "issuedCouponID")
DOCUMENT_FIELDS = ("id", "type", "clientID", "number", "netTotal", "paid", "previousReturnsExist")
LINK_FIELDS = ("baseDocuments", "followUpDocuments")
COUPON_FIELDS = ("issuedCouponID", "issuedInvoiceID", "redeemedInvoiceID", "status")
CARD_FIELDS = ("code", "purchaseInvoiceID", "redemptionInvoiceID")


def foretold(oracle: Oracle) -> dict[str, Any]:
    left: dict[int, int] = {}
    for customer in oracle.disabled:
        left |= oracle.points.left(customer)
    return {
        "balances": {customer: oracle.points.balance(customer) for customer in oracle.disabled},
        "earned": [
            (
                *(each.id, each.customer, each.points, left[each.id], each.created),
                *(0 if each.expires == FOR_EVER else each.expires, each.document),
            )
            for each in oracle.points.earnings.values()
        ],
        "used": [
            (each.id, each.customer, each.points, each.document, each.coupon)
            for each in oracle.points.redemptions.values()
        ],
        "documents": [
            (
                *(each.id, each.type, each.customer, str(each.number), each.net / 100),
                *(f"{oracle.paid(each.id) / 100:.2f}", int(oracle.returns_of(each.id) != [])),
                *(sorted({*each.sources, each.credits} - {0}), oracle.follow_ups(each.id)),
            )
            for each in list(reversed(oracle.documents.values()))[:SHOWN]
        ],
        "left": dict(list(reversed(oracle.what_is_left().items()))[:SHOWN]),
        "coupons": [(each.id, each.document, each.used_on, oracle.state_of(each)) for each in oracle.issued.values()][
            :SHOWN
        ],
        "cards": [(code, *documents) for code, documents in oracle.cards.items()],
    }


class Client(Protocol):
    async def answers(self, requests: list[Record], **top: Any) -> list[dict[str, Any]]: ...


async def seen(client: Client, oracle: Oracle) -> dict[str, Any]:
    """What the account shows of the customers that the oracle knows, and of everything else."""
    latest: Record = {"requestName": "getSalesDocuments", "recordsOnPage": SHOWN, "orderByDir": "desc"}
    listings: list[Record] = [
        {"requestName": "getEarnedRewardPointRecords"},
        {"requestName": "getUsedRewardPointRecords"},
        latest,
        {**latest, "nonReturnedItemsOnly": 1, "getRowsForAllInvoices": 1},
        {"requestName": "getIssuedCoupons", "recordsOnPage": SHOWN},
        {"requestName": "getGiftCards"},
    ]
    customers = list(oracle.disabled)
    asked = [{"requestName": "getCustomerRewardPoints", "customerID": customer} for customer in customers]
    fields = {*EARNING_FIELDS, *USED_FIELDS, *DOCUMENT_FIELDS, *LINK_FIELDS, *COUPON_FIELDS, *CARD_FIELDS}
    answers = await client.answers([*listings, *asked], getFields=",".join({*fields, "points", "rows"}))
    earned, used, documents, left, coupons, cards, *points = (answer["records"] for answer in answers)
    return {
        "balances": {customer: record["points"] for customer, (record,) in zip(customers, points, strict=True)},
        "earned": [tuple(map(each.get, EARNING_FIELDS)) for each in earned],
        "used": [tuple(map(each.get, USED_FIELDS)) for each in used],
        "documents": [
            (*map(each.get, DOCUMENT_FIELDS), *([link["id"] for link in each[name]] for name in LINK_FIELDS))
            for each in documents
        ],
        "left": {each["id"]: [(row["productID"], str(float(row["amount"]))) for row in each["rows"]] for each in left},
        "coupons": [tuple(map(each.get, COUPON_FIELDS)) for each in coupons],
        "cards": [tuple(map(each.get, CARD_FIELDS)) for each in cards],
    }
