"""What the endpoints of the other dialects share: who calls, the body, and an answer whatever happens."""

import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from erply_points.accounts.account import Account
from erply_points.accounts.pool import AccountPool, Overloaded, UnknownAccount
from erply_points.accounts.quota import CALL_TENTHS
from erply_points.dialects import clients
from erply_points.dialects.clients import Unauthorized
from erply_points.dialects.job import DialectJob, Once, Operation, Refused, Reply
from erply_points.store.configuration import Client
from erply_points.store.protocol import StoreUnavailable
from erply_points.store.unit_of_work import Needs
from erply_points.web.erply import RETRY_AFTER
from erply_points.web.parameters import Bodies, BodyRefused

Handler = Callable[[Account, Client, bytes], Awaitable[Reply]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key and its secret, or a token; all empty where nothing of the kind was sent."""

    key: str = ""
    secret: str = ""
    token: str = ""

    async def client(self, account: Account) -> Client:
        """Raises Unauthorized."""
        if self.token:
            return await clients.by_token(account, self.token)
        return await clients.by_secret(account, self.key, self.secret)


def sent_credentials(headers: Mapping[str, str], *, basic: bool, token_header: str = "") -> Credentials:
    """What the headers say of who calls: `token_header`, a bearer token or, if `basic`, key and secret."""
    if token_header and (token := headers.get(token_header, "").strip()):
        return Credentials(token=token)
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Credentials(token=value.strip())
    if scheme.lower() == "basic" and basic:
        try:
            key, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return Credentials()
        return Credentials(key, secret)
    return Credentials()


@dataclass(frozen=True, slots=True)
class Door:
    """Lets requests of one dialect in: each gets an answer in that dialect's shape."""

    accounts: AccountPool
    bodies: Bodies
    error: Callable[[int], Reply]
    """The answer to a status: 401, 408, 413, 415, 429, 500 or 503."""
    challenge: str
    """What WWW-Authenticate asks for."""

    async def answer(
        self, request: Request, credentials: Credentials | Callable[[bytes], Credentials], handle: Handler
    ) -> Response:
        """Check who calls and let `handle` answer. Nothing of a request is ever logged."""
        if self.accounts.full:
            return self._response(self.error(503))
        try:
            body = await self.bodies.read(request)
            reply = await self._reply(credentials, body, handle)
        except BodyRefused as refused:
            return self._response(self.error(refused.http_status), close=True)
        except ClientDisconnect:
            return Response(status_code=400)
        finally:
            self.bodies.release(request)
        return self._response(reply)

    async def _reply(self, sent: Credentials | Callable[[bytes], Credentials], body: bytes, handle: Handler) -> Reply:
        try:
            credentials = sent(body) if callable(sent) else sent
            async with self.accounts.use(clients.account_code(credentials.token or credentials.key)) as account:
                return await handle(account, await credentials.client(account), body)
        except (Unauthorized, UnknownAccount):
            return self.error(401)
        except Refused as refused:
            return refused.reply
        except Overloaded:
            return self.error(503)
        except StoreUnavailable as reason:
            _log.warning("an account is unavailable: %s", reason)
            return self.error(503)
        except Exception:  # noqa: BLE001 - a mistake of ours is answered in the dialect's shape too
            _log.exception("a request failed")
            return self.error(500)

    def _response(self, reply: Reply, *, close: bool = False) -> Response:
        headers = {}
        if reply.status == 401:
            headers["www-authenticate"] = self.challenge
        if reply.status == 503:
            headers |= RETRY_AFTER
        if reply.replayed:
            headers["idempotency-replayed"] = "true"
        if reply.retry_seconds:
            headers["retry-after"] = str(reply.retry_seconds)
        if close:
            headers["connection"] = "close"
        return Response(orjson.dumps(reply.body), reply.status, headers=headers, media_type="application/json")

    async def run(
        self,
        account: Account,
        client: Client,
        operation: Operation,
        needs: Needs,
        once: Once | None = None,
        *,
        write: bool = True,
    ) -> Reply:
        """Do the request in the account's next transaction, if its quota has room for it. Raises Unauthorized."""
        if seconds := await account.over_quota(CALL_TENTHS):
            return replace(self.error(429), retry_seconds=seconds)
        job = DialectJob(account, client, operation, self.error(500), needs, once)
        await account.run(job, write=write)
        if job.reply is None:
            raise Unauthorized
        return job.reply
