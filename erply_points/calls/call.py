"""What a call is: a name, what it will need, and what it does.

A new Erply call is one schema pair, one `Call` and its tests; `calls/registry.py` lists them all.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from erply_points.accounts.account import Account, OpenSession
from erply_points.accounts.rights import Rights
from erply_points.accounts.settings import AccountSettings
from erply_points.calls.refusals import Refusal
from erply_points.ledger.amounts import UnixSeconds
from erply_points.store.listing import Listing, Page
from erply_points.store.rows import Session, User
from erply_points.store.unit_of_work import Needs, UnitOfWork

Params = dict[str, Any]
"""The parameters of a call, validated and with the types of its schema. Absent ones are absent."""

Record = dict[str, Any]

DEFAULT_CURRENCY = 1
"""The points of the default program, which Erply's calls see."""


@dataclass(slots=True)
class Context:
    """What a call may look at while it runs."""

    account_code: str
    settings: AccountSettings
    stored_settings: Mapping[str, str]
    work: UnitOfWork
    now: UnixSeconds
    session: Session | None
    user: User | None
    rights: Rights
    session_key: str
    client_address: str
    prepared: Any = None
    """What the call's `prepare` found out beforehand."""


def no_needs(_: Params) -> Needs:
    return {}


@dataclass(frozen=True, slots=True)
class Call:
    """A call that answers with records it makes, at once."""

    name: str
    run: Callable[[Context, Params], list[Record]]
    needs: Callable[[Params], Needs] = no_needs
    """The rows it will most likely read; what else it reads is loaded when it asks."""
    check: Callable[[Params], Iterable[Refusal]] = lambda _params: ()
    """What is wrong with the parameters alone that a schema cannot say: required, format or value."""
    writes: bool = False
    public: bool = False
    """Needs no session key."""
    logs_in: bool = False
    """Opens a session: never tried out."""
    of_session: bool = False
    """Its answer belongs to the session and may hold the key: never kept for another."""
    prepare: Callable[[Account, OpenSession | None, Params], Awaitable[Any]] | None = None
    """Slow work to be done before the transaction, so that nobody waits for it."""
    expired_session_seconds: int = 0
    """For how long after its end a session will still do."""


@dataclass(frozen=True, slots=True)
class ListingCall:
    """A call that lists records: a query, the rows its records refer to, and the records."""

    name: str
    listing: Callable[[Context, Params], Listing]
    records: Callable[[Context, Params, Page], list[Record]]
    refers_to: Callable[[Page], Needs] = lambda _page: {}
    refers_further: Callable[[Context, Page], Needs] = lambda _context, _page: {}
    """What the rows refer to that `refers_to` has read."""
    check: Callable[[Params], Iterable[Refusal]] = lambda _params: ()
    writes: bool = False
    public: bool = False
    logs_in: bool = False
    of_session: bool = False
