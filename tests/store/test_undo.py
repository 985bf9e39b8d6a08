"""Undo: whatever a sub-request did is taken back exactly, flushed or not, on every store.

A random transaction is compared step by step with plain dictionaries.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from erply_points.store.protocol import Store, Transaction
from erply_points.store.rows import Customer
from erply_points.store.unit_of_work import Mark, NotLoaded
from store.samples import ALL_CUSTOMERS, CODE, OpenStores, change, customer, listed, look

KEYS = (1, 2, 3)
FIRST = 100
Step = tuple[Any, ...]

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(KEYS), st.sampled_from("abc")),
        st.tuples(st.just("delete"), st.sampled_from(KEYS)),
        st.just(("number",)),
        st.just(("flush",)),
        st.just(("mark",)),
        st.just(("mark",)),
        st.tuples(st.just("undo"), st.integers(0, 3)),
        st.just(("commit",)),
        st.just(("rollback",)),
    ),
    max_size=25,
)


class Oracle:
    """The account as it should be: now, at each mark, and as committed."""

    def __init__(self) -> None:
        self.rows: dict[int, Customer] = {}
        self.number = FIRST - 1
        self.marks: list[tuple[Mark, dict[int, Customer], int]] = []
        self.committed: tuple[dict[int, Customer], int] = ({}, FIRST - 1)


async def _act(step: Step, transaction: Transaction, oracle: Oracle) -> None:
    work = transaction.work
    match step:
        case ("put", key, name):
            row = customer(key, first_name=name)
            work.customers.put(key, row)
            oracle.rows[key] = row
        case ("delete", key):
            work.customers.delete(key)
            oracle.rows.pop(key, None)
        case ("number",):
            oracle.number += 1
            assert work.next_number("things", FIRST) == oracle.number
        case ("flush",):
            page = await transaction.list(ALL_CUSTOMERS)
            assert page.rows == [oracle.rows[key] for key in sorted(oracle.rows)]
        case ("mark",):
            oracle.marks.append((work.mark(), dict(oracle.rows), oracle.number))
        case ("undo", back) if back < len(oracle.marks):
            del oracle.marks[len(oracle.marks) - back :]
            mark, oracle.rows, oracle.number = oracle.marks.pop()
            work.undo(mark)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
# Found cases.
@example(steps=[("put", 1, "a"), ("commit",), ("mark",), ("delete", 1), ("flush",), ("undo", 0), ("commit",)])
@example(steps=[("mark",), ("put", 1, "a"), ("mark",), ("delete", 1), ("flush",), ("undo", 0), ("commit",)])
@example(steps=[("mark",), ("put", 1, "a"), ("flush",), ("undo", 0), ("put", 1, "b"), ("commit",)])
@example(steps=[("delete", 1), ("put", 1, "a"), ("commit",)])
@example(steps=[("mark",), ("number",), ("flush",), ("undo", 0), ("commit",), ("number",)])
async def test_undo_restores_exactly(steps: list[Step], store: Store) -> None:
    """After any changes, flushes, marks and undos the rows are those of the mark, and so is what is committed."""
    oracle = Oracle()
    await store.clear()
    transaction = await store.begin({"customers": set(KEYS)}, write=True)
    for step in (*steps, ("flush",), ("commit",), ("flush",)):
        if step[0] in {"commit", "rollback"}:
            if step[0] == "commit":
                oracle.committed = (dict(oracle.rows), oracle.number)
                await transaction.commit()
            else:
                oracle.rows, oracle.number = dict(oracle.committed[0]), oracle.committed[1]
                await transaction.rollback()
            oracle.marks.clear()
            transaction = await store.begin({"customers": set(KEYS)}, write=True)
        else:
            await _act(step, transaction, oracle)
        for key in KEYS:
            assert transaction.work.customers.get(key) == oracle.rows.get(key), step
    await transaction.rollback()


async def test_an_undone_row_that_was_never_read_is_not_taken_for_absent(stores: OpenStores) -> None:
    """Undoing a change of a row that was not read leaves the row unread, not missing; deleting it needs it read."""
    store = await stores.create(CODE)
    await change(store, lambda work: work.customers.put(1, customer(1, card_number="X")))
    transaction = await store.begin({}, write=True)
    work = transaction.work
    mark = work.mark()
    with pytest.raises(NotLoaded):
        work.card_numbers.delete("X")
    work.card_numbers.put("X", customer(2, card_number="X"))
    work.undo(mark)
    with pytest.raises(NotLoaded):
        work.card_numbers.get("X")
    await transaction.load({"card_numbers": {"X"}})
    assert work.card_numbers.get("X") == customer(1, card_number="X")
    await transaction.rollback()
    assert await listed(store, ALL_CUSTOMERS) == [1]


async def test_an_undone_new_row_is_absent_even_if_it_was_written(stores: OpenStores) -> None:
    """A new row, put without a look, flushed and undone, is not there any more, in this transaction and after it."""
    store = await stores.create(CODE)
    transaction = await store.begin({}, write=True)
    work = transaction.work
    mark = work.mark()
    work.customers.put(1, customer(1))
    await transaction.list(ALL_CUSTOMERS)
    work.undo(mark)
    await transaction.load({"customers": {1}})
    assert work.customers.get(1) is None
    assert (await transaction.list(ALL_CUSTOMERS)).rows == []
    work.customers.put(1, customer(1, first_name="Anew"))
    await transaction.commit()
    assert (await look(store, {"customers": {1}})).customers.get(1) == customer(1, first_name="Anew")
