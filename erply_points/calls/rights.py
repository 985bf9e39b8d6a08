"""Which right each call needs, and getUserRights."""

from collections.abc import Mapping
from typing import Any, Final

from erply_points.accounts import rights
from erply_points.accounts.rights import ALL_RIGHTS, FLAGS, Rights
from erply_points.calls.call import Context, ListingCall, Params, Record
from erply_points.calls.paging import page
from erply_points.calls.records import shape
from erply_points.calls.refusals import (
    Inconsistent,
    NoAddingRights,
    NoDeletingRights,
    NoEditingRights,
    NoLocationAccess,
    NoViewingRights,
    Refusal,
)
from erply_points.store.listing import Condition, Listing, Page
from erply_points.store.rows import User

_REFUSALS: Final[dict[str, type[Refusal]]] = {
    "view": NoViewingRights,
    "add": NoAddingRights,
    "edit": NoEditingRights,
    "delete": NoDeletingRights,
}

_VIEWED: Final = {
    "getCustomers": "customers",
    "getCustomerRewardPoints": "points",
    "getEarnedRewardPointRecords": "points",
    "getUsedRewardPointRecords": "points",
    "getSalesDocuments": "sales",
    "getPayments": "payments",
    "getGiftCards": "giftCards",
    "getCoupons": "coupons",
    "getIssuedCoupons": "coupons",
    "verifyIssuedCoupon": "coupons",
    "getCampaigns": "campaigns",
    "getProducts": "products",
    "getWarehouses": "warehouses",
    "getPointsOfSale": "warehouses",
    "getEmployees": "employees",
    "getVatRates": "vatRates",
}
_SAVED: Final = {
    "saveCustomer": ("customers", "customerID"),
    "saveSalesDocument": ("sales", "id"),
    "savePayment": ("payments", "paymentID"),
    "saveGiftCard": ("giftCards", "giftCardID"),
    "saveCoupon": ("coupons", "couponID"),
    "saveIssuedCoupon": ("coupons", "issuedCouponID"),
    "saveCampaign": ("campaigns", "campaignID"),
    "saveProduct": ("products", "productID"),
    "saveWarehouse": ("warehouses", "warehouseID"),
    "savePointOfSale": ("warehouses", "pointOfSaleID"),
    "saveEmployee": ("employees", "employeeID"),
    "saveVatRate": ("vatRates", "vatRateID"),
}
"""What is saved, and the parameter that says which, if it is an edit."""
_OTHER: Final = {
    "subtractCustomerRewardPoints": "points.add",
    "addCustomerRewardPoints": "points.add",
    "editEarnedRewardPointRecord": "points.edit",
    "editUsedRewardPointRecord": "points.edit",
    "redeemIssuedCoupon": "coupons.edit",
    "deleteCustomer": "customers.delete",
    "deleteSalesDocument": "sales.delete",
    "deletePayment": "payments.delete",
    "deleteCoupon": "coupons.delete",
}


def needed(call: str, given: Mapping[str, Any]) -> str | None:
    """The right that a call needs with these parameters; None if all users may."""
    if call in _VIEWED:
        return f"{_VIEWED[call]}.view"
    if call in _SAVED:
        kind, id_name = _SAVED[call]
        return f"{kind}.{'edit' if _whole(given.get(id_name)) else 'add'}"
    return _OTHER.get(call)


def _whole(value: Any) -> int:
    """An ID as the call will read it, before it is known to be one; 0 for none."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


def check(user_rights: Rights, call: str, given: Mapping[str, Any]) -> None:
    """Raise the refusal if the user lacks the right; `given` are the parameters as sent."""
    if user_rights == ALL_RIGHTS:
        return
    right = needed(call, given)
    if right is not None and not user_rights.allow(right):
        kind, action = right.split(".")
        raise _REFUSALS[action](None, f"The user may not {action} {kind}.")
    if call == "addCustomerRewardPoints" and not user_rights.allow("rightAddRewardPoints"):
        raise NoAddingRights(None, "The user may not edit customers' points.")
    warehouse_id = _whole(given.get("warehouseID"))
    limited = call == "saveSalesDocument" and user_rights.warehouses is not None and warehouse_id
    if limited and warehouse_id not in (user_rights.warehouses or ()):
        raise NoLocationAccess("warehouseID", "The user has no access to this store.")


def check_location(context: Context, field: str, warehouse_id: int) -> None:
    """Raise NoLocationAccess for a document of a store that the user may not use."""
    if context.rights.warehouses is not None and warehouse_id and warehouse_id not in context.rights.warehouses:
        raise NoLocationAccess(field, "The user has no access to the store of this document.")


def _listing(context: Context, params: Params) -> Listing:
    if params.get("userID") and params.get("getCurrentUser"):
        raise Inconsistent("getCurrentUser", "userID and getCurrentUser cannot be given together.")
    asked = params.get("userID", 0)
    if params.get("getCurrentUser") and context.user is not None:
        asked = context.user.id
    conditions = (Condition(("id",), "=", asked),) if asked else ()
    return Listing("users", conditions, **page(params, size_default=None))


def _records(_: Context, __: Params, page: Page) -> list[Record]:
    def record(user: User) -> Record:
        held = rights.load(user.rights)
        return shape("getUserRights").record(
            {
                "userID": user.id,
                "userName": user.username,
                "groupID": user.group_id,
                "added": user.added_at,
                "lastModified": user.added_at,
            },
            {flag: int(held.allow(flag)) for flag in FLAGS},
        )

    return list(map(record, page.rows))


CALLS: Final = (ListingCall("getUserRights", _listing, _records, of_session=True),)
