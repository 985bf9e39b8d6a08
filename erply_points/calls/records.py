"""Records as the answer schemas describe them: every field there, each with its type.

A record starts from the schema's defaults and takes what is known. Erply's own Go client rejects a whole answer for one
number sent as text, so each value is brought to the type its schema names.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from erply_points import schemas
from erply_points.calls.call import Record


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def _integer(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


_AS_TYPE: Mapping[str, Callable[[Any], Any]] = {"string": _text, "integer": _integer, "number": _number}


class RecordShape:
    """The shape of one object of an answer schema."""

    def __init__(self, schema: schemas.Schema, base: str) -> None:
        properties = {
            name: schemas.resolved(property_schema, base) for name, property_schema in schema["properties"].items()
        }
        required = schema.get("required", ())
        self._defaults = {name: properties[name]["default"] for name in required if "default" in properties[name]}
        self._lists = {name for name, default in self._defaults.items() if isinstance(default, list)}
        self._converters = {
            name: _AS_TYPE[described["type"]]
            for name, described in properties.items()
            if isinstance(described.get("type"), str) and described["type"] in _AS_TYPE
        }

    def record(self, first: Mapping[str, Any], *more: Mapping[str, Any]) -> Record:
        """Merge what is known into the defaults, later values winning; the fields of `first` come first."""
        record = {**first, **{name: value for name, value in self._defaults.items() if name not in first}}
        for name in self._lists:
            record[name] = list(record[name])
        for known in more:
            record.update(known)
        converters = self._converters
        for name, value in record.items():
            convert = converters.get(name)
            if convert is not None:
                record[name] = convert(value)
        return record


@cache
def shape(call: str, *path: str) -> RecordShape:
    """The shape of a call's records, or of the objects in a list inside them (`shape(call, "rows")`)."""
    schema = schemas.call_answer(call)
    base = schema["$id"]
    described = schemas.resolved(schema["items"], base)
    for name in path:
        described = schemas.resolved(schemas.resolved(described["properties"][name], base)["items"], base)
    return RecordShape(described, base)
