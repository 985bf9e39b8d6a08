"""Products. Facts: `docs/protocol/erply-calls.md`, "getProducts" and "saveProduct"."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from decimal import Context as Arithmetic
from typing import Any, Final

from erply_points.calls import fields, money
from erply_points.calls.call import Call, Context, ListingCall, Params, Record
from erply_points.calls.master import name_of, unknown
from erply_points.calls.paging import conditions, order, page
from erply_points.calls.records import shape
from erply_points.calls.refusals import Inconsistent, NotUnique, UnknownID
from erply_points.store.listing import Condition, Listing, Operator, Page
from erply_points.store.rows import Product, VatRate
from erply_points.store.unit_of_work import Needs, Table

PAGE_SIZE_MAX: Final = 1_000
PAGE_SIZE_MAX_WITH_STOCK: Final = 100
_OFFSET_MAX: Final = 2**53

_EXACT: Final = Arithmetic(prec=60, rounding=ROUND_HALF_UP)
_NET_STEP: Final = Decimal(1).scaleb(-20)
"""A price with tax is kept without, so finely that it comes back as it was sent."""
_GROSS_STEP: Final = Decimal(1).scaleb(-10)

_ARCHIVED: Final = "ARCHIVED"
_DEFAULT_TYPE: Final = "PRODUCT"


def _needs(params: Params) -> Needs:
    needs = {}
    for name, table in (("productID", "products"), ("vatrateID", "vat_rates")):
        if params.get(name):
            needs[table] = {params[name]}
    for name, table in (("code", "product_codes"), ("code2", "product_codes2")):
        if params.get(name):
            needs[table] = {params[name]}
    return needs


def _save(context: Context, params: Params) -> list[Record]:
    work = context.work
    product_id = params.get("productID", 0)
    before = work.products.get(product_id) if product_id else None
    if product_id and before is None:
        raise unknown("products", product_id, "productID")
    if before is None:
        before = Product(0, "", "", "", "0", 0, 1, 0, context.now, context.now, "{}")
    saved = _changed(context, params, before)
    for name, codes, code_before, code in (
        ("code", work.product_codes, before.code, saved.code),
        ("code2", work.product_codes2, before.code2, saved.code2),
    ):
        _check_code(name, codes, code, before.id)
        if code_before and code_before != code:
            codes.delete(code_before)
    if not saved.id:
        saved = saved._replace(id=work.new_id("products"))
    work.products.put(saved.id, saved)
    if saved.code:
        work.product_codes.put(saved.code, saved)
    if saved.code2:
        work.product_codes2.put(saved.code2, saved)
    return [{"productID": saved.id}]


def _check_code(name: str, codes: Table[str, Product], code: str, product_id: int) -> None:
    holder = codes.get(code) if code else None
    if holder is not None and holder.id != product_id:
        raise NotUnique(name, f"Another product has this {name}.")


def _changed(context: Context, params: Params, before: Product) -> Product:
    kept = fields.load(before.fields)
    rate = _vat_rate(context, params, before)
    status = _status(params, kept.get("status", "ACTIVE"))
    own = {"type": kept.get("type") or params.get("type", _DEFAULT_TYPE), "status": status}
    stored = {**fields.stored("saveProduct", params), **own}
    return before._replace(
        code=params.get("code", before.code),
        code2=params.get("code2", before.code2),
        name=name_of(params, before.name),
        price=_net_price(params, before, rate),
        vat_rate_id=rate.id if rate else 0,
        active=int(status != _ARCHIVED),
        reward_points_not_allowed=params.get("rewardPointsNotAllowed", before.reward_points_not_allowed),
        changed_at=context.now,
        fields=fields.dump({**kept, **stored, **fields.merge_attributes(kept, params)}),
    )


def _vat_rate(context: Context, params: Params, before: Product) -> VatRate | None:
    """The rate that is asked for, or as before, or a new product's default; None if the account has none."""
    asked = params.get("vatrateID") or before.vat_rate_id or context.settings.default_vat_rate
    found = context.work.vat_rates.get(asked) if asked else None
    if asked and found is None:
        raise UnknownID("vatrateID", f"There is no VAT rate {asked}.")
    return found


def _status(params: Params, before: str) -> str:
    """The state after a save: `active` 0 says the same as ARCHIVED. Raises Inconsistent."""
    if "status" in params:
        status: str = params["status"]
        if params.get("active", int(status != _ARCHIVED)) != int(status != _ARCHIVED):
            raise Inconsistent("active", "active is 0 for products of status ARCHIVED, and 1 for all others.")
        return status
    if "active" not in params or params["active"] == (before != _ARCHIVED):
        return before
    return "ACTIVE" if params["active"] else _ARCHIVED


