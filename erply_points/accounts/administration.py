"""Making accounts and users, changing settings, proving the ledger: what the command line does."""

import re
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from erply_points.accounts import declaration
from erply_points.accounts import settings as account_settings
from erply_points.accounts.declaration import Plan, WouldLose
from erply_points.accounts.passwords import PASSWORD_LENGTH_MAX, failures_key, hash_key, hash_password, hash_pin
from erply_points.accounts.pool import is_account_code
from erply_points.accounts.rights import ALL_RIGHTS, Rights
from erply_points.accounts.settings import PIN_SECRET, InvalidSetting
from erply_points.store.configuration import Client
from erply_points.store.listing import Condition, Listing
from erply_points.store.protocol import (
    AccountInUse,
    Backups,
    NoBackup,
    Rows,
    Store,
    Stores,
    StoreUnavailable,
    Transaction,
)
from erply_points.store.rows import Master, Session, User, VatRate
from erply_points.store.shapes import SESSIONS_SEQUENCE

_USERNAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,255}")


class Invalid(Exception):
    """What was asked for cannot be done; says why in one sentence."""


@asynccontextmanager
async def _closing(store: Store) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await store.close()


@asynccontextmanager
async def _opened(stores: Stores, code: str) -> AsyncIterator[Store]:
    try:
        store = await stores.open(checked_code(code))
    except FileNotFoundError:
        raise Invalid(f"There is no account {code}.") from None
    async with _closing(store):
        yield store


def _check_settings(settings: Mapping[str, str]) -> None:
    """Raise InvalidSetting for what nobody may set."""
    if PIN_SECRET in settings:
        raise InvalidSetting(f"there is no setting {PIN_SECRET}")
    account_settings.parse(settings)


def checked_code(code: str) -> str:
    """Raises Invalid."""
    if not is_account_code(code):
        raise Invalid("An account code has 1 to 32 small letters, digits and hyphens, such as 101010 or demo.")
    return code


async def create_account(stores: Stores, code: str, settings: Mapping[str, str]) -> None:
    """Make an account with one VAT rate, number 1, of 20 %. Raises Invalid, InvalidSetting."""
    _check_settings(settings)
    try:
        store = await stores.create(checked_code(code))
    except FileExistsError:
        raise Invalid(f"There is an account {code} already.") from None
    async with _closing(store):
        await store.set_settings({**settings, PIN_SECRET: secrets.token_hex(16)})
        await _begin(store)


async def _begin(store: Store) -> None:
    """Give an empty account what every account begins with."""
    now = int(time.time())
    transaction = await store.begin({}, write=True)
    work = transaction.work
    rate = VatRate(work.new_id("vat_rates"), "20%", "20", "", 1, 0, "0", now, now, "{}")
    work.vat_rates.put(rate.id, rate)
    await transaction.commit()


async def set_settings(stores: Stores, code: str, settings: Mapping[str, str]) -> None:
    """Raises Invalid, InvalidSetting."""
    _check_settings(settings)
    async with _opened(stores, code) as store:
        await store.set_settings(settings)


def _check_password(password: str) -> None:
    if not 1 <= len(password) <= PASSWORD_LENGTH_MAX:
        raise Invalid(f"A password has 1 to {PASSWORD_LENGTH_MAX} characters.")


async def create_user(
    stores: Stores,
    code: str,
    username: str,
    password: str,
    pin: str = "",
    rights: Rights = ALL_RIGHTS,
    *,
    hashed: Callable[[str], str] = hash_password,
) -> int:
    """Make a user, with all rights unless told otherwise; return the user's ID. Raises Invalid."""
    if not _USERNAME.fullmatch(username) or username != username.strip():
        raise Invalid("A user name has 1 to 255 characters, without blanks around it.")
    _check_password(password)
    async with _opened(stores, code) as store:
        transaction = await store.begin({"usernames": {username}}, write=True)
        work = transaction.work
        pin_hash = hash_pin(pin, transaction.settings[PIN_SECRET]) if pin else ""
        await transaction.load({"pins": {pin_hash}})
        if work.usernames.get(username) is not None or (pin and work.pins.get(pin_hash) is not None):
            await transaction.rollback()
            raise Invalid(f"There is a user {username} already, or another user has this PIN.")
        user_id = work.new_id("users")
        now = int(time.time())
        # Who logs in is somebody's employee, as in Erply.
        last_name = orjson.dumps({"lastName": username}).decode()
        employee = Master(work.new_id("employees"), username, "", now, now, last_name)
        work.employees.put(employee.id, employee)
        user = User(user_id, username, hashed(password), username, employee.id, 1, now, pin_hash, rights.dump())
        work.users.put(user_id, user)
        await transaction.commit()
    return user_id


