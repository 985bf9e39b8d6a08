"""saveSalesDocument: a sales document, its number, its totals and what it earns.

Facts: `docs/protocol/erply-calls.md`, "Sales documents". Which fields are only stored, the schema says (`x-use`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from erply_points.calls import fields, money
from erply_points.calls.call import DEFAULT_CURRENCY, Call, Context, Params, Record
from erply_points.calls.master import TableName, check_known
from erply_points.calls.named import customer_of
from erply_points.calls.payments import TYPES, book
from erply_points.calls.refusals import (
    AlreadyConfirmed,
    DuplicateUUID,
    InvalidValue,
    NoEditingRights,
    Refusal,
    SourcesDiffer,
    TypeFixed,
    UnknownID,
    WrongSource,
)
from erply_points.calls.returns import check_credited, take_back
from erply_points.calls.rights import check_location
from erply_points.calls.sales_earning import accrue, follow_prices
from erply_points.calls.sales_marks import base_ids, link, source_ids
from erply_points.calls.sales_rows import check_rows, given_rows, priced_rows
from erply_points.ledger.amounts import NEVER
from erply_points.store.rows import Document, DocumentRow, DocumentUUID, Payment
from erply_points.store.unit_of_work import Needs

UUID_REMEMBERED_SECONDS: Final = 86_400
FIRST_NUMBER: Final = 100_001

_INVOICE_TYPES: Final = frozenset({"INVWAYBILL", "CASHINVOICE", "INVOICE", "EXPORTINVOICE", "CREDITINVOICE"})

_DATES: Final = ("date", "deliveryDate", "shippingDate", "reserveGoodsUntilDate", "periodStartDate", "periodEndDate")
_COLUMNS: Final = ("pointOfSaleID", "employeeID", "currencyCode")
"""Stored, but in columns of their own."""


_REFERENCES: Final[Mapping[str, TableName]] = {
    "pointOfSaleID": "points_of_sale",
    "employeeID": "employees",
    "productID": "products",
    "campaignIDs": "campaigns",
    "campaignID": "campaigns",
}


def _needs(params: Params) -> Needs:
    needs: dict[str, set[Any]] = {}
    if params.get("id"):
        needs["documents"] = {params["id"]}
        needs["document_rows"] = {params["id"]}
    if customer_id := params.get("customerID"):
        needs["customers"] = {customer_id}
        needs["wallets"] = {(customer_id, DEFAULT_CURRENCY)}
    if uuid := params.get("temporaryUUID"):
        needs["document_uuids"] = {uuid}
    if credited_id := params.get("creditToDocumentID"):
        for name in ("documents", "document_rows"):
            needs.setdefault(name, set()).add(credited_id)
    rows = fields.numbered(params, ("productID", "vatrateID")).values()
    for name, table in (("productID", "products"), ("vatrateID", "vat_rates")):
        needs[table] = {row[name] for row in rows if row.get(name)}
    return needs


def save(context: Context, params: Params) -> list[Record]:
    document_id = params.get("id", 0)
    if not document_id:
        document, rows = _new(context, params)
    else:
        found = context.work.documents.get(document_id)
        if found is None:
            raise UnknownID("id", f"There is no sales document {document_id}.")
        document, rows = _edited(context, params, found)
    return [_saved_record(document, rows)]


def _new(context: Context, params: Params) -> tuple[Document, tuple[DocumentRow, ...]]:
    work = context.work
    uuid = document_uuid(params)
    if uuid:
        seen = work.document_uuids.get(uuid)
        if seen is not None and seen.seen_at > context.now - UUID_REMEMBERED_SECONDS:
            raise DuplicateUUID("temporaryUUID", "A document with this temporaryUUID was saved within the last day.")
    document = _header(context, params, _blank(context, params))
    document = document._replace(id=work.new_id("documents"))
    rows = priced_rows(context, params, document)
    document = _totalled(context, params, document, rows)
    if params.get("confirmInvoice", 1):
        document = _confirmed(context, params, document, rows)
    work.documents.put(document.id, document)
    work.credits_of.rows.pop(document.credited_document_id, None)
    work.document_rows.put(document.id, rows)
    link(context, "documents", document.id, (), base_ids(document))
    if uuid:
        work.document_uuids.put(uuid, DocumentUUID(uuid, document.id, context.now))
    _pay(context, params, document)
    return document, rows


def _edited(context: Context, params: Params, before: Document) -> tuple[Document, tuple[DocumentRow, ...]]:
    work = context.work
    check_location(context, "id", before.warehouse_id)
    rows_before = work.document_rows.get(before.id) or ()
    document = _header(context, params, before)
    rows = priced_rows(context, params, document, rows_before) or rows_before
    if before.confirmed:
        _check_fixed(params, before)
        if rows is not rows_before:
            rows = _repriced(context, before, rows, rows_before)
    if rows is not rows_before or "rounding" in params:
        document = _totalled(context, params, document, rows)
    work.credits_of.rows.pop(before.credited_document_id, None)
    if not before.confirmed and params.get("confirmInvoice", 0):
        document = _confirmed(context, params, document, rows)
    work.documents.put(document.id, document)
    work.credits_of.rows.pop(document.credited_document_id, None)
    link(context, "documents", document.id, base_ids(before), base_ids(document))
    if rows is not rows_before:
        work.document_rows.put(document.id, rows)
        if before.confirmed:
            follow_prices(context, document, rows_before, rows)
    _pay(context, params, document)
    return document, rows


def _check_fixed(params: Params, before: Document) -> None:
    if params.get("type", before.type) != before.type:
        raise TypeFixed("type", "The type of a confirmed document cannot be changed.")
    for name, value in (
        ("warehouseID", before.warehouse_id),
        ("customerID", before.customer_id),
        ("creditToDocumentID", before.credited_document_id),
    ):
        if (params.get(name) or value) != value:
            raise AlreadyConfirmed(name, f"{name} of a confirmed document cannot be changed.")
    if not params.get("confirmInvoice", 1):
        raise AlreadyConfirmed("confirmInvoice", "A confirmed document stays confirmed.")


def _repriced(
    context: Context, document: Document, rows: tuple[DocumentRow, ...], before: tuple[DocumentRow, ...]
) -> tuple[DocumentRow, ...]:
    """The rows of a confirmed document with what may change of them: prices, discounts and tax.

    Raises AlreadyConfirmed for other articles or quantities, or where a credit invoice counts on the prices;
    NoEditingRights.
    """

    def articles(rows: Iterable[DocumentRow]) -> list[tuple[int, int, str]]:
        return [(row.product_id, row.service_id, row.amount) for row in rows]

    def prices(rows: Iterable[DocumentRow]) -> list[tuple[int, int, str, str]]:
        return [(row.net, row.vat, row.price, row.discount) for row in rows]

    if articles(rows) != articles(before):
        raise AlreadyConfirmed("productID1", "The articles of a confirmed document cannot be changed.")
    if prices(rows) != prices(before):
        if not context.rights.allow("rightEditConfirmedInvoices"):
            raise NoEditingRights("price1", "The user may not edit confirmed documents.")
        if context.work.returns.get(document.id) is not None:
            raise AlreadyConfirmed("price1", "The prices of a confirmed credit invoice cannot be changed.")
        if context.work.returns_of.get(document.id):
            raise AlreadyConfirmed("price1", "The prices of a credited document cannot be changed.")
    # Whether a row earns was settled when it was sold.
    return tuple(row._replace(earns=was.earns) for row, was in zip(rows, before, strict=True))


def document_uuid(params: Mapping[str, Any]) -> str:
    """What the caller calls a new document, "" for nothing: a second one of the same name is a duplicate."""
    if uuid := params.get("temporaryUUID", ""):
        return str(uuid)
    for given in fields.numbered(params, ("attributeName", "attributeValue")).values():
        if given.get("attributeName") == "source-uuid":
            return str(given.get("attributeValue", ""))
    return ""


def _blank(context: Context, params: Params) -> Document:
    added_at = params.get("added") or context.now
    local = datetime.fromtimestamp(min(added_at, NEVER - 2 * 86_400), UTC).astimezone(context.settings.timezone)
    return Document(
        id=0,
        type="INVWAYBILL",
        number=0,
        custom_number="",
        customer_id=context.settings.default_client_idDat,
        warehouse_id=0,
        point_of_sale_id=0,
        employee_id=0,
        date=local.strftime("%Y-%m-%d"),
        time=local.strftime("%H:%M:%S"),
        confirmed=0,
        currency_code=context.settings.default_currency,
        net=0,
        vat=0,
        rounding=0,
        total=0,
        paid=0,
        credited_document_id=0,
        added_at=added_at,
        changed_at=context.now,
        changed_by="",
        fields="{}",
    )


def _header(context: Context, params: Params, before: Document) -> Document:
    """The document with the header that the caller sends; what is not sent stays as it was."""
    customer_id = params.get("customerID", 0)
    if customer_id:
        customer_of(context, customer_id)
    credited_id = params.get("creditToDocumentID", 0)
    credited = context.work.documents.get(credited_id) if credited_id else None
    if credited_id and credited is None:
        raise UnknownID("creditToDocumentID", f"There is no sales document {credited_id}.")
    if credited is not None and credited.id == before.id:
        raise InvalidValue("creditToDocumentID", f"Document {before.id} cannot credit itself.")
    if credited is not None and not customer_id:
        customer_id = credited.customer_id
    kept = fields.load(before.fields)
    stored = fields.stored("saveSalesDocument", params)
    for name in _COLUMNS:
        stored.pop(name, None)
    for name in ("creditInvoiceType", "isCashInvoice", "doNotAddRewardPoints", "amountPaidWithStoreCredit"):
        if name in params:
            stored[name] = params[name]
    check_known(context, params, _REFERENCES)
    document = before._replace(
        type=params.get("type", before.type),
        custom_number=params.get("customNumber", before.custom_number),
        customer_id=customer_id or before.customer_id,
        warehouse_id=params.get("warehouseID") or before.warehouse_id,
        point_of_sale_id=params.get("pointOfSaleID", before.point_of_sale_id),
        employee_id=params.get("employeeID", before.employee_id),
        date=_set(params.get("date", ""), before.date),
        time=_full_time(params.get("time", "")) or before.time,
        currency_code=_currency(params.get("currencyCode", ""), before.currency_code),
        credited_document_id=credited_id or before.credited_document_id,
        changed_at=context.now,
        changed_by=context.user.username if context.user else "",
        fields=fields.dump({**kept, **stored, **fields.merge_attributes(kept, params)}),
    )
    _check_sources(context, params, before.id)
    if credited is not None and document.type == "CREDITINVOICE":
        check_location(context, "creditToDocumentID", credited.warehouse_id)
        check_credited(document, credited)
    return document


def _set(value: str, otherwise: str) -> str:
    return value if value not in {"", "0000-00-00"} else otherwise


def _full_time(text: str) -> str:
    return f"{text}:00" if len(text) == 5 else text


def _currency(code: str, otherwise: str) -> str:
    """An unknown currency becomes the account's, without an error, as documented."""
    return code if re.fullmatch(r"[A-Z]{3}", code) else otherwise


