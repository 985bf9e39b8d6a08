"""The stores that the contract suite runs over."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from erply_points.store.protocol import Store
from store.kinds import KINDS, Kind
from store.samples import CODE, OpenStores


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
