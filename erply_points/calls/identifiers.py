"""By what a customer is found beside the ID and the card number: external ID, mobile, email and profile ID.

Each is unique within the account. An email is the same in any case, a mobile with or without blanks.
"""

import uuid
from collections.abc import Iterator, Mapping
from typing import Final

from erply_points.calls.call import Context
from erply_points.store.configuration import Identifier

PROFILE: Final = "profileId"


def normal(kind: str, value: str) -> str:
    """The form in which identifiers are compared; empty for none."""
    if kind == "mobile":
        return "".join(value.split())
    return value.strip().lower() if kind in {"email", PROFILE} else value.strip()


def holder(context: Context, kind: str, value: str) -> int:
    """The customer that has the identifier; 0 for none."""
    key = normal(kind, value)
    found = context.work.identifiers.get((kind, key)) if key else None
    return found.customer_id if found is not None else 0


def taken(context: Context, customer_id: int, wanted: Mapping[str, str]) -> Iterator[str]:
    """Those kinds of `wanted` whose value another customer has."""
    for kind, value in wanted.items():
        if holder(context, kind, value) not in {0, customer_id}:
            yield kind


def identify(context: Context, customer_id: int, wanted: Mapping[str, str], *, is_new: bool) -> str:
    """Let a customer be found by `wanted`, by kind, and no more by what these were before; empty ones are taken away.

    A new customer gets a profile ID besides, which is returned. None of `wanted` is another customer's.
    """
    work = context.work
    before = () if is_new else work.identifiers_of.get(customer_id) or ()
    for old in before:
        if old.kind in wanted:
            work.identifiers.delete((old.kind, old.value))
    given = {kind: normal(kind, value) for kind, value in wanted.items()}
    if is_new:
        given[PROFILE] = str(uuid.uuid4())
    for kind, value in given.items():
        if value:
            work.identifiers.put((kind, value), Identifier(kind, value, customer_id))
    work.drop(work.identifiers_of, customer_id)
    return given.get(PROFILE, "")


def forget(context: Context, customer_id: int) -> None:
    """Let nobody be found by what a deleted customer was found by."""
    for old in context.work.identifiers_of.get(customer_id) or ():
        context.work.identifiers.delete((old.kind, old.value))
    context.work.drop(context.work.identifiers_of, customer_id)


def of_kind(context: Context, customer_id: int, kind: str) -> str:
    """The customer's identifier of a kind; empty if there is none."""
    found = context.work.identifiers_of.get(customer_id) or ()
    return next((each.value for each in found if each.kind == kind), "")
