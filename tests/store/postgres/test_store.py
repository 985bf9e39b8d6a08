"""What is PostgreSQL's own: schemas, migrations, what is set for a transaction, and connections that are given back."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from erply_points.store.listing import Condition, Listing
from erply_points.store.postgres import migrations
from erply_points.store.postgres.connection import CONNECTIONS_MAX, Refused
from erply_points.store.postgres.store import PostgresStore
from erply_points.store.postgres.stores import PostgresStores
from erply_points.store.postgres.tables import JSON_COLUMNS
from erply_points.store.postgres.transaction import IDLE_SECONDS, LOCK_SECONDS
from erply_points.store.protocol import DatabaseTooNew, Stores, StoreUnavailable
from erply_points.store.shapes import ALL
from store.kinds import KINDS
from store.samples import ALL_CUSTOMERS, CODE, change, closing, customer, document, listed, put, vat_rate

DOTLESS_I = "\u0131"
HOSTILE = (
    "default_transaction_isolation=serializable&synchronous_commit=off&search_path=pg_catalog&lock_timeout=1"
    "&DateStyle=German&bytea_output=escape&timezone=Asia/Kathmandu&array_nulls=off&lc_messages=C"
)
"""Settings of a role or a database that must not matter."""


@pytest.fixture
def stores(tmp_path: Any) -> Stores:
    made: Stores = KINDS["postgres"]()(tmp_path)
    return made


@pytest.fixture
async def store(stores: PostgresStores) -> AsyncIterator[PostgresStore]:
    async with closing(stores.create(CODE)) as opened:
        yield opened


async def sql(store: PostgresStore, statement: str) -> Any:
    """The first value that a statement of nobody's gives, in the account's schema."""
    connection = await asyncpg.connect(store.database._url, server_settings={"search_path": store.schema})
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_of_many_that_make_an_account_one_succeeds(stores: PostgresStores) -> None:
    """However many processes make an account at once, one of them does and the others are told that it is there."""
    many = [PostgresStores(stores._database._url, stores._prefix) for _ in range(4)]
    made = await asyncio.gather(*(each.create(CODE) for each in many), return_exceptions=True)
    opened = [each for each in made if isinstance(each, PostgresStore)]
    assert len(opened) == 1
    assert [type(each) for each in made if not isinstance(each, PostgresStore)] == [FileExistsError] * 3
    await opened[0].close()


async def test_a_migration_is_applied_once_by_whoever_comes_first(
    stores: PostgresStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers of a newer program that open an account together bring it up to date once; an older one is refused."""
    async with closing(stores.create(CODE)) as store:
        await change(store, lambda work: work.customers.put(1, customer(1)))
    known = migrations.known()
    with monkeypatch.context() as newer:
        newer.setattr(migrations, "known", lambda: known | {max(known) + 1: "CREATE TABLE more (id bigint)"})
        many = [PostgresStores(stores._database._url, stores._prefix) for _ in range(4)]
        opened = await asyncio.gather(*(each.open(CODE) for each in many))
        assert await sql(opened[0], "SELECT count(*) FROM migrations") == len(known) + 1
        assert [await listed(each, ALL_CUSTOMERS) for each in opened] == [[1]] * 4
        for each in opened:
            await each.close()
    with pytest.raises(DatabaseTooNew):
        await stores.open(CODE)


