"""The main job, the story of three systems and the state machines, on PostgreSQL: the same tests as on SQLite.

ERPLY_POINTS_EXAMPLES sets how many histories the machines try (default 1, always the same). The whole of the other
tests runs on PostgreSQL with ERPLY_POINTS_STORE=postgres, but for those that look into SQLite's files.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis.stateful import run_state_machine_as_test

from dialects import test_state_machine as dialects_machine
from dialects.conftest import capillary, club, fabric
from dialects.test_story import test_three_systems_on_one_ledger
from erply_points.store.postgres import loading
from support.client import Erply
from support.machines import SECONDS_MAX, profile
from support.process import ServerProcess
from support.shop import Shop, new_account, open_shop, place
from test_main_job import test_invoice_redeem_and_balance_in_one_bulk
from test_state_machine import Machine

__all__ = [
    "capillary",
    "club",
    "fabric",
    "test_invoice_redeem_and_balance_in_one_bulk",
    "test_three_systems_on_one_ledger",
]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(place(tmp_path, "postgres")) as opened:
        yield opened


@pytest.fixture
async def till(servers: list[ServerProcess]) -> AsyncIterator[Erply]:
    code = await new_account(servers[0].settings)
    async with httpx.AsyncClient(base_url=servers[0].url, timeout=30, trust_env=False) as http:
        yield await Erply(http, code).log_in()


class PostgresMachine(Machine):
    store = "postgres"


class PostgresDialectsMachine(dialects_machine.Machine):
    store = "postgres"


@pytest.mark.timeout(SECONDS_MAX)
def test_the_server_does_what_the_oracle_foretells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is sent in whatever order, every answer, balance and history is the one that the rules demand."""
    monkeypatch.setattr(loading.read, "__defaults__", (1,))  # Lots one by one: more of the ways to read is used.
    run_state_machine_as_test(PostgresMachine, settings=profile(histories=1, steps=30))


@pytest.mark.timeout(SECONDS_MAX)
def test_three_systems_do_what_the_oracle_foretells() -> None:
    """The same with two more systems on the ledger."""
    run_state_machine_as_test(PostgresDialectsMachine, settings=profile(histories=1, steps=40))
