"""The contract of copies of an account, and of an account that is cleared."""

import hashlib

import pytest

from erply_points.store.listing import Listing
from erply_points.store.protocol import Store
from erply_points.store.rows import Master, Session
from erply_points.store.shapes import SESSIONS_SEQUENCE
from erply_points.store.unit_of_work import UnitOfWork
from store.samples import (
    ALL_CUSTOMERS,
    CODE,
    OpenStores,
    change,
    customer,
    earned,
    listed,
    look,
    lot,
    user,
    wallet_of,
    wallets,
)

KEY = hashlib.sha256(b"key").digest()
EMPLOYEES = Listing("employees")


def with_points(work: UnitOfWork) -> None:
    """A new customer, numbered by the account, who has earned something."""
    number = work.new_id("customers")
    work.customers.put(number, customer(number))
    earned(work, lot(work.new_id("transactions"), number, 5_000))


async def points_of(store: Store, customer_id: int) -> int:
    return wallet_of(await look(store, wallets(customer_id)), customer_id).balance_at(100)


async def settings_of(store: Store) -> dict[str, str]:
    transaction = await store.begin({}, write=False)
    await transaction.rollback()
    return dict(transaction.settings)


async def test_an_account_is_what_it_was(store: Store, stores: OpenStores) -> None:
    """Restored, an account has the rows, the settings and the next numbers of the moment when it was copied."""
    await change(store, with_points, wallets(1))
    await store.set_settings({"name": "before"})
    await store.snapshot("first")
    await change(store, with_points, wallets(2))
    await store.set_settings({"name": "after"})

    await store.restore("first")
    assert await listed(store, ALL_CUSTOMERS) == [1]
    assert await points_of(store, 1) == 5_000
    assert await settings_of(store) == {"name": "before"}
    await store.set_settings({"name": "later"})
    assert await settings_of(store) == {"name": "later"}

    store = await stores.reopen(store)
    await change(store, with_points, wallets(2))
    assert await listed(store, ALL_CUSTOMERS) == [1, 2]
    assert await store.check() == []
    await store.restore("first")
    assert await listed(store, ALL_CUSTOMERS) == [1]


async def test_copies_have_names(store: Store) -> None:
    """An account has as many copies as names; a name that is used again is that of the later copy."""
    assert await store.snapshots() == []
    await store.snapshot("b")
    await change(store, with_points, wallets(1))
    await store.snapshot("a")
    assert await store.snapshots() == ["a", "b"]
    await store.snapshot("b")
    await change(store, with_points, wallets(2))
    await store.restore("b")
    assert await listed(store, ALL_CUSTOMERS) == [1]


async def test_a_name_that_was_never_used(store: Store) -> None:
    """Where there is no such copy the account stays as it is."""
    await change(store, with_points, wallets(1))
    with pytest.raises(FileNotFoundError):
        await store.restore("none")
    assert await listed(store, ALL_CUSTOMERS) == [1]


async def test_copies_belong_to_their_account(store: Store, stores: OpenStores) -> None:
    """Another account has none of them, and when an account is removed its copies go with it."""
    await store.snapshot("first")
    neighbour = await stores.create(CODE + "-b")
    assert await neighbour.snapshots() == []
    await neighbour.snapshot("first")
    await stores.close()
    await stores.stores.remove(CODE)
    assert await stores.stores.codes() == [CODE + "-b"]
    assert await (await stores.open(CODE + "-b")).snapshots() == ["first"]
    assert await (await stores.create(CODE)).snapshots() == []


async def test_a_cleared_account_begins_anew(store: Store, stores: OpenStores) -> None:
    """Settings, users, their employees and sessions stay, all else goes, and numbers begin with 1."""

    def filled(work: UnitOfWork) -> None:
        with_points(work)
        for _ in range(3):
            number = work.new_id("employees")
            work.employees.put(number, Master(number, "", "", 100, 100, "{}"))
        number = work.new_id("users")
        work.users.put(number, user(number, employee_id=2))
        work.sessions.put(KEY, Session(KEY, number, 100, 200))
        work.next_number(SESSIONS_SEQUENCE)

    await store.set_settings({"name": "Shop"})
    await change(store, filled, wallets(1))
    await store.snapshot("first")
    await store.clear()
    for seen in (store, await stores.open(CODE)):
        assert await listed(seen, ALL_CUSTOMERS) == []
        assert await listed(seen, EMPLOYEES) == [2]
        found = await look(seen, {"users": {1}, "sessions": {KEY}, **wallets(1)})
        assert found.users.get(1) == user(1, employee_id=2)
        assert found.sessions.get(KEY) == Session(KEY, 1, 100, 200)
        assert await points_of(seen, 1) == 0
        assert await settings_of(seen) == {"name": "Shop"}
        assert await seen.snapshots() == ["first"]
        assert await seen.check() == []

    def numbers(work: UnitOfWork) -> None:
        assert [work.new_id(table) for table in ("customers", "transactions", "employees", "users")] == [1, 1, 3, 2]
        assert work.next_number(SESSIONS_SEQUENCE) == 2  # Servers that remember sessions go by it.

    await change(store, numbers)
