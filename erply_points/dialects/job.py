"""A request of another dialect as a job of its account: in one transaction, once however often it is sent."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

import orjson

from erply_points.accounts.account import Account
from erply_points.accounts.rights import ALL_RIGHTS
from erply_points.calls.call import Context
from erply_points.calls.on_demand import on_demand
from erply_points.store.configuration import Client
from erply_points.store.protocol import StoreUnavailable, Transaction
from erply_points.store.rows import KeptAnswer
from erply_points.store.unit_of_work import Needs

KEY_LENGTH_MAX: Final = 255

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is HTTP."""

    status: int
    body: Mapping[str, Any]
    replayed: bool = False
    retry_seconds: int = 0
    """When it is worth trying again, where that is known."""


class Refused(Exception):
    """The request cannot be done: the reply that says so. Nothing has changed."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Once:
    """That a request is to be done once: the key it came with, and what tells it from others."""

    key: str
    content: bytes
    used_otherwise: Reply
    """The answer where the key was used for something else before."""

    @property
    def fingerprint(self) -> bytes:
        return hashlib.sha256(self.content).digest()


Operation = Callable[[Context], Reply]
"""Does the request. Raises Refused, and NotLoaded as calls do."""


class DialectJob:
    keeps: ClassVar[bool] = True

    def __init__(
        self,
        account: Account,
        client: Client,
        operation: Operation,
        internal_error: Reply,
        needs: Needs,
        once: Once | None = None,
    ) -> None:
        self.reply: Reply | None = internal_error
        """None where the client has been deleted since it was looked up: nothing was done."""
        self._internal_error = internal_error
        self._account = account
        self._client = client
        self._operation = operation
        self._needs = needs
        self._once = once

    @property
    def needs(self) -> Needs:
        needs = {**self._needs, "clients": {self._client.key}}
        return {**needs, "kept_answers": {self._once.key}} if self._once else needs

    async def run(self, transaction: Transaction) -> None:
        context = self._context(transaction)
        work = transaction.work
        if work.clients.get(self._client.key) is None:
            self.reply = None
            return
        before = work.mark()
        if self._once is not None and (first := self._first(context, self._once)) is not None:
            self.reply = first
            return
        try:
            self.reply = await on_demand(transaction, partial(self._operation, context))
        except Refused as refused:
            self.reply = refused.reply
            return
        except StoreUnavailable:
            raise
        except Exception:  # noqa: BLE001 - a mistake of ours must not harm the others of the group
            _log.exception("a request failed")
            self.reply = self._internal_error
            return
        if self._once is not None and work.mark() != before:
            outcome = orjson.dumps([self.reply.status, self.reply.body]).decode()
            kept = KeptAnswer(self._once.key, self._once.fingerprint, context.now, "", outcome)
            work.kept_answers.put(kept.key, kept)

    @staticmethod
    def _first(context: Context, once: Once) -> Reply | None:
        """The first answer to what carried this key, while the key lives."""
        kept = context.work.kept_answers.get(once.key)
        if kept is None or kept.answered_at <= context.now - context.settings.retry_hours * 3_600:
            return None
        if kept.fingerprint != once.fingerprint:
            return once.used_otherwise
        status, body = orjson.loads(kept.outcomes)
        return Reply(status, body, replayed=True)

    def _context(self, transaction: Transaction) -> Context:
        account = self._account
        return Context(
            account_code=account.code,
            settings=account.settings_of(transaction),
            stored_settings=transaction.settings,
            work=transaction.work,
            now=int(account.clock()),
            session=None,
            user=None,
            rights=ALL_RIGHTS,
            session_key="",
            client_address="",
        )


def once(
    dialect: str, client: Client, sent_key: str | None, path: str, content: bytes, used_otherwise: Reply
) -> Once | None:
    """What is to be done once; None without a key. `path` and `content` are what the request says.

    Raises Refused with `used_otherwise` for a key that is too long.
    """
    key = (sent_key or "").strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key:
        return None
    if len(key) > KEY_LENGTH_MAX or not key.isprintable():
        raise Refused(used_otherwise)
    return Once(f"{dialect}:{client.key}:{key}", path.encode() + b"\0" + content, used_otherwise)
