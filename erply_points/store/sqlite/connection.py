"""One SQLite connection on a thread of its own, and how it is opened.

aiosqlite hands each statement to the connection's thread and back, about 35 microseconds a time. `run` hands over a
whole function instead, so that reading everything a group of bulks needs, and writing everything it changed, cost one
trip each. See docs/decisions/0001-one-trip-per-step.md.
"""

import asyncio
import contextlib
import functools
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import aiosqlite

from erply_points.store.protocol import StoreUnavailable

P = ParamSpec("P")
T = TypeVar("T")

APPLICATION_ID: Final = 0x45525031  # "ERP1": what `file` and `PRAGMA application_id` show
LOCK_TIMEOUT_SECONDS: Final = 5.0
STATEMENTS_CACHED: Final = 256
PAGE_CACHE_KIB: Final = 8_192
LOG_PAGES_MAX: Final = 4_000
"""Pages of the write-ahead log after which a commit moves them into the database: see `checkpoints`."""


# At DEBUG aiosqlite writes down what it is given to do, and so names and numbers of customers.
logging.getLogger("aiosqlite").setLevel(logging.INFO)


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Raise StoreUnavailable in place of what SQLite raises."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise  # A constraint stopped a mistake of ours; waiting would not help.
    except sqlite3.DatabaseError as error:
        raise StoreUnavailable(str(error)) from error


class ThreadConnection(aiosqlite.Connection):
    stuck = False
    """The disk was read-only when it was opened, and so it stays, whatever becomes of the disk."""

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` on the connection's thread; `function` uses `database` itself.

        Raises StoreUnavailable for whatever the database cannot do just now.
        """
        try:
            with translated_errors():
                result: T = await self._execute(function, *args, **kwargs)  # type: ignore[no-untyped-call]  # aiosqlite's own
        except StoreUnavailable as error:
            cause = error.__cause__
            self.stuck = self.stuck or getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY
            raise
        return result

    async def ended(self) -> None:
        """Wait for the thread to end, where the connection could not be opened."""
        await asyncio.to_thread(self._thread.join)

    @property
    def database(self) -> sqlite3.Connection:
        """The connection itself, for functions that run on its thread."""
        return self._conn


def _casefold(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _open(path: Path, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    database = sqlite3.connect(
        path, timeout=LOCK_TIMEOUT_SECONDS, isolation_level=None, cached_statements=STATEMENTS_CACHED
    )
    try:
        database.create_function("casefold", 1, _casefold, deterministic=True)
        for pragma in pragmas:
            database.execute(f"PRAGMA {pragma}")
    except BaseException:  # The file is no database, most likely.
        database.close()
        raise
    return database


async def connect(path: Path, *, write: bool) -> ThreadConnection:
    """Open an existing account file. A writing connection survives a power cut once it has committed."""
    common: tuple[str, ...] = ("foreign_keys = ON", f"cache_size = -{PAGE_CACHE_KIB}", "temp_store = MEMORY")
    pragmas = (
        (*common, "journal_mode = WAL", "synchronous = FULL", f"wal_autocheckpoint = {LOG_PAGES_MAX}")
        if write
        else (*common, "query_only = ON")
    )
    connector: Callable[[], Any] = functools.partial(_open, path, pragmas)
    connection = ThreadConnection(connector, iter_chunk_size=64)
    try:
        await connection
    except sqlite3.DatabaseError as error:
        await connection.ended()
        raise StoreUnavailable(str(error)) from error
    return connection


def create_file(path: Path) -> None:
    """Make an empty file that only its owner may read, durably. Raises FileExistsError."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
