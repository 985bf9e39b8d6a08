"""Promotions, which this server keeps for the tills that apply them.

Facts: `docs/protocol/erply-calls.md`, "Promotions". Of their many rules only those are checked that
`docs/protocol/erply-errors.md` calls necessary; the rest is stored as sent.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, zip_longest
from typing import Any, Final

from erply_points import schemas
from erply_points.calls import fields
from erply_points.calls.call import Call, Context, ListingCall, Params, Record
from erply_points.calls.master import MasterTable, name_of
from erply_points.calls.paging import conditions, page
from erply_points.calls.records import shape
from erply_points.calls.refusals import (
    AwardMissing,
    AwardsConflict,
    LocationsConflict,
    MaximumPointsDiscountConflict,
    OverrideNotManual,
    RedemptionLimitConflict,
    Refusal,
    RequirementMissing,
    RequirementsConflict,
)
from erply_points.store.listing import Condition, Listing, Operator, Page
from erply_points.store.rows import Master

CAMPAIGNS: Final = MasterTable("campaigns", "saveCampaign", "campaignID")

_KEPT: Final = frozenset(schemas.call_request("saveCampaign")["properties"]) - {"campaignID", "name"}
_NEW: Final[Params] = {"type": "auto", "enabled": 1, "startDate": "", "endDate": ""}

_LOCATIONS: Final = ("warehouseID", "storeGroup", "storeRegionIDs")
_REQUIREMENTS: Final = (
    ("purchaseTotalValue", "purchaseTotalValueMax"),
    (
        *("purchasedAmount", "purchasedProductGroupID", "purchasedProductCategoryID", "purchasedProductGroupIDs"),
        *("purchasedProductCategoryIDs", "purchasedBrandIDs", "purchasedProducts", "priceAtLeast", "priceAtMost"),
    ),
    ("rewardPoints",),
)
"""Kinds of requirement: a total, products, points. Fields of one kind go together, in Erply as well (1111, 1117)."""
_AWARDS: Final = (
    *("percentageOffEntirePurchase", "sumOffEntirePurchase", "specialPrice", "specialUnitPrice"),
    *("percentageOFF", "sumOFF", "percentageOffMatchingItems", "sumOffMatchingItems"),
)
_MINOR_AWARD: Final = "discountForOneLine"
"""An award by itself, and a detail of another one."""


def _save(context: Context, params: Params) -> list[Record]:
    before = CAMPAIGNS.before(context, params)
    given = {name: value for name, value in params.items() if name in _KEPT}
    used = given if before.id else {**_NEW, **given}
    _check_rules({**fields.load(before.fields), **used}, list(given))
    return CAMPAIGNS.save(context, params, before, name_of(params, before.name), used)


def _check(params: Params) -> Iterator[Refusal]:
    yield from fields.impossible_dates(params, ("startDate", "endDate"))


def _check_rules(campaign: Mapping[str, Any], sent: list[str]) -> None:
    """Hold a promotion, as it will be, to the rules. Of several fields the one `sent` last is at fault."""
    in_use = {name for name in campaign if _says_something(campaign, name)}

    def last(names: Iterable[str]) -> str:
        return max(in_use.intersection(names), key=lambda name: sent.index(name) if name in sent else -1)

    if len(in_use.intersection(_LOCATIONS)) > 1:
        raise LocationsConflict(last(_LOCATIONS), f"Only one of {', '.join(_LOCATIONS)} can be given.")
    requirements = [kind for kind in _REQUIREMENTS if in_use.intersection(kind)]
    if not requirements:
        raise RequirementMissing(None, "A promotion needs a requirement.")
    if len(requirements) > 1:
        raise RequirementsConflict(last(chain(*requirements)), "A promotion has only one requirement.")
    awards = in_use.intersection(_AWARDS)
    if not awards and _MINOR_AWARD not in in_use:
        raise AwardMissing(None, "A promotion needs an award.")
    if len(awards) > 1:
        raise AwardsConflict(last(awards), "A promotion has only one award.")
    if "requiresManagerOverride" in in_use and campaign["type"] != "manual":
        raise OverrideNotManual("requiresManagerOverride", "Only a manual promotion can need a manager's approval.")
    if "maximumPointsDiscount" in in_use and not in_use >= {"rewardPoints", "sumOffEntirePurchase"}:
        raise MaximumPointsDiscountConflict(
            "maximumPointsDiscount", "maximumPointsDiscount goes with rewardPoints and sumOffEntirePurchase only."
        )
    if in_use >= {"redemptionLimit", "rewardPoints"}:
        raise RedemptionLimitConflict("redemptionLimit", "redemptionLimit does not go with rewardPoints.")


def _says_something(campaign: Mapping[str, Any], name: str) -> bool:
    """Whether a field is neither empty nor 0."""
    value = campaign[name]
    if isinstance(value, str):
        return bool(value.strip() if name == "storeGroup" else value.strip(" 0.,"))
    return bool(value)


_FILTERS: Final[dict[str, tuple[str, Operator]]] = {
    "campaignID": ("id", "="),
    "type": ("fields.type", "="),
    "changedSince": ("changed_at", ">="),
}


def _listing(context: Context, params: Params) -> Listing:
    asked = conditions(params, _FILTERS)
    if params.get("activeToday"):
        today = datetime.fromtimestamp(context.now, UTC).astimezone(context.settings.timezone).strftime("%Y-%m-%d")
        asked.append(Condition(("fields.enabled",), "=", 1))
        asked.append(Condition(("fields.startDate",), "<=", today))
        asked.append(Condition(("last_day",), ">=", today))
    if params.get("warehouseID"):
        asked.append(Condition(("fields.warehouseID", "fields.warehouseIDs"), "lists", [params["warehouseID"]]))
    for name in ("storeRegionIDs", "customerGroupIDs"):
        if numbers := fields.id_list(params.get(name, "")):
            asked.append(Condition((f"fields.{name}",), "lists", numbers))
    asked += fields.attribute_conditions(params)
    return Listing("campaigns", tuple(asked), **page(params))


_LINKED: Final = {"storeRegions": "storeRegionIDs", "customerGroups": "customerGroupIDs"}
_PRODUCTS: Final = {
    "purchasedProducts": "purchasedProductSubsidies",
    "awardedProducts": "awardedProductSubsidies",
    "excludedProducts": "",
    "sumOffExcludedProducts": "",
    "sumOffIncludedProducts": "",
}
"""Lists of products, and the lists beside them of what the supplier pays for each."""
_PRODUCT_IDS: Final = ("percentageOffExcludedProducts", "percentageOffIncludedProducts")
_DATES: Final = ("startDate", "endDate")


def _records(_: Context, __: Params, page: Page) -> list[Record]:
    def record(row: Master) -> Record:
        stored = fields.load(row.fields)
        lists: Record = {
            name: [{"id": number} for number in fields.id_list(stored.get(text, ""))] for name, text in _LINKED.items()
        }
        for name, subsidies in _PRODUCTS.items():
            lists[name] = list(_products(stored.get(name, ""), stored.get(subsidies, "")))
        for name in _PRODUCT_IDS:
            lists[name] = fields.id_list(stored.get(name, ""))
        return shape("getCampaigns").record(
            {"campaignID": row.id, "name": row.name, "added": row.added_at, "lastModified": row.changed_at},
            stored,
            lists,
            {name: stored.get(name) or "0000-00-00" for name in _DATES},
            {"canBeAppliedManuallyMultipleTimes": int(_repeats(stored))},
        )

    return list(map(record, page.rows))


def _repeats(stored: Mapping[str, Any]) -> bool:
    """Whether a cashier can choose the promotion more than once for one sale."""
    return (
        stored["type"] == "manual" and stored.get("redemptionLimit") != 1 and not stored.get("customerCanUseOnlyOnce")
    )


_SUBSIDY: Final = re.compile(r" *([0-9]{1,12}(?:\.[0-9]{1,10})?) *")


def _products(products: str, subsidies: str) -> Iterator[Record]:
    """`38,39` and `0.5,1` as products with what the supplier pays for each; what is no number there is left out."""
    for product, subsidy in zip_longest(products.split(","), subsidies.split(","), fillvalue=""):
        if product.strip():
            paid = _SUBSIDY.fullmatch(subsidy)
            yield {"productID": int(product), **({"subsidy": float(paid[1])} if paid else {})}


CALLS: Final = (
    Call("saveCampaign", _save, needs=CAMPAIGNS.needs, check=_check, writes=True),
    ListingCall("getCampaigns", _listing, _records),
)
