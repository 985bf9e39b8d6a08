"""All calls by name. A call that is not listed here does not exist."""

from typing import Final

from erply_points.calls import (
    balances,
    campaigns,
    configuration,
    corrections,
    coupons,
    customers,
    employees,
    gift_cards,
    issued_coupons,
    issued_coupons_listing,
    payments,
    places,
    points,
    points_listing,
    products,
    rights,
    sales,
    sales_deletion,
    sales_listing,
    service_endpoints,
    sessions,
    vat_rates,
)
from erply_points.calls.call import Call, ListingCall

_MODULES: Final = (
    sessions,
    rights,
    configuration,
    customers,
    points,
    balances,
    points_listing,
    corrections,
    sales,
    sales_listing,
    sales_deletion,
    payments,
    gift_cards,
    coupons,
    issued_coupons,
    issued_coupons_listing,
    vat_rates,
    products,
    places,
    employees,
    campaigns,
    service_endpoints,
)

CALLS: Final[dict[str, Call | ListingCall]] = {call.name: call for module in _MODULES for call in module.CALLS}
