"""Coupon rules, the blueprints of issued coupons. Facts: `docs/protocol/erply-calls.md`, "Coupons"."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from erply_points.calls import fields
from erply_points.calls.call import Call, Context, ListingCall, Params, Record
from erply_points.calls.money import decimal_text
from erply_points.calls.paging import conditions, page
from erply_points.calls.records import shape
from erply_points.calls.refusals import Inconsistent, Refusal, RelatedRecords, UnknownID
from erply_points.store.listing import Condition, Listing, Operator, Page
from erply_points.store.rows import Coupon
from erply_points.store.unit_of_work import Needs

_DATES: Final = ("issuedFromDate", "issuedUntilDate")
_COLUMNS: Final = ("name", "code", "campaignID")
"""Stored, but in columns of their own."""


def _needs(params: Params) -> Needs:
    return {"coupons": {params["couponID"]}} if params.get("couponID") else {}


def _check(params: Params) -> Iterator[Refusal]:
    yield from fields.impossible_dates(params, _DATES)


def coupon_of(context: Context, coupon_id: int) -> Coupon:
    coupon = context.work.coupons.get(coupon_id)
    if coupon is None:
        raise UnknownID("couponID", f"There is no coupon rule {coupon_id}.")
    return coupon


def _save(context: Context, params: Params) -> list[Record]:
    work = context.work
    coupon_id = params.get("couponID", 0)
    new = Coupon(0, 0, "", "", 0, context.now, context.now, "{}")
    saved = _changed(context, params, coupon_of(context, coupon_id) if coupon_id else new)
    if not saved.id:
        saved = saved._replace(id=work.new_id("coupons"))
    work.coupons.put(saved.id, saved)
    return [{"couponID": saved.id}]


def _changed(context: Context, params: Params, before: Coupon) -> Coupon:
    stored = fields.stored("saveCoupon", params)
    for name in _COLUMNS:
        stored.pop(name, None)
    if "threshold" in stored:
        stored["threshold"] = decimal_text(stored["threshold"])
    known: dict[str, Any] = {**fields.load(before.fields), **stored}
    if known.get("warehouseID") and known.get("storeGroup"):
        raise Inconsistent("storeGroup", "A coupon is issued by one warehouseID or one storeGroup, not both.")
    return before._replace(
        campaign_id=params.get("campaignID", before.campaign_id),
        name=params.get("name", before.name),
        code=params.get("code", before.code),
        printing_cost=params.get("printingCostInRewardPoints", before.printing_cost),
        changed_at=context.now,
        fields=fields.dump(known),
    )


def _delete_needs(params: Params) -> Needs:
    return {"coupons": {params["couponID"]}, "coupons_issued": {params["couponID"]}}


def _delete(context: Context, params: Params) -> list[Record]:
    coupon = coupon_of(context, params["couponID"])
    if context.work.coupons_issued.get(coupon.id):
        raise RelatedRecords("couponID", f"Coupons were issued of rule {coupon.id}.")
    context.work.coupons.delete(coupon.id)
    return []


_FILTERS: Final[dict[str, tuple[str, Operator]]] = {"couponID": ("id", "="), "changedSince": ("changed_at", ">=")}


def _listing(_: Context, params: Params) -> Listing:
    asked = conditions(params, _FILTERS)
    if params.get("couponIDs"):
        asked.append(Condition(("id",), "in", fields.id_list(params["couponIDs"])))
    return Listing("coupons", tuple(asked), **page(params))


def _records(_: Context, __: Params, page: Page) -> list[Record]:
    def record(row: Coupon) -> Record:
        stored = fields.load(row.fields)
        return shape("getCoupons").record(
            {
                "couponID": row.id,
                "campaignID": row.campaign_id,
                "name": row.name,
                "code": row.code,
                "printingCostInRewardPoints": row.printing_cost,
                # Erply has these two under misspelled names as well, the first without decimals.
                "treshold": int(Decimal(stored.get("threshold", 0))),
                "tresholdType": stored.get("thresholdType", ""),
                "added": row.added_at,
                "lastModified": row.changed_at,
            },
            stored,
            {name: stored.get(name) or "0000-00-00" for name in _DATES},
        )

    return list(map(record, page.rows))


CALLS: Final = (
    Call("saveCoupon", _save, needs=_needs, check=_check, writes=True),
    Call("deleteCoupon", _delete, needs=_delete_needs, writes=True),
    ListingCall("getCoupons", _listing, _records),
)
