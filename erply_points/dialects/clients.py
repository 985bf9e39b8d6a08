"""API clients: who calls, known by key and secret or by a token that was given for them.

A key begins with the code of the client's account and a dot, and so does a token: nothing else says whose they are.
Secrets and tokens are 256 random bits, so a SHA-256 keeps them; failures of a client are counted as those of log-ins.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import ClassVar, Final

from erply_points.accounts.account import Account
from erply_points.accounts.passwords import hash_key
from erply_points.calls.sessions import CountFailure, ForgiveFailures
from erply_points.ledger.amounts import UnixSeconds
from erply_points.store.configuration import Client, Token
from erply_points.store.protocol import Transaction
from erply_points.store.unit_of_work import Needs

TOKEN_SECONDS: Final = 3_600
TEXT_MAX: Final = 200
"""Characters of a key, a secret or a token: longer ones are none of ours."""

_NO_HASH: Final = bytes(32)


class Unauthorized(Exception):
    """Nobody that this account knows, or nobody for now: too many failures."""


def account_code(key: str) -> str:
    """The account that a key or token is of; empty where it can be none."""
    return key.partition(".")[0] if 0 < len(key) <= TEXT_MAX else ""


async def by_secret(account: Account, key: str, secret: str) -> Client:
    """The client that has the key and the secret. Raises Unauthorized."""
    failures_key = f"client:{key}"
    work = await account.read({"clients": {key}, "login_failures": {failures_key}})
    failures, client = work.login_failures.get(failures_key), work.clients.get(key)
    if failures is not None and failures.blocked_until > account.clock():
        raise Unauthorized
    right = hmac.compare_digest(client.secret_hash if client else _NO_HASH, hash_key(secret))
    if client is None:
        raise Unauthorized  # Not counted: keys can be made up without end, and each would have a row.
    if not right:
        await account.run(CountFailure(failures_key, int(account.clock())), write=True)
        raise Unauthorized
    if failures is not None:
        await account.run(ForgiveFailures(failures_key), write=True)
    return client


async def by_token(account: Account, text: str) -> Client:
    """The client that a token was given to. Raises Unauthorized."""
    token_hash = hash_key(text)
    token = (await account.read({"tokens": {token_hash}})).tokens.get(token_hash)
    if token is None or token.expires_at <= account.clock():
        raise Unauthorized
    client = (await account.read({"clients": {token.client_key}})).clients.get(token.client_key)
    if client is None:  # Deleted at this very moment, and its tokens with it.
        raise Unauthorized
    return client


@dataclass(slots=True)
class _KeepToken:
    token: Token
    kept: bool = False
    keeps: ClassVar[bool] = True

    @property
    def needs(self) -> Needs:
        return {"clients": {self.token.client_key}}

    async def run(self, transaction: Transaction) -> None:
        self.kept = transaction.work.clients.get(self.token.client_key) is not None
        if self.kept:
            transaction.work.tokens.put(self.token.token_hash, self.token)


async def new_token(account: Account, client: Client) -> str:
    """A token of the client, good for TOKEN_SECONDS. Raises Unauthorized if the client has been deleted since."""
    text = f"{account.code}.{secrets.token_urlsafe(32)}"
    expires_at: UnixSeconds = int(account.clock()) + TOKEN_SECONDS
    job = _KeepToken(Token(hash_key(text), client.key, expires_at))
    await account.run(job, write=True)
    if not job.kept:
        raise Unauthorized
    return text
