"""Random lives of an account on a bad network: whatever is sent again, it comes to what sending once comes to."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.every_call import some_of_everything
from erply_points.bulk import retries as of_bulks
from retries.bulks import BULKS
from retries.keyed import KEYS, Keyed, Request, contents, copy, examples, file_of, in_a_shop, plain, redemption, send
from support.client import Record
from support.shop import Shop

OWN_KEYS = {"temporaryUUID", "requestID"}
UNIQUE = {"unique_request_ids": "1"}
WHOLE = {kind: keyed for kind, keyed in KEYS.items() if kind in {"Idempotency-Key", "idempotencyKey"}}
SENDS = st.lists(
    st.tuples(
        BULKS.map(lambda bulk: [{name: each[name] for name in each if name != "temporaryUUID"} for each in bulk]),
        st.integers(1, 3),  # Copies at the same time.
        st.lists(st.integers(0, 5), max_size=2),  # Earlier ones that come once more afterwards.
        st.sampled_from([0, 0, 1]),
    ),
    min_size=1,
    max_size=6,
)


async def done(shop: Shop, request: Request) -> bool:
    """Send a request; whether it was run for the first time and something of it was kept."""
    before = contents(file_of(shop))
    reply = await send(shop, request)
    assert reply.replayed in {None, "true"}
    changed = contents(file_of(shop)) != before
    assert not (changed and reply.replayed)
    return changed


@given(sends=SENDS, kind=st.sampled_from(sorted(WHOLE)))
@examples(40)
def test_sent_one_to_three_times(sends: list[tuple[list[Record], int, list[int], int]], kind: str) -> None:
    """Bulks with a key each, every one sent up to three times at once and more often later, are done once each.

    In an account with the same beginnings each is sent once, without a key. In the end both hold the same rows.
    """
    keyed: Keyed = WHOLE[kind]

    async def story(shop: Shop) -> None:
        await some_of_everything(shop)
        twin = copy(shop)
        kept: set[int] = set()
        for number, (bulk, times, again, atomic) in enumerate(sends):
            request = keyed(f"k{number}", bulk, atomic=atomic, references=1)
            before = contents(file_of(shop))
            replies = await asyncio.gather(*(send(shop, request) for _ in range(times)))
            if contents(file_of(shop)) != before:
                kept.add(number)
                assert sorted(each.replayed or "" for each in replies) == ["", *["true"] * (times - 1)]
                assert len({each.body for each in replies}) == 1
                assert (await send(twin, plain(bulk, atomic=atomic, references=1))).body == replies[0].body
            else:
                assert {each.replayed for each in replies} == {None}
            for earlier in again:
                if earlier in kept:
                    earlier_bulk, _, _, earlier_atomic = sends[earlier]
                    assert not await done(shop, keyed(f"k{earlier}", earlier_bulk, atomic=earlier_atomic, references=1))
        assert contents(file_of(shop), "kept_answers") == contents(file_of(twin), "kept_answers")
        assert len(contents(file_of(shop))["kept_answers"]) == len(kept)
        assert await shop.check() == []

    in_a_shop(story)


def test_the_property_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: first answers that forget how many records there were are caught."""
    dump = of_bulks._dump
    monkeypatch.setattr(of_bulks, "_dump", lambda outcome: [*dump(outcome)[:1], 0, *dump(outcome)[2:]])
    with pytest.raises(AssertionError):
        test_sent_one_to_three_times()


@given(
    bulks=st.lists(BULKS, min_size=1, max_size=4),
    kinds=st.sets(st.sampled_from(sorted(KEYS)), min_size=1),
    times=st.integers(2, 4),
)
@examples(25)
def test_a_crowd_of_different_bulks(bulks: list[list[Record]], kinds: set[str], times: int) -> None:
    """Different bulks of all kinds of keys in one crowd: each has one answer, and a redemption in each leaves once."""

    async def story(shop: Shop) -> None:
        await some_of_everything(shop)
        customer = await shop.customer(points=10_000)
        requests: dict[str, Request] = {}
        for (number, bulk), kind in ((each, kind) for each in enumerate(bulks) for kind in sorted(kinds)):
            name = f"{kind}-{number}"
            document = {"requestName": "saveSalesDocument", "amount1": 1, "notes": name}
            sure = [document, redemption(customer, 1, description=name)]
            rest = [{each: value for each, value in one.items() if each not in OWN_KEYS} for one in bulk]
            requests[name] = KEYS[kind](name, [*sure, *(one for one in rest if not _is_sale(one))])
        names = list(requests)
        replies = await asyncio.gather(*(send(shop, request) for request in [*requests.values()] * times))
        for number in range(len(names)):
            copies = replies[number :: len(names)]
            assert len({each.record(1)["transactionID"] for each in copies}) == 1
            assert sum(each.replayed is None for each in copies) == 1
        used = Counter(each["description"] for each in await shop.records("getUsedRewardPointRecords"))
        assert {name: used[name] for name in names} == dict.fromkeys(names, 1)
        assert await shop.check() == []

    in_a_shop(story, **UNIQUE)


def _is_sale(request: Record) -> bool:
    return bool(request["requestName"] == "saveSalesDocument")
