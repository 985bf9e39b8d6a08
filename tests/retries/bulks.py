"""Bulks of whatever comes to mind, for an account that holds some of everything (`calls.every_call`)."""

from typing import Any, Final

from hypothesis import strategies as st

from support.client import Record

_CUSTOMERS = st.sampled_from([1, 1, 1, 2, 3, 9])
"""9 is rarely there."""
_DOCUMENTS = st.sampled_from([1, 2, 3, 3, 4, 9])
"""1 and 2 are there, 3 and 4 may be made on the way."""
_TRANSACTIONS = st.integers(1, 5)
_CURRENT = st.just("CURRENT_INVOICE_ID")


def _call(name: str, required: dict[str, Any] | None = None, **optional: Any) -> st.SearchStrategy[Record]:
    return st.fixed_dictionaries({"requestName": st.just(name), **(required or {})}, optional=optional)


_SALES = _call(
    "saveSalesDocument",
    {
        "type": st.sampled_from(["CASHINVOICE", "INVWAYBILL", "ORDER"]),
        "customerID": _CUSTOMERS,
        "amount1": st.sampled_from(["1", "3", "0.5", "0"]),
        "price1": st.sampled_from(["7.77", "10.00", "nine"]),
    },
    confirmInvoice=st.sampled_from([0, 1]),
    temporaryUUID=st.sampled_from(["a", "b"]),
    notes=st.sampled_from(["9007000000999999", "x"]),
)
_REDEMPTIONS = _call(
    "subtractCustomerRewardPoints",
    {"customerID": _CUSTOMERS, "points": st.integers(1, 60)},
    invoiceID=st.one_of(_CURRENT, _DOCUMENTS),
)
_EARNINGS = _call("addCustomerRewardPoints", {"customerID": _CUSTOMERS, "points": st.integers(1, 60)})
_CREDITS = _call(
    "saveSalesDocument",
    {
        "type": st.just("CREDITINVOICE"),
        "customerID": st.just(1),
        "creditToDocumentID": _DOCUMENTS,
        "amount1": st.sampled_from(["-1", "-2"]),
        "price1": st.just(5),
    },
)
_PAYMENTS = _call(
    "savePayment", {"documentID": st.one_of(_CURRENT, _DOCUMENTS), "type": st.just("CASH"), "sum": st.just(1)}
)
_OTHERS = st.one_of(
    _call("saveCustomer", {"lastName": st.just("Tamm")}, rewardPointsDisabled=st.sampled_from([0, 1])),
    _call("saveCustomer", {"customerID": _CUSTOMERS, "lastName": st.sampled_from(["Kask", "Saar"])}),
    _call("deleteCustomer", {"customerID": _CUSTOMERS}),
    _call("saveSalesDocument", {"id": _DOCUMENTS, "notes": st.just("again")}, confirmInvoice=st.just(1)),
    _call("deleteSalesDocument", {"documentID": _DOCUMENTS}),
    _call("deleteSalesDocument", {"documentID": _DOCUMENTS}),
    _call("editEarnedRewardPointRecord", {"transactionID": _TRANSACTIONS}, customerID=_CUSTOMERS),
    _call("editUsedRewardPointRecord", {"transactionID": _TRANSACTIONS}, customerID=_CUSTOMERS),
    _call("deletePayment", {"paymentID": st.integers(1, 3)}),
    _call("saveGiftCard", {"code": st.sampled_from(["G1", "G2"]), "value": st.just(10)}, purchaseInvoiceID=_CURRENT),
    _call("saveIssuedCoupon", {"couponID": st.integers(1, 3), "uniqueIdentifier": st.sampled_from(["1111", "2222"])}),
    _call("redeemIssuedCoupon", {"uniqueIdentifier": st.sampled_from(["1111", "2222"])}, invoiceID=_CURRENT),
    _call("saveProduct", {"nameENG": st.just("Hat")}, code=st.sampled_from(["a", "b"])),
    _call("saveVatRate", {"rate": st.just(9)}),
)
_LISTINGS = (
    *("getCustomers", "getSalesDocuments", "getPayments", "getGiftCards", "getIssuedCoupons", "getProducts"),
    *("getEarnedRewardPointRecords", "getUsedRewardPointRecords"),
)
_READING = st.one_of(
    st.sampled_from([{"requestName": name} for name in _LISTINGS]),
    _call("getCustomerRewardPoints", {"customerID": _CUSTOMERS}),
    _call("getCustomerRewardPoints", {"customerIDs": st.sampled_from(["1,2", "3,1"])}),
    st.just({"requestName": "noSuchCall"}),
)

_REFERRING = st.one_of(
    _call("saveCustomer", {"requestID": st.just("new"), "lastName": st.just("Mets")}),
    _call("saveCustomer", {"requestID": st.just("new"), "customerID": _CUSTOMERS, "lastName": st.just("Mets")}),
    _call("addCustomerRewardPoints", {"customerID": st.just("@{new.customerID}"), "points": st.integers(1, 60)}),
    _call("subtractCustomerRewardPoints", {"customerID": st.just("@{new.customerID}"), "points": st.integers(1, 60)}),
    _call("deleteCustomer", {"customerID": st.just("@{new.records[0].customerID}")}),
)
"""For bulks with `references=1`; in others the references are no numbers."""
SUB_REQUESTS: Final = st.one_of(
    _SALES, _REDEMPTIONS, _REDEMPTIONS, _EARNINGS, _CREDITS, _PAYMENTS, _OTHERS, _READING, _REFERRING
)
BULKS: Final = st.lists(SUB_REQUESTS, min_size=1, max_size=7)
