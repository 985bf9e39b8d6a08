"""The JSON Schema files: where they are, and how they refer to each other.

They are the single source of names, types, required fields and limits. In a checkout they stand at the top level, in
the wheel inside the package. Each is named by its `$id`, a path: how it becomes an address, `web/schemas.py` says.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import jsonschema_rs
from referencing import Registry, Resource

Schema = dict[str, Any]

_PACKAGED: Final = Path(__file__).parent / "schemas"
FOLDER: Final = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[1] / "schemas"


@cache
def all_schemas() -> dict[str, Schema]:
    """Every schema by its `$id`, which is its path below the server's root: /schemas/..."""
    found = (json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.rglob("*.json")))
    return {schema["$id"]: schema for schema in found}


@cache
def compiled_registry() -> jsonschema_rs.Registry:
    """The same for the compiled validators."""
    return jsonschema_rs.Registry(list(all_schemas().items()))


@cache
def registry() -> Registry[Schema]:
    """Return a registry in which every `$ref` between the files resolves."""
    resources = [(uri, Resource.from_contents(schema)) for uri, schema in all_schemas().items()]
    return Registry[Schema]().with_resources(resources)


def call_request(name: str) -> Schema:
    return all_schemas()[f"/schemas/erply/calls/{name}.request.json"]


def call_answer(name: str) -> Schema:
    return all_schemas()[f"/schemas/erply/calls/{name}.answer.json"]


def name_of(uri: str) -> tuple[str, str] | None:
    """The call or envelope that a schema describes, and its direction; None for definitions that others share."""
    name, _, direction = uri.rsplit("/", 1)[1].removesuffix(".json").partition(".")
    return (name, direction) if direction else None


@cache
def by_name() -> dict[str, dict[str, Schema]]:
    """The schemas of each call and envelope, by its name and then by direction: `request` and `answer`."""
    found: dict[str, dict[str, Schema]] = {}
    for uri, schema in all_schemas().items():
        if (named := name_of(uri)) and not uri.startswith("/schemas/sandbox/"):
            found.setdefault(named[0], {})[named[1]] = schema
    return found


def resolved(schema: Schema, base: str) -> Schema:
    """Return `schema` with a `$ref` at its top replaced by what it names; keywords beside the `$ref` win."""
    if "$ref" not in schema:
        return schema
    found = registry().resolver(base).lookup(schema["$ref"])
    target = resolved(found.contents, found.resolver._base_uri)  # noqa: SLF001 - the base of the file it stands in
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


_NAMED: Final = frozenset({"properties", "patternProperties", "$defs"})
"""Keywords of a schema that hold schemas by name."""
_DATA: Final = frozenset({"examples", "default", "const", "enum"})
"""Keywords of a schema that hold values, in which nothing is a reference."""


def bundled(schema: Schema) -> Schema:
    """Return `schema` so that it stands alone: what it refers to, and no more, stands under its own `$defs`.

    A definition keeps its name, a whole file is named by its own: `id`, `saveCustomer.request`.
    """
    targets: dict[str, str] = {}
    definitions: dict[str, Any] = {}

    def moved(node: Any, base: str) -> Any:
        if isinstance(node, list):
            return [moved(each, base) for each in node]
        if not isinstance(node, dict):
            return node
        copied: dict[str, Any] = {}
        for key, value in node.items():
            if key == "$ref":
                copied[key] = f"#/$defs/{defined(urljoin(base, value))}"
            elif key in _NAMED:
                copied[key] = {name: moved(each, base) for name, each in value.items()}
            else:
                copied[key] = value if key in _DATA else moved(value, base)
        return copied

    def defined(target: str) -> str:
        name = target.rsplit("/", 1)[1].removesuffix(".json")
        assert targets.setdefault(name, target) == target, f"{target} and {targets[name]} share a name"
        if name not in definitions:
            definitions[name] = None  # Known from now on, so that a reference to itself ends here.
            found = registry().resolver().lookup(target).contents
            inside = {key: value for key, value in found.items() if key not in {"$schema", "$id", "$defs"}}
            definitions[name] = moved(inside, target.partition("#")[0])
        return name

    whole: Schema = moved({key: value for key, value in schema.items() if key != "$defs"}, schema["$id"])
    return {**whole, "$defs": dict(sorted(definitions.items()))} if definitions else whole
