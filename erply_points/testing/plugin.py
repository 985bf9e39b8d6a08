"""The pytest plugin: fixtures `erply_server`, `erply`, `erply_clock` and `erply_faults`. See docs/testing.md.

pytest imports this module in every run, also where none of the fixtures is used: what takes time to import is imported
by the fixtures.
"""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from erply_points.testing.client import Erply
    from erply_points.testing.sandbox import ErplyClock, ErplyFaults, ErplyServer, Sandbox

_SERVER: "pytest.StashKey[ErplyServer]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("erply_settings", "Account settings of every test's account, a line each: name=value", "linelist")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "erply_settings(**settings): settings of the test's account, such as reward_points_duration=12."
    )


@pytest.fixture(scope="session")
def erply_sandbox(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Sandbox]":
    """The server process: one for the whole run, or one for each worker of pytest-xdist."""
    from erply_points.testing import sandbox

    with sandbox.running(tmp_path_factory.mktemp("erply") / "data") as running:
        yield running


@pytest.fixture
def erply_server(request: pytest.FixtureRequest, erply_sandbox: "Sandbox") -> "Iterator[ErplyServer]":
    """A real server with a fresh account: `url`, `client_code`, `username`, `password`, and what it lets tests do."""
    assert erply_sandbox.process.running, "the server has died:\n" + "".join(erply_sandbox.process.log)
    server = erply_sandbox.new_account(_settings(request.node))
    request.node.stash[_SERVER] = server
    yield server
    if erply_sandbox.process.running:
        server.control("DELETE")


@pytest.fixture
def erply(erply_server: "ErplyServer") -> "Erply":
    """A client of the account, logged in: `call` and `bulk`."""
    return erply_server.client()


@pytest.fixture
def erply_clock(erply_server: "ErplyServer") -> "ErplyClock":
    """The account's clock: `now`, `set`, `advance`, `freeze`, `resume`."""
    from erply_points.testing.sandbox import ErplyClock

    return ErplyClock(erply_server)


@pytest.fixture
def erply_faults(erply_server: "ErplyServer") -> "ErplyFaults":
    """What is to go wrong with the account's next requests: `delay`, `error`, `drop_before`, `drop_after`, `cut`."""
    from erply_points.testing.sandbox import ErplyFaults

    return ErplyFaults(erply_server)


def _settings(node: pytest.Item) -> dict[str, Any]:
    """Those of the configuration, of the class's and the module's marks and of the test's own; the nearest wins."""
    lines = (line.partition("=") for line in node.config.getini("erply_settings"))
    found: dict[str, Any] = {name.strip(): value.strip() for name, _, value in lines}
    for mark in reversed(list(node.iter_markers("erply_settings"))):
        found |= mark.kwargs
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the server was asked and answered beside a failure."""
    report = yield
    server = item.stash.get(_SERVER, None)
    if server is not None and report.failed and report.when == "call":
        report.sections.append(("erply-points: requests and answers", server.story()))
    return report
