"""VAT rates. Facts: `docs/protocol/erply-calls.md`, "getVatRates" and "saveVatRate"."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from erply_points.calls import fields
from erply_points.calls.call import Call, Context, ListingCall, Params, Record
from erply_points.calls.money import decimal_text
from erply_points.calls.paging import order, page
from erply_points.calls.records import shape
from erply_points.calls.refusals import Inconsistent, InvalidValue, Refusal, RequiredMissing, UnknownID
from erply_points.store.listing import Condition, Listing, Page
from erply_points.store.rows import VatRate
from erply_points.store.unit_of_work import Needs

PAGE_SIZE_MAX: Final = 1_000
_ORDERS: Final = {"id": "id", "name": "name", "active": "active", "order": "id"}


def _needs(params: Params) -> Needs:
    return {"vat_rates": {params["vatRateID"]}} if params.get("vatRateID") else {}


def _save(context: Context, params: Params) -> list[Record]:
    work = context.work
    vat_rate_id = params.get("vatRateID", 0)
    before = work.vat_rates.get(vat_rate_id) if vat_rate_id else None
    if vat_rate_id and before is None:
        raise UnknownID("vatRateID", f"There is no VAT rate {vat_rate_id}.")
    reverse = _is_reverse(params, new=before is None)
    if before is None:
        before = VatRate(
            work.new_id("vat_rates"),
            name="",
            rate=decimal_text(params.get("rate", 0)),
            code="",
            active=1,
            is_reverse=int(reverse),
            reverse_rate=decimal_text(params.get("reverseRate", 0)),
            added_at=context.now,
            changed_at=context.now,
            fields="{}",
        )
    kept = fields.load(before.fields)
    saved = before._replace(
        name=params.get("name") or params.get("nameENG") or before.name,
        code=params.get("code", before.code),
        active=params.get("active", before.active),
        changed_at=context.now,
        fields=fields.dump({**kept, **fields.stored("saveVatRate", params), **fields.merge_attributes(kept, params)}),
    )
    work.vat_rates.put(saved.id, saved)
    return [{"vatRateID": saved.id}]


def _check(params: Params) -> Iterator[Refusal]:
    is_reverse = bool(params.get("isReverseVat", 0))
    if not params.get("vatRateID") and "rate" not in params and not is_reverse:
        yield RequiredMissing("rate", "rate is required for a new VAT rate.")
    if is_reverse != ("reverseRate" in params):
        yield InvalidValue("reverseRate", "isReverseVat and reverseRate must be given together.")


def _is_reverse(params: Params, *, new: bool) -> bool:
    """Whether a reverse rate is asked for, which only a new rate can be."""
    is_reverse = bool(params.get("isReverseVat", 0))
    if is_reverse and not new:
        raise Inconsistent("isReverseVat", "A VAT rate cannot become a reverse rate.")
    if is_reverse and "rate" in params:
        raise Inconsistent("rate", "A reverse rate has reverseRate in place of rate.")
    return is_reverse


_PARTS: Final = (
    ("STATE", "state", "stateTaxRate"),
    ("COUNTY", "county", "countyTaxRate"),
    ("CITY", "city", "cityTaxRate"),
    ("OTHER", "otherTaxName", "otherTaxRate"),
)


def _components(stored: Mapping[str, Any]) -> list[Record]:
    """The parts of a rate in the US, as they were saved."""
    return [
        {
            "componentID": number,
            "type": kind,
            "name": stored.get(name, ""),
            "rate": decimal_text(stored.get(rate, 0)),
        }
        for number, (kind, name, rate) in enumerate(_PARTS, start=1)
        if name in stored or rate in stored
    ]


def _listing(_: Context, params: Params) -> Listing:
    asked = [Condition(("active",), "=", params["active"])] if "active" in params else []
    asked += fields.attribute_conditions(params)
    return Listing(
        "vat_rates",
        tuple(asked),
        order=order(params, _ORDERS, "order", "desc"),
        **page(params, size_max=PAGE_SIZE_MAX),
    )


def _records(_: Context, __: Params, page: Page) -> list[Record]:
    def record(row: VatRate) -> Record:
        stored = fields.load(row.fields)
        components = _components(stored)
        return shape("getVatRates").record(
            {
                "id": row.id,
                "name": row.name,
                "rate": row.rate,
                "code": row.code,
                "active": row.active,
                "isReverseVat": row.is_reverse,
                "reverseRate": float(Decimal(row.reverse_rate)),
                "added": row.added_at,
                "lastModified": row.changed_at,
            },
            stored,
            {"components": components} if components else {},
        )

    return list(map(record, page.rows))


CALLS: Final = (
    Call("saveVatRate", _save, needs=_needs, check=_check, writes=True),
    ListingCall("getVatRates", _listing, _records),
)
