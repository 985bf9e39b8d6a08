"""Group commit: who shares a commit, in which order, and who is harmed by whose failure."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import pytest

from erply_points.ledger.amounts import UnixSeconds
from erply_points.store.group_commit import GROUP_SIZE_MAX, GroupCommit, union
from erply_points.store.listing import Listing, Page
from erply_points.store.protocol import Body, OutcomeUnknown, Rows, Store, StoreUnavailable, Transaction
from erply_points.store.unit_of_work import Needs, UnitOfWork, WalletKey
from store.samples import ALL_CUSTOMERS, customer, ids, listed


class FakeTransaction:
    def __init__(self) -> None:
        self.work = UnitOfWork()
        self.settings: Mapping[str, str] = {}

    async def load(self, needs: Needs) -> None:
        raise NotImplementedError

    async def load_whole_wallet(self, key: WalletKey) -> None:
        raise NotImplementedError

    async def list(self, listing: Listing) -> Page:
        raise NotImplementedError

    async def set_settings(self, settings: Mapping[str, str]) -> None:
        raise NotImplementedError

    async def forget(self, before: UnixSeconds, answers_before: UnixSeconds, failures_before: UnixSeconds) -> None:
        raise NotImplementedError

    async def commit(self) -> None:
        raise NotImplementedError

    async def rollback(self) -> None:
        raise NotImplementedError


class FakeStore:
    """Remembers what was done to it. While it is held, each commit waits to be let through."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.needs: list[Needs] = []
        self._held = False
        self._disk = asyncio.Semaphore(0)
        self.begins_failing = 0
        self.commits_failing = 0
        self.failure = StoreUnavailable("disk full")
        """How a commit fails."""
        self.lost = False
        """Whether nothing can begin any more once a commit has failed."""

    def hold(self) -> None:
        self._held = True

    def let_one(self) -> None:
        self._disk.release()

    def let_all(self) -> None:
        self._held = False
        self._disk.release()

    async def reach_disk(self) -> None:
        if self._held:
            await self._disk.acquire()

    async def begin(self, needs: Needs, *, write: bool) -> Transaction:
        raise NotImplementedError

    async def transact(self, needs: Needs, body: Body, *, write: bool, keep: bool = True) -> None:
        self.events.append("begin" if write else "begin reading")
        self.needs.append(needs)
        if self.begins_failing:
            self.begins_failing -= 1
            raise StoreUnavailable("locked")
        try:
            await body(FakeTransaction())
            await self.reach_disk()
            self._fail_if_told()
        except BaseException:
            self.events.append("rollback")
            raise
        self.events.append("commit" if keep else "rollback")

    def _fail_if_told(self) -> None:
        if self.commits_failing:
            self.commits_failing -= 1
            self.begins_failing += 100 * self.lost
            raise self.failure

    async def set_settings(self, settings: Mapping[str, str]) -> None:
        raise NotImplementedError

    async def check(self) -> list[str]:
        raise NotImplementedError

    async def clear(self) -> None:
        raise NotImplementedError

    async def snapshot(self, name: str) -> None:
        raise NotImplementedError

    async def restore(self, name: str) -> None:
        raise NotImplementedError

    async def snapshots(self) -> list[str]:
        raise NotImplementedError

    def rows(self) -> Rows:
        raise NotImplementedError

    async def sums(self) -> dict[str, int]:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


class Broken(Exception):
    """What a job may raise."""


class NamedJob:
    """Notes its name when it runs."""

    def __init__(
        self,
        name: str,
        events: list[str],
        error: Exception | None = None,
        needs: Needs | None = None,
        *,
        keeps: bool = True,
    ) -> None:
        self.name = name
        self.keeps = keeps
        self.needs: Needs = needs or {}
        self._events = events
        self._error = error

    async def run(self, _: Transaction) -> None:
        self._events.append(self.name)
        if self._error is not None:
            raise self._error


async def _let_run() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def fake() -> FakeStore:
    return FakeStore()


Run = Callable[..., "asyncio.Task[None]"]