def _with_tax(rate: VatRate | None) -> Decimal:
    """What a net price is multiplied by."""
    return _EXACT.add(Decimal(1), _EXACT.divide(Decimal(rate.rate), Decimal(100))) if rate else Decimal(1)


def _net_price(params: Params, before: Product, rate: VatRate | None) -> str:
    """The net price that was sent, or that of the price with tax; if both were sent, the net price counts."""
    if "netPrice" in params:
        return money.decimal_text(params["netPrice"])
    if "priceWithVAT" not in params:
        return before.price
    net = _EXACT.divide(money.decimal(params["priceWithVAT"]), _with_tax(rate))
    return money.decimal_text(str(_EXACT.quantize(net, _NET_STEP)))


_FILTERS: Final[dict[str, tuple[str, Operator]]] = {
    "productID": ("id", "="),
    "groupID": ("fields.groupID", "="),
    "categoryID": ("fields.categoryID", "="),
    "code": ("code", "="),
    "code2": ("code2", "="),
    "code3": ("fields.code3", "="),
    "supplierCode": ("fields.supplierCode", "="),
    "name": ("name", "="),
    "codePrefix": ("code", "prefix"),
    "code2Prefix": ("code2", "prefix"),
    "code3Prefix": ("fields.code3", "prefix"),
    "supplierCodePrefix": ("fields.supplierCode", "prefix"),
    "namePrefix": ("name", "prefix"),
    "giftCards": ("fields.isGiftCard", "="),
    "changedSince": ("changed_at", ">="),
    "addedSince": ("added_at", ">="),
}
_SEARCHED: Final[Mapping[str, tuple[str, ...]]] = {
    "searchName": ("name", "code", "code2"),
    "searchNameIncrementally": ("name", "code", "code2", "fields.code3", "fields.supplierCode"),
}
_ORDERS: Final = {
    "name": "name",
    "code": "code",
    "productID": "id",
    "price": "net_price",
    "parentProductID": "fields.parentProductID",
    "changed": "changed_at",
    "added": "added_at",
}


def _listing(_: Context, params: Params) -> Listing:
    asked = conditions(params, _FILTERS)
    if params.get("productIDs"):
        asked.append(Condition(("id",), "in", fields.id_list(params["productIDs"])))
    if params.get("type"):
        asked.append(Condition(("fields.type",), "in", [each.strip() for each in params["type"].split(",")]))
    for name, searched in _SEARCHED.items():
        if text := params.get(name, "").strip():
            asked.append(Condition(searched, "contains", text))
    if "active" in params:
        asked.append(Condition(("active",), "=", params["active"]))
    if params.get("status") == "ALL_EXCEPT_ARCHIVED":
        asked.append(Condition(("active",), "=", 1))
    elif "status" in params:
        asked.append(Condition(("fields.status",), "=", params["status"]))
    asked += fields.attribute_conditions(params)
    return Listing("products", tuple(asked), order=order(params, _ORDERS, "changed", "desc"), **_page(params))


def _page(params: Params) -> dict[str, Any]:
    size_max = PAGE_SIZE_MAX_WITH_STOCK if params.get("getStockInfo") else PAGE_SIZE_MAX
    paged = page(params, size_max=size_max)
    if params.get("recordOffset", 0) > 0:
        paged["offset"] = min(params["recordOffset"], _OFFSET_MAX)
    return paged


def _refers_to(page: Page) -> Needs:
    return {"vat_rates": {row.vat_rate_id for row in page.rows if row.vat_rate_id}}


def _records(context: Context, _: Params, page: Page) -> list[Record]:
    def record(row: Product) -> Record:
        rate = context.work.vat_rates.get(row.vat_rate_id) if row.vat_rate_id else None
        price = Decimal(row.price)
        return shape("getProducts").record(
            {
                "productID": row.id,
                "active": row.active,
                "name": row.name,
                "code": row.code,
                "code2": row.code2,
                "price": price,
                "priceWithVat": _EXACT.quantize(_EXACT.multiply(price, _with_tax(rate)), _GROSS_STEP),
                "vatrateID": row.vat_rate_id,
                "vatrate": rate.rate if rate else 0,
                "rewardPointsNotAllowed": row.reward_points_not_allowed,
                "added": row.added_at,
                "lastModified": row.changed_at,
            },
            fields.load(row.fields),
        )

    return list(map(record, page.rows))


CALLS: Final = (
    Call("saveProduct", _save, needs=_needs, writes=True),
    ListingCall("getProducts", _listing, _records, refers_to=_refers_to),
)
