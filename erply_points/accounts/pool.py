"""Which accounts are open: each opens on first use and closes when it has been idle, within a limit.

Whoever does something in an account uses it meanwhile, so this is also where too many at once are turned away.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Final

from erply_points.accounts.account import Account, Clock
from erply_points.accounts.quota import Quota
from erply_points.settings import ServerSettings
from erply_points.store.protocol import Stores, StoreUnavailable

ACCOUNTS_OPEN_MAX: Final = 64
IDLE_SECONDS: Final = 300.0
MAINTENANCE_SECONDS: Final = 60.0
TIDY_SECONDS: Final = 3_600.0
LEAVING_SECONDS: Final = 0.002
"""How often one who wants an account alone looks whether the others have left."""

DEFAULTS: Final = ServerSettings()

_CODE: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")

_log = logging.getLogger(__name__)


class UnknownAccount(Exception):
    """There is no account of this code, or the text cannot be a code."""


class Overloaded(StoreUnavailable):
    """As many requests are in progress as the server, or the account, takes at once. Nothing was begun."""


def is_account_code(text: str) -> bool:
    """Whether `text` can name an account: a label of a host name, so digits as Erply's, or a word.

    Checked before the text touches a path.
    """
    return _CODE.fullmatch(text) is not None


class AccountPool:
    def __init__(
        self,
        stores: Stores,
        clock_of: Callable[[str], Clock] = lambda _: time.time,
        limits: ServerSettings = DEFAULTS,
    ) -> None:
        """`clock_of` says by its code which clock an account goes by, each time that it is opened."""
        self._limits = limits
        self._inside = 0
        self._inside_of: Counter[str] = Counter()
        """Who is in `use`, also those who wait for an account to open; `_users` are those who have it."""
        self._full_accounts = 0
        self._stores = stores
        self._clock_of = clock_of
        self._open: dict[str, Account] = {}
        self._users: dict[str, int] = {}
        self._last_used: dict[str, float] = {}
        self._quotas: dict[str, Quota] = {}
        """Of every account that was ever opened: closing one must not forget what it has used."""
        self._opening = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def use(self, code: str) -> AsyncIterator[Account]:
        """Keep the account open while the block runs. Raises UnknownAccount, Overloaded, StoreUnavailable."""
        if not is_account_code(code):
            raise UnknownAccount
        if not self.takes(code):
            raise Overloaded("too many requests are in progress")
        self._inside += 1
        self._inside_of[code] += 1
        self._full_accounts += self._inside_of[code] == self._limits.account_requests_max
        try:
            account = self._open.get(code)
            if account is None:
                async with self._opening:
                    account = self._open.get(code) or await self._open_account(code)
            self._users[code] += 1
            try:
                yield account
            finally:
                self._users[code] -= 1
                self._last_used[code] = time.monotonic()
        finally:
            self._inside -= 1
            self._full_accounts -= self._inside_of[code] == self._limits.account_requests_max
            self._inside_of[code] -= 1
            if not self._inside_of[code]:
                del self._inside_of[code]

    @property
    def full(self) -> bool:
        """Whether the server has as many requests in progress as it takes: whoever comes now can be turned away."""
        return self._inside >= self._limits.requests_max

    @property
    def pressed(self) -> bool:
        """Whether anyone would be turned away."""
        return self._full_accounts > 0 or self.full

    def takes(self, code: str) -> bool:
        """Whether one more request of this account would be let in."""
        return not self.full and self._inside_of[code] < self._limits.account_requests_max

    async def _open_account(self, code: str) -> Account:
        await self.close_idle(IDLE_SECONDS)
        if len(self._open) >= ACCOUNTS_OPEN_MAX:
            await self.close_idle(0.0, keep=ACCOUNTS_OPEN_MAX - 1)
        if len(self._open) >= ACCOUNTS_OPEN_MAX:
            raise Overloaded("too many accounts are in use at once")
        try:
            store = await self._stores.open(code)
        except FileNotFoundError:
            raise UnknownAccount from None
        account = Account(code, store, self._clock_of(code), self._quotas.setdefault(code, Quota()))
        self._open[code] = account
        self._users[code] = 0
        self._last_used[code] = time.monotonic()
        return account

    @contextlib.asynccontextmanager
    async def shut(self, code: str) -> AsyncIterator[None]:
        """Keep the account closed while the block runs: who uses it finishes first, who comes meanwhile waits.

        Raises UnknownAccount.
        """
        if not is_account_code(code):
            raise UnknownAccount
        async with self._opening:
            account = self._open.pop(code, None)
            if account is not None:
                try:
                    while self._users[code]:  # noqa: ASYNC110 - an event would cost every request something
                        await asyncio.sleep(LEAVING_SECONDS)
                except BaseException:
                    self._open[code] = account
                    raise
                del self._users[code], self._last_used[code]
                await account.close()
            self._quotas.pop(code, None)  # What it will be when it opens again need not be what it was.
            yield

    async def close_idle(self, seconds: float, keep: int = 0) -> None:
        """Close accounts unused for `seconds`, the longest unused first, while more than `keep` are open."""
        idle = sorted((used, code) for code, used in self._last_used.items() if not self._users[code])
        for used, code in idle:
            # While one closes, another may be used, or closed by somebody else who makes room.
            still = self._last_used.get(code) == used and not self._users[code]
            if still and time.monotonic() - used >= seconds and len(self._open) > keep:
                await self._close(code)

    async def maintain(self) -> None:
        """Close idle accounts and tidy the others, for ever."""
        tidied: dict[str, float] = {}
        while True:
            await asyncio.sleep(MAINTENANCE_SECONDS)
            await self.close_idle(IDLE_SECONDS)
            for code in list(self._open):
                if time.monotonic() - tidied.get(code, 0.0) >= TIDY_SECONDS:
                    tidied[code] = time.monotonic()
                    try:
                        async with self.use(code) as account:
                            await account.tidy()
                    except (UnknownAccount, StoreUnavailable) as error:
                        _log.warning("account %s was not tidied: %s", code, error)
                    except Exception:  # noqa: BLE001 - the others still want to be tidied
                        _log.exception("account %s was not tidied", code)

    async def close(self) -> None:
        """Close all accounts. One that cannot be closed is logged and keeps no other open."""
        for code in list(self._open):
            await self._close(code)

    async def _close(self, code: str) -> None:
        account = self._open.pop(code)
        del self._users[code], self._last_used[code]
        try:
            await account.close()
        except Exception:  # noqa: BLE001 - it is gone for us, and the others still want to be closed
            _log.exception("account %s was not closed well", code)
