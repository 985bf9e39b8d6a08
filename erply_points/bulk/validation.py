"""Parameters against their schema: coercion, the verdict, and the one error that is reported.

The schemas are the only source of names, types, required fields and limits. A compiled validator (jsonschema-rs) gives
the verdict; a property test holds it to the same verdicts as the reference validator (jsonschema). Form values arrive
as text, so each value is first brought to the type its schema names, if that can be done without a doubt.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import jsonschema_rs

from erply_points import schemas
from erply_points.calls.call import Params
from erply_points.calls.fields import ByNumber, numbered_names, split
from erply_points.calls.layouts import Layouts, Names
from erply_points.calls.refusals import (
    ArrayGiven,
    Inconsistent,
    IncorrectList,
    InvalidFormat,
    InvalidValue,
    Refusal,
    RequiredMissing,
)
from erply_points.calls.registry import CALLS

ABSENT: Final = object()
"""What a value becomes that means nothing was sent: JSON null, or empty text where no text belongs."""

Coercion = Callable[[Any], Any]

_INTEGER: Final = re.compile(r"-?[0-9]{1,40}")
_NUMBERED: Final = re.compile(r"\^([A-Za-z_]+)\[0-9\]\{1,6\}\$")
_LEADING_ZEROS: Final = re.compile(r"(.*[A-Za-z_])0+(?=[0-9]+$)")


def _integer(value: Any) -> Any:
    if isinstance(value, str):
        if not value:
            return ABSENT
        return int(value) if _INTEGER.fullmatch(value) else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


_NUMBER: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,3})?")


def _number(value: Any) -> Any:
    """A float of at most 15 digits is the decimal that it was written as."""
    if isinstance(value, str):
        if not value:
            return ABSENT
        if _INTEGER.fullmatch(value):
            return int(value)
        value = float(value) if _NUMBER.fullmatch(value) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


_FLAGS: Final = {"true": 1, "false": 0}


def _flag(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return _FLAGS.get(value) if value in _FLAGS else _integer(value)
    return _integer(value)


def _text(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return value
    return str(value) if isinstance(value, int | float) else value


def _decimal(value: Any) -> Any:
    return ABSENT if value == "" else value


def _choice(value: Any) -> Any:
    return ABSENT if value == "" else _text(value)


class Kind(NamedTuple):
    """How values of one parameter are brought to its type; `plain` needs nothing done."""

    plain: type
    coerce: Coercion


def kind_of(schema: schemas.Schema) -> Kind:
    """The kind of a parameter, by its schema with references resolved."""
    expected = schema.get("type")
    if expected == "integer":
        return Kind(int, _flag if schema.get("enum") == [0, 1] else _integer)
    if expected == "number":
        return Kind(int, _number)
    if expected == "string":
        return Kind(object, _choice) if "enum" in schema else Kind(str, _text)
    if expected is None and "anyOf" in schema:
        return Kind(int, _integer)
    return Kind(object, _decimal)


class Known(NamedTuple):
    """A parameter that the schema knows: as it was sent, and properly (amount01 is amount1)."""

    name: str
    proper: str
    kind: Kind


_COMMON_KINDS: Final = {"getFields": Kind(str, lambda _: ABSENT)}
"""Parameters of every call that no schema of a call names."""


class Violation(NamedTuple):
    """What a validator objects to, in terms that both validators share."""

    field: str
    keyword: str


_SHAPES: Final = {"integer": "a whole number", "string": "text", "number": "a number"}


def _shape(described: schemas.Schema) -> str:
    types = described["type"] if isinstance(described["type"], list) else [described["type"]]
    return "must be " + " or ".join(_SHAPES[each] for each in types)


_SENTENCES: Final[dict[str, tuple[type[Refusal], Callable[[schemas.Schema], str]]]] = {
    "required": (RequiredMissing, lambda _: "is required"),
    "type": (InvalidFormat, _shape),
    "anyOf": (InvalidFormat, lambda _: "must be the ID of a document or CURRENT_INVOICE_ID"),
    "pattern": (InvalidFormat, lambda described: f"must be of the form {described['pattern']}"),
    "maxLength": (InvalidFormat, lambda described: f"must have at most {described['maxLength']} characters"),
    "enum": (InvalidValue, lambda described: "must be one of " + ", ".join(map(str, described["enum"]))),
    "minimum": (InvalidValue, lambda described: f"must be at least {described['minimum']}"),
    "maximum": (InvalidValue, lambda described: f"must be at most {described['maximum']}"),
}
"""By keyword of JSON Schema: what is refused, and the sentence that follows the parameter's name."""


