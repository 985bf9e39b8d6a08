"""What a sale earns when it is confirmed, and what a new price changes about it.

Facts: `docs/protocol/erply-calls.md`, "Points". Rules: docs/decisions/0021-prices-of-a-confirmed-sale.md.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from erply_points.calls import fields
from erply_points.calls.call import Context
from erply_points.calls.named import customer_of
from erply_points.calls.posting import add_lot
from erply_points.calls.returns import sale_lots, take_from
from erply_points.calls.sales_marks import marked, marks_of, source_ids
from erply_points.ledger.accrual import points_for_sale
from erply_points.ledger.amounts import Millipoints, UnixSeconds
from erply_points.store.rows import Document, DocumentRow

EARNING_TYPES: Final = frozenset({"INVWAYBILL", "CASHINVOICE", "EXPORTINVOICE", "INVOICE"})


def accrue(context: Context, document: Document, rows: Iterable[DocumentRow]) -> Document:
    """Give the customer of a sale that is being confirmed its points; return it with the rate, if it earns at all."""
    rows = tuple(rows)
    if not _earns(context, document, rows):
        return document
    rate = context.settings.reward_points_per_currency_unit
    points = _points(rows, rate)
    if points:
        _earn(context, document, document.customer_id, points)
    return marked(document, pointsPerUnit=str(rate))


def follow_prices(
    context: Context, document: Document, before: Iterable[DocumentRow], after: Iterable[DocumentRow]
) -> None:
    """Let the points of a confirmed sale follow its new prices, at the rate that it earned by.

    What a higher net earns is a further earning, with the expiry and for the customer of the sale's own. What a
    lower one does not earn is taken back as a return takes it.
    """
    rate = marks_of(document).get("pointsPerUnit")
    if rate is None:
        return
    difference = _points(after, Decimal(rate)) - _points(before, Decimal(rate))
    lots = sale_lots(context, document.id)
    if difference > 0 and lots:
        _earn(context, document, lots[0].customer_id, difference, expires_at=lots[0].expires_at)
    elif difference > 0:
        _earn(context, document, document.customer_id, difference)
    elif difference < 0:
        take_from(context, lots, -difference, document.id)


def _points(rows: Iterable[DocumentRow], rate: Decimal) -> Millipoints:
    return points_for_sale(sum(row.net for row in rows if row.earns), rate)


def _earns(context: Context, document: Document, rows: Iterable[DocumentRow]) -> bool:
    stored = fields.load(document.fields)
    return (
        document.type in EARNING_TYPES
        and document.customer_id not in {0, context.settings.default_client_idDat}
        and not stored.get("doNotAddRewardPoints")
        and not (document.type == "INVOICE" and _follows_waybill(context, stored, rows))
        and not customer_of(context, document.customer_id).reward_points_disabled
    )


def _follows_waybill(context: Context, stored: dict[str, Any], rows: Iterable[DocumentRow]) -> bool:
    """Whether an invoice only bills what a waybill delivered before."""
    documents = (context.work.documents.get(source_id) for source_id in source_ids(stored))
    return any(source is not None and source.type == "WAYBILL" for source in documents) or any(
        fields.load(row.fields).get("sourceWaybillID") for row in rows
    )


def _earn(
    context: Context, document: Document, customer_id: int, points: Millipoints, *, expires_at: UnixSeconds = 0
) -> None:
    add_lot(
        context,
        customer_id,
        points,
        _moment(context, document),
        expires_at=expires_at,
        source="sale",
        document_id=document.id,
        point_of_sale_id=document.point_of_sale_id,
        employee_id=document.employee_id,
    )


def _moment(context: Context, document: Document) -> UnixSeconds:
    """When the sale was made: its local date and time. A moment before 1970 counts as now."""
    local = datetime.fromisoformat(f"{document.date}T{document.time}").replace(tzinfo=context.settings.timezone)
    moment = int(local.timestamp())
    return moment if moment > 0 else context.now
