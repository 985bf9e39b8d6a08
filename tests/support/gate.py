"""Where a writer's commit waits until the test lets it through, or makes it fail."""

import functools
import sqlite3
import threading
from typing import Any

import pytest


class Gate:
    """It stands open until it is closed."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.opened.set()
        self.failing = False

    def close(self) -> None:
        self.reached.clear()
        self.opened.clear()

    def pass_through(self) -> None:
        self.reached.set()
        assert self.opened.wait(timeout=20)
        if self.failing:
            raise sqlite3.OperationalError("disk I/O error")


def gate_before_commits(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate before every COMMIT of writers that connect from now on."""
    found = Gate()

    class Gated(sqlite3.Connection):
        writing = False

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql.startswith("BEGIN"):
                self.writing = sql == "BEGIN IMMEDIATE"
            elif sql == "COMMIT" and self.writing:
                found.pass_through()
            return super().execute(sql, *values)

    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Gated))
    return found
