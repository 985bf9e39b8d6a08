"""The documents say what the program does."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from erply_points.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["settings.md", "errors.md", "coverage.md", "contract-cases.md"])
def test_generated_pages_are_current(name: str) -> None:
    """A setting, an error code or a parameter cannot come without its documentation."""
    written = (ROOT / "docs" / name).read_text("utf-8")
    assert written == _generator().PAGES[name](), "run: python docs/generate.py"


def test_readme_links_lead_somewhere() -> None:
    """Every file that the README links to is there."""
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_readme_has_the_two_commands_that_ci_runs() -> None:
    """The set-up-and-run and the set-up-and-test commands stand in the README, one line each."""
    for name in ("run", "test"):
        match = re.search(rf"<!-- command: {name} -->\n```\w*\n(python3 [^\n]+)\n```", README)
        assert match, name


def test_readme_names_only_commands_that_exist() -> None:
    """Every `erply-points ...` command in the README is one."""
    runner = CliRunner()
    named = set(re.findall(r"erply-points ((?:account|user) \w+|serve|demo|check|contract)", README))
    assert len(named) >= 5
    for command in named:
        assert runner.invoke(main, [*command.split(), "--help"]).exit_code == 0, command
