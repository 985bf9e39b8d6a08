"""Issued coupons, the numbered pieces of a coupon rule. Facts: `docs/protocol/erply-calls.md`, "Coupons".

Issuing takes the rule's cost in points from the customer, in one step with the coupon; a correction takes nothing. A
coupon can be used until the end of its last day, as the account's time zone has it.
"""

import secrets
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final

from erply_points.accounts.account import Account, OpenSession
from erply_points.calls import fields
from erply_points.calls.call import DEFAULT_CURRENCY, Call, Context, Params, Record
from erply_points.calls.coupons import coupon_of
from erply_points.calls.named import customer_of, document_of
from erply_points.calls.posting import TRANSACTIONS, spend
from erply_points.calls.records import shape
from erply_points.calls.refusals import (
    CouponExpired,
    CouponMissing,
    CouponRedeemed,
    EarnsNoPoints,
    Inconsistent,
    NotUnique,
    Refusal,
    RequiredMissing,
    UnknownID,
)
from erply_points.calls.sales_marks import link
from erply_points.ledger.amounts import from_points
from erply_points.ledger.records import Redemption
from erply_points.store.rows import Coupon, IssuedCoupon
from erply_points.store.unit_of_work import Needs

_ALIASES: Final = {
    "pointOfSaleID": "issuedPointOfSaleID",
    "invoiceID": "issuedInvoiceID",
    "customerID": "issuedCustomerID",
    "warehouseID": "issuedWarehouseID",
    "employeeID": "issuedEmployeeID",
    "timestamp": "issuedTimestamp",
}
_TAKEN_BY: Final = {
    "warehouseID": "redeemedWarehouseID",
    "pointOfSaleID": "redeemedPointOfSaleID",
    "employeeID": "redeemedEmployeeID",
}
"""Fields of redeemIssuedCoupon under the names they are given back by."""


def _needs(params: Params) -> Needs:
    needs: dict[str, set[Any]] = {}
    for name, table in (("couponID", "coupons"), ("issuedCouponID", "issued_coupons")):
        if params.get(name):
            needs[table] = {params[name]}
    if params.get("uniqueIdentifier"):
        needs["coupon_identifiers"] = {params["uniqueIdentifier"]}
    if customer_id := params.get(_name(params, "customerID")):
        needs["customers"] = {customer_id}
        needs["wallets"] = {(customer_id, DEFAULT_CURRENCY)}
    document_id = params.get(_name(params, "invoiceID"))
    if document_id and isinstance(document_id, int):
        needs["documents"] = {document_id}
    return needs


def _name(params: Params, name: str) -> str:
    """Under which of its two names a parameter was sent; 0 under one of them is as if it had not been."""
    alias = _ALIASES[name]
    return alias if params.get(alias) or (alias in params and name not in params) else name


def _check(params: Params) -> Iterator[Refusal]:
    if not params.get("issuedCouponID"):
        if not params.get("couponID"):
            yield RequiredMissing("couponID", "couponID is required for a new coupon.")
        if not params.get("uniqueIdentifier") and not params.get(_name(params, "pointOfSaleID")):
            yield RequiredMissing("pointOfSaleID", "A new coupon needs a pointOfSaleID or a uniqueIdentifier.")
    yield from fields.impossible_dates(params, ("expiryDate",))


async def _draw_digits(_: Account, __: OpenSession | None, ___: Params) -> str:
    """The random end of an identifier: drawn once, however often the call has to be run again for another row."""
    return f"{secrets.randbelow(10_000):04}"


def _save(context: Context, params: Params) -> list[Record]:
    work = context.work
    issued_id = params.get("issuedCouponID", 0)
    before = work.issued_coupons.get(issued_id) if issued_id else None
    if issued_id and before is None:
        raise UnknownID("issuedCouponID", f"There is no issued coupon {issued_id}.")
    rule = coupon_of(context, params.get("couponID") or (before.coupon_id if before is not None else 0))
    saved = _changed(context, params, before or _blank(context), rule)
    if before is not None:
        _put(context, _corrected(context, params, saved), before)
        return [_saved_record(saved, rule, cost=0)]
    cost = 0 if params.get("doNotSubtractRewardPoints") else rule.printing_cost
    if cost and not saved.customer_id:
        raise RequiredMissing("customerID", "A coupon that costs points needs a customerID.")
    saved = saved._replace(
        id=work.new_id("issued_coupons"),
        identifier=saved.identifier or _new_identifier(context, rule, saved.point_of_sale_id),
    )
    if cost:
        _charge(context, saved, cost)
    _put(context, saved)
    return [_saved_record(saved, rule, cost)]


