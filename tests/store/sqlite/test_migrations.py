"""Migrations: from a new file to the newest schema, each step whole or not at all."""

import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from erply_points.store.protocol import DatabaseTooNew, StoreUnavailable
from erply_points.store.rows import Session
from erply_points.store.sqlite import migrations
from erply_points.store.sqlite.connection import APPLICATION_ID
from erply_points.store.sqlite.store import SQLiteStore
from store import samples
from store.samples import ALL_CUSTOMERS, change, customer, listed, look

LAST = max(migrations.known())


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """An account with a customer, closed."""
    async with samples.closing(SQLiteStore.create(tmp_path / "shop.db")) as store:
        await change(store, lambda work: work.customers.put(work.new_id("customers"), customer(1)))
    return store.path


async def _open(path: Path) -> None:
    async with samples.closing(SQLiteStore.open(path)):
        pass


def _pragma(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as database:
        (value,) = database.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


def _with(monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """Let there be further migrations."""
    known = migrations.known()
    known |= {LAST + number: script for number, script in enumerate(scripts.values(), start=1)}
    monkeypatch.setattr(migrations, "known", lambda: known)


def test_migrations_are_numbered_without_gaps() -> None:
    """The files are 0001, 0002 ... so that every version is reached by one way only."""
    assert sorted(migrations.known()) == list(range(1, LAST + 1))


async def test_a_new_file_gets_every_migration(path: Path) -> None:
    """A new account has the newest schema, says which, and says whose file it is."""
    assert _pragma(path, "user_version") == LAST
    assert _pragma(path, "application_id") == APPLICATION_ID
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as expected:
        for number in range(1, LAST + 1):
            expected.executescript(migrations.known()[number])
        tables = "SELECT type, name, sql FROM sqlite_schema ORDER BY name"
        with closing(sqlite3.connect(path)) as database:
            assert database.execute(tables).fetchall() == expected.execute(tables).fetchall()


async def test_a_file_that_was_left_before_its_first_migration_is_completed(tmp_path: Path) -> None:
    """A crash between making the file and its schema leaves an account that opens."""
    path = tmp_path / "shop.db"
    path.touch()
    async with samples.closing(SQLiteStore.open(path)) as store:
        assert await listed(store, ALL_CUSTOMERS) == []
    assert _pragma(path, "user_version") == LAST


async def test_opening_again_changes_nothing(path: Path) -> None:
    """A file of the newest schema is left as it is."""
    before = path.read_bytes()
    await _open(path)
    assert path.read_bytes() == before


async def test_an_old_file_is_brought_up_to_date_with_its_data(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of an earlier version gets what it lacks, in order, and keeps its rows."""
    _with(
        monkeypatch,
        column="ALTER TABLE customers ADD COLUMN note TEXT NOT NULL DEFAULT 'new';",
        value="UPDATE customers SET note = note || 'er; a semicolon';",
    )
    async with samples.closing(SQLiteStore.open(path)) as store:
        assert await listed(store, ALL_CUSTOMERS) == [1]
    assert _pragma(path, "user_version") == LAST + 2
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT id, note FROM customers").fetchall() == [(1, "newer; a semicolon")]


async def test_sessions_of_an_earlier_program_go_on(tmp_path: Path) -> None:
    """A session that was open before sessions could be ended is open: it was not ended."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        migrations.migrate(database, 3)
        database.execute("INSERT INTO users VALUES (1, 'till', '', 'till', 1, 1, 100, '', '{}')")
        database.execute("INSERT INTO sessions VALUES (zeroblob(32), 1, 100, 200)")
    async with samples.closing(SQLiteStore.open(path)) as store:
        found = await look(store, {"sessions": {bytes(32)}})
        assert found.sessions.get(bytes(32)) == Session(bytes(32), 1, 100, 200, ended_at=0)


@pytest.mark.parametrize(
    "broken",
    [
        "CREATE TABLE extra (id INTEGER);\nUPDATE customers SET first_name = 'x';\nINSERT INTO missing VALUES (1);",
        "CREATE TABLE extra (id INTEGER);\nUPDATE customers SET reward_points_disabled = 2;",
        "CREATE TABLE extra (id INTEGER);\nCREATE TABLE;",
    ],
    ids=["missing table", "constraint", "syntax"],
)
async def test_a_migration_that_fails_leaves_the_old_schema(
    broken: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration is applied whole or not at all: after a failure the file is as before it, and says so."""
    before = _dump(path)
    with monkeypatch.context() as patch:
        _with(patch, broken=broken)
        with pytest.raises((StoreUnavailable, sqlite3.IntegrityError)):
            await _open(path)
    assert (_dump(path), _pragma(path, "user_version")) == (before, LAST)
    with monkeypatch.context() as patch:
        _with(patch, good="CREATE TABLE extra (id INTEGER);", broken=broken.replace("extra", "extra2"))
        with pytest.raises((StoreUnavailable, sqlite3.IntegrityError)):
            await _open(path)
    applied = "CREATE TABLE extra (id INTEGER);" in _dump(path)
    assert _pragma(path, "user_version") == LAST + applied
    assert not any("extra2" in line for line in _dump(path))


async def test_a_newer_file_is_refused_untouched(path: Path) -> None:
    """A file that a newer program has changed is not opened, and not a byte of it changes."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {LAST + 1}")
    before = path.read_bytes()
    with pytest.raises(DatabaseTooNew, match=f"its schema is {LAST + 1}, this program knows {LAST}"):
        await _open(path)
    assert path.read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} - {path.name} <= {"shop.lock"}


async def test_two_programs_that_open_a_new_file_at_once_both_succeed(tmp_path: Path) -> None:
    """A migration that another program applies in the meantime is not applied again."""
    path = tmp_path / "shop.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as slow,
        closing(sqlite3.connect(path, isolation_level=None)) as fast,
    ):
        begun: list[str] = []

        def meanwhile(statement: str) -> None:
            # Just before the slow program takes its first lock, the fast one does everything.
            if statement.startswith("BEGIN") and not begun:
                begun.append(statement)
                migrations.migrate(fast)

        slow.set_trace_callback(meanwhile)
        migrations.migrate(slow)
        slow.set_trace_callback(None)
        assert begun
    assert _pragma(path, "user_version") == LAST


async def test_customers_of_before_the_other_dialects_can_be_found_by_them(tmp_path: Path) -> None:
    """Customers of an older file get identifiers; the first of two with the same mobile has it."""
    path = tmp_path / "shop.db"
    known = migrations.known()
    people = "(?, '', 'Mari', '', '', '', ?, '', ?, '', 0, 1, 1, '{}')"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for number in (1, 2):
            database.executescript(known[number])
        for person in ((1, " Mari@Example.com ", "+372 555"), (2, "", "+372555"), (3, "jaan@example.com", "")):
            database.execute(f"INSERT INTO customers VALUES {people}", person)
        database.execute("INSERT INTO wallets VALUES (1, 1, 0, 0, 0, 0, 0, 0, 0, 0)")
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute("PRAGMA user_version = 2")
    async with samples.closing(SQLiteStore.open(path)) as store:
        assert not [problem for problem in await store.check() if "sequence" not in problem]
    with closing(sqlite3.connect(path)) as database:
        found = database.execute(
            "SELECT kind, value, customer_id FROM identifiers ORDER BY kind, customer_id"
        ).fetchall()
        currencies = database.execute("SELECT * FROM currencies").fetchall()
    emails, mobiles = [("email", "mari@example.com", 1), ("email", "jaan@example.com", 3)], [("mobile", "+372555", 1)]
    assert [each for each in found if each[0] != "profileId"] == emails + mobiles
    profiles = [value for kind, value, _ in found if kind == "profileId"]
    assert len(set(profiles)) == 3
    assert all(str(uuid.UUID(value)) == value and uuid.UUID(value).version == 4 for value in profiles)
    assert currencies == [(1, "points", 0, 1, 1)]
