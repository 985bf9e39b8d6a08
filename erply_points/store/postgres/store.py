"""The PostgreSQL store of one account: its schema, and transactions that any number of processes may begin in it.

Who writes locks one row of the account first, the same one in all processes, so writers follow each other and each sees
all that those before it did; a group of bulks costs four trips: begin and lock, read, write, commit. Readers have one
snapshot for the whole of their transaction and wait for nobody.

A server that dies while it holds the lock loses its connection, and with it the lock, at once; one whose host or
network is gone, after IDLE_SECONDS. Others wait longer than that for the lock, so they go on.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from erply_points.ledger.amounts import UnixSeconds
from erply_points.store import lookups, shapes
from erply_points.store.listing import Listing, Page
from erply_points.store.postgres import checking, copying, listing, loading, migrations, steps, tables
from erply_points.store.postgres.connection import Connection, Database, NotTheWriter, is_lost, translated_errors
from erply_points.store.postgres.loading import SEQUENCES
from erply_points.store.postgres.tables import Opening
from erply_points.store.protocol import Body, OutcomeUnknown, Rows, StoreUnavailable
from erply_points.store.shapes import DAY, SETTINGS_SEQUENCE
from erply_points.store.unit_of_work import BELONGINGS, Needs, UnitOfWork, WalletKey

IDLE_SECONDS: Final = 5
"""How long a server that has vanished in the middle of a transaction can keep the others waiting."""
LOCK_SECONDS: Final = 10
"""How long a writer waits for its turn."""
OUTCOME_SECONDS: Final = 5.0
"""How long after it was sent it is tried to find out what became of a commit whose answer was lost.

