"""Warehouses, which are stores, and their points of sale. Facts: `docs/protocol/erply-calls.md`, "Master data"."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from erply_points.accounts import rights
from erply_points.calls import fields
from erply_points.calls.call import Call, Context, ListingCall, Params, Record
from erply_points.calls.master import MasterTable, check_name, name_of
from erply_points.calls.paging import conditions, page
from erply_points.calls.records import shape
from erply_points.calls.refusals import Inconsistent, Refusal, RequiredMissing
from erply_points.store.listing import Condition, Listing, Operator, Page
from erply_points.store.rows import Master
from erply_points.store.unit_of_work import Needs

WAREHOUSES: Final = MasterTable("warehouses", "saveWarehouse", "warehouseID")
POINTS_OF_SALE: Final = MasterTable("points_of_sale", "savePointOfSale", "pointOfSaleID")

_ALIASES: Final = {
    "bank": "bankName",
    "account": "bankAccountNumber",
    "priceListID": "pricelistID",
    "priceListID2": "pricelistID2",
    "priceListID3": "pricelistID3",
}
"""Names of saveWarehouse whose values getWarehouses gives back under another one."""
_PRICE_LISTS: Final = ("pricelistID", "pricelistID2", "pricelistID3", "pricelistID4", "pricelistID5")


def _save_warehouse(context: Context, params: Params) -> list[Record]:
    before = WAREHOUSES.before(context, params)
    params = dict(params)
    for alias, name in _ALIASES.items():
        if alias in params:
            value = params.pop(alias)
            if params.setdefault(name, value) != value:
                raise Inconsistent(alias, f"{alias} and {name} are two names of one field, and differ.")
    return WAREHOUSES.save(context, params, before, name_of(params, before.name), {})


def _check_warehouse(params: Params) -> Iterator[Refusal]:
    yield from check_name(params, "warehouseID")


def _warehouse_listing(context: Context, params: Params) -> Listing:
    filters: dict[str, tuple[str, Operator]] = {
        "warehouseID": ("id", "="),
        "code": ("code", "="),
        "storeRegionID": ("fields.storeRegionID", "="),
        "assortmentID": ("fields.assortmentID", "="),
    }
    asked = [*conditions(params, filters), *fields.attribute_conditions(params)]
    if params.get("userID"):
        user = context.work.users.get(params["userID"])
        allowed = rights.load(user.rights).warehouses if user is not None else frozenset()
        if allowed is not None:
            asked.append(Condition(("id",), "in", sorted(allowed)))
    return Listing("warehouses", tuple(asked), **page(params, size_default=None))


def _warehouse_records(_: Context, __: Params, page: Page) -> list[Record]:
    def record(row: Master) -> Record:
        stored = fields.load(row.fields)
        stored |= {name: str(stored[name]) for name in _PRICE_LISTS if name in stored}
        return shape("getWarehouses").record(
            {"warehouseID": row.id, "name": row.name, "code": row.code, "address": _address(stored)}, stored
        )

    return list(map(record, page.rows))


def _address(stored: dict[str, Any]) -> str:
    """The address in one line: `Pikk 1, 10123 Tallinn, Harju, Estonia`."""
    town = " ".join(stored[name] for name in ("ZIPcode", "city") if stored.get(name))
    street, address2, state, country = (stored.get(name, "") for name in ("street", "address2", "state", "country"))
    return ", ".join(part for part in (street, address2, town, state, country) if part)


def _point_of_sale_needs(params: Params) -> Needs:
    return {**POINTS_OF_SALE.needs(params), **WAREHOUSES.needs(params)}


def _save_point_of_sale(context: Context, params: Params) -> list[Record]:
    before = POINTS_OF_SALE.before(context, params)
    used = {}
    if "warehouseID" in params:
        used["warehouseID"] = WAREHOUSES.find(context, params["warehouseID"], "warehouseID").id
    return POINTS_OF_SALE.save(context, params, before, name_of(params, before.name), used)


def _check_point_of_sale(params: Params) -> Iterator[Refusal]:
    yield from check_name(params, "pointOfSaleID")
    if not params.get("pointOfSaleID") and "warehouseID" not in params:
        yield RequiredMissing("warehouseID", "A new till needs the warehouseID of the store that it stands in.")


_POINT_OF_SALE_FILTERS: Final[dict[str, tuple[str, Operator]]] = {
    "pointOfSaleID": ("id", "="),
    "warehouseID": ("fields.warehouseID", "="),
    "searchName": ("name", "prefix"),
    "changedSince": ("changed_at", ">="),
}


def _point_of_sale_listing(_: Context, params: Params) -> Listing:
    asked = [*conditions(params, _POINT_OF_SALE_FILTERS), *fields.attribute_conditions(params)]
    return Listing("points_of_sale", tuple(asked), **page(params, size_default=None))


def _point_of_sale_refers_to(page: Page) -> Needs:
    stored = [fields.load(row.fields) for row in page.rows]
    return {
        "warehouses": {each["warehouseID"] for each in stored},
        "vat_rates": {each["vatrateID"] for each in stored if each.get("vatrateID")},
    }


def _point_of_sale_records(context: Context, _: Params, page: Page) -> list[Record]:
    def record(row: Master) -> Record:
        stored = fields.load(row.fields)
        warehouse = context.work.warehouses.get(stored["warehouseID"])
        rate = context.work.vat_rates.get(stored["vatrateID"]) if stored.get("vatrateID") else None
        return shape("getPointsOfSale").record(
            {
                "pointOfSaleID": row.id,
                "name": row.name,
                "warehouseName": warehouse.name if warehouse else "",
                "vatrate": float(Decimal(rate.rate)) if rate else 0,
                "lastInvoiceNo": context.work.sequences.rows.get(f"invoices:{row.id}") or 0,
                "lastCouponNo": context.work.sequences.rows.get(f"coupons:{row.id}") or 0,
                "added": row.added_at,
                "lastModified": row.changed_at,
            },
            stored,
        )

    return list(map(record, page.rows))


CALLS: Final = (
    Call("saveWarehouse", _save_warehouse, needs=WAREHOUSES.needs, check=_check_warehouse, writes=True),
    ListingCall("getWarehouses", _warehouse_listing, _warehouse_records),
    Call("savePointOfSale", _save_point_of_sale, needs=_point_of_sale_needs, check=_check_point_of_sale, writes=True),
    ListingCall("getPointsOfSale", _point_of_sale_listing, _point_of_sale_records, refers_to=_point_of_sale_refers_to),
)
