"""What a listing call asks a store for, without a word of SQL.

A `Listing` names what is listed, the conditions that all must hold, the order and the page. Each store keeps its own
table from field names to columns; a field it does not know is a mistake of ours and fails loudly.
"""

from dataclasses import dataclass
from typing import Any, Literal

Comparison = Literal["=", "<>", "<=", ">=", ">"]
Operator = (
    Comparison
    | Literal["in", "same", "outside", "prefix", "contains", "lists", "attribute", "rows_with", "rows_with_field"]
)

ListingName = Literal[
    "customers",
    "documents",
    "earnings",
    "redemptions",
    "vat_rates",
    "payments",
    "gift_cards",
    "coupons",
    "issued_coupons",
    "products",
    "warehouses",
    "points_of_sale",
    "employees",
    "campaigns",
    "users",
    "sessions",
    "clients",
]


@dataclass(frozen=True, slots=True)
class Condition:
    """`fields` lists alternatives: the condition holds if one of them fits.

    "same" is text that is equal but for case; "prefix" and "contains" disregard case too. "outside" is a pair: up
    to its first or from its second. "lists" holds for a comma list that has one of the given IDs. "attribute" finds
    records whose attribute `fields[0]` has the value; "rows_with" finds documents with such a row, "rows_with_field"
    by a stored field of a row and the comparison `fields[1]`.
    """

    fields: tuple[str, ...]
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Listing:
    of: ListingName
    conditions: tuple[Condition, ...] = ()
    order: tuple[tuple[str, Literal["asc", "desc"]], ...] = (("id", "asc"),)
    limit: int | None = None
    """None: all."""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Any]
    total: int
    """Matches before paging."""
