"""Passwords and session keys: how they are kept, and checked without giving anything away by timing.

Passwords are hashed with argon2id (argon2-cffi) at the cost that OWASP recommends: 19 MiB, two passes. The work
is done on threads, few at a time, so that a flood of log-ins cannot eat the machine. Session keys are 160 random
bits: a plain SHA-256 hides them well enough to be looked up by.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Final
from weakref import WeakValueDictionary

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PASSWORD_LENGTH_MAX: Final = 1_024
CHECKS_AT_ONCE: Final = 2

_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hash_password(password: str) -> str:
    return _hasher.hash(password)


@cache
def _nobody() -> str:
    """The hash that is checked where there is no such user, so that the answer takes as long."""
    return _hasher.hash(secrets.token_hex())


class PasswordChecks:
    """Lets a few log-ins be checked at a time, each on a thread."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Wait for a turn. Log-ins under one key follow each other, so none runs ahead of the count of failures."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock, self._turns:
            yield

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """`password_hash` is None for an unknown user: the answer is no, after as long a wait."""
        return await asyncio.to_thread(_verify, password_hash, password)


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        right = _hasher.verify(password_hash or _nobody(), password[:PASSWORD_LENGTH_MAX])
    except (VerificationError, InvalidHashError):
        return False
    return right and password_hash is not None and len(password) <= PASSWORD_LENGTH_MAX


def failures_key(username: str) -> str:
    """Under what the failed log-ins of a user name are counted."""
    return f"user:{username}"


def new_session_key() -> str:
    """Forty hexadecimal digits, as Erply's."""
    return secrets.token_hex(20)


def hash_pin(pin: str, secret: str) -> str:
    """A PIN is looked up by its hash alone, so it is keyed with a secret of the account in place of a salt.

    A PIN of a few digits is no secret from who holds the database: it only tells users of one till apart.
    """
    return hmac.new(secret.encode(), pin.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def hash_key(key: str) -> bytes:
    """Of a session key, a token or a client's secret: long and random, so that no salt is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
