"""Earning and spending points, for whichever call does it: what the ledger decides is posted to the unit of work."""

from typing import Final

from erply_points.calls.call import DEFAULT_CURRENCY, Context
from erply_points.ledger.accrual import expiry_after
from erply_points.ledger.amounts import NEVER, UnixSeconds
from erply_points.ledger.records import Lot, Redemption
from erply_points.ledger.wallet import Wallet, earn, redeem
from erply_points.store.configuration import Award

TRANSACTIONS: Final = "transactions"
"""The sequence of transactionIDs: earnings and redemptions share it, so no number means two things."""


def wallet_of(context: Context, customer_id: int, currency_id: int = DEFAULT_CURRENCY) -> Wallet:
    return context.work.wallets.get((customer_id, currency_id)) or Wallet.empty(customer_id, currency_id)


def spend(context: Context, redemption: Redemption) -> Wallet:
    """Let a customer pay with points. Returns the wallet afterwards; raises NotEnoughPoints."""
    posting = redeem(
        wallet_of(context, redemption.customer_id, redemption.currency_id),
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
    currency_id: int = DEFAULT_CURRENCY,
    available_at: UnixSeconds = 0,
) -> Lot:
    """Let a customer earn; `earned` in thousandths. An `expires_at` of 0 follows the account's setting.

    The points are there at once, whatever the clock says later, or from `available_at` on.
    """
    settings = context.settings
    lot = Lot(
        id=context.work.new_id(TRANSACTIONS),
        customer_id=customer_id,
        currency_id=currency_id,
        earned=earned,
        remaining=earned,
        redeemed=0,
        expired=0,
        reversed=0,
        created_at=created_at,
        available_at=available_at,
        expires_at=expires_at or expiry_after(created_at, settings.reward_points_duration, settings.timezone),
        document_id=document_id,
        point_of_sale_id=point_of_sale_id,
        employee_id=employee_id,
        description=description,
        source=source,
    )
    context.work.post(earn(wallet_of(context, customer_id, currency_id), lot, context.now))
    return lot


def activation(context: Context, category: str) -> UnixSeconds:
    """When points of a category become available; 0: at once. What waits for a trigger waits for a call."""
    if category == "REGULAR":
        return 0
    hours = context.settings.pending_hours if category == "PROMISED" else 0
    return context.now + hours * 3_600 if hours else NEVER


def award(context: Context, lot: Lot, given: Award) -> None:
    """Keep what is known of a lot beyond its points, if it says anything."""
    if given != Award(lot.id):
        context.work.awards.put(lot.id, given)


def shown_expiry(lot: Lot) -> UnixSeconds:
    return 0 if lot.expires_at >= NEVER else lot.expires_at
