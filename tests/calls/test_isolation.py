"""Two accounts on one server: whatever one of them does, the other neither sees nor feels it."""

import asyncio
import sqlite3
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bulk.sending import contents
from support.shop import Shop

ids = st.integers(0, 6)
references = st.one_of(ids, st.just("CURRENT_INVOICE_ID"))
sub_requests = st.one_of(
    st.fixed_dictionaries(
        {"requestName": st.just("saveCustomer"), "firstName": st.text("abÕ", max_size=3)},
        optional={"customerID": ids, "customerCardNumber": st.sampled_from(["C1", "C2", "C3"])},
    ),
    st.fixed_dictionaries(
        {"requestName": st.sampled_from(["addCustomerRewardPoints", "subtractCustomerRewardPoints"])}
        | {"customerID": ids, "points": st.integers(0, 60)},
        optional={"invoiceID": references},
    ),
    st.fixed_dictionaries(
        {"requestName": st.just("saveSalesDocument"), "customerID": ids, "amount1": st.integers(-1, 3)},
        optional={"id": ids, "price1": st.integers(0, 50), "temporaryUUID": st.sampled_from(["u1", "u2"])},
    ),
    st.fixed_dictionaries({"requestName": st.just("saveVatRate"), "rate": ids}, optional={"vatRateID": ids}),
    st.fixed_dictionaries(
        {"requestName": st.sampled_from(["getCustomers", "getSalesDocuments", "getUsedRewardPointRecords"])},
        optional={"customerID": ids, "recordsOnPage": ids},
    ),
    st.just({"requestName": "verifyUser", "username": "till", "password": "wrong"}),
)


def rows(shop: Shop) -> list[str]:
    """Every row of an account's database."""
    database = sqlite3.connect(shop.folder / f"{shop.code}.db")
    try:
        return list(database.iterdump())
    finally:
        database.close()


async def populated(shop: Shop) -> Shop:
    """A customer with points, a document and a UUID, under the same numbers as the other account will use."""
    customer = await shop.customer(points=100, customerCardNumber="C1", lastName="Salajane")
    await shop.record("saveSalesDocument", customerID=customer, amount1=1, price1=10, temporaryUUID="u1")
    return shop


async def test_what_one_does_the_other_never_feels(shop: Shop) -> None:
    """Whatever bulks one account sends, the other's answers and rows are unchanged, and none of it leaks out."""
    quiet, busy = await populated(await shop.neighbour()), await shop.neighbour()
    before = await contents(quiet)
    rows_before = rows(quiet)
    loop = asyncio.get_running_loop()

    async def example(bulk: list[dict[str, Any]]) -> None:
        answer = str(await busy.bulk(bulk))
        assert "Salajane" not in answer
        assert quiet.key not in answer
        stolen = await quiet.bulk([*bulk, {"requestName": "getCustomers"}], sessionKey=busy.key)
        assert stolen["status"]["errorCode"] == 1055
        assert await contents(quiet) == before

    @settings(max_examples=60, deadline=None)
    @given(bulk=st.lists(sub_requests, min_size=1, max_size=8))
    def busily(bulk: list[dict[str, Any]]) -> None:
        asyncio.run_coroutine_threadsafe(example(bulk), loop).result(timeout=30)

    await asyncio.to_thread(busily)
    assert rows(quiet) == rows_before
    assert await busy.check() == []


OWN = {"added": 0, "lastModified": 0, "profileID": ""}
"""What differs between accounts with the same contents."""


async def test_the_same_names_and_numbers_in_both(shop: Shop) -> None:
    """Card numbers, UUIDs, document numbers and user names of one account are free in the other."""
    first, second = await populated(shop), await populated(await shop.neighbour())
    for mine, theirs in zip(await contents(first), await contents(second), strict=True):
        assert [{**each, **OWN} for each in mine] == [{**each, **OWN} for each in theirs]
    assert first.key != second.key
    await first.record("subtractCustomerRewardPoints", customerID=1, points=100)
    assert (await first.balance(1), await second.balance(1)) == (10, 110)


async def test_settings_are_each_accounts_own(shop: Shop) -> None:
    """A setting changed in one account is not changed in the other."""
    other = await shop.neighbour()
    await shop.set(reward_points_per_currency_unit="7", error_records="empty")
    assert (await other.record("getConfParameters"))["reward_points_per_currency_unit"] == "1"
    assert (await other.call("nothing"))["records"] is None
    assert (await shop.call("nothing"))["records"] == []
