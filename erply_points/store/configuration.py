"""Rows of what other dialects than Erply's need: programs, currencies, awards, deductions, and who may call."""

from typing import NamedTuple

from erply_points.ledger.amounts import Millipoints, UnixSeconds


class Program(NamedTuple):
    id: int
    name: str


class Currency(NamedTuple):
    """What wallets hold: the points of a program, or a currency of the program by name.

    Currency 1 is the points of the default program. `decimals` is how many an amount may have.
    """

    id: int
    name: str
    decimals: int
    program_id: int
    is_points: int


class Enrolment(NamedTuple):
    """That a customer is in a program other than the default one, in which all are."""

    customer_id: int
    program_id: int
    enrolled_at: UnixSeconds


class Promotion(NamedTuple):
    """`identifier` is what other systems know the promotion by; empty if there is none."""

    id: int
    identifier: str
    program_id: int


class Reason(NamedTuple):
    code: str
    name: str


class Identifier(NamedTuple):
    """By what a customer is found: `kind` is externalId, mobile, email or profileId."""

    kind: str
    value: str
    customer_id: int


class Member(NamedTuple):
    """What an enrolment said beyond what a customer has, as JSON."""

    customer_id: int
    fields: str


class Award(NamedTuple):
    """What is known of a lot beyond its points. A lot without an award is REGULAR, Base and of no promotion.

    `category` is what the award was given as; a lot that is available is REGULAR whatever it was. `ref_type` is
    empty where what earned it is not known.
    """

    lot_id: int
    category: str = "REGULAR"
    point_type: str = "Base"
    promotion_id: int = 0
    ref_type: str = ""
    dialect: str = "erply"
    transaction_code: str = ""
    reason: str = ""
    billing_entity: str = ""
    client: str = ""


class Adjustment(NamedTuple):
    """What makes a redemption a deduction: which dialect asked for it, what it drew from, and why."""

    redemption_id: int
    dialect: str
    category: str = ""
    point_type: str = ""
    award_id: int = 0
    promotion_id: int = 0
    source: str = ""
    transaction_code: str = ""
    reason: str = ""
    billing_entity: str = ""
    client: str = ""


class Client(NamedTuple):
    """A program that calls. `secret_hash` is the SHA-256 of its secret, which is long and random."""

    key: str
    name: str
    secret_hash: bytes
    added_at: UnixSeconds


class Token(NamedTuple):
    """A bearer token, kept as its SHA-256 only."""

    token_hash: bytes
    client_key: str
    expires_at: UnixSeconds


class AdjustedQuery(NamedTuple):
    """Whose adjustments are asked for, and since when."""

    customer_id: int
    currency_id: int
    since: UnixSeconds


class Adjusted(NamedTuple):
    deducted: Millipoints
    """All deductions of the wallet, less what was given back of them."""
    since: Millipoints
    """What fabric's adjustments have added and deducted since then, all of it added up."""


class CurrencyUse(NamedTuple):
    currency_id: int
    wallets: int
    """Customers who have a history in it."""
    decimals: int
    """How many its amounts have, at most."""


class Configuration(NamedTuple):
    """All of an account's programs and what belongs to them, and what of it is in use."""

    programs: tuple[Program, ...]
    currencies: tuple[Currency, ...]
    promotions: tuple[Promotion, ...]
    reasons: tuple[Reason, ...]
    currencies_used: tuple[CurrencyUse, ...]
    promotions_used: frozenset[int]
