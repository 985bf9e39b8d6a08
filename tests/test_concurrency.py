"""Many clients at once on the real server: the outcome is that of some serial order, and readers see no half bulk."""

import asyncio
import contextlib
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx

from erply_points.accounts.administration import check_account
from erply_points.app import stores_of
from support.client import Erply
from support.process import ServerProcess
from support.requests import RECEIPT, balance, earning, redemption


def code_of(answer: dict[str, Any]) -> int:
    code: int = answer["status"]["errorCode"]
    return code


@contextlib.asynccontextmanager
async def another_till(till: Erply) -> AsyncIterator[Erply]:
    """A second client of the same account: its own connections and its own session."""
    async with httpx.AsyncClient(base_url=till.http.base_url, timeout=30, trust_env=False) as http:
        yield await Erply(http, till.code).log_in()


async def problems(server: ServerProcess, till: Erply) -> list[str]:
    return await check_account(stores_of(server.settings), till.code)


async def test_sixty_parallel_redemptions_of_seven_from_a_hundred(till: Erply, server: ServerProcess) -> None:
    """A balance of 100 pays for exactly 14 redemptions of 7, however many ask for one at the same moment."""
    customer = await till.customer(points=100)
    asked = (till.call("subtractCustomerRewardPoints", customerID=customer, points=7) for _ in range(60))
    codes = Counter(map(code_of, await asyncio.gather(*asked)))
    assert codes == {0: 14, 1042: 46}
    assert await till.balance(customer) == 2
    assert len(await till.records("getUsedRewardPointRecords", customerID=customer)) == 14
    assert await problems(server, till) == []


async def test_parallel_bulks_share_a_balance_as_single_calls_do(till: Erply) -> None:
    """Inside bulks too, a balance is spent once: 12 bulks of 5 redemptions of 7 get 14 of them out of 100."""
    customer = await till.customer(points=100)
    answered = await asyncio.gather(*(till.codes([redemption(customer, 7)] * 5) for _ in range(12)))
    assert Counter(code for codes in answered for code in codes) == {0: 14, 1042: 46}
    assert await till.balance(customer) == 2


async def test_two_tills_on_one_customer_act_one_after_the_other(till: Erply) -> None:
    """What two tills are told about one customer's points fits one order of events, that of the transactionIDs."""
    customer = await till.customer(points=10_000)
    async with another_till(till) as other:
        answers = await asyncio.gather(
            *(
                (till, other)[number % 2].record(
                    "subtractCustomerRewardPoints", customerID=customer, points=1 + number % 9
                )
                for number in range(80)
            )
        )
    left = 10_000
    for answer in sorted(answers, key=lambda each: int(each["transactionID"])):
        left -= answer["subtractedPoints"]
        assert answer["remainingPoints"] == left
    assert await till.balance(customer) == left
    assert len({answer["transactionID"] for answer in answers}) == 80


async def test_totals_add_up_over_many_clients_and_customers(till: Erply, server: ServerProcess) -> None:
    """After a crowd has earned and spent at random, each balance is what the answers said was earned and spent."""
    customers = [await till.customer(points=50) for _ in range(6)]
    expected = dict.fromkeys(customers, 50)
    refused = 0

    async def client(source: random.Random) -> None:
        nonlocal refused
        for _ in range(8):
            requests = [
                source.choice((redemption, redemption, earning))(source.choice(customers), source.randint(1, 40))
                for _ in range(source.randint(1, 12))
            ]
            for request, code in zip(requests, await till.codes(requests), strict=True):
                if code:
                    assert code == 1042
                    refused += 1
                else:
                    sign = 1 if request["requestName"] == "addCustomerRewardPoints" else -1
                    expected[request["customerID"]] += sign * request["points"]

    await asyncio.gather(*(client(random.Random(seed)) for seed in range(12)))  # noqa: S311 - repeatable
    assert {customer: await till.balance(customer) for customer in customers} == expected
    assert refused  # The crowd did run into empty wallets.
    assert await problems(server, till) == []


async def test_parallel_receipts_get_ids_of_their_own_and_numbers_without_a_gap(till: Erply) -> None:
    """However many tills save receipts at once, and though some fail, no ID is given twice and no number is missing."""
    customer = await till.customer()
    bad = {**RECEIPT, "amount1": 0}
    many = [[RECEIPT], [RECEIPT, bad, RECEIPT], [bad], [bad, RECEIPT]] * 12
    answers = await asyncio.gather(
        *(till.answers([{**each, "customerID": customer} for each in bulk]) for bulk in many)
    )
    saved = [each["records"][0] for bulk in answers for each in bulk if not code_of(each)]
    assert len(saved) == 48
    assert len({record["invoiceID"] for record in saved}) == 48
    assert sorted(int(record["invoiceNo"]) for record in saved) == list(range(100_001, 100_049))
    assert await till.balance(customer) == 480


async def test_a_receipt_sent_many_times_at_once_is_saved_and_paid_once(till: Erply) -> None:
    """Of twenty parallel copies of one receipt with a redemption one is carried out, whole; all get its answer."""
    customer = await till.customer(points=100)
    bulk = [
        {**RECEIPT, "customerID": customer, "temporaryUUID": "twenty-at-once"},
        redemption(customer, 30, invoiceID="CURRENT_INVOICE_ID"),
    ]
    codes = Counter(map(tuple, await asyncio.gather(*(till.codes(bulk) for _ in range(20)))))
    assert codes == {(0, 0): 20}
    assert await till.balance(customer) == 100 + 10 - 30
    assert len(await till.records("getSalesDocuments", clientID=customer)) == 1


async def test_readers_never_see_half_a_bulk(till: Erply) -> None:
    """While bulks move points between two customers step by step, every reader finds the sum unchanged."""
    here, there = await till.customer(points=1_000), await till.customer(points=1_000)
    moving = True
    seen = set()

    async def move() -> None:
        nonlocal moving
        for number in range(60):
            giver, taker = (here, there) if number % 3 else (there, here)
            bulk = [
                redemption(giver, 5),
                {"requestName": "getUsedRewardPointRecords", "customerID": giver, "recordsOnPage": 1},
                earning(taker, 3),
                balance(taker),
                earning(taker, 2),
            ]
            assert await till.codes(bulk) == [0] * 5
        moving = False

    async def read(reader: Erply) -> None:
        while moving:
            answers = await reader.answers([balance(here), balance(there)])
            shown = tuple(answer["records"][0]["points"] for answer in answers)
            assert sum(shown) == 2_000, shown
            seen.add(shown)

    async with another_till(till) as other:
        await asyncio.gather(move(), read(other), read(other), read(till))
    assert len(seen) > 2  # They did look while points were on the move.


async def test_readers_do_not_wait_for_a_writer(till: Erply, server: ServerProcess) -> None:
    """While a transaction holds the database, balances and histories are answered and only writers wait."""
    customer = await till.customer(points=100)
    with contextlib.closing(sqlite3.connect(server.data / f"{till.code}.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        writer = asyncio.create_task(till.record("subtractCustomerRewardPoints", customerID=customer, points=40))
        try:
            async with asyncio.timeout(4):  # The lock itself is waited for 5 s.
                for _ in range(20):
                    assert await till.balance(customer) == 100
                    assert await till.records("getUsedRewardPointRecords", customerID=customer) == []
            assert not writer.done()
        finally:
            database.execute("ROLLBACK")
        assert (await writer)["remainingPoints"] == 60
    assert await till.balance(customer) == 60
