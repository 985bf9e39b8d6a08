"""How SQLite goes about the statements that write many rows."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from erply_points.store.sqlite import tables
from erply_points.store.sqlite.migrations import migrate


@pytest.mark.parametrize("name", tables.ALL)
def test_rows_that_change_are_found_by_their_keys(name: str, tmp_path: Path) -> None:
    """However many rows a statement changes, in however large a table, each is looked up by its key."""
    table = tables.ALL[name]
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as database:
        migrate(database)
        for statement in (table.rewrite, table.update, table.close or table.update):
            for _, sql in statement.batches:
                values = (None,) * sql.count("?")
                plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
                assert any(step.startswith(f"SEARCH {name} USING") for step in plan), plan
                assert not any(step.startswith(f"SCAN {name}") for step in plan), plan
