"""Log-in and sessions. Facts: `protocol/erply-envelope.md`, section 4.

A password is checked before the transaction begins, because that is slow on purpose. Failed log-ins are counted for
each user name, known or not, so that nothing tells a known name from an unknown one.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from erply_points.accounts.account import Account
from erply_points.accounts.passwords import hash_session_key, new_session_key
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


@dataclass(frozen=True, slots=True)
class _CountFailure:
    """A job of its own: the failure is kept although the log-in changes nothing."""

    username: str
    at: UnixSeconds

    @property
    def needs(self) -> Needs:
        return {"login_failures": {self.username}}

    async def run(self, transaction: Transaction) -> None:
        before = transaction.work.login_failures.get(self.username)
        # A block that has passed starts the count anew.
        forgiven = before is None or 0 < before.blocked_until <= self.at
        failures = 1 if forgiven or before is None else before.failures + 1
        blocked_until = self.at + BLOCKED_SECONDS if failures >= FAILURES_MAX else 0
        transaction.work.login_failures.put(self.username, LoginFailures(self.username, failures, blocked_until))


async def _check_password(account: Account, params: Params) -> User:
    """The user whose password was right. Raises the log-in's refusals."""
    if params.get("cardCode") and "password" not in params:
        raise PinLogin(None, "verifyUser takes a user name and a password, not a PIN.")
    username = params.get("username", "")
    password = params.get("password", "")
    for name, value in (("username", username), ("password", password)):
        if not value:
            raise CredentialMissing(name, f"{name} is missing.")
    async with account.password_checks.turn():
        # Looked up in our turn, so that a burst of attempts cannot run ahead of the count.
        work = await account.read({"usernames": {username}, "login_failures": {username}})
        failures = work.login_failures.get(username)
        if failures is not None and failures.blocked_until > account.clock():
            raise UserBlocked(None, "Too many failed log-ins; try again in some minutes.")
        user = work.usernames.get(username)
        right = await account.password_checks.verify(user.password_hash if user else None, password)
        if not right or user is None:
            await account.run(_CountFailure(username, int(account.clock())), write=True)
            raise LoginFailed(None, "The user name or the password is wrong.")
    return user


def _verify(context: Context, params: Params) -> list[Record]:
    user: User = context.prepared
    asked = params.get("sessionLength", 0)
    length = min(asked, SESSION_SECONDS_MAX) if asked > 0 else SESSION_SECONDS_DEFAULT
    key = new_session_key()
    session = Session(hash_session_key(key), user.id, context.now, context.now + length)
    context.work.sessions.put(session.key_hash, session)
    if context.work.login_failures.get(user.username) is not None:
        context.work.login_failures.delete(user.username)
    identity = {} if params.get("doNotGenerateIdentityToken") else {"identityToken": secrets.token_hex(16)}
    return [{**_user_record("verifyUser", context, user, session, key), **identity}]


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
    Call("verifyUser", _verify, writes=True, public=True, prepare=_check_password),
    Call("getSessionKeyInfo", _key_info),
    Call("getSessionKeyUser", _key_user),
)
