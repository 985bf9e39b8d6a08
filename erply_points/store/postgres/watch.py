"""Telling a host that hangs from one that is merely slow.

A statement may wait for good reasons: for the account's lock, for a standby, for a large copy. So it is given up only
where its host answers nobody. Where a connection has been out for WAIT_SECONDS and nothing was heard of its host for
as long, the host is asked over a new connection; one such question is under way for each host, however many wait.
Without an answer to it all that wait for the host are given up, and for a moment nobody else tries it.

A host that vanished from the network, or refuses connections, is no case for this: the system tells those.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import asyncpg

WAIT_SECONDS: Final = 1.5
"""How long nothing need be heard of a host."""
ANSWER_SECONDS: Final = 2.0
"""How long a host may take to let somebody in and answer him."""
POOLED_ANSWER_SECONDS: Final = 6.0
"""The same through a pooler, where who asks may queue behind all who wait: the pooler may have no connection left.

Longer than a server that vanished can hold up the others (`transaction.IDLE_SECONDS`).
"""
LOOK_SECONDS: Final = 0.25
UNTRIED_SECONDS: Final = 0.5
"""How long a host that was found silent is not tried again: who queues behind the one that tried is told at once."""
_LATE_SECONDS: Final = 0.5
"""Where our own clock rings later than this we stood still ourselves, and an answer may be waiting."""

Address: TypeAlias = tuple[str, int]
"""A host's name, or the folder of a socket, and its port."""
_Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[Any]"

_NEVER: Final = float("-inf")
_log = logging.getLogger(__name__)


class Watch:
    """Watches the connections of one process that are out. `ask` returns when a host has answered a query.

    It may raise what the driver raises: a refusal is an answer too.
    """

    def __init__(self, ask: Callable[[Address], Awaitable[None]]) -> None:
        self.is_pooled = False
        """Whether a pooler stands between us and the hosts."""
        self._ask = ask
        self._out: dict[_Connection, tuple[Address, float]] = {}
        """Since when."""
        self._heard: dict[Address, float] = {}
        self._silent: dict[Address, float] = {}
        """When somebody last waited in vain."""
        self._looking: asyncio.Task[None] | None = None

    def begin(self, connection: _Connection, address: Address) -> None:
        """A connection is taken, to wait for what its host answers."""
        self._out[connection] = (address, time.monotonic())
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    def end(self, connection: _Connection, *, answered: bool) -> None:
        address, _ = self._out.pop(connection, (None, 0.0))
        if answered and address is not None:
            self.hear(address)

    def hear(self, address: Address) -> None:
        """The host has answered something."""
        self._heard[address] = time.monotonic()
        self._silent.pop(address, None)

    def doubt(self, address: Address, since: float) -> bool:
        """Whether the host, which somebody has asked in vain since then, has answered nobody else either."""
        if self._heard.get(address, _NEVER) >= since:
            return False
        self._silent[address] = time.monotonic()
        return True

    def is_silent(self, address: Address) -> bool:
        """Whether it would be in vain to ask it now."""
        return time.monotonic() - self._silent.get(address, _NEVER) < UNTRIED_SECONDS

    async def close(self) -> None:
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.wait([looking])

    async def _look(self) -> None:
        while self._out:
            await asyncio.sleep(LOOK_SECONDS)
            long_ago = time.monotonic() - WAIT_SECONDS
            suspects = {
                address
                for address, since in self._out.values()
                if since < long_ago and self._heard.get(address, _NEVER) < long_ago
            }
            await asyncio.gather(*map(self._question, suspects))

    async def _question(self, address: Address) -> None:
        began = time.monotonic()
        patience = POOLED_ANSWER_SECONDS if self.is_pooled else ANSWER_SECONDS
        try:
            async with asyncio.timeout(patience):
                await self._ask(address)
        except TimeoutError:
            if time.monotonic() - began < patience + _LATE_SECONDS and self.doubt(address, began):
                self._give_up(address)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
            self.hear(address)
        else:
            self.hear(address)

    def _give_up(self, address: Address) -> None:
        waiting = [connection for connection, (host, _) in self._out.items() if host == address]
        _log.warning("the database host %s:%d hangs; %d connections to it are given up", *address, len(waiting))
        for connection in waiting:
            del self._out[connection]
            with contextlib.suppress(asyncpg.InterfaceError):  # The pool has taken it back.
                connection.terminate()
