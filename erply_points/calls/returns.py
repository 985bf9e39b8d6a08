"""What a credit invoice does to the points of the sale that it credits, and what undoes it.

The rows of a credit invoice are matched to the rows of the sale: by `stableRowID`, else by product or service, else,
for rows without either, by name. Rules: docs/decisions/0013-returns.md.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import orjson

from erply_points.calls import credited, fields
from erply_points.calls.call import DEFAULT_CURRENCY, Context
from erply_points.calls.credited import Credited, RowCredit
from erply_points.calls.points import TRANSACTIONS, wallet_of
from erply_points.calls.refusals import Inconsistent, InvalidValue
from erply_points.ledger.amounts import Millipoints
from erply_points.ledger.records import Lot, Redemption, Reversal
from erply_points.ledger.returns import give_back, reverse, share, take_again, undo_reversal
from erply_points.ledger.wallet import Wallet, settle
from erply_points.store.rows import Document, DocumentRow, Return

CREDITED_TYPES: Final = frozenset(
    {
        *("INVWAYBILL", "CASHINVOICE", "EXPORTINVOICE", "INVOICE"),
        *("SERVICE_INVOICE", "SERVICE_CASH_INVOICE", "SERVICE_INVOICE_WAYBILL"),
    }
)
_DAY: Final = 86_400


def check_credited(document: Document, original: Document) -> None:
    """Raise what is wrong with crediting `original` at all."""
    if original.type not in CREDITED_TYPES or not original.confirmed:
        raise InvalidValue("creditToDocumentID", f"Document {original.id} is not a confirmed invoice.")
    if document.customer_id != original.customer_id:
        raise Inconsistent("customerID", f"Document {original.id} belongs to another customer.")


def take_back(context: Context, document: Document, rows: Sequence[DocumentRow], numbers: Sequence[int]) -> None:
    """Let a confirmed credit invoice take back the points earned, and by setting give back the points spent.

    `numbers` are what the caller called the rows. Raises InvalidValue if more is credited than was sold.
    """
    work = context.work
    original = work.documents.get(document.credited_document_id)
    assert original is not None
    sold = work.document_rows.get(original.id) or ()
    returns = work.returns_of.get(original.id) or ()
    before = credited.combined(credited.load(each.rows) for each in returns)
    if any(each.voids for each in returns) or (returns and _is_whole(sold, before)):
        raise InvalidValue("creditToDocumentID", f"Document {original.id} has been credited in full.")
    voids = fields.load(document.fields).get("creditInvoiceType") == "VOID"
    now = {} if voids else _matched(sold, before, rows, numbers)
    total = credited.combined((before, now))
    whole = voids or _is_whole(sold, total)
    lots = [lot for lot in work.lots_of.get(original.id) or () if lot.source == "sale"]
    redemptions: Sequence[Redemption] = ()
    if voids or context.settings.return_redeemed_points:
        redemptions = work.redemptions_of.get(original.id) or ()
    earning_rows = [row for row in sold if row.earns]
    earning_net, all_net = (sum(row.net for row in each) for each in (earning_rows, sold))
    taken = [
        (lot, _part(lot.earned, credited.net(earning_rows, total), earning_net, whole=whole) - _reversed(context, lot))
        for lot in lots
    ]
    given = [
        (each, _part(each.points, credited.net(sold, total), all_net, whole=whole) - each.returned)
        for each in redemptions
    ]
    for redemption, points in given:
        if points > 0:
            _give_back(context, redemption, points)
    for lot, points in taken:
        if points > 0:
            _reverse(context, lot, points, document.id)
    returned = Return(
        document.id,
        original.id,
        int(voids),
        credited.dump(now),
        orjson.dumps({str(each.id): points for each, points in given if points > 0}).decode(),
    )
    work.returns.put(document.id, returned)
    work.returns_of.rows.pop(original.id, None)


def undo(context: Context, returned: Return) -> None:
    """Undo what a credit invoice did: give back what it took and take again what it gave back."""
    work = context.work
    reversals = work.reversals_by.get(returned.credit_document_id) or ()
    given_back = {int(key): points for key, points in orjson.loads(returned.given_back).items()}
    redemptions = [work.redemptions.get(redemption_id) for redemption_id in given_back]
    for reversal in reversals:
        _undo_reversal(context, reversal)
    for redemption in redemptions:
        assert redemption is not None
        wallet = settled(context, redemption.customer_id)
        current = work.redemptions.get(redemption.id)
        assert current is not None
        work.post(take_again(wallet, current, given_back[current.id], context.now))
    work.returns.delete(returned.credit_document_id)
    work.returns_of.rows.pop(returned.document_id, None)


def take_back_accrual(context: Context, document: Document) -> None:
    """Take back all that is left of what a sale earned: it is deleted."""
    lots = [lot for lot in context.work.lots_of.get(document.id) or () if lot.source == "sale"]
    for lot, points in [(lot, lot.earned - _reversed(context, lot)) for lot in lots]:
        if points:
            _reverse(context, lot, points, document.id)


def settled(context: Context, customer_id: int) -> Wallet:
    """The customer's wallet with all that time has done written down."""
    posting = settle(wallet_of(context, customer_id), context.now)
    if posting.lots or posting.redemptions or posting.reversals:
        context.work.post(posting)
    return posting.wallet


