"""The stores that the contract suite runs over. A new store is one more line in `KINDS`."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest

from erply_points.store.protocol import Store, Stores
from erply_points.store.sqlite.stores import SQLiteStores
from store.samples import CODE, OpenStores

KINDS: Final[dict[str, Callable[[Path], Stores]]] = {
    "sqlite": lambda folder: SQLiteStores(folder / "accounts"),
}
"""What makes the stores of a folder that nobody else uses; called again on the same folder it finds them again."""


@pytest.fixture(scope="session", params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> Callable[[Path], Stores]:
    return KINDS[request.param]


@pytest.fixture
async def stores(kind: Callable[[Path], Stores], tmp_path: Path) -> AsyncIterator[OpenStores]:
    """Stores that close what was opened through them when the test ends."""
    opened = OpenStores(kind(tmp_path))
    yield opened
    await opened.close()


@pytest.fixture
async def store(stores: OpenStores) -> Store:
    """A new account's store."""
    return await stores.create(CODE)
