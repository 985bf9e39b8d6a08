"""The hourly quota: 1002 when it is used up, until the next full hour; off unless it is set."""

from typing import Any

import httpx
import pytest

from bulk.sending import outcome, post
from erply_points.accounts import pool
from erply_points.accounts.account import Account
from support.dialects import Capillary, Fabric
from support.shop import Shop

HOUR = 3_600
LOOK: dict[str, Any] = {"requestName": "getVatRates"}


async def called(shop: Shop, times: int = 1) -> list[int]:
    """The codes of single calls."""
    return [(await shop.call("getVatRates"))["status"]["errorCode"] for _ in range(times)]


async def bulked(shop: Shop, size: int, **top: Any) -> int:
    """The code of a bulk as a whole."""
    code: int = (await shop.bulk([LOOK] * size, **top))["status"]["errorCode"]
    return code


async def begin_an_hour(shop: Shop, seconds: int) -> None:
    """Go to so many seconds after the next full hour, with a new session."""
    shop.clock.now += HOUR + seconds - shop.clock.now % HOUR
    await shop.log_in()


async def test_off_unless_set(shop: Shop) -> None:
    """Without the setting any number of requests goes through."""
    assert await called(shop, 300) == [0] * 300


async def test_single_calls_until_the_next_hour(shop: Shop) -> None:
    """After as many calls as the setting says all are 1002, whatever they ask, until the next full hour begins."""
    shop.clock.advance(1_800)
    await shop.log_in()
    await shop.set(requests_per_hour="5")
    assert await called(shop, 8) == [0] * 5 + [1002] * 3
    assert await shop.error("saveCustomer", firstName="Mari") == (1002, None)
    shop.clock.advance(1_799.9)
    assert await called(shop) == [1002]
    shop.clock.advance(0.1)
    assert await called(shop, 6) == [0] * 5 + [1002]
    assert await shop.error("nothing") == (1002, None)


async def test_a_call_in_a_bulk_is_a_tenth(shop: Shop) -> None:
    """Ten calls in a bulk cost as much as a single one; an empty bulk costs a tenth too."""
    await shop.set(requests_per_hour="3")
    assert await bulked(shop, 19) == 0
    assert await called(shop) == [0]
    assert await bulked(shop, 0) == 0
    assert await bulked(shop, 1) == 1002
    assert await called(shop) == [1002]