@pytest.fixture
async def queue(fake: FakeStore) -> Any:
    opened = GroupCommit(fake, write=True)
    yield opened
    fake.let_all()
    await opened.close()


@pytest.fixture
def run(fake: FakeStore, queue: GroupCommit) -> Run:
    def start(name: str, **job: Any) -> "asyncio.Task[None]":
        return asyncio.create_task(queue.run(NamedJob(name, fake.events, **job)))

    return start


async def _outcomes(*tasks: Awaitable[None]) -> list[BaseException | None]:
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_jobs_that_wait_together_share_one_commit(fake: FakeStore, run: Run) -> None:
    """While one commit is on its way to disk the others gather, and the next commit takes them all, in order."""
    fake.hold()
    tasks = [run("a")]
    await _let_run()
    tasks += [run(name) for name in "bcdef"]
    await _let_run()
    assert fake.events == ["begin", "a"]
    fake.let_all()
    assert await _outcomes(*tasks) == [None] * 6
    assert fake.events == ["begin", "a", "commit", "begin", *"bcdef", "commit"]


async def test_nobody_is_answered_before_the_commit(fake: FakeStore, run: Run) -> None:
    """A job's caller waits until what the job did is on disk."""
    fake.hold()
    tasks = [run("a")]
    await _let_run()
    tasks += [run("b"), run("c")]
    await _let_run()
    assert [task.done() for task in tasks] == [False] * 3
    fake.let_one()
    await _let_run()
    assert [task.done() for task in tasks] == [True, False, False]
    assert fake.events[-1] == "c"
    fake.let_all()
    await _outcomes(*tasks)


async def test_one_failing_job_harms_no_other(fake: FakeStore, run: Run) -> None:
    """A group with a bad job is taken back and run one by one: only the bad job's caller sees the error."""
    fake.hold()
    tasks = [run("first")]
    await _let_run()
    tasks += [run("a"), run("bad", error=Broken()), run("c")]
    fake.let_all()
    outcomes = await _outcomes(*tasks)
    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), Broken, type(None)]
    assert fake.events == [
        *("begin", "first", "commit"),
        *("begin", "a", "bad", "rollback"),
        *("begin", "a", "commit"),
        *("begin", "bad", "rollback"),
        *("begin", "c", "commit"),
    ]


async def test_a_commit_that_fails_is_tried_again_one_by_one(fake: FakeStore, run: Run) -> None:
    """If the shared commit fails, each job gets a commit of its own, and its own outcome."""
    fake.hold()
    tasks = [run("first")]
    await _let_run()
    tasks += [run("a"), run("b")]
    fake.let_one()
    await tasks[0]
    fake.commits_failing = 2
    fake.let_all()
    outcomes = await _outcomes(*tasks)
    assert [type(outcome) for outcome in outcomes] == [type(None), StoreUnavailable, type(None)]
    assert fake.events[3:] == [*("begin", "a", "b", "rollback"), *("begin", "a", "rollback"), *("begin", "b", "commit")]


async def test_what_may_be_kept_is_not_done_again(fake: FakeStore, run: Run) -> None:
    """Where nobody knows whether the shared commit came about, all are told so, and none is run a second time."""
    fake.hold()
    tasks = [run("first")]
    await _let_run()
    tasks += [run("a"), run("b")]
    fake.let_one()
    await tasks[0]
    fake.commits_failing, fake.failure = 1, OutcomeUnknown("the database was lost")
    fake.let_all()
    outcomes = await _outcomes(*tasks)
    assert [type(outcome) for outcome in outcomes] == [type(None), OutcomeUnknown, OutcomeUnknown]
    assert fake.events[3:] == ["begin", "a", "b", "rollback"]


async def test_who_waits_behind_a_lost_commit_is_told_at_once(fake: FakeStore, run: Run) -> None:
    """Jobs that queue while a commit's outcome is sought are not begun, and told so; later ones are served."""
    fake.hold()
    fake.commits_failing, fake.failure = 1, OutcomeUnknown("the database was lost")
    tasks = [run("a")]
    await _let_run()
    tasks += [run(name) for name in "bc"]
    await _let_run()
    fake.let_all()
    assert [type(outcome) for outcome in await _outcomes(*tasks)] == [OutcomeUnknown] + [StoreUnavailable] * 2
    assert await _outcomes(run("d")) == [None]
    assert fake.events == ["begin", "a", "rollback", "begin", "d", "commit"]


