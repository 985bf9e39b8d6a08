"""Failed log-ins: five of them block a name for ten minutes, however they come."""

import asyncio
import statistics
import time

import pytest

from bulk.sending import outcome
from erply_points.accounts import administration
from erply_points.accounts.passwords import PasswordChecks
from erply_points.app import stores_of
from erply_points.store.rows import LoginFailures
from support.shop import Shop


async def log_in(shop: Shop, password: str, username: str = "till") -> int:
    answer = await shop.call("verifyUser", username=username, password=password)
    return outcome(answer["status"])[0]


@pytest.mark.parametrize("username", ["till", "nobody", "Õ' OR 1=1 --", "x" * 255])
async def test_blocked_after_five_failures(shop: Shop, username: str) -> None:
    """Five failures under a name, known or not, are 1051; what follows is 1052 until ten minutes have passed."""
    assert [await log_in(shop, "wrong", username) for _ in range(7)] == [1051] * 5 + [1052] * 2
    shop.clock.advance(599.9)
    assert await log_in(shop, "wrong", username) == 1052
    shop.clock.advance(0.1)
    assert await log_in(shop, "wrong", username) == 1051


async def test_the_right_password_does_not_open_a_block(shop: Shop) -> None:
    """While a name is blocked its right password is 1052 too; afterwards it works."""
    for _ in range(5):
        await log_in(shop, "wrong")
    assert await log_in(shop, "secret") == 1052
    shop.clock.advance(600)
    assert await log_in(shop, "secret") == 0


async def test_a_success_forgets_the_failures(shop: Shop) -> None:
    """Each success starts the count anew."""
    for _ in range(3):
        assert [await log_in(shop, "wrong") for _ in range(4)] == [1051] * 4
        assert await log_in(shop, "secret") == 0


async def test_a_passed_block_starts_the_count_anew(shop: Shop) -> None:
    """After ten minutes a name has five attempts again."""
    for _ in range(2):
        assert [await log_in(shop, "wrong") for _ in range(6)] == [1051] * 5 + [1052]
        shop.clock.advance(601)


async def test_other_names_and_open_sessions_are_not_concerned(shop: Shop) -> None:
    """A block is one name's in one account: other users, other accounts and open sessions go on."""
    await administration.create_user(stores_of(shop.settings), shop.code, "manager", "other")
    neighbour = await shop.neighbour()
    for _ in range(6):
        await log_in(shop, "wrong")
    assert await log_in(shop, "other", "manager") == 0
    assert await log_in(neighbour, "secret") == 0
    assert await shop.records("getVatRates")


@pytest.mark.parametrize("username", ["till", "nobody"])
async def test_parallel_attempts_cannot_outrun_the_count(shop: Shop, username: str) -> None:
    """Of thirty wrong log-ins at once at most five are looked at: the others are 1052."""
    codes = await asyncio.gather(*(log_in(shop, "wrong", username) for _ in range(30)))
    assert sorted(codes) == [1051] * 5 + [1052] * 25


async def test_a_block_that_comes_while_the_password_is_checked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures that another server counts meanwhile close the door before the right password gets through."""
    verify = PasswordChecks.verify

    async def overtaken(checks: PasswordChecks, password_hash: str | None, password: str) -> bool:
        store = await shop.store()
        transaction = await store.begin({"login_failures": {"user:till"}}, write=True)
        now = int(shop.clock())
        transaction.work.login_failures.put("user:till", LoginFailures("user:till", 5, now + 600, now))
        await transaction.commit()
        await store.close()
        return await verify(checks, password_hash, password)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(PasswordChecks, "verify", overtaken)
        assert await log_in(shop, "secret") == 1052
    shop.clock.advance(600)
    assert await log_in(shop, "secret") == 0


async def test_attempts_in_one_bulk_cannot_outrun_the_count(shop: Shop) -> None:
    """A bulk of a hundred log-ins counts like a hundred log-ins, the right one at its end included."""
    wrong = {"requestName": "verifyUser", "username": "till", "password": "wrong"}
    answer = await shop.post({"clientCode": shop.code, "requests": [wrong] * 20 + [{**wrong, "password": "secret"}]})
    assert [each["status"]["errorCode"] for each in answer["requests"]] == [1051] * 5 + [1052] * 16


async def test_failures_survive_a_failed_bulk(shop: Shop) -> None:
    """A failure is counted even though the log-in itself changes nothing."""
    wrong = {"requestName": "verifyUser", "username": "till", "password": "wrong"}
    for _ in range(5):
        assert await shop.codes([wrong, {"requestName": "nothing"}]) == [1051, 1005]
    assert await shop.codes([wrong]) == [1052]


async def test_missing_credentials_do_not_count(shop: Shop) -> None:
    """What is no attempt (1014, 1050, 1058) does not count as one."""
    for _ in range(7):
        await shop.error("verifyUser", username="till")
        await shop.error("verifyUser", username="till", password="x", sessionLength="long")
        await shop.error("verifyUser", username="till", cardCode="1")
    assert await log_in(shop, "secret") == 0


async def test_an_unknown_name_takes_as_long(shop: Shop) -> None:
    """The time of an answer does not tell a known name from an unknown one: both pay for a hash."""
    seconds: dict[str, list[float]] = {"till": [], "nobody": []}
    await log_in(shop, "wrong", "warm-up")
    for _ in range(5):
        for username, times in seconds.items():
            started = time.perf_counter()
            assert await log_in(shop, "wrong", username) == 1051
            times.append(time.perf_counter() - started)
    known, unknown = (statistics.median(times) for times in seconds.values())
    assert 0.4 < known / unknown < 2.5
