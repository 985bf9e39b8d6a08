"""The rows of a document: from numbered parameters to priced rows. Facts: `docs/protocol/erply-calls.md`, "Rows"."""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from erply_points.calls import fields, money
from erply_points.calls.call import Context, Params
from erply_points.calls.crediting import Wanted, assign
from erply_points.calls.refusals import Inconsistent, InvalidValue, Refusal, RequiredMissing, UnknownID
from erply_points.calls.returns import credited_before
from erply_points.store.rows import Document, DocumentRow, Product, VatRate

ROWS_MAX: Final = 1_000
_RECEIPT_TYPES: Final = frozenset({"CASHINVOICE"})
_ROW_DATES: Final = frozenset({"deliveryDate", "billingStartDate", "billingEndDate"})
_ROW_USED: Final = ("productID", "serviceID", "vatrateID", "amount", "price", "discount", "amountOfPackages")
_ROW_STORED: Final = (
    *("itemName", "employeeID", "campaignIDs", "campaignID", "packageID", "returnReasonID", "deliveryDate"),
    *("sourceWaybillID", "stableRowID", "rowJDoc", "billingStatementID", "billingReadingIDs", "billingStartDate"),
    *("billingEndDate", "ZIPCode", "State", "County", "City", "Category", "StateSalesTax", "CountySalesTax"),
    *("CitySalesTax", "TotalSalesTax", "batch"),
)
_ROW: Final = frozenset({*_ROW_USED, *_ROW_STORED})
_PROMOTION_RULE: Final = re.compile(r"promotionRule([0-9]{1,6})([A-Za-z]+)([0-9]{1,6})")


def priced_rows(
    context: Context, params: Params, document: Document, before: Iterable[DocumentRow] = ()
) -> tuple[DocumentRow, ...]:
    """The rows that the caller sends, none if there are none. Raises what is wrong with a row."""
    given = given_rows(params)
    if document.type == "CREDITINVOICE" and document.credited_document_id and given:
        given = _with_credited_prices(context, document, given)
    rules = _promotion_rules(params)
    rates = {number: _vat_rate(context, number, values) for number, values in given.items()}
    by_position = {row.position: row for row in before}
    return tuple(
        _row(
            context,
            document,
            position,
            number,
            values | rules.get(number, {}),
            rates[number],
            by_position.get(position),
        )
        for position, (number, values) in enumerate(given.items(), start=1)
    )


def given_rows(params: Params) -> dict[int, dict[str, Any]]:
    return fields.numbered(params, _ROW)


def _with_credited_prices(
    context: Context, document: Document, given: dict[int, dict[str, Any]]
) -> dict[int, dict[str, Any]]:
    """The rows of a credit invoice; what a row leaves out of its price is that of the row it credits."""
    sold = context.work.document_rows.get(document.credited_document_id) or ()
    before, _ = credited_before(context, document.credited_document_id, sold, but_by=document.id)
    wanted = [Wanted.of_values(number, values) for number, values in given.items()]
    completed = {}
    for (number, values), taken in zip(given.items(), assign(sold, before, wanted), strict=True):
        own = taken[0].sold if taken else None
        price = {"price": own.price, "discount": own.discount, "vatrateID": own.vat_rate_id} if own else {}
        completed[number] = {**price, **values}
    return completed


def _promotion_rules(params: Params) -> dict[int, dict[str, Any]]:
    """`promotionRule1campaignID2`: the first number is the row, the second the rule."""
    rules: dict[int, dict[str, Any]] = {}
    for name, value in params.items():
        if name.startswith("promotionRule") and (match := _PROMOTION_RULE.fullmatch(name)):
            rules.setdefault(int(match[1]), {})[f"promotionRule{match[2]}{match[3]}"] = value
    return rules


def _row_dates(params: Params) -> Iterator[str]:
    return (f"{base}{number}" for number, given in fields.numbered(params, _ROW_DATES).items() for base in given)


