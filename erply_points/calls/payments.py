"""Payments. Facts: `docs/protocol/erply-calls.md`, "Payments".

A payment counts towards what its document shows as paid, whatever its type. Card data live in attributes, under
whichever name they were sent, and of the card's number only the last four digits are kept.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from erply_points import schemas
from erply_points.calls import fields, money
from erply_points.calls.call import Call, Context, ListingCall, Params, Record
from erply_points.calls.named import customer_of, document_of
from erply_points.calls.paging import conditions, page
from erply_points.calls.records import shape
from erply_points.calls.refusals import (
    DuplicateUUID,
    Inconsistent,
    InvalidValue,
    Refusal,
    RequiredMissing,
    UnknownID,
    VatRateNotGiftCard,
)
from erply_points.ledger.amounts import NEVER, Cents
from erply_points.store.listing import Condition, Listing, Operator, Page
from erply_points.store.rows import DocumentUUID, Payment
from erply_points.store.unit_of_work import Needs

DAY_SECONDS: Final = 86_400
"""How long the `temporaryUUID` of a payment is remembered."""

TYPES: Final[tuple[str, ...]] = tuple(schemas.call_request("savePayment")["properties"]["type"]["enum"])
_TYPE_IDS: Final = {name: number for number, name in enumerate(TYPES, start=1)}
_CARD_NUMBER: Final = "card_number"
_SENT_CARD_DATA: Final = {"cardHolder": "cardholder_name", "cardNumber": _CARD_NUMBER, "cardType": "card_type"}
_SHOWN_CARD_DATA: Final = {**_SENT_CARD_DATA, "authorizationCode": "authCode", "referenceNumber": "refNo"}
_COLUMNS: Final = ("date", "added")
"""Stored, but in columns of their own."""


def _needs(params: Params) -> Needs:
    needs: dict[str, set[Any]] = {}
    for name, table in (("paymentID", "payments"), ("documentID", "documents"), ("customerID", "customers")):
        if isinstance(key := params.get(name), int) and key:
            needs[table] = {key}
    if uuid := params.get("temporaryUUID"):
        needs["document_uuids"] = {_uuid_key(uuid)}
    return needs


def _uuid_key(uuid: str) -> str:
    """The UUIDs of payments stand beside those of documents; no UUID has a blank in it."""
    return f"savePayment {uuid}"


def _check(params: Params) -> Iterator[Refusal]:
    # Whether it is sent, not what becomes of it: after a failed invoice CURRENT_INVOICE_ID comes to no document.
    if not any(params.get(name) for name in ("paymentID", "documentID", "customerID")):
        yield RequiredMissing("documentID", "A new payment needs a documentID or a customerID.")
    yield from fields.impossible_dates(params, ("date",))


def _save(context: Context, params: Params) -> list[Record]:
    work = context.work
    payment_id = params.get("paymentID", 0)
    before = work.payments.get(payment_id) if payment_id else None
    if payment_id and before is None:
        raise UnknownID("paymentID", f"There is no payment {payment_id}.")
    key = _uuid_key(params["temporaryUUID"]) if params.get("temporaryUUID") and before is None else ""
    if key:
        _check_unseen(context, key)
    saved = _changed(context, params, before or _blank(context, params))
    if before is None:
        saved = saved._replace(id=work.new_id("payments"))
    if key:
        work.document_uuids.put(key, DocumentUUID(key, saved.document_id, context.now))
    book(context, before, saved)
    return [{"paymentID": saved.id}]


def _blank(context: Context, params: Params) -> Payment:
    moment = params.get("added") or context.now
    local = datetime.fromtimestamp(min(moment, NEVER - DAY_SECONDS), context.settings.timezone)
    known = {"time": local.strftime("%H:%M:%S"), "currencyCode": context.settings.default_currency}
    return Payment(
        id=0,
        document_id=0,
        customer_id=0,
        type="TRANSFER",
        date=local.strftime("%Y-%m-%d"),
        sum=0,
        added_at=moment,
        changed_at=context.now,
        fields=fields.dump(known),
    )


def _changed(context: Context, params: Params, before: Payment) -> Payment:
    document_id = document_of(context, params, "documentID") if "documentID" in params else before.document_id
    payment = before._replace(
        document_id=document_id,
        customer_id=_customer(context, params, before, document_id),
        type=_type(params, before.type),
        date=params["date"] if params.get("date", "") not in {"", "0000-00-00"} else before.date,
        sum=_cents(params, "sum", before.sum),
        added_at=params.get("added") or before.added_at,
        changed_at=context.now,
        fields=fields.dump(_fields(params, fields.load(before.fields))),
    )
    if payment.type != "GIFTCARD" and fields.load(payment.fields).get("giftCardVatRateID"):
        raise VatRateNotGiftCard("giftCardVatRateID", "Only a payment of type GIFTCARD has a giftCardVatRateID.")
    return payment


def _customer(context: Context, params: Params, before: Payment, document_id: int) -> int:
    """Who pays: the customer that is named, else that of a document that the payment did not have before."""
    if customer_id := params.get("customerID", 0):
        return customer_of(context, customer_id).id
    document = context.work.documents.get(document_id) if document_id and document_id != before.document_id else None
    return document.customer_id if document is not None else before.customer_id


def _type(params: Params, before: str) -> str:
    name: str = params.get("type", "")
    number: int = params.get("typeID", 0)
    if not number:
        return name or before
    if number > len(TYPES):
        raise UnknownID("typeID", f"There is no way of payment {number}.")
    if name and _TYPE_IDS[name] != number:
        raise Inconsistent("typeID", f"typeID {number} is {TYPES[number - 1]}, and type says {name}.")
    return TYPES[number - 1]


def _cents(params: Params, name: str, before: Cents = 0) -> Cents:
    return money.to_cents(money.decimal(params[name])) if name in params else before


def _fields(params: Params, kept: Mapping[str, Any]) -> Record:
    stored = fields.stored("savePayment", params)
    for name in (*_COLUMNS, *_SENT_CARD_DATA):
        stored.pop(name, None)
    if time := stored.pop("time", ""):
        stored["time"] = time if len(time) == len("HH:MM:SS") else f"{time}:00"
    if not re.fullmatch(r"[A-Z]{3}", stored.get("currencyCode", "")):
        stored.pop("currencyCode", None)  # An unknown currency becomes the account's, without an error, as documented.
    for name in ("cashPaid", "cashChange"):
        if name in params:
            stored[name] = money.cents_text(_cents(params, name))
    merged = fields.merge_attributes(kept, params)
    merged["attributes"] = _with_card_data(merged.get("attributes", ()), params)
    return {**kept, **stored, **merged}


def _with_card_data(attributes: Iterable[Record], params: Params) -> list[Record]:
    """The attributes with the card data that were sent as fields, and with four digits of the card's number."""
    by_name = {each["attributeName"]: each for each in attributes}
    for name, attribute in _SENT_CARD_DATA.items():
        if value := params.get(name):
            by_name[attribute] = {"attributeName": attribute, "attributeType": "text", "attributeValue": value}
        elif name in params:
            by_name.pop(attribute, None)
    if number := by_name.get(_CARD_NUMBER):
        digits = re.sub(r"[^0-9]", "", number["attributeValue"])
        by_name[_CARD_NUMBER] = {**number, "attributeValue": digits[-4:]}
    return list(by_name.values())