async def test_a_copy_of_an_earlier_program_is_brought_up_to_date(
    stores: PostgresStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that was taken before a migration is restored as that migration would have left it."""
    known = migrations.known()
    async with closing(stores.create(CODE)) as store:
        await change(store, lambda work: work.customers.put(1, customer(1, first_name="Mari")))
        await store.snapshot("before")
    grown = "ALTER TABLE customers ADD COLUMN shouted text; UPDATE customers SET shouted = upper(first_name)"
    monkeypatch.setattr(migrations, "known", lambda: known | {max(known) + 1: grown})
    async with closing(stores.open(CODE)) as store:
        await sql(store, "UPDATE customers SET shouted = ''")
        await store.restore("before")
        assert await sql(store, "SELECT shouted FROM customers") == "MARI"
        assert await listed(store, ALL_CUSTOMERS) == [1]


async def _settings(store: PostgresStore, *names: str) -> list[str]:
    transaction = await store.begin({}, write=True)
    try:
        return [await transaction.connection.fetchval("SELECT current_setting($1)", name) for name in names]
    finally:
        await transaction.rollback()


async def test_a_writer_is_durable_and_bounded_whatever_the_server_is_told(stores: PostgresStores) -> None:
    """A transaction that writes waits for the disk and for standbys, and holds up others for seconds at most."""
    names = ("synchronous_commit", "transaction_isolation", "statement_timeout", "lock_timeout")
    expected = ["on", "read committed", "0", f"{LOCK_SECONDS}s", f"{IDLE_SECONDS}s"]
    hostile = PostgresStores(f"{stores._database._url}&{HOSTILE}", stores._prefix)
    async with closing(hostile.create(CODE)) as store:
        assert await _settings(store, *names, "idle_in_transaction_session_timeout") == expected
        await put(store, "customers", [customer(1, birthday="1990-01-05"), customer(2, fields='{"groupID": 7}')])
        await put(store, "documents", [document(1, date="2026-01-30", fields='{"paymentDays": 3}')])
        due = Listing("documents", (Condition(("due_date",), "=", "2026-02-02"),))
        assert await listed(store, due) == [1]
    stronger = PostgresStores(f"{stores._database._url}&synchronous_commit=remote_apply", stores._prefix)
    async with closing(stronger.open(CODE)) as store:
        assert await _settings(store, "synchronous_commit") == ["remote_apply"]
    assert 2 * IDLE_SECONDS <= LOCK_SECONDS  # Who waits for one that has vanished gets its turn.


Misuse = Callable[[PostgresStore], Awaitable[object]]


async def _unique(store: PostgresStore) -> None:
    await put(store, "customers", [customer(1, card_number="X"), customer(2, card_number="X")])


async def _reader_writes(store: PostgresStore) -> None:
    transaction = await store.begin({}, write=False)
    try:
        transaction.work.customers.put(1, customer(1))
        await transaction.commit()
    finally:
        await transaction.rollback()


async def _unknown_table(store: PostgresStore) -> None:
    await store.begin({"no such table": {1}}, write=True)


async def _out_of_range(store: PostgresStore) -> None:
    await put(store, "vat_rates", [vat_rate(1, active=7)])


@pytest.mark.parametrize(
    ("misuse", "error"),
    [(_unique, Refused), (_reader_writes, StoreUnavailable), (_unknown_table, KeyError), (_out_of_range, Refused)],
)
async def test_what_fails_gives_its_connection_back(
    store: PostgresStore, misuse: Misuse, error: type[Exception]
) -> None:
    """However often something goes wrong, no connection is lost by it, and values of rows are in no message."""
    for _ in range(CONNECTIONS_MAX + 3):
        with pytest.raises(error) as told:
            await misuse(store)
        assert "X" not in str(told.value)
    await change(store, lambda work: work.customers.put(1, customer(1)))
    assert await listed(store, ALL_CUSTOMERS) == [1]


async def test_a_body_that_is_cancelled_keeps_nothing(store: PostgresStore) -> None:
    """If whoever runs a transaction is stopped, it is rolled back and the next one need not wait for it."""

    async def body(transaction: Any) -> None:
        transaction.work.customers.put(1, customer(1))
        await transaction.list(ALL_CUSTOMERS)
        task.cancel()
        await transaction.list(ALL_CUSTOMERS)

    task = asyncio.create_task(store.transact({}, body, write=True))
    with pytest.raises(asyncio.CancelledError):
        await task
    await change(store, lambda work: work.customers.put(2, customer(2)))
    assert await listed(store, ALL_CUSTOMERS) == [2]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("ALTER TABLE lots DISABLE TRIGGER ALL", "a reference or check of lots is switched off"),
        ("ALTER TABLE lots ADD CHECK (id > 0) NOT VALID", "lots_id_check of lots was never proved"),
        ("UPDATE sequences SET last = 0 WHERE name = 'customers'", "customer 1: a number was used"),
    ],
)
async def test_damage_is_told(store: PostgresStore, damage: str, told: str) -> None:
    """What somebody has done to the database by hand is found by the check."""
    await change(store, lambda work: work.customers.put(work.new_id("customers"), customer(1)))
    assert await store.check() == []
    await sql(store, damage)
    (problem,) = await store.check()
    assert told in problem


async def test_json_columns_are_those_that_the_program_takes_for_json(store: PostgresStore) -> None:
    """What is sent as JSON is JSON in the database, and nothing else is."""
    found = await sql(
        store,
        "SELECT array_agg(DISTINCT column_name::text) FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND data_type = 'json'",
    )
    assert set(found) == JSON_COLUMNS
    tables = await sql(store, "SELECT array_agg(tablename::text) FROM pg_tables WHERE schemaname = current_schema()")
    assert set(tables) == {*ALL, "openings", "migrations"}


async def test_letters_fold_as_in_python(store: PostgresStore) -> None:
    """Names in the letters of Europe are found whatever their case, by the same rule as in SQLite."""
    letters = [chr(code) for code in range(0xC0, 0x530) if unicodedata.category(chr(code)) in {"Lu", "Ll"}]
    await put(store, "customers", [customer(number, code=letter) for number, letter in enumerate(letters, 1)])
    transaction = await store.begin({}, write=False)
    wrong = []
    for letter in letters:
        found = await transaction.list(Listing("customers", (Condition(("code",), "same", letter),)))
        expected = {each for each in letters if each.casefold() == letter.casefold()}
        if {each.code for each in found.rows} != expected:
            wrong.append(letter)
    await transaction.rollback()
    assert wrong == [DOTLESS_I]  # It is taken for an i: more is found, not less.
