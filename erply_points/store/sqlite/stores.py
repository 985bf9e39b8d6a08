"""The SQLite stores: a folder with one file per account, readable by its owner only."""

import asyncio
import errno
import fcntl
import os
import sqlite3
from pathlib import Path

from erply_points.store.protocol import AccountInUse, Rows
from erply_points.store.sqlite import backups, connection, migrations, tables
from erply_points.store.sqlite.copying import copies
from erply_points.store.sqlite.store import SQLiteStore, lock_account


class SQLiteStores:
    """`codes` become file names: whoever calls has checked them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, code: str) -> Path:
        return self.folder / f"{code}.db"

    async def open(self, code: str) -> SQLiteStore:
        return await SQLiteStore.open(self._path(code))

    async def create(self, code: str) -> SQLiteStore:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return await SQLiteStore.create(self._path(code))

    async def fill(self, code: str, rows: Rows) -> None:
        path = self._path(code)
        if path.exists():
            raise FileExistsError(path)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        connection.create_file(unfinished)
        try:
            await _fill(unfinished, rows)
            os.link(unfinished, path)  # Raises FileExistsError where renaming would overwrite.
        finally:
            unfinished.unlink(missing_ok=True)

    async def is_in_use(self, code: str) -> bool:
        try:
            os.close(lock_account(self._path(code), fcntl.LOCK_EX))
        except AccountInUse:
            return True
        return False

    async def codes(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.db"))

    async def remove(self, code: str) -> None:
        path = self._path(code)
        lock = lock_account(path, fcntl.LOCK_EX)
        try:
            for suffix in (".db-wal", ".db-shm", ".db", ".lock"):
                path.with_suffix(suffix).unlink(missing_ok=True)
            for copy in copies(path):
                copy.unlink()
        finally:
            os.close(lock)

    async def backup(self, code: str, file: Path) -> None:
        if not file.parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "there is no such folder", str(file.parent))
        if file.resolve().parent == self.folder.resolve():
            raise IsADirectoryError(errno.EISDIR, "it would lie among the accounts", str(file))
        store = await self.open(code)
        try:
            await store.backup(file)
        finally:
            await store.close()

    async def restore_backup(self, code: str, file: Path, *, forget_sessions: bool = False) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(code)
        lock = lock_account(path, fcntl.LOCK_EX)
        try:
            await asyncio.to_thread(backups.read, file, path, forget_sessions=forget_sessions)
        except BaseException:
            if not path.exists():
                path.with_suffix(".lock").unlink(missing_ok=True)
            raise
        finally:
            os.close(lock)


async def _fill(path: Path, rows: Rows) -> None:
    """Put the rows into an empty file, in one transaction; it is one file and durable at the end."""
    writer = await connection.connect(path, write=True)
    try:
        await writer.run(_begin_to_fill, writer.database)
        async for name, part in rows:
            await writer.run(tables.ALL[name].insert.run, writer.database, part)
        await writer.run(_end_filling, writer.database)
    finally:
        await writer.close()


def _begin_to_fill(database: sqlite3.Connection) -> None:
    migrations.migrate(database)
    database.execute("BEGIN IMMEDIATE")
    database.execute("PRAGMA defer_foreign_keys = ON")
    for name in reversed(tables.ALL):  # What every account begins with.
        database.execute(f"DELETE FROM {name}")


def _end_filling(database: sqlite3.Connection) -> None:
    database.execute("COMMIT")
    database.execute("PRAGMA journal_mode = DELETE")  # One file, with nothing beside it.
