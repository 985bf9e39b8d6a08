"""What a credit invoice does to the points of the sale that it credits, and what undoes it.

Which rows it credits is the matter of `crediting`, how much of them of `credited`, what becomes of the points of the
ledger's `returns`. Rules: docs/decisions/0013-returns.md.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

import orjson

from erply_points.calls import credited, fields
from erply_points.calls.call import DEFAULT_CURRENCY, Context
from erply_points.calls.credited import Credited, RowCredit
from erply_points.calls.crediting import Wanted, assign, credit_of
from erply_points.calls.posting import TRANSACTIONS, wallet_of
from erply_points.calls.refusals import Inconsistent, InvalidValue, UnknownID
from erply_points.calls.sales_marks import mark
from erply_points.ledger.amounts import Cents, Millipoints
from erply_points.ledger.records import Lot, Redemption, Reversal
from erply_points.ledger.returns import give_back, reverse, share, take_again, undo_reversal
from erply_points.ledger.wallet import Wallet, settle
from erply_points.store.rows import Document, DocumentRow, Return
from erply_points.store.unit_of_work import Table

R = TypeVar("R")

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

    `numbers` are what the caller called the rows. Raises UnknownID, InvalidValue, Inconsistent.
    """
    work = context.work
    original = work.documents.get(document.credited_document_id)
    if original is None:
        raise UnknownID("creditToDocumentID", f"There is no sales document {document.credited_document_id}.")
    check_credited(document, original)
    sold = work.document_rows.get(original.id) or ()
    before, in_full = credited_before(context, original.id, sold)
    if in_full:
        raise InvalidValue("creditToDocumentID", f"Document {original.id} has been credited in full.")
    voids = fields.load(document.fields).get("creditInvoiceType") == "VOID"
    now = {} if voids else _credited_now(sold, before, rows, numbers)
    total = credited.combined((before, now))
    quantities = _is_whole(sold, total)
    lots = sale_lots(context, original.id)
    redemptions: Sequence[Redemption] = ()
    if voids or context.settings.return_redeemed_points:
        redemptions = [_of(work.redemptions, each.id) for each in work.redemptions_of.get(original.id) or ()]
    earning_rows = [row for row in sold if row.earns]
    earning_net, all_net = (sum(row.net for row in each) for each in (earning_rows, sold))
    earned, returned = _earned(context, lots)
    taken = _part(earned, credited.net(earning_rows, total), earning_net, voids=voids, in_full=quantities) - returned
    given = [
        (each, _part(each.points, credited.net(sold, total), all_net, voids=voids, in_full=quantities) - each.returned)
        for each in redemptions
    ]
    given_back = {str(each.id): _give_back(context, each, points) for each, points in given if points > 0}
    take_from(context, lots, taken, document.id)
    kept = Return(document.id, original.id, int(voids), credited.dump(now), orjson.dumps(given_back).decode())
    work.returns.put(document.id, kept)
    work.returns_of.rows.pop(original.id, None)
    mark(context, original, creditedInFull=int(voids or quantities))


def sale_lots(context: Context, document_id: int) -> list[Lot]:
    """What a sale earned: its own earning, and those of higher prices since; the latest first."""
    lots = context.work.lots_of.get(document_id) or ()
    return [_of(context.work.lots, lot.id) for lot in reversed(lots) if lot.source == "sale"]


def _earned(context: Context, lots: Iterable[Lot]) -> tuple[Millipoints, Millipoints]:
    """What a sale has earned, less what lower prices took of it, and what returns have taken back of that."""
    earned = returned = 0
    for lot in lots:
        earned += lot.earned
        for reversal in context.work.reversals_of.get(lot.id) or ():
            points = _of(context.work.reversals, reversal.id).points
            if context.work.returns.get(reversal.document_id) is not None:
                returned += points
            else:
                earned -= points
    return earned, returned


def take_from(context: Context, lots: Iterable[Lot], points: Millipoints, document_id: int) -> None:
    """Take back points of the earnings of a sale, of the first of `lots` first; no more than they earned."""
    for lot in lots:
        taken = min(points, lot.earned - reversed_points(context, lot))
        if taken > 0:
            _reverse(context, lot, taken, document_id)
            points -= taken


def credited_before(
    context: Context, document_id: int, sold: Sequence[DocumentRow], *, but_by: int = 0
) -> tuple[Credited, bool]:
    """What has been credited of a document so far, but by one credit invoice, and whether that is all of it."""
    returns = [each for each in context.work.returns_of.get(document_id) or () if each.credit_document_id != but_by]
    before = credited.combined(credited.load(each.rows) for each in returns)
    return before, any(each.voids for each in returns) or (returns != [] and _is_whole(sold, before))


