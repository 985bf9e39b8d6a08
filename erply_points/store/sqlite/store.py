"""The SQLite store of one account: a connection that writes, a connection that reads, and their transactions."""

import asyncio
import contextlib
import errno
import fcntl
import os
import sqlite3
import stat
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from erply_points.ledger.amounts import UnixSeconds
from erply_points.store import lookups, shapes
from erply_points.store.listing import Listing, Page
from erply_points.store.lookups import ALL_LOTS, Loaded
from erply_points.store.protocol import AccountInUse, Body, Rows, StoreUnavailable
from erply_points.store.shapes import DAY, ROWS_READ, SETTINGS_SEQUENCE
from erply_points.store.sqlite import backups, checking, copying, listing, loading, migrations, tables
from erply_points.store.sqlite.checkpoints import Checkpoints
from erply_points.store.sqlite.connection import ThreadConnection, connect, create_file, translated_errors
from erply_points.store.unit_of_work import BELONGINGS, Needs, UnitOfWork, WalletKey

Run = Callable[..., Coroutine[Any, Any, Any]]
"""Calls a function on the thread that may use the database."""


class SQLiteTransaction:
    """One transaction. Each method is one call of `run`, which takes it to the connection's thread."""

    def __init__(self, database: sqlite3.Connection, run: Run, work: UnitOfWork, settings: Mapping[str, str]) -> None:
        self._database = database
        self._run = run
        self.work = work
        self.settings = settings

    async def load(self, needs: Needs) -> None:
        missing = self.work.missing(needs)
        if missing:
            lookups.keep(self.work, missing, await self._run(self._read, missing))

    def _read(self, missing: Needs) -> Loaded:
        if {"wallets", "document_numbers"} & missing.keys() or BELONGINGS & missing.keys():
            self._flush()  # They are made of rows that may have changed.
        return loading.read(self._database, missing)

    async def load_whole_wallet(self, key: WalletKey) -> None:
        lookups.keep(self.work, {}, await self._run(self._flush_and_read_wallet, key))

    def _flush_and_read_wallet(self, key: WalletKey) -> Loaded:
        self._flush()
        return [("wallets", key, wallet) for key, wallet in loading.wallets(self._database, [key], ALL_LOTS)]

    async def list(self, listing: Listing) -> Page:
        page: Page = await self._run(self._flush_and_list, listing)
        return page

    def _flush_and_list(self, asked: Listing) -> Page:
        self._flush()
        return listing.run(self._database, asked)

    def _flush(self) -> None:
        if self.work.changed:
            tables.write(self._database, self.work)
            self.work.flushed()

    async def set_settings(self, settings: Mapping[str, str]) -> None:
        await self._run(_write_settings, self._database, settings)

    async def forget(self, before: UnixSeconds, answers_before: UnixSeconds, failures_before: UnixSeconds) -> None:
        await self._run(_forget, self._database, before, answers_before, failures_before)

    async def commit(self) -> None:
        await self._run(self.commit_now)

    def commit_now(self) -> None:
        self._flush()
        _commit(self._database)

    async def rollback(self) -> None:
        await self._run(_rollback, self._database)


async def _directly(function: Callable[..., Any], *args: Any) -> Any:
    """Run on this thread, which is the connection's."""
    with translated_errors():
        return function(*args)


