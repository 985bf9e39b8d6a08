"""Group commit: bulks that wait together are committed together.

While one commit is on its way to disk, later jobs queue; the next transaction takes all that are waiting, runs them
in the order they came, commits once and answers each only then. If a group fails, its jobs are run again one by one,
so that one bad job harms no other. Jobs that only read form groups of their own and wait for no writer.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from erply_points.store.protocol import OutcomeUnknown, Store, StoreUnavailable, Transaction
from erply_points.store.unit_of_work import Needs

GROUP_SIZE_MAX: Final = 64
"""Jobs in one transaction: bounds how long the first of them waits for the last."""

_log = logging.getLogger(__name__)


class Job(Protocol):
    @property
    def keeps(self) -> bool:
        """Whether what it does is to be kept; otherwise it only looks what would happen."""
        ...

    @property
    def needs(self) -> Needs:
        """What to read before the job runs, as far as it is known."""
        ...

    async def run(self, transaction: Transaction) -> None:
        """Do the work inside `transaction`, which others share and which is all that may be awaited.

        May be called again after a rollback.
        """
        ...


Waiting = tuple[Job, "asyncio.Future[None]"]
"""A job, and what to tell when it is done."""


class GroupCommit:
    """Runs jobs against one store, in groups, one group at a time."""

    def __init__(self, store: Store, *, write: bool) -> None:
        self._store = store
        self._write = write
        self._waiting: deque[Waiting] = deque()
        self._serving: asyncio.Task[None] | None = None

    async def run(self, job: Job) -> None:
        """Return once the job is committed. Raises what stopped it; then nothing of it is kept."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, done))
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        await done

    async def close(self) -> None:
        """Finish what waits."""
        if self._serving is not None:
            await asyncio.wait([self._serving])

    async def _serve(self) -> None:
        waiting = self._waiting
        while waiting:
            group = [waiting.popleft()]
            # Jobs that keep nothing form groups of their own, which are rolled back.
            while waiting and len(group) < GROUP_SIZE_MAX and waiting[0][0].keeps == group[0][0].keeps:
                group.append(waiting.popleft())
            lost = await self._run_group(group)
            if isinstance(lost, OutcomeUnknown):  # Who waits behind it would wait as long, likely for the same.
                while waiting:
                    _settle(waiting.popleft()[1], StoreUnavailable("the database was lost in the commit before"))

    async def _run_group(self, group: Sequence[Waiting]) -> StoreUnavailable | None:
        """Run and settle all of the group; return why the next need not be tried, if so.

        The store could not even begin, or it was lost in the commit.
        """
        jobs = [job for job, _ in group]
        begun = False

        async def run_all(transaction: Transaction) -> None:
            nonlocal begun
            begun = True
            for job in jobs:
                await job.run(transaction)

        try:
            needs = jobs[0].needs if len(jobs) == 1 else union(job.needs for job in jobs)
            await self._store.transact(needs, run_all, write=self._write, keep=jobs[0].keeps)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the jobs' callers
            unreachable = error if isinstance(error, StoreUnavailable) and not begun else None
            # Where the store could not begin no job is at fault: the next would wait as long for the same answer. And
            # what is kept already, perhaps, must not be done again.
            if len(group) > 1 and unreachable is None and not isinstance(error, OutcomeUnknown):
                _log.warning("a group of %d failed with %s; running them one by one", len(group), type(error).__name__)
                return await self._run_one_by_one(group)
            for _, done in group:
                _settle(done, error)
            return error if isinstance(error, OutcomeUnknown) else unreachable
        for _, done in group:
            _settle(done, None)
        return None

    async def _run_one_by_one(self, group: Sequence[Waiting]) -> StoreUnavailable | None:
        unreachable: StoreUnavailable | None = None
        for member in group:
            if unreachable is None:
                unreachable = await self._run_group([member])
            else:
                _settle(member[1], StoreUnavailable(str(unreachable)))
        return unreachable


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():  # The caller went away while its job ran.
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def union(many: Iterable[Needs]) -> dict[str, set[Any]]:
    together: dict[str, set[Any]] = {}
    for needs in many:
        for name, keys in needs.items():
            found = together.get(name)
            if found is None:
                together[name] = set(keys)
            else:
                found |= keys
    return together