Who comes meanwhile waits too.
"""
OUTCOME_SECONDS_MIN: Final = 2.0
"""How long at least, where the answer has been waited for so long before."""
OUTCOME_PAUSE_SECONDS: Final = 0.25
SEEN_SECONDS: Final = 20.0
"""How often an open account is shown to be open."""
UNSEEN_SECONDS_MAX: Final = 90.0
"""After this long without a sign an account counts as closed by who had it open."""

_LOCK: Final = f"SELECT FROM sequences WHERE name = '{SETTINGS_SEQUENCE}' FOR UPDATE"  # The row that always is there.
# Where the server is told not to wait for the disk or for standbys, we do.
_DURABLE: Final = (
    "SELECT set_config('synchronous_commit', 'on', true)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)

_log = logging.getLogger(__name__)

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


async def _commit(connection: Connection) -> str:
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


class PostgresTransaction:
    """One transaction on a connection of its own. `run` does its steps."""

    def __init__(self, store: "PostgresStore", connection: Connection, run: Run, *, write: bool) -> None:
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
            done = await _commit(self.connection)
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
_SEEN: Final = (
    "INSERT INTO openings (id, commits, seen_at) VALUES ($1, 0, now())"
    " ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at"
)
_CLOSED: Final = "DELETE FROM openings WHERE id = $1"
_COUNTED: Final = "UPDATE openings SET seen_at = now() WHERE id = $1 RETURNING commits"


class PostgresStore:
    """One account's schema. `schema` must be there, up to date; open it with `open`."""

    def __init__(self, database: Database, schema: str) -> None:
        self.database = database
        self.schema = schema
        self.id = uuid.uuid4()
        self._settings: tuple[int, Mapping[str, str]] = (-1, {})
        self._begin_to_read = beginning(schema, write=False)
        self._begin_to_write = f"{beginning(schema, write=True)}; {_LOCK}"
        self._open: dict[PostgresTransaction, Connection] = {}
        self._turn = asyncio.Lock()
        self._commits = 0
        self._shown: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, database: Database, schema: str) -> "PostgresStore":
        """Open an account's schema and bring it up to date.

        Raises DatabaseTooNew, StoreUnavailable; FileNotFoundError if there is no such account.
        """
        store = cls(database, schema)
        database.hold()
        try:
            is_there = await store.alone(store._show_open)
            if not is_there:
                raise FileNotFoundError(schema)  # noqa: TRY301 - what is held is let go of below
        except BaseException:
            await database.let_go()
            raise
        store._shown = asyncio.create_task(store._go_on_showing())
        return store

    async def _show_open(self, connection: Connection) -> bool:
        """Whether there is such an account; it is brought up to date, and shown to be open."""
        if await connection.fetchval("SELECT to_regclass('migrations')") is None:
            return False
        found = await migrations.version(connection)
        if found < max(migrations.known()):
            # The lock is not that of writers, whose row a migration may move.
            await connection.execute("LOCK TABLE migrations IN EXCLUSIVE MODE")
            await migrations.apply(connection, await migrations.version(connection))
        await connection.execute(_SEEN, self.id)
        return True

    async def _go_on_showing(self) -> None:
        while True:
            await asyncio.sleep(SEEN_SECONDS)
            with contextlib.suppress(StoreUnavailable):
                await self.alone(lambda connection: connection.execute(_SEEN, self.id))

    async def alone(
        self, work: Callable[[Connection], Coroutine[Any, Any, Any]], *, locked: bool = False, write: bool = True
    ) -> Any:
        """Do `work` in a transaction beside the unit of work; return what it returns. `locked`: as writers are."""
        connection = await self._begin_on_a_connection(
            self._begin_to_write if locked else beginning(self.schema, write=write)
        )
        whole = False
        try:
            with translated_errors():
                answer = await work(connection)
            await _commit(connection)
            whole = True
            return answer
        finally:
            await self.database.give_back(connection, broken=not whole)

    async def _begin_on_a_connection(self, statements: str) -> Connection:
        """A connection on which a transaction has begun. Where the first turns out to be dead, another is tried."""
        for last in (False, True):
            connection = await self.database.take()
            try:
                with translated_errors():
                    await connection.execute(statements)
                return connection  # noqa: TRY300 - it belongs to the try
            except BaseException as error:
                lost = isinstance(error, StoreUnavailable) and is_lost(connection)
                if isinstance(error, NotTheWriter):
                    await self.database.distrust()
                    lost = True
                await self.database.give_back(connection, broken=True)
                if last or not lost:
                    raise
        raise AssertionError("the last try returns or raises")

    async def begin(self, needs: Needs, *, write: bool) -> PostgresTransaction:
        return await self._begin(needs, steps.directly, write=write)

    async def transact(self, needs: Needs, body: Body, *, write: bool, keep: bool = True) -> None:
        transaction = await self._begin(needs, steps.as_step, write=write)
        try:
            await steps.drive(body(transaction))
            if keep:
                await transaction.commit_now()
            else:
                await transaction.rollback_now()
        except (asyncio.CancelledError, StoreUnavailable):
            await transaction.end(broken=True)  # Who did not answer will not answer a ROLLBACK either.
            raise
        except BaseException:
            await transaction.rollback_now()
            raise

    async def _begin(self, needs: Needs, run: Run, *, write: bool) -> PostgresTransaction:
        if write:
            await self._take_turn()
        try:
            connection = await self._begin_on_a_connection(self._begin_to_write if write else self._begin_to_read)
        except BaseException:
            self.ended(write=write)
            raise
        transaction = PostgresTransaction(self, connection, run, write=write)
        self._open[transaction] = connection
        try:
            with translated_errors():
                loaded = await loading.read(connection, {SEQUENCES: {0}, **needs})
                sequences = {key: last for name, key, last in loaded if name == SEQUENCES}
                transaction.settings = await self._known_settings(connection, sequences[SETTINGS_SEQUENCE])
        except BaseException:
            await transaction.end(broken=True)
            raise
        work = transaction.work
        work.sequences.rows.update(sequences)
        lookups.keep(work, needs, [each for each in loaded if each[0] != SEQUENCES])
        return transaction

    async def _known_settings(self, connection: Connection, version: int) -> Mapping[str, str]:
        """The settings as the transaction sees them: the same object for as long as no process changes them."""
        known, settings = self._settings
        if version != known:
            settings = dict(await connection.fetch("SELECT name, value FROM settings"))
            if version > known:  # A reader may look back at what a writer of ours has seen change.
                self._settings = (version, settings)
        return settings

    async def _take_turn(self) -> None:
        """Wait until no other transaction of this store writes: where one's outcome is unknown, none must follow."""
        try:
            async with asyncio.timeout(LOCK_SECONDS if self._turn.locked() else None):
                await self._turn.acquire()
        except TimeoutError:
            raise StoreUnavailable("the last transaction that writes has not ended") from None

    async def give_back(self, transaction: PostgresTransaction, *, broken: bool) -> None:
        connection = self._open.pop(transaction, None)
        if connection is not None:
            await self.database.give_back(connection, broken=broken)

    def ended(self, *, write: bool) -> None:
        if write:
            self._turn.release()

    def next_commit(self) -> Opening:
        """What to write into a transaction so that it can be told whether it was committed."""
        self._commits += 1
        return Opening(self.id, self._commits, datetime.now(UTC))

    async def learn_outcome(self, number: int, sent: float) -> None:
        """Find out whether commit `number` came about; return if so. Raises StoreUnavailable if not, OutcomeUnknown.

        It was `sent` then (`time.monotonic`).

        Who asks has the account's lock, so the transaction has ended; and what is answered has reached the standbys.
        """
        deadline = max(sent + OUTCOME_SECONDS, time.monotonic() + OUTCOME_SECONDS_MIN)
        reason = "no answer"
        while True:
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    counted = await self.alone(lambda connection: connection.fetchval(_COUNTED, self.id), locked=True)
            except (StoreUnavailable, TimeoutError) as error:
                reason = str(error) or reason  # What only took too long says nothing.
                if time.monotonic() > deadline:
                    raise OutcomeUnknown(f"a commit was under way when the database was lost: {reason}") from None
                await asyncio.sleep(OUTCOME_PAUSE_SECONDS)
            else:
                _log.warning("the database was lost in a commit, which was %skept", "" if counted == number else "not ")
                if counted != number:
                    raise StoreUnavailable("the database was lost before the commit; nothing of it was kept")
                return

    async def set_settings(self, settings: Mapping[str, str]) -> None:
        transaction = await self.begin({}, write=True)
        try:
            await transaction.set_settings(settings)
            await transaction.commit()
        finally:
            await transaction.rollback()

    async def check(self) -> list[str]:
        problems: list[str] = await self.alone(checking.check, write=False)
        return problems

    async def clear(self) -> None:
        await self.alone(copying.clear, locked=True)

    async def snapshot(self, name: str) -> None:
        await self.alone(lambda connection: copying.copy_out(connection, self.schema, name), locked=True)

    async def restore(self, name: str) -> None:
        if not await self.alone(lambda connection: copying.copy_in(connection, self.schema, name), locked=True):
            raise FileNotFoundError(name)
        self._settings = (-1, {})

    async def snapshots(self) -> list[str]:
        names: list[str] = await self.alone(lambda connection: copying.names(connection, self.schema), write=False)
        return names

    async def rows(self) -> Rows:
        transaction = await self.begin({}, write=False)
        try:
            for name, shape in shapes.ALL.items():
                query = f"SELECT {tables.quoted(shape.columns)} FROM {name} ORDER BY {tables.quoted(shape.key)}"
                with translated_errors():
                    cursor = await transaction.connection.cursor(query)
                    while part := await cursor.fetch(shapes.ROWS_READ):
                        yield name, list(map(tuple, part))
        finally:
            await transaction.rollback()

    async def sums(self) -> dict[str, int]:
        async def add_up(connection: Connection) -> dict[str, int]:
            found = {}
            for name, query in shapes.SUMS.items():
                found[name] = int(await connection.fetchval(query, timeout=checking.CHECK_SECONDS))
            return found

        sums: dict[str, int] = await self.alone(add_up, write=False)
        return sums

    async def close(self) -> None:
        if self._shown is None:
            return
        self._shown.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._shown
        self._shown = None
        try:
            for transaction in list(self._open):
                await transaction.end(broken=True)
            with contextlib.suppress(StoreUnavailable):
                await self.alone(lambda connection: connection.execute(_CLOSED, self.id))
        finally:
            await self.database.let_go()
