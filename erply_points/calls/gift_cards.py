"""Gift cards. Facts: `docs/protocol/erply-calls.md`, "Gift cards".

What a card holds is what the client says: the server never reduces a balance, and no error code says that a card holds
too little.
"""

from collections.abc import Iterator
from typing import Any, Final

from erply_points.calls import fields, money
from erply_points.calls.call import Call, Context, ListingCall, Params, Record
from erply_points.calls.named import document_of
from erply_points.calls.paging import conditions, page
from erply_points.calls.records import shape
from erply_points.calls.refusals import InvalidValue, NotUnique, Refusal, UnknownID
from erply_points.calls.sales_marks import link
from erply_points.store.listing import Condition, Listing, Operator, Page
from erply_points.store.rows import GiftCard
from erply_points.store.unit_of_work import Needs

_REFERENCES: Final = ("purchaseInvoiceID", "redemptionInvoiceID")


def _needs(params: Params) -> Needs:
    needs: dict[str, set[Any]] = {
        "documents": {params[name] for name in _REFERENCES if isinstance(params.get(name), int) and params[name]}
    }
    if params.get("giftCardID"):
        needs["gift_cards"] = {params["giftCardID"]}
    if params.get("code"):
        needs["gift_card_codes"] = {params["code"]}
    return needs


def _check(params: Params) -> Iterator[Refusal]:
    yield from fields.impossible_dates(params, ("expirationDate",))
    for name in ("value", "balance"):
        if money.decimal(params.get(name, 0)) < 0:
            yield InvalidValue(name, f"{name} must not be negative.")


def _save(context: Context, params: Params) -> list[Record]:
    work = context.work
    holder = work.gift_card_codes.get(params["code"]) if params.get("code") else None
    card_id = params.get("giftCardID", 0) or (holder.id if holder is not None else 0)
    before = work.gift_cards.get(card_id) if card_id else None
    if card_id and before is None:
        raise UnknownID("giftCardID", f"There is no gift card {card_id}.")
    saved = _changed(context, params, before or _blank(context, params))
    if before is not None and holder is not None and holder.id != before.id:
        raise NotUnique("code", "Another gift card has this code.")
    if before is None:
        saved = saved._replace(id=work.new_id("gift_cards"))
    elif saved.code != before.code:
        work.gift_card_codes.delete(before.code)
    work.gift_cards.put(saved.id, saved)
    link(context, "giftCards", saved.id, _documents(before) if before is not None else (), _documents(saved))
    if saved.code:
        work.gift_card_codes.put(saved.code, saved)
    return [{"giftCardID": saved.id}]


def _documents(card: GiftCard) -> tuple[int, int]:
    return card.purchase_document_id, card.redemption_document_id


def _blank(context: Context, params: Params) -> GiftCard:
    return GiftCard(
        id=0,
        code="",
        value=0,
        balance=money.to_cents(money.decimal(params.get("value", 0))),
        purchase_document_id=0,
        redemption_document_id=0,
        added_at=context.now,
        changed_at=context.now,
        fields="{}",
    )


def _changed(context: Context, params: Params, before: GiftCard) -> GiftCard:
    sold_on, used_on = (document_of(context, params, name) for name in _REFERENCES)
    return before._replace(
        code=params.get("code") or before.code,
        value=money.to_cents(money.decimal(params["value"])) if "value" in params else before.value,
        balance=money.to_cents(money.decimal(params["balance"])) if "balance" in params else before.balance,
        purchase_document_id=sold_on if "purchaseInvoiceID" in params else before.purchase_document_id,
        redemption_document_id=used_on if "redemptionInvoiceID" in params else before.redemption_document_id,
        changed_at=context.now,
        fields=fields.dump({**fields.load(before.fields), **fields.stored("saveGiftCard", params)}),
    )


_FILTERS: Final[dict[str, tuple[str, Operator]]] = {
    "giftCardID": ("id", "="),
    "code": ("code", "="),
    "purchaseInvoiceID": ("purchase_document_id", "="),
    "purchasedUnixTimeFrom": ("fields.purchaseDateTime", ">="),
    "purchasedUnixTimeTo": ("fields.purchaseDateTime", "<="),
    "redeemedUnixTimeFrom": ("fields.redemptionDateTime", ">="),
    "redeemedUnixTimeTo": ("fields.redemptionDateTime", "<="),
    "vatrateID": ("fields.vatrateID", "="),
    "changedSince": ("changed_at", ">="),
}


def _listing(_: Context, params: Params) -> Listing:
    asked = conditions(params, _FILTERS)
    for name in ("purchasedUnixTimeTo", "redeemedUnixTimeTo"):
        if params.get(name):
            # A card whose moment is unknown was not sold or used before any other.
            asked.append(Condition((_FILTERS[name][0],), ">", 0))
    return Listing("gift_cards", tuple(asked), **page(params))


def _records(_: Context, __: Params, page: Page) -> list[Record]:
    def record(row: GiftCard) -> Record:
        stored = fields.load(row.fields)
        return shape("getGiftCards").record(
            {
                "giftCardID": row.id,
                "code": row.code,
                "value": money.from_cents(row.value),
                "balance": money.from_cents(row.balance),
                "purchaseInvoiceID": row.purchase_document_id,
                "redemptionInvoiceID": row.redemption_document_id,
                "added": row.added_at,
                "lastModified": row.changed_at,
            },
            stored,
            {"expirationDate": stored.get("expirationDate") or "0000-00-00"},
        )

    return list(map(record, page.rows))


CALLS: Final = (
    Call("saveGiftCard", _save, needs=_needs, check=_check, writes=True),
    ListingCall("getGiftCards", _listing, _records),
)
