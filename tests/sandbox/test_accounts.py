"""Whole accounts in a sandbox: made, set, reset, kept and brought back, also while they are in use."""

import asyncio
import re
import time

import httpx
import pytest

from erply_points.accounts.administration import check_account
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from erply_points.testing import ErplyError, SandboxError
from erply_points.testing.client import Erply
from erply_points.testing.sandbox import ErplyClock, ErplyFaults, ErplyServer, Sandbox
from sandbox.shop import REDEEM, balance, customer
from support import client as support


def test_an_account_is_ready(sandbox: Sandbox) -> None:
    """A new account has a user who can log in, with password and PIN, and an open session; two never share a code."""
    first, second = sandbox.new_account(), sandbox.new_account({"name": "Corner shop"})
    assert re.fullmatch("[1-9][0-9]{8}", first.client_code)
    assert first.client_code != second.client_code
    assert customer(first.client()) == customer(second.client()) == 1
    erply = second.client()
    assert erply.call("verifyUser", username=second.username, password=second.password)[0]["userID"] == "1"
    assert erply.call("switchUser", cardCode=second.pin)[0]["userID"] == "1"
    listed = sandbox.control("GET", "/")["accounts"]
    assert {first.client_code, second.client_code} <= set(listed)


def test_an_account_as_it_was_asked_for(sandbox: Sandbox) -> None:
    """Code, settings, user, password and PIN can be chosen; a code is not given twice."""
    asked = {
        "clientCode": "corner-shop",
        "settings": {"country": "FI"},
        "username": "kassa",
        "password": "p",
        "pin": "7",
    }
    made = ErplyServer(sandbox, sandbox.control("POST", "/accounts", asked))
    assert (made.client_code, made.username, made.password, made.pin) == ("corner-shop", "kassa", "p", "7")
    assert made.client().call("getConfParameters")[0]["country"] == "FI"
    with pytest.raises(SandboxError) as refused:
        sandbox.control("POST", "/accounts", asked)
    assert (refused.value.status, refused.value.message) == (409, "There is an account corner-shop already.")


def test_an_account_is_not_left_without_its_user(sandbox: Sandbox) -> None:
    """Where a user cannot be made there is no account either, and its code can be used."""
    asked = {"clientCode": "half-made", "username": "\u3000till"}
    with pytest.raises(SandboxError, match="without blanks around it") as refused:
        sandbox.control("POST", "/accounts", asked)
    assert refused.value.status == 409
    assert "half-made" not in sandbox.control("GET", "/")["accounts"]
    assert sandbox.control("POST", "/accounts", {**asked, "username": "till"})["clientCode"] == "half-made"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"clientCode": "../x"}, "clientCode"),
        ({"clientCode": "a\n"}, "clientCode"),
        ({"settings": {"no_such": "1"}}, None),
        ({"settings": {"_pin_secret": "1"}}, None),
        ({"settings": {"country": 5}}, "settings.country"),
        ({"username": " till"}, "username"),
        ({"password": ""}, "password"),
        ({"name": "x"}, None),
    ],
)
def test_an_account_that_cannot_be(sandbox: Sandbox, asked: dict[str, object], field: str | None) -> None:
    """What cannot be had is refused with the field at fault, and no account is made."""
    before = sandbox.control("GET", "/")["accounts"]
    with pytest.raises(SandboxError) as refused:
        sandbox.control("POST", "/accounts", asked)
    assert (refused.value.status, refused.value.field) == (400, field)
    assert sandbox.control("GET", "/")["accounts"] == before


def test_settings_change_at_once(account: ErplyServer, erply: Erply) -> None:
    """A setting holds from the next request on; one that does not exist changes nothing."""
    owner = customer(erply)
    with pytest.raises(ErplyError):
        erply.call(REDEEM, customerID=owner, points=5)
    account.set(negative_balance="allow")
    erply.call(REDEEM, customerID=owner, points=5)
    assert balance(erply, owner) == -5
    with pytest.raises(SandboxError, match="no_such"):
        account.set(country="FI", no_such=True)
    assert erply.call("getConfParameters")[0]["country"] == "EE"


