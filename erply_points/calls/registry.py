"""All calls by name. A call that is not listed here does not exist."""

from typing import Final

from erply_points.calls import configuration, customers, points, sales, sales_listing, sessions, vat_rates
from erply_points.calls.call import Call, ListingCall

CALLS: Final[dict[str, Call | ListingCall]] = {
    call.name: call
    for module in (sessions, configuration, customers, points, sales, sales_listing, vat_rates)
    for call in module.CALLS
}
