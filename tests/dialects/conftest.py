"""An account with programs, currencies and promotions, and clients of every dialect of it."""

import pytest

from support.dialects import Capillary, Fabric
from support.shop import Shop

FILE = """
    [[program]]
    id = 1
    name = "Club"
    decimals = 2
    default = true

    [[program]]
    id = 97
    name = "Gold"

    [[currency]]
    name = "DocCoin"
    program = 1
    decimals = 1

    [[currency]]
    name = "coins"
    program = 97

    [[promotion]]
    id = 12
    identifier = "8f14e45f-ceea-467f-a8f2-6d1a2b3c4d5e"
    program = 1

    [[promotion]]
    id = 13
    program = 97

    [[reason]]
    code = "7502"
    name = "Goodwill"
"""


@pytest.fixture
async def club(shop: Shop) -> Shop:
    """An account to which the file above was applied."""
    await shop.apply(FILE)
    return shop


@pytest.fixture
async def capillary(club: Shop) -> Capillary:
    return Capillary(club.http, *await club.client())


@pytest.fixture
async def fabric(club: Shop) -> Fabric:
    return await Fabric.log_in(club.http, *await club.client())
