"""docs/contract.md says what is there."""

import re
from pathlib import Path

from contract.judging import folder
from erply_points import schemas
from erply_points.cli import main
from erply_points.contract import cases, runner
from erply_points.contract.results import Outcome
from erply_points.contract.wire import Wire
from support.process import ServerProcess

PAGE = (Path(__file__).parents[2] / "docs" / "contract.md").read_text("utf-8")
FORM = schemas.all_schemas()["/schemas/contract/case.json"]["$defs"]


def test_the_example_passes(server: ServerProcess, account: str, tmp_path: Path) -> None:
    """The file that the page shows is one, and our server keeps what it promises."""
    match = re.search(r"<!-- example: case -->\n```toml\n(.*?)```", PAGE, re.DOTALL)
    assert match
    example = cases.load(folder(tmp_path, match[1]))[-1]
    wire = Wire(server.url, account, "till", "secret")
    report = runner.run([example], wire, runner.Plan(allow_writes=True), lambda *_: None)
    wire.close()
    assert [(result.case.name, result.outcome) for result in report.results] == [
        ("till-redeems-twice", Outcome.PASSED),
    ]


def test_every_option_is_described() -> None:
    """The page names the options of the command, and no others."""
    options = {option for each in main.commands["contract"].params for option in (*each.opts, *each.secondary_opts)}
    named = set(re.findall(r"`(--[a-z-]+)", PAGE)) | {"--client-code", "--user"}
    assert {option for option in options if option.startswith("--")} == named


def test_every_word_of_a_case_is_described() -> None:
    """The page names all that can be expected, all relations, ways to send and what cases can begin with."""
    words = {*FORM["expectation"]["properties"], *FORM["relation"]["properties"], *FORM["step"]["properties"]}
    words |= set(FORM["step"]["properties"]["send"]["enum"]) - {"form"}
    words |= {given.name for case in cases.load() for given in case.given}
    words -= {"name", "slash", "call", "with", "bulk", "expect"}  # Shown by the example, or of no interest to others.
    assert [word for word in sorted(words) if not re.search(rf"`{word}\b", PAGE)] == []
