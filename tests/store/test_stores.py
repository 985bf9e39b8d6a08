"""The contract of the place where all accounts are."""

import pytest

from erply_points.store.protocol import AccountInUse, Store
from store.samples import ALL_CUSTOMERS, CODE, OpenStores, change, customer, listed


async def test_an_account_that_was_never_made_cannot_be_opened(stores: OpenStores) -> None:
    """Opening does not create: an unknown account is FileNotFoundError and leaves nothing behind."""
    with pytest.raises(FileNotFoundError):
        await stores.open(CODE)
    assert await stores.stores.codes() == []


async def test_an_account_is_made_once(store: Store, stores: OpenStores) -> None:
    """Creating an account that is there is FileExistsError and leaves it as it is."""
    await change(store, lambda work: work.customers.put(1, customer(1)))
    with pytest.raises(FileExistsError):
        await stores.create(CODE)
    store = await stores.reopen(store)
    assert await listed(store, ALL_CUSTOMERS) == [1]


async def test_accounts_are_told_by_their_codes(stores: OpenStores) -> None:
    """Every account that was made is listed, in order, and no other."""
    for code in ("shop-b", "101010", "a"):
        await stores.create(code)
    assert await stores.stores.codes() == ["101010", "a", "shop-b"]


async def test_accounts_share_nothing(store: Store, stores: OpenStores) -> None:
    """Rows, settings and numbers of one account are not those of another."""
    neighbour = await stores.create("neighbour")
    await change(store, lambda work: work.customers.put(work.new_id("customers"), customer(1)))
    await store.set_settings({"a": "1"})
    transaction = await neighbour.begin({"customers": {1}}, write=True)
    assert transaction.work.customers.get(1) is None
    assert dict(transaction.settings) == {}
    assert transaction.work.new_id("customers") == 1
    await transaction.rollback()


async def test_an_account_in_use_is_not_removed(store: Store, stores: OpenStores) -> None:
    """As long as anybody has an account open it cannot be removed, and goes on working."""
    await stores.reopen(store)
    with pytest.raises(AccountInUse):
        await stores.stores.remove(CODE)
    store = await stores.open(CODE)
    await change(store, lambda work: work.customers.put(1, customer(1)))
    assert await listed(await stores.open(CODE), ALL_CUSTOMERS) == [1]


async def test_a_removed_account_is_gone_and_can_be_made_anew(store: Store, stores: OpenStores) -> None:
    """Removing an account takes its rows with it; one of the same code starts empty; others stay."""
    neighbour = await stores.create("neighbour")
    for one in (store, neighbour):
        await change(one, lambda work: work.customers.put(1, customer(1)))
    await stores.close()
    await stores.stores.remove(CODE)
    assert await stores.stores.codes() == ["neighbour"]
    with pytest.raises(FileNotFoundError):
        await stores.open(CODE)
    assert await listed(await stores.create(CODE), ALL_CUSTOMERS) == []
    assert await listed(await stores.open("neighbour"), ALL_CUSTOMERS) == [1]
