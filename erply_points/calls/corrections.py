"""editEarnedRewardPointRecord and editUsedRewardPointRecord: corrections of the histories.

Facts: `docs/protocol/erply-calls.md`. The number of points is never edited. Moving a record to another customer moves
its points. What a record said before and after is kept, with who changed it.
"""

from typing import Any, Final

import orjson

from erply_points.calls.call import DEFAULT_CURRENCY, Call, Context, Params, Record
from erply_points.calls.named import customer_of, document_of
from erply_points.calls.refusals import InvalidValue, UnknownID
from erply_points.calls.returns import payments, reversed_points, settled
from erply_points.ledger.amounts import NEVER
from erply_points.ledger.corrections import (
    change_times,
    put_in_lot,
    put_in_redemption,
    take_out_lot,
    take_out_redemption,
)
from erply_points.ledger.records import Lot, Redemption, Reversal
from erply_points.store.rows import Correction
from erply_points.store.unit_of_work import Needs


def _needs(table: str, params: Params) -> Needs:
    needs: dict[str, set[Any]] = {table: {params["transactionID"]}}
    if customer_id := params.get("customerID"):
        needs["customers"] = {customer_id}
        needs["wallets"] = {(customer_id, DEFAULT_CURRENCY)}
    return needs


def _edit_earned(context: Context, params: Params) -> list[Record]:
    work = context.work
    found = work.lots.get(params["transactionID"])
    if found is None or found.currency_id != DEFAULT_CURRENCY:
        raise UnknownID("transactionID", f"There is no earning {params['transactionID']}.")
    customer_id = params.get("customerID") or found.customer_id
    if customer_id != found.customer_id:
        customer_of(context, customer_id)
        _move_lot(context, found, customer_id)
    _change_times(context, found.id, params)
    lot = _lot(context, found.id)
    work.correct_lot(
        lot._replace(
            document_id=document_of(context, params) if "invoiceID" in params else lot.document_id,
            point_of_sale_id=params.get("pointOfSaleID", lot.point_of_sale_id),
            employee_id=params.get("employeeID", lot.employee_id),
            description=params.get("description", lot.description),
        )
    )
    for document_id in (found.document_id, _lot(context, found.id).document_id):
        work.lots_of.rows.pop(document_id, None)
    _keep(context, found, _lot(context, found.id))
    return [{"transactionID": found.id}]


def _lot(context: Context, lot_id: int) -> Lot:
    lot = context.work.lots.get(lot_id)
    assert lot is not None
    return lot


def _move_lot(context: Context, lot: Lot, customer_id: int) -> None:
    work = context.work
    if reversed_points(context, lot):
        raise InvalidValue("customerID", "An earning of which a return has taken back points cannot be moved.")
    for each in work.paid_by.get(lot.id) or ():
        _debit(context, each.transaction_id)
    wallet = settled(context, lot.customer_id)
    # Settling may have let the lot pay for more; what it pays for now is what counts.
    paid = [(_debit(context, each.transaction_id), each.points) for each in work.paid_by.get(lot.id) or ()]
    work.post(take_out_lot(wallet, _lot(context, lot.id), paid, context.now))
    work.post(put_in_lot(settled(context, customer_id), _lot(context, lot.id), context.now))


def _debit(context: Context, transaction_id: int) -> Redemption | Reversal:
    debit = context.work.redemptions.get(transaction_id) or context.work.reversals.get(transaction_id)
    assert debit is not None
    return debit


def _change_times(context: Context, lot_id: int, params: Params) -> None:
    lot = _lot(context, lot_id)
    created_at = params.get("createdUnixTime") or lot.created_at
    expires_at = lot.expires_at
    if "expiryUnixTime" in params:
        expires_at = params["expiryUnixTime"] or NEVER
    if expires_at <= created_at:
        raise InvalidValue("expiryUnixTime", "expiryUnixTime must be later than createdUnixTime.")
    if (created_at, expires_at) != (lot.created_at, lot.expires_at):
        wallet = settled(context, lot.customer_id)
        context.work.post(change_times(wallet, _lot(context, lot_id), created_at, expires_at, context.now))


def _edit_used(context: Context, params: Params) -> list[Record]:
    work = context.work
    found = work.redemptions.get(params["transactionID"])
    if found is None or found.currency_id != DEFAULT_CURRENCY:
        raise UnknownID("transactionID", f"There is no redemption {params['transactionID']}.")
    customer_id = params.get("customerID") or found.customer_id
    if customer_id != found.customer_id:
        customer_of(context, customer_id)
        _move_redemption(context, found, customer_id)
    redemption = work.redemptions.get(found.id)
    assert redemption is not None
    corrected = redemption._replace(
        document_id=document_of(context, params) if "invoiceID" in params else redemption.document_id,
        campaign_id=params.get("campaignID", redemption.campaign_id),
        warehouse_id=params.get("warehouseID", redemption.warehouse_id),
        point_of_sale_id=params.get("salepointID", redemption.point_of_sale_id),
        employee_id=params.get("salespersonID", redemption.employee_id),
        issued_coupon_id=params.get("issuedCouponID", redemption.issued_coupon_id),
        description=params.get("description", redemption.description),
    )
    work.correct_redemption(corrected)
    for document_id in (found.document_id, corrected.document_id):
        work.redemptions_of.rows.pop(document_id, None)
    _keep(context, found, corrected)
    return [{"transactionID": found.id}]


def _move_redemption(context: Context, redemption: Redemption, customer_id: int) -> None:
    work = context.work
    payments(context, redemption.id)
    wallet = settled(context, redemption.customer_id)
    paid, lots = payments(context, redemption.id)
    current = work.redemptions.get(redemption.id)
    assert current is not None
    work.post(take_out_redemption(wallet, current, paid, lots, context.now))
    current = work.redemptions.get(redemption.id)
    assert current is not None
    below_zero = context.settings.negative_balance == "allow"
    work.post(put_in_redemption(settled(context, customer_id), current, context.now, below_zero=below_zero))


def _keep(context: Context, before: Lot | Redemption, after: Lot | Redemption) -> None:
    """Write down what the record said before and after, where they differ."""
    changed = [name for name in before._fields if getattr(before, name) != getattr(after, name)]
    if not changed:
        return
    correction = Correction(
        id=context.work.new_id("corrections"),
        transaction_id=before.id,
        at=context.now,
        username=context.user.username if context.user else "",
        before=orjson.dumps({name: getattr(before, name) for name in changed}).decode(),
        after=orjson.dumps({name: getattr(after, name) for name in changed}).decode(),
    )
    context.work.corrections.rows.append(correction)


CALLS: Final = (
    Call("editEarnedRewardPointRecord", _edit_earned, needs=lambda params: _needs("lots", params), writes=True),
    Call("editUsedRewardPointRecord", _edit_used, needs=lambda params: _needs("redemptions", params), writes=True),
)
