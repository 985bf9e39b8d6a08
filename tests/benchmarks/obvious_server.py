"""The obvious implementation: what one would write first with the same ingredients.

Starlette parses the form, json the requests, the jsonschema library validates each call against our own schema files,
and each statement is one awaited aiosqlite call; a bulk is one transaction and one commit, and a lock keeps bulks
apart. The same rows, the same durability. Run as `python -m benchmarks.obvious_server DATABASE`; `/empty` answers
without doing anything, to show what HTTP alone costs.
"""

import asyncio
import contextlib
import hashlib
import json
import sys
import time
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import aiosqlite
import uvicorn
from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks import bare_loop
from erply_points import schemas
from erply_points.server import listen, url_of

Answer = dict[str, Any]


@cache
def _validator(call: str) -> Any:
    registry: Any = schemas.registry()
    return Draft202012Validator(schemas.call_request(call), registry=registry)


class ObviousServer:
    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._database: aiosqlite.Connection

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with aiosqlite.connect(self._path, isolation_level=None) as self._database:
            for pragma in bare_loop.PRAGMAS:
                await self._database.execute(f"PRAGMA {pragma}")
            yield

    async def _one(self, sql: str, *values: Any) -> Any:
        async with self._database.execute(sql, values) as cursor:
            return await cursor.fetchone()

    async def answer(self, request: Request) -> Response:
        form = await request.form()
        key_hash = hashlib.sha256(str(form["sessionKey"]).encode()).digest()
        async with self._lock:
            session = await self._one("SELECT expires_at FROM sessions WHERE key_hash = ?", key_hash)
            if session is None or session[0] <= time.time():
                return JSONResponse({"status": {"responseStatus": "error", "errorCode": 1055}})
            is_bulk = "requests" in form
            if is_bulk:
                calls = json.loads(str(form["requests"]))
            else:
                calls = [{"requestName": form["request"], **_numbers(dict(form.items()))}]
            await self._database.execute("BEGIN IMMEDIATE")
            answers = [await self._call(call) for call in calls]
            await self._database.commit()
        if is_bulk:
            return JSONResponse({"status": _status(), "requests": answers})
        return JSONResponse(answers[0])

    async def _call(self, call: dict[str, Any]) -> Answer:
        name = call.pop("requestName")
        echo = {"requestName": name, "requestID": call.pop("requestID", None)}
        error = next(_validator(name).iter_errors(call), None)
        if error is not None:
            return {"status": {**_status(), "errorCode": 1016, "errorMessage": error.message}, "records": None}
        record = await self._redeem(call["customerID"], call["points"])
        return {"status": {**echo, **_status(), "recordsTotal": 1, "recordsInResponse": 1}, "records": [record]}

    async def _redeem(self, customer_id: int, points: int) -> dict[str, int]:
        execute = self._database.execute
        now = int(time.time())
        missing = points * 1_000
        await self._one(bare_loop.CUSTOMER, customer_id)
        balance, redeemed, entries = await self._one(bare_loop.WALLET, customer_id)
        lots = await self._database.execute_fetchall(bare_loop.LOTS, (customer_id, now, now))
        (last,) = await self._one(bare_loop.LAST)
        balance -= missing
        await execute(bare_loop.ADD_REDEMPTION, (last + 1, customer_id, missing, now, 0))
        for lot_id, remaining, lot_redeemed in lots:
            paid = min(remaining, missing)
            await execute(bare_loop.ADD_ALLOCATION, (last + 1, lot_id, customer_id, entries + 1, paid))
            paying = bare_loop.PAY if paid < remaining else bare_loop.DRAIN
            await execute(paying, (remaining - paid, lot_redeemed + paid, lot_id))
            missing -= paid
            if not missing:
                break
        assert not missing
        await execute(bare_loop.ADD_ENTRY, (customer_id, entries + 1, now, -points * 1_000, balance, last + 1))
        await execute(bare_loop.SPEND, (balance, redeemed + points * 1_000, entries + 1, now, customer_id))
        await execute(bare_loop.SET_LAST, (last + 1,))
        return {
            "customerID": customer_id,
            "remainingPoints": balance // 1_000,
            "subtractedPoints": points,
            "transactionID": last + 1,
        }


def _numbers(form: dict[str, Any]) -> dict[str, Any]:
    """A single call's parameters come as text."""
    return {name: int(form[name]) for name in ("customerID", "points")}


def _status() -> dict[str, Any]:
    return {"requestUnixTime": int(time.time()), "responseStatus": "ok", "errorCode": 0, "generationTime": 0.0}


async def _empty(_: Request) -> Response:
    return Response(b"{}", headers={"content-type": "application/json"})


def main(path: str) -> None:
    server = ObviousServer(path)
    app = Starlette(
        routes=[
            Route("/api/", server.answer, methods=["POST"]),
            Route("/empty", _empty, methods=["POST"]),
        ],
        lifespan=server.lifespan,
    )
    listener = listen("127.0.0.1", 0)
    print(f"Serving {url_of(listener)}/api/", flush=True)
    config = uvicorn.Config(app, http="httptools", loop="uvloop", ws="none", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
