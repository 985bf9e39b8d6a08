"""Whatever is sent, the answer is of the dialect's shape, never a 500, and what is refused has changed nothing."""

import asyncio
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from support.dialects import LOOKUP, Capillary, Fabric
from support.shop import Shop, open_shop, place

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["0", "1", "-1", "1.5", "10.00", "1e5", "REGULAR", "PROMISED", "bill_regular", "DocCoin", "Base"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
NUMBERS = st.sampled_from([1, 2, 5, "1", "2.5", 0.5, -1, 12, 97])


def bodies(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, ODD | NUMBERS))


CAPILLARY = bodies(
    *("pointsToBeAdjusted", "valueToBeAdjusted", "alternateCurrencyName", "pointCategoryTypes", "pointsAwardedId"),
    *("pointsAwardedRefType", "promotionId", "promotionIdentifier", "programId", "reasonOfReturn"),
)
FABRIC = {
    "points-adjustment": bodies("points", "pointType", "billingEntity", "reasonCode", "setToPending"),
    "points-activate": bodies("startDate", "endDate"),
    "members": bodies("firstName", "lastName", "emailAddress", "phoneNumber", "birthDate", "customAttributes"),
}
ENROLMENT = {"firstName": "A", "lastName": "B", "entityReference": "C", "clubReference": "D"}
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "source": st.sampled_from(["LINE", "MOON", ""]),
        "identifierName": st.sampled_from(["email", "mobile", "externalId", "id", ""]),
        "identifierValue": st.sampled_from(["a@b.ee", "1", ""]) | st.text(max_size=5),
    },
)


async def begun(shop: Shop) -> tuple[Capillary, Fabric, str]:
    await shop.customer(points=10, email="a@b.ee", mobile="1")
    profile: str = (await shop.record("getCustomers", customerID=1))["profileID"]
    client = await shop.client()
    return Capillary(shop.http, *client), await Fabric.log_in(shop.http, *client), profile


def test_no_body_and_no_query_makes_a_500(tmp_path: Path) -> None:
    """Odd values in every parameter of every call are refused or done, and the ledger stays sound."""
    with asyncio.Runner() as runner:
        opened = open_shop(place(tmp_path))
        shop = runner.run(opened.__aenter__())
        capillary, fabric, profile = runner.run(begun(shop))

        @settings(max_examples=250, deadline=None)
        @given(
            CAPILLARY,
            QUERIES,
            st.sampled_from(sorted(FABRIC)).flatmap(lambda call: st.tuples(st.just(call), FABRIC[call])),
        )
        def send(body: dict[str, Any], query: dict[str, str], member: tuple[str, dict[str, Any]]) -> None:
            call, sent = member
            before = runner.run(shop.balance(1))
            by_id = runner.run(
                capillary.send("/v2/customers/1/negativePointsAdjustment", {}, {"reasonOfReturn": "x", **body})
            )
            found = runner.run(capillary.send(LOOKUP, query, body))
            known = {"profileId": profile, **(ENROLMENT if call == "members" else {})}
            adjusted = runner.run(fabric.post(call, {**known, **sent}))
            if by_id.status_code == found.status_code == adjusted.status_code == 400:
                assert runner.run(shop.balance(1)) == before

        try:
            send()
            assert runner.run(shop.check()) == []
        finally:
            runner.run(opened.__aexit__(None, None, None))


async def test_lone_surrogates_and_zero_bytes_are_only_text(shop: Shop) -> None:
    """Text that no database takes is refused, and text that only looks odd is stored."""
    capillary, fabric, profile = await begun(shop)
    path = "/v2/customers/1/negativePointsAdjustment"
    for escape in (rb"\ud800", rb"\u0000", rb"\ud83d\ude00"):
        body = b'{"pointsToBeAdjusted":1,"reasonOfReturn":"x%s","alternateCurrencyName":"%s"}' % (escape, escape)
        assert (await capillary.send(path, {}, body)).status_code == 400
        body = b'{"pointsToBeAdjusted":1,"reasonOfReturn":"x%s"}' % escape
        await capillary.send(path, {}, body)
        body = b'{"points":1,"profileId":"%s","billingEntity":"%s"}' % (profile.encode(), escape)
        await fabric.post("points-adjustment", body)
        assert (await fabric.post("points-activate", b'{"profileId":"%s"}' % escape)).status_code in {400, 404}
    assert await shop.check() == []
