"""How the rows of a unit of work are written: all of them with one statement, or two or three where rows are deleted.

Each table's rows travel as arrays, one for each column (`unnest`), and what is done to each table is one part of the
statement (`WITH ... INSERT`). What must be gone before something else can stand in its place goes ahead. The statements
are few and always the same, so that the server can keep them prepared.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from erply_points.store.postgres.connection import Connection
from erply_points.store.shapes import DOCUMENT_ROWS, JOURNALS, SEQUENCES, TABLES, Shape
from erply_points.store.unit_of_work import Change, UnitOfWork

JSON_COLUMNS: Final = frozenset({"fields", "rights", "rows", "given_back", "before", "after"})

Kind = Literal["insert", "put", "rewrite", "update", "delete", "vacate", "replace"]
Part = tuple[str, Kind]
"""A table and what is done to it."""

_TYPES: Final = {int: "bigint", str: "text", bytes: "bytea", UUID: "uuid", datetime: "timestamptz"}


class Opening(NamedTuple):
    """That somebody has the account open, and which of their commits was the last."""

    id: UUID
    commits: int
    seen_at: datetime


OPENINGS: Final = Shape("openings", Opening, ("id",))
_SHAPES: Final = {
    shape.name: shape for shape in (*TABLES.values(), *JOURNALS.values(), DOCUMENT_ROWS, SEQUENCES, OPENINGS)
}


def type_of(row: Any, column: str) -> str:
    """The type that a column's values are sent as."""
    return "json" if column in JSON_COLUMNS else _TYPES[row.__annotations__[column]]


def quoted(columns: Iterable[str], of: str = "") -> str:
    return ", ".join(f'{of}"{column}"' for column in columns)


def _columns(name: str, kind: Kind) -> tuple[str, ...]:
    """The columns that are sent for a part."""
    shape = _SHAPES[name]
    match kind:
        case "update":
            return (*shape.hot, *shape.key)
        case "delete" | "vacate":
            return shape.key
        case "replace":
            return shape.key[:1]
        case _:
            return shape.columns


def _arrays(name: str, kind: Kind, first: int) -> str:
    row, columns = _SHAPES[name].row, _columns(name, kind)
    return ", ".join(f"${first + place}::{type_of(row, column)}[]" for place, column in enumerate(columns))


def _statement(name: str, kind: Kind, first: int) -> str:
    columns = _columns(name, kind)
    new = f"unnest({_arrays(name, kind, first)}) AS new ({quoted(columns)})"
    key = _SHAPES[name].key
    if kind in {"insert", "put"}:
        changes = ", ".join(f'"{column}" = excluded."{column}"' for column in columns if column not in key)
        over = f" ON CONFLICT ({quoted(key)}) DO UPDATE SET {changes}" if kind == "put" else ""
        return f"INSERT INTO {name} ({quoted(columns)}) SELECT {quoted(columns)} FROM {new}{over}"
    where = " AND ".join(f'old."{column}" = new."{column}"' for column in key if column in columns)
    if kind in {"delete", "replace"}:
        return f"DELETE FROM {name} AS old USING {new} WHERE {where}"
    if kind == "vacate":
        changes = ", ".join(f"\"{column}\" = ''" for column in _SHAPES[name].unique)
    else:
        changes = ", ".join(f'"{column}" = new."{column}"' for column in columns if column not in key)
    return f"UPDATE {name} AS old SET {changes} FROM {new} WHERE {where}"


@cache
def _together(parts: tuple[Part, ...]) -> str:
    """One statement that does all of them; its arguments are their columns one after the other."""
    statements = []
    first = 1
    for name, kind in parts:
        statements.append(_statement(name, kind, first))
        first += len(_columns(name, kind))
    ahead = ", ".join(f"part{number} AS ({statement})" for number, statement in enumerate(statements[:-1]))
    return f"WITH {ahead} {statements[-1]}" if ahead else statements[0]


class _Writing:
    """Parts to be written together, with their rows."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._arguments: list[tuple[Any, ...]] = []

    def add(self, name: str, kind: Kind, rows: Iterable[tuple[Any, ...]]) -> None:
        columns = list(zip(*rows, strict=True))
        if columns:
            self._parts.append((name, kind))
            self._arguments += columns

    async def send(self, connection: Connection) -> None:
        if self._parts:
            await connection.execute(_together(tuple(self._parts)), *self._arguments)


async def write(connection: Connection, work: UnitOfWork, opening: Opening | None = None) -> None:
    """Write every change of `work` into the open transaction, and `opening` with the last of them."""
    gone, vacated, written = _Writing(), _Writing(), _Writing()
    for name, shape in TABLES.items():
        table = work.tables[name]
        if table.changes:
            _add_table(shape, table.rows, table.changes, gone, vacated, written)
    for journal in work.journals:
        if journal.changed:
            key = _keys_of(JOURNALS[journal.name])
            gone.add(journal.name, "delete", map(key, journal.undone))
            written.add(journal.name, "insert", journal.rows[journal.flushed_to :])
    _add_document_rows(work, gone, written)
    lasts = [(name, work.sequences.rows.get(name)) for name in work.sequences.changes]
    # One that was begun, written and undone.
    gone.add("sequences", "delete", [(name,) for name, last in lasts if last is None])
    written.add("sequences", "put", [(name, last) for name, last in lasts if last is not None])
    if opening is not None:
        written.add("openings", "put", [opening])
    for writing in (gone, vacated, written):
        await writing.send(connection)


@cache
def _keys_of(shape: Shape) -> Any:
    """What takes the key of a row, as a tuple."""
    positions = [shape.columns.index(column) for column in shape.key]
    return itemgetter(*positions) if len(positions) > 1 else itemgetter(slice(positions[0], positions[0] + 1))


def _add_table(
    shape: Shape,
    rows: dict[Any, Any],
    changes: dict[Any, Change],
    gone: _Writing,
    vacated: _Writing,
    written: _Writing,
) -> None:
    name = shape.name
    by_change: dict[Change, list[Any]] = {}
    for key, change in changes.items():
        by_change.setdefault(change, []).append(key)
    changed, rewritten = by_change.get(Change.CHANGED, []), by_change.get(Change.REWRITTEN, [])
    gone.add(name, "delete", map(_as_tuple, by_change.get(Change.DELETED, ())))
    if shape.unique:
        vacated.add(name, "vacate", map(_as_tuple, (*changed, *rewritten)))
    if shape.hot:
        positions = [shape.columns.index(column) for column in (*shape.hot, *shape.key)]
        written.add(name, "update", map(itemgetter(*positions), map(rows.__getitem__, changed)))
        changed = []
    part = attrgetter(shape.part) if shape.part else None
    for kind, keys in (("rewrite", [*changed, *rewritten]), ("insert", by_change.get(Change.CREATED, []))):
        found = map(rows.__getitem__, keys)
        written.add(name, kind, map(part, found) if part else found)  # type: ignore[arg-type]  # both are a Kind


def _as_tuple(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _add_document_rows(work: UnitOfWork, gone: _Writing, written: _Writing) -> None:
    """Rows of a document are replaced together."""
    changes = work.document_rows.changes
    gone.add("document_rows", "replace", [(key,) for key, change in changes.items() if change is not Change.CREATED])
    rows = [row for key in changes for row in work.document_rows.rows.get(key) or ()]
    written.add("document_rows", "insert", rows)
