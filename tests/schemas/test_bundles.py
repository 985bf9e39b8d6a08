"""A bundled schema stands alone and says the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry

from erply_points import schemas
from erply_points.contract.reference import ReferenceValidator
from support.contract import reference

NAMED = [uri for uri in schemas.all_schemas() if schemas.name_of(uri)]


def alone(uri: str) -> Any:
    """A validator of the bundled schema that can follow no reference out of it."""
    return ReferenceValidator(schemas.bundled(schemas.all_schemas()[uri]), registry=Registry())


@pytest.mark.parametrize("uri", NAMED)
def test_a_bundle_is_whole(uri: str) -> None:
    """All references of a bundle lead to its own definitions, and each definition is needed by one."""
    bundle = schemas.bundled(schemas.all_schemas()[uri])
    Draft202012Validator.check_schema(bundle)
    assert bundle["$id"] == uri
    defined = {f"#/$defs/{name}" for name in bundle.get("$defs", {})}
    referred = {part.split('"')[1] for part in json.dumps(bundle).split('"$ref": ')[1:]}
    assert referred == defined
    assert bundle["title"] == schemas.all_schemas()[uri]["title"]


@pytest.mark.parametrize("uri", NAMED)
def test_a_bundle_takes_the_examples(uri: str) -> None:
    """What the schema takes, its bundle takes too."""
    for example in schemas.all_schemas()[uri]["examples"]:
        alone(uri).validate(example)


POINTS = "/schemas/erply/calls/subtractCustomerRewardPoints.request.json"
BULK = "/schemas/erply/bulk.request.json"
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "customerID": st.sampled_from([1, 0, "1", None]),
        "points": st.sampled_from([1, 0, 1_000_000_001, 1.5]),
        "invoiceID": st.sampled_from([7, "CURRENT_INVOICE_ID", "current"]),
        "description": st.sampled_from(["x", "x" * 256, "\0"]),
        "other": st.none(),
    },
)


@given(PARAMETERS, st.sampled_from(["subtractCustomerRewardPoints", "getVatRates", "noSuchCall"]))
def test_a_bundle_gives_the_same_verdict(parameters: dict[str, Any], call: str) -> None:
    """A bundle refuses what the schema refuses, alone and within the envelope's bundle."""
    assert alone(POINTS).is_valid(parameters) == reference(POINTS).is_valid(parameters)
    bulk = {"clientCode": "101010", "requests": [{"requestName": call, **parameters}]}
    assert alone(BULK).is_valid(bulk) == reference(BULK).is_valid(bulk)


def test_bundling_leaves_the_schemas_alone() -> None:
    """The schemas that the server works with are not touched, nor are values that only look like references."""
    before = json.dumps(schemas.all_schemas())
    for uri in NAMED:
        schemas.bundled(schemas.all_schemas()[uri])
    assert json.dumps(schemas.all_schemas()) == before
    named = {"default": {"$ref": "#/properties/campaignID"}, "$ref": {}}
    bundle = schemas.bundled({"$id": POINTS, "properties": named, "examples": [{"$ref": "x"}]})
    assert bundle["properties"] == {"default": {"$ref": "#/$defs/campaignID"}, "$ref": {}}
    assert bundle["examples"] == [{"$ref": "x"}]
