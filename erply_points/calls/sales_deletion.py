"""deleteSalesDocument: what the document did to the points is undone. Facts: `docs/protocol/erply-calls.md`."""

from collections.abc import Mapping
from typing import Final

from erply_points.calls.call import Call, Context, Params, Record
from erply_points.calls.refusals import RelatedRecords, UnknownID
from erply_points.calls.returns import take_back_accrual, undo
from erply_points.calls.rights import check_location
from erply_points.calls.sales_marks import Link, base_ids, link, linked
from erply_points.store.rows import Document
from erply_points.store.unit_of_work import Needs


def _needs(params: Params) -> Needs:
    document_id = params["documentID"]
    names = ("documents", "document_rows", "returns", "credits_of", "payments_of", "lots_of", "redemptions_of")
    return {name: {document_id} for name in names}


def _delete(context: Context, params: Params) -> list[Record]:
    work = context.work
    document_id: int = params["documentID"]
    document = work.documents.get(document_id)
    if document is None:
        raise UnknownID("documentID", f"There is no sales document {document_id}.")
    check_location(context, "documentID", document.warehouse_id)
    _check_unreferred(context, document)
    lots = work.lots_of.get(document_id) or ()
    redemptions = work.redemptions_of.get(document_id) or ()
    returned = work.returns.get(document_id)
    if returned is not None:
        undo(context, returned)
    take_back_accrual(context, document)
    for lot in lots:
        current_lot = work.lots.get(lot.id)
        assert current_lot is not None
        work.correct_lot(current_lot._replace(document_id=0))
    for redemption in redemptions:
        # Points that were spent stay spent, without the document.
        current = work.redemptions.get(redemption.id)
        assert current is not None
        work.correct_redemption(current._replace(document_id=0))
    for table in (work.lots_of, work.redemptions_of):
        table.rows.pop(document_id, None)
    if document.number:
        work.document_numbers.rows.pop((document.type, document.number), None)
    work.credits_of.rows.pop(document.credited_document_id, None)
    link(context, "documents", document_id, base_ids(document), ())
    work.document_rows.delete(document_id)
    work.documents.delete(document_id)
    return []


_REFERRING: Final[Mapping[Link, str]] = {
    "documents": "Other documents were made from this one.",
    "giftCards": "Gift cards were sold or used on this document.",
    "issuedCoupons": "Coupons were issued with this document.",
    "redeemedCoupons": "Coupons were used on this document.",
}


def _check_unreferred(context: Context, document: Document) -> None:
    """Raise RelatedRecords if anything but earned and spent points refers to the document."""
    if context.work.payments_of.get(document.id):
        raise RelatedRecords("documentID", "Payments refer to this document.")
    if context.work.credits_of.get(document.id):
        raise RelatedRecords("documentID", "Credit invoices refer to this document.")
    for kind, sentence in _REFERRING.items():
        if linked(document, kind):
            raise RelatedRecords("documentID", sentence)


CALLS: Final = (Call("deleteSalesDocument", _delete, needs=_needs, writes=True),)
