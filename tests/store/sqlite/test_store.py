"""What is SQLite's own: durable settings, locks, files and their modes, and what a full disk leaves."""

import asyncio
import contextlib
import shutil
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from erply_points.store.lookups import LOTS_READ_AHEAD
from erply_points.store.protocol import StoreUnavailable, Transaction
from erply_points.store.sqlite import checkpoints, connection
from erply_points.store.sqlite import store as sqlite_store
from erply_points.store.sqlite.store import SQLiteStore
from erply_points.store.sqlite.stores import SQLiteStores
from erply_points.store.unit_of_work import UnitOfWork
from store.samples import ALL_CUSTOMERS, change, closing, customer, earned, ids, listed, look, lot, wallet_of, wallets


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SQLiteStore]:
    """An account whose writer waits for a lock only briefly."""
    monkeypatch.setattr(connection, "LOCK_TIMEOUT_SECONDS", 0.05)
    async with closing(SQLiteStores(tmp_path / "accounts").create("shop")) as opened:
        yield opened


def _pragma(of: connection.ThreadConnection, name: str) -> object:
    (value,) = of.database.execute(f"PRAGMA {name}").fetchone()
    return value


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Another program is writing."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_the_writer_survives_a_power_cut(store: SQLiteStore) -> None:
    """The connection that commits writes ahead, waits for the disk at each commit and holds references to be true."""
    writer, reader = store._writer, store._reader
    assert await writer.run(_pragma, writer, "journal_mode") == "wal"
    assert await writer.run(_pragma, writer, "synchronous") == 2
    assert await writer.run(_pragma, writer, "foreign_keys") == 1
    assert await reader.run(_pragma, reader, "query_only") == 1


async def test_the_reader_cannot_write(store: SQLiteStore) -> None:
    """What a handler of a reading bulk changes by mistake can reach no database."""
    transaction = await store.begin({}, write=False)
    transaction.work.customers.put(1, customer(1))
    with pytest.raises(StoreUnavailable, match="readonly"):
        await transaction.commit()
    await transaction.rollback()
    assert await listed(store, ALL_CUSTOMERS) == []


def test_the_lock_timeout_is_one_that_a_till_can_wait() -> None:
    """A writer waits some seconds for another program, well within a client's patience."""
    assert 1 <= connection.LOCK_TIMEOUT_SECONDS <= 10


async def test_a_lock_held_too_long_makes_the_store_unavailable(store: SQLiteStore) -> None:
    """While another program writes, writers are refused after a wait, readers are not, and then all is well again."""
    await change(store, lambda work: work.customers.put(1, customer(1)))
    with _locked(store.path):
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.begin({}, write=True)
        assert 0.04 <= time.monotonic() - started < 2
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.set_settings({"a": "1"})
        assert await listed(store, ALL_CUSTOMERS) == [1]
    await change(store, lambda work: work.customers.put(2, customer(2)))
    assert await listed(store, ALL_CUSTOMERS) == [1, 2]


async def test_transactions_of_one_connection_do_not_overlap(store: SQLiteStore) -> None:
    """A second writer in the same store is refused and leaves the first alone."""
    first = await store.begin({}, write=True)
    first.work.customers.put(1, customer(1))
    with pytest.raises(StoreUnavailable, match="has not ended"):
        await store.begin({}, write=True)
    with pytest.raises(StoreUnavailable):
        await store.set_settings({"a": "1"})
    await first.commit()
    assert await listed(store, ALL_CUSTOMERS) == [1]


@pytest.mark.parametrize("flushed", [False, True])
async def test_a_full_disk_keeps_nothing_and_harms_nothing(store: SQLiteStore, flushed: bool) -> None:
    """A transaction that does not fit is refused as unavailable; what was there stays, and smaller ones go on."""
    await change(store, lambda work: work.customers.put(1, customer(1)))

    def limit(pages: int) -> None:
        store._writer.database.execute(f"PRAGMA max_page_count = {pages}")

    (pages,) = await store._writer.run(lambda: store._writer.database.execute("PRAGMA page_count").fetchone())
    await store._writer.run(limit, pages + 2)
    transaction = await store.begin({"customers": {1}}, write=True)
    transaction.work.customers.put(1, customer(1, first_name="Changed"))
    for number in range(2, 2_000):
        transaction.work.customers.put(number, customer(number, first_name="x" * 100))
    with pytest.raises(StoreUnavailable, match="full"):
        await (ids(transaction, ALL_CUSTOMERS) if flushed else transaction.commit())
    await transaction.rollback()
    work = await look(store, {"customers": {1, 2}})
    assert (work.customers.get(1), work.customers.get(2)) == (customer(1), None)
    await change(store, lambda work: work.customers.put(2, customer(2)))
    await store._writer.run(limit, 10_000)
    assert await listed(store, ALL_CUSTOMERS) == [1, 2]
    assert [problem for problem in await store.check() if "sequence" not in problem] == []


