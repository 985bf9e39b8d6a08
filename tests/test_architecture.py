"""The layers of the package, as its imports show them."""

import ast
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "erply_points"

LAYERS = (
    "testing",
    "cli",
    "contract",
    "demonstration",
    "workers",
    "server",
    "app",
    "web",
    "sandbox",
    "bulk",
    "dialects",
    "calls",
    "accounts",
    "store",
    "ledger",
)
"""From the top; a module may import its own layer and those below."""

FOUNDATION = {"settings", "schemas", "logs", "__init__"}
"""What every layer but the ledger may import."""

LAZY = {"erply_points.testing.plugin"}
"""What pytest imports in every run of everybody: its fixtures import what they need."""


def _layer(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text("utf-8"))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (
                f"{node.module}.{alias.name}" if node.module == "erply_points" else node.module for alias in node.names
            )
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _own(tree: ast.Module) -> set[str]:
    return {name for name in _imported(tree) if name.split(".")[0] == "erply_points"}


def test_imports_point_downwards() -> None:
    """No layer knows one above it."""
    wrong = []
    for name, tree in _modules():
        layer = _layer(name)
        if layer not in LAYERS:
            continue
        allowed = set(LAYERS[LAYERS.index(layer) :]) | FOUNDATION
        wrong += [
            f"{name} imports {target}" for target in _own(tree) if _layer(target) not in allowed | {"__version__"}
        ]
    assert not wrong


def test_the_ledger_is_pure() -> None:
    """The ledger imports nothing of ours but itself, and nothing that reads a clock, a file or a socket."""
    forbidden = {"time", "asyncio", "json", "orjson", "sqlite3", "os", "pathlib", "socket", "random"}
    for name, tree in _modules():
        if _layer(name) == "ledger":
            assert all(_layer(target) == "ledger" for target in _own(tree)), name
            assert not {target.split(".")[0] for target in _imported(tree)} & forbidden, name
            assert not [node for node in ast.walk(tree) if isinstance(node, ast.Await | ast.AsyncFunctionDef)], name


def test_the_contract_kit_knows_no_server() -> None:
    """The kit judges any server from the wire: of ours it uses nothing but the schemas."""
    for name, tree in _modules():
        if _layer(name) == "contract":
            assert {_layer(target) for target in _own(tree)} <= {"contract", "schemas", "__version__"}, name


def test_only_the_store_knows_a_database() -> None:
    """Another database needs no change outside `store/`, but for the lines in `app` that choose."""
    for name, tree in _modules():
        if _layer(name) == "store":
            continue
        assert not {target.split(".")[0] for target in _imported(tree)} & {"sqlite3", "aiosqlite", "asyncpg"}, name
        if name != "erply_points.app":
            databases = ("erply_points.store.sqlite", "erply_points.store.postgres")
            assert not any(target.startswith(databases) for target in _own(tree)), name


def test_no_import_hides_in_a_function() -> None:
    """Every arrow of the architecture stands at the top of a module."""
    for name, tree in _modules():
        if name in LAZY:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                hidden = [each for each in ast.walk(node) if isinstance(each, ast.Import | ast.ImportFrom)]
                assert not hidden, f"{name}.{node.name}"


def _held(value: object) -> Iterator[object]:
    """A value and what is in it."""
    yield value
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _held(each)


def test_no_exception_is_kept_to_be_raised_again() -> None:
    """One that is made once and raised again and again keeps what was in hand each time, for ever."""
    for name, _ in _modules():
        if name in LAZY or name.endswith("__main__"):
            continue
        for key, value in vars(importlib.import_module(name)).items():
            kept = [] if key.startswith("__") else [each for each in _held(value) if isinstance(each, BaseException)]
            assert not kept, f"{name}.{key}"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_stay_small_and_say_what_they_hold(path: Path) -> None:
    """A module has one subject, named by its docstring, and at most 500 lines."""
    text = path.read_text("utf-8")
    assert ast.get_docstring(ast.parse(text)), path
    assert text.count("\n") <= 500, path