def _credited_now(
    sold: Sequence[DocumentRow], before: Credited, rows: Sequence[DocumentRow], numbers: Sequence[int]
) -> Credited:
    wanted = [Wanted.of_row(number, row) for number, row in zip(numbers, rows, strict=True)]
    now = credited.combined(
        credit_of(row, taken) for row, taken in zip(rows, assign(sold, before, wanted), strict=True)
    )
    free = credited.combined((before, now)).get(credited.FREE, RowCredit()).net
    by_row = credited.net(sold, {key: each for key, each in credited.combined((before, now)).items() if key})
    if now.get(credited.FREE, RowCredit()).net > 0 and free + by_row > sum(row.net for row in sold):
        raise InvalidValue(f"price{numbers[-1]}", "The document credits more than was sold.")
    return now


def undo(context: Context, returned: Return) -> None:
    """Undo what a credit invoice did: give back what it took and take again what it gave back."""
    work = context.work
    reversals = work.reversals_by.get(returned.credit_document_id) or ()
    for reversal in reversals:
        if _of(work.reversals, reversal.id).points:
            _undo_reversal(context, reversal)
    for key, given in orjson.loads(returned.given_back).items():
        to_lots = {int(lot_id): (points, lost_before) for lot_id, (points, lost_before) in given["lots"].items()}
        redemption = _of(work.redemptions, int(key))
        for lot_id in to_lots:
            _of(work.lots, lot_id)
        wallet = settled(context, redemption.customer_id)
        redemption = _of(work.redemptions, redemption.id)
        # A lot or the redemption may have been given to another customer since: only one's own lots pay.
        lots = [lot for lot_id in to_lots if (lot := _of(work.lots, lot_id)).customer_id == redemption.customer_id]
        work.post(take_again(wallet, redemption, given["points"], to_lots, lots, context.now))
    original = _of(work.documents, returned.document_id)
    sold = work.document_rows.get(original.id) or ()
    _, in_full = credited_before(context, original.id, sold, but_by=returned.credit_document_id)
    mark(context, original, creditedInFull=int(in_full))
    work.returns.delete(returned.credit_document_id)
    work.returns_of.rows.pop(returned.document_id, None)


def take_back_accrual(context: Context, document: Document) -> None:
    """Take back all that is left of what a sale earned: it is deleted."""
    lots = [lot for lot in context.work.lots_of.get(document.id) or () if lot.source == "sale"]
    for lot, points in [(lot, lot.earned - reversed_points(context, lot)) for lot in lots]:
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


def _part(points: Millipoints, part: Cents, whole: Cents, *, voids: bool, in_full: bool) -> Millipoints:
    """How much of the points goes with the part of the net; goods without a price go by their quantity."""
    if voids or (whole <= 0 and in_full):
        return points
    return share(points, part, whole) if whole > 0 else 0


def _of(table: Table[int, R], key: int) -> R:
    """A row that is there, as it is now: what belongs to another row may have changed since it was read."""
    row = table.get(key)
    assert row is not None
    return row


def reversed_points(context: Context, lot: Lot) -> Millipoints:
    """What has been taken back of a lot, and not undone."""
    reversals = context.work.reversals_of.get(lot.id) or ()
    return sum(_of(context.work.reversals, reversal.id).points for reversal in reversals)


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
    below_zero = context.settings.returns_below_zero == "allow"
    work.post(reverse(wallet, reversal, _of(work.lots, lot.id), context.now, below_zero=below_zero))


def _undo_reversal(context: Context, reversal: Reversal) -> None:
    work = context.work
    payments(context, reversal.id)
    _of(work.lots, reversal.lot_id)
    wallet = settled(context, reversal.customer_id)
    paid, lots = payments(context, reversal.id)
    current, lot = _of(work.reversals, reversal.id), _of(work.lots, reversal.lot_id)
    work.post(undo_reversal(wallet, current, paid, lots, lot, context.now))


def _give_back(context: Context, redemption: Redemption, points: Millipoints) -> dict[str, Any]:
    """Give back points of a redemption; return how many, and what went to which lot."""
    work = context.work
    payments(context, redemption.id)
    wallet = settled(context, redemption.customer_id)
    paid, lots = payments(context, redemption.id)
    current = _of(work.redemptions, redemption.id)
    grace = context.settings.returned_points_grace_days * _DAY
    posting = give_back(wallet, current, points, paid, lots, context.now, grace_seconds=grace)
    work.post(posting)
    # What goes back to a lot that has expired is lost at once: of all that this lot has lost it may be the part.
    lost_before = {lot.id: lot.expired if lot.expires_at > context.now or grace else 0 for lot in lots}
    to_lots = {
        str(each.lot_id): [-each.points, lost_before[each.lot_id]]
        for each in posting.allocations
        if each.transaction_id == redemption.id and each.points < 0
    }
    return {"points": points, "lots": to_lots}


def payments(context: Context, transaction_id: int) -> tuple[dict[int, Millipoints], list[Lot]]:
    """What each lot pays for a transaction, and those lots as they are now."""
    paid = {each.lot_id: each.points for each in context.work.paid_for.get(transaction_id) or ()}
    return paid, [_of(context.work.lots, lot_id) for lot_id in paid]