def _blank(context: Context) -> IssuedCoupon:
    now = context.now
    return IssuedCoupon(0, 0, "", 0, 0, 0, now, "", 0, 0, 0, added_at=now, changed_at=now, fields="{}")


def _changed(context: Context, params: Params, before: IssuedCoupon, rule: Coupon) -> IssuedCoupon:
    """The coupon with what is said of its issue."""
    sent = {name: params[_name(params, name)] for name in _ALIASES if _name(params, name) in params}
    if "invoiceID" in sent:
        document_of(context, params, _name(params, "invoiceID"))
    if sent.get("customerID"):
        customer_of(context, sent["customerID"], _name(params, "customerID"))
    _check_names(params)
    stored = {_ALIASES[name]: sent[name] for name in ("warehouseID", "employeeID") if name in sent}
    if "isPrintedAutomatically" in params:
        stored["isPrintedAutomatically"] = int(params["isPrintedAutomatically"] != 0)
    changed = before._replace(
        coupon_id=rule.id,
        identifier=params.get("uniqueIdentifier") or before.identifier,
        customer_id=sent.get("customerID", before.customer_id),
        document_id=sent.get("invoiceID", before.document_id),
        point_of_sale_id=sent.get("pointOfSaleID", before.point_of_sale_id),
        issued_at=sent.get("timestamp") or before.issued_at,
        expiry_date=params.get("expiryDate", before.expiry_date).replace("0000-00-00", ""),
        changed_at=context.now,
        fields=fields.dump({**fields.load(before.fields), **stored}),
    )
    holder = context.work.coupon_identifiers.get(changed.identifier) if changed.identifier else None
    if holder is not None and holder.id != before.id:
        raise NotUnique("uniqueIdentifier", "Another issued coupon has this uniqueIdentifier.")
    return changed


def _check_names(params: Params) -> None:
    for name, alias in _ALIASES.items():
        if params.get(name) and params.get(alias) and params[name] != params[alias]:
            raise Inconsistent(alias, f"{name} and {alias} are one thing and have different values.")


def _corrected(context: Context, params: Params, coupon: IssuedCoupon) -> IssuedCoupon:
    """The coupon with what is corrected of its use; `redeemedTimestamp` 0 makes it unused."""
    document_of(context, params, "redeemedInvoiceID")
    stored = {name: params[name] for name in _TAKEN_BY.values() if name in params}
    return coupon._replace(
        redeemed_at=params.get("redeemedTimestamp", coupon.redeemed_at),
        redeemed_document_id=params.get("redeemedInvoiceID", coupon.redeemed_document_id),
        redeemed_customer_id=params.get("redeemedCustomerID", coupon.redeemed_customer_id),
        fields=fields.dump({**fields.load(coupon.fields), **stored}),
    )


def _new_identifier(context: Context, rule: Coupon, point_of_sale_id: int) -> str:
    """Register (up to 3 digits), rule (4), sequence of the register (7), and 4 random digits.

    Longer numbers lend their last digits. What somebody has chosen to call a coupon before is passed over.
    """
    digits: str = context.prepared
    while True:
        number = context.work.next_number(f"coupons:{point_of_sale_id}")
        identifier = f"{point_of_sale_id % 1_000}{rule.id % 10_000:04}{number % 10_000_000:07}{digits}"
        if context.work.coupon_identifiers.get(identifier) is None:
            return identifier


def _charge(context: Context, coupon: IssuedCoupon, cost: int) -> None:
    """Take the cost from the customer. Raises EarnsNoPoints, NotEnoughPoints."""
    if customer_of(context, coupon.customer_id).reward_points_disabled:
        raise EarnsNoPoints(None, f"Customer {coupon.customer_id} does not collect points.")
    stored = fields.load(coupon.fields)
    spend(
        context,
        Redemption(
            id=context.work.new_id(TRANSACTIONS),
            customer_id=coupon.customer_id,
            currency_id=DEFAULT_CURRENCY,
            points=from_points(cost),
            unpaid=0,
            created_at=coupon.issued_at,
            document_id=coupon.document_id,
            campaign_id=0,
            warehouse_id=stored.get("issuedWarehouseID", 0),
            point_of_sale_id=coupon.point_of_sale_id,
            employee_id=stored.get("issuedEmployeeID", 0),
            issued_coupon_id=coupon.id,
            description="",
        ),
    )