async def test_a_begin_that_fails_leaves_no_transaction_open(store: SQLiteStore) -> None:
    """If reading the needs fails, the lock is given back at once."""
    with pytest.raises(KeyError):
        await store.begin({"no such table": {1}}, write=True)
    await change(store, lambda work: work.customers.put(1, customer(1)))
    assert await listed(store, ALL_CUSTOMERS) == [1]


async def test_wherever_a_begin_is_broken_off_the_next_one_begins(store: SQLiteStore) -> None:
    """A transaction that SQLite breaks off at any of the first steps, those of BEGIN included, is not left open."""
    database = store._writer.database

    def interrupt_once_after(steps: int) -> None:
        blows = iter([1])
        database.set_progress_handler(lambda: next(blows, 0), steps)

    broken_off = 0
    for steps in range(1, 40):
        await store._writer.run(interrupt_once_after, steps)
        try:
            transaction = await store.begin({"customers": {1}}, write=True)
        except StoreUnavailable:
            broken_off += 1
        else:
            await store._writer.run(database.set_progress_handler, None, 0)
            await transaction.rollback()
        await change(store, lambda work, number=steps: work.customers.put(number, customer(number)))  # type: ignore[misc]  # mypy does not infer a lambda with a default
    assert broken_off
    assert await listed(store, ALL_CUSTOMERS) == list(range(1, 40))


async def test_files_are_readable_by_their_owner_only(store: SQLiteStore) -> None:
    """An account's files and their folder let nobody else in, the write-ahead log included."""
    await change(store, lambda work: work.customers.put(1, customer(1)))
    await listed(store, ALL_CUSTOMERS)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in store.path.parent.iterdir()}
    assert {"shop.db", "shop.db-wal", "shop.db-shm"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


async def test_removing_leaves_no_file(tmp_path: Path) -> None:
    """Of a removed account not even a write-ahead log that a killed server left behind remains."""
    stores = SQLiteStores(tmp_path)
    await (await stores.create("shop")).close()
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"shop.db{suffix}").touch()
    await stores.remove("shop")
    assert list(tmp_path.iterdir()) == []
    await stores.remove("shop")