@dataclass(frozen=True, slots=True)
class ListedUser:
    user: User
    sessions: int
    """How many are open."""


async def list_users(stores: Stores, code: str) -> list[ListedUser]:
    """The account's users, by their IDs. Raises Invalid."""
    async with _opened(stores, code) as store:
        transaction = await store.begin({}, write=False)
        users = await transaction.list(Listing("users"))
        sessions = await _sessions(transaction, Condition(("expires_at",), ">", int(time.time())))
        await transaction.rollback()
    opened = Counter(session.user_id for session in sessions if not session.ended_at)
    return [ListedUser(user, opened[user.id]) for user in users.rows]


async def _sessions(transaction: Transaction, condition: Condition) -> list[Session]:
    page = await transaction.list(Listing("sessions", (condition,), order=(("key_hash", "asc"),)))
    return page.rows


async def set_password(
    stores: Stores, code: str, username: str, password: str, *, hashed: Callable[[str], str] = hash_password
) -> int:
    """Give a user another password, end the user's sessions and what blocks the name; return how many were open.

    A log-in with the password before that is under way fails. Raises Invalid.
    """
    _check_password(password)
    password_hash = hashed(password)  # Slow on purpose: before others have to wait.
    async with _changing(stores, code, username) as (transaction, user):
        work = transaction.work
        work.users.put(user.id, user._replace(password_hash=password_hash))
        work.login_failures.delete(failures_key(username))
        return await _end_sessions(transaction, user)


async def log_out(stores: Stores, code: str, username: str) -> int:
    """End all sessions of a user; return how many were open. Servers refuse them from now on. Raises Invalid."""
    async with _changing(stores, code, username) as (transaction, user):
        return await _end_sessions(transaction, user)


async def delete_user(stores: Stores, code: str, username: str) -> int:
    """Delete a user and the user's sessions; return how many were open. Raises Invalid.

    The employee stays, and with it what documents say of it; the user's ID is not given again.
    """
    async with _changing(stores, code, username) as (transaction, user):
        ended = await _end_sessions(transaction, user)
        work = transaction.work
        for key_hash in list(work.sessions.rows):
            work.sessions.delete(key_hash)
        work.users.delete(user.id)
        work.login_failures.delete(failures_key(username))
        return ended


@asynccontextmanager
async def _changing(stores: Stores, code: str, username: str) -> AsyncIterator[tuple[Transaction, User]]:
    """A transaction, committed at the end of the block, and the user as it found it. Raises Invalid."""
    needs = {"usernames": {username}, "login_failures": {failures_key(username)}}
    async with _opened(stores, code) as store:
        transaction = await store.begin(needs, write=True)
        try:
            user = transaction.work.usernames.get(username)
            if user is None:
                raise Invalid(f"There is no user {username}.")
            await transaction.load({"users": {user.id}})
            yield transaction, user
            await transaction.commit()
        finally:
            await transaction.rollback()


async def _end_sessions(transaction: Transaction, user: User) -> int:
    """End all sessions of a user, and tell every server that remembers one; return how many were open."""
    now = int(time.time())
    work = transaction.work
    # Expired ones too: for a while they would do to switch users.
    sessions = await _sessions(transaction, Condition(("user_id",), "=", user.id))
    await transaction.load({"sessions": {session.key_hash for session in sessions}})
    going = [session for session in sessions if not session.ended_at]
    for session in going:
        work.sessions.put(session.key_hash, session._replace(ended_at=now))
    work.next_number(SESSIONS_SEQUENCE)
    return sum(session.expires_at > now for session in going)


