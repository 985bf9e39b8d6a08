"""Capillary's negativePointsAdjustment: deduct points or an alternate currency. Facts: `protocol/capillary.md`.

Checks run in the documented order and the first that fails is the answer. Rules of our own: decision 0027.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from erply_points.calls import identifiers
from erply_points.calls.call import Context
from erply_points.calls.programs import decimals, default_points, is_enrolled, millipoints, points_decimal
from erply_points.dialects import bodies
from erply_points.dialects.adjusting import REGULAR, awarded_lots, category_of, take
from erply_points.dialects.job import Refused, Reply
from erply_points.ledger.amounts import Millipoints
from erply_points.ledger.errors import LedgerError
from erply_points.ledger.records import Lot
from erply_points.store.configuration import Adjustment, Award, Currency, Promotion
from erply_points.store.unit_of_work import Needs

DIALECT: Final = "capillary"
REQUEST: Final = "/schemas/capillary/negativePointsAdjustment.request.json"

SOURCES: Final = frozenset(
    {
        *("INSTORE", "MARTJACK", "WECHAT", "FACEBOOK", "WEB_ENGAGE", "TMALL", "TAOBAO", "JD", "ECOMMERCE"),
        *("WEBSITE", "LINE", "ALL"),
    }
)
IDENTIFIERS: Final = frozenset({"externalId", "mobile", "email"})
REF_TYPES: Final = frozenset(
    {"bill_regular", "bill_promotions", "line_item_regular", "line_item_promotions", "customer_promotions"}
)

ERRORS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("Input is invalid", "The body is not what the schema says, or an Idempotency-Key was used for another."),
    401: ("Unauthorized", "No key and secret or token that the server knows, or too many failures."),
    408: ("The request body took too long", "The body took too long."),
    413: ("The request body is too large", "The body is too large."),
    415: ("The request body must not be compressed", "The body has a Content-Encoding."),
    429: ("The requests of this hour are used up", "The account's hourly quota; Retry-After says when."),
    500: ("The server could not do this; nothing of it was kept", "A mistake of the server's."),
    503: (
        "The account's database is unavailable; try again soon",
        "The account's database is unavailable, or the server is busy: Retry-After.",
    ),
    8003: ("Invalid source", "Unknown source, or none in the lookup form."),
    8013: ("Lookup,Invalid identifier passed", "Unknown identifierName."),
    8015: ("Customer not found for the given identifiers", "There is no such customer."),
    8882: ("Reason for adjustment cannot be null", "reasonOfReturn is missing or empty."),
    8888: ("Points to be adjusted cannot be zero", "The amount is zero, below zero or missing."),
    8887: ("Provide Program Id with Promotion Identifier", "promotionIdentifier without programId."),
    1218: (
        "Customer not enrolled in loyalty program : customer not found forprogramId{program}",
        "There is no such program, or the customer is not in it.",
    ),
    8911: (
        "No alternate currency with name {name} found for programId in org",
        "The program has no currency of this name.",
    ),
    8906: (
        "decimal places passed: {passed} is greater than the configured round decimals: {allowed}"
        " for programId: {program}",
        "More decimals than the program or the currency has; zeros at the end do not count.",
    ),
    9975: ("Points awarded ref type is invalid", "pointsAwardedRefType is unknown, or missing beside pointsAwardedId."),
    8877: ("points awarded Id passed is invalid", "The customer has no such award of this program and ref type."),
    8874: ("promotion id passed is invalid", "The program has no such promotion."),
    8907: (
        "points to be deducted {amount} is greater than available points for program and NegativeBalanceOnReturn"
        " config is disabled for org.",
        "What may be drawn from holds less.",
    ),
}
"""Code: the message's template and when it comes, in the order of the checks."""

STATUSES: Final = frozenset({401, 408, 413, 415, 429, 500, 503})
"""Codes that are HTTP statuses too; all others are 400."""


def error(code: int, **facts: Any) -> Reply:
    """The answer to what cannot be done."""
    message = ERRORS[code][0].format(**facts)
    body = {"warnings": [], "errors": [{"status": False, "code": code, "message": message}]}
    return Reply(code if code in STATUSES else 400, body)


def refused(code: int, **facts: Any) -> Refused:
    return Refused(error(code, **facts))


@dataclass(frozen=True, slots=True)
class Request:
    """One request: the customer, by ID or else by an identifier, the source and the body as it came."""

    user_id: str | None
    identifier_name: str
    identifier_value: str
    source: str | None
    body: bytes
    client_key: str

    def needs(self) -> Needs:
        if self.user_id is not None:
            number = _id(self.user_id)
            return {"customers": {number}, "wallets": {(number, 1)}, "currencies": {1}}
        name, value = self.identifier_name, self.identifier_value
        return {"identifiers": {(name, identifiers.normal(name, value))}, "currencies": {1}}