class SQLiteStore:
    """One account's file. Open it with `open`, make it with `create`."""

    def __init__(self, path: Path, writer: ThreadConnection, reader: ThreadConnection, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._writer = writer
        self._reader = reader
        self._settings: tuple[int, Mapping[str, str]] = (-1, {})
        self._mending = asyncio.Lock()
        self._checkpoints = Checkpoints(path)

    @classmethod
    async def create(cls, path: Path) -> "SQLiteStore":
        """Make a new account's file. Raises FileExistsError, StoreUnavailable."""
        backups.refuse_remains(path)
        create_file(path)
        return await cls.open(path)

    @classmethod
    async def open(cls, path: Path) -> "SQLiteStore":
        """Open an account's file and bring its schema up to date.

        Raises DatabaseTooNew, StoreUnavailable; FileNotFoundError if there is no such account.
        """
        lock = _lock_existing(path)
        try:
            writer, reader = await _connect_both(path)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, writer, reader, lock)

    async def _connection(self, *, write: bool) -> ThreadConnection:
        """The one that writes or the one that reads, in working order. Raises StoreUnavailable."""
        if self._writer.stuck or self._reader.stuck:
            async with self._mending:
                if self._writer.stuck or self._reader.stuck:
                    # All at once: they share what SQLite keeps of the file, and how it was opened.
                    with translated_errors():
                        await self._checkpoints.close()
                        await self._reader.close()
                        await self._writer.close()
                    self._writer, self._reader = await _connect_both(self.path)
        return self._writer if write else self._reader

    async def begin(self, needs: Needs, *, write: bool) -> SQLiteTransaction:
        connection = await self._connection(write=write)
        return await connection.run(self._begin, connection.database, connection.run, needs, write=write)

    async def transact(self, needs: Needs, body: Body, *, write: bool, keep: bool = True) -> None:
        connection = await self._connection(write=write)
        try:
            await connection.run(self._transact, connection.database, needs, body, write=write, keep=keep)
        except StoreUnavailable:
            if not connection.stuck:
                raise
            connection = await self._connection(write=write)
            await connection.run(self._transact, connection.database, needs, body, write=write, keep=keep)
        if write:
            self._checkpoints.after(connection.database)

    def _transact(self, database: sqlite3.Connection, needs: Needs, body: Body, *, write: bool, keep: bool) -> None:
        transaction = self._begin(database, _directly, needs, write=write)
        try:
            _drive(body(transaction))
            if keep:
                transaction.commit_now()
            else:
                _rollback(database)
        except BaseException:
            _rollback(database)
            raise

    def _begin(self, database: sqlite3.Connection, run: Run, needs: Needs, *, write: bool) -> SQLiteTransaction:
        version, settings = self._settings
        sequences, changed, loaded = _begin(database, needs, version, write=write)
        if changed is not None:
            settings = changed
            self._settings = (sequences.get(SETTINGS_SEQUENCE, 0), settings)
        work = UnitOfWork()
        work.sequences.rows.update(sequences)
        lookups.keep(work, needs, loaded)
        return SQLiteTransaction(database, run, work, settings)

    async def set_settings(self, settings: Mapping[str, str]) -> None:
        await self._writer.run(_set_settings, self._writer.database, settings)

    async def check(self) -> list[str]:
        return await self._reader.run(checking.check, self._reader.database)

    async def clear(self) -> None:
        await self._writer.run(copying.clear, self._writer.database)

    async def snapshot(self, name: str) -> None:
        await self._writer.run(copying.copy_out, self._writer.database, copying.copy_path(self.path, name))

    async def restore(self, name: str) -> None:
        await self._writer.run(copying.copy_in, self._writer.database, copying.copy_path(self.path, name))
        self._settings = (-1, {})

    async def snapshots(self) -> list[str]:
        return sorted(copying.name_of(path) for path in copying.copies(self.path))

    async def backup(self, file: Path) -> None:
        await self._reader.run(backups.write, self._reader.database, file)

    async def rows(self) -> Rows:
        reader = self._reader
        await reader.run(reader.database.execute, "BEGIN")
        try:
            for name, shape in shapes.ALL.items():
                query = f"SELECT {', '.join(shape.columns)} FROM {name} ORDER BY {', '.join(shape.key)}"
                cursor = await reader.run(reader.database.execute, query)
                while part := await reader.run(cursor.fetchmany, ROWS_READ):
                    yield name, part
        finally:
            await reader.run(_rollback, reader.database)

    async def sums(self) -> dict[str, int]:
        return await self._reader.run(_sums, self._reader.database)

    async def close(self) -> None:
        try:
            async with contextlib.AsyncExitStack() as closing:
                for connection in (self._writer, self._reader, self._checkpoints):
                    closing.push_async_callback(connection.close)
        finally:
            if self._lock >= 0:
                os.close(self._lock)
            self._lock = -1


async def _connect_both(path: Path) -> tuple[ThreadConnection, ThreadConnection]:
    """The connection that writes, once the schema is up to date, and the one that reads."""
    writer = await connect(path, write=True)
    try:
        await writer.run(lambda: migrations.migrate(writer.database))
        return writer, await connect(path, write=False)
    except BaseException:
        await writer.close()
        raise


