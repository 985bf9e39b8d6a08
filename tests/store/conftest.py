"""The stores that the contract suite runs over. A new store is one more line in `KINDS`."""

import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest

from erply_points.store.protocol import Store, Stores
from erply_points.store.sqlite.stores import SQLiteStores
from store.samples import CODE, OpenStores
from support.postgres import shared_cluster

Kind = Callable[[Path], Stores]
"""Makes the stores of a folder that nobody else uses; called again on the same folder it finds them again."""


def _postgres() -> Kind:
    cluster = shared_cluster()
    from erply_points.store.postgres.stores import PostgresStores  # noqa: PLC0415 - there is asyncpg, then

    prefixes: dict[Path, str] = {}
    numbers = itertools.count(1)

    def stores(folder: Path) -> Stores:
        return PostgresStores(cluster.url(), prefixes.setdefault(folder, f"s{next(numbers)}_"))

    return stores


KINDS: Final[dict[str, Callable[[], Kind]]] = {
    "sqlite": lambda: lambda folder: SQLiteStores(folder / "accounts"),
    "postgres": _postgres,
}


@pytest.fixture(scope="session", params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]()


@pytest.fixture
async def stores(kind: Kind, tmp_path: Path) -> AsyncIterator[OpenStores]:
    """Stores that close what was opened through them when the test ends."""
    opened = OpenStores(kind(tmp_path))
    yield opened
    await opened.close()


@pytest.fixture
async def store(stores: OpenStores) -> Store:
    """A new account's store."""
    return await stores.create(CODE)
