"""The schemas of the control API: valid, described, with examples that hold, and held by real answers."""

import pytest
from jsonschema import Draft202012Validator

from erply_points import schemas
from erply_points.contract.reference import reference
from erply_points.testing.sandbox import Sandbox

SANDBOX = {uri: schema for uri, schema in schemas.all_schemas().items() if uri.startswith("/schemas/sandbox/")}


def test_there_are_some() -> None:
    """Bodies of the control API are described."""
    assert len(SANDBOX) >= 10


@pytest.mark.parametrize("uri", SANDBOX)
def test_schemas_are_whole(uri: str) -> None:
    """Each is valid, says what it is, and describes every property with examples that hold."""
    schema = SANDBOX[uri]
    Draft202012Validator.check_schema(schema)
    assert schema["title"].startswith("Sandbox: ")
    assert schema["description"].endswith(".")
    assert schema["examples"]
    for example in schema["examples"]:
        reference(uri).validate(example)
    for name, described in schema.get("properties", {}).items():
        assert described["description"].endswith("."), name
        assert described["examples"], name
        for example in described["examples"]:
            reference(uri).evolve(schema={**described, "$id": uri}).validate(example)


@pytest.mark.parametrize("uri", [uri for uri in SANDBOX if uri.endswith(".request.json")])
def test_examples_are_taken(sandbox: Sandbox, uri: str) -> None:
    """Every request that is shown does what it says on a real server, and its answer is as described."""
    name = uri.rsplit("/", 1)[1].split(".", maxsplit=1)[0]
    account = sandbox.new_account()
    path, answers = {
        "account": ("/accounts", True),
        "settings": (f"/accounts/{account.client_code}/settings", False),
        "clock": (f"/accounts/{account.client_code}/clock", True),
        "fault": (f"/accounts/{account.client_code}/faults", True),
    }[name]
    method = "PATCH" if name in {"settings", "clock"} else "POST"
    for example in SANDBOX[uri]["examples"]:
        answer = sandbox.control(method, path, example)
        if answers:
            reference(f"/schemas/sandbox/{name}.answer.json").validate(answer)
        else:
            assert answer is None


def test_answers_hold(sandbox: Sandbox) -> None:
    """What only answers is as described too."""
    account = sandbox.new_account()
    account.control("POST", "/faults", {"kind": "cut"})
    account.snapshot()
    for path, name in (("", "index"), *((each, each) for each in ("clock", "faults", "snapshots", "log"))):
        below = f"/accounts/{account.client_code}/{path}" if path else "/"
        reference(f"/schemas/sandbox/{name}.answer.json").validate(sandbox.control("GET", below))