def test_a_reset_account_is_as_new(account: ErplyServer, erply: Erply, clock: ErplyClock, faults: ErplyFaults) -> None:
    """After a reset there are users, settings and sessions, one VAT rate, real time and no faults; IDs begin with 1."""
    account.set(country="FI", reward_points_duration=12)
    other_key = erply.call("verifyUser", username=account.username, password=account.password)[0]["sessionKey"]
    for _ in range(3):
        customer(erply, points=100)
    erply.call("saveVatRate", name="9%", rate=9)
    erply.call("saveEmployee", firstName="A", lastName="B")
    clock.set(2_000_000_000)
    faults.drop_before(count=9)
    account.reset()
    assert abs(clock.now() - time.time()) < 60
    assert faults.waiting() == []
    assert erply.call("getCustomers", sessionKey=other_key) == []
    assert [each["rate"] for each in erply.call("getVatRates")] == ["20"]
    assert len(erply.call("getEmployees")) == 1
    assert erply.call("getConfParameters")[0]["country"] == "FI"
    assert customer(erply, points=100) == 1
    assert erply.call("verifyUser", username=account.username, password=account.password)
    account.reset()
    account.reset()
    assert erply.call("getCustomers") == []


def test_a_snapshot_is_brought_back(account: ErplyServer, erply: Erply, clock: ErplyClock) -> None:
    """Restored, rows, settings and the clock are those of the snapshot, as often as one likes."""
    account.set(reward_points_duration=12)
    owner = customer(erply, points=100)
    clock.freeze()
    clock.set(1_900_000_000)
    owner = customer(erply, points=50)
    account.snapshot()
    for _ in range(2):
        clock.advance(3 * 365 * 86_400)
        customer(erply)
        account.set(reward_points_duration=0)
        assert balance(erply, owner) == 0
        account.restore()
        assert clock.now() == 1_900_000_000
        assert balance(erply, owner) == 50
        assert len(erply.call("getCustomers")) == 2
    clock.advance(3 * 365 * 86_400)
    assert balance(erply, owner) == 0


def test_snapshots_have_names(account: ErplyServer, erply: Erply) -> None:
    """Several snapshots are told by their names; one that was never taken cannot be brought back."""
    account.snapshot("empty")
    customer(erply)
    account.snapshot("one-customer")
    assert account.control("GET", "/snapshots") == {"snapshots": ["empty", "one-customer"]}
    account.restore("empty")
    assert erply.call("getCustomers") == []
    account.restore("one-customer")
    assert len(erply.call("getCustomers")) == 1
    with pytest.raises(SandboxError) as refused:
        account.restore("none")
    assert (refused.value.status, refused.value.message) == (404, "There is no snapshot of this name.")
    for name in ("A", "a.b", "x" * 33, "%2e%2e%2fa"):
        with pytest.raises(SandboxError):
            account.snapshot(name)
    assert len(erply.call("getCustomers")) == 1


def test_a_removed_account_is_gone(account: ErplyServer, erply: Erply) -> None:
    """After DELETE there is no such account, neither for clients nor for the control API, and one can be made anew."""
    account.snapshot()
    account.control("DELETE")
    with pytest.raises(ErplyError) as unknown:
        erply.call("getCustomers")
    assert unknown.value.code == 1001
    for method, path in (("GET", "/clock"), ("POST", "/reset"), ("DELETE", ""), ("GET", "/log"), ("GET", "/snapshots")):
        with pytest.raises(SandboxError) as refused:
            account.control(method, path)
        assert refused.value.status == 404
    again = account.sandbox.control("POST", "/accounts", {"clientCode": account.client_code})
    made = ErplyServer(account.sandbox, again)
    assert made.client().call("getCustomers") == []
    assert made.control("GET", "/snapshots") == {"snapshots": []}
    assert [entry["request"]["request"] for entry in made.log()] == ["getCustomers"]


async def test_requests_meanwhile_wait_and_none_fails(account: ErplyServer) -> None:
    """While an account is brought back over and over, every request on it is answered as if nothing were."""
    owner = customer(account.client(), points=1_000)
    account.snapshot()
    async with httpx.AsyncClient(base_url=account.url, timeout=60, trust_env=False) as http:
        till = support.Erply(http, account.client_code, account.session_key)
        done = asyncio.Event()
        seen: list[int] = []

        async def spend() -> None:
            while not done.is_set():
                redemption = {"requestName": REDEEM, "customerID": owner, "points": 1}
                assert await till.codes([redemption] * 2) == [0, 0]
                seen.append(await till.balance(owner))

        async def disturb() -> None:
            for path in ["/snapshots/snapshot/restore"] * 15:
                await asyncio.to_thread(account.control, "POST", path)
                await asyncio.sleep(0.01)
            done.set()

        await asyncio.gather(disturb(), *(spend() for _ in range(4)))
    assert len(seen) > 15
    assert all(0 < each <= 1_000 for each in seen)
    stores = stores_of(ServerSettings(data=account.sandbox.process.data))
    assert await check_account(stores, account.client_code) == []
    account.restore()
    assert balance(account.client(), owner) == 1_000
