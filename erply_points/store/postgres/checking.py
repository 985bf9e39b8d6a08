"""The proof behind `erply-points check`: that the schema is sound, and that all promises hold."""

from typing import Final

from erply_points.store.postgres.connection import Connection
from erply_points.store.promises import PROMISES

CHECK_SECONDS: Final = 3_600.0
"""How long one promise may take to prove: it reads the whole account."""

_UNSOUND: Final = (
    (
        "database: constraint {} of {} was never proved",
        "SELECT conname, conrelid::regclass FROM pg_constraint"
        " WHERE connamespace = current_schema()::regnamespace AND NOT convalidated",
    ),
    (
        "database: a reference or check of {} is switched off",
        "SELECT DISTINCT c.relname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid"
        " WHERE c.relnamespace = current_schema()::regnamespace AND t.tgenabled = 'D'",
    ),
    (
        "database: index {} is not whole",
        "SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
        " WHERE c.relnamespace = current_schema()::regnamespace AND NOT i.indisvalid",
    ),
)


async def check(connection: Connection) -> list[str]:
    """Return what is wrong, a sentence each; nothing is changed. The transaction has one view of all."""
    problems = []
    for sentence, query in (*_UNSOUND, *PROMISES):
        problems += [sentence.format(*row) for row in await connection.fetch(query, timeout=CHECK_SECONDS)]
    return problems
