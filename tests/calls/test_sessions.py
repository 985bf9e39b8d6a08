"""Sessions: how long they last, which key belongs where, and what is kept of keys and passwords."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from bulk.sending import outcome, post_call
from erply_points.accounts import administration
from erply_points.app import create_app, stores_of
from support.shop import Shop, open_shop, place

START = 1_767_225_600


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        *((None, 3_600), ("", 3_600), ("0", 3_600), ("-5", 3_600), ("1", 1), ("60", 60), ("3600", 3_600)),
        *(("86399", 86_399), ("86400", 86_400), ("86401", 86_400), ("99999999", 86_400)),
    ],
)
async def test_session_lengths(shop: Shop, asked: str | None, granted: int) -> None:
    """1 to 86400 seconds are granted as asked; none, 0 and less mean 3600, more means 86400."""
    length = {} if asked is None else {"sessionLength": asked}
    record = await shop.record("verifyUser", username="till", password="secret", **length)
    assert record["sessionLength"] == granted
    shop.key = record["sessionKey"]
    info = await shop.record("getSessionKeyInfo")
    assert info == {"creationUnixTime": str(START), "expireUnixTime": str(START + granted)}


async def test_a_session_ends_at_its_second(shop: Shop) -> None:
    """A key works until the second before its end, then it is 1054, however much it was used meanwhile."""
    shop.key = (await shop.record("verifyUser", username="till", password="secret", sessionLength=60))["sessionKey"]
    for _ in range(59):
        shop.clock.advance(1)
        assert await shop.records("getVatRates")
    shop.clock.advance(0.999)
    assert await shop.records("getVatRates")
    shop.clock.advance(0.001)
    assert await shop.error("getVatRates") == (1054, None)
    shop.clock.advance(86_400 * 7)
    assert await shop.error("getVatRates") == (1054, None)
    assert outcome((await shop.bulk([{"requestName": "getVatRates"}]))["status"]) == (1054, None)


async def test_unknown_and_missing_keys(shop: Shop) -> None:
    """A key that was never given out is 1055, none at all is 1009; neither names a field."""
    good = shop.key
    for key, code in (("", 1009), ("0" * 40, 1055), (good[:-1], 1055), (good.upper(), 1055), (good + " ", 1055)):
        shop.key = key
        assert await shop.error("getVatRates") == (code, None)


async def test_a_key_of_another_account(shop: Shop) -> None:
    """A key works in its own account only: elsewhere it is unknown."""
    other = await shop.neighbour()
    other.key, shop.key = shop.key, other.key
    assert await shop.error("getVatRates") == (1055, None)
    assert await other.error("getVatRates") == (1055, None)


async def test_several_keys_of_one_user(shop: Shop) -> None:
    """Each log-in gives a fresh key; earlier ones stay valid until their own end."""
    keys = {shop.key}
    for length in (100, 200, 300):
        keys.add(
            (await shop.record("verifyUser", username="till", password="secret", sessionLength=length))["sessionKey"]
        )
    assert len(keys) == 4
    assert all(re.fullmatch(r"[0-9a-f]{40}", key) for key in keys)
    shop.clock.advance(250)
    valid = 0
    for shop.key in keys:
        valid += outcome((await shop.call("getVatRates"))["status"]) == (0, None)
    assert valid == 2


async def test_the_log_in_record(shop: Shop) -> None:
    """IDs are strings, the length is a number, token, loginUrl and all lists are there, and the total is 1."""
    answer = await shop.call("verifyUser", username="till", password="secret", sessionKey="", version="1.0")
    (record,) = answer["records"]
    assert answer["status"]["recordsTotal"] == 1
    for name in ("userID", "employeeID", "groupID"):
        assert re.fullmatch(r"[0-9]+", record[name])
    assert (record["userName"], record["sessionLength"], record["isPasswordExpired"]) == ("till", 3_600, 0)
    assert record["token"]
    assert record["identityToken"]
    assert isinstance(record["loginUrl"], str)
    for name in ("customerRegistryURLs", "couponRegistryURLs", "transactionRegistryURLs", "displayAdManagerURLs"):
        assert record[name] == []
    assert record["ipAddress"] == "127.0.0.1"


@pytest.mark.parametrize(("flag", "there"), [(None, True), ("0", True), ("1", False), (1, False)])
async def test_identity_token(shop: Shop, flag: Any, *, there: bool) -> None:
    """`doNotGenerateIdentityToken` leaves out `identityToken` and nothing else."""
    given = {} if flag is None else {"doNotGenerateIdentityToken": flag}
    record = await shop.record("verifyUser", username="till", password="secret", **given)
    assert ("identityToken" in record) == there
    assert record["token"]


async def test_who_owns_the_key(shop: Shop) -> None:
    """`getSessionKeyUser` gives the same user as the log-in, with the key that asked."""
    login = await shop.record("verifyUser", username="till", password="secret")
    shop.key = login["sessionKey"]
    owner = await shop.record("getSessionKeyUser")
    same = ("userID", "userName", "employeeID", "employeeName", "groupID", "groupName", "sessionKey", "sessionLength")
    assert [owner[name] for name in same] == [login[name] for name in same]


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ({}, (1050, "username")),
        ({"username": "till"}, (1050, "password")),
        ({"password": "secret"}, (1050, "username")),
        ({"username": "", "password": ""}, (1050, "username")),
        ({"username": "till", "password": ""}, (1050, "password")),
        ({"username": "till", "password": "Secret"}, (1051, None)),
        ({"username": "till", "password": "secret "}, (1051, None)),
        ({"username": "Till", "password": "secret"}, (1051, None)),
        ({"username": "nobody", "password": "secret"}, (1051, None)),
        ({"username": "till' OR '1'='1", "password": "x"}, (1051, None)),
        ({"cardCode": "1234"}, (1058, None)),
    ],
)
async def test_log_ins_that_fail(shop: Shop, credentials: dict[str, str], expected: tuple[int, str | None]) -> None:
    """Missing credentials are 1050 with their name, wrong ones 1051 whoever is meant, a PIN is 1058."""
    assert await post_call(shop, "verifyUser", **credentials) == expected


async def test_keys_and_passwords_are_kept_hashed_only(shop: Shop) -> None:
    """The account's file holds argon2id of the password and SHA-256 of the key, and neither itself."""
    await administration.create_user(stores_of(shop.settings), shop.code, "manager", "ülemuse-saladus")
    shop.key = (await shop.record("verifyUser", username="manager", password="ülemuse-saladus"))["sessionKey"]
    database = sqlite3.connect(shop.folder / f"{shop.code}.db")
    try:
        stored = [row[0] for row in database.execute("SELECT password_hash FROM users")]
        hashes = [bytes(row[0]) for row in database.execute("SELECT key_hash FROM sessions")]
        dump = "\n".join(database.iterdump())
    finally:
        database.close()
    assert [each.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for each in stored] == [True, True]
    assert len(set(stored)) == 2
    assert [len(each) for each in hashes] == [32, 32]
    assert shop.key not in dump
    assert "saladus" not in dump
    for path in shop.folder.iterdir():
        assert shop.key.encode() not in path.read_bytes()
        assert "ülemuse-saladus".encode() not in path.read_bytes()
        assert bytes.fromhex(shop.key) not in path.read_bytes()


async def test_sessions_survive_a_restart(tmp_path: Path) -> None:
    """A key works on after the server has been stopped and started, until its own end: then it is 1054, not 1055."""
    async with open_shop(place(tmp_path)) as shop:
        settings, clock, code, key = shop.settings, shop.clock, shop.code, shop.key
    app = create_app(settings, clock)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://erply.test") as http,
    ):
        again = Shop(http, code, settings, clock)
        again.key = key
        assert (await again.record("getSessionKeyUser"))["userName"] == "till"
        clock.advance(3_600)
        assert await again.error("getVatRates") == (1054, None)


async def test_files_are_for_their_owner_only(shop: Shop) -> None:
    """The account's file and its folder cannot be read by other users of the machine."""
    data = shop.folder
    assert data.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in data.iterdir())
