"""getIssuedCoupons. Facts: `docs/protocol/erply-calls.md`, "Coupons"."""

from datetime import date, timedelta
from typing import Any, Final

from erply_points.calls import fields
from erply_points.calls.call import Context, ListingCall, Params, Record
from erply_points.calls.coupons import coupon_of
from erply_points.calls.issued_coupons import campaign_name, status_of, today
from erply_points.calls.paging import conditions, page
from erply_points.calls.records import shape
from erply_points.store.listing import Condition, Listing, Operator, Page
from erply_points.store.rows import IssuedCoupon
from erply_points.store.unit_of_work import Needs

_FILTERS: Final[dict[str, tuple[str, Operator]]] = {
    "issuedTimestampFrom": ("issued_at", ">="),
    "issuedTimestampTo": ("issued_at", "<="),
    "redeemedTimestampFrom": ("redeemed_at", ">="),
    "redeemedTimestampTo": ("redeemed_at", "<="),
    "issuedCustomerID": ("customer_id", "="),
    "redeemedCustomerID": ("redeemed_customer_id", "="),
    "changedSince": ("changed_at", ">="),
}
_LISTS: Final = {
    "issuedCustomerIDs": "customer_id",
    "redeemedCustomerIDs": "redeemed_customer_id",
    "couponIDs": "coupon_id",
    "issuedInvoiceIDs": "document_id",
    "redeemedInvoiceIDs": "redeemed_document_id",
}


def _listing(context: Context, params: Params) -> Listing:
    asked = conditions(params, _FILTERS)
    asked += [Condition((by,), "in", fields.id_list(params[name])) for name, by in _LISTS.items() if params.get(name)]
    if identifiers := params.get("uniqueIdentifier", ""):
        asked.append(Condition(("identifier",), "in", [part.strip() for part in identifiers.split(",")]))
    asked += _in_state(params.get("status", ""), today(context))
    if params.get("redeemedTimestampTo"):
        asked.append(Condition(("redeemed_at",), ">", 0))
    return Listing("issued_coupons", tuple(asked), **page(params))


def _in_state(status: str, day: date) -> list[Condition]:
    unused = Condition(("redeemed_at",), "=", 0)
    match status:
        case "REDEEMED":
            return [Condition(("redeemed_at",), ">", 0)]
        case "EXPIRED":
            return [unused, Condition(("last_day",), "<=", (day - timedelta(days=1)).isoformat())]
        case "ACTIVE":
            return [unused, Condition(("last_day",), ">=", day.isoformat())]
    return []


def _refers_to(page: Page) -> Needs:
    needs: dict[str, set[Any]] = {"coupons": set(), "customers": set(), "documents": set(), "warehouses": set()}
    for coupon in page.rows:
        stored = fields.load(coupon.fields)
        needs["coupons"].add(coupon.coupon_id)
        needs["customers"] |= {coupon.customer_id, coupon.redeemed_customer_id}
        needs["documents"] |= {coupon.document_id, coupon.redeemed_document_id}
        needs["warehouses"] |= {stored.get("issuedWarehouseID", 0), stored.get("redeemedWarehouseID", 0)}
    return needs


def _records(context: Context, _: Params, page: Page) -> list[Record]:
    day = today(context)

    def record(row: IssuedCoupon) -> Record:
        rule = coupon_of(context, row.coupon_id)
        stored = fields.load(row.fields)
        warehouse_id, redeemed_warehouse_id = (stored.get(f"{use}WarehouseID", 0) for use in ("issued", "redeemed"))
        return shape("getIssuedCoupons").record(
            {
                "issuedCouponID": row.id,
                "couponID": row.coupon_id,
                "couponCode": rule.code,
                "campaignName": campaign_name(context, rule.campaign_id),
                "uniqueIdentifier": row.identifier,
                "issuedTimestamp": row.issued_at,
                "expiryDate": row.expiry_date or "0000-00-00",
                "issuedInvoiceID": row.document_id,
                "issuedInvoiceNo": _invoice_number(context, row.document_id),
                "issuedCustomerID": row.customer_id,
                "issuedCustomerCardNumber": _card_number(context, row.customer_id),
                "issuedWarehouseCode": _warehouse_code(context, warehouse_id),
                "issuedPointOfSaleID": row.point_of_sale_id,
                "redeemedTimestamp": row.redeemed_at,
                "redeemedInvoiceID": row.redeemed_document_id,
                "redeemedInvoiceNo": _invoice_number(context, row.redeemed_document_id),
                "redeemedCustomerID": row.redeemed_customer_id,
                "redeemedCustomerCardNumber": _card_number(context, row.redeemed_customer_id),
                "redeemedWarehouseCode": _warehouse_code(context, redeemed_warehouse_id),
                "status": status_of(row, day),
                "added": row.added_at,
                "lastModified": row.changed_at,
            },
            stored,
        )

    return list(map(record, page.rows))


def _invoice_number(context: Context, document_id: int) -> str:
    document = context.work.documents.get(document_id)
    return str(document.custom_number or document.number or "") if document is not None else ""


def _card_number(context: Context, customer_id: int) -> str:
    customer = context.work.customers.get(customer_id)
    return customer.card_number if customer is not None else ""


def _warehouse_code(context: Context, warehouse_id: int) -> str:
    warehouse = context.work.warehouses.get(warehouse_id)
    return warehouse.code if warehouse is not None else ""


CALLS: Final = (ListingCall("getIssuedCoupons", _listing, _records, refers_to=_refers_to),)
