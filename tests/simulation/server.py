"""The server of the simulation: the real application over real account files, in the hands of a seed.

Two things are not as in production. Connections are used on the caller's thread, so that nothing is left to the
scheduler of the machine: which bulks share a commit and which come too late for it is drawn by the seed. And
transactions meet with accidents: they are refused at their beginning, interrupted by SQLite after so many steps, run
out of disk, fail before their COMMIT, or the process is gone right before or right after it.
"""

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import AsyncIterator, Generator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest import mock
from uuid import UUID

from starlette.applications import Starlette

from erply_points import app as wiring
from erply_points.accounts import account
from erply_points.accounts.pool import AccountPool
from erply_points.bulk.job import BulkJob
from erply_points.dialects import fabric
from erply_points.dialects.job import DialectJob
from erply_points.settings import ServerSettings
from erply_points.store.protocol import Body, StoreUnavailable, Transaction
from erply_points.store.sqlite import connection, loading
from erply_points.store.sqlite.connection import ThreadConnection
from erply_points.store.sqlite.store import SQLiteStore
from erply_points.store.sqlite.stores import SQLiteStores
from erply_points.store.unit_of_work import Needs
from erply_points.web import dialects
from support.shop import ManualClock

CODE: Final = "life"
FAULTS: Final = ("refused", "interrupted", "full", "uncommitted")
PAGES_MAX: Final = 2**32 - 2
"""SQLite's own limit."""
NOBODY: Final = -1
"""Whoever reads what the server needs for itself: who calls, and by which settings."""

SENDER: ContextVar[str] = ContextVar("sender")
"""Whose request is being answered, for what does not know its client's address."""


@dataclass
class Weather:
    """What transactions meet with, and how long they take, drawn from `random`."""

    random: Random
    faults: float = 0.0
    """The share of transactions that are to fail."""
    cut: str = ""
    """The process ends at the next transaction that writes: `before` or `after` its COMMIT."""
    turns: int = 0
    """So many turns of the event loop a transaction takes at most, before and after."""
    met: int = 0
    """Transactions that failed since the sky was clear."""

    def fault(self) -> str:
        return self.random.choice(FAULTS) if self.random.random() < self.faults else ""

    def clear(self) -> int:
        """Fair weather from now on; how many faults there were before."""
        met, self.met = self.met, 0
        self.faults, self.cut, self.turns = 0.0, "", 0
        return met

    async def pass_by(self) -> None:
        if self.turns:
            for _ in range(self.random.randint(0, self.turns)):
                await asyncio.sleep(0)


@dataclass
class Server:
    """The application with one account. Who sends a request is told by its address: a number."""

    folder: Path
    clock: ManualClock
    weather: Weather
    done: list[int] = field(default_factory=list)
    """Who was served, in the order of the transactions that were committed or only read."""
    wrote: list[int] = field(default_factory=list)
    """Those of them who did not only read."""
    harmed: list[str] = field(default_factory=list)
    """What became of groups that failed, where they were not run again one by one."""
    cut: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.stores = _Stores(self.folder)
        self.stores.server = self
        self._serving: list[tuple[int, bool]] = []
        self._again: dict[bool, deque[tuple[int, bool]]] = {True: deque(), False: deque()}
        """Who was in a group that failed, of those who write and those who read."""
        self._stop = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._stop.clear()
        self.cut.clear()
        pools: list[AccountPool] = []

        def pool(*given: Any) -> AccountPool:
            pools.append(AccountPool(*given))
            return pools[0]

        with (
            mock.patch.object(wiring, "stores_of", return_value=self.stores),
            mock.patch.object(wiring, "AccountPool", pool),
        ):
            self.app = wiring.create_app(ServerSettings(data=self.folder), self.clock)
        (self._pool,) = pools
        self._life = asyncio.create_task(self._live(self.app))
        await asyncio.sleep(0)

    async def _live(self, app: Starlette) -> None:
        async with app.router.lifespan_context(app):
            await self._stop.wait()

    async def stop(self) -> None:
        """Shut down, as on SIGTERM."""
        assert self._life is not None
        self._stop.set()
        await self._life

    async def die(self) -> None:
        """End without finishing anything, as on SIGKILL. Nobody is answered any more."""
        spared = {asyncio.current_task(), self._life}
        dying = [task for task in asyncio.all_tasks() if task not in spared]
        for task in dying:
            task.cancel()
        await asyncio.gather(*dying, return_exceptions=True)
        # Closing writes the log into the database: put back what the dead process would have left behind.
        left = {path: path.read_bytes() for suffix in ("db", "db-wal") for path in self.folder.glob(f"*.{suffix}")}
        await self.stop()
        for path, content in left.items():
            path.write_bytes(content)

    async def quiet(self) -> None:
        """Wait for what was sent by clients who have gone away."""
        async with self._pool.use(CODE) as account:
            await account._writes.close()
            await account._reads.close()
        self.harmed += [f"{alone} was not run again" for again in self._again.values() for alone in again]

    async def tidy(self) -> None:
        """What the server does every hour."""
        async with self._pool.use(CODE) as account:
            await account.tidy()

    def runs(self, sender: str, *, writes: bool = False) -> None:
        """Who it is, and whether it is a bulk that writes: these alone are served in the order in which they came."""
        if sender.isdigit():
            self._serving.append((int(sender), writes))

    def reads_for_itself(self) -> None:
        self._serving.append((NOBODY, False))

    async def transact(self, store: "_Store", needs: Needs, body: Body, *, write: bool, keep: bool) -> None:
        """A transaction in this weather. Raises StoreUnavailable."""
        weather = self.weather
        await weather.pass_by()
        if self.cut.is_set():
            await _for_ever()
        cut, fault = (weather.cut if write and keep else ""), weather.fault()
        self._serving = []
        alone = self._again[write].popleft() if self._again[write] else None
        if fault == "refused":
            weather.met += 1
            self._failed(write=write, begun=False)
            raise StoreUnavailable("locked")
        if fault == "uncommitted" or cut == "before":
            body = _failing(body)
        database = (store._writer if write else store._reader).database
        begun = False

        async def noted(transaction: Transaction) -> None:
            nonlocal begun
            begun = True
            await body(transaction)

        try:
            with (
                _interrupted(database, weather.random.randint(1, 4_000)) if fault == "interrupted" else _calm(),
                _full(database) if fault == "full" and write else _calm(),
            ):
                await store.do(needs, noted, write=write, keep=keep)
        except StoreUnavailable:
            if not cut:
                weather.met += 1
                self._failed(write=write, begun=begun)
                raise
        else:
            self.done += [sender for sender, _ in self._serving if sender != NOBODY]
            self.wrote += [sender for sender, writes in self._serving if writes]
        finally:
            if alone and self._serving not in ([], [alone]):
                self.harmed.append(f"{alone} was to be run alone, but {self._serving} were")
        if cut:
            weather.cut = ""
            self.cut.set()
            await _for_ever()
        await weather.pass_by()

    def _failed(self, *, write: bool, begun: bool) -> None:
        """Where more than one was run, each is to be run again alone, first those who were run already.

        Behind a transaction that could not even begin nobody is run any more: it would wait as long for the same.
        """
        if not begun:
            self._again[write].clear()
        elif len(self._serving) > 1:
            self._again[write].extend(self._serving)

    def forget_who_was_served(self) -> None:
        """The next are about to come."""
        self.done.clear()
        self.wrote.clear()
        for waiting in self._again.values():
            waiting.clear()


