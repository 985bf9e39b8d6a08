"""Where no requestID is used twice, each sub-request is known by its own: a queue may be cut into bulks anew."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retries.keyed import (
    Reply,
    balance,
    by_header,
    by_uuid,
    earning,
    examples,
    in_a_shop,
    plain,
    receipt,
    redemption,
    send,
)
from support.client import Record
from support.shop import Shop

UNIQUE = {"unique_request_ids": "1"}


@pytest.fixture
async def queue(shop: Shop) -> list[Record]:
    """Five sub-requests of customer 1, who has 100 points; the account is set for unique requestIDs."""
    await shop.set(**UNIQUE)
    assert await shop.customer(points=100) == 1
    return [
        receipt(1, requestID="a"),
        redemption(1, 10, requestID="b", invoiceID="CURRENT_INVOICE_ID"),
        redemption(1, 20, requestID="c"),
        earning(1, 7, requestID="d"),
        redemption(1, 5, requestID="e"),
    ]


def records(reply: Reply) -> list[Any]:
    return [each["records"] for each in reply.answers]


async def test_a_queue_that_is_cut_anew(shop: Shop, queue: list[Record]) -> None:
    """What was done is given its first answer, the rest is run, and the header says that it was so: `partial`."""
    first = await send(shop, plain(queue[:3]))
    assert first.replayed is None
    again = await send(shop, plain(queue[1:]))
    assert (again.codes, again.replayed) == ([0] * 4, "partial")
    assert records(again)[:2] == records(first)[1:]
    assert again.record(2)["points"] == 7
    everything = await send(shop, plain(queue))
    assert (everything.codes, everything.replayed) == ([0] * 5, "true")
    assert records(everything) == records(first) + records(again)[2:]
    assert await shop.balance(1) == 100 + 18 - 10 - 20 + 7 - 5
    assert await shop.check() == []


async def test_what_follows_an_invoice_that_was_done(shop: Shop, queue: list[Record]) -> None:
    """Behind an invoice that was done before, the placeholder means that very document."""
    sold = await send(shop, plain(queue[:1]))
    paid = await send(shop, plain(queue[:2]))
    assert (paid.codes, paid.replayed) == ([0, 0], "partial")
    used = await shop.record("getUsedRewardPointRecords")
    assert str(used["invoiceID"]) == sold.record(0)["invoiceID"]
    alone = await send(shop, plain(queue[1:2]))  # Its invoice stood before it when it was done.
    assert (records(alone), alone.replayed) == (records(paid)[1:], "true")


async def test_in_any_order(shop: Shop, queue: list[Record]) -> None:
    """A bulk that holds the same sub-requests in another order finds each of its first answers."""
    first = await send(shop, plain(queue))
    backwards = await send(shop, plain(queue[::-1]))
    assert (records(backwards), backwards.replayed) == (records(first)[::-1], "true")


async def test_a_failure_is_tried_again(shop: Shop, queue: list[Record]) -> None:
    """What failed has no first answer, so its requestID may come again, mended or not."""
    too_much = redemption(1, 500, requestID="c")
    first = await send(shop, plain([queue[0], too_much, queue[3]]))
    assert first.codes == [0, 1042, 0]
    again = await send(shop, plain([queue[0], too_much, queue[3]]))
    assert (again.codes, again.replayed) == ([0, 1042, 0], "partial")
    mended = await send(shop, plain([queue[0], queue[2], queue[3]]))
    assert (mended.codes, mended.replayed) == ([0, 0, 0], "partial")
    assert await shop.balance(1) == 100 + 18 + 7 - 20


@pytest.mark.parametrize("times", [2, 3])
async def test_a_sub_request_twice_in_one_bulk(shop: Shop, queue: list[Record], times: int) -> None:
    """A queue that holds a sub-request twice does it once; both places answer the same."""
    first = await send(shop, plain([queue[2]] * times + [queue[4]]))
    assert first.codes == [0] * (times + 1)
    assert records(first)[1:times] == records(first)[:1] * (times - 1)
    assert records(await send(shop, plain([queue[2]] * times))) == records(first)[:times]
    assert await shop.balance(1) == 100 - 20 - 5


async def test_a_failure_twice_in_one_bulk(shop: Shop, queue: list[Record]) -> None:
    """Twice in one bulk, a failure is one failure in two places; in a later bulk it is tried again."""
    poor = redemption(1, 105, requestID="p")
    assert (await send(shop, plain([poor, queue[3], poor]))).codes == [1042, 0, 1042]
    assert (await send(shop, plain([poor, queue[3], poor]))).codes == [0, 0, 0]
    assert await shop.balance(1) == 100 + 7 - 105


async def test_reading_sub_requests(shop: Shop, queue: list[Record]) -> None:
    """A balance asked for beside changes is the first answer too; one asked for alone is that of now."""
    asked = {**balance(1), "requestID": "balance"}
    first = await send(shop, plain([queue[2], asked]))
    await send(shop, plain([queue[4]]))
    assert records(await send(shop, plain([queue[2], asked]))) == records(first)
    assert (await send(shop, plain([asked]))).record(0) == {"points": 75}


async def test_without_a_request_id_it_is_done_again(shop: Shop, queue: list[Record]) -> None:
    """A sub-request without a requestID has no key, whatever stands beside it."""
    unnamed = redemption(1, 3)
    for _ in range(2):
        assert (await send(shop, plain([queue[2], unnamed]))).codes == [0, 0]
    assert (await send(shop, plain([queue[2], unnamed]))).replayed == "partial"
    assert await shop.balance(1) == 100 - 20 - 3 * 3


async def test_a_key_of_the_whole_goes_first(shop: Shop, queue: list[Record]) -> None:
    """Under a header or a UUID a bulk is whole: cut anew under it, it is other content, and nothing is run."""
    await send(shop, by_header("k", queue[2:]))
    assert (await send(shop, by_header("k", queue[3:]))).status == (1013, "idempotencyKey")
    sold = by_uuid("u", queue[:2])
    await send(shop, sold)
    assert (await send(shop, by_uuid("u", queue[:3]))).status == (1206, "temporaryUUID")
    new_key = await send(shop, by_header("k2", queue[3:]))
    assert new_key.replayed == "true"  # No more than the first answers of its sub-requests.
    assert await shop.balance(1) == 100 + 18 - 10 - 20 + 7 - 5


async def test_an_atomic_bulk_that_fails_is_no_excuse(shop: Shop, queue: list[Record]) -> None:
    """What an earlier bulk has kept is not said to be lost when a later, atomic one fails."""
    first = await send(shop, plain(queue[2:4]))
    failed = await send(shop, plain([*queue[2:5], redemption(1, 500, requestID="f")], atomic=1))
    assert failed.status[0] == 9001
    assert failed.codes == [0, 0, 9001, 1042]
    assert records(failed)[:2] == records(first)
    assert await shop.balance(1) == 100 - 20 + 7


async def test_atomic_over_what_was_done(shop: Shop, queue: list[Record]) -> None:
    """An atomic bulk may hold what was done before: the rest is all or nothing."""
    await send(shop, plain(queue[:2]))
    done = await send(shop, plain(queue, atomic=1))
    assert (done.status[0], done.codes, done.replayed) == (0, [0] * 5, "partial")
    assert (await send(shop, plain(queue, atomic=1))).replayed == "true"
    assert await shop.balance(1) == 100 + 18 - 10 - 20 + 7 - 5


async def test_the_same_sub_requests_in_many_bulks_at_once(shop: Shop, queue: list[Record]) -> None:
    """Tills that send overlapping parts of one queue at the same time do each sub-request once."""
    many = [queue[start : start + 3] for start in (1, 2, 0, 2, 1, 0)] * 4
    replies = await asyncio.gather(*(send(shop, plain(each)) for each in many))
    answers: dict[str, Any] = {}
    for bulk, reply in zip(many, replies, strict=True):
        for request, code, answer in zip(bulk, reply.codes, records(reply), strict=True):
            if not code:
                assert answers.setdefault(request["requestID"], answer) == answer
    assert answers.keys() == {"a", "b", "c", "d", "e"}
    assert await shop.balance(1) == 100 + 18 - 10 - 20 + 7 - 5


def _queue(size: int) -> list[Record]:
    """`size` sub-requests that say in their description who they are; some fail until points have come."""
    kinds = (
        lambda name: redemption(1, 10, requestID=name, description=name),
        lambda name: earning(1, 15, requestID=name, description=name),
        lambda name: redemption(1, 40, requestID=name, description=name),
    )
    return [kinds[number % 3](f"r{number}") for number in range(size)]


SIZE = 8
CUTS = st.lists(st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=6), min_size=1, max_size=10)


@given(cuts=CUTS)
@examples(40)
def test_however_a_queue_is_cut_each_is_done_once(cuts: list[list[int]]) -> None:
    """Whatever is sent again in whatever company and order: who succeeded once is there once, with one answer."""
    queue = _queue(SIZE)

    async def story(shop: Shop) -> None:
        assert await shop.customer(points=20) == 1
        answers: dict[str, Any] = {}
        for cut in cuts:
            bulk = [queue[number] for number in cut]
            reply = await send(shop, plain(bulk))
            for request, code, answer in zip(bulk, reply.codes, records(reply), strict=True):
                name = request["requestID"]
                assert (name not in answers) or not code
                if not code:
                    assert answers.setdefault(name, answer) == answer
        used = await shop.records("getUsedRewardPointRecords")
        earned = await shop.records("getEarnedRewardPointRecords")
        there = Counter(each["description"] for each in [*used, *earned] if each["description"])
        assert there == Counter(answers.keys())
        assert await shop.check() == []

    in_a_shop(story, **UNIQUE)