async def clear_account(stores: Stores, code: str) -> None:
    """Make the account as it was when it was made; settings, users, clients and sessions stay. Raises Invalid."""
    async with _opened(stores, code) as store:
        await store.clear()
        await _begin(store)


async def snapshot_account(stores: Stores, code: str, name: str) -> None:
    """Keep a copy of the account under `name`, which has been checked. Raises Invalid."""
    async with _opened(stores, code) as store:
        await store.snapshot(name)


async def restore_account(stores: Stores, code: str, name: str) -> None:
    """Make the account what it was; nobody uses it meanwhile. Raises Invalid, FileNotFoundError."""
    async with _opened(stores, code) as store:
        await store.restore(name)


async def create_client(stores: Stores, code: str, name: str) -> tuple[str, str]:
    """Make an API client; return its key, which says whose it is, and its secret, which is not kept. Raises Invalid."""
    if not _USERNAME.fullmatch(name) or name != name.strip():
        raise Invalid("A client's name has 1 to 255 characters, without blanks around it.")
    key, secret = f"{code}.{secrets.token_hex(8)}", secrets.token_urlsafe(32)
    async with _opened(stores, code) as store:
        transaction = await store.begin({}, write=True)
        transaction.work.clients.put(key, Client(key, name, hash_key(secret), int(time.time())))
        await transaction.commit()
    return key, secret


async def list_clients(stores: Stores, code: str) -> list[Client]:
    """The account's API clients, the oldest first. Raises Invalid."""
    async with _opened(stores, code) as store:
        transaction = await store.begin({}, write=False)
        found = await transaction.list(Listing("clients", order=(("added_at", "asc"), ("key", "asc"))))
        await transaction.rollback()
    return found.rows


async def delete_client(stores: Stores, code: str, key: str) -> Client:
    """Delete an API client and the tokens it was given; from now on it is refused. Raises Invalid."""
    async with _opened(stores, code) as store:
        transaction = await store.begin({"clients": {key}}, write=True)
        client = transaction.work.clients.get(key)
        if client is None:
            await transaction.rollback()
            raise Invalid(f"There is no client {key}.")
        transaction.work.clients.delete(key)
        await transaction.commit()
    return client


async def apply_file(stores: Stores, code: str, text: str, *, look_only: bool = False) -> Plan:
    """Make of an account what its file declares, in one transaction; return what that changed, or would change.

    Raises Invalid, InvalidFile, InvalidSetting, and WouldLose with the reasons.
    """
    declared = declaration.parse(text)
    async with _opened(stores, code) as store:
        transaction = await store.begin({"configurations": {0}}, write=True)
        try:
            there = transaction.work.configurations.get(0)
            assert there is not None
            found = declaration.plan(declared, there, transaction.settings)
            _check_settings(found.settings)
            account_settings.parse({**transaction.settings, **found.settings})
            if found.refusals:
                raise WouldLose(*found.refusals)
            if not look_only:
                await declaration.carry_out(found, transaction)
                await transaction.commit()
        finally:
            await transaction.rollback()
    return found


async def back_up(stores: Stores, code: str, file: Path) -> None:
    """Copy the account to a new file, proved and on disk, while it is served. Raises Invalid, StoreUnavailable."""
    try:
        await _files(stores).backup(checked_code(code), file)
    except FileNotFoundError:
        raise Invalid(f"There is no account {code}.") from None
    except AccountInUse:
        raise Invalid(f"Account {code} is in use by another process.") from None
    except NotADirectoryError:
        raise Invalid(f"There is no folder {file.parent}.") from None
    except FileExistsError:
        raise Invalid(f"{file} exists already, and nothing is overwritten.") from None
    except IsADirectoryError:
        raise Invalid(f"{file} would lie among the accounts and be taken for one; name another folder.") from None


