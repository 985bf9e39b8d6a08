"""Backups of an account and what is made of them: proved, durable, of their owner only, and never over anything."""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from erply_points.store.protocol import (
    AccountInUse,
    DamagedAccount,
    DatabaseTooNew,
    NoBackup,
    StoreUnavailable,
)
from erply_points.store.rows import Session
from erply_points.store.sqlite import backups, migrations
from erply_points.store.sqlite.stores import SQLiteStores
from erply_points.store.unit_of_work import UnitOfWork
from store.samples import (
    ALL_CUSTOMERS,
    CODE,
    OpenStores,
    change,
    closing,
    customer,
    earned,
    listed,
    look,
    lot,
    user,
    wallets,
)

KEY = b"k" * 32


@pytest.fixture
async def stores(tmp_path: Path) -> SQLiteStores:
    """An account with a customer, who has points and whose number was given out."""

    def with_points(work: UnitOfWork) -> None:
        number = work.new_id("customers")
        work.customers.put(number, customer(number))
        earned(work, lot(work.new_id("transactions"), number, 5_000))

    made = SQLiteStores(tmp_path / "accounts")
    async with closing(made.create(CODE)) as store:
        await change(store, with_points, wallets(1))
    return made


@pytest.fixture
async def copy(stores: SQLiteStores, tmp_path: Path) -> Path:
    """A backup of the account."""
    await stores.backup(CODE, tmp_path / "copy.db")
    return tmp_path / "copy.db"


