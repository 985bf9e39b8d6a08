"""Copies of an account beside its file, and the account without its rows: what a sandbox does to accounts.

A copy of `101010` under the name `paid` is `101010.paid.snapshot`. Copies are made and read by SQLite's backup API,
which takes the same locks as any other reader or writer.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from erply_points.store.sqlite import connection, migrations

_SUFFIX: Final = ".snapshot"
_KEPT: Final = frozenset(
    {
        *("settings", "sequences", "users", "employees", "sessions", "clients", "tokens"),
        *("programs", "currencies", "promotions", "reasons"),
    }
)
"""Tables that `clear` leaves alone, or not quite empty."""


def copy_path(account: Path, name: str) -> Path:
    """`name` becomes part of a file name: whoever calls has checked it."""
    return account.with_suffix(f".{name}{_SUFFIX}")


def copies(account: Path) -> list[Path]:
    return list(account.parent.glob(f"{account.stem}.*{_SUFFIX}"))


def name_of(copy: Path) -> str:
    return copy.name.split(".")[1]


def patience() -> Callable[[int, int, int], None]:
    """Ends a backup that has to wait for a lock too long; the module would try for ever."""
    deadline = time.monotonic() + connection.LOCK_TIMEOUT_SECONDS

    def progress(status: int, _remaining: int, _total: int) -> None:
        if status != sqlite3.SQLITE_DONE and time.monotonic() > deadline:
            raise sqlite3.OperationalError("database is locked")

    return progress


def copy_out(database: sqlite3.Connection, path: Path) -> None:
    """Write a copy that is there whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    connection.create_file(unfinished)
    with contextlib.closing(sqlite3.connect(unfinished, isolation_level=None)) as copy:
        database.backup(copy, progress=patience())
        copy.execute("PRAGMA journal_mode = DELETE")  # One file, with nothing beside it.
    unfinished.replace(path)


def copy_in(database: sqlite3.Connection, path: Path) -> None:
    """Read a copy in place of what is there; one of an earlier program is brought up to date.

    Raises FileNotFoundError.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as copy:
        copy.backup(database, progress=patience())
    migrations.migrate(database)


def clear(database: sqlite3.Connection) -> None:
    """Delete all rows but those of `_KEPT`, in one transaction."""
    database.execute("BEGIN IMMEDIATE")
    try:
        database.execute("PRAGMA defer_foreign_keys = ON")
        tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        for (table,) in tables.fetchall():
            if table not in _KEPT:
                database.execute(f"DELETE FROM {table}")
        database.execute("DELETE FROM employees WHERE id NOT IN (SELECT employee_id FROM users)")
        database.execute(
            "DELETE FROM sequences WHERE name NOT IN ('settings', 'sessions', 'users', 'employees', 'currencies')"
        )
        database.execute(
            "UPDATE sequences SET last = (SELECT coalesce(max(id), 0) FROM employees) WHERE name = 'employees'"
        )
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
