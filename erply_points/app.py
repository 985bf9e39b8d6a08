"""Wiring: from settings to a Starlette application. Nothing is global, so a process can hold several."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from erply_points.accounts.account import Clock
from erply_points.accounts.pool import AccountPool
from erply_points.bulk.dispatcher import Dispatcher
from erply_points.bulk.validation import validator
from erply_points.calls.registry import CALLS
from erply_points.sandbox.accounts import Sandbox
from erply_points.sandbox.dispatcher import SandboxDispatcher
from erply_points.settings import ServerSettings
from erply_points.store.protocol import Stores
from erply_points.store.sqlite.stores import SQLiteStores
from erply_points.web import sandbox as control
from erply_points.web import schemas
from erply_points.web.capillary import CapillaryEndpoints
from erply_points.web.doorman import ErplyDoorman
from erply_points.web.erply import ErplyEndpoint
from erply_points.web.fabric import FabricEndpoints
from erply_points.web.faulty import SandboxEndpoint
from erply_points.web.headers import SafeHeaders
from erply_points.web.parameters import Bodies

try:
    from erply_points.store.postgres.connection import shown
    from erply_points.store.postgres.stores import PostgresStores
except ModuleNotFoundError as missing:
    if missing.name != "asyncpg":
        raise
    KNOWS_POSTGRES = False  # The driver comes with the extra `postgres`.
else:
    KNOWS_POSTGRES = True


def stores_of(settings: ServerSettings) -> Stores:
    """Where the accounts are kept: the one place that chooses a database. A database URL needs KNOWS_POSTGRES."""
    return PostgresStores(settings.database_url) if settings.database_url else SQLiteStores(settings.data)


def place_of(settings: ServerSettings) -> str:
    """The same for the eyes of the user, without a password."""
    return shown(settings.database_url) if settings.database_url else str(settings.data.resolve())


def create_app(settings: ServerSettings, clock: Clock = time.time) -> Starlette:
    """`clock` is that of all accounts; in a sandbox each has its own."""
    stores = stores_of(settings)
    bodies = Bodies(settings)
    routes: list[BaseRoute] = [*schemas.routes(), Route("/health", _health)]
    if settings.sandbox_token:
        sandbox = Sandbox(stores, settings)
        accounts = sandbox.accounts
        endpoint: ErplyEndpoint = SandboxEndpoint(SandboxDispatcher(accounts, clock), settings, bodies, sandbox)
        routes += control.routes(sandbox, settings.sandbox_token)
    else:
        accounts = AccountPool(stores, lambda _: clock, settings)
        endpoint = ErplyEndpoint(Dispatcher(accounts, clock), settings, bodies)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        maintenance = asyncio.create_task(accounts.maintain())
        try:
            yield
        finally:
            maintenance.cancel()
            await asyncio.wait([maintenance])
            await accounts.close()

    for call in CALLS:
        validator(call)  # Compiled now, so that no request waits for it.
    dialects = (CapillaryEndpoints(accounts, bodies), FabricEndpoints(accounts, bodies))
    others = [route for dialect in dialects for route in dialect.routes()]
    app = Starlette(
        routes=[*endpoint.routes(), *others, *routes],
        middleware=[Middleware(SafeHeaders)],
        exception_handlers={404: _plain_error, 405: _plain_error},
        lifespan=lifespan,
    )
    app.state.doorman = ErplyDoorman(accounts)
    return app


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _plain_error(_: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    return JSONResponse({"error": getattr(error, "detail", "")}, status, headers=getattr(error, "headers", None))