async def test_a_store_that_is_lost_is_tried_once_and_not_for_each_job(fake: FakeStore, run: Run) -> None:
    """If a group fails and then nothing can begin any more, the rest of the group is told at once."""
    fake.hold()
    tasks = [run("first")]
    await _let_run()
    tasks += [run(name) for name in "abc"]
    fake.let_one()
    await tasks[0]
    fake.commits_failing, fake.lost = 1, True
    fake.let_all()
    outcomes = await _outcomes(*tasks)
    assert [type(outcome) for outcome in outcomes] == [type(None)] + [StoreUnavailable] * 3
    assert fake.events[3:] == ["begin", "a", "b", "c", "rollback", "begin"]


async def test_a_store_that_cannot_begin_fails_the_job_and_not_the_queue(fake: FakeStore, run: Run) -> None:
    """A job that cannot begin is told so, and the next one is served."""
    fake.begins_failing = 1
    assert [type(outcome) for outcome in await _outcomes(run("a"))] == [StoreUnavailable]
    assert await _outcomes(run("b")) == [None]
    assert fake.events == ["begin", "begin", "b", "commit"]


async def test_a_group_has_a_limit(fake: FakeStore, run: Run) -> None:
    """The first of many that wait does not wait for all of them: a group takes so many and no more."""
    fake.hold()
    tasks = [run("first")]
    await _let_run()
    tasks += [run("job") for _ in range(GROUP_SIZE_MAX + 5)]
    fake.let_all()
    assert await _outcomes(*tasks) == [None] * (GROUP_SIZE_MAX + 6)
    groups = " ".join(fake.events[3:]).split("begin")[1:]
    assert [group.count("job") for group in groups] == [GROUP_SIZE_MAX, 5]


async def test_what_the_jobs_need_is_read_at_once(fake: FakeStore, run: Run) -> None:
    """A group begins once, with the needs of all its jobs together, and no job's needs are changed by that."""
    fake.hold()
    mine: dict[str, set[Any]] = {"customers": {1}}
    tasks = [run("first", needs={"users": {9}})]
    await _let_run()
    tasks += [run("a", needs=mine), run("b", needs={"customers": {2}, "wallets": {(2, 1)}})]
    fake.let_all()
    await _outcomes(*tasks)
    assert fake.needs == [{"users": {9}}, {"customers": {1, 2}, "wallets": {(2, 1)}}]
    assert mine == {"customers": {1}}
    assert union([]) == {}


async def test_a_caller_that_goes_away_disturbs_nobody(fake: FakeStore, run: Run) -> None:
    """A job whose caller stops waiting is finished all the same, and the others are answered."""
    fake.hold()
    gone = run("gone")
    await _let_run()
    waiting, leaving = run("waits"), run("leaves")
    await _let_run()
    gone.cancel()
    leaving.cancel()
    fake.let_all()
    outcomes = await _outcomes(gone, waiting, leaving)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, type(None), asyncio.CancelledError]
    assert await _outcomes(run("later")) == [None]
    assert fake.events == [
        *("begin", "gone", "commit"),
        *("begin", "waits", "leaves", "commit"),
        *("begin", "later", "commit"),
    ]


async def test_closing_finishes_what_waits(fake: FakeStore, queue: GroupCommit, run: Run) -> None:
    """Whoever was in the queue when it closes is still committed and answered."""
    fake.hold()
    tasks = [run("a")]
    await _let_run()
    tasks += [run("b"), run("c")]
    await _let_run()
    closing = asyncio.create_task(queue.close())
    await _let_run()
    assert not closing.done()
    fake.let_all()
    await closing
    assert await _outcomes(*tasks) == [None] * 3
    assert fake.events[-1] == "commit"


