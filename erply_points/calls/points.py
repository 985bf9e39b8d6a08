"""Reward points: subtract, add, balance and the two histories. Facts: `docs/protocol/erply-calls.md`, "Points"."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from erply_points.calls.call import DEFAULT_CURRENCY, Call, Context, ListingCall, Params, Record
from erply_points.calls.fields import id_list
from erply_points.calls.master import TableName, check_known, shown_name
from erply_points.calls.paging import conditions, order, page
from erply_points.calls.records import shape
from erply_points.calls.refusals import EarnsNoPoints, Inconsistent, InvalidValue, Refusal, RequiredMissing, UnknownID
from erply_points.ledger.accrual import expiry_after
from erply_points.ledger.amounts import NEVER, UnixSeconds, from_points, to_points
from erply_points.ledger.records import Lot, Redemption
from erply_points.ledger.wallet import Wallet, earn, redeem
from erply_points.store.listing import Condition, Listing, Operator, Page
from erply_points.store.rows import BalanceQuery, Customer, Movement
from erply_points.store.unit_of_work import Needs

TRANSACTIONS: Final = "transactions"
"""The sequence of transactionIDs: earnings and redemptions share it, so no number means two things."""


def _needs(params: Params) -> Needs:
    # The customer is read only where there is no wallet: nobody has one without being a customer.
    needs: dict[str, set[Any]] = {"wallets": {(params["customerID"], DEFAULT_CURRENCY)}}
    invoice_id = params.get("invoiceID")
    if invoice_id and isinstance(invoice_id, int):
        needs["documents"] = {invoice_id}
    return needs


def _add_needs(params: Params) -> Needs:
    return {**_needs(params), "customers": {params["customerID"]}}


def _balance_needs(params: Params) -> Needs:
    return _needs(params) if params.keys().isdisjoint(_BEYOND_ERPLY) else {}


def _check_customer(context: Context, customer_id: int) -> None:
    """Raise UnknownID unless there is such a customer."""
    if context.work.wallets.get((customer_id, DEFAULT_CURRENCY)) is None:
        customer_of(context, customer_id)


def customer_of(context: Context, customer_id: int, field: str = "customerID") -> Customer:
    customer = context.work.customers.get(customer_id)
    if customer is None:
        raise UnknownID(field, f"There is no customer {customer_id}.")
    return customer


def wallet_of(context: Context, customer_id: int) -> Wallet:
    return context.work.wallets.get((customer_id, DEFAULT_CURRENCY)) or Wallet.empty(customer_id, DEFAULT_CURRENCY)


def document_of(context: Context, params: Params, field: str = "invoiceID") -> int:
    """The document that `field` names, 0 for none. The dispatcher has resolved CURRENT_INVOICE_ID."""
    document_id: int = params.get(field, 0)
    if document_id and context.work.documents.get(document_id) is None:
        raise UnknownID(field, f"There is no sales document {document_id}.")
    return document_id


_REFERENCES: Final[Mapping[str, TableName]] = {
    "salepointID": "points_of_sale",
    "salespersonID": "employees",
    "campaignID": "campaigns",
}


def subtract(context: Context, params: Params) -> list[Record]:
    customer_id: int = params["customerID"]
    _check_customer(context, customer_id)
    check_known(context, params, _REFERENCES)
    given = params.get
    redemption = Redemption(
        id=context.work.new_id(TRANSACTIONS),
        customer_id=customer_id,
        currency_id=DEFAULT_CURRENCY,
        points=from_points(params["points"]),
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
            "remainingPoints": to_points(wallet.totals.balance),
            "subtractedPoints": params["points"],
            "transactionID": redemption.id,
        }
    ]


def spend(context: Context, redemption: Redemption) -> Wallet:
    """Let a customer pay with points. Returns the wallet afterwards; raises NotEnoughPoints."""
    posting = redeem(
        wallet_of(context, redemption.customer_id),
        redemption,
        context.now,
        below_zero=context.settings.negative_balance == "allow",
    )
    context.work.post(posting)
    return posting.wallet


def add_lot(
    context: Context,
    customer_id: int,
    earned: int,
    created_at: UnixSeconds,
    *,
    expires_at: UnixSeconds = 0,
    document_id: int = 0,
    point_of_sale_id: int = 0,
    employee_id: int = 0,
    description: str = "",
    source: str = "manual",
) -> Lot:
    """Let a customer earn; `earned` in thousandths. An `expires_at` of 0 follows the account's setting."""
    settings = context.settings
    lot = Lot(
        id=context.work.new_id(TRANSACTIONS),
        customer_id=customer_id,
        currency_id=DEFAULT_CURRENCY,
        earned=earned,
        remaining=earned,
        redeemed=0,
        expired=0,
        reversed=0,
        created_at=created_at,
        available_at=min(created_at, context.now),
        expires_at=expires_at or expiry_after(created_at, settings.reward_points_duration, settings.timezone),
        document_id=document_id,
        point_of_sale_id=point_of_sale_id,
        employee_id=employee_id,
        description=description,
        source=source,
    )
    context.work.post(earn(wallet_of(context, customer_id), lot, context.now))
    return lot


