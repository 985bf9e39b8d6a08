"""The run of a bulk inside its transaction: in order, all or nothing if it says so, once however often it is sent."""

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from erply_points.accounts.account import Account, OpenSession, as_seen
from erply_points.accounts.rights import ALL_RIGHTS
from erply_points.bulk import errors, references
from erply_points.bulk.answers import Outcome
from erply_points.bulk.checking import Task, check, check_session
from erply_points.bulk.envelope import BulkRequest, SubRequest
from erply_points.bulk.errors import WireError, wire_error
from erply_points.bulk.references import SAVING_CALL, CurrentInvoice
from erply_points.bulk.retries import Retries
from erply_points.calls.call import Call, Context, ListingCall, Params, Record
from erply_points.calls.on_demand import on_demand
from erply_points.calls.refusals import Refusal
from erply_points.ledger.errors import LedgerError, LotsNotLoaded
from erply_points.store.group_commit import union
from erply_points.store.protocol import StoreUnavailable, Transaction
from erply_points.store.unit_of_work import FORESEEN_IDS, Needs, NotLoaded

INTERNAL_ERROR: Final = WireError(errors.INTERNAL, "The server could not do this; nothing of it was kept.")

_log = logging.getLogger(__name__)


class BulkJob:
    """The checked sub-requests of one bulk, and after the run what became of them."""

    def __init__(self, account: Account, tasks: list[Task], session: OpenSession | None, bulk: BulkRequest) -> None:
        self.outcomes: list[Outcome] = []
        self.error: WireError | None = None
        """Why nothing was kept, or nothing was run: then there are no outcomes."""
        self.retries = Retries(bulk)
        self.session = session
        """As the run saw it; None if there was none any more."""
        self._account = account
        self._tasks = tasks
        self._session = session
        self._bulk = bulk

    @property
    def writes(self) -> bool:
        return any(task.call is not None and task.call.writes and task.error is None for task in self._tasks)

    @property
    def keeps(self) -> bool:
        return not self._bulk.dry_run

    @property
    def needs(self) -> Needs:
        tasks = self._tasks
        needs = union(
            task.call.needs(task.params)
            for task in tasks
            if isinstance(task.call, Call) and task.params is not None and task.error is None
        )
        if self._may_be_retried and (keys := self.retries.keys(self._account.known_settings)):
            needs["kept_answers"] = set(keys)
        return needs

    @property
    def _may_be_retried(self) -> bool:
        """Whether it matters if it is done twice."""
        return any(task.call is not None and task.call.writes for task in self._tasks)

    async def run(self, transaction: Transaction) -> None:
        self.outcomes = []
        self.error = await self._session_error(transaction)
        if self.error is not None:
            return
        context = self._context(transaction)
        work = context.work
        if self._bulk.dry_run:
            work.foresee()
        before = work.mark()
        if self._may_be_retried:
            self.error = await self.retries.look_up(transaction, context)
            if self.error is not None:
                return
        await self._run_tasks(context, transaction)
        if self._bulk.atomic and not self._bulk.is_single:
            self.error = self._whole_or_nothing()
        if self._bulk.dry_run or self.error is not None:
            work.undo(before)
        elif work.mark() != before:
            self.retries.keep(context, self.outcomes)
        self._show(work.foreseen)

    async def _session_error(self, transaction: Transaction) -> WireError | None:
        """Why nothing may be run under the session, which may have been ended since it was looked up."""
        if self._session is None:
            return None
        self.session = await as_seen(self._session, transaction)
        if self.session is self._session:
            return None
        calls = [task.call for task in self._tasks]
        return check_session(self.session, calls, self._account.clock())

    def _context(self, transaction: Transaction) -> Context:
        account, session = self._account, self.session
        return Context(
            account_code=account.code,
            settings=account.settings_of(transaction),
            stored_settings=transaction.settings,
            work=transaction.work,
            now=int(account.clock()),
            session=session.session if session else None,
            user=session.user if session else None,
            rights=session.rights if session else ALL_RIGHTS,
            session_key=self._bulk.session_key,
            client_address=self._bulk.client_address,
        )

    def _show(self, foreseen: range) -> None:
        """Leave of the records what the caller is to see."""
        for task, outcome in zip(self._tasks, self.outcomes, strict=True):
            if foreseen:
                outcome.records = _without(foreseen, outcome.records)
                outcome.error = outcome.error and _told_without(foreseen, outcome.error)
            if asked := task.sub_request.params.get("getFields"):
                outcome.records = _trimmed(outcome.records, asked)

    async def _run_tasks(self, context: Context, transaction: Transaction) -> None:
        invoice = CurrentInvoice()
        outcomes = self.outcomes
        stops = self._bulk.atomic
        repeats = self.retries.repeats
        refuse = context.settings.failed_invoice == "refuse"
        for position, task in enumerate(self._tasks):
            started = time.perf_counter()
            outcome = self._first_answer(position)
            if position in repeats:
                first = outcomes[repeats[position]]
                outcome = Outcome(first.records, first.total, first.error)
            elif outcome is None:
                outcome = await self._run_task(task, context, transaction, invoice, refuse=refuse)
            if task.sub_request.name == SAVING_CALL:
                invoice.take(outcome)
            outcome.seconds = time.perf_counter() - started
            outcomes.append(outcome)
            if stops and outcome.error is not None:
                break

    def _first_answer(self, position: int) -> Outcome | None:
        """What was answered before, if it was and the user of now may ask for it."""
        if not self.retries.first_answers or self._tasks[position].denied:
            return None
        return self.retries.first_answers.get(position)

    async def _run_task(
        self, task: Task, context: Context, transaction: Transaction, invoice: CurrentInvoice, *, refuse: bool
    ) -> Outcome:
        if task.references:
            task = self._resolved(task)
        call = task.call
        if task.error is not None or call is None or task.params is None:
            return Outcome(error=task.error or INTERNAL_ERROR)
        params = invoice.resolve(call.name, task.params, refuse=refuse)
        if isinstance(params, WireError):
            return Outcome(error=params)
        context.prepared = task.prepared
        return await _run_call(call, params, context, transaction)

    def _resolved(self, task: Task) -> Task:
        """The task with values from the answers so far, checked."""
        given = task.sub_request
        params = references.resolve(given.params, task.references, self.outcomes)
        if isinstance(params, WireError):
            return Task(given, error=params)
        asked = SubRequest(given.name, given.request_id, params, given.repeated)
        checked = check(asked, self.session, dry_run=self._bulk.dry_run)
        checked.prepared = task.prepared
        return checked

    def _whole_or_nothing(self) -> WireError | None:
        """Where one has failed, the error of the whole; every other sub-request is answered with it too."""
        if self.outcomes[-1:] and self.outcomes[-1].error is not None:
            number = len(self.outcomes)
            error = WireError(errors.NOT_KEPT, f"Not kept: sub-request {number} failed.")
            failed = self.outcomes[-1]
            # First answers were kept before.
            self.outcomes = [self._first_answer(place) or Outcome(error=error) for place in range(len(self._tasks))]
            self.outcomes[number - 1] = failed
            return error
        return None


