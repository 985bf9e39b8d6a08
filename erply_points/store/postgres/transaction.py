"""One transaction of a PostgreSQL store: how it begins, what it reads and writes, and how it ends."""

import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

import asyncpg

from erply_points.ledger.amounts import UnixSeconds
from erply_points.store import lookups
from erply_points.store.listing import Listing, Page
from erply_points.store.postgres import listing, loading, tables
from erply_points.store.postgres.connection import Connection, is_lost, translated_errors
from erply_points.store.postgres.tables import Opening
from erply_points.store.protocol import StoreUnavailable
from erply_points.store.shapes import DAY, SETTINGS_SEQUENCE
from erply_points.store.unit_of_work import BELONGINGS, Needs, UnitOfWork, WalletKey

IDLE_SECONDS: Final = 5
"""How long a server that has vanished in the middle of a transaction can keep the others waiting."""
LOCK_SECONDS: Final = 10
"""How long a writer waits for its turn."""
UNSEEN_SECONDS_MAX: Final = 90.0
"""After this long without a sign an account counts as closed by who had it open."""


# Where the server is told not to wait for the disk or for standbys, we do.
_DURABLE: Final = (
    "SELECT set_config('synchronous_commit', 'on', true)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)

Run = Callable[[Coroutine[Any, Any, Any]], Coroutine[Any, Any, Any]]
"""Does a step of a transaction."""


def beginning(schema: str, *, write: bool) -> str:
    """The statements that begin a transaction in a schema, in one trip."""
    # pg_temp is named so that it comes last. A timeout of the server's would end a commit's waiting for a standby as if
    # the standby had answered.
    # What is asked for by key is in memory or on a disk that does not turn: an index is nearly always right.
    common = (
        f'SET LOCAL search_path TO "{schema}", pg_temp; SET LOCAL statement_timeout = 0;'
        " SET LOCAL random_page_cost = 1.1"
    )
    if not write:
        return f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {common}"
    return (
        f"BEGIN ISOLATION LEVEL READ COMMITTED; {common}; SET LOCAL lock_timeout = '{LOCK_SECONDS}s';"
        f" SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'; {_DURABLE}"
    )


async def commit(connection: Connection) -> str:
    """What the server says of a COMMIT. Raises StoreUnavailable also where it is not sure that all is safe."""
    warnings: list[Any] = []

    def listen(_: Any, message: Any) -> None:
        warnings.append(message)

    with translated_errors():
        connection.add_log_listener(listen)
        try:
            done = await connection.execute("COMMIT")
        finally:
            if not is_lost(connection):
                connection.remove_log_listener(listen)
    if warnings:  # Its waiting for a standby was cancelled.
        raise StoreUnavailable(f"a commit with a warning: {warnings[0].message}")
    return done


class Owner(Protocol):
    """The store that a transaction belongs to."""

    def next_commit(self) -> Opening:
        """What a transaction writes down of its own commit, so that it can be found again."""
        ...

    async def learn_outcome(self, number: int, sent: float) -> None:
        """Return if commit `number`, `sent` then, came about. Raises StoreUnavailable if not, OutcomeUnknown."""
        ...

    async def give_back(self, transaction: "PostgresTransaction", *, broken: bool) -> None:
        """Take its connection back, which may be `broken`."""
        ...

    def ended(self, *, write: bool) -> None:
        """One of those that read or `write` has ended."""
        ...


class PostgresTransaction:
    """One transaction on a connection of its own. `run` does its steps."""

    def __init__(self, store: Owner, connection: Connection, run: Run, *, write: bool) -> None:
        self.work = UnitOfWork()
        self.settings: Mapping[str, str] = {}
        self.connection = connection
        self._store = store
        self._run = run
        self._write = write
        self._has_written = False
        self._ended = False

    async def load(self, needs: Needs) -> None:
        missing = self.work.missing(needs)
        if missing:
            await self._run(self._load(missing))

    async def _load(self, missing: Needs) -> None:
        with translated_errors():
            if {"wallets", "document_numbers"} & missing.keys() or BELONGINGS & missing.keys():
                await self._flush()  # They are made of rows that may have changed.
            loaded = await loading.read(self.connection, missing)
        lookups.keep(self.work, missing, loaded)

    async def load_whole_wallet(self, key: WalletKey) -> None:
        await self._run(self._load_whole_wallet(key))

    async def _load_whole_wallet(self, key: WalletKey) -> None:
        with translated_errors():
            await self._flush()
            found = await loading.whole_wallets(self.connection, [key])
        lookups.keep(self.work, {}, [("wallets", key, wallet) for key, wallet in found.items()])

    async def list(self, listing: Listing) -> Page:
        page: Page = await self._run(self._list(listing))
        return page

    async def _list(self, asked: Listing) -> Page:
        with translated_errors():
            await self._flush()
            return await listing.run(self.connection, asked)

    async def _flush(self, opening: Opening | None = None) -> None:
        if self.work.changed or opening is not None:
            if not self._write:
                raise StoreUnavailable("a transaction that reads cannot write")
            self._has_written = True
            await tables.write(self.connection, self.work, opening)
            self.work.flushed()

    async def set_settings(self, settings: Mapping[str, str]) -> None:
        await self._run(self._set_settings(settings))

    async def _set_settings(self, settings: Mapping[str, str]) -> None:
        self._has_written = True
        with translated_errors():
            await self.connection.execute(_SET_SETTINGS, list(settings), list(settings.values()))

    async def forget(self, before: UnixSeconds, answers_before: UnixSeconds, failures_before: UnixSeconds) -> None:
        await self._run(self._forget(before, answers_before, failures_before))

    async def _forget(self, before: UnixSeconds, answers_before: UnixSeconds, failures_before: UnixSeconds) -> None:
        self._has_written = True
        with translated_errors():
            await self.connection.execute(_FORGET, before, answers_before, before - DAY, failures_before)

    async def commit(self) -> None:
        await self._run(self.commit_now())

    async def commit_now(self) -> None:
        """Raises OutcomeUnknown where the database was lost and did not come back in time to be asked.

        A writer that has changed nothing waits for the standbys too, for its lock is on disk: what it has read, and
        answers from, may have been kept by a commit whose own wait was cut short.
        """
        opening = self._store.next_commit() if self._has_written or self.work.changed else None
        with translated_errors():
            await self._flush(opening)
        sent = time.monotonic()
        try:
            done = await commit(self.connection)
        except StoreUnavailable:
            if opening is None:
                raise
            await self._store.give_back(self, broken=True)
            await self._store.learn_outcome(opening.commits, sent)
        else:
            if done != "COMMIT":  # So says the server of a transaction in which something had failed.
                raise StoreUnavailable("the transaction had failed before its commit")
        await self.end()

    async def rollback(self) -> None:
        if not self._ended:
            await self._run(self.rollback_now())

    async def rollback_now(self) -> None:
        if not self._ended:
            try:
                await self.connection.execute("ROLLBACK")
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                await self.end(broken=True)  # The server rolls back what has lost its connection.
            else:
                await self.end()

    async def end(self, *, broken: bool = False) -> None:
        """Give back the connection, and the turn of who writes."""
        if not self._ended:
            self._ended = True
            await self._store.give_back(self, broken=broken)
            self._store.ended(write=self._write)


_SET_SETTINGS: Final = f"""
    WITH given AS (
        INSERT INTO settings (name, value) SELECT * FROM unnest($1::text[], $2::text[])
        ON CONFLICT (name) DO UPDATE SET value = excluded.value)
    UPDATE sequences SET last = last + 1 WHERE name = '{SETTINGS_SEQUENCE}'"""
_FORGET: Final = f"""
    WITH answers AS (DELETE FROM kept_answers WHERE answered_at < $2),
        ended AS (DELETE FROM sessions WHERE expires_at < $1),
        tokens_ended AS (DELETE FROM tokens WHERE expires_at < $1),
        failures AS (DELETE FROM login_failures WHERE last_at < $4),
        unseen AS (DELETE FROM openings WHERE seen_at < now() - interval '{10 * UNSEEN_SECONDS_MAX} seconds')
    DELETE FROM document_uuids WHERE seen_at < $3"""
