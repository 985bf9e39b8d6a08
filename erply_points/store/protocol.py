"""What a store promises. Every store passes the same contract suite (`tests/store/`).

- A transaction sees the account as it was at its beginning and what it wrote itself, nothing else.
- `commit` returns only when the changes would survive a power cut; after an error nothing of them is there.
- Writing transactions of one account follow each other; reading ones never wait for them.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from erply_points.ledger.amounts import UnixSeconds
from erply_points.store.listing import Listing, Page
from erply_points.store.unit_of_work import Needs, UnitOfWork, WalletKey


class StoreUnavailable(Exception):
    """The database cannot be reached, read or written just now: full disk, I/O error, lock held too long."""


class OutcomeUnknown(StoreUnavailable):
    """The database was lost during a commit and did not come back to be asked: it may or may not be kept."""


class DatabaseTooNew(StoreUnavailable):
    """A newer version of the program has changed this account; an older one must not touch it."""


class AccountInUse(StoreUnavailable):
    """Another process has the account open."""


class Transaction(Protocol):
    @property
    def work(self) -> UnitOfWork: ...

    @property
    def settings(self) -> Mapping[str, str]:
        """The account's settings as stored; the same object for as long as they do not change."""
        ...

    async def load(self, needs: Needs) -> None:
        """Read rows into `work`; rows it already holds are left as they are."""
        ...

    async def load_whole_wallet(self, key: WalletKey) -> None:
        """Read a wallet again with all of its open lots, where `load` took only the first of them."""
        ...

    async def list(self, listing: Listing) -> Page:
        """Run a listing over the database and over what `work` holds in changes."""
        ...

    async def set_settings(self, settings: Mapping[str, str]) -> None:
        """Change settings of the account; later transactions see it, this one goes on with those of its beginning."""
        ...

    async def forget(self, before: UnixSeconds, answers_before: UnixSeconds) -> None:
        """Delete what nobody will ask for again: sessions, log-in blocks and document UUIDs that ended `before`.

        And the answers that were kept before `answers_before`.
        """
        ...

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...


Rows = AsyncIterator[tuple[str, Sequence[tuple[Any, ...]]]]
"""All rows of an account, a part of a table at a time, each table (`shapes.ALL`) after those that it refers to."""

Body = Callable[[Transaction], Coroutine[Any, Any, None]]
"""What is done inside a transaction."""


class Store(Protocol):
    async def begin(self, needs: Needs, *, write: bool) -> Transaction:
        """Open a transaction and read `needs`. Raises StoreUnavailable, as do the transaction's methods."""
        ...

    async def transact(self, needs: Needs, body: Body, *, write: bool, keep: bool = True) -> None:
        """Do all of a transaction: begin, read `needs`, run `body`, commit; roll back if any of it raises.

        Without `keep` it is rolled back in any case.

        `body` may run on another thread, so it awaits nothing but the methods of its transaction.
        """
        ...

    async def set_settings(self, settings: Mapping[str, str]) -> None: ...

    async def check(self) -> list[str]:
        """Prove the ledger's conservation and the database's soundness; return what is wrong, a sentence each."""
        ...

    async def clear(self) -> None:
        """Delete everything but settings, users with their employees, and sessions; IDs of the rest start anew."""
        ...

    async def snapshot(self, name: str) -> None:
        """Keep a copy of the account as it is now, in place of an earlier one of that name."""
        ...

    async def restore(self, name: str) -> None:
        """Make the account what it was, settings and sessions included; the copy stays.

        Whoever calls keeps everybody else from the account meanwhile. Raises FileNotFoundError.
        """
        ...

    async def snapshots(self) -> list[str]:
        """The names of the copies, sorted."""
        ...

    def rows(self) -> Rows:
        """All that the account holds, as it is at one moment, but for its copies."""
        ...

    async def sums(self) -> dict[str, int]:
        """What `shapes.SUMS` add up to."""
        ...

    async def close(self) -> None: ...


class Stores(Protocol):
    """Where the stores of all accounts are."""

    async def open(self, code: str) -> Store:
        """Raises FileNotFoundError if there is no such account, StoreUnavailable."""
        ...

    async def create(self, code: str) -> Store:
        """Raises FileExistsError."""
        ...

    async def fill(self, code: str, rows: Rows) -> None:
        """Make an account of the rows of another; it is there whole or not at all. Raises FileExistsError."""
        ...

    async def is_in_use(self, code: str) -> bool:
        """Whether any process has the account open."""
        ...

    async def codes(self) -> list[str]: ...

    async def remove(self, code: str) -> None:
        """Delete an account and its copies. Raises AccountInUse if any process has it open."""
        ...
