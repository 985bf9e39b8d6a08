"""Accounts on the real server, and runs of the kit against them."""

import asyncio
from collections.abc import Iterator

import pytest

from contract.judging import Run, chosen
from erply_points.contract import runner
from erply_points.contract.results import Report
from erply_points.contract.wire import Wire
from support.process import ServerProcess
from support.shop import new_account


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kit follows the environment's proxies, as it should; a test's server is no one else's business."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def account(server: ServerProcess) -> str:
    """The code of a fresh account; its user is `till`, the password `secret`."""
    return asyncio.run(new_account(server.settings))


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
