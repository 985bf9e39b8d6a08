"""An account inside the test's own process, with a clock that the test sets."""

import contextlib
import itertools
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from erply_points.accounts import administration
from erply_points.app import create_app, stores_of
from erply_points.settings import ServerSettings
from erply_points.store.protocol import Store
from support.client import Erply
from support.postgres import shared_cluster

_codes = itertools.count(1)


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self, now: float = 1_767_225_600.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Shop(Erply):
    """An Erply client that also knows the account's clock and store."""

    def __init__(self, http: httpx.AsyncClient, code: str, settings: ServerSettings, clock: ManualClock) -> None:
        super().__init__(http, code)
        self.settings = settings
        self.clock = clock

    @property
    def folder(self) -> Path:
        """Where the accounts' files are, for who looks into them. Skips the test where there are none."""
        if self.settings.database_url:
            pytest.skip("looks into SQLite's files")
        return self.settings.data

    async def set(self, **settings: str) -> None:
        """Change settings of the account, as `erply-points account set` does."""
        await administration.set_settings(stores_of(self.settings), self.code, settings)

    async def apply(self, text: str) -> None:
        """Apply an account's file, as `erply-points apply` does."""
        await administration.apply_file(stores_of(self.settings), self.code, text)

    async def store(self) -> Store:
        """The account's store, opened once more; the caller closes it."""
        return await stores_of(self.settings).open(self.code)

    async def client(self) -> tuple[str, str]:
        """Key and secret of a new API client."""
        return await administration.create_client(stores_of(self.settings), self.code, "till")

    async def check(self) -> list[str]:
        """What `erply-points check` finds wrong."""
        return await administration.check_account(stores_of(self.settings), self.code)

    async def neighbour(self) -> "Shop":
        """Another account of the same server, with its own user, logged in."""
        code = await new_account(self.settings)
        neighbour = Shop(self.http, code, self.settings, self.clock)
        await neighbour.log_in()
        return neighbour


async def new_account(settings: ServerSettings, **account_settings: str) -> str:
    """The code of a fresh account with user `till`, password `secret`."""
    code = f"a{next(_codes)}"
    stores = stores_of(settings)
    await administration.create_account(stores, code, account_settings)
    await administration.create_user(stores, code, "till", "secret")
    return code


STORES: Final = ("sqlite", "postgres")
"""The kinds of store that accounts can be in."""
STORE: Final = os.environ.get("ERPLY_POINTS_STORE", "sqlite")
"""That of the fixtures `shop` and `till`."""


def place(data: Path, store: str = STORE) -> ServerSettings:
    """Where a server of the tests has its accounts: in the folder, or in the tests' own cluster."""
    assert store in STORES
    return ServerSettings(data=data, database_url=shared_cluster().url() if store == "postgres" else "")


@contextlib.asynccontextmanager
async def open_shop(settings: ServerSettings, **account_settings: str) -> AsyncIterator[Shop]:
    """A whole server in this process, without a socket, and an account in it, logged in."""
    clock = ManualClock()
    app = create_app(settings, clock)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://erply.test") as http,
    ):
        shop = Shop(http, await new_account(settings, **account_settings), settings, clock)
        await shop.log_in()
        yield shop
