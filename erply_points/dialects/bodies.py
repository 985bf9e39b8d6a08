"""JSON bodies: parsed exactly, and held to their schema.

Numbers with decimals become Decimal and never pass through a float on their way to an amount.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final

import jiter
import jsonschema_rs

from erply_points import schemas

DIGITS_MAX: Final = 28
"""Digits of a number with decimals: so many are exact in all that is done with a Decimal."""
INTEGER_MAX: Final = 2**63


class Malformed(Exception):
    """Not a JSON object."""


def parse(body: bytes) -> dict[str, Any]:
    """The object, without what is null. Raises Malformed; so do keys that stand there twice."""
    try:
        parsed = jiter.from_json(body, float_mode="decimal", allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError:
        raise Malformed from None
    if not isinstance(parsed, dict):
        raise Malformed
    return {name: value for name, value in parsed.items() if value is not None}


def problems(uri: str, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a schema objects to: the property, empty for the whole, and a sentence."""
    for error in _validator(uri).iter_errors(_plain(value)):
        path = list(error.instance_path)
        if error.schema_path[-1] == "required":
            name = error.message.split('"')[1]
            yield name, f"{name} is required."
        else:
            yield str(path[0]) if path else "", f"{error.message}."


@cache
def _validator(uri: str) -> Any:
    return jsonschema_rs.validator_for(schemas.all_schemas()[uri], registry=schemas.compiled_registry())


def _plain(value: Any) -> Any:
    """For the validator, which knows no Decimal. A number of too many digits is of no right type."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case Decimal():
            fits = len(value.as_tuple().digits) <= DIGITS_MAX and abs(value.adjusted()) <= DIGITS_MAX
            return float(value) if fits else []
        case int() if abs(value) > INTEGER_MAX:
            return []
    return value
