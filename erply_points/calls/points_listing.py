"""getEarnedRewardPointRecords and getUsedRewardPointRecords: the two histories of reward points."""

from typing import Final, Literal

from erply_points.calls.call import DEFAULT_CURRENCY, Context, ListingCall, Params, Record
from erply_points.calls.fields import id_list
from erply_points.calls.master import shown_name
from erply_points.calls.paging import conditions, order, page
from erply_points.calls.posting import shown_expiry, wallet_of
from erply_points.calls.programs import shown
from erply_points.calls.records import shape
from erply_points.ledger.records import Lot, Redemption
from erply_points.ledger.wallet import settle
from erply_points.store.listing import Condition, Listing, Operator, Page
from erply_points.store.rows import Movement
from erply_points.store.unit_of_work import Needs, WalletKey

_FILTERS: Final[dict[str, tuple[str, Operator]]] = {
    "customerID": ("customer_id", "="),
    "invoiceID": ("document_id", "="),
    "createdUnixTimeFrom": ("created_at", ">="),
    "createdUnixTimeTo": ("created_at", "<="),
}
_ORDERS: Final = {"transactionID": "id", "createdUnixTime": "created_at"}


def _history(of: Literal["earnings", "redemptions"], params: Params) -> Listing:
    asked = [*conditions(params, _FILTERS), Condition(("currency_id",), "=", DEFAULT_CURRENCY)]
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


def _earned_refers_to(page: Page) -> Needs:
    return {**_places(page), "wallets": {_wallet_key(movement) for movement in page.rows if _may_repay(movement)}}


def _wallet_key(movement: Movement) -> WalletKey:
    return movement.record.customer_id, movement.record.currency_id


def _may_repay(movement: Movement) -> bool:
    """Whether it is a lot that will repay what is owed, or has done so, as soon as it is available."""
    return movement.shortfall > 0 and isinstance(movement.record, Lot) and movement.record.remaining > 0


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
    # What time has done shows, whether or not the ledger has had occasion to write it down: a lot past its expiry
    # is empty, and one that has become available has repaid what was owed.
    settled: dict[int, Lot] = {}
    for customer_id, currency_id in {_wallet_key(movement) for movement in page.rows if _may_repay(movement)}:
        settled.update(settle(wallet_of(context, customer_id, currency_id), context.now).lots)

    def record(movement: Movement) -> Record:
        lot = movement.record
        assert isinstance(lot, Lot)
        lot = settled.get(lot.id, lot)
        remaining = lot.remaining if lot.expires_at > context.now else 0
        return shape("getEarnedRewardPointRecords").record(
            _common(context, movement),
            {
                "earnedPoints": shown(context, lot.earned),
                "remainingPoints": shown(context, remaining),
                "expiryUnixTime": shown_expiry(lot),
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
                "usedPoints": shown(context, redemption.points),
                "campaignID": redemption.campaign_id,
                "warehouseID": redemption.warehouse_id,
                "issuedCouponID": redemption.issued_coupon_id,
            },
        )

    return list(map(record, page.rows))


CALLS: Final = (
    ListingCall("getEarnedRewardPointRecords", _earned_listing, _earned_records, refers_to=_earned_refers_to),
    ListingCall("getUsedRewardPointRecords", _used_listing, _used_records, refers_to=_places),
)
