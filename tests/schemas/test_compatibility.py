"""Schemas keep what a release promised, and the comparison that says so sees every kind of broken promise."""

import copy
import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erply_points import __version__, schemas
from schemas.compatibility import Side, incompatibilities

GENERATE = Path(__file__).parents[2] / "docs" / "generate.py"
RELEASED = sorted((Path(__file__).parent / "released").glob("*.json"))
REQUEST, ANSWER = "/schemas/x.request.json", "/schemas/x.answer.json"
Schema = dict[str, Any]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def line(version: str) -> tuple[int, ...]:
    """The versions that have to be compatible with each other, by Semantic Versioning: 0.1.x, or 1.x.x."""
    major, minor, _ = numbers(version)
    return (major,) if major else (major, minor)


def test_there_is_a_release_to_compare_with() -> None:
    """At least one release is kept, and none is of a version that is still to come."""
    assert RELEASED
    assert all(numbers(path.stem) <= numbers(__version__) for path in RELEASED)


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_released_schemas_still_hold(path: Path) -> None:
    """A client written for a release of this line of versions still gets through and still reads every answer."""
    if line(path.stem) != line(__version__):
        pytest.skip("an earlier line of versions, which this one may break with")
    broken = incompatibilities(json.loads(path.read_text("utf-8")), schemas.all_schemas())
    assert not broken, "incompatible with " + path.stem + ":\n" + "\n".join(broken)


