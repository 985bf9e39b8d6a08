"""The dispatcher: checks a bulk in the documented order, runs its sub-requests in theirs, and answers each.

Order of checks (`docs/protocol/erply-envelope.md`, section 6): account, format, session, size and shape, quota; then
for each sub-request its name, its parameters, its references; then it runs. One error per sub-request, the first wins,
and no sub-request stops another.
"""

import logging
import time
from dataclasses import dataclass, replace
from typing import Final

from erply_points.accounts.account import Account, Clock, OpenSession
from erply_points.accounts.pool import AccountPool, Overloaded, UnknownAccount
from erply_points.accounts.quota import CALL_TENTHS
from erply_points.accounts.settings import AccountSettings
from erply_points.bulk import errors
from erply_points.bulk.answers import Outcome, Rendering
from erply_points.bulk.checking import SESSION_MISSING, Task, check_all, check_session, prepare
from erply_points.bulk.envelope import BulkRequest
from erply_points.bulk.errors import WireError
from erply_points.bulk.formats import Answer
from erply_points.bulk.job import INTERNAL_ERROR, BulkJob
from erply_points.calls.call import Call, Record
from erply_points.calls.registry import CALLS
from erply_points.store.protocol import OutcomeUnknown, StoreUnavailable

OUTCOME_UNKNOWN: Final = (
    "The account's database was lost while this was being kept: it may be done or not."
    " Send it again with the same idempotency key, or look first."
)

_OVER_QUOTA: Final = WireError(
    errors.QUOTA_USED_UP, "The requests of this hour are used up; the next full hour begins with new ones."
)
BUSY: Final = WireError(errors.DATABASE_UNAVAILABLE, "The server is busy and has not begun this; try again soon.")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    answer: Answer
    replayed: str = ""
    """Whether it is a first answer, given again: `Retries.replayed`."""
    busy: bool = False
    """Whether it was turned away; nothing was begun."""


class Dispatcher:
    def __init__(self, accounts: AccountPool, clock: Clock = time.time) -> None:
        self._accounts = accounts
        self._clock = clock

    @property
    def full(self) -> bool:
        """Whether any bulk would be turned away."""
        return self._accounts.full

    async def answer(self, bulk: BulkRequest, started: float) -> Reply:
        """Answer a bulk. `started` is a `time.perf_counter` reading. Never raises."""
        try:
            async with self._accounts.use(bulk.client_code) as account:
                return await self._answer_in(account, bulk, started)
        except UnknownAccount:
            error = WireError(errors.ACCOUNT_NOT_FOUND, "There is no account of this clientCode.")
        except Overloaded:  # Not logged: there may be thousands a second.
            reply = self._whole_error(bulk, BUSY, Rendering(int(self._clock()), time.perf_counter() - started))
            return replace(reply, busy=True)
        except OutcomeUnknown as reason:
            _log.warning("account %s: %s", bulk.client_code, reason)
            error = WireError(errors.DATABASE_UNAVAILABLE, OUTCOME_UNKNOWN)
        except StoreUnavailable as reason:
            _log.warning("account %s is unavailable: %s", bulk.client_code, reason)
            error = WireError(errors.DATABASE_UNAVAILABLE, "The account's database is unavailable; try again soon.")
        except Exception:  # noqa: BLE001 - a mistake of ours must not become a 500
            _log.exception("a bulk failed")
            error = INTERNAL_ERROR
        return self._whole_error(bulk, error, Rendering(int(self._clock()), time.perf_counter() - started))

    @staticmethod
    def _whole_error(bulk: BulkRequest, error: WireError, rendering: Rendering) -> Reply:
        if bulk.is_single:
            return Reply(rendering.single(bulk.sub_requests[0], Outcome(error=error)))
        return Reply(rendering.bulk_error(error))

    async def _answer_in(self, account: Account, bulk: BulkRequest, started: float) -> Reply:
        session, error = await self._session(account, bulk)
        error = bulk.format_error or error or bulk.error
        if error is not None:
            return self._whole_error(bulk, error, _rendering(account, await account.settings(), bulk, started))
        if session is not None and await account.over_quota(_tenths(bulk)):
            _, error = await self._session(account, bulk, anew=True)
            rendering = _rendering(account, account.known_settings, bulk, started)
            return self._whole_error(bulk, error or _OVER_QUOTA, rendering)
        tasks = self._tasks(bulk, session)
        for task in tasks:
            if isinstance(task.call, Call) and task.call.prepare is not None:
                await prepare(task, account, session)
        job = BulkJob(account, tasks, session, bulk)
        await account.run(job, write=job.writes)
        if session is not None and job.session is not session:
            account.remember(session.session.key_hash, job.session)
        rendering = _rendering(account, account.known_settings, bulk, started)
        if job.error is not None and not job.outcomes:
            return self._whole_error(bulk, job.error, rendering)
        replayed = job.retries.replayed
        if bulk.is_single:
            return Reply(rendering.single(bulk.sub_requests[0], job.outcomes[0]), replayed)
        return Reply(rendering.bulk(bulk.sub_requests, job.outcomes, job.error), replayed)

    def _tasks(self, bulk: BulkRequest, session: OpenSession | None) -> list[Task]:
        return check_all(bulk.sub_requests, session, dry_run=bulk.dry_run, references=bulk.references)

    @staticmethod
    async def _session(
        account: Account, bulk: BulkRequest, *, anew: bool = False
    ) -> tuple[OpenSession | None, WireError | None]:
        """The open session, or why the whole request is refused for want of one.

        It is not what was remembered of it where something is done or answered outside of the job, which looks again:
        with `anew`, for a bulk that cannot be run, and for log-ins, which look at PINs before the transaction.
        """
        calls = [CALLS.get(sub_request.name) for sub_request in bulk.sub_requests]
        public = [call is not None and call.public for call in calls]
        if bulk.error is None and public and all(public):
            return None, None
        if not bulk.session_key:
            # A bulk that logs in goes on without a session: its other calls are refused one by one.
            return None, None if any(public) else SESSION_MISSING
        anew = anew or bulk.error is not None or any(call is not None and call.logs_in for call in calls)
        session = await account.session(bulk.session_key, anew=anew)
        error = check_session(session, calls, account.clock())
        return (session, None) if error is None else (None, error)


def _tenths(bulk: BulkRequest) -> int:
    """What a request takes of the hourly quota."""
    return CALL_TENTHS if bulk.is_single else max(1, len(bulk.sub_requests))


def _rendering(account: Account, settings: AccountSettings, bulk: BulkRequest, started: float) -> Rendering:
    error_records: list[Record] | None = [] if settings.error_records == "empty" else None
    return Rendering(int(account.clock()), time.perf_counter() - started, error_records, bulk.dry_run)
