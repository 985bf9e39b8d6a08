"""The schemas themselves: complete, valid, and with examples that hold."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from erply_points import schemas
from erply_points.calls.registry import CALLS
from support.contract import reference

ERPLY = {uri: schema for uri, schema in schemas.all_schemas().items() if uri.startswith("/schemas/erply/")}
USES = {"used", "stored", "ignored"}


def objects(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every JSON object inside a schema that describes properties, with its place."""
    if isinstance(node, dict):
        if "properties" in node and ("type" in node or "required" in node):
            yield path, node
        for key, child in node.items():
            if key not in {"examples", "default", "const", "enum", "if", "then", "else"}:
                yield from objects(child, f"{path}/{key}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from objects(child, f"{path}/{index}")


def properties(uri: str) -> Iterator[tuple[str, schemas.Schema]]:
    """Every property that a file describes, with its place."""
    for path, node in objects(ERPLY[uri], uri):
        for name, described in {**node["properties"], **node.get("patternProperties", {})}.items():
            if described not in (True, False):
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


@pytest.mark.parametrize("uri", ERPLY)
def test_valid_as_2020_12(uri: str) -> None:
    """Every file is a valid JSON Schema with a title and a description."""
    schema = ERPLY[uri]
    Draft202012Validator.check_schema(schema)
    assert schema["title"]
    assert schema["description"].endswith(".")


@pytest.mark.parametrize("uri", ERPLY)
def test_references_resolve(uri: str) -> None:
    """Every `$ref` leads somewhere."""
    resolver = schemas.registry().resolver(uri)
    for target in references(ERPLY[uri]):
        assert isinstance(resolver.lookup(target).contents, dict)


@pytest.mark.parametrize("uri", ERPLY)
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


@pytest.mark.parametrize("uri", ERPLY)
def test_whole_examples_hold(uri: str) -> None:
    """The examples of a whole request or answer hold."""
    for example in ERPLY[uri].get("examples", []):
        reference(uri).validate(example)


@pytest.mark.parametrize("uri", [uri for uri in ERPLY if ".request." in uri])
def test_every_request_property_says_what_becomes_of_it(uri: str) -> None:
    """`x-use` says of every parameter whether it is used, stored or ignored."""
    for place, described in properties(uri):
        assert described.get("x-use") in USES, place


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
def test_the_envelopes_know_every_call(envelope: str) -> None:
    """The schemas of the envelopes lead to the records of every call, and the bulk's request to its parameters."""
    for direction in ("answer", "request"):
        uri = f"/schemas/erply/{envelope}.{direction}.json"
        if uri in ERPLY:
            named = {target for target in references(ERPLY[uri]) if target.startswith("calls/")}
            assert named == {f"calls/{name}.{direction}.json" for name in CALLS}


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