class _Parts:
    """The same verdict of valid as a call's schema, sooner where there are rows.

    A schema tries each of its patterns on each name of a receipt. Here the names are taken apart beforehand: a row is
    an object whose properties are the patterns without their numbers. A property test holds it to the schema's verdict.
    """

    def __init__(self, schema: schemas.Schema) -> None:
        numbered = {match[1]: each for pattern, each in _patterns(schema) if (match := _NUMBERED.fullmatch(pattern))}
        others = {pattern: each for pattern, each in _patterns(schema) if not _NUMBERED.fullmatch(pattern)}
        rows = {"$id": schema["$id"], "items": {"properties": numbered}}
        plain = {**schema, "patternProperties": others}
        self._bases = frozenset(numbered)
        self._named = schema.get("properties", {}).keys()
        self._rows, self._plain = (
            jsonschema_rs.validator_for(each, registry=schemas.compiled_registry()) for each in (rows, plain)
        )
        self._layouts: Layouts[tuple[Names, ByNumber]] = Layouts(self._layout)

    def are_valid(self, params: Params) -> bool:
        plain, by_number = self._layouts.of(params)
        if not by_number:
            return self._plain.is_valid(params)
        rows = [{base: params[name] for base, name in given} for _, given in by_number]
        return self._rows.is_valid(rows) and self._plain.is_valid({name: params[name] for name in plain})

    def _layout(self, names: Names) -> tuple[Names, ByNumber]:
        by_number = numbered_names(names, self._bases)
        in_rows = {name for _, given in by_number for _, name in given} - self._named
        return tuple(name for name in names if name not in in_rows), by_number


def _patterns(schema: schemas.Schema) -> Iterable[tuple[str, schemas.Schema]]:
    patterns: dict[str, schemas.Schema] = schema.get("patternProperties", {})
    return patterns.items()


