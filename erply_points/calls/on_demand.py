"""Running what asks for rows: whatever turns out to be missing is read, and it runs again.

Planning what to read ahead is a matter of speed and never of correctness (`store/unit_of_work.py`).
"""

from collections.abc import Callable
from typing import Final, TypeVar

from erply_points.ledger.errors import LotsNotLoaded
from erply_points.store.protocol import Transaction
from erply_points.store.unit_of_work import NotLoaded

LOADS_MAX: Final = 1_000
"""How often one run may ask for a row that was not read ahead."""

T = TypeVar("T")


class AsksTooMuch(Exception):
    """A run went on asking for rows: a mistake of ours."""


async def on_demand(transaction: Transaction, run: Callable[[], T]) -> T:
    """What `run` returns. Raises what it raises, and then nothing has changed."""
    work = transaction.work
    mark = work.mark()
    for _ in range(LOADS_MAX):
        try:
            return run()
        except NotLoaded as missing:
            work.undo(mark)
            await transaction.load({missing.table: {missing.key}})
        except LotsNotLoaded as wallet:
            work.undo(mark)
            await transaction.load_whole_wallet((wallet.customer_id, wallet.currency_id))
        except BaseException:
            work.undo(mark)
            raise
    raise AsksTooMuch(f"more than {LOADS_MAX} further rows")
