"""The pool: accounts open on first use, stay within a limit, and close when they are idle."""

import asyncio
from pathlib import Path

import pytest

from erply_points.accounts import administration, pool
from erply_points.accounts.account import Account
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


async def test_who_comes_while_others_close_is_not_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that is used while an idle one before it closes stays open, for its user and afterwards."""
    accounts = AccountPool(await stores_with(tmp_path, "a1", "a2"))
    for code in ("a1", "a2"):
        async with accounts.use(code):
            pass
    closing, go_on = asyncio.Event(), asyncio.Event()
    close = Account.close

    async def slowly(account: Account) -> None:
        closing.set()
        await go_on.wait()
        await close(account)

    monkeypatch.setattr(Account, "close", slowly)
    making_room = asyncio.create_task(accounts.close_idle(0.0))
    await closing.wait()
    async with accounts.use("a2") as used:
        go_on.set()
        await making_room
        assert (await used.read({})).tables
    async with accounts.use("a2") as again:
        assert again is used
    await accounts.close()


async def test_two_who_make_room_close_each_account_once(tmp_path: Path) -> None:
    """Accounts that become idle are closed by whoever is first, and nobody stumbles over one that is gone."""
    accounts = AccountPool(await stores_with(tmp_path, "a1", "a2", "a3"))
    for code in ("a1", "a2", "a3"):
        async with accounts.use(code):
            pass
    await asyncio.gather(*(accounts.close_idle(0.0) for _ in range(3)))
    async with accounts.use("a1") as account:
        assert (await account.read({})).tables
    await accounts.close()


async def test_one_that_cannot_be_closed_keeps_no_other_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When the server stops, every account is closed, whatever one of them says to it."""
    accounts = AccountPool(await stores_with(tmp_path, "a1", "a2"))
    closed = []
    close = Account.close

    async def badly(account: Account) -> None:
        await close(account)
        closed.append(account.code)
        if account.code == "a1":
            raise StoreUnavailable("disk I/O error")

    monkeypatch.setattr(Account, "close", badly)
    for code in ("a1", "a2"):
        async with accounts.use(code):
            pass
    await accounts.close()
    assert closed == ["a1", "a2"]
    assert "account a1 was not closed well" in caplog.text


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


async def test_a_shut_account(tmp_path: Path) -> None:
    """Who uses an account finishes before it is shut; who comes meanwhile waits, and others are not kept waiting."""
    accounts = AccountPool(await stores_with(tmp_path, "a1", "a2"))
    told: list[str] = []
    inside, leave, open_again = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def early() -> None:
        async with accounts.use("a1"):
            inside.set()
            await leave.wait()
            told.append("early")

    async def shut() -> None:
        async with accounts.shut("a1"):
            told.append("shut")
            await open_again.wait()
            told.append("open")

    async def late() -> None:
        async with accounts.use("a1") as account:
            await account.settings()
            told.append("late")

    async with accounts.use("a2"):
        pass
    running = [asyncio.create_task(early())]
    await inside.wait()
    running += [asyncio.create_task(shut()), asyncio.create_task(late())]
    await asyncio.sleep(0.02)
    assert told == []
    leave.set()
    await asyncio.sleep(0.05)
    assert told == ["early", "shut"]
    async with accounts.use("a2"):
        open_again.set()
    await asyncio.gather(*running)
    assert told == ["early", "shut", "open", "late"]
    await accounts.close()


async def test_giving_up_on_shutting_an_account(tmp_path: Path) -> None:
    """Who stops waiting for an account to be left leaves it as it was."""
    accounts = AccountPool(await stores_with(tmp_path, "a1"))
    async with accounts.use("a1") as account:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), accounts.shut("a1"):
                pass
        async with accounts.use("a1") as again:
            assert again is account
    await accounts.close()


async def test_accounts_go_by_their_own_clocks(tmp_path: Path) -> None:
    """Each account is given the clock of its code."""
    clocks = {"a1": lambda: 1.0, "a2": lambda: 2.0}
    accounts = AccountPool(await stores_with(tmp_path, "a1", "a2"), clocks.__getitem__)
    async with accounts.use("a1") as first, accounts.use("a2") as second:
        assert (first.clock(), second.clock()) == (1.0, 2.0)
    await accounts.close()
