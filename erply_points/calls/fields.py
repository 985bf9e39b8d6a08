"""Parameters that are stored and given back, numbered parameters, and attributes.

Which parameters are stored is the schemas' to say (`x-use`): a field added there needs no line of code.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cache, lru_cache, partial
from typing import Any, Final, NamedTuple

import orjson

from erply_points import schemas
from erply_points.calls.call import Params
from erply_points.calls.layouts import NAME_LENGTH_MAX, Layouts, Names
from erply_points.calls.refusals import Inconsistent, InvalidFormat
from erply_points.store.listing import Condition

_NUMBERED: Final = re.compile(r"(.*?[A-Za-z_])([0-9]{1,6})")


@cache
def _stored(call: str) -> Layouts[Names]:
    """Of a call's parameters, those that are only kept for the caller; patterns are such as nameENG's."""
    schema = schemas.call_request(call)
    plain, patterned = schema.get("properties", {}), schema.get("patternProperties", {})
    names = frozenset(name for name, described in plain.items() if described.get("x-use") == "stored")
    patterns = tuple(
        re.compile(pattern)
        for pattern, described in patterned.items()
        if described.get("x-use") == "stored" and "[0-9]" not in pattern
    )
    return Layouts(
        lambda sent: tuple(
            name for name in sent if name in names or any(pattern.fullmatch(name) for pattern in patterns)
        )
    )


def stored(call: str, params: Params) -> dict[str, Any]:
    """The parameters, other than numbered ones, that are only kept for the caller."""
    return {name: params[name] for name in _stored(call).of(params)}


class Numbered(NamedTuple):
    """A numbered parameter's name taken apart: `price03` is `price` and 3, and properly `price3`."""

    base: str
    number: int
    proper: str


def split(name: str) -> Numbered | None:
    """None if the name is not that of a numbered parameter."""
    return _split(name) if name[-1:].isdecimal() and len(name) <= NAME_LENGTH_MAX else None


@lru_cache(maxsize=4_096)
def _split(name: str) -> Numbered | None:
    match = _NUMBERED.fullmatch(name)
    return Numbered(match[1], int(match[2]), f"{match[1]}{int(match[2])}") if match else None


Bases = frozenset[str] | tuple[str, ...]
"""Names of numbered parameters without their numbers."""
ByNumber = tuple[tuple[int, tuple[tuple[str, str], ...]], ...]
"""For each number the parameters that have it: the name without it, and the name."""


def numbered_names(names: Names, bases: Bases) -> ByNumber:
    """Where in the names of parameters the numbered ones of these bases are."""
    found: dict[int, list[tuple[str, str]]] = {}
    for name in names:
        if (parts := split(name)) and parts.base in bases:
            found.setdefault(parts.number, []).append((parts.base, name))
    return tuple((number, tuple(given)) for number, given in sorted(found.items()))


@cache
def _numbered(bases: Bases) -> Layouts[ByNumber]:
    return Layouts(partial(numbered_names, bases=bases))


def numbered(params: Mapping[str, Any], bases: Bases) -> dict[int, dict[str, Any]]:
    """Parameters `name1`, `name2` ... by number, in its order; numbers may have gaps."""
    layout = _numbered(bases).of(params)
    return {number: {base: params[name] for base, name in given} for number, given in layout}


def load(fields: str) -> dict[str, Any]:
    parsed: dict[str, Any] = orjson.loads(fields)
    return parsed


def dump(fields: Mapping[str, Any]) -> str:
    return orjson.dumps(fields).decode() if fields else "{}"


_ATTRIBUTES: Final = frozenset(
    {"attributeName", "attributeType", "attributeValue", "longAttributeName", "longAttributeValue"}
)
_INT_ATTRIBUTE: Final = re.compile(r"-?[0-9]{1,10}")
_DOUBLE_ATTRIBUTE: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_DELETED: Final = ("null", "undefined")


def merge_attributes(before: Mapping[str, Any], params: Params) -> dict[str, Any]:
    """The `attributes` and `longAttributes` of a record after a save.

    An attribute keeps its place; the values `null` and `undefined` delete it. Raises Inconsistent for a value
    without a name, InvalidFormat for a value that is not of its `attributeType`.
    """
    merged = {}
    sent = numbered(params, _ATTRIBUTES)
    for kind in ("attribute", "longAttribute"):
        listed = {each["attributeName"]: each for each in before.get(f"{kind}s", ())}
        for number, given in sent.items():
            if not any(each.startswith(kind) for each in given):
                continue
            name = given.get(f"{kind}Name", "")
            value = given.get(f"{kind}Value", "")
            if not name:
                raise Inconsistent(f"{kind}Name{number}", f"{kind}Value{number} has no {kind}Name{number}.")
            if value in _DELETED:
                listed.pop(name, None)
            elif kind == "attribute":
                as_type = given.get("attributeType", "text")
                _check_attribute(number, as_type, value)
                listed[name] = {"attributeName": name, "attributeType": as_type, "attributeValue": value}
            else:
                listed[name] = {"attributeName": name, "attributeValue": value}
        if listed or f"{kind}s" in before:
            merged[f"{kind}s"] = list(listed.values())
    return merged


def _check_attribute(number: int, as_type: str, value: str) -> None:
    field = f"attributeValue{number}"
    if as_type == "int" and not (_INT_ATTRIBUTE.fullmatch(value) and -(2**31) <= int(value) < 2**31):
        raise InvalidFormat(field, f"{field} must be a whole number of 32 bits, as its attributeType says.")
    if as_type == "double" and not _DOUBLE_ATTRIBUTE.fullmatch(value):
        raise InvalidFormat(field, f"{field} must be a decimal number, as its attributeType says.")
    if as_type == "text" and len(value) > 255:
        raise InvalidFormat(field, f"{field} must have at most 255 characters.")


def attribute_conditions(params: Params) -> list[Condition]:
    """The filters `searchAttributeName` and `searchAttributeValue`, numbered or not, which must all hold."""
    pairs = [params, *numbered(params, ("searchAttributeName", "searchAttributeValue")).values()]
    return [
        Condition((pair["searchAttributeName"],), "attribute", pair.get("searchAttributeValue", ""))
        for pair in pairs
        if pair.get("searchAttributeName")
    ]


def is_date(text: str) -> bool:
    """Whether a text of the form YYYY-MM-DD is a day of the calendar."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def impossible_dates(params: Params, names: Iterable[str]) -> Iterator[InvalidFormat]:
    """Refusals of dates that the calendar lacks; empty and 0000-00-00 are no date."""
    for name in names:
        text = params.get(name, "")
        if text not in {"", "0000-00-00"} and not is_date(text):
            yield InvalidFormat(name, f"{name} must be a day of the calendar, YYYY-MM-DD.")


def id_list(text: str) -> list[int]:
    """`1,2, 3` as numbers, in order, each once."""
    return list(dict.fromkeys(int(part) for part in text.split(",") if part.strip()))
