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

from erply_points.store import lookups, shapes
from erply_points.store.postgres import checking, copying, loading, migrations, steps, tables
from erply_points.store.postgres.connection import Connection, Database, NotTheWriter, is_lost, translated_errors
from erply_points.store.postgres.loading import SEQUENCES
from erply_points.store.postgres.tables import Opening
from erply_points.store.postgres.transaction import LOCK_SECONDS, PostgresTransaction, Run, beginning, commit
from erply_points.store.protocol import Body, OutcomeUnknown, Rows, StoreUnavailable
from erply_points.store.shapes import SETTINGS_SEQUENCE
from erply_points.store.unit_of_work import Needs

OUTCOME_SECONDS: Final = 5.0
"""How long after it was sent it is tried to find out what became of a commit whose answer was lost.

Who comes meanwhile waits too.
"""
OUTCOME_SECONDS_MIN: Final = 2.0
"""How long at least, where the answer has been waited for so long before."""
OUTCOME_PAUSE_SECONDS: Final = 0.25
SEEN_SECONDS: Final = 20.0
"""How often an open account is shown to be open."""
_LOCK: Final = f"SELECT FROM sequences WHERE name = '{SETTINGS_SEQUENCE}' FOR UPDATE"  # The row that always is there.
_log = logging.getLogger(__name__)

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
            await commit(connection)
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