def add(context: Context, params: Params) -> list[Record]:
    customer = customer_of(context, params["customerID"])
    document_id = document_of(context, params)
    created_at = params.get("createdUnixTime") or context.now
    expires_at = params.get("expiryUnixTime", 0)
    if expires_at and expires_at <= created_at:
        raise _TOO_EARLY
    if customer.reward_points_disabled:
        raise EarnsNoPoints(None, f"Customer {customer.id} does not collect points.")
    lot = add_lot(
        context,
        customer.id,
        from_points(params["points"]),
        created_at,
        expires_at=expires_at,
        document_id=document_id,
        point_of_sale_id=params.get("pointOfSaleID", 0),
        employee_id=params.get("employeeID", 0),
        description=params.get("description", ""),
    )
    return [
        {
            "transactionID": lot.id,
            "customerID": customer.id,
            "points": params["points"],
            "createdUnixTime": lot.created_at,
            "expiryUnixTime": _shown_expiry(lot),
        }
    ]


_TOO_EARLY: Final = InvalidValue("expiryUnixTime", "expiryUnixTime must be later than createdUnixTime.")


def _check_add(params: Params) -> Iterator[Refusal]:
    expires_at = params.get("expiryUnixTime", 0)
    if expires_at and expires_at <= params.get("createdUnixTime", 0):
        yield _TOO_EARLY


def balance(context: Context, params: Params) -> list[Record]:
    if not params.keys().isdisjoint(_BEYOND_ERPLY):
        return _balances(context, params)
    customer_id: int = params["customerID"]
    _check_customer(context, customer_id)
    return [{"points": to_points(wallet_of(context, customer_id).balance_at(context.now))}]


_BEYOND_ERPLY: Final = ("customerIDs", "asOf", "expiringBefore")
CUSTOMERS_MAX: Final = 1_000


def _balances(context: Context, params: Params) -> list[Record]:
    """Balances of many, of the past, or with what expires soon: one read whatever their number."""
    listed = params.get("customerIDs", "")
    field = "customerIDs" if listed else "customerID"
    as_of: UnixSeconds = params.get("asOf", 0)
    expiring_before: UnixSeconds = params.get("expiringBefore", 0)
    if listed and "customerID" in params:
        raise Inconsistent("customerIDs", "Send customerID or customerIDs, not both.")
    if as_of and expiring_before:
        raise Inconsistent("expiringBefore", "expiringBefore looks ahead from now, so asOf cannot be sent with it.")
    if as_of > context.now:
        raise InvalidValue("asOf", "asOf must not be in the future.")
    customer_ids = tuple(id_list(listed)) if listed else (params["customerID"],)
    query = BalanceQuery(customer_ids, DEFAULT_CURRENCY, as_of or context.now, bool(as_of), expiring_before)
    found = context.work.balances.get(query) or ()
    del context.work.balances.rows[query]  # The next time it may be another.
    unknown = [each.customer_id for each in found if not each.is_known]
    if unknown:
        raise UnknownID(field, f"There is no customer {', '.join(map(str, unknown))}.")
    return [
        {
            **({"customerID": each.customer_id} if listed else {}),
            "points": to_points(each.points),
            **({"expiringPoints": to_points(each.expiring)} if expiring_before else {}),
        }
        for each in found
    ]


