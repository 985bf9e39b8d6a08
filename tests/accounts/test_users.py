"""Users who leave and tills that are stolen: other passwords, sessions that end at once, users who go.

ERPLY_POINTS_EXAMPLES sets how many histories of users are tried (default 2).
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from erply_points.accounts import administration
from erply_points.accounts.administration import Invalid
from erply_points.accounts.passwords import PasswordChecks
from erply_points.app import stores_of
from erply_points.store.protocol import Stores
from support.client import Erply
from support.shop import STORE, STORES, Shop, open_shop, place

EXAMPLES: Final = int(os.environ.get("ERPLY_POINTS_EXAMPLES", "2"))
SELL: Final = {"type": "CASHINVOICE", "price1": 10, "amount1": 1}
ENDINGS: Final[dict[str, Callable[[Stores, str, str], Any]]] = {
    "logout": administration.log_out,
    "password": lambda stores, code, name: administration.set_password(stores, code, name, "another"),
    "delete": administration.delete_user,
}
"""What ends the sessions of a user."""
CODES: Final = {"logout": 1054, "password": 1054, "delete": 1055}
"""What is answered to the session then: 1054 has clients log in again, which somebody who is deleted cannot."""

ending: Final = pytest.mark.parametrize("how", ENDINGS)
in_each_store: Final = pytest.mark.parametrize("shop", STORES, indirect=True)


@pytest.fixture
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    """An account with users `till` and `manager`."""
    async with open_shop(place(tmp_path / "data", getattr(request, "param", STORE))) as opened:
        opened.clock.now = time.time()  # Commands know no other; the session that came with the account has expired.
        await opened.log_in()
        await administration.create_user(stores(opened), opened.code, "manager", "secret", pin="0042")
        yield opened


def stores(shop: Shop) -> Stores:
    return stores_of(shop.settings)


async def session(shop: Shop, username: str = "manager", password: str = "secret") -> Erply:
    """Another session at the running server, which remembers it."""
    client = await Erply(shop.http, shop.code).log_in(username, password)
    assert await client.records("getVatRates")
    return client


async def end(shop: Shop, how: str, username: str = "till") -> int:
    """As the command in another process does it: with a store of its own."""
    ended: int = await ENDINGS[how](stores(shop), shop.code, username)
    return ended


async def code_of(client: Erply, call: str = "getVatRates", **params: Any) -> int:
    code: int = (await client.call(call, **params))["status"]["errorCode"]
    return code


@in_each_store
@ending
async def test_a_session_ends_with_the_next_request(shop: Shop, how: str) -> None:
    """A session that the server remembers is refused as soon as the command is done: reads, writes, bulks, all."""
    manager, other = await session(shop), await session(shop, "till")
    assert await end(shop, how) == 2
    code = CODES[how]
    assert await code_of(shop, "saveSalesDocument", **SELL) == code
    assert await code_of(shop) == code
    for _ in range(2):
        answer = await other.bulk([{"requestName": "saveCustomer", "firstName": "A"}, {"requestName": "getVatRates"}])
        assert (answer["status"]["errorCode"], answer.get("requests") or []) == (code, [])
    assert await manager.records("getSalesDocuments") == []
    assert await manager.records("getCustomers") == []
    assert (await manager.record("getSessionKeyUser"))["userName"] == "manager"
    assert await shop.check() == []


@ending
async def test_an_ended_session_cannot_switch_users(shop: Shop, how: str) -> None:
    """A session that has expired will do for switchUser, but not one that was ended; then no PIN is looked at."""
    manager = await session(shop)
    await end(shop, how)
    assert {await code_of(shop, "switchUser", cardCode=pin) for pin in ["0042"] + ["9999"] * 9} == {
        1055 if how == "delete" else 1056
    }
    shop.key = manager.key
    assert (await shop.record("switchUser", cardCode="0042"))["userName"] == "manager"


@ending
async def test_a_bad_session_comes_before_what_is_wrong_with_the_request(shop: Shop, how: str) -> None:
    """Neither a bulk that cannot be run nor a quota that is used up hides that the session has ended."""
    await shop.set(requests_per_hour="5")
    manager = await session(shop)
    await end(shop, how)
    too_many = await shop.bulk([{"requestName": "getVatRates"}] * 101)
    assert too_many["status"]["errorCode"] == CODES[how]
    while await code_of(manager) == 0:
        pass
    assert await code_of(manager) == 1002
    assert await code_of(shop) == CODES[how]


async def test_a_quota_that_is_used_up_hides_no_ended_session(shop: Shop) -> None:
    """The server, which remembers the session and has no room for its requests, says that it has ended."""
    await shop.set(requests_per_hour="1")
    assert [await code_of(shop) for _ in range(2)] == [0, 1002]
    await end(shop, "logout")
    assert await code_of(shop) == 1054


async def test_a_first_answer_is_not_given_to_an_ended_session(shop: Shop) -> None:
    """What was done before is told again under its key after the next log-in, and not under the ended session."""
    first = await shop.record("saveSalesDocument", **SELL, idempotencyKey="k")
    await end(shop, "logout")
    assert await code_of(shop, "saveSalesDocument", **SELL, idempotencyKey="k") == 1054
    await shop.log_in()
    assert await shop.record("saveSalesDocument", **SELL, idempotencyKey="k") == first
    assert len(await shop.records("getSalesDocuments")) == 1


async def test_whoever_is_logged_out_logs_in_again(shop: Shop) -> None:
    """A log-out ends what was open, once, and leaves password, user and ID."""
    assert await end(shop, "logout") == 1
    assert await end(shop, "logout") == 0
    await shop.log_in()
    assert (await shop.record("getSessionKeyUser"))["userID"] == "1"
    assert await end(shop, "logout") == 1


async def test_another_password(shop: Shop) -> None:
    """From now on the new password logs in and the old one does not, and a name that was blocked is free."""
    for _ in range(5):
        await shop.call("verifyUser", username="till", password="guessed")
    assert await code_of(shop, "verifyUser", username="till", password="secret") == 1052
    assert await administration.set_password(stores(shop), shop.code, "till", "pässword") == 1
    assert await code_of(shop, "verifyUser", username="till", password="secret") == 1051
    assert (await (await session(shop, "till", "pässword")).record("getSessionKeyUser"))["userID"] == "1"
    assert await code_of(shop, "verifyUser", username="manager", password="secret") == 0


@in_each_store
async def test_what_is_left_of_a_deleted_user(shop: Shop) -> None:
    """Employee and documents stay as they are; who is made under the same name is somebody else, with new IDs."""
    mari = await shop.customer(points=5)
    (till,) = await shop.records("getEmployees", employeeID=1)
    await shop.record("saveSalesDocument", **SELL, customerID=mari, employeeID=1)
    manager = await session(shop)
    before = await manager.records("getSalesDocuments")
    await end(shop, "delete")
    assert await code_of(shop, "verifyUser", username="till", password="secret") == 1051
    assert await manager.records("getSalesDocuments") == before
    assert before[0]["employeeID"] == 1
    (employee,) = await manager.records("getEmployees", employeeID=1)
    assert employee["fullName"] == till["fullName"] == "till"
    assert [each["userName"] for each in await manager.records("getUserRights")] == ["manager"]
    assert await administration.create_user(stores(shop), shop.code, "till", "new") == 3
    (_, again) = await administration.list_users(stores(shop), shop.code)
    assert (again.user.id, again.user.employee_id, again.sessions) == (3, 3, 0)
    assert await code_of(shop) == 1055  # The earlier one's.
    assert await shop.check() == []


async def test_a_user_is_deleted_with_sessions_of_every_kind(shop: Shop) -> None:
    """Sessions that have expired or were ended before do not keep a user from being deleted."""
    await end(shop, "logout")
    await shop.log_in()
    shop.clock.advance(100_000)
    assert await end(shop, "delete") == 1
    assert await code_of(shop) == 1055
    assert await shop.check() == []


async def test_the_list(shop: Shop) -> None:
    """Users come by their IDs, with how many sessions are open: neither expired nor ended."""
    await session(shop)
    found = await administration.list_users(stores(shop), shop.code)
    assert [(each.user.username, each.user.id, each.user.employee_id, each.sessions) for each in found] == [
        ("till", 1, 1, 1),
        ("manager", 2, 2, 1),
    ]
    await end(shop, "logout", "manager")
    shop.clock.advance(-7_200)
    await session(shop)  # It has expired an hour ago.
    assert [each.sessions for each in await administration.list_users(stores(shop), shop.code)] == [1, 0]
    await end(shop, "delete", "manager")
    await end(shop, "delete")
    assert await administration.list_users(stores(shop), shop.code) == []


async def test_unknown_users(shop: Shop) -> None:
    """A user or an account that does not exist is a plain message, and nothing has changed."""
    for how in ENDINGS:
        for username in ("Till", "", "nobody", "a\0b"):
            with pytest.raises(Invalid, match=f"There is no user {username}"):
                await end(shop, how, username)
        with pytest.raises(Invalid, match="There is no account none"):
            await ENDINGS[how](stores(shop), "none", "till")
    assert await code_of(shop) == 0


async def test_passwords_that_cannot_be(shop: Shop) -> None:
    """An empty or endless password is refused; the old one stays, and the sessions go on."""
    for password in ("", "x" * 1_025):
        with pytest.raises(Invalid, match="A password has"):
            await administration.set_password(stores(shop), shop.code, "till", password)
    assert await code_of(shop) == 0
    assert await session(shop, "till")


@ending
async def test_nothing_is_kept_after_the_end(shop: Shop, how: str) -> None:
    """Of tills that sell while the session ends no sale comes after it: what is kept then is all that was answered."""
    manager = await session(shop)

    async def sell() -> list[int]:
        codes = [0]
        while codes[-1] == 0 and len(codes) < 1_000:
            codes.append(await code_of(shop, "saveSalesDocument", **SELL))
        return codes[1:]

    async def kept() -> int:
        total: int = (await manager.call("getSalesDocuments", recordsOnPage=1))["status"]["recordsTotal"]
        return total

    selling = [asyncio.create_task(sell()) for _ in range(4)]
    while not await kept():
        pass
    await end(shop, how)
    at_the_end = await kept()
    codes = [code for each in selling for code in await each]
    assert codes.count(0) == at_the_end == await kept()
    assert set(codes) == {0, CODES[how]}


@pytest.mark.parametrize("how", ["password", "delete"])
@pytest.mark.parametrize("credentials", [{"username": "manager", "password": "secret"}, {"cardCode": "0042"}])
async def test_a_log_in_that_is_overtaken(
    shop: Shop, how: str, credentials: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No session is opened with what was right when it was looked at and is wrong when the session would begin."""
    turn = PasswordChecks.turn

    @asynccontextmanager
    async def overtaken(checks: PasswordChecks, key: str) -> AsyncIterator[None]:
        async with turn(checks, key):
            yield
        await end(shop, how, "manager")

    call = "switchUser" if "cardCode" in credentials else "verifyUser"
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(PasswordChecks, "turn", overtaken)
        assert await code_of(shop, call, **credentials) == 1051
    assert await shop.check() == []
    assert sum(each.sessions for each in await administration.list_users(stores(shop), shop.code)) == 1


