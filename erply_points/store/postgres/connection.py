"""The connections of one process to the database, and what its errors mean.

All that a transaction relies on is set inside it, never for the session: so connections may pass through a pooler that
gives out another one for each transaction (PgBouncer). Such a one is told by its made-up process ID; prepared
statements, which belong to a session, are then done without.
"""

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from erply_points.store.postgres.watch import Address, Watch
from erply_points.store.protocol import StoreUnavailable

CONNECTIONS_MAX: Final = 32
"""Of one process: an account in use has one that writes and one that reads."""
CONNECT_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 2.0
"""How long hosts that keep silent are waited for once another has said that it is not the one."""
COMMAND_SECONDS: Final = 15.0
"""How long a statement may take while its host lives; longer than it may wait for the account."""
STATEMENTS_CACHED: Final = 512

_HOST_SHOWN: Final = r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]+)?"
_SHOWN: Final = re.compile(
    rf"postgres(?:ql)?://(?:[^@/?#]*@)?((?:{_HOST_SHOWN}(?:,{_HOST_SHOWN})*)?)(/[\w-]*)?(?:\?.*)?"
)
_HOST: Final = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?")
_PORT: Final = 5432
_SILENT_SECONDS: Final = 5
"""After this long a connection ends whose other end confirms nothing that was sent: its host is gone."""
_LIVELINESS: Final = {
    "TCP_KEEPIDLE": 3,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": 2,
    "TCP_USER_TIMEOUT": 1_000 * _SILENT_SECONDS,
}
"""Options of a connection between hosts, where the system has them."""
_OPTIONS: Final = {
    "max_cached_statement_lifetime": 0,
    "max_cacheable_statement_size": 0,
    "server_settings": {"application_name": "erply-points"},
}
"""The driver's, of every connection."""

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[Any]"


class _Single(asyncpg.Connection):
    """A connection that knows whose it is."""

    __slots__ = ("address",)

    address: Address


class NotTheWriter(StoreUnavailable):
    """The server at the other end only lets itself be read: another one has become the primary."""


class Refused(Exception):
    """The database refuses what it was told: a mistake of ours. Says what, without the values."""


def shown(url: str) -> str:
    """A database URL without user, password and options."""
    match = _SHOWN.fullmatch(url)
    return f"postgresql://{match[1]}{match[2] or ''}" if match else "PostgreSQL"


def hosts_of(url: str) -> list[Address]:
    """The hosts that a database URL names and their ports, in its order. Raises ValueError."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    named = unquote(parts.netloc.rpartition("@")[2]) or query.get("host", [""])[-1]
    ports = query.get("port", [""])[-1].split(",")
    found = []
    for number, name in enumerate(named.split(",")):
        # A path is that of a Unix socket.
        match = None if name.startswith("/") else _HOST.fullmatch(name)
        host, own_port = (match[1].strip("[]"), match[2]) if match else (name, "")
        port = own_port or (ports[number] if number < len(ports) else ports[0]) or _PORT
        found.append((host, int(port)))
    return found


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Raise StoreUnavailable, or Refused, in place of what the database or the way to it raises."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        # Waiting would not help. What it says in detail are values of the row, which belong in no log.
        raise Refused(f"{error.sqlstate} {error.args[0]}") from None
    except (asyncpg.DataError, asyncpg.SyntaxOrAccessError) as error:
        if isinstance(error, asyncpg.InsufficientPrivilegeError | asyncpg.UndefinedTableError):
            raise StoreUnavailable(error.args[0]) from None  # Not ours, or removed a moment ago.
        raise Refused(f"{error.sqlstate} {error.args[0]}") from None
    except asyncpg.ReadOnlySQLTransactionError as error:
        raise NotTheWriter(error.args[0]) from None
    except asyncpg.PostgresError as error:
        raise StoreUnavailable(error.args[0]) from None
    except TimeoutError:
        raise StoreUnavailable("the database does not answer in time") from None
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise StoreUnavailable(f"the connection is lost: {type(error).__name__}") from None
    except OSError as error:
        raise StoreUnavailable(f"the database cannot be reached: {error.strerror or type(error).__name__}") from None


def is_lost(connection: Connection) -> bool:
    """Whether there is nothing at its other end any more."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # The pool has taken it back.
        return True


async def unless_lost(connection: Connection, work: Coroutine[Any, Any, Any]) -> Any:
    """What `work` returns. Raises StoreUnavailable when the connection is lost.

    Whoever copies rows to the server and waits for room to write is not told of that by the driver.
    """
    task = asyncio.create_task(work)

    def give_up(_: object) -> None:
        task.cancel()

    connection.add_termination_listener(give_up)
    try:
        return await task
    except BaseException:
        if is_lost(connection):
            raise StoreUnavailable("the connection is lost") from None
        raise
    finally:
        if not is_lost(connection):
            connection.remove_termination_listener(give_up)