def _check_balance(params: Params) -> Iterator[Refusal]:
    listed = params.get("customerIDs", "")
    if not listed and "customerIDs" in params and "customerID" not in params:
        yield RequiredMissing("customerID", "customerID is required.")
    if len(id_list(listed)) > CUSTOMERS_MAX:
        yield InvalidValue("customerIDs", f"customerIDs takes at most {CUSTOMERS_MAX} customers.")


def _shown_expiry(lot: Lot) -> UnixSeconds:
    return 0 if lot.expires_at >= NEVER else lot.expires_at


_FILTERS: Final[dict[str, tuple[str, Operator]]] = {
    "customerID": ("customer_id", "="),
    "invoiceID": ("document_id", "="),
    "createdUnixTimeFrom": ("created_at", ">="),
    "createdUnixTimeTo": ("created_at", "<="),
}
_ORDERS: Final = {"transactionID": "id", "createdUnixTime": "created_at"}


def _history(of: Literal["earnings", "redemptions"], params: Params) -> Listing:
    asked = conditions(params, _FILTERS)
    if params.get("customerIDs"):
        asked.append(Condition(("customer_id",), "in", id_list(params["customerIDs"])))
    ordered = order(params, _ORDERS, "transactionID")
    return Listing(of, tuple(asked), order=ordered, **page(params, size_default=None))


def _earned_listing(_: Context, params: Params) -> Listing:
    return _history("earnings", params)


def _used_listing(_: Context, params: Params) -> Listing:
    return _history("redemptions", params)


def _places(page: Page) -> Needs:
    """The tills and employees of the transactions on a page."""
    records = [movement.record for movement in page.rows]
    return {
        "points_of_sale": {record.point_of_sale_id for record in records if record.point_of_sale_id},
        "employees": {record.employee_id for record in records if record.employee_id},
    }


def _common(context: Context, movement: Movement) -> Record:
    record = movement.record
    number = movement.document_custom_number or movement.document_number or ""
    return {
        "transactionID": record.id,
        "customerID": record.customer_id,
        "customerCardNumber": movement.card_number,
        "invoiceID": record.document_id,
        "invoiceNo": number,
        "createdUnixTime": record.created_at,
        "pointOfSaleID": record.point_of_sale_id,
        "pointOfSaleName": shown_name(context, "points_of_sale", record.point_of_sale_id),
        "employeeID": record.employee_id,
        "employeeName": shown_name(context, "employees", record.employee_id),
        "description": record.description,
    }


def _earned_records(context: Context, _: Params, page: Page) -> list[Record]:
    def record(movement: Movement) -> Record:
        lot = movement.record
        assert isinstance(lot, Lot)
        # A lot past its expiry is empty, whether or not the ledger has had occasion to write that down.
        remaining = lot.remaining if lot.expires_at > context.now else 0
        return shape("getEarnedRewardPointRecords").record(
            _common(context, movement),
            {
                "earnedPoints": to_points(lot.earned),
                "remainingPoints": to_points(remaining),
                "expiryUnixTime": _shown_expiry(lot),
            },
        )

    return list(map(record, page.rows))


def _used_records(context: Context, _: Params, page: Page) -> list[Record]:
    def record(movement: Movement) -> Record:
        redemption = movement.record
        assert isinstance(redemption, Redemption)
        return shape("getUsedRewardPointRecords").record(
            _common(context, movement),
            {
                "usedPoints": to_points(redemption.points),
                "campaignID": redemption.campaign_id,
                "warehouseID": redemption.warehouse_id,
                "issuedCouponID": redemption.issued_coupon_id,
            },
        )

    return list(map(record, page.rows))


CALLS: Final = (
    Call("subtractCustomerRewardPoints", subtract, needs=_needs, writes=True),
    Call("addCustomerRewardPoints", add, needs=_add_needs, check=_check_add, writes=True),
    Call("getCustomerRewardPoints", balance, needs=_balance_needs, check=_check_balance),
    ListingCall("getEarnedRewardPointRecords", _earned_listing, _earned_records, refers_to=_places),
    ListingCall("getUsedRewardPointRecords", _used_listing, _used_records, refers_to=_places),
)