def test_a_release_keeps_all_that_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `docs/generate.py release` writes promises neither more nor less than the schemas, and only once."""
    spec = importlib.util.spec_from_file_location("generate", GENERATE)
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    monkeypatch.setattr(generate, "RELEASED", tmp_path)
    path = generate.release()
    assert path == tmp_path / f"{__version__}.json"
    kept = json.loads(path.read_text("utf-8"))
    assert incompatibilities(kept, schemas.all_schemas()) == []
    assert incompatibilities(schemas.all_schemas(), kept) == []
    with pytest.raises(FileExistsError):
        generate.release()


def changed(change: Callable[[dict[str, Schema]], object]) -> list[str]:
    """The incompatibilities of a change of the real schemas."""
    current = copy.deepcopy(schemas.all_schemas())
    change(current)
    return incompatibilities(schemas.all_schemas(), current)


def call(name: str, direction: str = "request") -> str:
    return f"/schemas/erply/calls/{name}.{direction}.json"


COMMON = "/schemas/erply/common.json"
SUBTRACT = call("subtractCustomerRewardPoints")
PLACEHOLDERS = [
    (call("redeemIssuedCoupon"), "invoiceID"),
    (call("saveGiftCard"), "purchaseInvoiceID"),
    (call("saveGiftCard"), "redemptionInvoiceID"),
    (call("saveIssuedCoupon"), "invoiceID"),
    (call("saveIssuedCoupon"), "issuedInvoiceID"),
    (call("savePayment"), "documentID"),
    (SUBTRACT, "invoiceID"),
]
BALANCE = call("getCustomerRewardPoints", "answer")


def test_no_change_is_compatible() -> None:
    """The schemas are compatible with themselves."""
    assert changed(lambda _: None) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda all_: all_.pop(SUBTRACT), [f"{SUBTRACT}: is gone"]),
        (lambda all_: all_[SUBTRACT]["properties"].pop("campaignID"), [f"{SUBTRACT}: campaignID: is gone"]),
        (lambda all_: all_[SUBTRACT]["required"].append("invoiceID"), [f"{SUBTRACT}: invoiceID: is required now"]),
        (
            lambda all_: all_[SUBTRACT]["properties"]["campaignID"].update({"x-use": "ignored"}),
            [f"{SUBTRACT}: campaignID: was stored, is ignored now"],
        ),
        (
            lambda all_: all_[SUBTRACT]["properties"]["invoiceID"].update({"x-use": "stored"}),
            [f"{SUBTRACT}: invoiceID: was used, is stored now"],
        ),
        (
            lambda all_: all_[COMMON]["$defs"]["points"].update(maximum=1000),
            [
                f"{call('addCustomerRewardPoints')}: points: maximum was 1000000000, is 1000",
                f"{SUBTRACT}: points: maximum was 1000000000, is 1000",
            ],
        ),
        (
            lambda all_: all_[COMMON]["$defs"]["invoiceReference"]["anyOf"].pop(),
            [f'{uri}: {name}: no longer takes {{"const": "CURRENT_INVOICE_ID"}}' for uri, name in PLACEHOLDERS],
        ),
        (
            lambda all_: all_[call("saveSalesDocument")]["patternProperties"].pop("^price[0-9]{1,6}$"),
            [f"{call('saveSalesDocument')}: ^price[0-9]{{1,6}}$: is gone"],
        ),
        (
            lambda all_: all_["/schemas/erply/bulk.request.json"]["properties"]["requests"].update(maxItems=50),
            ["/schemas/erply/bulk.request.json: requests: maxItems was 100, is 50"],
        ),
        (
            lambda all_: all_[BALANCE]["items"]["properties"].pop("points"),
            [f"{BALANCE}: [].points: is gone"],
        ),
        (lambda all_: all_[BALANCE]["items"].pop("required"), [f"{BALANCE}: [].points: may be missing now"]),
        (
            lambda all_: all_[BALANCE]["items"]["properties"]["points"].update(type="string"),
            [f"{BALANCE}: [].points: type was integer or number, is string"],
        ),
        (
            lambda all_: all_[call("getCustomers", "answer")]["items"]["properties"]["customerType"]["enum"].append(
                "X"
            ),
            [f'{call("getCustomers", "answer")}: [].customerType: may now be "X"'],
        ),
        (
            lambda all_: all_[BALANCE]["items"]["properties"]["points"].update({"x-use": "unsupported"}),
            [f"{BALANCE}: [].points: is never filled now"],
        ),
        (
            lambda all_: all_[COMMON]["$defs"]["bulkStatus"]["properties"].pop("generationTime"),
            ["/schemas/erply/bulk.answer.json: status.generationTime: is gone"],
        ),
    ],
)
def test_a_change_of_a_real_schema_is_seen(change: Callable[[dict[str, Schema]], object], expected: list[str]) -> None:
    """What breaks a client is named by file, place and fact, wherever the definition stands."""
    assert changed(change) == expected


def compared(uri: str, old: Schema, new: Schema) -> list[str]:
    """The incompatibilities of one property `x`."""
    both = [{uri: {"type": "object", "properties": {"x": schema}}} for schema in (old, new)]
    return [problem.removeprefix(f"{uri}: ") for problem in incompatibilities(*both)]


NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
TEXT: Schema = {"type": "string"}
ROW: Schema = {"type": "object", "required": ["a"], "properties": {"a": INTEGER, "b": TEXT}}


def when(then: Schema) -> Schema:
    return {"type": "object", "if": {"required": ["a"]}, "then": {"properties": {"a": then}}}


NARROWED: list[tuple[Schema, Schema, str, str]] = [
    # A wide and a narrow schema: what a request loses from wide to narrow, and an answer from narrow to wide.
    (
        {"type": ["integer", "string"]},
        INTEGER,
        "x: type was integer or string, is integer",
        "x: type was integer, is integer or string",
    ),
    (NUMBER, INTEGER, "x: type was number, is integer", "x: type was integer, is number"),
    ({}, INTEGER, "x: type was free, is integer", "x: type was integer, is free"),
    ({"enum": ["a", "b"]}, {"enum": ["a"]}, 'x: no longer takes "b"', 'x: may now be "b"'),
    ({"enum": ["a", "b"]}, {"const": "a"}, 'x: no longer takes "b"', 'x: may now be "b"'),
    (TEXT, {**TEXT, "enum": ["a"]}, 'x: values were free, are ["a"]', 'x: values were ["a"], are free'),
    (INTEGER, {**INTEGER, "minimum": 1}, "x: minimum was none, is 1", "x: minimum was 1, is none"),
    ({**INTEGER, "minimum": 0}, {**INTEGER, "minimum": 1}, "x: minimum was 0, is 1", "x: minimum was 1, is 0"),
    ({**NUMBER, "maximum": 9}, {**NUMBER, "maximum": 8}, "x: maximum was 9, is 8", "x: maximum was 8, is 9"),
    (TEXT, {**TEXT, "maxLength": 5}, "x: maxLength was none, is 5", "x: maxLength was 5, is none"),
    ({**TEXT, "minLength": 1}, {**TEXT, "minLength": 2}, "x: minLength was 1, is 2", "x: minLength was 2, is 1"),
    (TEXT, {**TEXT, "pattern": "^a"}, "x: pattern was none, is ^a", "x: pattern was ^a, is none"),
    ({"type": "array"}, {"type": "array", "maxItems": 3}, "x: maxItems was none, is 3", "x: maxItems was 3, is none"),
    (
        {"type": "array"},
        {"type": "array", "items": TEXT},
        "x[]: type was free, is string",
        "x[]: type was string, is free",
    ),
    (
        {"anyOf": [INTEGER, {"const": "now"}]},
        INTEGER,
        'x: no longer takes {"const": "now"}',
        'x: may now be {"const": "now"}',
    ),
    (
        INTEGER,
        {"anyOf": [{**INTEGER, "maximum": 3}, {**INTEGER, "minimum": 9}]},
        'x: no longer takes {"type": "integer"}',
        'x: may now be {"type": "integer"}',
    ),
    (ROW, {**ROW, "required": ["a", "b"]}, "x.b: is required now", "x.b: may be missing now"),
    (ROW, {**ROW, "additionalProperties": False}, "x.*: is refused now", "x.*: was never there, may be there now"),
    (
        {**ROW, "additionalProperties": NUMBER},
        {**ROW, "additionalProperties": INTEGER},
        "x.*: type was number, is integer",
        "x.*: type was integer, is number",
    ),
    (when(NUMBER), when(INTEGER), "x.a: type was number, is integer", "x.a: type was integer, is number"),
    (
        {"type": "object"},
        when(INTEGER),
        'x: there are new conditions if {"required": ["a"]}',
        'x: what holds if {"required": ["a"]} is gone',
    ),
    (
        {"allOf": [INTEGER, {"minimum": 1}]},
        {**INTEGER, "minimum": 2},
        "x: minimum was 1, is 2",
        "x: minimum was 2, is 1",
    ),
]


@pytest.mark.parametrize(("wide", "narrow", "narrowed", "widened"), NARROWED)
def test_requests_may_widen_and_answers_may_narrow(wide: Schema, narrow: Schema, narrowed: str, widened: str) -> None:
    """A request goes on taking what it took; an answer brings nothing that a client was not prepared for."""
    assert compared(REQUEST, wide, narrow) == [narrowed]
    assert compared(REQUEST, narrow, wide) == []
    assert compared(ANSWER, wide, narrow) == []
    assert compared(ANSWER, narrow, wide) == [widened]


@pytest.mark.parametrize("uri", [REQUEST, ANSWER])
@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (ROW, {**ROW, "properties": {"a": INTEGER}}, "x.b: is gone"),
        (TEXT, INTEGER, "x: type was string, is integer"),
        ({**TEXT, "pattern": "^a"}, {**TEXT, "pattern": "^b"}, "x: pattern was ^a, is ^b"),
        ({**INTEGER, "multipleOf": 2}, {**INTEGER, "multipleOf": 4}, "x: multipleOf changed, which cannot be judged"),
        ({"enum": ["a", "bcd"]}, {**TEXT, "maxLength": 2}, "x: "),
        ({"not": TEXT}, {}, "x: not changed, which cannot be judged"),
        ({"oneOf": [TEXT]}, {"oneOf": [TEXT, INTEGER]}, "x: oneOf changed, which cannot be judged"),
        ({"patternProperties": {"^a[0-9]$": TEXT}}, {}, "x.^a[0-9]$: is gone"),
        (
            {"patternProperties": {"^a[0-9]$": TEXT}},
            {"patternProperties": {"^a[0-9]$": INTEGER}},
            "x.^a[0-9]$: type was string, is integer",
        ),
        (ROW, {**ROW, "properties": {"a": False, "b": TEXT}}, "x.a: is"),
    ],
)
def test_breaks_both_ways(uri: str, old: Schema, new: Schema, problem: str) -> None:
    """What vanishes, becomes something else or cannot be judged is incompatible in requests and in answers."""
    (found,) = compared(uri, old, new)
    assert found.startswith(problem)


@pytest.mark.parametrize("uri", [REQUEST, ANSWER])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ROW, {**ROW, "properties": {**ROW["properties"], "c": TEXT}}),
        (ROW, {**ROW, "patternProperties": {"^c[0-9]$": TEXT}}),
        (INTEGER, {**INTEGER, "description": "Whole.", "title": "X", "examples": [1], "default": 0}),
        ({"type": ["integer", "string"]}, {"type": ["string", "integer"]}),
        ({"const": 1}, {"enum": [1]}),
        ({"allOf": [INTEGER, {"minimum": 1}]}, {**INTEGER, "minimum": 1}),
        ({"anyOf": [INTEGER, TEXT]}, {"anyOf": [TEXT, INTEGER]}),
        ({"properties": {"a1": TEXT}}, {"patternProperties": {"^a[0-9]$": TEXT}}),
    ],
)
def test_breaks_nobody(uri: str, old: Schema, new: Schema) -> None:
    """New parameters and fields, other words and other ways to say the same are compatible."""
    assert compared(uri, old, new) == []


def test_definitions_are_resolved() -> None:
    """It is the place that refers to a definition that is compared, wherever the definition stands and is called."""

    def both(definition: str, described: Schema) -> dict[str, Schema]:
        return {
            REQUEST: {"properties": {"x": {"$ref": f"y.json#/$defs/{definition}", "maxLength": 9}}},
            "/schemas/y.json": {"$defs": {definition: described}},
        }

    assert incompatibilities(both("a", TEXT), both("b", TEXT)) == []
    assert incompatibilities(both("a", TEXT), both("a", {**TEXT, "maxLength": 8})) == [
        f"{REQUEST}: x: maxLength was 9, is 8"
    ]


def test_a_new_call_is_no_new_condition() -> None:
    """An envelope may learn of a call that the release did not have."""

    def envelope(*names: str) -> dict[str, Schema]:
        branches = [
            {"if": {"properties": {"request": {"const": name}}}, "then": {"$ref": f"{name}.request.json"}}
            for name in names
        ]
        calls: dict[str, Schema] = {f"/schemas/{name}.request.json": {"required": ["a"]} for name in names}
        return {"/schemas/call.request.json": {"allOf": branches}, **calls}

    assert incompatibilities(envelope("old"), envelope("old", "new")) == []
    assert incompatibilities(envelope("old", "new"), envelope("old")) == ["/schemas/new.request.json: is gone"]
    tightened = envelope("old") | {"/schemas/call.request.json": envelope("old", "old")["/schemas/call.request.json"]}
    assert incompatibilities(envelope("old"), tightened) == []


SCALARS = st.one_of(
    st.builds(lambda low, high: {**INTEGER, "minimum": low, "maximum": high}, st.integers(0, 2), st.integers(2, 4)),
    st.builds(lambda values: {"enum": values}, st.lists(st.sampled_from(["a", "bb", 1, 3]), min_size=1, unique=True)),
    st.builds(lambda length: {**TEXT, "maxLength": length}, st.integers(0, 2)),
    st.sampled_from([{}, INTEGER, TEXT, NUMBER, {"type": ["integer", "string"]}, {"anyOf": [INTEGER, {"const": "a"}]}]),
)
NODES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda items, most: {"type": "array", "items": items, "maxItems": most}, inner, st.integers(0, 2)),
        st.builds(
            lambda properties, required: {"type": "object", "properties": properties, "required": required},
            st.dictionaries(st.sampled_from("ab"), inner),
            st.lists(st.sampled_from("ab"), unique=True),
        ),
    ),
    max_leaves=3,
)
VALUES = st.recursive(
    st.sampled_from(["", "a", "bb", "ccc", 0, 1, 2, 3, 2.5, None, True]),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner)),
    max_leaves=4,
)


def unknown(node: Schema, value: Any) -> bool:
    """Whether a value has properties that its schema does not speak of: those may get a meaning later."""
    if isinstance(value, dict):
        described = node.get("properties", {})
        return any(name not in described or unknown(described[name], each) for name, each in value.items())
    return isinstance(value, list) and any(unknown(node.get("items", {}), each) for each in value)


@settings(max_examples=500)  # A few per cent of them are compatible without being equal.
@given(NODES, NODES, st.lists(VALUES, min_size=5))
def test_what_is_called_compatible_is_valid(old: Schema, new: Schema, values: list[Any]) -> None:
    """If nothing is found, no value that the narrower schema takes is refused by the wider one."""
    before, after = Side({REQUEST: old}), Side({REQUEST: new})
    if not incompatibilities({REQUEST: old}, {REQUEST: new}):
        for value in values:
            assert after.takes(new, value) or unknown(old, value) or not before.takes(old, value), value
    if not incompatibilities({ANSWER: old}, {ANSWER: new}):
        for value in values:
            assert before.takes(old, value) or not after.takes(new, value), value
