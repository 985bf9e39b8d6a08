"""Fixtures for all tests: `shop` in this process with a clock to set, `till` on the real server process."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings

from erply_points.accounts import passwords
from support.client import Erply
from support.process import ServerProcess
from support.shop import Shop, new_account, open_shop, place

# Where a change is judged, the same change gets the same examples; elsewhere each run looks for new ones.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "search")


ABOUT_PASSWORDS = {"test_sessions", "test_lock_out"}
"""Modules in which a password costs what it costs."""


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests log in thousands of times, so Argon2 does the least work it allows."""
    if request.path.stem not in ABOUT_PASSWORDS:
        monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobody.cache_clear()
    yield
    passwords._nobody.cache_clear()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A fresh account on a server in this process."""
    async with open_shop(place(tmp_path / "data")) as opened:
        yield opened


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The real server, one process for the whole run."""
    settings = place(tmp_path_factory.mktemp("server") / "data")
    running = ServerProcess(settings.data, database_url=settings.database_url)
    yield running
    assert running.terminate() == 0, "".join(running.log)


@pytest.fixture
async def till(server: ServerProcess) -> AsyncIterator[Erply]:
    """A fresh account on the real server, logged in over HTTP."""
    code = await new_account(server.settings)
    async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as http:
        yield await Erply(http, code).log_in()
