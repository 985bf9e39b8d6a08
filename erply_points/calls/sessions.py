"""Log-in and sessions. Facts: `docs/protocol/erply-envelope.md`, section 4.

A password is checked before the transaction begins, because that is slow on purpose. Failed log-ins are counted for
each user name, known or not, so that nothing tells a known name from an unknown one.
"""

import secrets
from dataclasses import dataclass
from typing import ClassVar, Final

from erply_points.accounts.account import Account, OpenSession
from erply_points.accounts.passwords import failures_key, hash_key, hash_pin, new_session_key
from erply_points.calls.call import Call, Context, Params, Record
from erply_points.calls.records import shape
from erply_points.calls.refusals import CredentialMissing, LoginFailed, PinLogin, UserBlocked
from erply_points.ledger.amounts import UnixSeconds
from erply_points.store.protocol import Transaction
from erply_points.store.rows import LoginFailures, Session, User
from erply_points.store.unit_of_work import Needs

SESSION_SECONDS_DEFAULT: Final = 3_600
SESSION_SECONDS_MAX: Final = 86_400
FAILURES_MAX: Final = 5
BLOCKED_SECONDS: Final = 600
_BLOCKED: Final = "Too many failed log-ins; try again in some minutes."
_WRONG_PASSWORD: Final = "The user name or the password is wrong."  # noqa: S105 - a sentence
_WRONG_PIN: Final = "No user has this PIN."
SWITCH_SECONDS: Final = 7_200
"""How long after its end a session will do for switchUser."""


@dataclass(frozen=True, slots=True)
class CountFailure:
    """A job of its own: the failure is kept although the log-in changes nothing."""

    key: str
    at: UnixSeconds
    keeps: ClassVar[bool] = True

    @property
    def needs(self) -> Needs:
        return {"login_failures": {self.key}}

    async def run(self, transaction: Transaction) -> None:
        before = transaction.work.login_failures.get(self.key)
        # A block that has passed starts the count anew.
        forgiven = before is None or 0 < before.blocked_until <= self.at
        failures = 1 if forgiven or before is None else before.failures + 1
        blocked_until = self.at + BLOCKED_SECONDS if failures >= FAILURES_MAX else 0
        transaction.work.login_failures.put(self.key, LoginFailures(self.key, failures, blocked_until, self.at))


@dataclass(frozen=True, slots=True)
class ForgiveFailures:
    """A job: failed log-ins under a key count no more."""

    key: str
    keeps: ClassVar[bool] = True

    @property
    def needs(self) -> Needs:
        return {"login_failures": {self.key}}

    async def run(self, transaction: Transaction) -> None:
        transaction.work.login_failures.delete(self.key)


@dataclass(frozen=True, slots=True)
class _LoggedIn:
    user: User
    wrong: str
    """What is said if the user is another by now: a new password was set, or the user was deleted."""
    forgiven_key: str = ""
    """Whose failures the success forgives. A right PIN forgives none: one's own would pay for guesses at another's."""


async def _not_blocked(account: Account, key: str) -> None:
    failures = (await account.read({"login_failures": {key}})).login_failures.get(key)
    if failures is not None and failures.blocked_until > account.clock():
        raise UserBlocked(None, _BLOCKED)


async def _refuse(account: Account, key: str, message: str) -> LoginFailed:
    await account.run(CountFailure(key, int(account.clock())), write=True)
    return LoginFailed(None, message)


async def _check_password(account: Account, _: OpenSession | None, params: Params) -> _LoggedIn:
    """The user whose password was right. Raises the log-in's refusals."""
    if params.get("cardCode") and "password" not in params:
        raise PinLogin(None, "verifyUser takes a user name and a password, not a PIN.")
    username = params.get("username", "")
    password = params.get("password", "")
    for name, value in (("username", username), ("password", password)):
        if not value:
            raise CredentialMissing(name, f"{name} is missing.")
    key = failures_key(username)
    async with account.password_checks.turn(key):
        await _not_blocked(account, key)
        user = (await account.read({"usernames": {username}})).usernames.get(username)
        right = await account.password_checks.verify(user.password_hash if user else None, password)
        if not right or user is None:
            raise await _refuse(account, key, _WRONG_PASSWORD)
    return _LoggedIn(user, _WRONG_PASSWORD, key)


async def _check_pin(account: Account, session: OpenSession | None, params: Params) -> _LoggedIn:
    """The user whose PIN it is. Raises LoginFailed, UserBlocked."""
    assert session is not None
    key = f"pin:{session.user.id}"
    async with account.password_checks.turn(key):
        await _not_blocked(account, key)
        pin_hash = hash_pin(params["cardCode"], await account.secret())
        user = (await account.read({"pins": {pin_hash}})).pins.get(pin_hash)
        if user is None:
            raise await _refuse(account, key, _WRONG_PIN)
    return _LoggedIn(user, _WRONG_PIN)


def _open(context: Context, params: Params, call: str) -> Record:
    """Open a session for who has logged in."""
    logged_in: _LoggedIn = context.prepared
    if context.work.users.get(logged_in.user.id) != logged_in.user:
        raise LoginFailed(None, logged_in.wrong)
    if logged_in.forgiven_key:
        failures = context.work.login_failures.get(logged_in.forgiven_key)
        if failures is not None and failures.blocked_until > context.now:
            # Failures were counted since the password was checked, by another server perhaps.
            raise UserBlocked(None, _BLOCKED)
        if failures is not None:
            context.work.login_failures.delete(logged_in.forgiven_key)
    asked = params.get("sessionLength", 0)
    length = min(asked, SESSION_SECONDS_MAX) if asked > 0 else SESSION_SECONDS_DEFAULT
    key = new_session_key()
    session = Session(hash_key(key), logged_in.user.id, context.now, context.now + length)
    context.work.sessions.put(session.key_hash, session)
    return _user_record(call, context, logged_in.user, session, key)


def _verify(context: Context, params: Params) -> list[Record]:
    identity = {} if params.get("doNotGenerateIdentityToken") else {"identityToken": secrets.token_hex(16)}
    return [{**_open(context, params, "verifyUser"), **identity}]


def _switch(context: Context, params: Params) -> list[Record]:
    return [_open(context, params, "switchUser")]


def _user_record(call: str, context: Context, user: User, session: Session, key: str) -> Record:
    return shape(call).record(
        {
            "userID": user.id,
            "userName": user.username,
            "employeeID": user.employee_id,
            "employeeName": user.name,
            "groupID": user.group_id,
            "groupName": "Users",
            "ipAddress": context.client_address,
            "sessionKey": key,
            "sessionLength": session.expires_at - session.created_at,
            "token": secrets.token_hex(16),
        }
    )


def _key_user(context: Context, _: Params) -> list[Record]:
    assert context.user is not None
    assert context.session is not None
    return [_user_record("getSessionKeyUser", context, context.user, context.session, context.session_key)]


def _key_info(context: Context, _: Params) -> list[Record]:
    assert context.session is not None
    return [
        {
            "creationUnixTime": str(context.session.created_at),
            "expireUnixTime": str(context.session.expires_at),
        }
    ]


CALLS: Final = (
    Call("verifyUser", _verify, writes=True, public=True, logs_in=True, of_session=True, prepare=_check_password),
    Call(
        "switchUser",
        _switch,
        writes=True,
        logs_in=True,
        of_session=True,
        prepare=_check_pin,
        expired_session_seconds=SWITCH_SECONDS,
    ),
    Call("getSessionKeyInfo", _key_info, of_session=True),
    Call("getSessionKeyUser", _key_user, of_session=True),
)
