"""Files of cases: what they may say, and what is said of one that is wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from contract.judging import folder
from erply_points import schemas
from erply_points.cli import main
from erply_points.contract import cases
from erply_points.contract.cases import CaseMistakes, load

HEAD = 'title = "Own"\n'
CASE = """
[[case]]
name = "mine"
promises = "It works."
basis = "documented"

[[case.step]]
name = "one"
call = "getConfParameters"
"""
SCHEMA = schemas.all_schemas()["/schemas/contract/case.json"]


def mistakes(path: Path, text: str) -> list[str]:
    """What is said of a file with this text, without the folder that it is in."""
    with pytest.raises(CaseMistakes) as caught:
        load(folder(path, text))
    return [each.removeprefix(f"{path}/") for each in caught.value.mistakes]


def test_our_cases_are_many_and_say_what_they_promise() -> None:
    """There are cases by the dozen, each with a name of its own and one sentence, on every kind of basis."""
    loaded = load()
    assert len(loaded) >= 60
    assert len({case.name for case in loaded}) == len({case.promises for case in loaded}) == len(loaded)
    assert {case.basis for case in loaded} == {"documented", "observed", "inferred", "ours"}


def test_our_files_can_be_read_in_a_terminal() -> None:
    """No line of our cases is longer than those of our code."""
    lines = [(path.name, line) for path in cases.FOLDER.glob("*.toml") for line in path.read_text("utf-8").splitlines()]
    assert [(name, line) for name, line in lines if len(line) > 120] == []


def test_own_cases_run_after_ours_and_begin_like_them(tmp_path: Path) -> None:
    """A team's file stands behind ours and can use what they are given."""
    text = HEAD + CASE.replace('basis = "documented"', 'basis = "documented"\ngiven = ["sale"]')
    loaded = load(folder(tmp_path, text))
    assert [case.name for case in loaded[:-1]] == [case.name for case in load()]
    assert (loaded[-1].name, loaded[-1].group) == ("mine", "Own")
    assert [given.name for given in loaded[-1].given] == ["customer", "sale"]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("title = ", "own.toml: Invalid value (at end of document)"),
        (
            HEAD + CASE.replace("[[case.step]]", "[[case.step]"),
            "own.toml: Expected ']]' at the end of an array declaration",
        ),
        (CASE, "own.toml: 'title' is a required property."),
        (HEAD + CASE.replace("It works.", "It works"), "own.toml:3, case mine, promises: 'It works' does not match"),
        (
            HEAD + CASE + "expect = { erorr = 1010 }",
            "own.toml:3, case mine, step[0].expect: erorr is not known; there are",
        ),
        (
            HEAD + CASE + 'expect = { error = "1010" }',
            "own.toml:3, case mine, step[0].expect.error: '1010' is not valid",
        ),
        (HEAD + CASE + CASE, "own.toml:12, case mine: there is another case of this name."),
        (HEAD + CASE.replace("mine", "log-in"), "own.toml:3, case log-in: there is another case of this name."),
        (
            HEAD + CASE + 'with = { customerID = "${two.customerID}" }',
            "own.toml:3, case mine, step[0]: two is no name of what came before.",
        ),
        (
            HEAD + CASE + 'with = { customerID = "${one.customerID}" }',
            "own.toml:3, case mine, step[0]: one is no name of what came before.",
        ),
        (
            HEAD + CASE + 'with = { customerID = "${one.}" }',
            "own.toml:3, case mine, step[0]: ${one.} is no name of what came before.",
        ),
        (
            HEAD + CASE + '[[case.relation]]\nequal = ["${one.x}", "${other.x}"]',
            "own.toml:3, case mine, relation[0]: other is no name of what came before.",
        ),
        (
            HEAD + CASE + '[[case.relation]]\nlisted = { in = "used", with = { x = 1 } }',
            "own.toml:3, case mine, relation[0]: used is no name of what came before.",
        ),
        (
            HEAD + CASE + '[[case.step]]\nbulk = [{ call = "x", with = { y = "${none}" } }]',
            "own.toml:3, case mine, step[1].bulk[0]: none is no name of what came before.",
        ),
        (
            HEAD + CASE.replace('basis = "documented"', 'basis = "documented"\ngiven = ["gold"]'),
            "own.toml:3, case mine: there is no given gold.",
        ),
        (
            HEAD + '[[given]]\nname = "a"\nsays = "A."\ngiven = ["a"]\n[[given.step]]\ncall = "x"\n',
            "own.toml:2, given a: it begins with itself.",
        ),
        (
            HEAD + CASE + 'with = { request = "saveCustomer" }',
            "own.toml:3, case mine, step[0].with: 'request' should not be",
        ),
        (
            HEAD + CASE + "with = { day = 2026-01-01 }",
            "own.toml:3, case mine, step[0].with.day: datetime.date(2026, 1, 1)",
        ),
    ],
)
def test_a_mistake_is_reported_with_file_and_place(tmp_path: Path, text: str, mistake: str) -> None:
    """Whoever writes a case that cannot be used is told which file, line and case, and where in it."""
    assert any(each.startswith(mistake) for each in mistakes(tmp_path, text)), mistakes(tmp_path, text)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Two mistakes are two sentences."""
    text = HEAD + CASE.replace("It works.", "It works") + "wait = 99"
    assert len(mistakes(tmp_path, text)) == 2


def test_the_command_tells_mistakes(tmp_path: Path) -> None:
    """The command prints them and sends nothing: exit status 2."""
    options = ["-C", "a1", "-U", "till", "--cases", str(folder(tmp_path, "title = "))]
    result = CliRunner().invoke(main, ["contract", "http://127.0.0.1:9", *options])
    assert result.exit_code == 2
    assert "own.toml: Invalid value" in result.stderr


def test_an_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    """A folder without cases is more likely a wrong name than a wish."""
    with pytest.raises(CaseMistakes, match=r"there are no \.toml files"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("step", "writes"),
    [
        ('call = "getCustomers"', False),
        ('call = "verifyUser"', False),
        ('call = "saveCustomer"', True),
        ('call = "redeemIssuedCoupon"', True),
        ('bulk = [{ call = "getCustomers" }, { call = "deleteCustomer" }]', True),
        ('top = { requests = "[1" }', False),
        ('top = { requests = \'[{"requestName": "saveCustomer"}\' }', True),
        ('top = { request = "savePayment" }', True),
        ('call = "getCustomers"\ntop = { request = "savePayment" }', True),
        ('top = { requests = [{ requestName = "savePayment" }] }', True),
        ('top = { requests = [{ requestName = "getPayments" }] }', False),
        ('top = { requests = \'[{"requestName": "s\\u0061veCustomer"}]\' }', True),
        ('top = { request = "${account.username}" }', True),
    ],
)
def test_what_a_step_names_decides_whether_it_writes(tmp_path: Path, step: str, writes: bool) -> None:
    """No file can say of itself that it only reads: the calls that it makes say so."""
    text = HEAD + CASE.replace('name = "one"\ncall = "getConfParameters"', step)
    assert load(folder(tmp_path, text))[-1].writes is writes


def test_writes_of_what_a_case_begins_with_count(tmp_path: Path) -> None:
    """A case that only reads needs leave to write for the customer it begins with."""
    text = HEAD + CASE.replace('basis = "documented"', 'basis = "documented"\ngiven = ["customer"]')
    assert load(folder(tmp_path, text))[-1].writes


def properties(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property that a schema describes, with its place."""
    if isinstance(node, dict):
        yield from ((f"{path}/{name}", each) for name, each in node.get("properties", {}).items())
        for key, each in node.items():
            yield from properties(each, f"{path}/{key}")


def test_the_form_of_a_file_is_described() -> None:
    """The schema is valid, and says of each thing that a case can hold what it is for, with examples that hold."""
    Draft202012Validator.check_schema(SCHEMA)
    validator: Any = Draft202012Validator(SCHEMA)
    places = dict(properties(SCHEMA, ""))
    assert len(places) >= 40
    for place, each in places.items():
        assert each["description"].endswith("."), place
        assert each["examples"], place
        for example in each["examples"]:
            schema = {**each, "$defs": SCHEMA["$defs"]}
            assert validator.evolve(schema=schema).is_valid(example), (place, example)


def test_the_files_are_beside_the_code() -> None:
    """The cases are part of the package, so that they come with an installed one."""
    assert cases.FOLDER.parent == Path(cases.__file__).parent
    assert len(list(cases.FOLDER.glob("*.toml"))) >= 10
