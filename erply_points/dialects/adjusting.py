"""Deductions that say where they draw from, for both dialects. A deduction is a redemption with an adjustment."""

from collections.abc import Callable, Iterator
from typing import Final

from erply_points.calls.call import Context
from erply_points.calls.posting import TRANSACTIONS, spend, wallet_of
from erply_points.ledger.amounts import Millipoints
from erply_points.ledger.deductions import deduct
from erply_points.ledger.errors import LotsNotLoaded
from erply_points.ledger.records import Lot, Redemption
from erply_points.ledger.wallet import Wallet
from erply_points.store.configuration import Adjustment, Award

REGULAR: Final = "REGULAR"
PROMISED: Final = "PROMISED"
TRIGGERED: Final = "EXTERNAL_TRIGGER_BASED"


def category_of(context: Context, lot: Lot, award: Award) -> str:
    """What a lot is now: available points are REGULAR, whatever they were given as."""
    if lot.available_at <= context.now:
        return REGULAR
    return TRIGGERED if award.category == TRIGGERED else PROMISED


def awarded_lots(
    context: Context, customer_id: int, currency_id: int, wanted: Callable[[Lot, Award], bool]
) -> list[Lot]:
    """Those open lots of a wallet that have an award and are wanted."""
    return [lot for lot, award in _awards(context, customer_id, currency_id) if wanted(lot, award)]


def _awards(context: Context, customer_id: int, currency_id: int) -> Iterator[tuple[Lot, Award]]:
    for award in context.work.awards_of.get((customer_id, currency_id)) or ():
        lot = context.work.lots.get(award.lot_id)
        if lot is not None and lot.expires_at > context.now:
            yield lot, award


def whole_wallet(context: Context, customer_id: int, currency_id: int) -> Wallet:
    """The wallet with all of its open lots. Raises LotsNotLoaded."""
    wallet = wallet_of(context, customer_id, currency_id)
    if not wallet.complete:
        raise LotsNotLoaded(customer_id, currency_id)
    return wallet


def take(
    context: Context,
    customer_id: int,
    currency_id: int,
    points: Millipoints,
    description: str,
    adjustment: Adjustment,
    lots: list[Lot] | None,
) -> Wallet:
    """Deduct from `lots`; None: from whatever is available. Returns the wallet afterwards.

    Raises NotEnoughPoints, BalanceTooLarge.
    """
    redemption = Redemption(
        id=context.work.new_id(TRANSACTIONS),
        customer_id=customer_id,
        currency_id=currency_id,
        points=points,
        unpaid=0,
        created_at=context.now,
        document_id=0,
        campaign_id=0,
        warehouse_id=0,
        point_of_sale_id=0,
        employee_id=0,
        issued_coupon_id=0,
        description=description,
    )
    if lots is None:
        wallet = spend(context, redemption)
    else:
        posting = deduct(wallet_of(context, customer_id, currency_id), redemption, lots, context.now)
        context.work.post(posting)
        wallet = posting.wallet
    context.work.adjustments.put(redemption.id, adjustment._replace(redemption_id=redemption.id))
    return wallet
