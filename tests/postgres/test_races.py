"""Four server processes on one database: the outcome is that of some serial order, as with one.

ERPLY_POINTS_RACES sets how many times as much is sent (default 1).
"""

import asyncio
import os
import random
from collections import Counter
from typing import Final

from erply_points.accounts.administration import check_account, create_user
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from support.client import Erply
from support.requests import RECEIPT, balance, crowd, earning, redemption

RACES: Final = int(os.environ.get("ERPLY_POINTS_RACES", "1"))


async def problems(tills: list[Erply], settings: ServerSettings) -> list[str]:
    return await check_account(stores_of(settings), tills[0].code)


async def test_one_customer_at_four_servers(tills: list[Erply], settings: ServerSettings) -> None:
    """A balance pays for exactly as many redemptions as it can, wherever they are sent; all others are 1042."""
    paid = 40 * RACES
    customer = await tills[0].customer(points=7 * paid + 6)
    sent = 2 * paid
    asked = (tills[number % 4].codes([redemption(customer, 7)]) for number in range(sent))
    codes = Counter(code for codes in await crowd(asked) for code in codes)
    assert codes == {0: paid, 1042: sent - paid}
    assert [await till.balance(customer) for till in tills] == [6] * 4
    assert await problems(tills, settings) == []


async def test_what_four_tills_are_told_fits_one_order(tills: list[Erply]) -> None:
    """What is left after each redemption is told as if they had come one after the other, by their transactionIDs."""
    customer = await tills[0].customer(points=100_000)
    answers = await crowd(
        tills[number % 4].record("subtractCustomerRewardPoints", customerID=customer, points=1 + number % 9)
        for number in range(80 * RACES)
    )
    left = 100_000
    for answer in sorted(answers, key=lambda each: int(each["transactionID"])):
        left -= answer["subtractedPoints"]
        assert answer["remainingPoints"] == left
    assert len({answer["transactionID"] for answer in answers}) == len(answers)


async def test_totals_add_up_over_servers_and_customers(tills: list[Erply], settings: ServerSettings) -> None:
    """After a crowd has earned and spent at random at all servers, each balance is what the answers said."""
    customers = [await tills[0].customer(points=50) for _ in range(6)]
    expected = dict.fromkeys(customers, 50)
    refused = 0

    async def client(till: Erply, source: random.Random) -> None:
        nonlocal refused
        for _ in range(6 * RACES):
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

    await asyncio.gather(*(client(tills[seed % 4], random.Random(seed)) for seed in range(12)))  # noqa: S311 - repeatable
    assert {customer: await tills[3].balance(customer) for customer in customers} == expected
    assert refused  # The crowd did run into empty wallets.
    assert await problems(tills, settings) == []


async def test_a_key_at_all_servers_at_once_is_done_once(tills: list[Erply]) -> None:
    """A redemption that reaches four servers at the same moment is carried out once; all get its answer."""
    customer = await tills[0].customer(points=1_000 * RACES)
    for number in range(10 * RACES):
        form = {"clientCode": tills[0].code, "sessionKey": tills[0].key, "request": "subtractCustomerRewardPoints"}
        asked = [
            till.http.post(
                "/api/",
                data={**form, "customerID": customer, "points": 3},
                headers={"Idempotency-Key": f"till-{number}"},
            )
            for till in tills
        ]
        answers = [answer.json() for answer in await asyncio.gather(*asked)]
        assert [answer["status"]["errorCode"] for answer in answers] == [0] * 4
        assert len({answer["records"][0]["transactionID"] for answer in answers}) == 1
        assert await tills[0].balance(customer) == 1_000 * RACES - 3 * (number + 1)


async def test_a_receipt_sent_to_all_servers_at_once_is_saved_and_paid_once(tills: list[Erply]) -> None:
    """Of parallel copies of one receipt with a redemption one is carried out, whole; all get its answer."""
    customer = await tills[0].customer(points=100)
    bulk = [
        {**RECEIPT, "customerID": customer, "temporaryUUID": "everywhere-at-once"},
        redemption(customer, 30, invoiceID="CURRENT_INVOICE_ID"),
    ]
    codes = Counter(map(tuple, await asyncio.gather(*(tills[number % 4].codes(bulk) for number in range(12)))))
    assert codes == {(0, 0): 12}
    assert await tills[1].balance(customer) == 100 + 10 - 30
    assert len(await tills[2].records("getSalesDocuments", clientID=customer)) == 1


async def test_receipts_get_ids_of_their_own_and_numbers_without_a_gap(tills: list[Erply]) -> None:
    """However many servers save receipts at once, and though some fail, no ID is given twice and no number missing."""
    customer = await tills[0].customer()
    bad = {**RECEIPT, "amount1": 0}
    many = [[RECEIPT], [RECEIPT, bad, RECEIPT], [bad], [bad, RECEIPT], [RECEIPT]] * (4 * RACES)
    answers = await crowd(
        tills[number % 4].answers([{**each, "customerID": customer} for each in bulk])
        for number, bulk in enumerate(many)
    )
    saved = [each["records"][0] for bulk in answers for each in bulk if not each["status"]["errorCode"]]
    assert len({record["invoiceID"] for record in saved}) == len(saved) == 20 * RACES
    numbers = sorted(int(record["invoiceNo"]) for record in saved)
    assert numbers == list(range(100_001, 100_001 + 20 * RACES))


async def test_no_server_shows_half_a_bulk(tills: list[Erply]) -> None:
    """While bulks move points between two customers step by step, every reader anywhere finds the sum unchanged."""
    here, there = await tills[0].customer(points=1_000), await tills[0].customer(points=1_000)
    moving = True
    seen = set()

    async def move(till: Erply) -> None:
        for number in range(20 * RACES):
            giver, taker = (here, there) if number % 2 else (there, here)
            bulk = [
                redemption(giver, 5),
                {"requestName": "getUsedRewardPointRecords", "customerID": giver, "recordsOnPage": 1},
                earning(taker, 3),
                balance(taker),
                earning(taker, 2),
            ]
            assert await till.codes(bulk) == [0] * 5

    async def read(till: Erply) -> None:
        while moving:
            answers = await till.answers([balance(here), balance(there)])
            shown = tuple(answer["records"][0]["points"] for answer in answers)
            assert sum(shown) == 2_000, shown
            seen.add(shown)

    readers = asyncio.gather(*(read(till) for till in tills))
    await asyncio.gather(move(tills[0]), move(tills[1]))
    moving = False
    await readers
    assert len(seen) > 2  # They did look while points were on the move.


async def test_a_session_is_good_at_all_servers(tills: list[Erply]) -> None:
    """A session that one server opened is known to all at once, and so are the customers that it made."""
    for number, till in enumerate(tills):
        opened = await Erply(till.http, till.code).log_in()
        customer = await opened.customer(points=number + 1)
        for other in tills:
            assert await Erply(other.http, till.code, opened.key).balance(customer) == number + 1


async def test_failed_log_ins_count_wherever_they_are(tills: list[Erply], settings: ServerSettings) -> None:
    """Five failures block a name at all servers, whichever of them they came to."""
    await create_user(stores_of(settings), tills[0].code, "manager", "right")
    for number in range(5):
        assert (await tills[number % 4].error("verifyUser", username="manager", password="wrong"))[0] == 1051
    for till in tills:
        assert (await till.error("verifyUser", username="manager", password="right"))[0] == 1052