async def test_refused_requests_do_nothing_and_cost_nothing(shop: Shop) -> None:
    """A bulk that is too large for what is left runs no part of itself, and a smaller one still goes."""
    customer = await shop.customer(points=10)
    await begin_an_hour(shop, 0)
    await shop.set(requests_per_hour="2")
    assert await called(shop) == [0]  # From here on the server knows of it.
    add = {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": 1}
    answer = await shop.bulk([add] * 11)
    assert outcome(answer["status"]) == (1002, None)
    assert "requests" not in answer
    assert await shop.codes([add] * 8) == [0] * 8
    assert (await shop.bulk([add] * 3))["status"]["errorCode"] == 1002
    assert (await shop.answers([{"requestName": "getCustomerRewardPoints", "customerID": customer}]))[0]["records"] == [
        {"points": 18}
    ]


async def test_strangers_cannot_use_it_up(shop: Shop) -> None:
    """What comes without a good session, or cannot be read, costs nothing; and log-ins are never 1002."""
    await shop.set(requests_per_hour="1")
    stranger = Shop(shop.http, shop.code, shop.settings, shop.clock)
    for _ in range(30):
        stranger.key = "f" * 40
        assert await called(stranger) == [1055]
        stranger.key = ""
        assert await called(stranger) == [1009]
        assert (await post(shop, b"{"))["status"]["errorCode"] == 1015
        assert (await post(shop, f'{{"clientCode": "{shop.code}", "requests": []}}'))["status"]["errorCode"] == 1009
        assert await bulked(shop, 101) == 1020
    for _ in range(3):
        await shop.log_in()
    assert await called(shop, 2) == [0, 1002]
    await shop.log_in()


async def test_a_changed_quota_holds_at_once(shop: Shop) -> None:
    """Raised while it is used up, it lets requests through; lowered below what was used, it lets none."""
    await shop.set(requests_per_hour="2")
    assert await called(shop, 3) == [0, 0, 1002]
    await shop.set(requests_per_hour="3")
    assert await called(shop, 2) == [0, 1002]
    await shop.set(requests_per_hour="0")
    assert await called(shop, 20) == [0] * 20
    await shop.set(requests_per_hour="10")
    assert await called(shop, 2) == [0, 1002]  # The first is told of it, and has it looked up.


async def test_each_account_has_its_own(shop: Shop) -> None:
    """One account's quota is not another's."""
    other = await shop.neighbour()
    await shop.set(requests_per_hour="1")
    assert await called(shop, 2) == [0, 1002]
    assert await called(other, 20) == [0] * 20


async def test_the_order_of_checks(shop: Shop) -> None:
    """Account, format, session and shape come before it; the name of the call and all of its parameters after it."""
    await shop.set(requests_per_hour="1")
    assert await called(shop, 2) == [0, 1002]
    assert await bulked(shop, 1, responseType="CSV") == 1007
    assert (await shop.bulk([LOOK], sessionKey="f" * 40))["status"]["errorCode"] == 1055
    assert (await shop.bulk([LOOK] * 101))["status"]["errorCode"] == 1020
    assert (await shop.bulk([{"requestName": "nothing"}]))["status"]["errorCode"] == 1002


async def test_what_was_used_outlives_an_idle_account(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that was closed because nobody used it for a while still knows what it has used of the hour."""
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
    opened: list[str] = []
    original = Account.__init__

    def counting(account: Account, code: str, *more: Any) -> None:
        opened.append(code)
        original(account, code, *more)

    monkeypatch.setattr(Account, "__init__", counting)
    await shop.set(requests_per_hour="2")
    other = await shop.neighbour()
    assert await called(shop) == [0]
    # To open another closes those that are idle.
    another = await shop.neighbour()
    assert await called(other) + await called(another) == [0, 0]
    assert await called(shop, 2) == [0, 1002]
    assert shop.code in opened


async def test_the_other_dialects_say_429(shop: Shop) -> None:
    """Capillary and fabric answer 429 in their own shapes, with the seconds that the hour has left; tokens are free."""
    customer = await shop.customer(points=10)
    key, secret = await shop.client()
    capillary = Capillary(shop.http, key, secret)
    await begin_an_hour(shop, 600)
    await shop.set(requests_per_hour="2")
    assert (await capillary.adjust(customer, pointsToBeAdjusted=1))["pointsAvailable"] == "9.000"
    for _ in range(3):
        fabric = await Fabric.log_in(shop.http, key, secret)
    assert (await fabric.post("points-adjustment", {"points": 1, "profileId": "x"})).status_code == 404

    def refused(response: httpx.Response) -> bool:
        return (response.status_code, response.headers["retry-after"]) == (429, "3000")

    path = f"/v2/customers/{customer}/negativePointsAdjustment"
    response = await capillary.send(path, {}, {"reasonOfReturn": "x", "pointsToBeAdjusted": 1})
    assert refused(response)
    assert response.json()["errors"][0]["code"] == 429
    assert refused(await fabric.post("points-adjustment", {"points": 1, "profileId": "x"}))
    headers = {"authorization": f"Bearer {fabric.token}"}
    assert refused(await shop.http.get("/v1/inquire/x/member-points", headers=headers))
    assert (await Capillary(shop.http, key, "wrong").send(path, {}, b"")).status_code == 401
    shop.clock.advance(3_000)
    assert (await capillary.adjust(customer, pointsToBeAdjusted=1))["pointsAvailable"] == "8.000"
