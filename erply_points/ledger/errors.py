"""What the ledger refuses, one type per refusal.

    LedgerError
      NotEnoughPoints    a redemption above what can be spent
      BalanceTooLarge    an earning that a wallet cannot hold

They know no codes: each wire dialect has one table from type to code. `LotsNotLoaded` is no refusal: it says
that a decision needs more of the wallet's lots than its caller has read.
"""

from dataclasses import dataclass

from erply_points.ledger.amounts import Millipoints


class LedgerError(Exception):
    """A refusal. Nothing has been decided, so nothing changes."""


@dataclass
class NotEnoughPoints(LedgerError):
    """The customer has fewer points to spend than were asked for."""

    asked: Millipoints
    spendable: Millipoints


@dataclass
class BalanceTooLarge(LedgerError):
    """The balance would be more than a wallet holds."""

    limit: Millipoints


@dataclass
class LotsNotLoaded(Exception):
    customer_id: int
    currency_id: int
