"""Whether schemas keep the promises of a release, judged by their structure with references resolved.

A request's schema may take more than it did, never less; an answer's may promise more than it did, never less. So what
the released schema of a request takes must lie within the present one, and what the present schema of an answer allows
must lie within the released one:

    request   points   maximum 1000 -> 500     a till that sends 700 is refused now: incompatible
    answer    points   maximum 1000 -> 500     a client prepared for 1000 reads 500 as well: compatible

Beyond that, no parameter and no field may vanish or lose its effect (`x-use`). New parameters and fields are
compatible: a client that does not know them neither sends nor reads them. What cannot be judged, such as another
pattern, counts as incompatible.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import urljoin

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from erply_points.schemas import name_of

Node = Any
"""A schema: a JSON object, true or false."""
Flat = dict[str, Any]
"""A schema without `$ref` and `allOf` at its top; its `conditions` are the objects with `if`."""

_ANNOTATIONS: Final = {"$schema", "$id", "$defs", "$comment", "title", "description", "examples", "default"}
_CONDITION: Final = ("if", "then", "else")
_NUMBERS: Final = frozenset({"number", "integer"})
_ALL_TYPES: Final = frozenset({"null", "boolean", "string", "array", "object"}) | _NUMBERS
_LOWER: Final = {"minimum": "number", "minLength": "string", "minItems": "array", "minProperties": "object"}
_UPPER: Final = {"maximum": "number", "maxLength": "string", "maxItems": "array", "maxProperties": "object"}
_JUDGED: Final = (
    _ANNOTATIONS
    | _LOWER.keys()
    | _UPPER.keys()
    | {"type", "enum", "const", "pattern", "required", "properties", "patternProperties", "additionalProperties"}
    | {"items", "anyOf", "conditions", "x-use"}
)
_USES: Final = ("unsupported", "ignored", "stored", "used")
"""What becomes of a parameter, from no effect to the whole; a field of an answer is unsupported or has no mark."""


def incompatibilities(released: Mapping[str, Node], current: Mapping[str, Node]) -> list[str]:
    """What a client of the released schemas could break on, a line each. Both are given by `$id`."""
    old_side, new_side = Side(released), Side(current)
    found: list[str] = []
    for uri, schema in old_side.schemas.items():
        named = name_of(uri)
        if named is None:
            continue  # Shared definitions are looked at where something refers to them.
        if uri not in current:
            found.append(f"{uri}: is gone")
            continue
        comparison = _Comparison(old_side, new_side, is_request=named[1] == "request")
        found += [f"{uri}: {problem}" for problem in comparison.problems(schema, new_side.schemas[uri], "")]
    return found


class Side:
    """All schemas of one version, every `$ref` in them made absolute."""

    def __init__(self, schemas: Mapping[str, Node]) -> None:
        self.schemas = {uri: _absolute(schema, uri) for uri, schema in schemas.items()}

    def flat(self, node: Node) -> Flat | None:
        """The schema as one object; None for the schema that takes nothing."""
        if isinstance(node, bool):
            return {"conditions": []} if node else None
        merged: Flat = {key: value for key, value in node.items() if key not in {"$ref", "allOf", *_CONDITION}}
        condition = {key: node[key] for key in _CONDITION if key in node}
        merged["conditions"] = [*node.get("conditions", ()), *([condition] if "if" in node else [])]
        parts = [*node.get("allOf", ()), *([self._target(node["$ref"])] if "$ref" in node else [])]
        for part in parts:
            other = self.flat(part)
            if other is None:
                return None
            _merge(merged, other)
        return merged

    def takes(self, node: Node, value: Any) -> bool:
        return Draft202012Validator(node, registry=self._registry).is_valid(value)

    def _target(self, uri: str) -> Node:
        file, _, pointer = uri.partition("#")
        found = self.schemas[file]
        for part in pointer.split("/")[1:]:
            found = found[part]
        return found

    @cached_property
    def _registry(self) -> Registry[Any]:
        return Registry[Any]().with_resources(
            (uri, DRAFT202012.create_resource(each)) for uri, each in self.schemas.items()
        )


def _absolute(node: Node, base: str) -> Node:
    if isinstance(node, list):
        return [_absolute(each, base) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: urljoin(base, value) if key == "$ref" and isinstance(value, str) else _absolute(value, base)
        for key, value in node.items()
    }


def _merge(into: Flat, other: Flat) -> None:
    """Make `into` the schema of what both take. Raises ValueError where that takes more than comparing."""
    for key, value in other.items():
        if key in _ANNOTATIONS:
            continue
        if key not in into or into[key] == value:
            into[key] = value
        elif key == "conditions":
            into[key] = [*into[key], *value]
        elif key == "required":
            into[key] = sorted({*into[key], *value})
        elif key in _LOWER or key in _UPPER:
            into[key] = (max if key in _LOWER else min)(into[key], value)
        elif key in {"properties", "patternProperties"}:
            both = into[key].keys() & value.keys()
            into[key] = {**into[key], **value} | {name: {"allOf": [into[key][name], value[name]]} for name in both}
        elif key == "type":
            into[key] = sorted(_with_integer(_listed(into[key])) & _with_integer(_listed(value)))
        elif key != "x-use":  # What stands beside a reference wins.
            raise ValueError(f"{key} stands twice: {into[key]} and {value}")


def _listed(types: str | list[str]) -> set[str]:
    return {types} if isinstance(types, str) else set(types)


def _with_integer(types: set[str]) -> set[str]:
    return types | {"integer"} if "number" in types else types


def _values(flat: Flat) -> list[Any] | None:
    """The values of a schema that lists them."""
    return [flat["const"]] if "const" in flat else flat.get("enum")


def _types(flat: Flat) -> frozenset[str]:
    return frozenset(_with_integer(_listed(flat["type"]))) if "type" in flat else _ALL_TYPES


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class _Comparison:
    released: Side
    current: Side
    is_request: bool

    def problems(self, old_node: Node, new_node: Node, place: str) -> Iterator[str]:
        if old_node == new_node and (isinstance(old_node, bool) or self._is_compared_elsewhere(old_node)):
            return
        old, new = self.released.flat(old_node), self.current.flat(new_node)
        if old is None or new is None:
            if self.is_request and old is not None:
                yield self._at(place, "is refused now")
            if not self.is_request and new is not None:
                yield self._at(place, "was never there, may be there now")
            return
        yield from self._use(old, new, place)
        if "anyOf" in old or "anyOf" in new:
            yield from self._alternatives(old, new, place)
        elif self._inner(old, new).keys() & {"enum", "const"}:
            yield from self._listed_values(old, new, place)
        else:
            yield from self._whole(old, new, place)

    def _is_compared_elsewhere(self, node: Node) -> bool:
        """Whether this is but a reference to a file that is compared in its own turn, as the envelopes' calls are."""
        uri = node.get("$ref", "") if isinstance(node, dict) and node.keys() == {"$ref"} else ""
        return uri in self.released.schemas and name_of(uri) is not None

    def _whole(self, old: Flat, new: Flat, place: str) -> Iterator[str]:
        inner, outer = self._inner(old, new), self._outer(old, new)
        types = _types(inner)
        if types - _types(outer):
            yield self._at(place, f"type was {self._type(old)}, is {self._type(new)}")
        if _values(outer) is not None:
            old_values, new_values = (_shown(_values(each)) if _values(each) else "free" for each in (old, new))
            yield self._at(place, f"values were {old_values}, are {new_values}")
        yield from self._bounds(old, new, types, place)
        if "string" in types and "pattern" in outer and inner.get("pattern") != outer["pattern"]:
            yield self._at(place, f"pattern was {old.get('pattern', 'none')}, is {new.get('pattern', 'none')}")
        if "array" in types:
            yield from self.problems(old.get("items", True), new.get("items", True), f"{place}[]")
        if "object" in types:
            yield from self._object(old, new, place)
        yield from self._conditions(old, new, place)
        for key in sorted((old.keys() | new.keys()) - _JUDGED):
            if old.get(key) != new.get(key) and not key.startswith("x-"):
                yield self._at(place, f"{key} changed, which cannot be judged")

    def _bounds(self, old: Flat, new: Flat, types: frozenset[str], place: str) -> Iterator[str]:
        inner, outer = self._inner(old, new), self._outer(old, new)
        for key, kind in {**_LOWER, **_UPPER}.items():
            if key not in outer or not types & (_NUMBERS if kind == "number" else {kind}):
                continue
            within = key in inner and (inner[key] >= outer[key] if key in _LOWER else inner[key] <= outer[key])
            if not within:
                yield self._at(place, f"{key} was {old.get(key, 'none')}, is {new.get(key, 'none')}")

    def _object(self, old: Flat, new: Flat, place: str) -> Iterator[str]:
        old_required, new_required = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(new_required - old_required if self.is_request else old_required - new_required):
            yield self._at(_below(place, name), "is required now" if self.is_request else "may be missing now")
        for name, described in old.get("properties", {}).items():
            present = _described(new, name)
            if described is not False and (present is None or (present is False and not self.is_request)):
                yield self._at(_below(place, name), "is gone")
            else:
                yield from self.problems(described, True if present is None else present, _below(place, name))
        for pattern, described in old.get("patternProperties", {}).items():
            if pattern in new.get("patternProperties", {}):
                yield from self.problems(described, new["patternProperties"][pattern], _below(place, pattern))
            else:
                yield self._at(_below(place, pattern), "is gone")
        yield from self._added(old, new, place)

    def _added(self, old: Flat, new: Flat, place: str) -> Iterator[str]:
        """What the release did not name: free by `additionalProperties`, or it could have been anything."""
        free = old.get("additionalProperties", True)
        for name, described in new.get("properties", {}).items():
            if name not in old.get("properties", {}):
                before = _described(old, name)
                if before is not None or free is not True:
                    yield from self.problems(free if before is None else before, described, _below(place, name))
        yield from self.problems(free, new.get("additionalProperties", True), _below(place, "*"))

    def _conditions(self, old: Flat, new: Flat, place: str) -> Iterator[str]:
        old_by_if, new_by_if = ({_shown(each["if"]): each for each in flat["conditions"]} for flat in (old, new))
        for condition, before in old_by_if.items():
            after = new_by_if.get(condition)
            if after is not None:
                for branch in ("then", "else"):
                    yield from self.problems(before.get(branch, True), after.get(branch, True), place)
            elif not self.is_request:
                yield self._at(place, f"what holds if {condition} is gone")
        if self.is_request:
            for condition in sorted(new_by_if.keys() - old_by_if.keys()):
                # A call that is new: nobody could have sent it.
                file = new_by_if[condition].get("then", {}).get("$ref", "").partition("#")[0]
                if not file or file in self.released.schemas:
                    yield self._at(place, f"there are new conditions if {condition}")

    def _alternatives(self, old: Flat, new: Flat, place: str) -> Iterator[str]:
        """Each alternative of the narrower side must lie within one of the wider side."""
        olds, news = _apart(old), _apart(new)
        for inner in olds if self.is_request else news:
            pairs = [(inner, each) for each in news] if self.is_request else [(each, inner) for each in olds]
            if all(any(True for _ in self.problems(*pair, place)) for pair in pairs):
                (own,) = inner.get("allOf", [inner])
                yield self._at(place, self._other_value({key: own[key] for key in own if key != "conditions"}))

    def _listed_values(self, old: Flat, new: Flat, place: str) -> Iterator[str]:
        side = self.current if self.is_request else self.released
        outer = {key: value for key, value in self._outer(old, new).items() if key != "conditions"}
        for value in _values(self._inner(old, new)) or ():
            if not side.takes(outer, value):
                yield self._at(place, self._other_value(value))

    def _use(self, old: Flat, new: Flat, place: str) -> Iterator[str]:
        """A parameter keeps its effect, and a field that says something goes on to do so."""
        unmarked = _USES[0 if self.is_request else -1]
        before, after = old.get("x-use", unmarked), new.get("x-use", unmarked)
        if _USES.index(after) < _USES.index(before):
            yield self._at(place, f"was {before}, is {after} now" if self.is_request else "is never filled now")

    def _inner(self, old: Flat, new: Flat) -> Flat:
        """The schema whose values must all lie within the other's."""
        return old if self.is_request else new

    def _outer(self, old: Flat, new: Flat) -> Flat:
        return new if self.is_request else old

    def _other_value(self, shown: Any) -> str:
        return f"{'no longer takes' if self.is_request else 'may now be'} {_shown(shown)}"

    @staticmethod
    def _type(flat: Flat) -> str:
        return " or ".join(sorted(_listed(flat["type"]))) if "type" in flat else "free"

    @staticmethod
    def _at(place: str, problem: str) -> str:
        return f"{place}: {problem}" if place else problem


def _apart(flat: Flat) -> list[Flat]:
    """The alternatives of a schema, each with what holds for all of them."""
    rest = {key: value for key, value in flat.items() if key not in {"anyOf", "x-use"}}
    return [{**rest, "allOf": [each]} for each in flat["anyOf"]] if "anyOf" in flat else [flat]


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _described(flat: Flat, name: str) -> Node | None:
    """The schema of a property, by its name or by a pattern; None if the object does not speak of it."""
    if name in flat.get("properties", {}):
        return flat["properties"][name]
    return next((each for pattern, each in flat.get("patternProperties", {}).items() if re.search(pattern, name)), None)