def check_rows(params: Params) -> Iterator[Refusal]:
    yield from fields.impossible_dates(params, _row_dates(params))
    given = given_rows(params)
    if len(given) > ROWS_MAX:
        yield InvalidValue(f"amount{list(given)[ROWS_MAX]}", f"A document has at most {ROWS_MAX} rows.")
    for number, values in given.items():
        amount = values.get("amount", values.get("amountOfPackages") if values.get("packageID") else None)
        if amount is None:
            yield RequiredMissing(f"amount{number}", f"amount{number} is required.")
        elif not money.decimal(amount):
            yield InvalidValue(f"amount{number}", f"amount{number} must not be zero.")


def _product(context: Context, product_id: int) -> Product | None:
    """The product, if the account knows any and this one: a POS may keep its own."""
    if not product_id or not context.work.sequences.rows.get("products"):
        return None
    return context.work.products.get(product_id)


def _vat_rate(context: Context, number: int, values: dict[str, Any]) -> VatRate | None:
    product = _product(context, values.get("productID", 0))
    vat_rate_id = (
        values.get("vatrateID") or (product.vat_rate_id if product else 0) or context.settings.default_vat_rate
    )
    found = context.work.vat_rates.get(vat_rate_id) if vat_rate_id else None
    if vat_rate_id and found is None:
        raise UnknownID(f"vatrateID{number}", f"There is no VAT rate {vat_rate_id}.")
    return found


def _row(
    context: Context,
    document: Document,
    position: int,
    number: int,
    values: dict[str, Any],
    rate: VatRate | None,
    before: DocumentRow | None,
) -> DocumentRow:
    if values.get("productID") and values.get("serviceID"):
        raise Inconsistent(f"productID{number}", f"Row {number} has both productID{number} and serviceID{number}.")
    if values.get("sourceWaybillID") and document.type not in {"CREDITINVOICE", "INVOICE"}:
        raise Inconsistent(f"sourceWaybillID{number}", "Only invoices and credit invoices have source waybills.")
    amount = money.decimal(values.get("amount", values.get("amountOfPackages")))
    vat_rate = Decimal(rate.rate) if rate else Decimal(0)
    product = _product(context, values.get("productID", 0))
    price = values.get("price", product.price if product else 0)
    line = money.LinePrice(amount, money.decimal(price), money.decimal(values.get("discount", 0)), vat_rate)
    total = money.line_total(line, context.settings.price_decimals, from_gross=_from_gross(context, document))
    if abs(total.net) + abs(total.vat) > money.AMOUNT_MAX:
        raise InvalidValue(f"price{number}", f"Row {number} comes to more than the server can hold.")
    row_id = context.work.new_id("document_rows")
    stored = {name: value for name, value in values.items() if name not in _ROW_USED or name == "amountOfPackages"}
    return DocumentRow(
        document_id=document.id,
        position=position,
        id=row_id,
        stable_id=values.get("stableRowID") or (before.stable_id if before else row_id),
        product_id=values.get("productID", 0),
        service_id=values.get("serviceID", 0),
        vat_rate_id=rate.id if rate else 0,
        vat_rate=str(vat_rate),
        amount=money.decimal_text(str(amount)),
        price=money.decimal_text(price),
        discount=money.decimal_text(values.get("discount", 0)),
        net=total.net,
        vat=total.vat,
        fields=fields.dump(stored),
        earns=int(product is None or not product.reward_points_not_allowed),
    )


def _from_gross(context: Context, document: Document) -> bool:
    """Whether the rows are computed as a receipt's: from shelf prices, outside the US."""
    if not context.settings.prices_with_tax:
        return False
    if document.type == "CREDITINVOICE":
        credited = context.work.documents.get(document.credited_document_id) if document.credited_document_id else None
        of_receipt = credited is not None and credited.type in _RECEIPT_TYPES
        return of_receipt or bool(fields.load(document.fields).get("isCashInvoice"))
    return document.type in _RECEIPT_TYPES