def _drive(steps: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never has to wait: on this thread there is nothing to wait for."""
    try:
        steps.send(None)
    except StopIteration:
        return
    steps.close()
    raise RuntimeError("inside a transaction there is nothing to wait for but the transaction")


def _lock_existing(path: Path) -> int:
    """Lock an account to use it with others. Raises FileNotFoundError, AccountInUse, StoreUnavailable."""
    try:
        _look_for(path)
        lock = lock_account(path, fcntl.LOCK_SH)
        try:
            _look_for(path)  # It may have been removed since.
        except BaseException:
            os.close(lock)
            raise
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreUnavailable(str(error.strerror)) from error
    return lock


def _look_for(path: Path) -> None:
    """Raises FileNotFoundError if there is no such file, OSError if that cannot be told."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise FileNotFoundError(path)


def lock_account(path: Path, kind: int) -> int:
    """Lock an account for as long as the returned descriptor is open. Raises AccountInUse, OSError.

    The lock is on a file beside the database: closing a second descriptor of the database itself would take
    SQLite's own locks away.
    """
    beside = path.with_suffix(".lock")
    try:
        descriptor = os.open(beside, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        descriptor = os.open(beside, os.O_RDONLY)  # Reading goes on where the disk is read-only.
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AccountInUse from None
    return descriptor


def _begin(
    database: sqlite3.Connection, needs: Needs, settings_version: int, *, write: bool
) -> tuple[dict[str, int], dict[str, str] | None, Loaded]:
    if database.in_transaction:
        raise StoreUnavailable("the last transaction of this connection has not ended")
    try:
        database.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        sequences: dict[str, int] = dict(database.execute("SELECT name, last FROM sequences"))
        settings: dict[str, str] | None = None
        if sequences.get(SETTINGS_SEQUENCE, 0) != settings_version:
            settings = dict(database.execute("SELECT name, value FROM settings"))
        return sequences, settings, loading.read(database, needs)
    except BaseException:
        _rollback(database)
        raise


def _forget(
    database: sqlite3.Connection, before: UnixSeconds, answers_before: UnixSeconds, failures_before: UnixSeconds
) -> None:
    database.execute("DELETE FROM kept_answers WHERE answered_at < ?", (answers_before,))
    database.execute("DELETE FROM sessions WHERE expires_at < ?", (before,))
    database.execute("DELETE FROM tokens WHERE expires_at < ?", (before,))
    database.execute("DELETE FROM login_failures WHERE last_at < ?", (failures_before,))
    database.execute("DELETE FROM document_uuids WHERE seen_at < ?", (before - DAY,))


def _commit(database: sqlite3.Connection) -> None:
    """Raises sqlite3.Error; then nothing is kept, by a process that is killed right afterwards neither."""
    try:
        database.execute("COMMIT")
    except sqlite3.OperationalError:  # The disk's doing; anything else is found before a byte is written.
        _rollback(database)
        _write_over(database)
        raise


def _write_over(database: sqlite3.Connection) -> None:
    """Put a transaction that changes nothing of note where a failed one may stand in the log, whole but for its sync.

    If the process were killed now, who opens the log next would take it for committed. See decision 0050.
    """
    try:
        database.execute("BEGIN IMMEDIATE")
        _write_settings(database, {})
        database.execute("COMMIT")
    except sqlite3.Error:
        _rollback(database)


def _sums(database: sqlite3.Connection) -> dict[str, int]:
    return {name: database.execute(query).fetchone()[0] for name, query in shapes.SUMS.items()}


def _rollback(database: sqlite3.Connection) -> None:
    if database.in_transaction:
        database.execute("ROLLBACK")


def _set_settings(database: sqlite3.Connection, settings: Mapping[str, str]) -> None:
    database.execute("BEGIN IMMEDIATE")
    try:
        _write_settings(database, settings)
        _commit(database)
    except BaseException:
        _rollback(database)
        raise


def _write_settings(database: sqlite3.Connection, settings: Mapping[str, str]) -> None:
    database.executemany(
        "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        list(settings.items()),
    )
    database.execute(
        "INSERT INTO sequences (name, last) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET last = last + 1",
        (SETTINGS_SEQUENCE,),
    )
