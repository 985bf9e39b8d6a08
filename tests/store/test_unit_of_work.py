"""The unit of work in memory: what counts as a change, and as read."""

import gc

import pytest

from erply_points.store.unit_of_work import Change, NotLoaded, Table, UnitOfWork
from store.samples import customer, earned, lot, redeemed, redemption, user


def test_nothing_read_is_nothing_changed() -> None:
    """A fresh unit of work has no rows and no changes."""
    work = UnitOfWork()
    assert not work.changed
    assert work.customers.rows == {}
    with pytest.raises(NotLoaded):
        work.customers.get(1)


def test_missing_is_what_was_not_read() -> None:
    """Only rows that were not read, or put, need to be read; an absent row that was read is known to be absent."""
    work = UnitOfWork()
    work.customers.rows[1] = None
    work.customers.put(2, customer(2))
    assert work.missing({"customers": {1, 2, 3}, "users": {1}, "sessions": set()}) == {"customers": {3}, "users": {1}}
    assert work.missing({"customers": {1, 2}}) == {}


def test_changes_remember_what_the_database_needs() -> None:
    """A row is inserted, updated or deleted once, whatever happened to it in between."""
    work = UnitOfWork()
    table = work.customers
    table.rows.update({1: None, 2: customer(2), 3: customer(3), 4: None})
    for name in ("a", "b"):
        table.put(1, customer(1, first_name=name))
        table.put(2, customer(2, first_name=name))
    table.put(3, customer(3, first_name="a"))
    table.delete(3)
    table.put(4, customer(4))
    table.delete(4)
    assert table.changes == {1: Change.CREATED, 2: Change.CHANGED, 3: Change.DELETED}
    assert [row.first_name for row in table.rows.values() if row is not None] == ["b", "b"]
    work.flushed()
    assert not work.changed


def test_undo_takes_back_only_what_came_after_the_mark() -> None:
    """Changes before a mark stay, and marks can be nested."""
    work = UnitOfWork()
    outer = work.mark()
    work.customers.put(1, customer(1))
    inner = work.mark()
    work.customers.put(1, customer(1, first_name="Changed"))
    work.users.put(9, user(9))
    number = work.new_id("customers")
    work.undo(inner)
    assert work.customers.get(1) == customer(1)
    assert work.new_id("customers") == number
    work.undo(inner)
    work.undo(inner)
    assert work.customers.changes == {1: Change.CREATED}
    work.undo(outer)
    assert not work.changed


def test_a_posting_is_undone_whole() -> None:
    """A ledger operation that is undone leaves neither wallet nor lots nor history."""
    work = UnitOfWork()
    work.wallets.rows[1, 1] = None
    earned(work, lot(1, 1, 50))
    before = {name: dict(table.rows) for name, table in work.tables.items()}
    changes = {name: dict(table.changes) for name, table in work.tables.items()}
    mark = work.mark()
    redeemed(work, redemption(2, 1, 70))
    earned(work, lot(3, 1, 5))
    assert work.redemptions.rows
    work.undo(mark)
    assert {name: dict(table.changes) for name, table in work.tables.items()} == changes
    for name, table in work.tables.items():
        assert {key: row for key, row in table.rows.items() if row is not None} == {
            key: row for key, row in before[name].items() if row is not None
        }


def test_a_unit_of_work_is_gone_when_nobody_needs_it() -> None:
    """Its rows are freed at once and not left to the garbage collector, which would stop the server to find them."""
    gc.collect()
    gc.disable()
    try:
        work = UnitOfWork()
        work.customers.rows[1] = None
        work.customers.put(1, customer(1))
        work.undo(work.mark())
        del work
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [each for each in gc.garbage if isinstance(each, Table)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == []
