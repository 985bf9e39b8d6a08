"""Points over time: durations, expiry to the second, backdated and future-dated earnings."""

from datetime import UTC, datetime

import pytest

from support.shop import Shop, open_shop, place

NOW = 1_767_225_600  # 2026-01-01 00:00:00 UTC
DAY = 86_400


async def test_points_expire_at_their_second(shop: Shop) -> None:
    """A point is spendable until the second before its expiry and gone at it, in balance, history and redemption."""
    customer = await shop.customer()
    await shop.record("addCustomerRewardPoints", customerID=customer, points=10, expiryUnixTime=NOW + 60)
    await shop.record("addCustomerRewardPoints", customerID=customer, points=5)
    shop.clock.now = NOW + 59.9
    assert await shop.balance(customer) == 15
    assert [each["remainingPoints"] for each in await shop.records("getEarnedRewardPointRecords")] == [10, 5]
    shop.clock.now = NOW + 60
    assert await shop.balance(customer) == 5
    assert [each["remainingPoints"] for each in await shop.records("getEarnedRewardPointRecords")] == [0, 5]
    assert await shop.error("subtractCustomerRewardPoints", customerID=customer, points=6) == (1042, None)
    record = await shop.record("subtractCustomerRewardPoints", customerID=customer, points=5)
    assert record["remainingPoints"] == 0
    assert [each["earnedPoints"] for each in await shop.records("getEarnedRewardPointRecords")] == [10, 5]
    assert len(await shop.records("getUsedRewardPointRecords")) == 1
    assert await shop.check() == []


@pytest.mark.parametrize("seconds", [1, 3_600, 10 * DAY])
async def test_what_was_earned_before_the_clock_steps_back(shop: Shop, seconds: int) -> None:
    """Points that were earned can be spent at once, also if the clock then steps back behind the earning."""
    customer = await shop.customer(points=30)
    sale = {"type": "CASHINVOICE", "customerID": customer, "amount1": 1, "price1": 12}
    await shop.record("saveSalesDocument", **sale)
    shop.clock.advance(-seconds)
    assert await shop.balance(customer) == 42
    record = await shop.record("subtractCustomerRewardPoints", customerID=customer, points=42)
    assert record["remainingPoints"] == 0
    assert await shop.check() == []


async def test_many_expired_lots(shop: Shop) -> None:
    """A wallet whose first twenty lots have expired meanwhile shows and spends the right rest."""
    customer = await shop.customer()
    add = {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": 2}
    await shop.answers([{**add, "expiryUnixTime": NOW + 1 + n} for n in range(25)])
    shop.clock.now = NOW + 20
    assert await shop.balance(customer) == 10
    assert await shop.error("subtractCustomerRewardPoints", customerID=customer, points=11) == (1042, None)
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points=9)
    shop.clock.now = NOW + 100
    assert await shop.balance(customer) == 0
    assert await shop.check() == []


@pytest.mark.parametrize(
    ("months", "bought", "expires"),
    [
        (1, "2026-01-31 12:00:00", "2026-02-28 12:00:00"),
        (1, "2024-01-31 12:00:00", "2024-02-29 12:00:00"),
        (12, "2024-02-29 12:00:00", "2025-02-28 12:00:00"),
        (6, "2026-01-15 10:00:00", "2026-07-15 09:00:00"),
        (11, "2026-12-31 00:30:00", "2027-11-30 00:30:00"),
        (1, "2026-12-01 10:00:00", "2027-01-01 10:00:00"),
        (1200, "2026-03-01 10:00:00", "2126-03-01 10:00:00"),
    ],
)
async def test_duration_in_calendar_months(shop: Shop, months: int, bought: str, expires: str) -> None:
    """Points expire at the same local time so many months later, on the last day of a month that is too short."""
    await shop.set(reward_points_duration=str(months), timezone="Europe/Tallinn")
    created = int(datetime.fromisoformat(bought).replace(tzinfo=UTC).timestamp())
    customer = await shop.customer()
    record = await shop.record("addCustomerRewardPoints", customerID=customer, points=1, createdUnixTime=created)
    assert str(datetime.fromtimestamp(record["expiryUnixTime"], UTC)) == f"{expires}+00:00"


