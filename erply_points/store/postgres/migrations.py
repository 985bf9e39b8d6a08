"""Bring an account's schema to what this program knows: numbered SQL files, each applied once, whole or not."""

import re
from importlib import resources
from typing import Final

from erply_points.store.postgres.connection import Connection
from erply_points.store.protocol import DatabaseTooNew

_NAME: Final = re.compile(r"(\d{4})_\w+\.sql")
_BOOK: Final = "CREATE TABLE migrations (number int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"


def known() -> dict[int, str]:
    """The migrations by number, as SQL."""
    folder = resources.files("erply_points.store.postgres") / "migrations"
    found = ((_NAME.fullmatch(file.name), file) for file in folder.iterdir())
    return {int(match[1]): file.read_text("utf-8") for match, file in found if match}


async def version(connection: Connection) -> int:
    """That of the schema in the search path. Raises DatabaseTooNew."""
    found: int = await connection.fetchval("SELECT max(number) FROM migrations")
    if found > max(known()):
        raise DatabaseTooNew(f"its schema is {found}, this program knows {max(known())}")
    return found


async def begin(connection: Connection) -> None:
    """Let an empty schema keep a record of its migrations."""
    await connection.execute(_BOOK)


async def apply(connection: Connection, after: int, last: int | None = None) -> None:
    """Apply those numbered above `after`, up to `last` or all, inside the open transaction."""
    migrations = known()
    for number in range(after + 1, (last or max(migrations)) + 1):
        await connection.execute(migrations[number])
        await connection.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        await connection.execute("INSERT INTO migrations (number) VALUES ($1)", number)
