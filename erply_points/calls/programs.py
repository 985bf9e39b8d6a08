"""Programs, who is in them, and their currencies. Every customer is in the default program."""

from collections.abc import Iterable
from decimal import Decimal

from erply_points.calls.call import DEFAULT_CURRENCY, Context
from erply_points.ledger.amounts import MILLIPOINTS_PER_POINT, Millipoints, to_points
from erply_points.store.configuration import Currency, Enrolment


def default_points(context: Context) -> Currency:
    """The points of the default program, which Erply's calls see."""
    points = context.work.currencies.get(DEFAULT_CURRENCY)
    assert points is not None
    return points


def is_enrolled(context: Context, customer_id: int, program_id: int) -> bool:
    """Whether there is such a program and the customer is in it."""
    if program_id == default_points(context).program_id:
        return True
    return context.work.enrolments.get((customer_id, program_id)) is not None


def enrol(context: Context, customer_id: int, program_ids: Iterable[int]) -> None:
    """Take a customer into programs that exist. Whoever is in one already stays."""
    work = context.work
    for program_id in program_ids:
        if not is_enrolled(context, customer_id, program_id):
            work.enrolments.put((customer_id, program_id), Enrolment(customer_id, program_id, context.now))
    work.drop(work.enrolments_of, customer_id)


def decimals(amount: Decimal) -> int:
    """How many decimals an amount has, zeros at its end not counted."""
    _, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)
    zeros = next((count for count, digit in enumerate(reversed(digits)) if digit), len(digits))
    return max(0, -exponent - zeros)


def millipoints(amount: Decimal) -> Millipoints:
    """An amount of at most three decimals in thousandths."""
    assert decimals(amount) <= 3
    return int(amount * MILLIPOINTS_PER_POINT)


def points_decimal(amount: Millipoints) -> Decimal:
    return Decimal(amount) / MILLIPOINTS_PER_POINT


def number(amount: Decimal) -> int | float:
    """As a JSON number, whole where it is; a float of so few digits is exact in print."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def shown(context: Context, amount: Millipoints) -> int | float:
    """As Erply's calls show points: whole ones, rounded down, unless the account shows decimals."""
    if amount % MILLIPOINTS_PER_POINT and context.settings.reward_points_is_double:
        return number(points_decimal(amount))
    return to_points(amount)


def chosen_program(context: Context, sent: int, *implied: int) -> int:
    """The program that was sent, or the one that what else was sent belongs to, or the default one."""
    return sent or next((each for each in implied if each), 0) or default_points(context).program_id


def listed(context: Context, customer_id: int) -> str:
    """The customer's programs as a comma list, the default one first."""
    others = (each.program_id for each in context.work.enrolments_of.get(customer_id) or ())
    return ",".join(map(str, (default_points(context).program_id, *others)))