async def test_a_given_expiry_wins_over_the_duration(shop: Shop) -> None:
    """An explicit expiry is kept; without a duration points never expire."""
    customer = await shop.customer()
    never = await shop.record("addCustomerRewardPoints", customerID=customer, points=1)
    await shop.set(reward_points_duration="1")
    given = await shop.record("addCustomerRewardPoints", customerID=customer, points=1, expiryUnixTime=NOW + 5)
    default = await shop.record("addCustomerRewardPoints", customerID=customer, points=1)
    assert (never["expiryUnixTime"], given["expiryUnixTime"]) == (0, NOW + 5)
    assert default["expiryUnixTime"] == NOW + 31 * DAY
    shop.clock.now = NOW + 100 * 365 * DAY
    await shop.log_in()
    assert await shop.balance(customer) == 1


async def test_backdated_earnings(shop: Shop) -> None:
    """A history may be carried over: an earning that has expired already is listed but counts for nothing."""
    await shop.set(reward_points_duration="12")
    customer = await shop.customer()
    old = await shop.record("addCustomerRewardPoints", customerID=customer, points=50, createdUnixTime=NOW - 400 * DAY)
    assert old["expiryUnixTime"] < NOW
    recent = await shop.record(
        "addCustomerRewardPoints", customerID=customer, points=7, createdUnixTime=NOW - 100 * DAY
    )
    assert NOW < recent["expiryUnixTime"] < NOW + 300 * DAY
    assert await shop.balance(customer) == 7
    records = await shop.records("getEarnedRewardPointRecords")
    assert [(each["earnedPoints"], each["remainingPoints"]) for each in records] == [(50, 0), (7, 7)]
    assert await shop.check() == []


async def test_future_dated_earnings(shop: Shop) -> None:
    """An earning dated in the future keeps its date, counts in the balance, and conserves."""
    customer = await shop.customer()
    record = await shop.record("addCustomerRewardPoints", customerID=customer, points=5, createdUnixTime=NOW + 10 * DAY)
    assert record["createdUnixTime"] == NOW + 10 * DAY
    assert await shop.balance(customer) == 5
    shop.clock.advance(11 * DAY)
    await shop.log_in()
    assert await shop.balance(customer) == 5
    assert await shop.check() == []


@pytest.mark.parametrize("created", [1, 253_402_300_799])
async def test_the_ends_of_time(shop: Shop, created: int) -> None:
    """The first and the last second that can be named work with any duration."""
    await shop.set(reward_points_duration="1200", timezone="Pacific/Kiritimati")
    customer = await shop.customer()
    await shop.record("addCustomerRewardPoints", customerID=customer, points=5, createdUnixTime=created)
    await shop.record("saveSalesDocument", customerID=customer, amount1=1, price1=1, date="9999-12-31", time="23:59:59")
    await shop.record("saveSalesDocument", customerID=customer, amount1=1, price1=1, date="0001-01-01", time="00:00")
    await shop.records("getEarnedRewardPointRecords")
    assert await shop.check() == []


async def test_a_clock_that_steps_back(shop: Shop) -> None:
    """If the machine's clock is set back, nothing is lost, expired points stay expired, and `check` stays content."""
    customer = await shop.customer(points=10)
    await shop.record("addCustomerRewardPoints", customerID=customer, points=3, expiryUnixTime=NOW + 50)
    shop.clock.now = NOW + 100
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points=2)
    shop.clock.now = NOW
    await shop.record("subtractCustomerRewardPoints", customerID=customer, points=8)
    assert await shop.balance(customer) == 0
    assert await shop.check() == []


async def test_the_shops_own_time_zone(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A sale's default date and time are the shop's local ones."""
    for zone, expected in (("Europe/Tallinn", "2026-01-01 02:00:00"), ("America/New_York", "2025-12-31 19:00:00")):
        async with open_shop(place(tmp_path_factory.mktemp("data")), timezone=zone) as shop:
            await shop.record("saveSalesDocument", amount1=1)
            record = await shop.record("getSalesDocuments")
            assert f"{record['date']} {record['time']}" == expected