def _check_sources(context: Context, params: Params, document_id: int) -> None:
    sources = []
    for source_id in source_ids(params):
        name = "baseDocumentID" if source_id == params.get("baseDocumentID") else "baseDocumentIDs"
        source = context.work.documents.get(source_id)
        if source is None:
            raise UnknownID(name, f"There is no sales document {source_id}.")
        if source_id == document_id:
            raise InvalidValue(name, f"Document {document_id} cannot be made from itself.")
        if source.type in _INVOICE_TYPES:
            raise WrongSource(name, f"Document {source_id} is itself an invoice.")
        sources.append(source)
    if len({(source.type, source.customer_id) for source in sources}) > 1:
        raise SourcesDiffer("baseDocumentIDs", "Source documents must be of one type and one customer.")


def _check(params: Params) -> Iterator[Refusal]:
    yield from fields.impossible_dates(params, _DATES)
    yield from check_rows(params)


def _totalled(context: Context, params: Params, document: Document, rows: Iterable[DocumentRow]) -> Document:
    rows = tuple(rows)
    net = sum(row.net for row in rows)
    vat = sum(row.vat for row in rows)
    if "rounding" in params:
        rounding = money.to_cents(money.decimal(params["rounding"]))
    else:
        rounding = money.rounding_of(net + vat, context.settings.invoice_rounding)
    total = net + vat + rounding
    if max(map(abs, (net, vat, rounding, total))) > money.AMOUNT_MAX:
        raise InvalidValue("rounding", "The document comes to more than the server can hold.")
    return document._replace(net=net, vat=vat, rounding=rounding, total=total)


