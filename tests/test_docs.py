"""The documents say what the program does."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from erply_points.accounts import declaration
from erply_points.cli import main
from support.contract import reference

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = ("apply.md", "capillary.md", "fabric.md", "postgres.md")
"""Pages whose links are looked after."""


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


@pytest.mark.parametrize("page", PAGES)
def test_links_of_the_pages_lead_somewhere(page: str) -> None:
    """Every file that such a page links to is there."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_the_example_of_an_accounts_file_can_be_applied() -> None:
    """What apply.md shows is a file that the program takes."""
    (shown,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "apply.md").read_text("utf-8"), re.DOTALL)
    assert declaration.parse(shown).keys() == tomllib.loads(shown).keys()


@pytest.mark.parametrize(
    ("page", "schema"), [("capillary.md", "negativePointsAdjustment"), ("fabric.md", "points-adjustment")]
)
def test_the_examples_of_the_pages_hold(page: str, schema: str) -> None:
    """What is sent and what is answered on the pages is what the schemas say."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    base = f"/schemas/{page.removesuffix('.md')}/{schema}"
    sent = [json.loads(body) for body in re.findall(r"-d '(\{.*\})'", text)]
    answered = [json.loads(body) for body in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    assert sent
    assert answered
    for body in sent:
        reference(f"{base}.request.json").validate(body)
    for body in answered:
        if body.get("data"):
            body["data"]["transactionCode"] = "78660e74-02e3-41e8-b443-00163e911bd2"
        reference(f"{base}.answer.json").validate(body)