def _id(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else 0


@dataclass(frozen=True, slots=True)
class _Body:
    """What the body says."""

    reason: str
    amount: Decimal | None
    sent: str
    """The amount as it was sent."""
    currency_name: str
    category: str
    award_id: int | None
    ref_type: str | None
    promotion_id: int
    promotion_identifier: str
    program_id: int


def adjust(context: Context, request: Request) -> Reply:
    """Do the adjustment. Raises Refused."""
    if request.source not in SOURCES and not (request.source is None and request.user_id is not None):
        raise refused(8003)
    customer_id = _customer(context, request)
    body = _read(request.body)
    if not body.reason.strip():
        raise refused(8882)
    amount = body.amount
    if amount is None or amount <= 0:
        raise refused(8888)
    if body.promotion_identifier and not body.program_id:
        raise refused(8887)
    promotion = _promotion(context, body)
    currency = _currency(context, customer_id, body, promotion)
    if decimals(amount) > currency.decimals:
        passed = decimals(amount)
        raise refused(8906, passed=passed, allowed=currency.decimals, program=currency.program_id)
    lots = _lots(context, customer_id, body, currency, promotion)
    adjustment = Adjustment(
        0,
        DIALECT,
        category=body.category,
        award_id=body.award_id or 0,
        promotion_id=promotion.id if promotion else 0,
        source=request.source or "",
        reason=body.reason,
        client=request.client_key,
    )
    try:
        wallet = take(context, customer_id, currency.id, millipoints(amount), body.reason, adjustment, lots)
    except LedgerError:
        raise refused(8907, amount=body.sent) from None
    return _success(currency, wallet.totals.balance)


def _success(currency: Currency, balance: Millipoints) -> Reply:
    name = "points" if currency.is_points else currency.name
    return Reply(
        200,
        {
            "status": "success",
            "pointsAvailable" if currency.is_points else "valueAvailable": f"{points_decimal(balance):.3f}",
            "message": f"{name} deducted successfully for the user ",
            "warnings": [],
        },
    )


def _customer(context: Context, request: Request) -> int:
    if request.user_id is not None:
        number = _id(request.user_id)
        if not number or context.work.customers.get(number) is None:
            raise refused(8015)
        return number
    if request.identifier_name not in IDENTIFIERS:
        raise refused(8013)
    found = identifiers.holder(context, request.identifier_name, request.identifier_value)
    if not found:
        raise refused(8015)
    return found


def _read(content: bytes) -> _Body:
    """The body. Raises Refused with 400 for what is not of its shape."""
    try:
        sent = bodies.parse(content)
    except bodies.Malformed:
        raise refused(400) from None
    if any(bodies.problems(REQUEST, sent)) or (sent.get("promotionId") and sent.get("promotionIdentifier")):
        raise refused(400)
    name = sent.get("alternateCurrencyName", "")
    amount = _as_text(sent.get("valueToBeAdjusted" if name else "pointsToBeAdjusted", ""))
    return _Body(
        reason=sent.get("reasonOfReturn", ""),
        amount=Decimal(amount) if amount else None,
        sent=amount,
        currency_name=name,
        category=sent.get("pointCategoryTypes", REGULAR),
        award_id=int(sent["pointsAwardedId"]) if sent.get("pointsAwardedId", "") != "" else None,
        ref_type=sent.get("pointsAwardedRefType"),
        promotion_id=int(sent.get("promotionId") or 0),
        promotion_identifier=sent.get("promotionIdentifier", ""),
        program_id=int(sent.get("programId") or 0),
    )


def _as_text(amount: Decimal | int | str) -> str:
    return f"{amount:f}" if isinstance(amount, Decimal) else str(amount)


def _promotion(context: Context, body: _Body) -> Promotion | None:
    """The promotion that is named, wherever it belongs; None if there is none."""
    if body.promotion_identifier:
        return context.work.promotion_identifiers.get(body.promotion_identifier)
    return context.work.promotions.get(body.promotion_id) if body.promotion_id else None


def _currency(context: Context, customer_id: int, body: _Body, promotion: Promotion | None) -> Currency:
    """What is deducted. The program is the one that was sent, or that of the currency or the promotion."""
    work = context.work
    named = work.currency_names.get(body.currency_name) if body.currency_name else None
    if named is not None and named.is_points:
        named = None
    program_id = (
        body.program_id
        or (named.program_id if named else 0)
        or (promotion.program_id if promotion else 0)
        or default_points(context).program_id
    )
    points = work.program_points.get(program_id)
    if points is None or not is_enrolled(context, customer_id, program_id):
        raise refused(1218, program=program_id)
    if not body.currency_name:
        return points
    if named is None or named.program_id != program_id:
        raise refused(8911, name=body.currency_name)
    return named


def _lots(
    context: Context, customer_id: int, body: _Body, currency: Currency, promotion: Promotion | None
) -> list[Lot] | None:
    """Where to draw from; None: from whatever is available."""
    if body.ref_type is not None and body.ref_type not in REF_TYPES:
        raise refused(9975)
    award_asked = body.award_id is not None
    if award_asked and body.ref_type is None:
        raise refused(9975)
    found: list[Lot] = []
    if award_asked or body.ref_type is not None:
        found = [_award(context, customer_id, body, currency)]
    if body.promotion_id or body.promotion_identifier:
        if promotion is None or promotion.program_id != currency.program_id:
            raise refused(8874)
    elif body.category == REGULAR and not found:
        return None
    if not found:
        found = awarded_lots(context, customer_id, currency.id, lambda _lot, _award: True)
    return list(_wanted(context, found, body.category, promotion))


def _award(context: Context, customer_id: int, body: _Body, currency: Currency) -> Lot:
    """The award that is named, which may be spent already. One of an unknown origin goes by any ref type."""
    lot = context.work.lots.get(body.award_id) if body.award_id else None
    if lot is None or (lot.customer_id, lot.currency_id) != (customer_id, currency.id):
        raise refused(8877)
    if _award_of(context, lot).ref_type not in {"", body.ref_type}:
        raise refused(8877)
    return lot


def _award_of(context: Context, lot: Lot) -> Award:
    return context.work.awards.get(lot.id) or Award(lot.id)


def _wanted(context: Context, lots: list[Lot], category: str, promotion: Promotion | None) -> Iterator[Lot]:
    for lot in lots:
        award = _award_of(context, lot)
        if category_of(context, lot, award) == category and (promotion is None or award.promotion_id == promotion.id):
            yield lot
