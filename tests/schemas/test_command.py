"""`erply-points schema`: the contract without a server."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from erply_points import schemas
from erply_points.calls.registry import CALLS
from erply_points.cli import main

DIALECTS = {
    *("negativePointsAdjustment", "tokenGenerate"),
    *("points-adjustment", "points-activate", "members", "member-points", "token"),
}
"""What is called beside Erply's calls."""


def schema(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["schema", *arguments])


def printed(*arguments: str) -> Any:
    result = schema(*arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_without_a_call_all_are_listed() -> None:
    """One line for each call and envelope, also of the other dialects, with what it is for."""
    lines = schema().stdout.splitlines()
    assert [line.split()[0] for line in lines] == sorted({*CALLS, "bulk", "call", *DIALECTS})
    assert all(line.split(maxsplit=1)[1].endswith(".") for line in lines)


@pytest.mark.parametrize("name", ["saveCustomer", "subtractCustomerRewardPoints", "bulk", "call"])
def test_a_call_is_printed_as_json(name: str) -> None:
    """Request and answer together in one object, or one of them by itself, as they stand in the files."""
    pair = schemas.by_name()[name]
    assert printed(name) == pair
    assert printed(name, "--request") == pair["request"]
    assert printed(name, "--answer") == pair["answer"]


def test_a_bundle_is_printed() -> None:
    """`--bundle` puts what a schema refers to inside it."""
    pair = schemas.by_name()["getCustomers"]
    assert printed("getCustomers", "--bundle") == {key: schemas.bundled(each) for key, each in pair.items()}
    assert printed("getCustomers", "--answer", "--bundle")["$defs"].keys() == {"attribute", "longAttribute"}


def test_letters_are_printed_as_they_are() -> None:
    """Names beyond ASCII stay readable."""
    assert "Maasikas OÜ" in schema("saveCustomer", "--request").stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["getBalance"], "There is no call getBalance; erply-points schema lists all."),
        (["common"], "There is no call common; erply-points schema lists all."),
        (["../common"], "There is no call ../common; erply-points schema lists all."),
        (["--request"], "Name the CALL whose schemas are wanted."),
        (["--bundle"], "Name the CALL whose schemas are wanted."),
    ],
)
def test_what_is_not_there_is_said_plainly(arguments: list[str], reason: str) -> None:
    """An unknown call is one sentence and exit status 2."""
    result = schema(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == f"Error: {reason}"
