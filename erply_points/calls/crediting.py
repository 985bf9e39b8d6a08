"""Which sold rows the rows of a credit invoice credit.

A row names the row it credits by `stableRowID`, else by its product or service, else, without either, by its name. Rows
are taken in order, each sold row only as far as it has not been credited before. Rules: docs/decisions/0013-returns.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from erply_points.calls import credited, fields, money
from erply_points.calls.credited import Credited, RowCredit
from erply_points.calls.refusals import InvalidValue
from erply_points.store.rows import DocumentRow


class Wanted(NamedTuple):
    """A row of a credit invoice, as far as it says what it credits. `number` is what the caller calls it."""

    number: int
    stable_id: int
    product_id: int
    service_id: int
    name: str
    quantity: Decimal
    """Of the sold row's sign: what the credit invoice takes back."""

    @classmethod
    def of_values(cls, number: int, values: Mapping[str, Any]) -> "Wanted":
        return cls(
            number,
            values.get("stableRowID", 0),
            values.get("productID", 0),
            values.get("serviceID", 0),
            values.get("itemName", ""),
            -money.decimal(values.get("amount", values.get("amountOfPackages", 0))),
        )

    @classmethod
    def of_row(cls, number: int, row: DocumentRow) -> "Wanted":
        stored = fields.load(row.fields)
        return cls(
            number,
            stored.get("stableRowID", 0),
            row.product_id,
            row.service_id,
            stored.get("itemName", ""),
            -Decimal(row.amount),
        )


class Taken(NamedTuple):
    sold: DocumentRow
    quantity: Decimal


def assign(sold: Sequence[DocumentRow], before: Credited, rows: Iterable[Wanted]) -> list[list[Taken]]:
    """For each row the sold rows that it takes from; none for free text that names no sold row.

    Raises InvalidValue for what was not sold, or more than is left of it.
    """
    left = {row.position: credited.left(row, before) for row in sold}
    assigned = []
    for wanted in rows:
        candidates = _candidates(sold, wanted)
        missing = wanted.quantity
        taken = []
        for row in candidates:
            quantity = min(missing, left[row.position], key=abs)
            if quantity and (quantity > 0) == (missing > 0):
                left[row.position] -= quantity
                missing -= quantity
                taken.append(Taken(row, quantity))
        if candidates and missing:
            field = f"amount{wanted.number}"
            raise InvalidValue(field, f"Row {wanted.number} credits more than was sold and is left.")
        assigned.append(taken)
    return assigned


def _candidates(sold: Sequence[DocumentRow], wanted: Wanted) -> list[DocumentRow]:
    article = (wanted.product_id, wanted.service_id)
    if wanted.stable_id:
        named = [row for row in sold if row.stable_id == wanted.stable_id]
        if named and article not in {(0, 0), (named[0].product_id, named[0].service_id)}:
            raise InvalidValue(f"stableRowID{wanted.number}", f"Row {wanted.number} names a row of another article.")
        if named:
            return named
    if article == (0, 0):
        named = [row for row in sold if not row.product_id and not row.service_id]
        return [row for row in named if wanted.name and fields.load(row.fields).get("itemName") == wanted.name]
    found = [row for row in sold if (row.product_id, row.service_id) == article]
    if not found:
        field = f"productID{wanted.number}" if wanted.product_id else f"serviceID{wanted.number}"
        raise InvalidValue(field, f"Row {wanted.number} credits what the document did not sell.")
    of_sign = [row for row in found if (Decimal(row.amount) > 0) == (wanted.quantity > 0)]
    if not of_sign:
        field = f"amount{wanted.number}"
        raise InvalidValue(field, f"{field} must be the opposite of what was sold.")
    return of_sign


def credit_of(row: DocumentRow, taken: Iterable[Taken]) -> Credited:
    """What a priced row of a credit invoice credits of each row it takes from."""
    total: Credited = {}
    for sold, quantity in taken:
        if (row.price, row.discount, row.vat_rate_id) == (sold.price, sold.discount, sold.vat_rate_id):
            credit = RowCredit(quantity=quantity)
        else:
            net = int(row.net * quantity / Decimal(row.amount))
            credit = RowCredit(other_quantity=quantity, net=net)
        total = credited.combined((total, {sold.position: credit}))
    return total or {credited.FREE: RowCredit(net=-row.net)}
