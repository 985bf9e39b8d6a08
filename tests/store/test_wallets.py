"""How wallets are read and written: lots, entries and allocations, whole or only the first of them."""

from erply_points.ledger.records import Allocation, Entry, EntryKind
from erply_points.store.protocol import Store
from erply_points.store.unit_of_work import UnitOfWork
from store.samples import (
    CURRENCY,
    change,
    customer,
    earned,
    look,
    lot,
    redeemed,
    redemption,
    wallet_of,
    wallets,
)


async def _wallet_of_fifty(store: Store) -> None:
    """Fifty lots that expire in the opposite order of their age, and a neighbour's."""

    def make(work: UnitOfWork) -> None:
        for number in (1, 2):
            work.customers.put(number, customer(number))
        for number in range(1, 51):
            earned(work, lot(number, 1, 10, expires_at=10_000 - number, created_at=100 - number))
        earned(work, lot(60, 2, 7))

    await change(store, make, wallets(1, 2))


async def test_of_many_lots_the_first_are_read(store: Store) -> None:
    """A wallet of many open lots is read with the first of them in redemption order, and says so."""
    await _wallet_of_fifty(store)
    work = await look(store, wallets(1, 2))
    wallet = wallet_of(work, 1)
    assert not wallet.complete
    assert 0 < len(wallet.lots) < 50
    assert [one.id for one in wallet.lots] == list(range(50, 50 - len(wallet.lots), -1))
    assert wallet.totals.balance == 500
    assert wallet_of(work, 2).complete
    assert [one.id for one in wallet_of(work, 2).lots] == [60]


async def test_the_whole_wallet_has_all_lots_with_what_was_changed(store: Store) -> None:
    """Reading a whole wallet gives every open lot, the transaction's own changes included."""
    await _wallet_of_fifty(store)
    transaction = await store.begin(wallets(1, 2), write=True)
    work = transaction.work
    redeemed(work, redemption(70, 1, 15))
    earned(work, lot(71, 1, 5, expires_at=9_999))
    earned(work, lot(72, 1, 5))
    before = wallet_of(work, 1).totals
    await transaction.load_whole_wallet((1, CURRENCY))
    wallet = wallet_of(work, 1)
    assert wallet.complete
    assert wallet.totals == before
    assert [(one.id, one.remaining) for one in wallet.lots] == [
        (49, 5),
        *((number, 10) for number in range(48, 0, -1)),
        (71, 5),
        (72, 5),
    ]
    assert work.lots.get(49) == wallet.lots[0]
    redeemed(work, redemption(73, 1, 490))
    await transaction.commit()
    wallet = wallet_of(await look(store, wallets(1)), 1)
    assert [(one.id, one.remaining) for one in wallet.lots] == [(72, 5)]
    assert "transaction 73: a number was used" in " ".join(await store.check())


async def test_a_wallet_of_nobody_is_no_wallet(store: Store) -> None:
    """A customer without points has no wallet to read, in whole or in part."""
    transaction = await store.begin(wallets(9), write=False)
    assert transaction.work.wallets.get((9, CURRENCY)) is None
    await transaction.load_whole_wallet((9, CURRENCY))
    assert transaction.work.wallets.get((9, CURRENCY)) is None
    await transaction.rollback()


async def test_entries_and_allocations_are_written_with_their_posting(store: Store) -> None:
    """The history of a wallet is kept entry by entry, which the proof of the database then finds in order."""

    def make(work: UnitOfWork) -> None:
        work.customers.put(work.new_id("customers"), customer(1))
        earned(work, lot(work.new_id("transactions"), 1, 50))
        posting = redeemed(work, redemption(work.new_id("transactions"), 1, 20))
        assert posting.allocations == [Allocation(2, 1, 1, 2, 20)]
        assert posting.entries == [Entry(1, CURRENCY, 2, 100, EntryKind.REDEEM.value, -20, 30, 2)]

    await change(store, make, wallets(1))
    assert await store.check() == []

    def without_its_entry(work: UnitOfWork) -> None:
        redeemed(work, redemption(work.new_id("transactions"), 1, 20))
        work.entries.undo(0)

    await change(store, without_its_entry, wallets(1))
    assert await store.check() == ["customer 1, currency 1: the entries do not lead to the balance"]
