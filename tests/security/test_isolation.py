"""A client that knows everything of another account but its secrets: it neither sees nor changes a row of it."""

import asyncio
import hashlib
import sqlite3
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from calls.every_call import CASES, some_of_everything
from erply_points.calls.registry import CALLS
from support.dialects import LOOKUP
from support.shop import Shop

HIDDEN = "Salajane"
"""Begins what stands in the other account and was never told to anybody."""


@dataclass(frozen=True)
class Known:
    """What the stranger has heard of the other account, its keys and tokens included."""

    code: str
    session: str
    client: str
    secret: str
    token: str
    profile: str

    def values(self) -> list[Any]:
        names = ["u-quiet", "Kuulus", "C-quiet", "quiet@x.ee", "G-quiet", "1111", "till", "R-quiet"]
        return [*names, self.code, self.session, self.client, self.token, self.profile, *range(1, 8)]


async def furnished(shop: Shop) -> Known:
    """An account with a record of every kind, whose names are known and whose notes are not."""
    await shop.customer(points=70, lastName="Kuulus", notes=HIDDEN, customerCardNumber="C-quiet", email="quiet@x.ee")
    await some_of_everything(shop)
    sale = {"customerID": 1, "amount1": 2, "price1": 9, "temporaryUUID": "u-quiet", "notes": HIDDEN}
    await shop.post(
        {"clientCode": shop.code, "sessionKey": shop.key, "idempotencyKey": "R-quiet", "request": "saveSalesDocument"}
        | sale
    )
    await shop.record("saveGiftCard", code="G-quiet", value=20, information=HIDDEN)
    await shop.set(name=HIDDEN)
    client, secret = await shop.client()
    form = {"grant_type": "client_credentials"}
    token = (await shop.http.post("/oauth2/x/v1/token", data=form, auth=(client, secret))).json()["access_token"]
    profile = (await shop.record("getCustomers", customerID=1))["profileID"]
    return Known(shop.code, shop.key, client, secret, token, profile)


def digest(shop: Shop) -> str:
    """Of every row of the account."""
    database = sqlite3.connect(f"file:{shop.settings.data / shop.code}.db?mode=ro", uri=True)
    try:
        return hashlib.sha256("\n".join(database.iterdump()).encode()).hexdigest()
    finally:
        database.close()


GOOD: dict[str, list[dict[str, Any]]] = {name: [params for call, params, *_ in CASES if call == name] for name in CALLS}
FIELDS = [
    *("customerID", "customerIDs", "code", "id", "ids", "documentID", "invoiceID", "number", "temporaryUUID", "email"),
    *("customerCardNumber", "searchName", "searchNameIncrementally", "uniqueIdentifier", "couponID", "giftCardID"),
    *("profileID", "externalID", "username", "password", "cardCode", "transactionID", "clientCode", "sessionKey"),
    *("creditToDocumentID", "baseDocumentIDs", "paymentID", "warehouseID", "employeeID", "searchAttributeValue1"),
]


@st.composite
def _requests(draw: st.DrawFn, known: Known) -> list[dict[str, Any]]:
    def one() -> dict[str, Any]:
        name = draw(st.sampled_from(sorted(CALLS)))
        params = draw(st.sampled_from(GOOD[name] or [{}]))
        values = st.sampled_from(known.values())
        return {"requestName": name, **params, **draw(st.dictionaries(st.sampled_from(FIELDS), values, max_size=4))}

    return [one() for _ in range(draw(st.integers(1, 6)))]


async def test_knowing_names_and_numbers_is_of_no_use(shop: Shop) -> None:
    """With the other's IDs, names, UUIDs, keys and tokens in its own requests, a client gets and changes nothing.

    Row for row the other account stays what it was, and nothing that stands in it alone is in any answer.
    """
    quiet, busy = await shop.neighbour(), shop
    known = await furnished(quiet)
    await some_of_everything(busy)
    own_client, own_secret = await busy.client()
    looking = await busy.client()
    before = digest(quiet)
    loop = asyncio.get_running_loop()

    async def send(requests: list[dict[str, Any]], top: dict[str, Any]) -> None:
        bodies = [
            {"clientCode": busy.code, "sessionKey": busy.key, **top, "requests": requests},
            {"clientCode": busy.code, "sessionKey": known.session, "requests": requests},
            {"clientCode": known.code, "sessionKey": busy.key, "requests": requests},
            {"clientCode": known.code, "sessionKey": "", "requests": requests},
        ]
        answers = [await busy.http.post("/api/", json=body) for body in bodies]
        codes = [answer.json()["status"]["errorCode"] for answer in answers]
        # A bulk of calls that need no session is answered whatever it names.
        if not all(CALLS[each["requestName"]].public for each in requests):
            assert codes[1] == codes[2] == 1055
        for auth in ((own_client, known.secret), (known.client, own_secret), (f"{known.code}.x", known.secret)):
            path = "/v2/customers/1/negativePointsAdjustment"
            answers.append(await busy.http.post(path, json={"reasonOfReturn": "x", "pointsToBeAdjusted": 1}, auth=auth))
            assert answers[-1].status_code == 401
        stolen = {"authorization": f"Bearer {busy.code}.{known.token.partition('.')[2]}"}
        answers.append(await busy.http.get(f"/v1/inquire/{known.profile}/member-points", headers=stolen))
        assert answers[-1].status_code == 401
        query = {"source": "LINE", "identifierName": "email", "identifierValue": "quiet@x.ee"}
        answers.append(await busy.http.post(LOOKUP, params=query, json={"reasonOfReturn": "x"}, auth=looking))
        assert answers[-1].json()["errors"][0]["code"] == 8015
        for answer in answers:
            assert HIDDEN not in answer.text

    tops = st.fixed_dictionaries(
        {}, optional={"idempotencyKey": st.just("R-quiet"), "references": st.just(1), "atomic": st.booleans()}
    )

    @settings(max_examples=60, deadline=None)
    @given(requests=_requests(known), top=tops)
    def busily(requests: list[dict[str, Any]], top: dict[str, Any]) -> None:
        # Log-ins of the other account are its own affair: their failures are counted there.
        requests = [each for each in requests if each["requestName"] not in {"verifyUser", "switchUser"}]
        shop.clock.advance(1)
        asyncio.run_coroutine_threadsafe(send(requests, top), loop).result(timeout=60)

    await asyncio.to_thread(busily)
    # The five failures of its client that are counted block it, and are no row of anybody's.
    with sqlite3.connect(shop.settings.data / f"{quiet.code}.db", isolation_level=None) as database:
        database.execute("DELETE FROM login_failures WHERE username LIKE 'client:%'")
    database.close()
    assert digest(quiet) == before
    assert await busy.check() == []
