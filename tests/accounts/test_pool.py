"""The pool: accounts open on first use, stay within a limit, and close when they are idle."""

import asyncio
from pathlib import Path

import pytest

from erply_points.accounts import administration, pool
from erply_points.accounts.pool import AccountPool, UnknownAccount, is_account_code
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from erply_points.store.protocol import Stores, StoreUnavailable


async def stores_with(data: Path, *codes: str) -> Stores:
    stores = stores_of(ServerSettings(data=data))
    for code in codes:
        await administration.create_account(stores, code, {})
    return stores


def test_account_codes() -> None:
    """A code is a label of a host name: digits as Erply's, or small letters, digits and hyphens inside."""
    good = ["1", "101010", "demo", "a-1", "a" * 32, "0-0"]
    bad = ["", "A", "a" * 33, "-a", "a-", "a.b", "a/b", "../x", "a b", "a\n", "õ", "\uff11", "a_b", ".", "a\x00"]
    assert [code for code in good if not is_account_code(code)] == []
    assert [code for code in bad if is_account_code(code)] == []


async def test_accounts_open_on_first_use_and_stay_open(tmp_path: Path) -> None:
    """The first use opens an account, later ones find the same; many first uses at once open it once."""
    accounts = AccountPool(await stores_with(tmp_path, "a1"))

    async def use() -> int:
        async with accounts.use("a1") as account:
            await asyncio.sleep(0)
            return id(account)

    assert len(set(await asyncio.gather(*(use() for _ in range(20))))) == 1
    assert len({await use(), await use()}) == 1
    await accounts.close()


@pytest.mark.parametrize("code", ["nobody", "../a1", "A1", "", "a1.db", "a1/../a1"])
async def test_unknown_accounts(tmp_path: Path, code: str) -> None:
    """An unknown code opens nothing and makes no file."""
    accounts = AccountPool(await stores_with(tmp_path / "data", "a1"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UnknownAccount):
        async with accounts.use(code):
            pass
    assert sorted(tmp_path.rglob("*")) == before
    await accounts.close()


async def test_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit the longest unused account makes room; if all are in use, the next one has to wait outside."""
    monkeypatch.setattr(pool, "ACCOUNTS_OPEN_MAX", 2)
    accounts = AccountPool(await stores_with(tmp_path, "a1", "a2", "a3"))
    ids: dict[str, int] = {}
    for code in ("a1", "a2", "a1", "a3"):
        async with accounts.use(code) as account:
            ids[code] = id(account)
    async with accounts.use("a1") as account:
        assert id(account) == ids["a1"]
        async with accounts.use("a2"):
            with pytest.raises(StoreUnavailable):
                async with accounts.use("a3"):
                    pass
        async with accounts.use("a3"):
            pass
    await accounts.close()


async def test_idle_accounts_close(tmp_path: Path) -> None:
    """An account that nobody uses closes after its time; one in use does not."""
    accounts = AccountPool(await stores_with(tmp_path, "a1", "a2"))
    async with accounts.use("a1") as busy:
        async with accounts.use("a2") as idle:
            pass
        await accounts.close_idle(3_600)
        async with accounts.use("a2") as same:
            assert same is idle
        await accounts.close_idle(0)
        async with accounts.use("a2") as another, accounts.use("a1") as still:
            assert another is not idle
            assert still is busy
    await accounts.close()


async def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    """After the pool has closed, an account opens anew with everything it held."""
    stores = await stores_with(tmp_path, "a1")
    for _ in range(3):
        accounts = AccountPool(stores)
        async with accounts.use("a1") as account:
            work = await account.read({"vat_rates": {1}})
            assert work.vat_rates.get(1) is not None
        await accounts.close()
    assert await administration.check_account(stores, "a1") == []
