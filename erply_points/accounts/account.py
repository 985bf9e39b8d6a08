"""An open account: its store, the two queues into it, and what is remembered between requests."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from erply_points.accounts import rights, settings
from erply_points.accounts.passwords import PasswordChecks, hash_key
from erply_points.accounts.quota import Quota, seconds_left
from erply_points.accounts.rights import Rights
from erply_points.accounts.settings import AccountSettings
from erply_points.store.group_commit import GroupCommit, Job
from erply_points.store.protocol import Store, Transaction
from erply_points.store.rows import Session, User
from erply_points.store.shapes import SESSIONS_SEQUENCE
from erply_points.store.unit_of_work import Needs, UnitOfWork

Clock = Callable[[], float]
"""Unix time in seconds."""

SESSIONS_REMEMBERED: Final = 4_096
KEPT_SECONDS: Final = 30 * 86_400
"""How long an expired session is still told from an unknown one: clients log in again on "expired" only."""
FAILURES_SECONDS: Final = 3_600
"""How long failed log-ins are remembered after the last: longer than a block, and not for as long as one may make up
names, for each has a row."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    session: Session
    user: User
    rights: Rights
    version: int = 0
    """How often sessions had been ended when this one was read: when it is more, this one may be among them."""


async def as_seen(session: OpenSession, transaction: Transaction) -> OpenSession | None:
    """A session that was read before, as `transaction` sees it: the same, unless sessions were ended since.

    None if there is no such session any more. Every transaction knows the count, so this costs a read only then.
    """
    work = transaction.work
    version = _times_ended(work)
    if version == session.version:
        return session
    key_hash, user_id = session.session.key_hash, session.session.user_id
    await transaction.load({"sessions": {key_hash}, "users": {user_id}})
    found, user = work.sessions.get(key_hash), work.users.get(user_id)
    return None if found is None or user is None else OpenSession(found, user, rights.load(user.rights), version)


def _times_ended(work: UnitOfWork) -> int:
    """How often sessions of the account have been ended before their time."""
    return work.sequences.rows.get(SESSIONS_SEQUENCE) or 0


class _Read:
    """A job that only reads."""

    keeps = True

    def __init__(self, needs: Needs) -> None:
        self.needs = needs
        self.transaction: Transaction | None = None

    async def run(self, transaction: Transaction) -> None:
        self.transaction = transaction


class _Forget:
    """A job that tidies up."""

    keeps = True
    needs: Needs = MappingProxyType({})

    def __init__(self, account: "Account") -> None:
        self._account = account

    async def run(self, transaction: Transaction) -> None:
        now = int(self._account.clock())
        keys_live = self._account.settings_of(transaction).retry_hours * 3_600
        await transaction.forget(now - KEPT_SECONDS, now - keys_live, now - FAILURES_SECONDS)


class Account:
    def __init__(self, code: str, store: Store, clock: Clock = time.time, quota: Quota | None = None) -> None:
        """`quota` is what the account has used up of its own, where that is known."""
        self.code = code
        self.store = store
        self.clock = clock
        self.password_checks = PasswordChecks()
        self._quota = quota or Quota()
        self._writes = GroupCommit(store, write=True)
        self._reads = GroupCommit(store, write=False)
        self._sessions: OrderedDict[bytes, OpenSession] = OrderedDict()
        self._settings: tuple[Mapping[str, str], AccountSettings] = ({}, AccountSettings())

    async def run(self, job: Job, *, write: bool) -> None:
        """Return when the job is done, and durable if it wrote. Raises what stopped it."""
        await (self._writes if write else self._reads).run(job)

    async def read(self, needs: Needs) -> UnitOfWork:
        job = _Read(needs)
        await self.run(job, write=False)
        assert job.transaction is not None
        return job.transaction.work

    def settings_of(self, transaction: Transaction) -> AccountSettings:
        """The settings as `transaction` sees them; parsed once for as long as they do not change."""
        stored, parsed = self._settings
        if stored is not transaction.settings:
            parsed = settings.parse(transaction.settings)
            self._settings = (transaction.settings, parsed)
        return parsed

    @property
    def known_settings(self) -> AccountSettings:
        """The settings as they were last seen."""
        return self._settings[1]

    async def settings(self) -> AccountSettings:
        """The settings as they are now."""
        job = _Read({})
        await self.run(job, write=False)
        assert job.transaction is not None
        return self.settings_of(job.transaction)

    async def over_quota(self, tenths: int) -> int:
        """Count a request of so many tenths; 0, or, if this hour has no room for it, the seconds that are left."""
        now = self.clock()
        if self._settings[0] and self._quota.take(tenths, self.known_settings.requests_per_hour, now):
            return 0
        limit = (await self.settings()).requests_per_hour  # Not known yet, or it may have been raised since.
        return 0 if self._quota.take(tenths, limit, now) else seconds_left(now)

    async def secret(self) -> str:
        """The secret that keys the hashes of PINs."""
        job = _Read({})
        await self.run(job, write=False)
        assert job.transaction is not None
        return job.transaction.settings[settings.PIN_SECRET]

    async def session(self, key: str, *, anew: bool = False) -> OpenSession | None:
        """The session of a key, over or not; None for a key that this account never gave out.

        It may have been ended since it was remembered: whoever works under it looks with `as_seen` too. It is read
        again with `anew`, and once it is over.
        """
        key_hash = hash_key(key)
        found = self._sessions.get(key_hash)
        if anew or found is None or found.session.ended_at or found.session.expires_at <= self.clock():
            found = await self._read_session(key_hash)
        self.remember(key_hash, found)
        return found

    async def _read_session(self, key_hash: bytes) -> OpenSession | None:
        work = await self.read({"sessions": {key_hash}})
        session = work.sessions.get(key_hash)
        if session is None:
            return None
        user = (await self.read({"users": {session.user_id}})).users.get(session.user_id)
        return None if user is None else OpenSession(session, user, rights.load(user.rights), _times_ended(work))

    def remember(self, key_hash: bytes, session: OpenSession | None) -> None:
        """Have the session at hand for the next request; None: have it no more."""
        self._sessions.pop(key_hash, None)
        if session is not None:
            self._sessions[key_hash] = session  # The last to be forgotten.
            if len(self._sessions) > SESSIONS_REMEMBERED:
                self._sessions.popitem(last=False)

    async def tidy(self) -> None:
        """Forget sessions, log-in blocks, document UUIDs and idempotency keys that ended long ago."""
        await self.run(_Forget(self), write=True)

    async def close(self) -> None:
        """Finish what waits, then close the store."""
        await self._writes.close()
        await self._reads.close()
        await self.store.close()
