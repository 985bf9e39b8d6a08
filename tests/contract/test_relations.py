"""How cases refer to answers, and what relations say of them."""

from typing import Any

import pytest

from erply_points.contract import relations
from erply_points.contract.findings import exactly, same
from erply_points.contract.references import NothingThere, at, names_in, resolved


def listing(*records: dict[str, Any]) -> dict[str, Any]:
    return {"status": {"errorCode": 0}, "records": list(records)}


SCOPE = {
    "unique": "17",
    "sale": listing({"invoiceID": "385", "net": 18.0, "vat": 3.6, "total": 21.6, "rows": [{"amount": "2"}]}),
    "used": listing({"transactionID": 7, "usedPoints": 100}, {"transactionID": 9, "usedPoints": "50"}),
    "none": listing(),
    "odd": listing({"usedPoints": "many"}),
}


def test_a_reference_keeps_the_type_of_what_it_names() -> None:
    """Alone it is the value itself, inside a text it is written out."""
    assert resolved("${used.transactionID}", SCOPE) == 7
    assert resolved("${sale.invoiceID}", SCOPE) == "385"
    assert resolved("${sale.rows[0].amount}", SCOPE) == "2"
    assert resolved("${used.records[1].transactionID}", SCOPE) == 9
    assert resolved("${sale.status.errorCode}", SCOPE) == 0
    assert resolved("${used.transactionID},${sale.net} Kit ${unique}", SCOPE) == "7,18.0 Kit 17"
    assert resolved({"a": ["${unique}", 1, None]}, SCOPE) == {"a": ["17", 1, None]}


@pytest.mark.parametrize(
    "text", ["${used.x}", "${used.records[2].usedPoints}", "${none.x}", "${gone}", "a ${sale.net.x}"]
)
def test_a_reference_into_nothing(text: str) -> None:
    """What is not there is an error of its own, never an empty value."""
    with pytest.raises(NothingThere):
        resolved(text, SCOPE)


def test_a_path_never_looks_into_text() -> None:
    """A place in a list is no letter of a text, and a key is no attribute."""
    for path in ("invoiceID[0]", "records.append", "status[0]"):
        with pytest.raises(NothingThere):
            at(SCOPE["sale"], path)


def test_names_of_references() -> None:
    """The names that a value refers to are found, and what only looks like a reference is not overlooked."""
    assert list(names_in({"a": ["${one.x} and ${two.records[0].y}", 5], "b": "plain"})) == ["one", "two"]
    assert list(names_in("${one.}")) == ["${one.}"]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (385, "385", True),
        (21.6, "21.60", True),
        (0.1 + 0.2, 0.3, False),
        (9007199254740993, 9007199254740992, False),
        (1, True, False),
        ("", 0, False),
        (None, 0, False),
        (None, None, True),
        ("a", "A", False),
        ([1], [1], True),
        ("NaN", "NaN", True),
        ("nan", float("nan"), False),
    ],
)
def test_values_that_are_the_same(one: Any, other: Any, alike: bool) -> None:
    """Numbers and their digits as text are equal, to the last digit; everything else is only equal to itself."""
    assert same(one, other) is alike
    assert same(other, one) is alike


def test_exactly_is_the_same_json() -> None:
    """A requestID that comes back with another type is another."""
    assert exactly(1, 1)
    assert not any(exactly(1, other) for other in ("1", 1.0, True, None, 2))


@pytest.mark.parametrize(
    "relation",
    [
        {"equal": ["${sale.invoiceID}", 385, "385.0"]},
        {"unique": ["${used.transactionID}", "${used.records[1].transactionID}", 8]},
        {"sum": {"of": ["${sale.net}", "${sale.vat}"], "is": "${sale.total}"}},
        {"sum": {"of": [0.1, 0.2], "is": "0.3"}},
        {"listed": {"in": "used", "with": {"transactionID": 9, "usedPoints": 50}}},
        {"missing": {"in": "used", "with": {"transactionID": 7, "usedPoints": 50}}},
        {"missing": {"in": "none", "with": {"transactionID": 7}}},
        {"every": {"in": "none", "with": {"transactionID": 7}}},
        {"total": {"in": "used", "field": "usedPoints", "is": 150}},
        {"total": {"in": "none", "field": "usedPoints", "is": 0}},
        {"order": {"in": "used", "field": "transactionID", "is": "asc"}},
        {"order": {"in": "used", "field": "usedPoints", "is": "desc"}},
    ],
)
def test_relations_that_hold(relation: dict[str, Any]) -> None:
    """What is as the case says is no finding."""
    assert relations.check(relation, SCOPE) is None


@pytest.mark.parametrize(
    ("relation", "finding"),
    [
        ({"equal": [1, 1, "${sale.net}"]}, "relation: sale.net: expected 1 as at 1, came 18.0"),
        (
            {"unique": [7, "${used.transactionID}"]},
            "relation: used.transactionID: expected another value than at 7, came 7",
        ),
        (
            {"sum": {"of": ["${sale.net}", 1], "is": "${sale.total}"}},
            "relation: sale.total: expected 19.0 = 18.0 (sale.net) + 1 (1), came 21.6",
        ),
        ({"sum": {"of": ["x"], "is": 1}}, 'relation: x: expected a number, came "x"'),
        (
            {"listed": {"in": "used", "with": {"transactionID": 8}}},
            'relation: used.records: expected exactly one record with {"transactionID": 8}, came 0 of 2',
        ),
        (
            {"missing": {"in": "used", "with": {"usedPoints": 50}}},
            'relation: used.records: expected no record with {"usedPoints": 50}, came 1 of 2',
        ),
        (
            {"every": {"in": "used", "with": {"usedPoints": 100}}},
            'relation: used.records[1].usedPoints: expected 100, came "50"',
        ),
        ({"every": {"in": "used", "with": {"x": 1}}}, "relation: used.records[0].x: expected 1, came nothing"),
        (
            {"total": {"in": "used", "field": "usedPoints", "is": 151}},
            "relation: used.records[].usedPoints: expected the sum 151, came 150",
        ),
        (
            {"total": {"in": "odd", "field": "usedPoints", "is": 0}},
            'relation: odd.records[].usedPoints: expected a number, came "many"',
        ),
        (
            {"order": {"in": "used", "field": "transactionID", "is": "desc"}},
            "relation: used.records[].transactionID: expected desc order, came 7, 9",
        ),
        ({"equal": [1, "${gone.x}"]}, "relation: equal: expected a value at ${gone.x}, came nothing"),
    ],
)
def test_relations_that_do_not_hold(relation: dict[str, Any], finding: str) -> None:
    """A finding names the place, what was expected there and what came."""
    found = relations.check(relation, SCOPE)
    assert found is not None
    assert found.sentence == finding


def test_listed_twice_is_wrong_too() -> None:
    """A record that a listing has twice is as wrong as one that it has not."""
    twice = {"used": listing({"transactionID": 7}, {"transactionID": 7})}
    assert relations.check({"listed": {"in": "used", "with": {"transactionID": 7}}}, twice) is not None
