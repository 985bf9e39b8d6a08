"""The JSON Schema files: where they are, and how they refer to each other.

They are the single source of names, types, required fields and limits. In a checkout they stand at the top level, in
the wheel inside the package.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

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
def registry() -> Registry[Schema]:
    """Return a registry in which every `$ref` between the files resolves."""
    resources = [(uri, Resource.from_contents(schema)) for uri, schema in all_schemas().items()]
    return Registry[Schema]().with_resources(resources)


def call_request(name: str) -> Schema:
    return all_schemas()[f"/schemas/erply/calls/{name}.request.json"]


def call_answer(name: str) -> Schema:
    return all_schemas()[f"/schemas/erply/calls/{name}.answer.json"]


def resolved(schema: Schema, base: str) -> Schema:
    """Return `schema` with a `$ref` at its top replaced by what it names; keywords beside the `$ref` win."""
    if "$ref" not in schema:
        return schema
    found = registry().resolver(base).lookup(schema["$ref"])
    target = resolved(found.contents, found.resolver._base_uri)  # noqa: SLF001 - the base of the file it stands in
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
