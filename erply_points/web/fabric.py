"""fabric's endpoints, each with and without `/api` before it."""

from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from erply_points.accounts.account import Account
from erply_points.accounts.pool import AccountPool
from erply_points.calls.call import DEFAULT_CURRENCY, Context
from erply_points.dialects import clients, fabric
from erply_points.dialects.job import Refused, Reply, once
from erply_points.store.configuration import Client
from erply_points.store.unit_of_work import Needs
from erply_points.web.dialects import Door, sent_credentials
from erply_points.web.parameters import Bodies

_NEEDS: Final[Needs] = {"currencies": {DEFAULT_CURRENCY}}
_TOKEN_ERRORS: Final = {400: "unsupported_grant_type", 401: "invalid_client"}
"""By status, as RFC 6749 names them; others are the server's."""


class FabricEndpoints:
    def __init__(self, accounts: AccountPool, bodies: Bodies) -> None:
        self._door = Door(accounts, bodies, fabric.error, "Bearer")
        self._token_door = Door(accounts, bodies, _token_error, 'Basic realm="erply-points"')

    def routes(self) -> list[Route]:
        return [
            Route(prefix + path, endpoint, methods=[method])
            for prefix in ("", "/api")
            for path, endpoint, method in (
                ("/v1/members/points-adjustment", self._adjust, "POST"),
                ("/v1/members/points-activate", self._activate, "POST"),
                ("/v1/members", self._enrol, "POST"),
                ("/v1/inquire/{profile_id}/member-points", self._member_points, "GET"),
                ("/oauth2/{auth_server_id}/v1/token", self._token, "POST"),
            )
        ]

    async def _adjust(self, request: Request) -> Response:
        return await self._write(request, fabric.adjust)

    async def _activate(self, request: Request) -> Response:
        return await self._write(request, fabric.activate)

    async def _enrol(self, request: Request) -> Response:
        return await self._write(request, fabric.enrol)

    async def _write(self, request: Request, operation: Callable[[Context, str, bytes], Reply]) -> Response:
        async def handle(account: Account, client: Client, body: bytes) -> Reply:
            sent_key = request.headers.get("idempotency-key")
            path = request.scope["path"].removeprefix("/api")
            same = once(fabric.DIALECT, client, sent_key, path, body, fabric.USED_OTHERWISE)

            def todo(context: Context) -> Reply:
                return operation(context, client.key, body)

            return await self._door.run(account, client, todo, _NEEDS, same)

        return await self._door.answer(request, sent_credentials(request.headers, basic=False), handle)

    async def _member_points(self, request: Request) -> Response:
        operation = partial(fabric.member_points, profile_id=request.path_params["profile_id"])

        async def handle(account: Account, client: Client, _: bytes) -> Reply:
            return await self._door.run(account, client, operation, _NEEDS, write=False)

        return await self._door.answer(request, sent_credentials(request.headers, basic=False), handle)

    async def _token(self, request: Request) -> Response:
        async def handle(account: Account, client: Client, body: bytes) -> Reply:
            if parse_qs(body.decode("utf-8", "replace")).get("grant_type") != ["client_credentials"]:
                raise Refused(_token_error(400))
            return Reply(
                200,
                {
                    "token_type": "Bearer",
                    "expires_in": clients.TOKEN_SECONDS,
                    "access_token": await clients.new_token(account, client),
                    "scope": "s2s",
                },
            )

        credentials = sent_credentials(request.headers, basic=True)
        return await self._token_door.answer(request, credentials, handle)


def _token_error(status: int) -> Reply:
    return Reply(status, {"error": _TOKEN_ERRORS.get(status, "server_error")})
