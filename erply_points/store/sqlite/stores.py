"""The SQLite stores: a folder with one file per account, readable by its owner only."""

import fcntl
import os
from pathlib import Path

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