@contextlib.contextmanager
def inside(file: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as database:
        yield database


def left(stores: SQLiteStores, *more: str) -> bool:
    """Whether the folder holds nothing but the account and `more`: nothing unfinished."""
    found = {path.name for path in stores.folder.iterdir()}
    return found == {f"{CODE}.db", f"{CODE}.lock", *more}


async def test_a_copy_is_an_account_again(stores: SQLiteStores, copy: Path) -> None:
    """A backup is one file; restored under another code it has the rows and the next numbers of the first."""
    await stores.restore_backup("other", copy)
    assert [path.name for path in copy.parent.iterdir() if path.name.startswith("copy")] == ["copy.db"]
    assert left(stores, "other.db", "other.lock")
    async with closing(stores.open("other")) as store:
        assert await listed(store, ALL_CUSTOMERS) == [1]
        assert await store.check() == []
        numbers: list[int] = []
        await change(store, lambda work: numbers.append(work.new_id("customers")))
        assert numbers == [2]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
async def test_files_of_their_owner_only(stores: SQLiteStores, tmp_path: Path, mask: int) -> None:
    """A backup and what is restored from it have mode 0600 whatever the umask, as has all that SQLite puts beside."""
    before = os.umask(mask)
    try:
        await stores.backup(CODE, tmp_path / "copy.db")
        await stores.restore_backup("other", tmp_path / "copy.db")
        async with closing(OpenStores(stores).open("other")) as store:
            await change(store, lambda work: work.customers.put(9, customer(9)))
            files = [tmp_path / "copy.db", *stores.folder.glob("other.*")]
            assert {path.suffix for path in files} == {".db", ".db-wal", ".db-shm", ".lock"}
            assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    finally:
        os.umask(before)


async def test_nothing_is_overwritten(stores: SQLiteStores, copy: Path) -> None:
    """A file that is there, whatever it is, stays what it is; so does an account."""
    for file in (copy, copy.with_name("link.db"), copy.with_name("text")):
        if file.name == "link.db":
            file.symlink_to("nowhere")
        elif file.name == "text":
            file.write_text("mine")
        before = file.lstat()
        with pytest.raises(FileExistsError):
            await stores.backup(CODE, file)
        assert (file.lstat().st_ino, file.lstat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    with pytest.raises(FileExistsError):
        await stores.restore_backup(CODE, copy)
    assert left(stores)


async def test_who_comes_second_loses(stores: SQLiteStores, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another makes the file or the account meanwhile, that one stays, and nothing unfinished is left."""
    for target, attempt in (
        (copy.with_name("late.db"), stores.backup(CODE, copy.with_name("late.db"))),
        (stores.folder / "late.db", stores.restore_backup("late", copy)),
    ):
        monkeypatch.setattr(backups, "_prove", lambda _, target=target: target.write_bytes(b"theirs"))
        with pytest.raises(FileExistsError):
            await attempt
        assert target.read_bytes() == b"theirs"
    assert left(stores, "late.db", "late.lock")
    assert not list(copy.parent.glob(".*"))


async def test_where_there_are_no_hard_links(stores: SQLiteStores, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without hard links a copy gets its name too, and nothing is overwritten."""

    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refused)
    await stores.backup(CODE, copy.with_name("second.db"))
    assert copy.with_name("second.db").read_bytes() == copy.read_bytes()
    with pytest.raises(FileExistsError):
        backups._put_in_place(copy, copy.with_name("second.db"))


async def test_a_failed_sync_is_no_backup(stores: SQLiteStores, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk did not take has no name."""

    def failed(_: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", failed)
    with pytest.raises(OSError, match="input/output"):
        await stores.backup(CODE, copy.with_name("second.db"))
    with pytest.raises(OSError, match="input/output"):
        await stores.restore_backup("other", copy)
    assert [path.name for path in copy.parent.iterdir() if path.is_file()] == ["copy.db"]
    assert left(stores)


async def test_a_damaged_account_is_not_copied(stores: SQLiteStores, tmp_path: Path) -> None:
    """The copy of an account that `check` finds wrong is not kept: it would push out the last good one."""
    with inside(stores.folder / f"{CODE}.db") as database:
        database.execute("UPDATE lots SET earned = earned + 1, remaining = remaining + 1")
    with pytest.raises(DamagedAccount) as raised:
        await stores.backup(CODE, tmp_path / "copy.db")
    assert any("balance is not open lots less shortfall" in each for each in raised.value.problems)
    assert [path.name for path in tmp_path.iterdir()] == ["accounts"]


def spoil(copy: Path, how: str) -> None:
    """Make of a good copy one that must not become an account."""
    if how == "text":
        copy.write_text("Dear diary")
    elif how == "empty":
        copy.write_bytes(b"")
    elif how == "half":
        copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    elif how == "noise":
        content = copy.read_bytes()
        copy.write_bytes(content[:4_096] + os.urandom(len(content) - 4_096))
    else:
        with inside(copy) as database:
            database.executescript(how)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("text", NoBackup),
        ("empty", NoBackup),
        ("half", StoreUnavailable),
        ("noise", StoreUnavailable),
        ("PRAGMA application_id = 1", NoBackup),
        ("PRAGMA user_version = 9999", DatabaseTooNew),
        ("PRAGMA user_version = 0", NoBackup),
        ("CREATE TABLE extra (id)", NoBackup),
        ("CREATE TRIGGER t AFTER INSERT ON lots BEGIN DELETE FROM redemptions; END", NoBackup),
        ("DROP TABLE corrections", NoBackup),
        ("UPDATE wallets SET last_at = last_at + 1", DamagedAccount),
        ("DELETE FROM sequences", DamagedAccount),
    ],
)
async def test_what_is_no_sound_account_is_not_restored(
    stores: SQLiteStores, copy: Path, how: str, error: type[Exception]
) -> None:
    """A file that is no account, of a later program, broken or not sound makes no account, and leaves nothing."""
    spoil(copy, how)
    with pytest.raises(error):
        await stores.restore_backup("other", copy)
    assert left(stores)


async def test_a_copy_of_an_earlier_program(stores: SQLiteStores, tmp_path: Path) -> None:
    """A backup that an earlier program made is brought up to date in the new account, and stays as it is itself."""
    old = tmp_path / "old.db"
    with inside(old) as database:
        migrations.migrate(database, 1)
    await stores.restore_backup("other", old)
    with inside(old) as database:
        assert migrations.version(database) == 1
    async with closing(stores.open("other")) as store:
        assert await store.check() == []


async def test_the_log_of_an_account_that_is_gone(stores: SQLiteStores, copy: Path) -> None:
    """A write-ahead log that a removed account left is taken for nobody else's: it is in the way."""
    log = stores.folder / "other.db-wal"
    log.write_bytes(b"old")
    with pytest.raises(StoreUnavailable, match=r"other\.db-wal of an earlier account is in the way"):
        await stores.restore_backup("other", copy)
    with pytest.raises(StoreUnavailable, match=r"other\.db-wal of an earlier account is in the way"):
        await stores.create("other")
    assert left(stores, log.name)
    assert log.read_bytes() == b"old"


async def test_an_account_that_somebody_still_has_open(stores: SQLiteStores, copy: Path) -> None:
    """Where the file was taken from under a server that runs, its account is in use and not restored."""
    async with closing(OpenStores(stores).open(CODE)) as store:
        await change(store, lambda work: work.customers.put(2, customer(2)))
        with pytest.raises(FileExistsError):  # Its log is no other's.
            await stores.create(CODE)
        for path in stores.folder.glob(f"{CODE}.db*"):
            path.unlink()
        with pytest.raises(AccountInUse):
            await stores.restore_backup(CODE, copy)
    await stores.restore_backup(CODE, copy)


@pytest.mark.parametrize("forgotten", [False, True])
async def test_sessions_of_a_copy(stores: SQLiteStores, tmp_path: Path, *, forgotten: bool) -> None:
    """A restored account knows the sessions that were open then, unless they are to be forgotten."""
    async with closing(OpenStores(stores).open(CODE)) as store:
        await change(store, lambda work: work.users.put(1, user(1)))
        await change(store, lambda work: work.sessions.put(KEY, Session(KEY, 1, 100, 200)))
    await stores.backup(CODE, tmp_path / "copy.db")
    await stores.restore_backup("other", tmp_path / "copy.db", forget_sessions=forgotten)
    async with closing(OpenStores(stores).open("other")) as store:
        found = (await look(store, {"sessions": {KEY}})).sessions.get(KEY)
        assert found == (None if forgotten else Session(KEY, 1, 100, 200))
