"""Checks of a sub-request before anything runs: its name, the user's rights, its parameters."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from erply_points.accounts.account import Account, OpenSession
from erply_points.bulk import errors
from erply_points.bulk.envelope import SubRequest, contradiction
from erply_points.bulk.errors import WireError, wire_error
from erply_points.bulk.references import Reference, named_references
from erply_points.bulk.validation import validator
from erply_points.calls import rights
from erply_points.calls.call import Call, ListingCall, Params
from erply_points.calls.refusals import (
    NoAddingRights,
    NoDeletingRights,
    NoEditingRights,
    NoLocationAccess,
    NoViewingRights,
    Refusal,
    SessionTooOld,
)
from erply_points.calls.registry import CALLS

SESSION_MISSING: Final = WireError(errors.SESSION_MISSING, "This call needs a session key.")
_SESSION_UNKNOWN: Final = WireError(errors.SESSION_UNKNOWN, "This session key is unknown.")
_NOT_REHEARSED: Final = WireError(errors.BAD_VALUE, "A log-in cannot be tried out.", "dryRun")
_NOT_DEFERRED: Final = WireError(errors.BAD_VALUE, "A log-in cannot take values from other answers.", "references")


_DENIED: Final = frozenset(
    errors.CODES[each]
    for each in (NoViewingRights, NoAddingRights, NoEditingRights, NoDeletingRights, NoLocationAccess)
)


@dataclass(slots=True)
class Task:
    """A sub-request that was checked: its call and parameters, or the error that it is answered with."""

    sub_request: SubRequest
    call: Call | ListingCall | None = None
    params: Params | None = None
    """None where there is an error, or where `references` stand in the way: then they are checked when it runs."""
    error: WireError | None = None
    references: Sequence[Reference] = ()
    prepared: Any = None

    @property
    def denied(self) -> bool:
        """Whether the user lacks the right."""
        return self.error is not None and self.error.code in _DENIED


def check_session(
    session: OpenSession | None, calls: Iterable[Call | ListingCall | None], now: float
) -> WireError | None:
    """Why a session will not do for these calls at `now`, Unix seconds; None if it does."""
    if session is None:
        return _SESSION_UNKNOWN
    ended = session.session.ended_at > 0
    over_for = math.inf if ended else now - session.session.expires_at
    if over_for < 0:
        return None
    grace = min((call.expired_session_seconds if isinstance(call, Call) else 0 for call in calls), default=0)
    if not grace:
        return WireError(errors.SESSION_EXPIRED, f"This session {'was ended' if ended else 'has expired'}.")
    if over_for > grace:
        reason = "was ended: it cannot switch" if ended else "ended too long ago to switch"
        return wire_error(SessionTooOld(None, f"This session {reason} users."))
    return None


def check(sub_request: SubRequest, session: OpenSession | None, *, dry_run: bool) -> Task:
    """Check a sub-request's name and parameters."""
    call = CALLS.get(sub_request.name)
    if call is None:
        return Task(sub_request, error=WireError(errors.UNKNOWN_CALL, "There is no such call."))
    if session is None and not call.public:
        return Task(sub_request, call, error=SESSION_MISSING)
    if dry_run and call.logs_in:
        return Task(sub_request, call, error=_NOT_REHEARSED)
    try:
        if session is not None:
            rights.check(session.rights, call.name, sub_request.params)
        if sub_request.repeated:
            raise contradiction(sub_request.repeated)
        params = validator(call.name).validate(sub_request.params)
    except Refusal as refused:
        return Task(sub_request, call, error=wire_error(refused))
    return Task(sub_request, call, params)


def check_all(
    sub_requests: Sequence[SubRequest], session: OpenSession | None, *, dry_run: bool, references: bool
) -> list[Task]:
    """Check every sub-request; one that takes values from earlier answers is checked again when they are known."""
    if not references:
        return [check(sub_request, session, dry_run=dry_run) for sub_request in sub_requests]
    return [_check_referring(position, sub_requests, session, dry_run=dry_run) for position in range(len(sub_requests))]


def _check_referring(
    position: int, sub_requests: Sequence[SubRequest], session: OpenSession | None, *, dry_run: bool
) -> Task:
    sub_request = sub_requests[position]
    call = CALLS.get(sub_request.name)
    found = named_references(position, sub_requests)
    if call is None or not found or (session is None and not call.public):
        return check(sub_request, session, dry_run=dry_run)
    if isinstance(found, WireError):
        return Task(sub_request, call, error=found)
    if call.logs_in:
        return Task(sub_request, call, error=_NOT_DEFERRED)
    if session is not None:
        try:
            rights.check(session.rights, call.name, sub_request.params)
        except Refusal as refused:
            return Task(sub_request, call, error=wire_error(refused))
    return Task(sub_request, call, references=found)


async def prepare(task: Task, account: Account, session: OpenSession | None) -> None:
    """Do a sub-request's slow work before the transaction."""
    if not isinstance(task.call, Call) or task.call.prepare is None or task.error is not None:
        return
    try:
        task.prepared = await task.call.prepare(account, session, task.params or {})
    except Refusal as refused:
        task.error = wire_error(refused)
