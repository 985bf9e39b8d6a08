"""Bring an account's file to the schema this program knows: numbered SQL files, each applied once, whole or not."""

import re
import sqlite3
from collections.abc import Iterator
from importlib import resources
from typing import Final

from erply_points.store.protocol import DatabaseTooNew
from erply_points.store.sqlite.connection import APPLICATION_ID

_NAME: Final = re.compile(r"(\d{4})_\w+\.sql")


def known() -> dict[int, str]:
    """The migrations by number, as SQL."""
    folder = resources.files("erply_points.store.sqlite") / "migrations"
    found = ((_NAME.fullmatch(file.name), file) for file in folder.iterdir())
    return {int(match[1]): file.read_text("utf-8") for match, file in found if match}


def migrate(database: sqlite3.Connection, last: int | None = None) -> None:
    """Apply what is missing, up to `last` or all, each migration whole or not at all.

    Raises DatabaseTooNew, having changed nothing.
    """
    refuse_newer(database)
    migrations = known()
    for number in range(version(database) + 1, (max(migrations) if last is None else last) + 1):
        _apply(database, number, migrations[number])


def refuse_newer(database: sqlite3.Connection) -> None:
    """Raises DatabaseTooNew."""
    newest = max(known())
    if version(database) > newest:
        raise DatabaseTooNew(f"its schema is {version(database)}, this program knows {newest}")


def version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)


def _apply(database: sqlite3.Connection, number: int, script: str) -> None:
    database.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have been as quick.
        if version(database) < number:
            for statement in _statements(script):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {number}")
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    """Split a script where its statements end. `executescript` would end the transaction first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
