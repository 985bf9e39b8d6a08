"""What an account keeps beside its rows: numbers that are given once, settings, and what ends with time."""

from typing import Any

from erply_points.store.protocol import Store
from erply_points.store.rows import (
    DocumentUUID,
    KeptAnswer,
    LoginFailures,
    Session,
)
from erply_points.store.unit_of_work import UnitOfWork
from store.samples import (
    ALL_CUSTOMERS,
    CODE,
    OpenStores,
    change,
    customer,
    document,
    ids,
    look,
    user,
)

# Numbers.


async def _next(store: Store, sequence: str, first: int = 1) -> int:
    numbers: list[int] = []
    await change(store, lambda work: numbers.append(work.next_number(sequence, first)))
    return numbers[0]


async def test_no_number_is_given_twice(store: Store, stores: OpenStores) -> None:
    """A committed number is never given again, in its transaction, the next one or after a restart."""
    transaction = await store.begin({}, write=True)
    assert [transaction.work.new_id("things") for _ in range(3)] == [1, 2, 3]
    await ids(transaction, ALL_CUSTOMERS)
    assert transaction.work.new_id("things") == 4
    await transaction.commit()
    assert await _next(store, "things") == 5
    store = await stores.reopen(store)
    assert await _next(store, "things") == 6


async def test_sequences_do_not_disturb_each_other(store: Store) -> None:
    """Each sequence counts for itself, from the first number that it was given."""
    assert [await _next(store, "invoices", 100_001), await _next(store, "things")] == [100_001, 1]
    assert [await _next(store, "invoices", 100_001), await _next(store, "things")] == [100_002, 2]


async def test_a_number_that_was_rolled_back_is_free_again(store: Store) -> None:
    """Numbers have no gaps from transactions that came to nothing."""
    transaction = await store.begin({}, write=True)
    assert transaction.work.next_number("invoices", 100_001) == 100_001
    await ids(transaction, ALL_CUSTOMERS)
    await transaction.rollback()
    assert await _next(store, "invoices", 100_001) == 100_001


async def test_a_number_that_was_undone_is_free_again(store: Store) -> None:
    """Numbers have no gaps from sub-requests that failed, and the first number stays the first."""
    transaction = await store.begin({}, write=True)
    mark = transaction.work.mark()
    assert transaction.work.next_number("invoices", 100_001) == 100_001
    transaction.work.undo(mark)
    assert transaction.work.next_number("invoices", 100_001) == 100_001
    await ids(transaction, ALL_CUSTOMERS)
    transaction.work.undo(mark)
    await transaction.commit()
    assert await _next(store, "invoices", 100_001) == 100_001


# What is forgotten.


async def test_what_has_ended_is_forgotten(store: Store) -> None:
    """Sessions, log-in blocks and kept answers that ended go, document UUIDs a day later; all else stays."""
    day = 86_400
    keys = [bytes([number]) * 32 for number in (1, 2)]

    def make(work: UnitOfWork) -> None:
        work.documents.put(work.new_id("documents"), document(1))
        work.users.put(2, user(2))
        for key, expires_at in zip(keys, (999_999, 1_000_000), strict=True):
            work.sessions.put(key, Session(key, 2, 100, expires_at))
        for name, blocked_until in (("ended", 999_999), ("blocked", 1_000_000)):
            work.login_failures.put(name, LoginFailures(name, 5, blocked_until, blocked_until))
        for uuid, seen_at in (("old", 999_999 - day), ("young", 1_000_000 - day)):
            work.document_uuids.put(uuid, DocumentUUID(uuid, 1, seen_at))
        for name, answered_at in (("key:old", 899_999), ("key:young", 900_000)):
            work.kept_answers.put(name, KeptAnswer(name, b"", answered_at, "", "[]"))

    await change(store, make)
    transaction = await store.begin({}, write=True)
    await transaction.forget(1_000_000, 900_000)
    await transaction.commit()
    needs: dict[str, set[Any]] = {
        "sessions": set(keys),
        "login_failures": {"ended", "blocked"},
        "document_uuids": {"old", "young"},
        "kept_answers": {"key:old", "key:young"},
    }
    work = await look(store, needs)
    left = {name: {key for key, row in work.tables[name].rows.items() if row is not None} for name in needs}
    assert left == {
        "sessions": {keys[1]},
        "login_failures": {"blocked"},
        "document_uuids": {"young"},
        "kept_answers": {"key:young"},
    }
    assert (await look(store, {"users": {2}, "documents": {1}})).documents.get(1) is not None


# Settings.


async def test_settings_are_seen_by_the_next_transaction(store: Store, stores: OpenStores) -> None:
    """Settings that another process changes are there at the next transaction, to read or to write."""
    other = await stores.open(CODE)
    for write in (False, True):
        await other.set_settings({"timezone": f"zone {write}", "kept": "x"})
        transaction = await store.begin({}, write=write)
        assert transaction.settings["timezone"] == f"zone {write}"
        await transaction.rollback()
    await store.set_settings({"timezone": "UTC"})
    store = await stores.reopen(store)
    transaction = await store.begin({}, write=False)
    assert dict(transaction.settings) == {"timezone": "UTC", "kept": "x"}
    await transaction.rollback()


async def test_settings_that_do_not_change_are_the_same_object(store: Store) -> None:
    """Whoever parses the settings can tell by identity that they are still the same."""
    await store.set_settings({"a": "1"})
    first = await store.begin({}, write=False)
    await first.rollback()
    second = await store.begin({}, write=True)
    second.work.customers.put(1, customer(1))
    await second.commit()
    third = await store.begin({}, write=False)
    await third.rollback()
    assert first.settings is second.settings is third.settings
    await store.set_settings({"a": "2"})
    fourth = await store.begin({}, write=False)
    await fourth.rollback()
    assert (dict(first.settings), dict(fourth.settings)) == ({"a": "1"}, {"a": "2"})


async def test_a_new_account_has_no_settings(store: Store) -> None:
    """Nothing is set until somebody sets it."""
    transaction = await store.begin({}, write=False)
    assert dict(transaction.settings) == {}
    await transaction.rollback()
