"""The dispatcher: checks a bulk in the documented order, runs its sub-requests in theirs, and answers each.

Order of checks (`protocol/erply-envelope.md`, section 6): account, format, session, size and shape; then for each
sub-request its name, its parameters, its references; then it runs. One error per sub-request, the first wins, and no
sub-request stops another.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from erply_points.accounts.account import Account, Clock, OpenSession
from erply_points.accounts.pool import AccountPool, UnknownAccount
from erply_points.accounts.rights import ALL_RIGHTS
from erply_points.accounts.settings import AccountSettings
from erply_points.bulk import errors
from erply_points.bulk.answers import Outcome, Rendering
from erply_points.bulk.envelope import BulkRequest, SubRequest, contradiction
from erply_points.bulk.errors import WireError, wire_error
from erply_points.bulk.formats import Answer
from erply_points.bulk.references import SAVING_CALL, CurrentInvoice
from erply_points.bulk.validation import validator
from erply_points.calls import rights
from erply_points.calls.call import Call, Context, ListingCall, Params, Record
from erply_points.calls.refusals import Refusal, SessionTooOld
from erply_points.calls.registry import CALLS
from erply_points.ledger.errors import LedgerError, LotsNotLoaded
from erply_points.store.group_commit import union
from erply_points.store.protocol import StoreUnavailable, Transaction
from erply_points.store.unit_of_work import Needs, NotLoaded

LOADS_MAX: Final = 1_000
"""How often one sub-request may ask for a row that was not read ahead."""

_INTERNAL: Final = WireError(errors.INTERNAL, "The server could not do this; nothing of it was kept.")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Task:
    """A sub-request that was checked: its call and parameters, or the error that it is answered with."""

    sub_request: SubRequest
    call: Call | ListingCall | None = None
    params: Params | None = None
    error: WireError | None = None
    prepared: Any = None


class BulkJob:
    """The checked sub-requests of one bulk, to be run inside a transaction."""

    def __init__(self, account: Account, tasks: list[Task], session: OpenSession | None, bulk: BulkRequest) -> None:
        self.outcomes: list[Outcome] = []
        self.error_records: list[Record] | None = None
        self._account = account
        self._tasks = tasks
        self._session = session
        self._bulk = bulk

    @property
    def writes(self) -> bool:
        return any(task.call is not None and task.call.writes and task.error is None for task in self._tasks)

    @property
    def needs(self) -> Needs:
        return union(
            task.call.needs(task.params)
            for task in self._tasks
            if isinstance(task.call, Call) and task.params is not None and task.error is None
        )

    async def run(self, transaction: Transaction) -> None:
        settings = self._account.settings_of(transaction)
        context = Context(
            account_code=self._account.code,
            settings=settings,
            stored_settings=transaction.settings,
            work=transaction.work,
            now=int(self._account.clock()),
            session=self._session.session if self._session else None,
            user=self._session.user if self._session else None,
            rights=self._session.rights if self._session else ALL_RIGHTS,
            session_key=self._bulk.session_key,
            client_address=self._bulk.client_address,
        )
        self.error_records = _error_records(settings)
        self.outcomes = []
        invoice = CurrentInvoice()
        for task in self._tasks:
            started = time.perf_counter()
            outcome = await _run_task(task, context, transaction, invoice)
            outcome.seconds = time.perf_counter() - started
            self.outcomes.append(outcome)


def _error_records(settings: AccountSettings) -> list[Record] | None:
    return [] if settings.error_records == "empty" else None


async def _run_task(task: Task, context: Context, transaction: Transaction, invoice: CurrentInvoice) -> Outcome:
    outcome = Outcome(error=task.error)
    if task.call is not None and task.params is not None and task.error is None:
        params = invoice.resolve(task.call.name, task.params, refuse=context.settings.failed_invoice == "refuse")
        if isinstance(params, WireError):
            outcome.error = params
        else:
            context.prepared = task.prepared
            outcome = await _run_call(task.call, params, context, transaction)
    if task.sub_request.name == SAVING_CALL:
        if outcome.error is None:
            invoice.succeed(int(outcome.records[0]["invoiceID"]))
        else:
            invoice.fail(outcome.error.code)
    if task.params is not None and task.params.get("getFields"):
        outcome.records = _trimmed(outcome.records, task.params["getFields"])
    return outcome


async def _run_call(call: Call | ListingCall, params: Params, context: Context, transaction: Transaction) -> Outcome:
    """Run a call, reading what it turns out to need. A call that fails has changed nothing."""
    mark = context.work.mark()
    for _ in range(LOADS_MAX):
        try:
            if isinstance(call, Call):
                records = call.run(context, params)
                return Outcome(records, len(records))
            page = await transaction.list(call.listing(context, params))
            await transaction.load(call.refers_to(page))
            return Outcome(call.records(context, params, page), page.total)
        except NotLoaded as missing:
            context.work.undo(mark)
            await transaction.load({missing.table: {missing.key}})
        except LotsNotLoaded as wallet:
            context.work.undo(mark)
            await transaction.load_whole_wallet((wallet.customer_id, wallet.currency_id))
        except (Refusal, LedgerError) as refused:
            context.work.undo(mark)
            return Outcome(error=wire_error(refused))
        except StoreUnavailable:
            raise
        except Exception:  # noqa: BLE001 - a mistake of ours must not stop the other sub-requests
            context.work.undo(mark)
            _log.exception("%s failed", call.name)
            return Outcome(error=_INTERNAL)
    _log.error("%s asked for more than %d further rows", call.name, LOADS_MAX)
    return Outcome(error=_INTERNAL)


def _trimmed(records: list[Record], asked: str) -> list[Record]:
    """The records with the fields of `getFields` only; names they do not have are ignored."""
    names = {name.strip() for name in asked.split(",")}
    return [{name: value for name, value in record.items() if name in names} for record in records]


class Dispatcher:
    def __init__(self, accounts: AccountPool, clock: Clock = time.time) -> None:
        self._accounts = accounts
        self._clock = clock

    async def answer(self, bulk: BulkRequest, started: float) -> Answer:
        """Answer a bulk. `started` is a `time.perf_counter` reading. Never raises."""
        try:
            async with self._accounts.use(bulk.client_code) as account:
                return await self._answer_in(account, bulk, started)
        except UnknownAccount:
            error = WireError(errors.ACCOUNT_NOT_FOUND, "There is no account of this clientCode.")
        except StoreUnavailable as reason:
            _log.warning("account %s is unavailable: %s", bulk.client_code, reason)
            error = WireError(errors.DATABASE_UNAVAILABLE, "The account's database is unavailable; try again soon.")
        except Exception:  # noqa: BLE001 - a mistake of ours must not become a 500
            _log.exception("a bulk failed")
            error = _INTERNAL
        return self._whole_error(bulk, error, Rendering(int(self._clock()), time.perf_counter() - started))

    @staticmethod
    def _whole_error(bulk: BulkRequest, error: WireError, rendering: Rendering) -> Answer:
        if bulk.is_single:
            return rendering.single(bulk.sub_requests[0], Outcome(error=error))
        return rendering.bulk_error(error)

    async def _answer_in(self, account: Account, bulk: BulkRequest, started: float) -> Answer:
        session, error = await self._session(account, bulk)
        error = bulk.format_error or error or bulk.error
        if error is not None:
            settings = await account.settings()
            rendering = Rendering(int(account.clock()), time.perf_counter() - started, _error_records(settings))
            return self._whole_error(bulk, error, rendering)
        tasks = [_checked(sub_request, session) for sub_request in bulk.sub_requests]
        for task in tasks:
            if isinstance(task.call, Call) and task.call.prepare is not None and task.params is not None:
                await _prepare(task, account, session)
        job = BulkJob(account, tasks, session, bulk)
        await account.run(job, write=job.writes)
        rendering = Rendering(int(account.clock()), time.perf_counter() - started, job.error_records)
        if bulk.is_single:
            return rendering.single(bulk.sub_requests[0], job.outcomes[0])
        return rendering.bulk(bulk.sub_requests, job.outcomes)

    @staticmethod
    async def _session(account: Account, bulk: BulkRequest) -> tuple[OpenSession | None, WireError | None]:
        """The open session, or why the whole request is refused for want of one."""
        calls = [CALLS.get(sub_request.name) for sub_request in bulk.sub_requests]
        public = [call is not None and call.public for call in calls]
        if bulk.error is None and public and all(public):
            return None, None
        if not bulk.session_key:
            # A bulk that logs in goes on without a session: its other calls are refused one by one.
            return None, None if any(public) else _SESSION_MISSING
        session = await account.session(bulk.session_key)
        if session is None:
            return None, WireError(errors.SESSION_UNKNOWN, "This session key is unknown.")
        expired_for = account.clock() - session.session.expires_at
        error = None if expired_for < 0 else _expired(calls, expired_for)
        return (session, None) if error is None else (None, error)


def _expired(calls: Iterable[Call | ListingCall | None], expired_for: float) -> WireError | None:
    """Why a session that has expired will not do; None if all calls put up with it."""
    grace = min((call.expired_session_seconds if isinstance(call, Call) else 0 for call in calls), default=0)
    if not grace:
        return WireError(errors.SESSION_EXPIRED, "This session has expired.")
    if expired_for > grace:
        return wire_error(SessionTooOld(None, "This session ended too long ago to switch users."))
    return None


_SESSION_MISSING: Final = WireError(errors.SESSION_MISSING, "This call needs a session key.")


def _checked(sub_request: SubRequest, session: OpenSession | None) -> Task:
    """Check a sub-request's name and parameters."""
    call = CALLS.get(sub_request.name)
    if call is None:
        return Task(sub_request, error=WireError(errors.UNKNOWN_CALL, "There is no such call."))
    if session is None and not call.public:
        return Task(sub_request, call, error=_SESSION_MISSING)
    try:
        if session is not None:
            rights.check(session.rights, call.name, sub_request.params)
        if sub_request.repeated:
            raise contradiction(sub_request.repeated)
        params = validator(call.name).validate(sub_request.params)
    except Refusal as refused:
        return Task(sub_request, call, error=wire_error(refused))
    return Task(sub_request, call, params)


async def _prepare(task: Task, account: Account, session: OpenSession | None) -> None:
    """Do a sub-request's slow work before the transaction."""
    assert isinstance(task.call, Call)
    assert task.call.prepare is not None
    assert task.params is not None
    try:
        task.prepared = await task.call.prepare(account, session, task.params)
    except Refusal as refused:
        task.error = wire_error(refused)
