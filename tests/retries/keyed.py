"""Requests with a key of each kind, answers compared to the byte, and everything that an account holds."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings

from support.client import Erply, Record
from support.contract import check_answer
from support.shop import Shop, open_shop, place

_CLOCK: Final = re.compile(rb'"(requestUnixTime|generationTime)":[0-9.e-]+')


@dataclass(frozen=True)
class Request:
    """A request, but for who sends it. Without `requests` it is a single call, named in `top`."""

    requests: list[Record] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    top: Mapping[str, Any] = field(default_factory=dict)

    def form(self, account: Erply) -> dict[str, str | int]:
        """All parameters as a form holds them."""
        given = {"clientCode": account.code, "sessionKey": account.key, **self.top}
        if self.requests is not None:
            given["requests"] = self.requests
        return {name: value if isinstance(value, str | int) else json.dumps(value) for name, value in given.items()}


@dataclass(frozen=True)
class Reply:
    body: bytes
    """All but what the clock says."""
    replayed: str | None
    """The header Idempotency-Replayed."""

    @cached_property
    def answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.body)
        return answer

    @property
    def status(self) -> tuple[int, str | None]:
        """Code and field of the whole."""
        status = self.answer["status"]
        return status["errorCode"], status.get("errorField")

    @property
    def answers(self) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = self.answer["requests"]
        return answers

    @property
    def codes(self) -> list[int]:
        """The codes of the sub-answers."""
        return [each["status"]["errorCode"] for each in self.answers]

    def record(self, position: int) -> Record:
        """The only record of a sub-answer."""
        (record,) = self.answers[position]["records"]
        assert isinstance(record, dict)
        return record


def reply(body: bytes, replayed: str | None) -> Reply:
    return Reply(_CLOCK.sub(rb'"\1":0', body), replayed)


async def send(account: Erply, request: Request) -> Reply:
    """Send a request; the answer is held to the schemas."""
    response = await account.http.post("/api/", data=request.form(account), headers=dict(request.headers))
    assert response.status_code == 200, response.text
    found = reply(response.content, response.headers.get("idempotency-replayed"))
    if "getFields" not in json.dumps(request.form(account)):  # Trimmed records are no longer whole.
        check_answer(found.answer, {} if request.requests is None else {"requests": []})
    return found


def plain(requests: list[Record], **top: Any) -> Request:
    """A bulk without a key."""
    return Request(requests, top=top)


def by_header(key: str, requests: list[Record], **top: Any) -> Request:
    return Request(requests, {"Idempotency-Key": key}, top)


def by_field(key: str, requests: list[Record], **top: Any) -> Request:
    return Request(requests, top={"idempotencyKey": key, **top})


def by_uuid(key: str, requests: list[Record], **top: Any) -> Request:
    return Request(_on_documents({"temporaryUUID": key}, requests), top=top)


def by_attribute(key: str, requests: list[Record], **top: Any) -> Request:
    return Request(
        _on_documents({"attributeName1": "source-uuid", "attributeValue1": key}, requests),
        top=top,
    )


def by_request_ids(key: str, requests: list[Record], **top: Any) -> Request:
    numbered = [{**each, "requestID": f"{key}-{number}"} for number, each in enumerate(requests)]
    return Request(numbered, top=top)


def _on_documents(params: Record, requests: list[Record]) -> list[Record]:
    return [{**each, **params} if each["requestName"] == "saveSalesDocument" else each for each in requests]


Keyed = Callable[..., Request]

KEYS: Final[Mapping[str, Keyed]] = {
    "Idempotency-Key": by_header,
    "idempotencyKey": by_field,
    "temporaryUUID": by_uuid,
    "source-uuid": by_attribute,
    "requestID": by_request_ids,
}
"""By name, how a request gets a key of that kind. Those of requestIDs count where the account says so."""

SETTINGS: Final[Mapping[str, Mapping[str, str]]] = {"requestID": {"unique_request_ids": "1"}}
"""What the account must say for a kind of key to count."""

every_kind = pytest.mark.parametrize("kind", KEYS)
whole_kinds = pytest.mark.parametrize("kind", [kind for kind in KEYS if kind != "requestID"])
"""The kinds that stand for a whole request."""


async def ready(shop: Shop, kind: str, points: int = 1_000) -> tuple[int, Keyed]:
    """A customer with points, and how a request gets a key of that kind; the account is set for it."""
    if kind in SETTINGS:
        await shop.set(**SETTINGS[kind])
    return await shop.customer(points=points), KEYS[kind]


def redemption(customer: int, points: int | str = 30, **more: Any) -> Record:
    return {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": points, **more}


def earning(customer: int, points: int, **more: Any) -> Record:
    return {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": points, **more}


def balance(customer: int) -> Record:
    return {"requestName": "getCustomerRewardPoints", "customerID": customer}


def receipt(customer: int, **more: Any) -> Record:
    """A sale of 18.00 net that earns 18 points."""
    return {
        "requestName": "saveSalesDocument",
        "type": "CASHINVOICE",
        "customerID": customer,
        "amount1": 2,
        "price1": "9.00",
        **more,
    }


def sale(customer: int, points: int = 30, **more: Any) -> list[Record]:
    """A receipt, what depends on it and what stands between: in all `points` leave and 18 come."""
    return [
        receipt(customer, **more),
        balance(customer),
        {"requestName": "savePayment", "documentID": "CURRENT_INVOICE_ID", "type": "CASH", "sum": "21.60"},
        redemption(customer, points, invoiceID="CURRENT_INVOICE_ID"),
        earning(customer, 5, description="a gift"),
        balance(customer),
    ]


SALE_CHANGES: Final = 18 - 30 + 5
"""What `sale` makes of a balance."""


def file_of(shop: Shop) -> Path:
    return shop.folder / f"{shop.code}.db"


_RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def _shown(value: Any) -> Any:
    """A value, but for the random numbers by which customers go elsewhere."""
    return "random" if isinstance(value, str) and _RANDOM.fullmatch(value) else value


def contents(file: Path, *leaving_out: str) -> dict[str, list[Any]]:
    """Every row of every table of an account, but for the tables left out."""
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            name: sorted((tuple(map(_shown, row)) for row in database.execute(f"SELECT * FROM {name}")), key=repr)
            for name in names
            if name not in leaving_out
        }


_copies = itertools.count(1)


def copy(shop: Shop) -> Shop:
    """Another account with the same contents, open to the same session key."""
    copied = Shop(shop.http, f"copy{next(_copies)}", shop.settings, shop.clock)
    copied.key = shop.key
    with (
        contextlib.closing(sqlite3.connect(file_of(shop))) as source,
        contextlib.closing(sqlite3.connect(file_of(copied))) as target,
    ):
        source.backup(target)
    return copied


def in_a_shop(story: Callable[[Shop], Coroutine[Any, Any, None]], **account_settings: str) -> None:
    """Let a story happen in a fresh account: one example of a property."""

    async def happen() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with open_shop(place(Path(folder)), **account_settings) as shop:
                await story(shop)

    asyncio.run(happen())


def examples(count: int) -> settings:
    """How many stories a property is tried on; ERPLY_POINTS_EXAMPLES asks for another number.

    A story of a whole server takes too long for a thousand smaller ones to be tried.
    """
    return settings(
        max_examples=int(os.environ.get("ERPLY_POINTS_EXAMPLES", count)),
        phases=[Phase.explicit, Phase.generate],
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow],
    )
