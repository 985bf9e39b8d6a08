"""A dispatcher that lets planned errors happen, where a real one would find errors of its own."""

import time
from dataclasses import dataclass, fields
from typing import Final

from erply_points.accounts.account import Account, OpenSession
from erply_points.bulk.answers import Rendering
from erply_points.bulk.checking import Task
from erply_points.bulk.dispatcher import Dispatcher, Reply
from erply_points.bulk.envelope import BulkRequest
from erply_points.bulk.errors import WireError
from erply_points.sandbox.faults import Fault

DEFAULT_MESSAGE: Final = "This error was planned in the sandbox; nothing of it was run."


@dataclass(frozen=True, slots=True)
class FaultyBulk(BulkRequest):
    """A bulk that is answered with `planned`, or of which one sub-request is."""

    planned: WireError = WireError(0, "")
    position: int | None = None
    """Of the sub-request, from 0; None for the bulk as a whole."""


def with_error(bulk: BulkRequest, fault: Fault) -> FaultyBulk:
    """The bulk as the fault of kind `error` has it."""
    error = WireError(fault.code, fault.message or DEFAULT_MESSAGE, fault.field)
    names = [sub_request.name for sub_request in bulk.sub_requests]
    position = names.index(fault.call) if fault.call else None
    given = {each.name: getattr(bulk, each.name) for each in fields(bulk)}
    return FaultyBulk(**given, planned=error, position=position)


class SandboxDispatcher(Dispatcher):
    async def _answer_in(self, account: Account, bulk: BulkRequest, started: float) -> Reply:
        if isinstance(bulk, FaultyBulk) and bulk.position is None:
            rendering = Rendering(int(account.clock()), time.perf_counter() - started)
            return self._whole_error(bulk, bulk.planned, rendering)
        return await super()._answer_in(account, bulk, started)

    def _tasks(self, bulk: BulkRequest, session: OpenSession | None) -> list[Task]:
        tasks = super()._tasks(bulk, session)
        if isinstance(bulk, FaultyBulk) and bulk.position is not None:
            tasks[bulk.position] = Task(bulk.sub_requests[bulk.position], error=bulk.planned)
        return tasks
