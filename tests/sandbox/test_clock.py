"""The clock of an account: what it tells, and what follows it."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from erply_points.sandbox.clock import LATEST, AccountClock, OutOfRange, Setting
from erply_points.testing import ErplyError, SandboxError
from erply_points.testing.client import Erply
from erply_points.testing.sandbox import ErplyClock, ErplyServer, Sandbox
from sandbox.shop import REDEEM, balance, customer

DAY = 86_400


@pytest.fixture
def real_time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that all clocks reckon from; its only item can be changed."""
    now = [1_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def test_a_clock_runs_until_it_is_stopped(real_time: list[float]) -> None:
    """Set and moved, a clock goes on from there; frozen, it stands, however it is set; resumed, it goes on."""
    clock = AccountClock()
    assert (clock(), clock.frozen) == (1_000, False)
    clock.change(now=5_000)
    real_time[0] += 10
    assert clock() == 5_010
    clock.change(advance=-1_000.5)
    real_time[0] += 10
    assert clock() == 4_019.5
    clock.change(frozen=True)
    real_time[0] += 10
    assert (clock(), clock.frozen) == (4_019.5, True)
    clock.change(now=7_000, advance=5)
    real_time[0] += 10
    assert (clock(), clock.frozen) == (7_005, True)
    clock.change(frozen=False)
    real_time[0] += 10
    assert (clock(), clock.frozen) == (7_015, False)


def test_a_setting_brings_a_clock_back(real_time: list[float]) -> None:
    """A clock that is given back its setting tells the time as if it had not been moved meanwhile."""
    clock = AccountClock()
    clock.change(advance=500)
    kept = clock.setting
    clock.change(now=9_000, frozen=True)
    real_time[0] += 10
    clock.setting = kept
    assert clock() == 1_510
    clock.setting = Setting()
    assert clock() == 1_010


@pytest.mark.parametrize(
    "change", [{"now": -1.0}, {"now": LATEST + 1.0}, {"advance": 1e18}, {"now": 5.0, "advance": -6}]
)
def test_time_has_ends(change: dict[str, float], real_time: list[float]) -> None:
    """No clock is before 1970 or after 2200, where dates could not be reckoned; a refused change changes nothing."""
    clock = AccountClock()
    with pytest.raises(OutOfRange):
        clock.change(change.get("now"), change.get("advance", 0.0))
    assert clock() == real_time[0]


def test_points_expire(account: ErplyServer, erply: Erply, clock: ErplyClock) -> None:
    """Points are there until their months have passed by the account's clock, and then they are gone."""
    account.set(reward_points_duration=12)
    owner = customer(erply, points=100)
    clock.advance(364 * DAY)
    assert balance(erply, owner) == 100
    clock.advance(timedelta(days=3))
    assert balance(erply, owner) == 0
    with pytest.raises(ErplyError) as refused:
        erply.call(REDEEM, customerID=owner, points=1)
    assert refused.value.code == 1042


def test_pending_points_become_active(sandbox: Sandbox) -> None:
    """Promised points are shown but cannot be spent before their time has come."""
    account = sandbox.new_account(settings={"pending_hours": "24"})
    erply, clock = account.client(), ErplyClock(account)
    clock.freeze()
    owner = customer(erply, points=100, pointCategory="PROMISED")
    assert balance(erply, owner) == 100
    with pytest.raises(ErplyError) as refused:
        erply.call(REDEEM, customerID=owner, points=1)
    assert refused.value.code == 1042
    clock.advance(DAY)
    assert erply.call(REDEEM, customerID=owner, points=60)[0]["remainingPoints"] == 40


def test_sessions_age(account: ErplyServer, erply: Erply, clock: ErplyClock) -> None:
    """A session that a program has opened ends by the account's clock; the one that came with the account does not."""
    logged_in = erply.call("verifyUser", username=account.username, password=account.password, sessionLength=600)
    key = logged_in[0]["sessionKey"]
    clock.advance(590)
    assert erply.call("getCustomers", sessionKey=key) == []
    clock.advance(20)
    with pytest.raises(ErplyError) as refused:
        erply.call("getCustomers", sessionKey=key)
    assert refused.value.code == 1054
    clock.advance(150 * 365 * DAY)
    assert erply.call("getCustomers") == []


def test_the_clock_is_the_account_s_alone(account: ErplyServer, clock: ErplyClock) -> None:
    """One account's clock moves no other's, and what it tells stands in answers."""
    neighbour = account.new_account()
    clock.set(datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC))
    clock.freeze()
    clock.set(datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC))
    assert clock.now() == 1_935_817_689
    assert account.client().bulk([])["status"]["requestUnixTime"] == 1_935_817_689
    assert abs(ErplyClock(neighbour).now() - time.time()) < 60
    clock.resume()
    time.sleep(0.01)
    assert 1_935_817_689 < clock.now() < 1_935_817_689 + 60


def test_a_moment_that_is_none(clock: ErplyClock) -> None:
    """A datetime without a zone is refused by the client, a time beyond the end by the server, and the clock stays."""
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2031, 5, 6))  # noqa: DTZ001 - that is the point
    for far in (-1, LATEST + 1):
        with pytest.raises(SandboxError) as refused:
            clock.set(far)
        assert (refused.value.status, refused.value.field) == (400, "now")
    with pytest.raises(SandboxError, match="would not be between"):
        clock.advance(LATEST)
    assert abs(clock.now() - time.time()) < 60
