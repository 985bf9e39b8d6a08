"""Rows and short cuts for the store's tests."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from erply_points.ledger.amounts import NEVER
from erply_points.ledger.records import Lot, Redemption
from erply_points.ledger.wallet import Posting, Wallet, earn, redeem
from erply_points.store.listing import Listing
from erply_points.store.protocol import Store, Stores, Transaction
from erply_points.store.rows import (
    Coupon,
    Customer,
    Document,
    DocumentRow,
    GiftCard,
    IssuedCoupon,
    Master,
    Payment,
    Product,
    User,
    VatRate,
)
from erply_points.store.unit_of_work import UnitOfWork

CODE: Final = "101010"
CURRENCY: Final = 1


S = TypeVar("S", bound=Store)


@contextlib.asynccontextmanager
async def closing(opening: Awaitable[S]) -> AsyncIterator[S]:
    """Open a store for as long as the block runs."""
    store = await opening
    try:
        yield store
    finally:
        await store.close()


class OpenStores:
    """Stores that remember what they opened, so that it can be closed."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self._opened: list[Store] = []

    async def create(self, code: str) -> Store:
        return self._keep(await self.stores.create(code))

    async def open(self, code: str) -> Store:
        return self._keep(await self.stores.open(code))

    async def reopen(self, store: Store) -> Store:
        """Close the store and open the account again, as after a restart."""
        self._opened.remove(store)
        await store.close()
        return await self.open(CODE)

    async def close(self) -> None:
        while self._opened:
            await self._opened.pop().close()

    def _keep(self, store: Store) -> Store:
        self._opened.append(store)
        return store


def customer(number: int, /, **changes: Any) -> Customer:
    return Customer(number, "", f"First{number}", f"Last{number}", "", "", "", "", "", "", 0, 100, 100, "{}")._replace(
        **changes
    )


def document(number: int, /, **changes: Any) -> Document:
    blank = Document(
        *(number, "CASHINVOICE", 0, "", 0, 1, 2, 3, "2026-01-02", "10:20:30", 0, "EUR"),
        *(0, 0, 0, 0, 0, 0, 100, 100, "till", "{}"),
    )
    changed = blank._replace(**changes)
    return changed._replace(total=changed.net + changed.vat + changed.rounding)


def row(document_id: int, position: int, **changes: Any) -> DocumentRow:
    blank = DocumentRow(
        document_id, position, 10 * document_id + position, 1, 38, 0, 1, "20", "2", "10", "0", 0, 0, "{}"
    )
    return blank._replace(**changes)


def vat_rate(number: int, /, **changes: Any) -> VatRate:
    return VatRate(number, "20%", "20", "", 1, 0, "0", 100, 100, "{}")._replace(**changes)


def user(number: int, /, **changes: Any) -> User:
    return User(number, f"user{number}", "hash", "Name", number, 1, 100)._replace(**changes)


def product(number: int, /, **changes: Any) -> Product:
    return Product(number, "", "", "Mug", "9.50", 1, 1, 0, 100, 100, "{}")._replace(**changes)


def master(number: int, /, **changes: Any) -> Master:
    return Master(number, "Name", "", 100, 100, "{}")._replace(**changes)


def payment(number: int, /, **changes: Any) -> Payment:
    return Payment(number, 0, 0, "CASH", "2026-01-02", 500, 100, 100, "{}")._replace(**changes)


def gift_card(number: int, /, **changes: Any) -> GiftCard:
    return GiftCard(number, "", 5_000, 2_500, 0, 0, 100, 100, "{}")._replace(**changes)


def coupon(number: int, /, **changes: Any) -> Coupon:
    return Coupon(number, 0, "A mug", "", 100, 100, 100, "{}")._replace(**changes)


def issued_coupon(number: int, /, **changes: Any) -> IssuedCoupon:
    blank = IssuedCoupon(number, 1, f"M{number}", 0, 0, 0, 100, "", 0, 0, 0, 100, 100, "{}")
    return blank._replace(**changes)


def lot(number: int, customer_id: int, earned: int, **changes: Any) -> Lot:
    blank = Lot(number, customer_id, CURRENCY, earned, earned, 0, 0, 0, 100, 100, NEVER, 0, 0, 0, "")
    return blank._replace(**changes)


def redemption(number: int, customer_id: int, points: int, **changes: Any) -> Redemption:
    return Redemption(number, customer_id, CURRENCY, points, 0, 100, 0, 0, 0, 0, 0, 0, "")._replace(**changes)


def wallet_of(work: UnitOfWork, customer_id: int) -> Wallet:
    return work.wallets.get((customer_id, CURRENCY)) or Wallet.empty(customer_id, CURRENCY)


def earned(work: UnitOfWork, given: Lot, at: int = 100) -> Posting:
    """Let the lot's customer earn it; the wallet must be loaded."""
    posting = earn(wallet_of(work, given.customer_id), given, at)
    work.post(posting)
    return posting


def redeemed(work: UnitOfWork, asked: Redemption, at: int = 100) -> Posting:
    posting = redeem(wallet_of(work, asked.customer_id), asked, at, below_zero=True)
    work.post(posting)
    return posting


def wallets(*customer_ids: int) -> dict[str, set[Any]]:
    """What to load for the wallets of these customers."""
    return {"wallets": {(customer_id, CURRENCY) for customer_id in customer_ids}}


async def put(store: Store, table: str, rows: Iterable[Any], key: str = "id") -> None:
    """Commit new rows of a table."""

    def changes(work: UnitOfWork) -> None:
        for one in rows:
            work.tables[table].put(getattr(one, key), one)

    await change(store, changes)


async def change(
    store: Store, changes: Callable[[UnitOfWork], object], needs: Mapping[str, set[Any]] | None = None
) -> None:
    """One committed transaction."""
    transaction = await store.begin(needs or {}, write=True)
    try:
        changes(transaction.work)
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise


async def look(store: Store, needs: Mapping[str, set[Any]]) -> UnitOfWork:
    """What a reader sees."""
    transaction = await store.begin(needs, write=False)
    await transaction.rollback()
    return transaction.work


async def ids(transaction: Transaction, listing: Listing) -> list[int]:
    """The IDs that a listing finds, in its order."""
    return [found.id for found in (await transaction.list(listing)).rows]


async def listed(store: Store, listing: Listing) -> list[int]:
    """The same in a transaction of its own."""
    transaction = await store.begin({}, write=False)
    try:
        return await ids(transaction, listing)
    finally:
        await transaction.rollback()


ALL_CUSTOMERS: Final = Listing("customers")
