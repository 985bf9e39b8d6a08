"""The proof behind `erply-points check`: that the file is sound, and that all promises hold."""

import sqlite3

from erply_points.store.promises import PROMISES


def check(database: sqlite3.Connection) -> list[str]:
    """Return what is wrong, a sentence each; nothing is changed."""
    problems = [f"database: {text}" for (text,) in database.execute("PRAGMA integrity_check") if text != "ok"]
    problems += [
        f"database: a row of {table} refers to a missing row of {parent}"
        for table, _, parent, _ in database.execute("PRAGMA foreign_key_check")
    ]
    database.execute("BEGIN")  # One view for all promises, while the server may be writing.
    try:
        for sentence, query in PROMISES:
            problems += [sentence.format(*row) for row in database.execute(query)]
    finally:
        database.execute("ROLLBACK")
    return problems
