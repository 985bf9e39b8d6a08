"""switchUser: another user at the same till, by PIN. Facts: `docs/protocol/erply-envelope.md`, section 4."""

import asyncio
import sqlite3

import pytest

from bulk.sending import outcome
from erply_points.accounts import administration, rights
from erply_points.app import stores_of
from support.client import Record
from support.shop import Shop

HOUR = 3_600


@pytest.fixture
async def till(shop: Shop) -> Shop:
    """A till with a cashier (PIN 1111) and a manager (PIN 0042), the cashier logged in."""
    stores = stores_of(shop.settings)
    await administration.create_user(
        stores, shop.code, "cashier", "secret", "1111", rights.make(["customers.add", "rightAddRewardPoints"])
    )
    await administration.create_user(stores, shop.code, "manager", "secret", "0042")
    await shop.log_in("cashier")
    return shop


async def switch(till: Shop, pin: str, **params: object) -> Shop:
    """A session of the PIN's owner."""
    record = await till.record("switchUser", cardCode=pin, **params)
    other = Shop(till.http, till.code, till.settings, till.clock)
    other.key = record["sessionKey"]
    return other


async def codes(till: Shop, *pins: str) -> list[int]:
    return [outcome((await till.call("switchUser", cardCode=pin))["status"])[0] for pin in pins]


async def test_the_record(till: Shop) -> None:
    """The record is verifyUser's, but for the identity token, and says who has the PIN."""
    switched = await till.record("switchUser", cardCode="0042")
    logged_in = await till.record("verifyUser", username="manager", password="secret", doNotGenerateIdentityToken=1)
    own = {"sessionKey", "token"}
    assert {name: value for name, value in switched.items() if name not in own} == {
        name: value for name, value in logged_in.items() if name not in own
    }
    assert (switched["userName"], switched["userID"], switched["sessionLength"]) == ("manager", "3", HOUR)
    assert len({switched["sessionKey"], logged_in["sessionKey"], till.key}) == 3


async def test_the_new_session_has_the_rights_of_its_user(till: Shop) -> None:
    """After the switch the PIN's owner works with their own rights, and the old key with those it had."""
    manager = await switch(till, "0042")
    mari = await manager.customer(5)
    assert await till.error("saveCustomer", lastName="Tamm") == (1061, None)
    assert await till.error("addCustomerRewardPoints", customerID=mari, points=1) == (1061, None)
    assert (await manager.record("getSessionKeyUser"))["userName"] == "manager"
    assert (await till.record("getSessionKeyUser"))["userName"] == "cashier"
    assert await (await switch(manager, "1111")).error("saveCustomer", lastName="Tamm") == (1061, None)


@pytest.mark.parametrize(
    ("asked", "seconds"), [({}, HOUR), (60, 60), ("60", 60), (0, HOUR), (-5, HOUR), (86_400, 86_400), (10**9, 86_400)]
)
async def test_how_long_the_new_session_lasts(till: Shop, asked: object, seconds: int) -> None:
    """A session lasts for as long as was asked, an hour if nothing was, and at most a day."""
    other = await switch(till, "0042", **({} if asked == {} else {"sessionLength": asked}))
    till.clock.advance(seconds - 1)
    assert await other.records("getVatRates")
    till.clock.advance(1)
    assert await other.error("getVatRates") == (1054, None)


@pytest.mark.parametrize("pin", ["1112", "42", "00042", "0042 ", "\uff10042", "", "manager", "secret", "x" * 255])
async def test_wrong_pins(till: Shop, pin: str) -> None:
    """A PIN is right digit for digit; none is a user's who has none."""
    assert await till.error("switchUser", cardCode=pin) == (1051, None)


async def test_missing_and_malformed(till: Shop) -> None:
    """Without a PIN there is no attempt, and without a session nobody to switch from."""
    for _ in range(7):
        assert await till.error("switchUser") == (1010, "cardCode")
        assert await till.error("switchUser", cardCode="0042", sessionLength="long") == (1014, "sessionLength")
    assert await codes(till, "0042") == [0]
    for key, code in (("", 1009), ("0" * 40, 1055)):
        till.key = key
        assert await till.error("switchUser", cardCode="0042") == (code, None)


@pytest.mark.parametrize(
    ("after", "code"),
    [(HOUR - 1, 0), (HOUR, 0), (2 * HOUR, 0), (3 * HOUR, 0), (3 * HOUR + 1, 1056), (9 * HOUR, 1056)],
)
async def test_a_session_that_has_ended(till: Shop, after: int, code: int) -> None:
    """A session of an hour will do for switching until two hours after its end; then it is too old (1056)."""
    till.clock.advance(after)
    assert await codes(till, "0042") == [code]
    assert (await till.call("getVatRates"))["status"]["errorCode"] == (0 if after < HOUR else 1054)