_calm = contextlib.nullcontext


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def _failing(body: Body) -> Body:
    async def run(transaction: Transaction) -> None:
        await body(transaction)
        raise StoreUnavailable("lost at the last moment")

    return run


@contextlib.contextmanager
def _interrupted(database: Any, steps: int) -> Generator[None]:
    """SQLite gives up after so many steps of its own, once."""
    blows = iter([1])
    database.set_progress_handler(lambda: next(blows, 0), steps)
    try:
        yield
    finally:
        database.set_progress_handler(None, 0)


@contextlib.contextmanager
def _full(database: Any) -> Generator[None]:
    """The file may not grow."""
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        database.execute(f"PRAGMA max_page_count = {PAGES_MAX}")


class _Unthreaded(ThreadConnection):
    """A connection that is used where it is asked for."""

    def __await__(self) -> Generator[Any, None, "_Unthreaded"]:
        self._connection = self._connector()
        return self
        yield

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Store(SQLiteStore):
    server: Server

    async def transact(self, needs: Needs, body: Body, *, write: bool, keep: bool = True) -> None:
        await self.server.transact(self, needs, body, write=write, keep=keep)

    async def do(self, needs: Needs, body: Body, *, write: bool, keep: bool) -> None:
        await super().transact(needs, body, write=write, keep=keep)


class _Stores(SQLiteStores):
    server: Server

    async def open(self, code: str) -> SQLiteStore:
        store = await _Store.open(self._path(code))
        assert isinstance(store, _Store)
        store.server = self.server
        return store


_run, _read = BulkJob.run, account._Read.run


@contextlib.asynccontextmanager
async def running(folder: Path, clock: ManualClock, random: Random, lots_read: int) -> AsyncIterator[Server]:
    """A server with nothing in it yet, started. Of a wallet it reads so many lots ahead of any need for more."""
    server = Server(folder, clock, Weather(random))

    async def bulk_noted(job: BulkJob, transaction: Transaction) -> None:
        server.runs(job._bulk.client_address, writes=job.writes)
        await _run(job, transaction)

    async def reading_noted(job: account._Read, transaction: Transaction) -> None:
        server.reads_for_itself()
        await _read(job, transaction)

    class NotedJob(DialectJob):
        """Capillary's or fabric's."""

        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self._sender = SENDER.get()

        async def run(self, transaction: Transaction) -> None:
            server.runs(self._sender)
            await super().run(transaction)

    codes = map(UUID, (f"{number:032x}" for number in itertools.count()))
    with (
        mock.patch.object(connection, "ThreadConnection", _Unthreaded),
        mock.patch.object(BulkJob, "run", bulk_noted),
        mock.patch.object(account._Read, "run", reading_noted),
        mock.patch.object(dialects, "DialectJob", NotedJob),
        mock.patch.object(fabric, "uuid4", side_effect=codes),
        mock.patch.object(loading.wallets, "__defaults__", (lots_read,)),
    ):
        await server.start()
        try:
            yield server
        finally:
            await server.die()