async def test_an_account_removed_while_it_is_opened_is_not_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening never creates a database, even if the account disappears between the first look and the lock."""
    stores = SQLiteStores(tmp_path)
    await (await stores.create("shop")).close()
    lock_account = sqlite_store.lock_account

    def too_late(path: Path, kind: int) -> int:
        path.unlink()
        return lock_account(path, kind)

    monkeypatch.setattr(sqlite_store, "lock_account", too_late)
    with pytest.raises(FileNotFoundError):
        async with closing(stores.open("shop")):
            pass
    assert await stores.codes() == []


async def test_a_folder_is_no_account(tmp_path: Path) -> None:
    """Only a file can be an account."""
    (tmp_path / "shop.db").mkdir()
    with pytest.raises(FileNotFoundError):
        await SQLiteStores(tmp_path).open("shop")


async def test_without_a_folder_there_are_no_accounts(tmp_path: Path) -> None:
    """A server that has never made an account lists none."""
    assert await SQLiteStores(tmp_path / "never").codes() == []


@pytest.mark.parametrize(("lots", "read", "complete"), [(4, 4, True), (5, 4, False)])
async def test_a_wallet_is_read_ahead_so_far(lots: int, read: int, complete: bool, store: SQLiteStore) -> None:
    """Up to the limit a wallet comes whole; beyond it comes the limit, marked as not whole."""
    assert LOTS_READ_AHEAD == 4

    def make(work: UnitOfWork) -> None:
        work.customers.put(1, customer(1))
        for number in range(1, lots + 1):
            earned(work, lot(number, 1, 10))

    await change(store, make, wallets(1))
    wallet = wallet_of(await look(store, wallets(1)), 1)
    assert (len(wallet.lots), wallet.complete) == (read, complete)


async def test_a_copy_is_one_file_of_its_owner(store: SQLiteStore) -> None:
    """A copy is readable by its owner only and leaves nothing beside it, neither when written nor when read."""
    await store.snapshot("first")
    await store.restore("first")
    copies = [path for path in store.path.parent.iterdir() if "first" in path.name]
    assert [path.name for path in copies] == ["shop.first.snapshot"]
    assert stat.S_IMODE(copies[0].stat().st_mode) == 0o600


async def test_a_locked_account_is_not_restored(store: SQLiteStore) -> None:
    """While another program writes, neither a copy is read in nor a row deleted; afterwards both work."""
    await store.snapshot("empty")
    await change(store, lambda work: work.customers.put(1, customer(1)))
    with _locked(store.path):
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.restore("empty")
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.clear()
    assert await listed(store, ALL_CUSTOMERS) == [1]
    await store.restore("empty")
    assert await listed(store, ALL_CUSTOMERS) == []


def _log_size(store: SQLiteStore) -> int:
    """Of the write-ahead log, in pages."""
    return store.path.with_name(f"{store.path.name}-wal").stat().st_size // (4_096 + 24)


async def _write_rows(store: SQLiteStore, first: int, count: int) -> None:
    def make(work: UnitOfWork) -> None:
        for number in range(first, first + count):
            work.customers.put(number, customer(number))

    async def body(transaction: Transaction) -> None:
        make(transaction.work)

    await store.transact({}, body, write=True)


async def _moved(store: SQLiteStore, copy: Path) -> int:
    """How many customers stand in the database without its log."""
    shutil.copy(store.path, copy)
    with contextlib.closing(sqlite3.connect(copy)) as database, contextlib.suppress(sqlite3.OperationalError):
        return int(database.execute("SELECT count(*) FROM customers").fetchone()[0])
    return 0  # Not even the tables.


async def _until_moved(store: SQLiteStore, copy: Path, customers: int) -> None:
    for _ in range(200):
        if await _moved(store, copy) == customers:
            return
        await asyncio.sleep(0.05)
    assert await _moved(store, copy) == customers


async def test_the_log_is_moved_while_others_write(store: SQLiteStore, tmp_path: Path) -> None:
    """What was committed is moved from the log into the database before long, and no commit is asked to do it."""
    log_pages_max = await store._writer.run(_pragma, store._writer, "wal_autocheckpoint")
    assert log_pages_max == connection.LOG_PAGES_MAX
    await _write_rows(store, 1, checkpoints.ROWS)
    assert 0 < _log_size(store) < connection.LOG_PAGES_MAX
    await _until_moved(store, tmp_path / "copy.db", checkpoints.ROWS)


async def test_the_log_does_not_grow_without_end(store: SQLiteStore) -> None:
    """However much is written in one go, the log stays within the length at which a commit moves it, and one commit."""
    for first in range(1, 40_001, 100):
        await _write_rows(store, first, 100)
    assert _log_size(store) < connection.LOG_PAGES_MAX + 500


async def test_a_checkpoint_that_cannot_be_made_harms_nobody(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the connection for it cannot be opened, commits go on, and the account closes cleanly."""

    async def refused(*_: object, **__: object) -> connection.ThreadConnection:
        raise StoreUnavailable("unable to open database file")

    monkeypatch.setattr(checkpoints, "connect", refused)
    await _write_rows(store, 1, checkpoints.ROWS)
    await _write_rows(store, checkpoints.ROWS + 1, 1)
    assert len(await listed(store, ALL_CUSTOMERS)) == checkpoints.ROWS + 1


async def test_a_checkpoint_that_failed_is_followed_by_one_that_does_not(store: SQLiteStore, tmp_path: Path) -> None:
    """A connection that could not move the log once is not asked again: the next checkpoint has a new one."""
    await _write_rows(store, 1, checkpoints.ROWS)
    await _until_moved(store, tmp_path / "copy.db", checkpoints.ROWS)
    broken = store._checkpoints._connection
    assert broken is not None
    await broken.run(broken.database.close)
    await _write_rows(store, checkpoints.ROWS + 1, checkpoints.ROWS)
    assert store._checkpoints._running is not None
    await store._checkpoints._running
    await _write_rows(store, 2 * checkpoints.ROWS + 1, checkpoints.ROWS)
    await _until_moved(store, tmp_path / "copy.db", 3 * checkpoints.ROWS)