def _pay(context: Context, params: Params, document: Document) -> None:
    """With paymentStatus PAID what is still due is paid today, by the document's way of payment or by transfer."""
    due = document.total - document.paid
    if params.get("paymentStatus") != "PAID" or due <= 0:
        return
    way = fields.load(document.fields).get("paymentType", "")
    payment = Payment(
        id=context.work.new_id("payments"),
        document_id=document.id,
        customer_id=document.customer_id,
        type=way if way in TYPES else "TRANSFER",
        date=datetime.fromtimestamp(context.now, UTC).astimezone(context.settings.timezone).strftime("%Y-%m-%d"),
        sum=due,
        added_at=context.now,
        changed_at=context.now,
        fields="{}",
    )
    book(context, None, payment)


def _confirmed(context: Context, params: Params, document: Document, rows: Iterable[DocumentRow]) -> Document:
    """Give the document its number and the customer the points."""
    document = document._replace(confirmed=1)
    if not document.custom_number:
        document = document._replace(number=_number(context, params, document))
        context.work.document_numbers.put((document.type, document.number), document)
    document = accrue(context, document, rows)
    if document.type == "CREDITINVOICE" and document.credited_document_id:
        numbers = list(given_rows(params)) or [row.position for row in rows]
        take_back(context, document, tuple(rows), numbers)
    return document