class CallValidator:
    """Coercion and validation of one call's parameters."""

    def __init__(self, call: str, check: Callable[[Params], Iterable[Refusal]] = lambda _: ()) -> None:
        self.schema = schemas.call_request(call)
        self._check = check
        base = self.schema["$id"]
        self._properties = {
            name: schemas.resolved(described, base) for name, described in self.schema.get("properties", {}).items()
        }
        self._patterns = {pattern: schemas.resolved(described, base) for pattern, described in _patterns(self.schema)}
        self._kinds = {name: kind_of(described) for name, described in self._properties.items()} | _COMMON_KINDS
        self._numbered_kinds = {
            match[1]: kind_of(described)
            for pattern, described in self._patterns.items()
            if (match := _NUMBERED.fullmatch(pattern))
        }
        self._other_kinds = [
            (re.compile(re.sub(r"\$$", r"\\Z", pattern)), kind_of(described))
            for pattern, described in self._patterns.items()
            if not _NUMBERED.fullmatch(pattern)
        ]
        self._compiled = jsonschema_rs.validator_for(self.schema, registry=schemas.compiled_registry())
        is_numbered = any(_NUMBERED.fullmatch(pattern) for pattern in self._patterns)
        self._is_valid = _Parts(self.schema).are_valid if is_numbered else self._compiled.is_valid
        self._order = {name: position for position, name in enumerate(self._properties)}
        self._known: Layouts[tuple[Known, ...]] = Layouts(self._known_names)

    def coerce(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The call's parameters, with the types of the schema where that is certain.

        What means nothing is left out, and so is what the schema does not know.
        """
        params = {}
        for name, proper, kind in self._known.of(given):
            value = given[name]
            if proper != name and given.get(proper, value) != value:
                raise Inconsistent(name[:100], f"{name[:100]} and {proper[:100]} name one parameter.")
            if type(value) is not kind.plain:
                if value is None:
                    continue
                value = kind.coerce(value)
                if value is ABSENT:
                    continue
            params[proper] = value
        return params

    def _known_names(self, names: Names) -> tuple[Known, ...]:
        """Those of the names that the schema knows."""
        return tuple(known for name in names if (known := self._known_name(name)) is not None)

    def _known_name(self, name: str) -> Known | None:
        if (kind := self._kinds.get(name)) is not None:
            return Known(name, name, kind)
        if (parts := split(name)) is not None and (kind := self._numbered_kinds.get(parts.base)) is not None:
            return Known(name, parts.proper, kind)
        if (kind := self._other_kind(name)) is not None:
            return Known(name, _LEADING_ZEROS.sub(r"\1", name), kind)
        return None  # Unknown parameters are ignored.

    def _other_kind(self, name: str) -> Kind | None:
        return next((kind for pattern, kind in self._other_kinds if pattern.match(name)), None)

    def validate(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The coerced parameters. Raises the refusal for the first error in the documented order."""
        params = self.coerce(given)
        if self._is_valid(params) or self._compiled.is_valid(params):  # The whole schema has the last word.
            refusals = list(self._check(params))
            if not refusals:
                return params
        else:
            violations = [self._violation(error) for error in self._compiled.iter_errors(params)]
            refusals = [self.refusal(params, violations)]
            doubted = {violation.field for violation in violations}
            sound = {name: value for name, value in params.items() if name not in doubted}
            refusals += [refusal for refusal in self._check(sound) if refusal.field not in doubted]
        raise min(refusals, key=self._rank)

    def _violation(self, error: jsonschema_rs.ValidationError) -> Violation:
        keyword = str(error.schema_path[-1])
        if error.instance_path:
            return Violation(str(error.instance_path[0]), keyword)
        if keyword == "anyOf":  # One of several must be there, and none is: the first stands for them.
            return Violation(self.schema["anyOf"][0]["required"][0], "required")
        match = _REQUIRED_NAME.match(error.message)
        assert match, error.message
        return Violation(match[1], keyword)

    def refusal(self, params: Mapping[str, Any], violations: Iterable[Violation]) -> Refusal:
        """Required comes before format, format before value; among equals the schema's order decides."""
        return min((self._refusal(params, violation) for violation in violations), key=self._rank)

    def _rank(self, refusal: Refusal) -> tuple[int, int, str]:
        field = refusal.field or ""
        return (_STAGES[type(refusal)], self._order.get(field, len(self._order)), field)

    def _refusal(self, params: Mapping[str, Any], violation: Violation) -> Refusal:
        field, keyword = violation
        value = params.get(field)
        if keyword in {"type", "anyOf"} and isinstance(value, list | dict):
            return ArrayGiven(field, f"{field} must be a single value.")
        if keyword == "anyOf" and type(value) is int:
            return InvalidValue(field, f"{field} must be the ID of a document.")
        described = self._described(field)
        if keyword == "pattern" and described.get("x-list"):
            return IncorrectList(field, f"{field} must be a comma list of {described['x-list']}.")
        refusal, sentence = _SENTENCES[keyword]
        return refusal(field, f"{field} {sentence(described)}.")

    def _described(self, field: str) -> schemas.Schema:
        if field in self._properties:
            return self._properties[field]
        return next(
            (described for pattern, described in self._patterns.items() if re.search(pattern, field)), self.schema
        )


_STAGES: Final = {RequiredMissing: 0, InvalidFormat: 1, ArrayGiven: 1, IncorrectList: 1, InvalidValue: 2}
"""The documented order: required, then format, then value."""
_REQUIRED_NAME: Final = re.compile(r"[\"'](\w+)[\"'] is a required property")


@cache
def validator(call: str) -> CallValidator:
    """The validator of a call, compiled once."""
    return CallValidator(call, CALLS[call].check)