async def test_reading_jobs_begin_a_reading_transaction(fake: FakeStore) -> None:
    """A queue of readers never asks for the right to write."""
    readers = GroupCommit(fake, write=False)
    await readers.run(NamedJob("a", fake.events))
    await readers.close()
    assert fake.events[:2] == ["begin reading", "a"]


async def test_a_job_that_cannot_say_what_it_needs_harms_no_other(
    fake: FakeStore, queue: GroupCommit, run: Run
) -> None:
    """A mistake in one job's plan is that job's failure; those that waited with it are carried out."""

    class Confused(NamedJob):
        @property
        def needs(self) -> Needs:
            raise Broken

        @needs.setter
        def needs(self, _: Needs) -> None:
            pass

    fake.hold()
    first = run("a")
    await _let_run()
    confused = asyncio.create_task(queue.run(Confused("confused", fake.events)))
    other = run("b")
    await _let_run()
    fake.let_all()
    with pytest.raises(Broken):
        await confused
    await asyncio.gather(first, other)
    assert fake.events == ["begin", "a", "commit", "begin", "b", "commit"]


async def test_jobs_that_keep_nothing_have_groups_of_their_own(fake: FakeStore, run: Run) -> None:
    """What is only tried out shares no transaction with what is kept, and its own is rolled back; the order stays."""
    fake.hold()
    first = run("a")
    await _let_run()
    others = [run("b"), run("tried", keeps=False), run("tried too", keeps=False), run("c")]
    await _let_run()
    fake.let_all()
    await asyncio.gather(first, *others)
    assert " ".join(fake.events) == ("begin a commit begin b commit begin tried tried too rollback begin c commit")


class Save:
    """Makes a customer, then fails if told to."""

    keeps = True

    def __init__(self, number: int, *, fails: bool = False) -> None:
        self.number = number
        self.needs: Needs = {"customers": {number}}
        self.fails = fails
        self.seen: list[int] = []

    async def run(self, transaction: Transaction) -> None:
        transaction.work.customers.put(self.number, customer(self.number))
        self.seen = await ids(transaction, ALL_CUSTOMERS)
        if self.fails:
            raise Broken


async def test_on_a_real_store_only_good_jobs_are_kept(store: Store) -> None:
    """Of a group on a real store the good jobs are there and nothing of the bad one, flushed or not."""
    queue = GroupCommit(store, write=True)
    jobs = [Save(number, fails=number == 3) for number in range(1, 7)]
    outcomes = await _outcomes(*(queue.run(job) for job in jobs))
    await queue.close()
    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), Broken] + [type(None)] * 3
    assert await listed(store, ALL_CUSTOMERS) == [1, 2, 4, 5, 6]
    assert jobs[-1].seen == [1, 2, 4, 5, 6]


async def test_readers_do_not_wait_for_writers(store: Store) -> None:
    """A reader is answered while a writer is still at work, and sees nothing of it."""
    reads = GroupCommit(store, write=False)

    class Look:
        keeps = True
        needs: Needs = MappingProxyType({})
        found: ClassVar[list[list[int]]] = []

        async def run(self, transaction: Transaction) -> None:
            self.found.append(await ids(transaction, ALL_CUSTOMERS))

    look = Look()
    writing = await store.begin({}, write=True)
    await Save(1).run(writing)
    await reads.run(look)
    await writing.commit()
    await reads.run(look)
    assert look.found == [[], [1]]
    await reads.close()


async def test_a_job_that_waits_for_anything_else_is_stopped(store: Store) -> None:
    """On a connection's own thread there is nothing to wait for: such a job fails and nothing of it is kept."""

    class Waits(Save):
        async def run(self, transaction: Transaction) -> None:
            await super().run(transaction)
            await asyncio.sleep(0)

    queue = GroupCommit(store, write=True)
    with pytest.raises(RuntimeError, match="nothing to wait for"):
        await queue.run(Waits(1))
    await queue.run(Save(2))
    await queue.close()
    assert await listed(store, ALL_CUSTOMERS) == [2]