async def _run_call(call: Call | ListingCall, params: Params, context: Context, transaction: Transaction) -> Outcome:
    """Run a call, reading what it turns out to need. A call that fails has changed nothing."""
    mark = context.work.mark()
    try:
        if isinstance(call, Call):
            try:
                records = call.run(context, params)  # What it needs was read ahead, most likely.
            except (NotLoaded, LotsNotLoaded):
                context.work.undo(mark)
                records = await on_demand(transaction, partial(call.run, context, params))
            return Outcome(records, len(records))
        page = await transaction.list(await on_demand(transaction, partial(call.listing, context, params)))
        await transaction.load(call.refers_to(page))
        await transaction.load(call.refers_further(context, page))
        return Outcome(await on_demand(transaction, partial(call.records, context, params, page)), page.total)
    except (Refusal, LedgerError) as refused:
        context.work.undo(mark)
        return Outcome(error=wire_error(refused))
    except StoreUnavailable:
        raise
    except Exception:  # noqa: BLE001 - a mistake of ours must not stop the other sub-requests
        context.work.undo(mark)
        _log.exception("%s failed", call.name)
        return Outcome(error=INTERNAL_ERROR)


def _trimmed(records: Sequence[Record], asked: Any) -> list[Record]:
    """The records with the fields of `getFields` only; names they do not have are ignored."""
    if not isinstance(asked, str):
        return list(records)
    names = {name.strip() for name in asked.split(",")}
    return [{name: value for name, value in record.items() if name in names} for record in records]


def _told_without(ids: range, error: WireError) -> WireError:
    def shown(match: re.Match[str]) -> str:
        return "0" if int(match[0]) in ids else match[0]

    return replace(error, message=re.sub(rf"\b[0-9]{{{_ID_DIGITS}}}\b", shown, error.message))


_ID_DIGITS: Final = len(str(FORESEEN_IDS.start))
_ID_LIST: Final = re.compile(r"[0-9]+(,[0-9]+)*")


def _without(ids: range, value: Any) -> Any:
    """What was answered, with 0 in place of IDs that no record will have."""
    match value:
        case dict():
            return {name: _without(ids, each) for name, each in value.items()}
        case list():
            return [_without(ids, each) for each in value]
        case str() if _ID_LIST.fullmatch(value):
            return ",".join("0" if len(each) == _ID_DIGITS and int(each) in ids else each for each in value.split(","))
        case int() if value in ids:
            return 0
    return value