async def restore_backup(stores: Stores, code: str, file: Path, *, forget_sessions: bool = False) -> None:
    """Make a new account of a backup, proved and on disk. Raises Invalid, DamagedAccount."""
    try:
        await _files(stores).restore_backup(checked_code(code), file, forget_sessions=forget_sessions)
    except FileNotFoundError:
        raise Invalid(f"There is no file {file}.") from None
    except FileExistsError:
        raise Invalid(f"There is an account {code} already, and nothing is overwritten.") from None
    except NoBackup:
        raise Invalid(f"{file} is no account.") from None
    except AccountInUse:
        raise Invalid(f"Account {code} is in use by another process.") from None
    except StoreUnavailable as error:
        raise Invalid(f"{file} cannot be restored: {error}.") from None


def _files(stores: Stores) -> Backups:
    """Raises Invalid where accounts are no files."""
    if not isinstance(stores, Backups):
        raise Invalid("These accounts are in a database server: copy them by its own means.")
    return stores


async def copy_account(source: Stores, target: Stores, code: str, progress: Callable[[str, int, int], object]) -> int:
    """Make a copy of an account in another place; return how many rows it has. Copies of a sandbox stay behind.

    `progress` is told the table, how many rows are done and how many there are. The copy is proved: all counts and sums
    are those of the source, which must not change meanwhile, and `check` finds nothing wrong. Else it is removed again.
    Raises Invalid.
    """
    async with _opened(source, code) as there:
        pass
    if await source.is_in_use(code):
        raise Invalid(f"Account {code} is in use: stop its servers first.")
    async with _opened(source, code) as there:
        total = sum(count for name, count in (await there.sums()).items() if name.startswith("rows of "))
        done = 0

        async def counted() -> Rows:
            nonlocal done
            async for name, part in there.rows():
                yield name, part
                done += len(part)
                progress(name, done, total)

        try:
            await target.fill(code, counted())
        except FileExistsError:
            raise Invalid(f"There is an account {code} already where it is to be copied to.") from None
        try:
            wrong = await _differences(there, target, code)
        except BaseException:
            await target.remove(code)
            raise
    if wrong:
        await target.remove(code)
        raise Invalid(f"The copy was removed again, for it is not the same: {'; '.join(wrong)}.")
    return total


async def _differences(source: Store, target: Stores, code: str) -> list[str]:
    async with _opened(target, code) as copy:
        before, after = await source.sums(), await copy.sums()
        wrong = [f"{name} {before[name]} and {after[name]}" for name in before if before[name] != after[name]]
        return wrong + await copy.check()


async def check_account(stores: Stores, code: str) -> list[str]:
    """What is wrong with an account, a sentence each. Raises Invalid."""
    try:
        async with _opened(stores, code) as store:
            return await store.check()
    except StoreUnavailable as error:
        return [f"it cannot be read: {error}"]


async def list_accounts(stores: Stores) -> list[tuple[str, str]]:
    """Code and name of every account; in place of the name, why it cannot be read."""
    found = []
    for code in await account_codes(stores):
        try:
            async with _opened(stores, code) as store:
                transaction = await store.begin({}, write=False)
                name = transaction.settings.get("name", "")
                await transaction.rollback()
        except StoreUnavailable as error:
            name = f"(cannot be read: {error})"
        found.append((code, name))
    return found


async def account_codes(stores: Stores) -> list[str]:
    """The codes of all accounts; what else lies about in the same place is passed over."""
    return [code for code in await stores.codes() if is_account_code(code)]


async def replace_account(stores: Stores, code: str, settings: Mapping[str, str]) -> None:
    """Make an account in place of an earlier one of the same name. Raises Invalid if another one has the code."""
    if code in await stores.codes():
        if dict(await list_accounts(stores))[code] != settings["name"]:
            raise Invalid(f"There is an account {code} that is not the {settings['name']}.")
        try:
            await stores.remove(code)
        except AccountInUse:
            raise Invalid(f"Account {code} is in use by another process.") from None
    await create_account(stores, code, settings)
