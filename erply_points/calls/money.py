"""Money as decimals and cents, and the totals of a sales document. Pure.

Source: `docs/protocol/erply-calls.md`, "Totals". Every step rounds half away from zero.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final, NamedTuple, TypeVar

from erply_points.ledger.amounts import Cents

_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_UP)
_HUNDRED: Final = Decimal(100)
_CENT: Final = Decimal("0.01")

AMOUNT_MAX: Final[Cents] = 10**15
"""Ten thousand thousand million: the largest total, exact in every client's numbers."""


def decimal(value: Any) -> Decimal:
    """A decimal parameter, which the schema lets arrive as a number or as text."""
    return Decimal(value if isinstance(value, str | int) else repr(value))


def decimal_text(value: Any) -> str:
    """Plain digits, without an exponent and without needless zeros: `20`, not `20.0000`."""
    exact = decimal(value)
    text = format(exact, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_cents(value: Decimal) -> Cents:
    return int(_EXACT.multiply(_EXACT.quantize(value, _CENT), _HUNDRED))


def from_cents(cents: Cents) -> float:
    """For the wire, where totals are JSON numbers."""
    return cents / 100


def cents_text(cents: Cents) -> str:
    return f"{Decimal(cents).scaleb(-2):.2f}"


class LinePrice(NamedTuple):
    amount: Decimal
    price: Decimal
    """Net unit price before the discount."""
    discount: Decimal
    """Per cent."""
    vat_rate: Decimal
    """Per cent."""


class LineTotal(NamedTuple):
    net: Cents
    vat: Cents


def line_total(line: LinePrice, price_decimals: int, *, from_gross: bool) -> LineTotal:
    """One row's net and tax. Receipts are computed `from_gross`, so that they add up to shelf prices."""
    kept = _EXACT.divide(_HUNDRED - line.discount, _HUNDRED)
    with_tax = _HUNDRED + line.vat_rate
    if from_gross:
        gross_unit = _EXACT.multiply(_EXACT.divide(_EXACT.multiply(line.price, with_tax), _HUNDRED), kept)
        gross = to_cents(_EXACT.multiply(_EXACT.quantize(gross_unit, _CENT), line.amount))
        vat = _rounded(_EXACT.divide(_EXACT.multiply(Decimal(gross), line.vat_rate), with_tax))
        return LineTotal(gross - vat, vat)
    unit = _EXACT.quantize(_EXACT.multiply(line.price, kept), Decimal(1).scaleb(-price_decimals))
    net = to_cents(_EXACT.multiply(unit, line.amount))
    return LineTotal(net, _rounded(_EXACT.divide(_EXACT.multiply(Decimal(net), line.vat_rate), _HUNDRED)))


def _rounded(cents: Decimal) -> Cents:
    return int(_EXACT.quantize(cents, Decimal(1)))


_STEPS: Final = {0: 5, 10: 10, 100: 100}


def rounding_of(total: Cents, invoice_rounding: int) -> Cents:
    """What must be added to a total to reach the account's step: -1 none, 0 to 0.05, 10 to 0.10, 100 to 1.00."""
    step = _STEPS.get(invoice_rounding)
    if step is None:
        return 0
    return _rounded(_EXACT.divide(Decimal(total), Decimal(step))) * step - total


Rate = TypeVar("Rate", int, str)
"""A VAT rate by its ID, or in percent."""


def by_rate(lines: Iterable[tuple[Rate, LineTotal]]) -> dict[Rate, LineTotal]:
    """Net and tax for each VAT rate, in the order of first use."""
    sums: dict[Rate, LineTotal] = {}
    for rate, line in lines:
        so_far = sums.get(rate, LineTotal(0, 0))
        sums[rate] = LineTotal(so_far.net + line.net, so_far.vat + line.vat)
    return sums
