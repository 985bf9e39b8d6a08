"""getSalesDocuments. Facts: `docs/protocol/erply-calls.md`; the record's types are those of Erply's Go client."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from erply_points import schemas
from erply_points.calls import credited, fields, money
from erply_points.calls.call import Context, ListingCall, Params, Record
from erply_points.calls.master import TableName, shown_name
from erply_points.calls.paging import conditions, order, page
from erply_points.calls.records import shape
from erply_points.calls.refusals import IncorrectList, Refusal
from erply_points.calls.returns import credited_before
from erply_points.calls.sales_marks import MARKS, base_ids, linked
from erply_points.store.listing import Condition, Listing, Operator, Page
from erply_points.store.rows import Customer, Document, DocumentRow
from erply_points.store.unit_of_work import Needs

CALL: Final = "getSalesDocuments"

_FILTERS: Final[dict[str, tuple[str, Operator]]] = {
    "id": ("id", "="),
    "number": ("number", "="),
    "clientID": ("customer_id", "="),
    "clientName": ("customer_name", "same"),
    "payerID": ("fields.payerID", "="),
    "shipToID": ("fields.shipToID", "="),
    "employeeID": ("employee_id", "="),
    "warehouseID": ("warehouse_id", "="),
    "pointOfSaleID": ("point_of_sale_id", "="),
    "projectID": ("fields.projectID", "="),
    "assignmentID": ("fields.assignmentID", "="),
    "productID": ("product_id", "rows_with"),
    "type": ("type", "="),
    "dateFrom": ("date", ">="),
    "dateTo": ("date", "<="),
    "dueDateFrom": ("due_date", ">="),
    "dueDateTo": ("due_date", "<="),
    "deliveryDateFrom": ("fields.deliveryDate", ">="),
    "deliveryDateTo": ("fields.deliveryDate", "<="),
    "referenceNumber": ("fields.customReferenceNumber", "="),
    "changedSince": ("changed_at", ">="),
}
_ORDERS: Final = {
    "documentID": "id",
    "dateAndNumber": "date_and_number",
    "clientName": "customer_name",
    "lastChanged": "changed_at",
}
_SEARCHED: Final = (
    "any_number",
    "customer_name",
    "customer_email",
    "customer_phone",
    "customer_card_number",
)
_TYPES: Final = frozenset(schemas.all_schemas()["/schemas/erply/common.json"]["$defs"]["documentType"]["enum"])
_UNFULFILLED_TYPES: Final = ["PREPAYMENT", "OFFER", "ORDER", "RESERVATION"]


def _check(params: Params) -> Iterator[Refusal]:
    asked = {each.strip() for each in params.get("types", "").split(",") if each.strip()}
    if unknown := sorted(asked - _TYPES):
        yield IncorrectList("types", f"There is no document type {unknown[0][:40]}.")


def _listing(_: Context, params: Params) -> Listing:
    asked = conditions(params, _FILTERS)
    for name, field in (("ids", "id"), ("clientIDs", "customer_id")):
        if params.get(name):
            asked.append(Condition((field,), "in", fields.id_list(params[name])))
    if params.get("types"):
        asked.append(Condition(("type",), "in", [each.strip() for each in params["types"].split(",")]))
    if "confirmed" in params:
        asked.append(Condition(("confirmed",), "=", params["confirmed"]))
    if text := params.get("numberOrCustomer", "").strip():
        asked.append(Condition(_SEARCHED, "prefix", text))
    asked += _state_conditions(params)
    asked += fields.attribute_conditions(params)
    return Listing("documents", tuple(asked), order=order(params, _ORDERS, "documentID"), **page(params))


def _state_conditions(params: Params) -> list[Condition]:
    asked = []
    state = params.get("invoiceState", "")
    if state == "NOT_CANCELLED":
        asked.append(Condition(("invoice_state",), "<>", "CANCELLED"))
    elif state:
        asked.append(Condition(("invoice_state",), "=", state))
    for name, operator in (("rowDeliveryDateFrom", ">="), ("rowDeliveryDateTo", "<=")):
        if params.get(name, "") not in {"", "0000-00-00"}:
            asked.append(Condition(("deliveryDate", operator), "rows_with_field", params[name]))
    if params.get("nonReturnedItemsOnly"):
        asked.append(Condition(("credited_in_full",), "=", 0))
    if params.get("unpaidItemsOnly"):
        asked.append(Condition(("unpaid",), ">", 0))
    if params.get("getUnfulfilledDocuments"):
        asked.append(Condition(("type",), "in", _UNFULFILLED_TYPES))
        asked.append(Condition(("invoice_state",), "in", ["PENDING", "READY"]))
    return asked


PLACES: Final[tuple[TableName, ...]] = ("warehouses", "points_of_sale", "employees")


def _place_ids(document: Document) -> tuple[int, int, int]:
    return document.warehouse_id, document.point_of_sale_id, document.employee_id


def _sold_products(context: Context, page: Page) -> Needs:
    rows = (row for document in page.rows for row in context.work.document_rows.get(document.id) or ())
    return {"products": {row.product_id for row in rows if row.product_id}}


def _with_rows(params: Params, page: Page) -> bool:
    """Rows come if the caller named the document, asked for all rows, or exactly one document matched."""
    return bool(params.get("id") or params.get("number") or params.get("getRowsForAllInvoices") or page.total == 1)


def _refers_to(page: Page) -> Needs:
    documents: Iterable[Document] = page.rows
    needs: dict[str, set[Any]] = {
        name: set() for name in ("customers", "document_rows", "documents", "returns_of", *PLACES)
    }
    for document in documents:
        stored = fields.load(document.fields)
        named = {document.customer_id, stored.get("payerID"), stored.get("shipToID")}
        needs["customers"] |= {customer_id for customer_id in named if customer_id}
        follow_ups = linked(document, "documents")
        needs["documents"] |= {*base_ids(document), *follow_ups}
        needs["document_rows"].add(document.id)
        for table, place_id in zip(PLACES, _place_ids(document), strict=True):
            needs[table] |= {place_id} if place_id else set()
        if follow_ups:
            needs["returns_of"].add(document.id)
    return needs


def _records(context: Context, params: Params, page: Page) -> list[Record]:
    records = []
    for document in page.rows:
        record = _record(context, document)
        if _with_rows(params, page):
            record["rows"] = _rows(context, document, rest=bool(params.get("nonReturnedItemsOnly")))
        records.append(record)
    return records


def _rows(context: Context, document: Document, *, rest: bool) -> list[Record]:
    """The rows of a document; of their quantities and amounts only the `rest` that has not been credited."""
    rows = context.work.document_rows.get(document.id) or ()
    if not rest or not linked(document, "documents"):
        return [_row_record(context, row, row) for row in rows]
    before, _ = credited_before(context, document.id, rows)
    return [_row_record(context, row, left) for row in rows if (left := credited.rest(row, before)) is not None]


def _record(context: Context, document: Document) -> Record:
    stored = fields.load(document.fields)
    stored.pop(MARKS, None)
    follow_ups = linked(document, "documents")
    rows = context.work.document_rows.get(document.id) or ()
    by_rate = money.by_rate((row.vat_rate_id, money.LineTotal(row.net, row.vat)) for row in rows)
    by_percent = money.by_rate((money.decimal_text(row.vat_rate), money.LineTotal(row.net, row.vat)) for row in rows)
    store, till, employee = (
        shown_name(context, table, place_id) for table, place_id in zip(PLACES, _place_ids(document), strict=True)
    )
    return shape(CALL).record(
        {
            "id": document.id,
            "type": document.type,
            "number": document.custom_number or document.number,
            "date": document.date,
            "time": document.time,
            "inventoryTransactionDate": document.date,
            "currencyCode": document.currency_code,
            "warehouseID": document.warehouse_id,
            "warehouseName": store,
            "pointOfSaleID": document.point_of_sale_id,
            "pointOfSaleName": till,
            "employeeID": document.employee_id,
            "employeeName": employee,
            "confirmed": document.confirmed,
            "invoiceState": "READY" if document.confirmed else "PENDING",
            "paymentStatus": "PAID" if document.paid >= document.total else "UNPAID",
            "paid": money.cents_text(document.paid),
            "netTotal": money.from_cents(document.net),
            "vatTotal": money.from_cents(document.vat),
            "rounding": money.from_cents(document.rounding),
            "total": money.from_cents(document.total),
            "netTotalsByTaxRate": [
                {"vatrateID": rate, "total": money.from_cents(sums.net)} for rate, sums in by_rate.items()
            ],
            "vatTotalsByTaxRate": [
                {"vatrateID": rate, "total": money.from_cents(sums.vat)} for rate, sums in by_rate.items()
            ],
            "netTotalsByRate": {rate: money.from_cents(sums.net) for rate, sums in by_percent.items()},
            "vatTotalsByRate": {rate: money.from_cents(sums.vat) for rate, sums in by_percent.items()},
            "baseDocuments": _links(context, base_ids(document)),
            "followUpDocuments": _links(context, follow_ups),
            "previousReturnsExist": int(bool(follow_ups and context.work.returns_of.get(document.id))),
            "issuedCouponIDs": linked(document, "issuedCoupons"),
            "added": document.added_at,
            "lastModified": document.changed_at,
            "lastModifierUsername": document.changed_by,
        },
        stored,
        _parties(context, document, stored),
    )


def _links(context: Context, document_ids: Iterable[int]) -> list[Record]:
    return [
        {"id": found.id, "number": str(found.custom_number or found.number), "type": found.type, "date": found.date}
        for document_id in document_ids
        if (found := context.work.documents.get(document_id)) is not None
    ]


def _parties(context: Context, document: Document, stored: dict[str, Any]) -> Record:
    def named(customer_id: int) -> Customer | None:
        return context.work.customers.get(customer_id) if customer_id else None

    client = named(document.customer_id)
    payer = named(stored.get("payerID", 0))
    ship_to = named(stored.get("shipToID", 0))
    return {
        "clientID": document.customer_id,
        "customerID": document.customer_id,
        "clientName": client.full_name if client else "",
        "clientEmail": client.email if client else "",
        "clientCardNumber": client.card_number if client else "",
        "payerName": payer.full_name if payer else "",
        "shipToName": ship_to.full_name if ship_to else "",
        "deliveryTerms": stored.get("deliveryTermsID", ""),
    }


def _row_record(context: Context, row: DocumentRow, left: DocumentRow) -> Record:
    """A row with the quantity and the amounts that are `left` of it."""
    product = context.work.products.get(row.product_id) if row.product_id else None
    stored = fields.load(row.fields)
    if "rowJDoc" in stored:
        stored["jdoc"] = stored.pop("rowJDoc")
    if "campaignID" in stored:
        stored.setdefault("campaignIDs", stored.pop("campaignID"))
    stored.pop("stableRowID", None)
    amount = Decimal(row.amount)
    if "amountOfPackages" in stored and left is not row:
        packages = money.decimal(stored["amountOfPackages"])
        stored["amountOfPackages"] = money.decimal_text(str(packages * Decimal(left.amount) / amount))
    return shape(CALL, "rows").record(
        {
            "rowID": row.id,
            "stableRowID": row.stable_id,
            "productID": row.product_id,
            "serviceID": row.service_id,
            "code": product.code if product else "",
            "code2": product.code2 if product else "",
            "barcode": product.code2 if product else "",
            "vatrateID": row.vat_rate_id,
            "amount": left.amount,
            "price": row.price,
            "discount": row.discount,
            "finalNetPrice": float(round(Decimal(row.net) / 100 / amount, 4)),
            "finalPriceWithVAT": float(round(Decimal(row.net + row.vat) / 100 / amount, 4)),
            "rowNetTotal": money.from_cents(left.net),
            "rowVAT": money.from_cents(left.vat),
            "rowTotal": money.from_cents(left.net + left.vat),
        },
        stored,
    )


CALLS: Final = (
    ListingCall(CALL, _listing, _records, refers_to=_refers_to, refers_further=_sold_products, check=_check),
)
