"""fabric's adjustments of members' points and their neighbours. Facts: `protocol/fabric.md`.

Rules of our own: decision 0028. A member is a customer, whose profile ID is the profileId; the points are those of the
default program.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from erply_points.calls import identifiers
from erply_points.calls.call import DEFAULT_CURRENCY, Context
from erply_points.calls.fields import is_date
from erply_points.calls.posting import activation, add_lot, award
from erply_points.calls.programs import decimals, default_points, millipoints, number, points_decimal
from erply_points.dialects import bodies
from erply_points.dialects.adjusting import awarded_lots, take, whole_wallet
from erply_points.dialects.job import Refused, Reply
from erply_points.ledger.amounts import MILLIPOINTS_PER_POINT, NEVER, Millipoints, UnixSeconds
from erply_points.ledger.deductions import activate as activated
from erply_points.ledger.errors import BalanceTooLarge, NotEnoughPoints
from erply_points.ledger.records import Lot
from erply_points.ledger.wallet import settle
from erply_points.store.configuration import AdjustedQuery, Adjustment, Award, Member
from erply_points.store.rows import Customer

DIALECT: Final = "fabric"
BASE: Final = "Base"
TYPES: Final = (BASE, "Bonus", "Promotional", "Restricted")

ERRORS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("Bad Request", "A field at fault, each in `errors` with its sentences: nothing was changed."),
    401: ("Unauthorized", "No bearer token, one that has expired, or one that the server does not know."),
    404: ("Not Found", "There is no member of this profileId."),
    408: ("Request Timeout", "The body took too long."),
    413: ("Content Too Large", "The body is too large."),
    415: ("Unsupported Media Type", "The body is compressed: it has a Content-Encoding."),
    429: ("Too Many Requests", "The account's requests of this hour are used up; Retry-After says when."),
    500: ("Internal Server Error", "A mistake of the server's; nothing was kept."),
    503: (
        "Service Unavailable",
        "The account's database is unavailable, or the server is busy; Retry-After says when.",
    ),
}
"""HTTP status: the message, and when it comes."""


def envelope(status: int, message: str, data: Any, errors: Mapping[str, Sequence[str]] | None = None) -> Reply:
    return Reply(status, {"message": message, "errors": errors or {}, "data": data, "status": status})


def error(status: int, **errors: Sequence[str]) -> Reply:
    return envelope(status, ERRORS[status][0], None, errors)


USED_OTHERWISE: Final = error(400, **{"Idempotency-Key": ["was used by a different request before."]})


def _wrong(field: str, sentence: str, status: int = 400) -> Refused:
    return Refused(error(status, **{field: [sentence]}))


def _parsed(call: str, content: bytes) -> dict[str, Any]:
    """The body. Raises Refused with every field that is not as the schema says."""
    try:
        sent = bodies.parse(content)
    except bodies.Malformed:
        raise _wrong("body", "The body must be a JSON object.") from None
    found: dict[str, list[str]] = {}
    for field, sentence in bodies.problems(f"/schemas/fabric/{call}.request.json", sent):
        found.setdefault(field or "body", []).append(sentence)
    if found:
        raise Refused(error(400, **found))
    return sent


def _member(context: Context, profile_id: str) -> Customer:
    customer_id = identifiers.holder(context, identifiers.PROFILE, profile_id)
    customer = context.work.customers.get(customer_id) if customer_id else None
    if customer is None:
        raise _wrong("profileId", "There is no member of this profileId.", 404)
    return customer


def adjust(context: Context, client_key: str, content: bytes) -> Reply:
    """POST /v1/members/points-adjustment: add points, or deduct them if below zero. Raises Refused."""
    sent = _parsed("points-adjustment", content)
    points = Decimal(sent["points"])
    reason = sent.get("reasonCode", "")
    _check_adjustment(context, points, reason, pending=sent.get("setToPending", False))
    member = _member(context, sent["profileId"])
    _check_cap(context, member.id, abs(millipoints(points)))
    code = str(uuid4())
    told = {"transaction_code": code, "reason": reason, "billing_entity": sent.get("billingEntity", "")}
    point_type: str | None = sent.get("pointType")
    try:
        if points > 0:
            given = Award(0, dialect=DIALECT, point_type=point_type or BASE, client=client_key, **told)
            _add(context, member, millipoints(points), given, pending=sent.get("setToPending", False))
        else:
            lots = None if point_type is None else _lots_of_type(context, member.id, point_type)
            made = Adjustment(0, DIALECT, point_type=point_type or "", client=client_key, **told)
            take(context, member.id, DEFAULT_CURRENCY, millipoints(-points), reason, made, lots)
    except NotEnoughPoints as refused:
        spendable = number(points_decimal(refused.spendable))
        raise _wrong("points", f"The member has {spendable} points to deduct.") from None
    except BalanceTooLarge:
        raise _wrong("points", "The balance would be more than the server can hold.") from None
    data = {
        "Message": f"{_told(points)} points {'added' if points > 0 else 'deducted'}",
        "futureDate": False,
        "ExceptionString": "",
        "transactionCode": code,
    }
    return envelope(200, "Member points adjusted", data)


def _told(points: Decimal) -> str:
    """Without a sign, and with at least one decimal: `100.0`."""
    text = f"{abs(points).normalize():f}"
    return text if "." in text else f"{text}.0"


def _check_adjustment(context: Context, points: Decimal, reason: str, *, pending: bool) -> None:
    wrong: dict[str, list[str]] = {}
    most = default_points(context).decimals
    if points == 0:
        wrong["points"] = ["points must not be 0."]
    elif decimals(points) > most:
        wrong["points"] = [f"points have at most {most} decimals in this program."]
    if points < 0 and pending:
        wrong["setToPending"] = ["Only points that are added can be pending."]
    if reason and context.work.reasons.get(reason) is None:
        wrong["reasonCode"] = ["There is no such reason code."]
    if wrong:
        raise Refused(error(400, **wrong))


def _check_cap(context: Context, customer_id: int, points: Millipoints) -> None:
    cap = context.settings.daily_adjustment_cap
    if not cap:
        return
    today = datetime.fromtimestamp(context.now, context.settings.timezone).replace(hour=0, minute=0, second=0)
    done = context.work.adjusted.get(AdjustedQuery(customer_id, DEFAULT_CURRENCY, int(today.timestamp())))
    assert done is not None
    if done.since + points > cap * MILLIPOINTS_PER_POINT:
        left = number(points_decimal(max(0, cap * MILLIPOINTS_PER_POINT - done.since)))
        raise _wrong("points", f"At most {cap} points are adjusted in a day; {left} are left today.")


def _add(context: Context, member: Customer, points: Millipoints, given: Award, *, pending: bool) -> None:
    if member.reward_points_disabled:
        raise _wrong("profileId", "The member does not collect points.")
    category = "PROMISED" if pending else "REGULAR"
    available_at = activation(context, category)
    lot = add_lot(context, member.id, points, context.now, description=given.reason, available_at=available_at)
    award(context, lot, given._replace(lot_id=lot.id, category=category))


def _lots_of_type(context: Context, customer_id: int, point_type: str) -> list[Lot]:
    """The lots of a type that can be spent. Plain ones are Base."""
    wallet = whole_wallet(context, customer_id, DEFAULT_CURRENCY)
    types = _types(context, customer_id)
    return [lot for lot in wallet.lots if lot.available_at <= context.now and types.get(lot.id, BASE) == point_type]


def _types(context: Context, customer_id: int) -> dict[int, str]:
    """The point types of those open lots that have one by an award."""
    return {each.lot_id: each.point_type for each in context.work.awards_of.get((customer_id, DEFAULT_CURRENCY)) or ()}


def activate(context: Context, client_key: str, content: bytes) -> Reply:  # noqa: ARG001 - as all that write
    """POST /v1/members/points-activate: let pending points be active, in every program. Raises Refused."""
    sent = _parsed("points-activate", content)
    moments = {name: _moment(sent, name) for name in ("startDate", "endDate") if sent.get(name)}
    since, until = moments.get("startDate", 0), moments.get("endDate", NEVER)
    if since > until:
        raise _wrong("endDate", "endDate must not be before startDate.")
    member = _member(context, sent["profileId"])

    def wanted(lot: Lot, _: Award) -> bool:
        return lot.available_at > context.now and since <= lot.created_at <= until

    for totals in context.work.wallets_of.get(member.id) or ():
        lots = awarded_lots(context, member.id, totals.currency_id, wanted)
        wallet = context.work.wallets.get((member.id, totals.currency_id))
        if lots and wallet is not None:
            context.work.post(activated(wallet, lots, context.now))
    return envelope(200, "Member points activated", None)


def _moment(sent: Mapping[str, Any], name: str) -> UnixSeconds:
    try:
        return int(datetime.strptime(sent[name], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise _wrong(name, f"{name} must be a moment in UTC, YYYY-MM-DD hh:mm:ss.") from None


def member_points(context: Context, profile_id: str) -> Reply:
    """GET /v1/inquire/{profileId}/member-points: what a member has, of which types, and how it came to that.

    What is owed is taken off the Base points, so that the types add up to the total. Raises Refused.
    """
    member = _member(context, profile_id)
    totals, lots, *_ = settle(whole_wallet(context, member.id, DEFAULT_CURRENCY), context.now).wallet
    types = _types(context, member.id)
    by_type = dict.fromkeys(TYPES, 0)
    by_type[BASE] -= totals.shortfall
    for lot in lots:
        by_type[types.get(lot.id, BASE)] += lot.remaining
    adjusted = context.work.adjusted.get(AdjustedQuery(member.id, DEFAULT_CURRENCY, NEVER))
    assert adjusted is not None
    listed = [(name, points) for name, points in by_type.items() if points or name == BASE]
    unrestricted = totals.balance - by_type["Restricted"]
    points_balance = {
        "memberPointsEarned": totals.earned - totals.reversed,
        "memberPointsDeducted": adjusted.deducted,
        "memberPointsUsed": totals.redeemed - adjusted.deducted,
        "memberPointsExpired": totals.expired,
        "memberPointsAvailable": totals.balance,
        "memberPointsLocked": sum(lot.remaining for lot in lots if lot.available_at > context.now),
    }
    shown = {
        "totalPoints": _number(totals.balance),
        "pointsByType": [{"pointType": name, "points": _number(points), "subType": ""} for name, points in listed],
        "pointsBalance": {name: _number(points) for name, points in points_balance.items()},
        "breakdown": {
            **_worth(context, totals.balance),
            "unrestrictedPoints": {
                **_worth(context, unrestricted),
                "unrestrictedPointsItems": [
                    {"points": _number(points), "pointType": name} for name, points in listed if name != "Restricted"
                ],
            },
            "restrictedPoints": {
                **_worth(context, by_type["Restricted"]),
                "restrictedPointsItems": [
                    {
                        "points": _number(by_type["Restricted"]),
                        "pointType": "Restricted",
                        "restrictedLocation": "",
                    }
                ],
            },
        },
    }
    return Reply(200, {"status": 200, "message": "", "errors": {}, "data": [shown]})


def _number(points: Millipoints) -> int | float:
    return number(points_decimal(points))


def _worth(context: Context, points: Millipoints) -> dict[str, Any]:
    worth = points_decimal(points) * context.settings.point_value
    return {"totalPoints": _number(points), "totalCurrencyValue": number(worth)}


_OWN_FIELDS: Final = ("firstName", "lastName", "emailAddress", "phoneNumber", "birthDate")
"""What a customer has a place for."""


def enrol(context: Context, client_key: str, content: bytes) -> Reply:  # noqa: ARG001 - as all that write
    """POST /v1/members: a new customer, found by email, telephone number and profile ID. Raises Refused."""
    sent = _parsed("members", content)
    if sent.get("birthDate") and not is_date(sent["birthDate"]):
        raise _wrong("birthDate", "birthDate must be a day of the calendar, YYYY-MM-DD.")
    wanted = {"email": sent["emailAddress"], "mobile": sent["phoneNumber"]}
    fields = {"email": "emailAddress", "mobile": "phoneNumber"}
    if taken := {
        fields[kind]: [f"Another member has this {fields[kind]}."] for kind in identifiers.taken(context, 0, wanted)
    }:
        raise Refused(error(400, **taken))
    work = context.work
    customer = Customer(
        id=work.new_id("customers"),
        company_name="",
        first_name=sent["firstName"].strip(),
        last_name=sent["lastName"].strip(),
        card_number=_loyalty_number(context),
        code="",
        email=sent["emailAddress"].strip(),
        phone="",
        mobile=sent["phoneNumber"].strip(),
        birthday=sent.get("birthDate", ""),
        reward_points_disabled=0,
        added_at=context.now,
        changed_at=context.now,
        fields="{}",
    )
    work.customers.put(customer.id, customer)
    work.card_numbers.put(customer.card_number, customer)
    profile_id = identifiers.identify(context, customer.id, wanted, is_new=True)
    rest = {name: value for name, value in sent.items() if name not in _OWN_FIELDS}
    work.members.put(customer.id, Member(customer.id, json.dumps(rest, default=str)))
    account = {
        "profileId": profile_id,
        "loyaltyNumber": customer.card_number,
        "entityReference": sent["entityReference"],
        "clubReference": sent["clubReference"],
        "tierId": sent.get("tierReference", ""),
        "firstName": customer.first_name,
        "lastName": customer.last_name,
        "emailAddress": customer.email,
        "phoneNumber": customer.mobile,
    }
    return envelope(201, "Created", {"accounts": [account]})


def _loyalty_number(context: Context) -> str:
    """A card number that nobody has."""
    while True:
        found = f"9{context.work.next_number('loyalty_numbers'):011d}"
        if context.work.card_numbers.get(found) is None:
            return found
