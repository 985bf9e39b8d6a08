"""Bring an account's file to the schema this program knows: numbered SQL files, each applied once, whole or not."""

import re
import sqlite3
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


def migrate(database: sqlite3.Connection) -> None:
    """Apply what is missing. Raises DatabaseTooNew, having changed nothing."""
    migrations = known()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > max(migrations):
        raise DatabaseTooNew(f"its schema is {version}, this program knows {max(migrations)}")
    for number in range(version + 1, max(migrations) + 1):
        try:
            database.executescript(
                f"BEGIN IMMEDIATE; {migrations[number]}\n"
                f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}; COMMIT;"
            )
        except sqlite3.DatabaseError:
            if database.in_transaction:
                database.rollback()
            raise
