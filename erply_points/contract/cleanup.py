"""What a run has made, and how it is taken away again as far as the protocol has calls for that.

Documents, payments, coupons and customers are deleted. What has no call to delete it is made harmless: a gift card's
balance becomes 0, an issued coupon and a promotion expire, a product is archived; cards and coupons let go of the
documents that they would hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from erply_points.contract.references import NothingThere, at

BULK_SIZE_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class _Removal:
    made_id: str
    """Field of the saving call's answer."""
    call: str
    parameter: str
    others: Mapping[str, Any] = field(default_factory=dict)
    stays: bool = False
    """Whether the record is still there afterwards, only harmless."""


_REMOVALS: Final[Mapping[str, _Removal]] = {
    "saveCustomer": _Removal("customerID", "deleteCustomer", "customerID"),
    "saveSalesDocument": _Removal("invoiceID", "deleteSalesDocument", "documentID"),
    "savePayment": _Removal("paymentID", "deletePayment", "paymentID"),
    "saveCoupon": _Removal("couponID", "deleteCoupon", "couponID"),
    "saveGiftCard": _Removal(
        *("giftCardID", "saveGiftCard", "giftCardID"),
        {"value": 0, "balance": 0, "purchaseInvoiceID": 0, "redemptionInvoiceID": 0},
        stays=True,
    ),
    "saveIssuedCoupon": _Removal(
        *("issuedCouponID", "saveIssuedCoupon", "issuedCouponID"),
        {"invoiceID": 0, "redeemedInvoiceID": 0, "expiryDate": "2000-01-01"},
        stays=True,
    ),
    "saveProduct": _Removal("productID", "saveProduct", "productID", {"status": "ARCHIVED"}, stays=True),
    "saveCampaign": _Removal("campaignID", "saveCampaign", "campaignID", {"endDate": "2000-01-02"}, stays=True),
}
_GONE: Final = 1011
"""The case has deleted it itself."""


class Made:
    """The records that a run has made."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Any] = {}

    def note(self, call: str, params: Mapping[str, Any], answer: Mapping[str, Any], unique: str) -> None:
        """Remember what an answer says was made. What was there before is not ours to remove.

        That is what an edit names, a customer who exists already, and a gift card whose code has not the digits
        `unique` of the case: the call would have found a card of that code.
        """
        removal = _REMOVALS.get(call)
        if removal is None or removal.parameter in params or "id" in params:
            return
        if call == "saveGiftCard" and unique not in str(params.get("code")):
            return
        try:
            made_id = at(answer, f"records[0].{removal.made_id}")
            succeeded = at(answer, "status.errorCode") == 0
        except NothingThere:
            return
        status, record = answer["status"], answer["records"][0]
        # An answer that belongs to another call says nothing of what this one has made.
        named = call in (status.get("request"), status.get("requestName"))
        if succeeded and named and made_id not in (0, "0") and not record.get("alreadyExists"):
            self._made.setdefault((call, str(made_id)), made_id)

    def removals(self) -> list[list[dict[str, Any]]]:
        """Bulks of sub-requests that take it all away, the last made first: what refers to others goes before them."""
        sub_requests = []
        for (call, text), made_id in reversed(self._made.items()):
            removal = _REMOVALS[call]
            params = {removal.parameter: made_id, **removal.others}
            sub_requests.append({"requestName": removal.call, "requestID": f"remove-{call}-{text}", **params})
        return [sub_requests[start : start + BULK_SIZE_MAX] for start in range(0, len(sub_requests), BULK_SIZE_MAX)]


class LeftBehind:
    """What is still there after the removals, gathered by what it is and why."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], list[str]] = {}

    def take(self, sub_requests: Sequence[Mapping[str, Any]], answers: Any) -> None:
        """Look at the answers to a bulk of removals; `answers` can be anything that a server may send."""
        for position, sub_request in enumerate(sub_requests):
            removal = _removal(sub_request)
            try:
                code = answers[position]["status"]["errorCode"]
            except (LookupError, TypeError):
                code = None
            if code == 0 and removal.stays:
                reason = f"no call deletes it, {removal.call} has made it harmless"
            elif code in (0, _GONE):
                continue
            else:
                reason = f"{removal.call} answered {'nothing' if code is None else f'error {code}'}"
            self._ids.setdefault((removal.made_id, reason), []).append(str(sub_request[removal.parameter]))

    @property
    def sentences(self) -> list[str]:
        return [f"{what} {', '.join(ids)}: {reason}" for (what, reason), ids in self._ids.items()]


def _removal(sub_request: Mapping[str, Any]) -> _Removal:
    call = sub_request["requestName"]
    return next(each for each in _REMOVALS.values() if each.call == call and each.parameter in sub_request)