USERS: Final = ("till", "manager", "Õie")
steps: Final = st.lists(
    st.tuples(st.sampled_from(["log in", "log in", "create", *ENDINGS]), st.sampled_from(USERS)),
    min_size=4,
    max_size=12,
)


@pytest.mark.parametrize("store", STORES)
@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@example([("create", "manager"), ("log in", "manager"), ("password", "manager"), ("delete", "manager")])
@given(steps)
def test_other_sessions_stay(store: str, story: list[tuple[str, str]]) -> None:
    """Whatever is done to users in whatever order, each session is good until its own user's sessions are ended."""

    async def happen() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with open_shop(place(Path(folder), store)) as shop:
                shop.clock.now = time.time()
                await _Model(shop).live(story)

    asyncio.run(happen())


class _Model:
    """What must be true of the users and of all sessions that were ever opened."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.passwords = {"till": "secret"}
        self.users = 1
        self.sessions: list[tuple[str, Erply, int]] = []
        """Whose it is, and the code that a request under it is answered with."""

    async def live(self, story: list[tuple[str, str]]) -> None:
        for what, username in story:
            await self.step(what, username)
            for _, client, code in self.sessions:
                assert await code_of(client) == code, (what, username)
        listed = await administration.list_users(stores(self.shop), self.shop.code)
        assert [(each.user.username, each.sessions) for each in listed] == [
            (each.user.username, sum(session[::2] == (each.user.username, 0) for session in self.sessions))
            for each in listed
        ]
        assert {each.user.username for each in listed} == set(self.passwords)
        assert await self.shop.check() == []

    async def step(self, what: str, username: str) -> None:
        known = username in self.passwords
        if what == "log in":
            password = self.passwords.get(username, "secret")
            assert (
                await code_of(
                    Erply(self.shop.http, self.shop.code), "verifyUser", username=username, password=f"{password}?"
                )
                == 1051
            )
            if known:
                self.sessions.append((username, await session(self.shop, username, password), 0))
        elif what == "create" and not known:
            self.users += 1
            made = await administration.create_user(stores(self.shop), self.shop.code, username, "secret")
            assert made == self.users
            self.passwords[username] = "secret"
        elif what in ENDINGS and known:
            await end(self.shop, what, username)
            self.sessions = [self._after(what, username, each) for each in self.sessions]
            if what == "delete":
                del self.passwords[username]
            elif what == "password":
                self.passwords[username] = "another"

    @staticmethod
    def _after(what: str, username: str, each: tuple[str, Erply, int]) -> tuple[str, Erply, int]:
        owner, client, code = each
        gone = code == 1055 or (owner == username and what == "delete")
        return owner, client, 1055 if gone else 1054 if owner == username else code
