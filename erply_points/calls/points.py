"""Reward points: subtract and add. Facts: `docs/protocol/erply-calls.md`, "Points"."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from erply_points.calls.call import DEFAULT_CURRENCY, Call, Context, Params, Record
from erply_points.calls.master import TableName, check_known
from erply_points.calls.named import check_customer, customer_of, document_of
from erply_points.calls.posting import TRANSACTIONS, activation, add_lot, award, shown_expiry, spend
from erply_points.calls.programs import chosen_program, decimals, default_points, is_enrolled, millipoints, shown
from erply_points.calls.refusals import (
    EarnsNoPoints,
    Inconsistent,
    InvalidFormat,
    InvalidValue,
    Refusal,
    UnknownID,
)
from erply_points.ledger.amounts import Millipoints, from_points
from erply_points.ledger.records import Redemption
from erply_points.store.configuration import Award, Currency, Promotion
from erply_points.store.unit_of_work import Needs


def points_needs(params: Params) -> Needs:
    # The customer is read only where there is no wallet: nobody has one without being a customer.
    needs: dict[str, set[Any]] = {"wallets": {(params["customerID"], DEFAULT_CURRENCY)}}
    invoice_id = params.get("invoiceID")
    if invoice_id and isinstance(invoice_id, int):
        needs["documents"] = {invoice_id}
    return needs


def _add_needs(params: Params) -> Needs:
    return {**points_needs(params), "customers": {params["customerID"]}}


def exact(points: float, currency: Currency) -> Millipoints:
    """Points as they were sent, in thousandths. Raises InvalidFormat for more decimals than the currency has.

    The shortest text of a float is what was sent: the schema lets no more than 15 digits pass.
    """
    amount = Decimal(str(points))
    if decimals(amount) > currency.decimals:
        most = f"at most {currency.decimals} decimals" if currency.decimals else "no decimals"
        raise InvalidFormat("points", f"points of {currency.name} have {most}.")
    return millipoints(amount)


_REFERENCES: Final[Mapping[str, TableName]] = {
    "salepointID": "points_of_sale",
    "salespersonID": "employees",
    "campaignID": "campaigns",
}


def subtract(context: Context, params: Params) -> list[Record]:
    customer_id: int = params["customerID"]
    points = params["points"]
    asked = from_points(points) if type(points) is int else exact(points, default_points(context))
    check_customer(context, customer_id)
    check_known(context, params, _REFERENCES)
    given = params.get
    redemption = Redemption(
        id=context.work.new_id(TRANSACTIONS),
        customer_id=customer_id,
        currency_id=DEFAULT_CURRENCY,
        points=asked,
        unpaid=0,
        created_at=given("subtractedUnixTime") or context.now,
        document_id=document_of(context, params),
        campaign_id=given("campaignID", 0),
        warehouse_id=given("warehouseID", 0),
        point_of_sale_id=given("salepointID", 0),
        employee_id=given("salespersonID", 0),
        issued_coupon_id=given("issuedCouponID", 0),
        description=given("description", ""),
    )
    wallet = spend(context, redemption)
    return [
        {
            "customerID": customer_id,
            "remainingPoints": shown(context, wallet.totals.balance),
            "subtractedPoints": shown(context, asked),
            "transactionID": redemption.id,
        }
    ]


def _award_currency(context: Context, params: Params) -> Currency:
    """What the customer is to earn: the points of a program, or its currency of that name. Raises refusals."""
    work = context.work
    promotion: Promotion | None = None
    currency: Currency | None = None
    if promotion_id := params.get("promotionID", 0):
        promotion = work.promotions.get(promotion_id)
        if promotion is None:
            raise UnknownID("promotionID", f"There is no promotion {promotion_id}.")
    if name := params.get("currency", ""):
        currency = work.currency_names.get(name)
        if currency is None or currency.is_points:
            raise UnknownID("currency", f"There is no currency {name}.")
    program_id = chosen_program(
        context,
        params.get("programID", 0),
        currency.program_id if currency else 0,
        promotion.program_id if promotion else 0,
    )
    if work.programs.get(program_id) is None:
        raise UnknownID("programID", f"There is no program {program_id}.")
    for field, part in (("currency", currency), ("promotionID", promotion)):
        if part is not None and part.program_id != program_id:
            raise Inconsistent(field, f"{field} is not of program {program_id}.")
    if not is_enrolled(context, params["customerID"], program_id):
        raise InvalidValue("programID", f"The customer is not in program {program_id}.")
    found = currency or work.program_points.get(program_id)
    assert found is not None
    return found


def add(context: Context, params: Params) -> list[Record]:
    plain = params.keys().isdisjoint(_BEYOND_POINTS)
    points = params["points"]
    if plain:
        earned = from_points(points) if type(points) is int else exact(points, default_points(context))
    customer = customer_of(context, params["customerID"])
    currency_id = DEFAULT_CURRENCY
    if not plain:
        currency = _award_currency(context, params)
        currency_id, earned = currency.id, exact(points, currency)
    document_id = document_of(context, params)
    created_at = params.get("createdUnixTime") or context.now
    expires_at = params.get("expiryUnixTime", 0)
    if expires_at and expires_at <= created_at:
        raise _too_early()
    if customer.reward_points_disabled:
        raise EarnsNoPoints(None, f"Customer {customer.id} does not collect points.")
    lot = add_lot(
        context,
        customer.id,
        earned,
        created_at,
        expires_at=expires_at,
        document_id=document_id,
        point_of_sale_id=params.get("pointOfSaleID", 0),
        employee_id=params.get("employeeID", 0),
        description=params.get("description", ""),
        currency_id=currency_id,
        available_at=activation(context, params.get("pointCategory", "REGULAR")),
    )
    if not plain:
        given = Award(
            lot.id,
            category=params.get("pointCategory", "REGULAR"),
            promotion_id=params.get("promotionID", 0),
            ref_type=params.get("awardRefType", ""),
        )
        award(context, lot, given)
    return [
        {
            "transactionID": lot.id,
            "customerID": customer.id,
            "points": points,
            "createdUnixTime": lot.created_at,
            "expiryUnixTime": shown_expiry(lot),
        }
    ]


_BEYOND_POINTS: Final = ("programID", "promotionID", "currency", "pointCategory", "awardRefType")
"""Parameters that say more of an earning than how many points it is."""


def _too_early() -> InvalidValue:
    return InvalidValue("expiryUnixTime", "expiryUnixTime must be later than createdUnixTime.")


def _check_add(params: Params) -> Iterator[Refusal]:
    expires_at = params.get("expiryUnixTime", 0)
    if expires_at and expires_at <= params.get("createdUnixTime", 0):
        yield _too_early()


CALLS: Final = (
    Call("subtractCustomerRewardPoints", subtract, needs=points_needs, writes=True),
    Call("addCustomerRewardPoints", add, needs=_add_needs, check=_check_add, writes=True),
)
