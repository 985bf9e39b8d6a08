"""A sandbox as users meet it: the real server, and a fresh account of it for each test."""

from collections.abc import Iterator

import pytest

from erply_points.testing import sandbox as testing
from erply_points.testing.client import Erply
from erply_points.testing.sandbox import ErplyClock, ErplyFaults, ErplyServer, Sandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with testing.running(tmp_path_factory.mktemp("sandbox") / "data") as running:
        yield running


@pytest.fixture
def account(sandbox: Sandbox) -> ErplyServer:
    return sandbox.new_account()


@pytest.fixture
def erply(account: ErplyServer) -> Erply:
    return account.client()


@pytest.fixture
def clock(account: ErplyServer) -> ErplyClock:
    return ErplyClock(account)


@pytest.fixture
def faults(account: ErplyServer) -> ErplyFaults:
    return ErplyFaults(account)
