"""Administration: what the command line does to accounts and users."""

from pathlib import Path

import pytest

from erply_points.accounts import administration
from erply_points.accounts.administration import Invalid
from erply_points.accounts.settings import InvalidSetting
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from erply_points.store.protocol import Stores
from support.shop import Shop


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return stores_of(ServerSettings(data=tmp_path / "data"))


async def test_an_account_is_made_once(stores: Stores) -> None:
    """A new account is sound and listed with its name; its code cannot be given twice."""
    await administration.create_account(stores, "b2", {"name": "Second"})
    await administration.create_account(stores, "a1", {})
    assert await administration.list_accounts(stores) == [("a1", ""), ("b2", "Second")]
    with pytest.raises(Invalid, match="b2"):
        await administration.create_account(stores, "b2", {})
    assert await administration.check_account(stores, "a1") == []


@pytest.mark.parametrize("code", ["", "A1", "../x", "a b", "a" * 33, "a.db", "-a"])
async def test_codes_that_cannot_be(stores: Stores, tmp_path: Path, code: str) -> None:
    """A code that cannot name an account is refused by every command, before a file is touched."""
    for attempt in (
        administration.create_account(stores, code, {}),
        administration.set_settings(stores, code, {}),
        administration.check_account(stores, code),
    ):
        with pytest.raises(Invalid):
            await attempt
    with pytest.raises(Invalid):
        await administration.create_user(stores, code, "till", "secret")
    assert not list(tmp_path.rglob("*.db"))


async def test_a_wrong_setting_makes_no_account(stores: Stores) -> None:
    """An account with an invalid setting is not made at all, and an existing one keeps its settings."""
    with pytest.raises(InvalidSetting):
        await administration.create_account(stores, "a1", {"price_decimals": "many"})
    assert await stores.codes() == []
    await administration.create_account(stores, "a1", {"name": "One"})
    with pytest.raises(InvalidSetting):
        await administration.set_settings(stores, "a1", {"name": "Two", "unheard_of": "1"})
    assert await administration.list_accounts(stores) == [("a1", "One")]


async def test_the_servers_own_values_cannot_be_set(stores: Stores) -> None:
    """What the server keeps for itself among the settings is no setting for anybody else."""
    await administration.create_account(stores, "a1", {})
    for name in ("_pin_secret", "_anything"):
        with pytest.raises(InvalidSetting):
            await administration.set_settings(stores, "a1", {name: "x"})
        with pytest.raises(InvalidSetting):
            await administration.create_account(stores, "b2", {name: "x"})
    assert await stores.codes() == ["a1"]


async def test_unknown_accounts(stores: Stores) -> None:
    """Commands on an account that does not exist say so, and make none."""
    for attempt in (
        administration.set_settings(stores, "a1", {}),
        administration.check_account(stores, "a1"),
        administration.create_user(stores, "a1", "till", "secret"),
    ):
        with pytest.raises((FileNotFoundError, Invalid)):
            await attempt
    assert await stores.codes() == []


@pytest.mark.parametrize(
    ("username", "password"),
    [("", "x"), (" till", "x"), ("till ", "x"), ("a\nb", "x"), ("x" * 256, "x"), ("ok", ""), ("ok", "x" * 1_025)],
)
async def test_users_that_cannot_be(shop: Shop, username: str, password: str) -> None:
    """A user name without letters, with blanks around it or too long, and an empty or endless password are refused."""
    with pytest.raises(Invalid):
        await administration.create_user(stores_of(shop.settings), shop.code, username, password)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("manager", "x"),
        ("Õ ö", "p ä ß 漢"),
        ("x" * 255, "y" * 256),
        ("m", "z" * 1_024),
        ("n", " spaces "),
        ("till2", "0"),
    ],
)
async def test_every_user_that_can_be_made_can_log_in(shop: Shop, username: str, password: str) -> None:
    """A user that was accepted logs in over the wire, while the server runs, and nobody else can with that name."""
    stores = stores_of(shop.settings)
    assert await administration.create_user(stores, shop.code, username, password) == 2
    record = await shop.record("verifyUser", username=username, password=password)
    assert (record["userName"], record["userID"]) == (username, "2")
    assert await shop.error("verifyUser", username=username, password=password[:-1] + "?") == (1051, None)
    with pytest.raises(Invalid, match="already"):
        await administration.create_user(stores, shop.code, username, "other")
