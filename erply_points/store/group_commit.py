"""Group commit: bulks that wait together are committed together.

While one commit is on its way to disk, later jobs queue; the next transaction takes all that are waiting, runs them
in the order they came, commits once and answers each only then. If a group fails, its jobs are run again one by one,
so that one bad job harms no other. Jobs that only read form groups of their own and wait for no writer.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import Any, Final, Protocol

from erply_points.store.protocol import Store, Transaction
from erply_points.store.unit_of_work import Needs

GROUP_SIZE_MAX: Final = 64
"""Jobs in one transaction: bounds how long the first of them waits for the last."""

_log = logging.getLogger(__name__)


class Job(Protocol):
    @property
    def needs(self) -> Needs:
        """What to read before the job runs, as far as it is known."""
        ...

    async def run(self, transaction: Transaction) -> None:
        """Do the work inside `transaction`, which others share. May be called again after a rollback."""
        ...


class GroupCommit:
    """Runs jobs against one store, in groups, one group at a time."""

    def __init__(self, store: Store, *, write: bool) -> None:
        self._store = store
        self._write = write
        self._waiting: asyncio.Queue[tuple[Job, asyncio.Future[None]]] = asyncio.Queue()
        self._task = asyncio.create_task(self._serve())

    async def run(self, job: Job) -> None:
        """Return once the job is committed. Raises what stopped it; then nothing of it is kept."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((job, done))
        await done

    async def close(self) -> None:
        """Finish what waits, then stop."""
        await self._waiting.join()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _serve(self) -> None:
        while True:
            group = [await self._waiting.get()]
            while len(group) < GROUP_SIZE_MAX and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            try:
                await self._run_group(group)
            finally:
                for _ in group:
                    self._waiting.task_done()

    async def _run_group(self, group: list[tuple[Job, asyncio.Future[None]]]) -> None:
        jobs = [job for job, _ in group]
        needs = jobs[0].needs if len(jobs) == 1 else union(job.needs for job in jobs)
        try:
            transaction = await self._store.begin(needs, write=self._write)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the jobs' callers
            # No job is at fault, so none is tried again: the next would wait as long for the same answer.
            for _, done in group:
                _settle(done, error)
            return
        try:
            await _transact(transaction, jobs)
        except Exception as error:  # noqa: BLE001 - the same
            if len(group) > 1:
                _log.warning("a group of %d failed with %s; running them one by one", len(group), type(error).__name__)
                for member in group:
                    await self._run_group([member])
            else:
                _settle(group[0][1], error)
        else:
            for _, done in group:
                _settle(done, None)


async def _transact(transaction: Transaction, jobs: list[Job]) -> None:
    try:
        for job in jobs:
            await job.run(transaction)
        await transaction.commit()
    except BaseException:
        await transaction.rollback()
        raise


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