def _check_unseen(context: Context, key: str) -> None:
    seen = context.work.document_uuids.get(key)
    if seen is not None and seen.seen_at > context.now - DAY_SECONDS:
        raise DuplicateUUID("temporaryUUID", "A payment with this temporaryUUID was saved within the last day.")


def book(context: Context, before: Payment | None, after: Payment | None) -> None:
    """Keep a new, changed or (`after` is None) deleted payment; what its documents show as paid follows."""
    work = context.work
    differences: dict[int, Cents] = {}
    for payment, sign in ((before, -1), (after, 1)):
        if payment is not None and payment.document_id:
            differences.setdefault(payment.document_id, 0)
            differences[payment.document_id] += sign * payment.sum
    for document_id, difference in differences.items():
        document = work.documents.get(document_id)
        if document is not None and difference:
            paid = document.paid + difference
            if abs(paid) > money.AMOUNT_MAX:
                raise InvalidValue("sum", "The payments come to more than the server can hold.")
            by = context.user.username if context.user else ""
            work.documents.put(document_id, document._replace(paid=paid, changed_at=context.now, changed_by=by))
    if after is not None:
        work.payments.put(after.id, after)
    elif before is not None:
        work.payments.delete(before.id)
    work.forget_belongings()


def _delete_needs(params: Params) -> Needs:
    return {"payments": {params["paymentID"]}}


def _delete(context: Context, params: Params) -> list[Record]:
    payment = context.work.payments.get(params["paymentID"])
    if payment is None:
        raise UnknownID("paymentID", f"There is no payment {params['paymentID']}.")
    book(context, payment, None)
    return []


_FILTERS: Final[dict[str, tuple[str, Operator]]] = {
    "paymentID": ("id", "="),
    "customerID": ("customer_id", "="),
    "documentID": ("document_id", "="),
    "dateFrom": ("date", ">="),
    "dateTo": ("date", "<="),
    "type": ("type", "="),
    "giftCardVatRateID": ("fields.giftCardVatRateID", "="),
    "archivalNumber": ("fields.archivalNumber", "="),
    "changedSince": ("changed_at", ">="),
}
_LISTS: Final = {"paymentIDs": "id", "documentIDs": "document_id"}


def _listing(_: Context, params: Params) -> Listing:
    asked = conditions(params, _FILTERS)
    asked += [Condition((by,), "in", fields.id_list(params[name])) for name, by in _LISTS.items() if params.get(name)]
    if number := params.get("typeID", 0):
        asked.append(Condition(("type",), "in", TYPES[number - 1 : number]))
    if params.get("excludeStoreCreditPayments"):
        asked.append(Condition(("type",), "<>", "CREDIT"))
    asked += fields.attribute_conditions(params)
    return Listing("payments", tuple(asked), **page(params))


def _records(_: Context, __: Params, page: Page) -> list[Record]:
    def record(row: Payment) -> Record:
        stored = fields.load(row.fields)
        attributes = {each["attributeName"]: each["attributeValue"] for each in stored.get("attributes", ())}
        return shape("getPayments").record(
            {
                "paymentID": row.id,
                "documentID": row.document_id,
                "customerID": row.customer_id,
                "typeID": _TYPE_IDS.get(row.type, 0),
                "type": row.type,
                "date": row.date,
                "sum": money.cents_text(row.sum),
                "storeCredit": int(row.type == "CREDIT"),
                "added": row.added_at,
                "lastModified": row.changed_at,
            },
            {name: attributes.get(attribute, "") for name, attribute in _SHOWN_CARD_DATA.items()},
            stored,
        )

    return list(map(record, page.rows))


CALLS: Final = (
    Call("savePayment", _save, needs=_needs, check=_check, writes=True),
    Call("deletePayment", _delete, needs=_delete_needs, writes=True),
    ListingCall("getPayments", _listing, _records),
)