def _is_whole(sold: Iterable[DocumentRow], total: Credited) -> bool:
    return all(not credited.left(row, total) for row in sold)


def _part(points: Millipoints, part: int, whole_net: int, *, whole: bool) -> Millipoints:
    if whole:
        return points
    return share(points, part, whole_net) if whole_net > 0 else 0


def _matched(
    sold: Sequence[DocumentRow], before: Credited, rows: Sequence[DocumentRow], numbers: Sequence[int]
) -> Credited:
    now: Credited = {}
    for row, number in zip(rows, numbers, strict=True):
        candidates = [each for each in sold if _same_article(row, each)]
        if row.stable_id in {each.stable_id for each in candidates}:
            candidates = [each for each in candidates if each.stable_id == row.stable_id]
        if not candidates:
            if row.product_id or row.service_id:
                field = f"productID{number}" if row.product_id else f"serviceID{number}"
                raise InvalidValue(field, f"Row {number} credits what the document did not sell.")
            now = credited.combined((now, {credited.FREE: RowCredit(net=-row.net)}))
            continue
        quantity = -Decimal(row.amount)
        if (quantity < 0) != (Decimal(candidates[0].amount) < 0):
            raise InvalidValue(f"amount{number}", f"amount{number} must be the opposite of what was sold.")
        for each in candidates:
            quantity, credit = _credit(row, each, quantity, credited.left(each, credited.combined((before, now))))
            now = credited.combined((now, {each.position: credit}))
        if quantity:
            raise InvalidValue(f"amount{number}", f"Row {number} credits more than was sold.")
    return now


def _same_article(row: DocumentRow, sold: DocumentRow) -> bool:
    if (row.product_id, row.service_id) != (sold.product_id, sold.service_id):
        return False
    if row.product_id or row.service_id:
        return True
    name = fields.load(row.fields).get("itemName")
    return name is not None and name == fields.load(sold.fields).get("itemName")


def _credit(row: DocumentRow, sold: DocumentRow, quantity: Decimal, left: Decimal) -> tuple[Decimal, RowCredit]:
    """Credit as much of `quantity` as is left of a row; return what is still to be credited, and the credit."""
    taken = min(quantity, left, key=abs)
    if not taken:
        return quantity, RowCredit()
    if (row.price, row.discount, row.vat_rate_id) == (sold.price, sold.discount, sold.vat_rate_id):
        return quantity - taken, RowCredit(quantity=taken)
    net = int(row.net * taken / Decimal(row.amount))
    return quantity - taken, RowCredit(other_quantity=taken, net=net)


def _reversed(context: Context, lot: Lot) -> Millipoints:
    return sum(reversal.points for reversal in context.work.reversals_of.get(lot.id) or ())


def _reverse(context: Context, lot: Lot, points: Millipoints, document_id: int) -> None:
    work = context.work
    wallet = settled(context, lot.customer_id)
    reversal = Reversal(
        id=work.new_id(TRANSACTIONS),
        customer_id=lot.customer_id,
        currency_id=DEFAULT_CURRENCY,
        lot_id=lot.id,
        points=points,
        unpaid=0,
        forgiven=0,
        from_expired=0,
        created_at=context.now,
        document_id=document_id,
    )
    current = work.lots.get(lot.id)
    assert current is not None
    below_zero = context.settings.returns_below_zero == "allow"
    work.post(reverse(wallet, reversal, current, context.now, below_zero=below_zero))


def _undo_reversal(context: Context, reversal: Reversal) -> None:
    work = context.work
    paid_before = work.paid_for.get(reversal.id) or ()
    lots_before = [work.lots.get(each.lot_id) for each in paid_before]
    lot_before = work.lots.get(reversal.lot_id)
    assert lot_before is not None
    assert None not in lots_before
    wallet = settled(context, reversal.customer_id)
    paid, lots = payments(context, reversal.id)
    current = work.reversals.get(reversal.id)
    lot = work.lots.get(reversal.lot_id)
    assert current is not None
    assert lot is not None
    work.post(undo_reversal(wallet, current, paid, lots, lot, context.now))


def _give_back(context: Context, redemption: Redemption, points: Millipoints) -> None:
    work = context.work
    payments(context, redemption.id)
    wallet = settled(context, redemption.customer_id)
    paid, lots = payments(context, redemption.id)
    current = work.redemptions.get(redemption.id)
    assert current is not None
    grace = context.settings.returned_points_grace_days * _DAY
    work.post(give_back(wallet, current, points, paid, lots, context.now, grace_seconds=grace))


def payments(context: Context, transaction_id: int) -> tuple[dict[int, Millipoints], list[Lot]]:
    """What each lot pays for a transaction, and those lots as they are now."""
    paid = {each.lot_id: each.points for each in context.work.paid_for.get(transaction_id) or ()}
    lots = [context.work.lots.get(lot_id) for lot_id in paid]
    return paid, [lot for lot in lots if lot is not None]
