"""How much of a document has been credited, row by row. Pure.

A quantity that is credited at the row's own price counts by quantity: three returns of one piece each add up to exactly
the row, whatever each comes to in cents. At another price the net that is paid back counts, at most the row's own.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

import orjson

from erply_points.calls.money import decimal_text
from erply_points.ledger.amounts import Cents
from erply_points.store.rows import DocumentRow

FREE: Final = 0
"""The place, among row positions, of net that is credited without a row to match."""


class RowCredit(NamedTuple):
    quantity: Decimal = Decimal(0)
    """Credited at the row's own price."""
    other_quantity: Decimal = Decimal(0)
    """Credited at other prices."""
    net: Cents = 0
    """What was credited at other prices."""

    def plus(self, other: "RowCredit") -> "RowCredit":
        return RowCredit(
            self.quantity + other.quantity, self.other_quantity + other.other_quantity, self.net + other.net
        )


Credited = dict[int, RowCredit]
"""By position of the row."""


def combined(many: Iterable[Mapping[int, RowCredit]]) -> Credited:
    together: Credited = {}
    for credited in many:
        for position, credit in credited.items():
            together[position] = together.get(position, RowCredit()).plus(credit)
    return together


def load(text: str) -> Credited:
    return {
        int(position): RowCredit(Decimal(quantity), Decimal(other), net)
        for position, (quantity, other, net) in orjson.loads(text).items()
    }


def dump(credited: Mapping[int, RowCredit]) -> str:
    return orjson.dumps(
        {str(position): [str(each.quantity), str(each.other_quantity), each.net] for position, each in credited.items()}
    ).decode()


def left(row: DocumentRow, credited: Mapping[int, RowCredit]) -> Decimal:
    """The quantity of a row that has not been credited."""
    credit = credited.get(row.position, RowCredit())
    return Decimal(row.amount) - credit.quantity - credit.other_quantity


def rest(row: DocumentRow, credited: Mapping[int, RowCredit]) -> DocumentRow | None:
    """The row with what has not been credited of it, None if that is nothing.

    Of its amounts as much has gone as of its quantity, in cents rounded towards zero, as returns count: what is left
    of a row and what has come back of it add up to the row.
    """
    quantity = left(row, credited)
    if not quantity:
        return None
    gone = Decimal(row.amount) - quantity

    def kept(cents: Cents) -> Cents:
        return cents - int(cents * gone / Decimal(row.amount))

    return row._replace(amount=decimal_text(str(quantity)), net=kept(row.net), vat=kept(row.vat))


def net(rows: Iterable[DocumentRow], credited: Mapping[int, RowCredit]) -> Cents:
    """How much of the rows' net has been credited, at most all of it."""
    rows = tuple(rows)
    whole = sum(row.net for row in rows)
    total = credited.get(FREE, RowCredit()).net
    for row in rows:
        credit = credited.get(row.position, RowCredit())
        by_quantity = int(row.net * credit.quantity / Decimal(row.amount))
        total += min(row.net, by_quantity + credit.net) if row.net >= 0 else by_quantity
    return max(0, min(whole, total))
