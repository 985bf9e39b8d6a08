"""How the rows of a unit of work are written: a few statements per table and kind of change, each for many rows.

Every row is a named tuple whose fields are the table's columns in order, so rows are bound as they are.
"""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, Final

from erply_points.store import shapes
from erply_points.store.shapes import Shape
from erply_points.store.unit_of_work import Change, Journal, UnitOfWork

BATCHES: Final = (64, 32, 16, 8, 4, 2, 1)
"""Rows that one statement takes at a time: the most first, as far as there are so many."""


class Statement:
    """A statement that writes rows of so many columns. `for_rows` makes it for some of them: given as SQL."""

    def __init__(self, columns: int, for_rows: Callable[[str], str]) -> None:
        row = f"({', '.join('?' * columns)})"
        self.batches = tuple((size, for_rows(", ".join([row] * size))) for size in BATCHES)

    def run(self, database: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write the rows: for each a value for each column."""
        start = 0
        for size, sql in self.batches:
            while len(rows) - start >= size:
                database.execute(sql, tuple(chain.from_iterable(rows[start : start + size])))
                start += size


class TableSQL:
    """The statements of one table; `Shape` says what they are for."""

    def __init__(self, shape: Shape) -> None:
        name, key, hot, columns = shape.name, shape.key, shape.hot, shape.columns
        tests = {column: f"column{columns.index(of) + 1} {test}" for column, (of, test) in shape.computed.items()}
        values = {column: f"column{position}" for position, column in enumerate(columns, start=1)} | tests

        def insert(rows: str) -> str:
            return f"INSERT INTO {name} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM (VALUES {rows})"

        def update(given: Sequence[str], more: dict[str, str]) -> Statement:
            at = {column: f"column{position}" for position, column in enumerate(given, start=1)}
            written = {column: value for column, value in at.items() if column not in key} | more
            changes = ", ".join(f"{column} = {value}" for column, value in written.items())
            where = " AND ".join(f"{name}.{column} = {at[column]}" for column in key)
            return Statement(len(given), lambda rows: f"UPDATE {name} SET {changes} FROM (VALUES {rows}) WHERE {where}")

        self.insert = Statement(len(columns), insert)
        self.rewrite = update(columns, tests)
        self.update = update((*hot, *key), {}) if hot else self.rewrite
        self.close = update((*hot, *key), dict.fromkeys(tests, "0")) if hot and tests else None
        self.delete = f"DELETE FROM {name} WHERE {' AND '.join(f'{column} = ?' for column in key)}"
        positions = [columns.index(column) for column in key]
        self.key_values = itemgetter(*positions) if len(key) > 1 else itemgetter(slice(positions[0], positions[0] + 1))
        self.update_values = itemgetter(*(columns.index(column) for column in (*hot, *key))) if hot else tuple
        empty = ", ".join(f"{column} = ''" for column in shape.unique)
        self.vacate = (
            f"UPDATE {name} SET {empty} WHERE {' AND '.join(f'{column} = ?' for column in key)}" if shape.unique else ""
        )
        self.part = attrgetter(shape.part) if shape.part else None


ALL: Final = {name: TableSQL(shape) for name, shape in shapes.ALL.items()}
TABLES: Final = {name: ALL[name] for name in shapes.TABLES}
JOURNALS: Final = {name: ALL[name] for name in shapes.JOURNALS}
_DOCUMENT_ROWS: Final = ALL["document_rows"]
_SET_SEQUENCE: Final = (
    "INSERT INTO sequences (name, last) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET last = excluded.last"
)


def write(database: sqlite3.Connection, work: UnitOfWork) -> None:
    """Write every change of `work` into the open transaction."""
    for name, sql in TABLES.items():
        table = work.tables[name]
        if table.changes:
            _write_table(database, sql, table.rows, table.changes)
    for journal in work.journals:
        if journal.changed:
            _write_journal(database, JOURNALS[journal.name], journal)
    if work.document_rows.changes:
        _write_document_rows(database, work)
    if work.sequences.changes:
        lasts = [(name, work.sequences.rows.get(name)) for name in work.sequences.changes]
        database.executemany(_SET_SEQUENCE, [(name, last) for name, last in lasts if last is not None])
        # One that was begun, written and undone.
        database.executemany("DELETE FROM sequences WHERE name = ?", [(name,) for name, last in lasts if last is None])


def _write_table(database: sqlite3.Connection, sql: TableSQL, rows: dict[Any, Any], changes: dict[Any, Change]) -> None:
    by_change: dict[Change, list[Any]] = {}
    for key, change in changes.items():
        by_change.setdefault(change, []).append(key)
    changed, rewritten = by_change.get(Change.CHANGED, []), by_change.get(Change.REWRITTEN, [])
    if deleted := by_change.get(Change.DELETED):
        # Rows that name them may be deleted after them; what still refers at the end fails the commit.
        database.execute("PRAGMA defer_foreign_keys = ON")
        database.executemany(sql.delete, [_as_tuple(key) for key in deleted])
    if sql.vacate:
        database.executemany(sql.vacate, [_as_tuple(key) for key in (*changed, *rewritten)])
    if changed:
        values = list(map(sql.update_values, _rows(sql, rows, changed)))
        # The first of the hot columns is what is left: a row with nothing left is closed, and its test with it.
        if sql.close:
            sql.close.run(database, [each for each in values if not each[0]])
            values = [each for each in values if each[0]]
        sql.update.run(database, values)
    if rewritten:
        sql.rewrite.run(database, _rows(sql, rows, rewritten))
    if created := by_change.get(Change.CREATED):
        sql.insert.run(database, _rows(sql, rows, created))


def _write_journal(database: sqlite3.Connection, sql: TableSQL, journal: Journal[Any]) -> None:
    if journal.undone:
        database.executemany(sql.delete, map(sql.key_values, journal.undone))
    sql.insert.run(database, journal.rows[journal.flushed_to :])


def _as_tuple(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _rows(sql: TableSQL, rows: dict[Any, Any], keys: list[Any]) -> list[tuple[Any, ...]]:
    found = map(rows.__getitem__, keys)
    return list(map(sql.part, found) if sql.part else found)


def _write_document_rows(database: sqlite3.Connection, work: UnitOfWork) -> None:
    """Rows of a document are replaced together."""
    changes = work.document_rows.changes
    replaced = [(key,) for key, change in changes.items() if change is not Change.CREATED]
    database.executemany("DELETE FROM document_rows WHERE document_id = ?", replaced)
    rows = [row for key in changes for row in work.document_rows.rows.get(key) or ()]
    _DOCUMENT_ROWS.insert.run(database, rows)
