"""All calls by name. A call that is not listed here does not exist."""

from typing import Final

from erply_points.calls import (
    configuration,
    corrections,
    customers,
    points,
    rights,
    sales,
    sales_deletion,
    sales_listing,
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
    corrections,
    sales,
    sales_listing,
    sales_deletion,
    vat_rates,
)

CALLS: Final[dict[str, Call | ListingCall]] = {call.name: call for module in _MODULES for call in module.CALLS}
