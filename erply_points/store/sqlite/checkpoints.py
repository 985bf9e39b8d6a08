"""Checkpoints beside the writer: the write-ahead log is moved into the database while commits go on.

SQLite would let the commit that finds a thousand pages in the log wait until they are moved, milliseconds with two
more syncs. Here another connection, on a thread of its own, moves them as often. What it does not get done under steady
load is left to the writer, which still does it itself once the log is `LOG_PAGES_MAX` long.
See docs/decisions/0060-checkpoints.md.
"""

import asyncio
import sqlite3
from pathlib import Path
from typing import Final

from erply_points.store.protocol import StoreUnavailable
from erply_points.store.sqlite.connection import ThreadConnection, connect

ROWS: Final = 2_500
"""Rows that are written between two checkpoints. They fill some 700 to 3,000 pages of the log."""


class Checkpoints:
    """Those of one account. The connection is opened for the first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: ThreadConnection | None = None
        self._running: asyncio.Task[None] | None = None
        self._written = 0

    def after(self, writer: sqlite3.Connection) -> None:
        """Begin a checkpoint if enough was written since the last, and go on."""
        written = writer.total_changes
        if self._written <= written < self._written + ROWS or (self._running is not None and not self._running.done()):
            return
        self._written = written
        self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            if self._connection is None:
                self._connection = await connect(self._path, write=True)
            await self._connection.run(self._connection.database.execute, "PRAGMA wal_checkpoint(PASSIVE)")
        except StoreUnavailable:
            # Whatever it cannot do the writer does, or the next one: on a new connection, for one that was opened on a
            # read-only disk stays so.
            await self._let_go()

    async def close(self) -> None:
        """Let one that runs end."""
        if self._running is not None:
            await asyncio.wait([self._running])
        await self._let_go()

    async def _let_go(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
