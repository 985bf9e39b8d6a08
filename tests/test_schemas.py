"""The schemas themselves: complete, valid, and with examples that hold."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from erply_points import schemas
from erply_points.accounts.pool import is_account_code
from erply_points.calls.registry import CALLS
from support.contract import reference

ALL = schemas.all_schemas()
ERPLY = {uri: schema for uri, schema in ALL.items() if uri.startswith("/schemas/erply/")}
COMMON = "/schemas/erply/common.json"
USES = {"used", "stored", "ignored", "unsupported"}


def parts(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and every schema in it, with its place; what stands under `if`, `then` and `else` describes nothing."""
    if not isinstance(node, dict):
        return
    yield path, node
    for key, child in node.items():
        if key in {"properties", "patternProperties", "$defs"}:
            for name, each in child.items():
                yield from parts(each, f"{path}/{key}/{name}")
        elif key in {"allOf", "anyOf"}:
            for index, each in enumerate(child):
                yield from parts(each, f"{path}/{key}/{index}")
        elif key in {"items", "additionalProperties"}:
            yield from parts(child, f"{path}/{key}")


def objects(schema: schemas.Schema, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in a schema that describes properties, with its place."""
    return ((place, part) for place, part in parts(schema, path) if "properties" in part or "patternProperties" in part)


def properties(uri: str) -> Iterator[tuple[str, schemas.Schema]]:
    """Every property that a file describes, with its place."""
    for path, node in objects(ALL[uri], uri):
        for name, described in {**node.get("properties", {}), **node.get("patternProperties", {})}.items():
            yield f"{path}:{name}", described


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_every_call_has_a_pair_of_schemas_and_every_pair_a_call() -> None:
    """A call cannot be served without a contract, nor promised without a server."""
    pairs = {tuple(uri.rsplit("/", 1)[1].split(".")[:2]) for uri in ERPLY if "/calls/" in uri}
    assert pairs == {(name, direction) for name in CALLS for direction in ("request", "answer")}


def test_files_are_named_by_their_id() -> None:
    """A schema's `$id` is its path, so that a reference can be followed by eye."""
    for path in schemas.FOLDER.rglob("*.json"):
        schema = json.loads(path.read_text("utf-8"))
        assert schema["$id"] == f"/schemas/{path.relative_to(schemas.FOLDER).as_posix()}"
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("uri", ALL)
def test_valid_as_2020_12(uri: str) -> None:
    """Every file is a valid JSON Schema with a title and a description."""
    schema = ALL[uri]
    Draft202012Validator.check_schema(schema)
    assert schema["title"]
    assert schema["description"].endswith(".")


@pytest.mark.parametrize("uri", ALL)
def test_references_resolve(uri: str) -> None:
    """Every `$ref` leads somewhere."""
    resolver = schemas.registry().resolver(uri)
    for target in references(ALL[uri]):
        assert isinstance(resolver.lookup(target).contents, dict)


@pytest.mark.parametrize("uri", ALL)
def test_every_property_is_described_with_examples(uri: str) -> None:
    """A property has a sentence, examples that hold, and a default that holds."""
    for place, described in properties(uri):
        schema = {"$id": f"{uri}#checked", **described} if "$ref" not in described else described
        assert described["description"].endswith("."), place
        assert described["examples"], place
        validator = reference(uri).evolve(schema={**schema, "$id": uri})
        for example in described["examples"]:
            assert validator.is_valid(example), (place, example)
        if "default" in described:
            assert validator.is_valid(described["default"]), place


@pytest.mark.parametrize("uri", ALL)
def test_every_definition_is_described(uri: str) -> None:
    """What others refer to has a sentence of its own, and examples that hold if it is a value."""
    for name, definition in ALL[uri].get("$defs", {}).items():
        assert definition["description"].endswith("."), name
        for example in definition.get("examples", []):
            assert reference(uri).evolve(schema={**definition, "$id": uri}).is_valid(example), (name, example)


@pytest.mark.parametrize("uri", [uri for uri in ALL if schemas.name_of(uri)])
def test_whole_examples_hold(uri: str) -> None:
    """Every request and every answer is shown whole at least once, and what is shown holds."""
    assert ALL[uri]["examples"]
    for example in ALL[uri]["examples"]:
        reference(uri).validate(example)


@pytest.mark.parametrize("uri", [uri for uri in ALL if ".request." in uri and "/sandbox/" not in uri])
def test_every_request_property_says_what_becomes_of_it(uri: str) -> None:
    """`x-use` says of every parameter whether it is used, stored, ignored or asks for what is not supported."""
    for place, described in properties(uri):
        assert described.get("x-use") in USES, place


@pytest.mark.parametrize("uri", [uri for uri in ALL if ".request." not in uri])
def test_answers_say_what_is_never_filled(uri: str) -> None:
    """`x-use` of a field can only be unsupported, and there is a value that always comes if the field does."""
    for place, described in properties(uri):
        assert described.get("x-use") in {None, "unsupported"}, place
        assert "x-use" not in described or "default" in described, place


@pytest.mark.parametrize("name", sorted(CALLS))
def test_numbered_names_are_anchored(name: str) -> None:
    """A pattern for parameter names fits whole names only, and no name fits two patterns or a plain property too."""
    schema = schemas.call_request(name)
    patterns = list(schema.get("patternProperties", {}))
    for pattern in patterns:
        assert re.fullmatch(r"\^[A-Za-z]+(\[[A-Z0-9-]+\]\{[0-9,]+\}[A-Za-z]*)+\$", pattern), pattern
        sample = re.sub(r"\[A-Z\]\{3\}", "ENG", re.sub(r"\[0-9\]\{1,6\}", "12", pattern.strip("^$")))
        assert [other for other in patterns if re.search(other, sample)] == [pattern]
        assert sample not in schema.get("properties", {})


@pytest.mark.parametrize("name", sorted(CALLS))
def test_envelope_names_are_not_parameters(name: str) -> None:
    """No call has a parameter that the envelope takes for itself."""
    taken = {"clientCode", "sessionKey", "request", "requests", "requestName", "requestID", "responseType", "getFields"}
    assert not taken & set(schemas.call_request(name).get("properties", {}))


@pytest.mark.parametrize("name", sorted(CALLS))
def test_required_parameters_are_described(name: str) -> None:
    """What is required is described, in requests and answers."""
    for schema in (schemas.call_request(name), schemas.call_answer(name)):
        for path, node in objects(schema, schema["$id"]):
            assert set(node.get("required", [])) <= set(node["properties"]), path


@pytest.mark.parametrize("name", sorted(CALLS))
def test_answers_are_lists_of_objects_with_defaults(name: str) -> None:
    """An answer's schema is the list of records, and every required field has a default to begin with."""
    schema = schemas.call_answer(name)
    assert schema["type"] == "array"
    if schema.get("maxItems") == 0:
        return
    record = schemas.resolved(schema["items"], schema["$id"])
    described = {key: schemas.resolved(each, schema["$id"]) for key, each in record["properties"].items()}
    assert [key for key in record.get("required", []) if "default" not in described[key]] == []


@pytest.mark.parametrize("envelope", ["bulk", "call"])
@pytest.mark.parametrize("direction", ["request", "answer"])
def test_the_envelopes_know_every_call(envelope: str, direction: str) -> None:
    """The schemas of the envelopes lead to the parameters and the records of every call, by its name."""
    schema = schemas.by_name()[envelope][direction]
    branches = schema["$defs"]["sub" + direction.capitalize()] if envelope == "bulk" else schema
    named = {}
    for branch in branches["allOf"]:
        condition = json.dumps(branch["if"])
        if name := re.search(r'"request(?:Name)?": {"const": "(\w+)"}', condition):
            named[name[1]] = list(references(branch["then"]))
    assert named == {name: [f"calls/{name}.{direction}.json"] for name in CALLS}


def test_an_account_code_is_what_the_server_takes() -> None:
    """The schema of clientCode and the server's own check agree."""
    validator = reference(COMMON).evolve(schema={"$ref": f"{COMMON}#/$defs/clientCode"})
    for code in ("101010", "a", "corner-shop", "x" * 32, "", "A", "-a", "a-", "a_b", "x" * 33, "a\n", "../a"):
        assert validator.is_valid(code) == is_account_code(code), code


def test_the_contract_catches_a_wrong_type() -> None:
    """A number sent as text fails the contract: answers are really checked."""
    status = {"request": "getCustomerRewardPoints", "requestUnixTime": 1, "responseStatus": "ok", "errorCode": 0}
    status |= {"generationTime": 0.1, "recordsTotal": 1, "recordsInResponse": 1}
    validator = reference("/schemas/erply/call.answer.json")
    assert validator.is_valid({"status": status, "records": [{"points": 5}]})
    for wrong in (
        {"status": status, "records": [{"points": "5"}]},
        {"status": status, "records": [{}]},
        {"status": status, "records": None},
        {"status": {**status, "errorCode": "0"}, "records": [{"points": 5}]},
        {"status": {**status, "errorField": None}, "records": [{"points": 5}]},
        {"status": {**status, "responseStatus": "error", "errorCode": 1010}, "records": None},
    ):
        assert not validator.is_valid(wrong), wrong
