"""An account moves from any store to any other and is the same there."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from erply_points.accounts.administration import Invalid, copy_account, create_account
from erply_points.store.configuration import Currency
from erply_points.store.protocol import Stores
from erply_points.store.rows import Correction
from erply_points.store.shapes import ALL
from erply_points.store.unit_of_work import UnitOfWork
from store.kinds import KINDS, Kind
from store.samples import CODE, change, closing, customer, document, earned, lot, redeemed, redemption, row, wallets
from store.test_transaction import _ROWS, _with_parents


def silent(_table: str, _done: int, _total: int) -> None:
    """Watches no progress."""


@pytest.fixture(params=sorted(KINDS))
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    """Where the account is to go to: another place of each kind."""
    made: Stores = KINDS[request.param]()(tmp_path / "other")
    return made


@pytest.fixture
def here(kind: Kind, tmp_path: Path) -> Stores:
    return kind(tmp_path)


def _live(work: UnitOfWork) -> None:
    """A row in every table."""
    _with_parents(work)
    for number in range(1, 41):
        work.tables["products"].put(number, _ROWS["products"][1]._replace(id=number))
    for name, (key, _, after) in _ROWS.items():
        if name not in {"customers", "documents", "document_rows", "products", "vat_rates"}:
            work.tables[name].put(key, after)
    work.corrections.rows.append(Correction(1, 1, 100, "till", "{}", '{"points": 1}'))
    work.currencies.put(97, Currency(97, "points 97", 0, 97, 1))
    work.customers.put(3, customer(work.new_id("customers"), first_name="Õie\u2028", fields='{"notes": "\\u0009"}'))
    work.documents.put(3, document(work.new_id("documents"), net=500))
    work.document_rows.put(3, (row(3, 1, net=500), row(3, 2)))


async def everything(stores: Stores) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in ALL}
    async with closing(stores.open(CODE)) as store:
        async for name, part in store.rows():
            found[name] += map(tuple, part)
    return {name: sorted(rows) for name, rows in found.items()}


async def filled(stores: Stores) -> None:
    await create_account(stores, CODE, {"name": "Shop"})

    def spend(work: UnitOfWork) -> None:
        earned(work, lot(work.new_id("transactions"), 2, 70))
        redeemed(work, redemption(work.new_id("transactions"), 2, 100))

    async with closing(stores.open(CODE)) as store:
        await change(store, _live)
        await change(store, spend, wallets(2))


async def test_all_of_an_account_arrives(here: Stores, other: Stores) -> None:
    """Every row of every table is there as it was, the account works, and the original stays as it is."""
    await filled(here)
    before = await everything(here)
    told: list[tuple[int, int]] = []
    rows = await copy_account(here, other, CODE, lambda _, done, total: told.append((done, total)))
    assert await everything(other) == before == await everything(here)
    assert [name for name, found in before.items() if not found] == ["reversals"]
    assert told[-1] == (rows, rows)
    assert rows == sum(map(len, before.values()))

    def spend(work: UnitOfWork) -> None:
        redeemed(work, redemption(work.new_id("transactions"), 1, 5))

    async with closing(other.open(CODE)) as store:
        assert await store.check() == []
        await change(store, spend, wallets(1))
    assert await everything(other) != before


async def test_nothing_is_overwritten(here: Stores, other: Stores) -> None:
    """Where there is an account of the code already, it stays as it is and nothing is copied."""
    await filled(here)
    await create_account(other, CODE, {"name": "Another"})
    before = await everything(other)
    with pytest.raises(Invalid, match="already"):
        await copy_account(here, other, CODE, silent)
    assert await everything(other) == before


async def test_an_account_in_use_is_not_copied(here: Stores, other: Stores) -> None:
    """While anybody has the account open it could change, so it is not copied."""
    await filled(here)
    async with closing(here.open(CODE)):
        with pytest.raises(Invalid, match="in use"):
            await copy_account(here, other, CODE, silent)
    assert await other.codes() == []
    await copy_account(here, other, CODE, silent)
    assert await other.codes() == [CODE]


async def test_a_copy_that_breaks_off_leaves_nothing(here: Stores, other: Stores) -> None:
    """If reading fails half-way there is no account where it was to be, and the next try works."""
    await filled(here)

    class Broken(Exception):
        pass

    def fails(_table: str, done: int, _total: int) -> None:
        if done > 10:
            raise Broken

    with pytest.raises(Broken):
        await copy_account(here, other, CODE, fails)
    assert await other.codes() == []
    await copy_account(here, other, CODE, silent)
    assert await everything(other) == await everything(here)


async def test_a_copy_that_is_not_the_same_is_removed(
    here: Stores, other: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a row is lost on the way, or made up, that is told and the copy removed."""
    await filled(here)
    fill = other.fill

    async def lossy(code: str, rows: AsyncIterator[tuple[str, Any]]) -> None:
        async def some() -> AsyncIterator[tuple[str, Any]]:
            async for name, part in rows:
                yield name, part[1:] if name == "products" else part

        await fill(code, some())

    monkeypatch.setattr(other, "fill", lossy)
    with pytest.raises(Invalid, match="rows of products 40 and 39"):
        await copy_account(here, other, CODE, silent)
    assert await other.codes() == []
