"""Backups: an account copied into one file of its own while it is served, and such a file put back as an account.

Nothing is ever overwritten, and nothing stands under its name before it is whole, proved and on disk: a copy is made
under a passing name beside its place, checked as `erply-points check` does, synced, and linked to its name.
"""

import contextlib
import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from erply_points.store.protocol import DamagedAccount, NoBackup, StoreUnavailable
from erply_points.store.sqlite import checking, copying, migrations
from erply_points.store.sqlite.connection import APPLICATION_ID, sync_folder, translated_errors

_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
"""What a file system says that knows no hard links."""


def write(database: sqlite3.Connection, file: Path) -> None:
    """Copy the account that `database` has open, as it is at one moment, to `file`.

    Raises FileExistsError, DamagedAccount, StoreUnavailable, OSError; then there is no `file`.
    """
    _refuse_existing(file)
    with _unfinished(file) as copy_path:
        with _opened(copy_path) as copy:
            database.backup(copy, progress=copying.patience())
            copy.execute("PRAGMA journal_mode = DELETE")  # One file, with nothing beside it.
            _prove(copy)
        _put_in_place(copy_path, file)


def read(file: Path, account: Path, *, forget_sessions: bool) -> None:
    """Make `file`, a backup, the new account file `account`; one of an earlier program is brought up to date.

    Raises FileNotFoundError, FileExistsError, NoBackup, DamagedAccount, DatabaseTooNew, StoreUnavailable, OSError;
    then there is no account.
    """
    _refuse_existing(account)
    refuse_remains(account)
    with _unfinished(account) as copy_path:
        with _opened(copy_path) as copy:
            with _opened(file, read_only=True) as backup:
                _refuse_other_files(backup)
                backup.backup(copy, progress=copying.patience())
            copy.execute("PRAGMA journal_mode = DELETE")
            migrations.migrate(copy)
            if forget_sessions:
                copy.executescript("DELETE FROM sessions; DELETE FROM tokens")
            _prove(copy)
        _put_in_place(copy_path, account)


def refuse_remains(account: Path) -> None:
    """Raise StoreUnavailable if an account that is gone left its log: a new one would take it for its own."""
    if account.exists():
        return  # It is its own.
    for end in ("-wal", "-journal"):
        remains = account.with_name(account.name + end)
        if os.path.lexists(remains):
            raise StoreUnavailable(f"{remains} of an earlier account is in the way; move it elsewhere")


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "it exists already", str(path))


@contextlib.contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """An empty file of its owner only, beside `path`; it is gone when the block ends."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".unfinished", dir=path.parent)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        for end in ("", "-journal", "-wal", "-shm"):
            Path(name + end).unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(path: Path, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    """Raises FileNotFoundError, StoreUnavailable."""
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "there is no such file", str(path))
    mode = "ro" if read_only else "rw"
    with translated_errors():
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None)
        with contextlib.closing(database):
            yield database


def _refuse_other_files(backup: sqlite3.Connection) -> None:
    """Raises NoBackup, DatabaseTooNew."""
    try:
        (application_id,) = backup.execute("PRAGMA application_id").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise NoBackup from None
        raise
    if application_id != APPLICATION_ID:
        raise NoBackup
    migrations.refuse_newer(backup)
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        migrations.migrate(empty, migrations.version(backup))
        if _named(backup) != _named(empty):
            raise NoBackup  # Tables, views or triggers that the program never made.


def _named(database: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """Kind, name and table of all that a schema holds."""
    rows = database.execute("SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'")
    return set(rows.fetchall())


def _prove(copy: sqlite3.Connection) -> None:
    problems = checking.check(copy)
    if problems:
        raise DamagedAccount(problems)


def _put_in_place(copy_path: Path, path: Path) -> None:
    """Give the finished copy its name, durably. Raises FileExistsError if somebody was quicker."""
    descriptor = os.open(copy_path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(copy_path, path)  # Unlike a renaming, it never overwrites.
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _refuse_existing(path)
        copy_path.rename(path)
    sync_folder(path.parent)