def _number(context: Context, params: Params, document: Document) -> int:
    sequence = f"number:{document.type}"
    asked: int = params.get("invoiceNo", 0)
    if asked:
        taken = context.work.document_numbers.get((document.type, asked)) is not None
        if not taken or params.get("allowDuplicateNumbers"):
            # The sequence goes on behind it, so that no later document gets the same number.
            last = context.work.sequences.rows.get(sequence) or 0
            if asked > last:
                context.work.sequences.put(sequence, asked)
            _remember_given(context, document.point_of_sale_id, asked)
            return asked
    return context.work.next_number(sequence, FIRST_NUMBER)


def _remember_given(context: Context, point_of_sale_id: int, number: int) -> None:
    """A till that numbers its own documents asks, after it was set up anew, where it had come to."""
    sequence = f"invoices:{point_of_sale_id}"
    if point_of_sale_id and number > (context.work.sequences.rows.get(sequence) or 0):
        context.work.sequences.put(sequence, number)


def _saved_record(document: Document, rows: Iterable[DocumentRow]) -> Record:
    return {
        "invoiceID": str(document.id),
        "invoiceNo": str(document.number),
        "customNumber": document.custom_number,
        "invoiceLink": "",
        "receiptLink": "",
        "net": money.from_cents(document.net),
        "vat": money.from_cents(document.vat),
        "rounding": money.from_cents(document.rounding),
        "total": money.from_cents(document.total),
        "rows": [
            {
                "rowID": row.id,
                "stableRowID": row.stable_id,
                "productID": row.product_id,
                "serviceID": row.service_id,
                "amount": row.amount,
            }
            for row in rows
        ],
    }


CALLS: Final = (Call("saveSalesDocument", save, needs=_needs, check=_check, writes=True),)