async def test_an_ended_session_switches_only(till: Shop) -> None:
    """In one bulk with anything else an ended session is ended, and the switch is not made."""
    till.clock.advance(HOUR)
    switching = {"requestName": "switchUser", "cardCode": "0042"}
    assert (await till.bulk([switching, {"requestName": "getVatRates"}]))["status"]["errorCode"] == 1054
    assert await till.codes([switching, switching]) == [0, 0]


async def test_within_a_bulk(till: Shop) -> None:
    """A switch in a bulk gives a key for later requests; the bulk itself goes on as the user who sent it."""
    requests: list[Record] = [
        {"requestName": "switchUser", "cardCode": "0042"},
        {"requestName": "saveCustomer", "lastName": "Tamm"},
        {"requestName": "getSessionKeyUser"},
    ]
    answers = await till.answers(requests)
    assert [answer["status"]["errorCode"] for answer in answers] == [0, 1061, 0]
    assert answers[2]["records"][0]["userName"] == "cashier"


async def test_blocked_after_five_failures(till: Shop) -> None:
    """Five wrong PINs of a user's sessions are 1051; what follows is 1052, the right PIN too, for ten minutes."""
    assert await codes(till, *["9999"] * 5) == [1051] * 5
    assert await codes(till, "9999", "0042") == [1052] * 2
    again = Shop(till.http, till.code, till.settings, till.clock)
    await again.log_in("cashier")
    assert await codes(again, "0042") == [1052]
    till.clock.advance(599.9)
    assert await codes(till, "0042") == [1052]
    till.clock.advance(0.1)
    assert await codes(till, "9999", "0042") == [1051, 0]


async def test_others_are_not_blocked(till: Shop) -> None:
    """A block of PINs is one user's: passwords, other users and open sessions go on."""
    manager = await switch(till, "0042")
    assert await codes(till, *["9999"] * 6) == [1051] * 5 + [1052]
    assert await codes(manager, "1111") == [0]
    assert await till.records("getVatRates")
    await till.log_in("cashier")


async def test_an_own_pin_does_not_forgive(till: Shop) -> None:
    """Who knows one PIN cannot try for ever: wrong ones count on, though right ones stand between them."""
    assert await codes(till, "9998", "9997", "1111", "9996", "9995", "1111", "9994") == [
        *(1051, 1051, 0, 1051, 1051, 0, 1051),
    ]
    assert await codes(till, "1111") == [1052]


async def test_parallel_attempts_cannot_outrun_the_count(till: Shop) -> None:
    """Of twenty wrong PINs at once, and of twenty in one bulk, at most five are looked at."""
    found = [code for (code,) in await asyncio.gather(*(codes(till, "9999") for _ in range(20)))]
    assert sorted(found) == [1051] * 5 + [1052] * 15
    till.clock.advance(601)
    wrong = [{"requestName": "switchUser", "cardCode": "9999"}] * 19
    assert await till.codes([*wrong, {"requestName": "switchUser", "cardCode": "0042"}]) == [1051] * 5 + [1052] * 15


async def test_the_pins_of_another_account(till: Shop) -> None:
    """A PIN is known to its own account only, and the same PIN is kept as something else in another."""
    neighbour = await till.neighbour()
    assert await codes(neighbour, "0042") == [1051]
    await administration.create_user(stores_of(till.settings), neighbour.code, "boss", "secret", "0042")
    assert await codes(neighbour, "0042") == [0]
    hashes = []
    for code in (till.code, neighbour.code):
        database = sqlite3.connect(till.folder / f"{code}.db")
        hashes += [text for (text,) in database.execute("SELECT pin_hash FROM users WHERE pin_hash <> ''")]
        database.close()
    assert len(set(hashes)) == 3
    assert not any(pin in text for text in hashes for pin in ("0042", "1111"))


async def test_a_pin_belongs_to_one_user(till: Shop) -> None:
    """A user cannot be made with a PIN that another has; many may have none."""
    stores = stores_of(till.settings)
    with pytest.raises(administration.Invalid):
        await administration.create_user(stores, till.code, "third", "secret", "0042")
    for name in ("third", "fourth"):
        await administration.create_user(stores, till.code, name, "secret")
    assert await codes(till, "0042", "") == [0, 1051]