def _put(context: Context, after: IssuedCoupon, before: IssuedCoupon | None = None) -> None:
    work = context.work
    if before is not None and before.identifier != after.identifier:
        work.coupon_identifiers.delete(before.identifier)
    work.issued_coupons.put(after.id, after)
    work.coupon_identifiers.put(after.identifier, after)
    was = before or _blank(context)
    link(context, "issuedCoupons", after.id, [was.document_id], [after.document_id])
    link(context, "redeemedCoupons", after.id, [was.redeemed_document_id], [after.redeemed_document_id])
    work.forget_belongings()


def _saved_record(coupon: IssuedCoupon, rule: Coupon, cost: int) -> Record:
    return shape("saveIssuedCoupon").record(
        {
            "issuedCouponID": coupon.id,
            "couponID": rule.id,
            "couponCode": rule.code,
            "couponName": rule.name,
            "couponDescription": fields.load(rule.fields).get("description", ""),
            "uniqueIdentifier": coupon.identifier,
            "printingCostInRewardPoints": cost,
        }
    )


def today(context: Context) -> date:
    return datetime.fromtimestamp(context.now, context.settings.timezone).date()


def status_of(coupon: IssuedCoupon, day: date) -> str:
    if coupon.redeemed_at:
        return "REDEEMED"
    return "EXPIRED" if coupon.expiry_date and coupon.expiry_date < day.isoformat() else "ACTIVE"


def _presented_needs(params: Params) -> Needs:
    needs: dict[str, set[Any]] = {"coupon_identifiers": {params["uniqueIdentifier"]}}
    document_id = params.get("invoiceID")
    if document_id and isinstance(document_id, int):
        needs["documents"] = {document_id}
    return needs


def _presented(context: Context, params: Params) -> IssuedCoupon:
    """The coupon that is shown at the till. Raises CouponMissing."""
    found = context.work.coupon_identifiers.get(params["uniqueIdentifier"])
    coupon = context.work.issued_coupons.get(found.id) if found is not None else None
    if coupon is None:
        raise CouponMissing(None, "No coupon with this uniqueIdentifier was issued.")
    return coupon


def _check_usable(context: Context, coupon: IssuedCoupon) -> None:
    """Raises CouponRedeemed, even if the coupon has expired as well; CouponExpired."""
    status = status_of(coupon, today(context))
    if status == "REDEEMED":
        raise CouponRedeemed(None, "The coupon has been redeemed.")
    if status == "EXPIRED":
        raise CouponExpired(None, f"The coupon's last day was {coupon.expiry_date}.")


def _verify(context: Context, params: Params) -> list[Record]:
    coupon = _presented(context, params)
    _check_usable(context, coupon)
    rule = coupon_of(context, coupon.coupon_id)
    return [
        shape("verifyIssuedCoupon").record(
            {
                "issuedCouponID": coupon.id,
                "couponID": coupon.coupon_id,
                "uniqueIdentifier": coupon.identifier,
                "campaignName": campaign_name(context, rule.campaign_id),
                "expiryDate": coupon.expiry_date or "0000-00-00",
            }
        )
    ]


def campaign_name(context: Context, campaign_id: int) -> str:
    campaign = context.work.campaigns.get(campaign_id) if campaign_id else None
    return campaign.name if campaign is not None else ""


def _redeem(context: Context, params: Params) -> list[Record]:
    coupon = _presented(context, params)
    document_id = document_of(context, params)
    _check_usable(context, coupon)
    stored = {shown: params[name] for name, shown in _TAKEN_BY.items() if name in params}
    used = coupon._replace(
        redeemed_at=params.get("timestamp") or context.now,
        redeemed_document_id=document_id,
        redeemed_customer_id=params.get("customerID", 0),
        changed_at=context.now,
        fields=fields.dump({**fields.load(coupon.fields), **stored}),
    )
    _put(context, used, coupon)
    return [{"issuedCouponID": used.id, "couponID": used.coupon_id, "uniqueIdentifier": used.identifier}]


CALLS: Final = (
    Call("saveIssuedCoupon", _save, needs=_needs, check=_check, writes=True, prepare=_draw_digits),
    Call("redeemIssuedCoupon", _redeem, needs=_presented_needs, writes=True),
    Call("verifyIssuedCoupon", _verify, needs=_presented_needs),
)
