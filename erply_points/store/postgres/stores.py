"""The PostgreSQL stores: a database with one schema per account."""

import asyncpg

from erply_points.store.postgres import copying, migrations
from erply_points.store.postgres.connection import Connection, Database, unless_lost
from erply_points.store.postgres.store import PostgresStore
from erply_points.store.postgres.transaction import UNSEEN_SECONDS_MAX
from erply_points.store.protocol import AccountInUse, Rows
from erply_points.store.shapes import ALL, SETTINGS_SEQUENCE


class PostgresStores:
    """`codes` become parts of names: whoever calls has checked them. No other schema may begin with `prefix`."""

    def __init__(self, url: str, prefix: str = "account_") -> None:
        self._database = Database(url)
        self._prefix = prefix

    def _schema(self, code: str) -> str:
        return self._prefix + code

    async def open(self, code: str) -> PostgresStore:
        return await PostgresStore.open(self._database, self._schema(code))

    async def create(self, code: str) -> PostgresStore:
        schema = self._schema(code)

        async with self._database.held():
            if not await PostgresStore(self._database, schema).alone(lambda connection: _make(connection, schema)):
                raise FileExistsError(code)
            return await self.open(code)

    async def fill(self, code: str, rows: Rows) -> None:
        schema = self._schema(code)

        async def make(connection: Connection) -> bool:
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # Nobody waits for this.
            if not await _make(connection, schema):
                return False
            await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # Else they would all be remembered to the end.
            for name in reversed(ALL):  # What every account begins with.
                await connection.execute(f"DELETE FROM {name}")
            async for name, part in rows:
                columns = ALL[name].columns
                sending = connection.copy_records_to_table(name, schema_name=schema, records=part, columns=columns)
                await unless_lost(connection, sending)
            await connection.execute(_LOCKED)
            return True

        async with self._database.held():
            if not await PostgresStore(self._database, schema).alone(make):
                raise FileExistsError(code)

    async def is_in_use(self, code: str) -> bool:
        async def look(connection: Connection) -> bool:
            return bool(await connection.fetchval(_OPEN, UNSEEN_SECONDS_MAX))

        async with self._database.held():
            found: bool = await PostgresStore(self._database, self._schema(code)).alone(look, write=False)
            return found

    async def codes(self) -> list[str]:
        async def schemas(connection: Connection) -> list[str]:
            return [schema for (schema,) in await connection.fetch(_SCHEMAS, self._prefix)]

        async with self._database.held():
            found = await PostgresStore(self._database, "pg_catalog").alone(schemas, write=False)
        return sorted(schema.removeprefix(self._prefix) for schema in found if not copying.is_copy(schema))

    async def remove(self, code: str) -> None:
        schema = self._schema(code)

        async def drop(connection: Connection) -> bool:
            if await connection.fetchval("SELECT to_regclass('openings')") is not None:
                await connection.execute("LOCK TABLE openings")
                if await connection.fetchval(_OPEN, UNSEEN_SECONDS_MAX):
                    return False
            await copying.remove(connection, schema)
            await connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
            return True

        async with self._database.held():
            if not await PostgresStore(self._database, schema).alone(drop):
                raise AccountInUse


async def _make(connection: Connection, schema: str) -> bool:
    """Make a new account's schema; whether there was none."""
    try:
        await connection.execute(f'CREATE SCHEMA "{schema}"')
    except (asyncpg.DuplicateSchemaError, asyncpg.UniqueViolationError):  # The latter from one as quick.
        return False
    await migrations.begin(connection)
    await migrations.apply(connection, 0)
    return True


_LOCKED = f"INSERT INTO sequences (name, last) VALUES ('{SETTINGS_SEQUENCE}', 0) ON CONFLICT DO NOTHING"
"""The row that writers lock must be there."""
_SCHEMAS = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, $1)"
_OPEN = "SELECT EXISTS (SELECT FROM openings WHERE seen_at > now() - $1 * interval '1 second')"
