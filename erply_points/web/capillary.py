"""Capillary's endpoints: negativePointsAdjustment in both forms, and tokens."""

from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from erply_points.accounts.account import Account
from erply_points.accounts.pool import AccountPool
from erply_points.dialects import bodies, capillary, clients
from erply_points.dialects.job import Refused, Reply, once
from erply_points.store.configuration import Client
from erply_points.web.dialects import Credentials, Door, sent_credentials
from erply_points.web.parameters import Bodies

TOKEN_HEADER: Final = "x-cap-api-oauth-token"  # noqa: S105 - the header's name
TOKEN_REQUEST: Final = "/schemas/capillary/tokenGenerate.request.json"  # noqa: S105 - the schema's path


class CapillaryEndpoints:
    def __init__(self, accounts: AccountPool, bodies: Bodies) -> None:
        self._door = Door(accounts, bodies, capillary.error, 'Basic realm="erply-points"')
        self._token_door = Door(accounts, bodies, _token_error, 'Basic realm="erply-points"')

    def routes(self) -> list[Route]:
        return [
            Route("/v2/customers/{user_id}/negativePointsAdjustment", self._adjust, methods=["POST"]),
            Route("/v3/oauth/token/generate", self._token, methods=["POST"]),
        ]

    async def _adjust(self, request: Request) -> Response:
        query = request.query_params
        user_id: str = request.path_params["user_id"]

        async def handle(account: Account, client: Client, body: bytes) -> Reply:
            asked = capillary.Request(
                user_id=None if user_id == "lookup" else user_id,
                identifier_name=query.get("identifierName", ""),
                identifier_value=query.get("identifierValue", ""),
                source=query.get("source"),
                body=body,
                client_key=client.key,
            )
            sent_key = request.headers.get("idempotency-key")
            # As it came: a query that is not UTF-8 is no URL to Starlette.
            target = f"{request.scope['path']}?{request.scope['query_string'].decode('latin-1')}"
            same = once(capillary.DIALECT, client, sent_key, target, body, capillary.error(400))
            return await self._door.run(account, client, partial(capillary.adjust, request=asked), asked.needs(), same)

        credentials = sent_credentials(request.headers, basic=True, token_header=TOKEN_HEADER)
        return await self._door.answer(request, credentials, handle)

    async def _token(self, request: Request) -> Response:
        async def handle(account: Account, client: Client, _: bytes) -> Reply:
            data = {"accessToken": await clients.new_token(account, client), "ttlSeconds": clients.TOKEN_SECONDS}
            return Reply(200, {"data": data, "errors": None})

        return await self._token_door.answer(request, _key_and_secret, handle)


def _key_and_secret(body: bytes) -> Credentials:
    """What the body of a token's request says. Raises Refused."""
    try:
        sent: dict[str, Any] = bodies.parse(body)
    except bodies.Malformed:
        raise Refused(_token_error(400)) from None
    if any(bodies.problems(TOKEN_REQUEST, sent)):
        raise Refused(_token_error(400))
    return Credentials(sent["key"], sent["secret"])


def _token_error(code: int) -> Reply:
    reply = capillary.error(code)
    return Reply(reply.status, {"data": None, "errors": reply.body["errors"]})