class Database:
    """Makes connections when they are needed and closes them when the last who holds it lets go."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[Any] | None = None
        self._holders = 0
        self._is_direct: bool | None = None
        """Whether nothing stands between us and the server; None before the first connection."""
        self._watch = Watch(self._ask)

    def hold(self) -> None:
        self._holders += 1

    async def let_go(self) -> None:
        """Close all connections if nobody else holds the database."""
        self._holders -= 1
        if not self._holders and self._pool is not None:
            pool, self._pool = self._pool, None
            await self._watch.close()
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator["Database"]:
        self.hold()
        try:
            yield self
        finally:
            await self.let_go()

    async def take(self) -> Connection:
        """A connection for one transaction; `give_back` it. Raises StoreUnavailable, at the latest after a while.

        While it is out it is watched: if its host hangs it is ended, and so is what waits for it.
        """
        assert self._holders, "nobody holds the database"
        if self._pool is None:
            self._pool = asyncpg.create_pool(
                min_size=0, max_size=CONNECTIONS_MAX, connect=self._connect, reset=_leave_as_it_is
            )
        with translated_errors():
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._pool  # Once; afterwards it costs nothing.
                connection: Connection = await self._pool.acquire()
        self._watch.begin(connection, connection.address)  # type: ignore[attr-defined]  # it passes on `_Single`'s
        return connection

    async def give_back(self, connection: Connection, *, broken: bool = False) -> None:
        """`broken`: in the midst of something; it is closed, and what it had begun is undone by the server.

        What has broken one connection is likely to have broken the others: they are made anew.
        """
        pool = self._pool
        self._watch.end(connection, answered=not broken)
        if broken:
            await self.distrust()
        with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            if not is_lost(connection):
                if broken or connection.is_in_transaction():
                    connection.terminate()
                if pool is not None:
                    await pool.release(connection)

    async def distrust(self) -> None:
        """Have the connections made anew: the server at their end is not, or no longer, the one that writes."""
        if self._pool is not None:
            await self._pool.expire_connections()

    async def _connect(self, *_args: Any, **options: Any) -> _Single:
        """What the pool calls for a new connection."""
        if self._is_direct is None:
            connection = await self._connect_with(0, **options)
            self._is_direct = await _is_direct(connection)
            self._watch.is_pooled = not self._is_direct
            if not self._is_direct:
                return connection
            await connection.close()
        return await self._connect_with(STATEMENTS_CACHED if self._is_direct else 0, **options)

    async def _connect_with(self, statements_cached: int, **options: Any) -> _Single:
        options |= {"statement_cache_size": statements_cached}
        try:
            hosts = hosts_of(self._url)
            tried = [host for host in hosts if not self._watch.is_silent(host)]
            if not tried:
                raise StoreUnavailable("the database does not answer")
            if len(hosts) > 1:
                if "target_session_attrs" not in self._url:
                    options["target_session_attrs"] = "primary"
                connection = await self._first_of(tried, options)
            else:
                connection = await self._connect_to(hosts[0], options)
        except (asyncpg.InterfaceError, ValueError):
            # What it says may quote the URL, and a password with it.
            raise StoreUnavailable("the database URL cannot be used: see docs/postgres.md for its form") from None
        _keep_lively(connection)
        return connection

    async def _connect_to(self, address: Address, options: Mapping[str, Any]) -> _Single:
        """`address` is one of the URL's."""
        options = {**_OPTIONS, "timeout": CONNECT_SECONDS, "command_timeout": COMMAND_SECONDS, **options}
        options["connection_class"] = _Single
        if len(hosts_of(self._url)) > 1:
            options["host"], options["port"] = address
        began = time.monotonic()
        try:
            connection: _Single = await asyncpg.connect(self._url, **options)
        except (TimeoutError, asyncio.CancelledError):
            if time.monotonic() - began >= PATIENCE_SECONDS:
                self._watch.doubt(address, began)
            raise
        connection.address = address
        return connection

    async def _ask(self, address: Address) -> None:
        """Return when the host has answered a query: one by the shortest way, which a pooler has to pass on."""
        connection = await self._connect_to(address, {"statement_cache_size": 0, "target_session_attrs": "any"})
        try:
            await connection.execute("SELECT 1")
            await connection.close()
        finally:
            connection.terminate()

    async def _first_of(self, hosts: Sequence[Address], options: Mapping[str, Any]) -> _Single:
        """A connection to the first that is what is asked for.

        All are tried at once: one that is switched off keeps silent, and would use up the time of those after it.
        """
        tries = [asyncio.create_task(self._connect_to(host, options)) for host in hosts]
        found: _Single | None = None
        try:
            waiting = set(tries)
            patience = None
            while waiting and found is None:
                done, waiting = await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
                found = next((each.result() for each in done if each.exception() is None), None)
                patience = PATIENCE_SECONDS
        finally:
            for each in tries:
                each.cancel()
            for ended in await asyncio.gather(*tries, return_exceptions=True):
                if isinstance(ended, _Single) and ended is not found:
                    ended.terminate()
        if found is not None:
            return found
        errors = [each.exception() for each in tries if not each.cancelled()]
        raise next(
            (error for error in errors if isinstance(error, asyncpg.PostgresError)),
            StoreUnavailable(f"none of {len(hosts_of(self._url))} hosts is a primary that answers"),
        )


def _keep_lively(connection: _Single) -> None:
    """Have a connection to a host that vanishes end soon, whether it waits for an answer or not."""
    transport = connection._transport  # type: ignore[attr-defined]  # noqa: SLF001 - the driver has no option for it
    line = transport.get_extra_info("socket")
    if line is not None and line.family in (socket.AF_INET, socket.AF_INET6):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _LIVELINESS.items():
            if (option := getattr(socket, name, None)) is not None:
                line.setsockopt(socket.IPPROTO_TCP, option, value)


async def _is_direct(connection: _Single) -> bool:
    """Whether the process at the other end is the one that the connection says it is."""
    await connection.execute("BEGIN")
    process: int = await connection.fetchval("SELECT pg_backend_pid()")
    await connection.execute("COMMIT")
    return process == connection.get_server_pid()


async def _leave_as_it_is(_: "asyncpg.Connection[Any]") -> None:
    """A connection needs no cleaning between transactions: nothing is set for its session."""
