"""The SQLite stores: a folder with one file per account, readable by its owner only."""

import asyncio
import errno
import fcntl
import os
from pathlib import Path

from erply_points.store.sqlite import backups
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
