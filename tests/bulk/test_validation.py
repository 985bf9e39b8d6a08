"""The compiled validator against the reference validator, on parameters that are nearly right."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erply_points import schemas
from erply_points.bulk.validation import CallValidator, Violation
from erply_points.calls.refusals import Refusal
from erply_points.calls.registry import CALLS
from support.contract import reference

BOUNDS = [0, 1, -1, 2**31, 2**53 - 1, 2**53, -(2**53), 2**63, 2**64, 10**40, 253_402_300_799, 253_402_300_800]

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(BOUNDS),
    st.integers(-3, 400),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 1.0, 5.0, 1e15, 1e308, 2.5, -1e-300]),
    text,
    st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,12})?", fullmatch=True),
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True),
    st.sampled_from(["", " ", "0", "1", "-0", "true", "false", "null", "5,6", "CURRENT_INVOICE_ID", "a\x00b", "\x00"]),
    st.sampled_from(["0000-00-00", "12:30", "24:00:00", "02-30", "CASHINVOICE", "asc", "PAID", "1e5", "5\n", "x\n"]),
    st.sampled_from([25, 26, 128, 129, 255, 256, 65_535, 65_536]).map(lambda size: "x" * size),
    st.sampled_from([255, 256]).map(lambda size: "🎁" * size),
)
values = st.one_of(scalars, st.lists(scalars, max_size=2), st.dictionaries(st.text(max_size=3), scalars, max_size=1))


@cache
def described(call: str) -> dict[str, schemas.Schema]:
    """Every parameter of a call by a name it may have, its schema resolved."""
    schema = schemas.call_request(call)
    found = dict(schema.get("properties", {}))
    for pattern, each in schema.get("patternProperties", {}).items():
        found[re.sub(r"\[A-Z\]\{3\}", "ENG", re.sub(r"\[0-9\]\{1,6\}", "1", pattern.strip("^$")))] = each
    return {name: schemas.resolved(each, schema["$id"]) for name, each in found.items()}


def nearly_right(call: str) -> st.SearchStrategy[dict[str, Any]]:
    """A few parameters of a call: good ones by their examples, and some that are wrong."""
    known = described(call)
    examples = [(name, example) for name, schema in known.items() for example in schema["examples"]]
    required = {name: known[name]["examples"][0] for name in required_by(call)}
    names = [*known, *(f"{name[:-1]}{number}" for name in known for number in (0, 12, 1_000_000) if name.endswith("1"))]
    items = [st.tuples(text, values)]
    if known:
        items += [
            st.sampled_from(examples),
            st.sampled_from([(name, str(example)) for name, example in examples]),
            st.tuples(st.sampled_from(names), values),
        ]
    bases = st.sampled_from([required, *({**required, name: None} for name in required), {}])
    return st.tuples(bases, st.lists(st.one_of(items), max_size=6)).map(lambda pair: {**pair[0], **dict(pair[1])})


def required_by(call: str) -> list[str]:
    """The parameters without which a call is nothing; of several that would each do, the first."""
    schema = schemas.call_request(call)
    names: list[str] = schema.get("required", []) or schema.get("anyOf", [{"required": []}])[0]["required"]
    return names


def violations(call: str, params: dict[str, Any]) -> list[Violation]:
    """What the reference validator objects to."""
    found = []
    for error in reference(f"/schemas/erply/calls/{call}.request.json").iter_errors(params):
        if error.validator == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            found += [Violation(name, "required") for name in missing]
        elif error.validator == "anyOf" and not error.absolute_path:
            found.append(Violation(error.validator_value[0]["required"][0], "required"))
        else:
            found.append(Violation(str(error.absolute_path[0]), error.validator))
    return found


def refusal(checked: CallValidator, params: dict[str, Any]) -> Refusal | None:
    try:
        checked.validate(params)
    except Refusal as refused:
        return refused
    return None


def expected(checked: CallValidator, params: dict[str, Any], found: Iterable[Violation]) -> Refusal | None:
    found = list(found)
    return checked.refusal(params, found) if found else None


@pytest.mark.parametrize("call", sorted(CALLS))
def test_verdict_and_refusal_of_both_validators(call: str) -> None:
    """The compiled validator takes and refuses exactly what jsonschema does, and names the same error and field."""
    checked = CallValidator(call)

    @settings(max_examples=40 + 2 * len(described(call)), deadline=None)
    @given(nearly_right(call))
    def same(params: dict[str, Any]) -> None:
        coerced = checked.coerce(params)
        by_reference = expected(checked, coerced, violations(call, coerced))
        compiled = refusal(checked, params)
        assert type(compiled) is type(by_reference), (compiled, by_reference)
        assert compiled is None or compiled == by_reference
        assert compiled is None or (compiled.message.endswith(".") and compiled.field in {*coerced, *described(call)})

    same()


@pytest.mark.parametrize("call", sorted(CALLS))
def test_coercion(call: str) -> None:
    """Coercing twice is coercing once, and a value that the schema takes as it is stays what it is."""
    checked = CallValidator(call)
    known = described(call)

    @settings(max_examples=30 + len(described(call)), deadline=None)
    @given(nearly_right(call))
    def settled(params: dict[str, Any]) -> None:
        once = checked.coerce(params)
        twice = checked.coerce(once)
        assert [(name, value, type(value)) for name, value in twice.items()] == [
            (name, value, type(value)) for name, value in once.items()
        ]
        for name, value in params.items():
            if name not in known or (isinstance(value, float) and known[name].get("type") != ["number", "string"]):
                continue  # Unknown names are dropped, and 5.0 becomes 5.
            if not violations_of(call, name, value):
                assert (once[name], type(once[name])) == (value, type(value)), name

    settled()


def violations_of(call: str, name: str, value: Any) -> list[Violation]:
    return [violation for violation in violations(call, {name: value}) if violation.keyword != "required"]


@pytest.mark.parametrize("call", sorted(CALLS))
def test_examples_are_taken(call: str) -> None:
    """Every example of a parameter is taken, as it stands and as form text."""
    checked = CallValidator(call)
    known = described(call)
    required = {name: known[name]["examples"][0] for name in required_by(call)}
    for name, schema in known.items():
        for example in schema["examples"]:
            for value in (example, str(example)):
                assert refusal(checked, {**required, name: value}) is None, (name, value)


def test_the_first_error_in_the_order_of_the_schema() -> None:
    """Of two errors of one kind, the parameter that the schema names first is reported, whatever came first."""
    checked = CallValidator("subtractCustomerRewardPoints")
    for params in ({"customerID": "x", "points": "y"}, {"points": "y", "customerID": "x"}):
        refused = refusal(checked, params)
        assert refused is not None
        assert refused.field == "customerID"


def test_the_end_of_a_pattern_is_the_end() -> None:
    """A line feed at the end of a value is not overlooked."""
    for name, value in (("date", "2026-01-01\n"), ("temporaryUUID", "a\n"), ("price1", "5\n")):
        refused = refusal(CallValidator("saveSalesDocument"), {name: value, "amount1": 1})
        assert refused is not None
        assert refused.field == name
