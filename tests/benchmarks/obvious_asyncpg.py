"""The obvious implementation on PostgreSQL: as `obvious_server.py`, with an awaited asyncpg statement at a time.

Run as `python -m benchmarks.obvious_asyncpg URL SCHEMA`.
"""

import contextlib
import hashlib
import json
import sys
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.obvious_server import Answer, _numbers, _status, _validator
from erply_points.server import listen, url_of

_SESSION: Final = "SELECT expires_at FROM sessions WHERE key_hash = $1"
_CUSTOMER: Final = "SELECT id FROM customers WHERE id = $1"
_WALLET: Final = "SELECT balance, redeemed, entries FROM wallets WHERE customer_id = $1 AND currency_id = 1 FOR UPDATE"
_LOTS: Final = (
    "SELECT id, remaining, redeemed FROM lots WHERE customer_id = $1 AND currency_id = 1 AND is_open = 1"
    " AND available_at <= $2 AND expires_at > $2 ORDER BY expires_at, created_at, id"
)
_NEXT: Final = "UPDATE sequences SET last = last + 1 WHERE name = 'transactions' RETURNING last"
_ADD_REDEMPTION: Final = "INSERT INTO redemptions VALUES ($1, $2, 1, $3, 0, $4, 0, 0, 0, 0, 0, 0, '', 0)"
_ADD_ALLOCATION: Final = "INSERT INTO allocations VALUES ($1, $2, $3, $4, $5)"
_PAY: Final = "UPDATE lots SET remaining = $1, redeemed = $2 WHERE id = $3"
_ADD_ENTRY: Final = "INSERT INTO entries VALUES ($1, 1, $2, $3, 'redeem', $4, $5, $6)"
_SPEND: Final = (
    "UPDATE wallets SET balance = $1, redeemed = $2, entries = $3, last_at = $4"
    " WHERE customer_id = $5 AND currency_id = $6"
)


class ObviousServer:
    def __init__(self, url: str, schema: str) -> None:
        self._url = url
        self._schema = schema
        self._pool: Any = None

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        path = {"search_path": self._schema}
        async with asyncpg.create_pool(self._url, server_settings=path) as self._pool:
            yield

    async def answer(self, request: Request) -> Response:
        form = await request.form()
        key_hash = hashlib.sha256(str(form["sessionKey"]).encode()).digest()
        async with self._pool.acquire() as connection:
            session = await connection.fetchrow(_SESSION, key_hash)
            if session is None or session[0] <= time.time():
                return JSONResponse({"status": {"responseStatus": "error", "errorCode": 1055}})
            is_bulk = "requests" in form
            if is_bulk:
                calls = json.loads(str(form["requests"]))
            else:
                calls = [{"requestName": form["request"], **_numbers(dict(form.items()))}]
            async with connection.transaction():
                answers = [await self._call(connection, call) for call in calls]
        return JSONResponse({"status": _status(), "requests": answers} if is_bulk else answers[0])

    async def _call(self, connection: Any, call: dict[str, Any]) -> Answer:
        name = call.pop("requestName")
        echo = {"requestName": name, "requestID": call.pop("requestID", None)}
        error = next(_validator(name).iter_errors(call), None)
        if error is not None:
            return {"status": {**_status(), "errorCode": 1016, "errorMessage": error.message}, "records": None}
        record = await self._redeem(connection, call["customerID"], call["points"])
        return {"status": {**echo, **_status(), "recordsTotal": 1, "recordsInResponse": 1}, "records": [record]}

    async def _redeem(self, connection: Any, customer_id: int, points: int) -> dict[str, int]:
        execute = connection.execute
        now = int(time.time())
        missing = points * 1_000
        await connection.fetchrow(_CUSTOMER, customer_id)
        balance, redeemed, entries = await connection.fetchrow(_WALLET, customer_id)
        lots = await connection.fetch(_LOTS, customer_id, now)
        number = await connection.fetchval(_NEXT)
        balance -= missing
        await execute(_ADD_REDEMPTION, number, customer_id, missing, now)
        for lot_id, remaining, lot_redeemed in lots:
            paid = min(remaining, missing)
            await execute(_ADD_ALLOCATION, number, lot_id, customer_id, entries + 1, paid)
            await execute(_PAY, remaining - paid, lot_redeemed + paid, lot_id)
            missing -= paid
            if not missing:
                break
        assert not missing
        await execute(_ADD_ENTRY, customer_id, entries + 1, now, -points * 1_000, balance, number)
        await execute(_SPEND, balance, redeemed + points * 1_000, entries + 1, now, customer_id, 1)
        return {
            "customerID": customer_id,
            "remainingPoints": balance // 1_000,
            "subtractedPoints": points,
            "transactionID": number,
        }


def main(url: str, schema: str) -> None:
    server = ObviousServer(url, schema)
    app = Starlette(routes=[Route("/api/", server.answer, methods=["POST"])], lifespan=server.lifespan)
    listener = listen("127.0.0.1", 0)
    print(f"Serving {url_of(listener)}/api/", flush=True)
    config = uvicorn.Config(app, http="httptools", loop="uvloop", ws="none", access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
