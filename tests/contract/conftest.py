"""Accounts on the real server, and runs of the kit against them."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from erply_points.contract import cases, runner
from erply_points.contract.cases import Case
from erply_points.contract.results import Outcome, Report
from erply_points.contract.wire import Wire
from erply_points.settings import ServerSettings
from support.process import ServerProcess
from support.shop import new_account

Run = Callable[..., Report]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kit follows the environment's proxies, as it should; a test's server is no one else's business."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def account(server: ServerProcess) -> str:
    """The code of a fresh account; its user is `till`, the password `secret`."""
    return asyncio.run(new_account(ServerSettings(data=server.data)))


@pytest.fixture
def run(account: str) -> Iterator[Run]:
    """Run cases in the account: `run(url, writes=..., only=...)`, without those that wait for time to pass."""
    wires = []

    def running(url: str, *, writes: bool = True, extensions: bool | None = None, only: str = "") -> Report:
        wires.append(Wire(url, account, "till", "secret"))
        plan = runner.Plan(allow_writes=writes, extensions=extensions)
        return runner.run(chosen(only), wires[-1], plan, lambda *_: None)

    yield running
    for wire in wires:
        wire.close()


def chosen(only: str = "") -> list[Case]:
    """Our cases of a group, or of all, but for those that wait."""
    loaded = [each for each in cases.load() if not any(step.wait_seconds for step in each.steps)]
    return [each for each in loaded if not only or each.group == only]


def failed(report: Report) -> set[str]:
    """The names of the cases that failed."""
    return {result.case.name for result in report.of(Outcome.FAILED)}


def folder(path: Path, text: str) -> Path:
    """A folder with one file of cases, `own.toml`."""
    path.mkdir(exist_ok=True)
    (path / "own.toml").write_text(text, "utf-8")
    return path
