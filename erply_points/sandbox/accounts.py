"""The accounts of a sandbox: what is moved, planned and remembered of each, and what is done to them as a whole."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final

from erply_points.accounts import administration
from erply_points.accounts.account import Clock
from erply_points.accounts.administration import Invalid
from erply_points.accounts.passwords import hash_key, hash_password, new_session_key
from erply_points.accounts.pool import AccountPool
from erply_points.sandbox.clock import LATEST, AccountClock, Setting
from erply_points.sandbox.faults import Faults
from erply_points.sandbox.log import Log
from erply_points.settings import ServerSettings
from erply_points.store.protocol import Stores, Transaction
from erply_points.store.rows import Session
from erply_points.store.unit_of_work import Needs

CODE_DIGITS: Final = 9

_hashed_once: Final = cache(hash_password)
"""A sandbox's passwords are known anyway, and the same for most accounts: each is hashed once."""


@dataclass(slots=True)
class State:
    """Of one account, for as long as the server runs."""

    clock: AccountClock = field(default_factory=AccountClock)
    faults: Faults = field(default_factory=Faults)
    log: Log = field(default_factory=Log)
    settings_of_copies: dict[str, Setting] = field(default_factory=dict)
    """How the clock stood when a snapshot was taken, by the snapshot's name."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new account, and what is needed to use it."""

    code: str
    username: str
    password: str
    pin: str
    session_key: str


class _OpenSession:
    """A job: a session that lasts as long as a sandbox's time."""

    keeps = True
    needs: Needs = MappingProxyType({})

    def __init__(self, user_id: int, now: int) -> None:
        self.key = new_session_key()
        self._session = Session(hash_key(self.key), user_id, now, LATEST + 1)

    async def run(self, transaction: Transaction) -> None:
        transaction.work.sessions.put(self._session.key_hash, self._session)


class Sandbox:
    def __init__(self, stores: Stores, settings: ServerSettings) -> None:
        self.accounts = AccountPool(stores, self._clock_of, settings)
        self._stores = stores
        self._states: dict[str, State] = {}

    def _clock_of(self, code: str) -> Clock:
        return self._states.setdefault(code, State()).clock

    def known(self, code: str) -> State | None:
        """The state of an account that was open before."""
        return self._states.get(code)

    async def state(self, code: str) -> State:
        """Raises UnknownAccount, StoreUnavailable."""
        async with self.accounts.use(code):
            return self._states[code]

    async def codes(self) -> list[str]:
        return await administration.account_codes(self._stores)

    async def make(self, code: str, settings: Mapping[str, str], username: str, password: str, pin: str) -> Made:
        """Make an account with a user and an open session. "" for `code` takes a free one of nine digits.

        Raises Invalid, InvalidSetting.
        """
        code = code or str(10 ** (CODE_DIGITS - 1) + secrets.randbelow(9 * 10 ** (CODE_DIGITS - 1)))
        await administration.create_account(self._stores, code, settings)
        try:
            user_id = await administration.create_user(self._stores, code, username, password, pin, hashed=_hashed_once)
        except Invalid:
            await self._stores.remove(code)
            raise
        async with self.accounts.use(code) as account:
            job = _OpenSession(user_id, int(account.clock()))
            await account.run(job, write=True)
        return Made(code, username, password, pin, job.key)

    async def remove(self, code: str) -> None:
        """Raises UnknownAccount, AccountInUse."""
        await self.state(code)
        async with self.accounts.shut(code):
            await self._stores.remove(code)
        self._states.pop(code, None)

    async def set_settings(self, code: str, settings: Mapping[str, str]) -> None:
        """Raises UnknownAccount, InvalidSetting, StoreUnavailable."""
        await self.state(code)
        await administration.set_settings(self._stores, code, settings)

    async def reset(self, code: str) -> None:
        """Make the account as new: users, settings and sessions stay, the clock tells real time, no fault waits.

        Log and snapshots stay. Raises UnknownAccount, StoreUnavailable.
        """
        state = await self.state(code)
        async with self.accounts.shut(code):
            await administration.clear_account(self._stores, code)
            state.clock.setting = Setting()
            state.faults.clear()

    async def snapshot(self, code: str, name: str) -> None:
        """Raises UnknownAccount, StoreUnavailable."""
        state = await self.state(code)
        async with self.accounts.shut(code):
            await administration.snapshot_account(self._stores, code, name)
            state.settings_of_copies[name] = state.clock.setting

    async def restore(self, code: str, name: str) -> None:
        """Bring back all that the account held, and its clock; faults, log and snapshots stay.

        Raises UnknownAccount, FileNotFoundError, StoreUnavailable.
        """
        state = await self.state(code)
        async with self.accounts.shut(code):
            await administration.restore_account(self._stores, code, name)
            state.clock.setting = state.settings_of_copies.get(name, state.clock.setting)

    async def snapshots(self, code: str) -> list[str]:
        """Raises UnknownAccount, StoreUnavailable."""
        async with self.accounts.use(code) as account:
            return await account.store.snapshots()
