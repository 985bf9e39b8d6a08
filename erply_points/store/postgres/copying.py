"""Copies of an account beside its schema, and the account without its rows: what a sandbox does to accounts.

The copy of account `101010` under the name `paid` is a schema of its own, which holds the rows and no constraints. Its
name is made of the account's and a hash, for names have a limit; its comment is the name of the copy.
"""

import hashlib
from typing import Final

from erply_points.store.postgres import migrations
from erply_points.store.postgres.connection import Connection
from erply_points.store.postgres.tables import quoted
from erply_points.store.shapes import ALL

_MARK: Final = "~"
"""Stands in the schemas of copies and in no account's."""
_KEPT: Final = frozenset(
    {
        *("settings", "sequences", "users", "employees", "sessions", "clients", "tokens"),
        *("programs", "currencies", "promotions", "reasons"),
    }
)
"""Tables that `clear` leaves alone, or not quite empty."""


def is_copy(schema: str) -> bool:
    return _MARK in schema


def _schema_of(account: str, name: str) -> str:
    return f"{account}{_MARK}{hashlib.sha256(name.encode()).hexdigest()[:12]}"


_COPIES: Final = """
    SELECT nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE starts_with(nspname, $1 || '~')"""


async def names(connection: Connection, account: str) -> list[str]:
    return sorted(name for _, name in await connection.fetch(_COPIES, account))


async def remove(connection: Connection, account: str) -> None:
    """Remove all copies of an account."""
    for schema, _ in await connection.fetch(_COPIES, account):
        await connection.execute(f'DROP SCHEMA "{schema}" CASCADE')


async def copy_out(connection: Connection, account: str, name: str) -> None:
    """`name` has been checked by whoever calls."""
    schema = _schema_of(account, name)
    statements = [
        f'DROP SCHEMA IF EXISTS "{schema}" CASCADE',
        f'CREATE SCHEMA "{schema}"',
        f"COMMENT ON SCHEMA \"{schema}\" IS '{name}'",
        f'CREATE TABLE "{schema}".migrations AS TABLE migrations',
        *(
            f'CREATE TABLE "{schema}".{name} AS SELECT {quoted(shape.columns)} FROM {name}'
            for name, shape in ALL.items()
        ),
    ]
    await connection.execute("; ".join(statements))


async def copy_in(connection: Connection, account: str, name: str) -> bool:
    """Read a copy in place of what is there; whether there is such a copy.

    The tables are made anew as they were when it was taken, and then brought up to date.
    """
    schema = _schema_of(account, name)
    if await connection.fetchval("SELECT to_regnamespace($1)", f'"{schema}"') is None:
        return False
    then: int = await connection.fetchval(f'SELECT max(number) FROM "{schema}".migrations')
    there = {
        table: quoted(columns)
        for table, columns in await connection.fetch(
            "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class AS c"
            " JOIN pg_attribute AS a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
            " AND c.relname <> 'migrations' GROUP BY c.relname",
            f'"{schema}"',
        )
    }
    openings = await connection.fetch("SELECT id, commits, seen_at FROM openings")
    own = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", account)
    await connection.execute(f"DROP TABLE {', '.join(table for (table,) in own)} CASCADE")
    await migrations.begin(connection)
    await migrations.apply(connection, 0, then)
    await connection.execute(f"TRUNCATE {', '.join(there)} CASCADE")
    for table, columns in there.items():
        await connection.execute(f'INSERT INTO {table} ({columns}) SELECT {columns} FROM "{schema}".{table}')
    await connection.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    await migrations.apply(connection, then)
    await connection.executemany("INSERT INTO openings VALUES ($1, $2, $3)", list(map(tuple, openings)))
    return True


async def clear(connection: Connection) -> None:
    """Delete all rows but those of `_KEPT`."""
    emptied = [name for name in ALL if name not in _KEPT]
    await connection.execute(
        "; ".join(
            [
                *(f"DELETE FROM {name}" for name in emptied),
                "DELETE FROM employees WHERE id NOT IN (SELECT employee_id FROM users)",
                "DELETE FROM sequences WHERE name NOT IN ('settings', 'sessions', 'users', 'employees', 'currencies')",
                "UPDATE sequences SET last = (SELECT coalesce(max(id), 0) FROM employees) WHERE name = 'employees'",
            ]
        )
    )
