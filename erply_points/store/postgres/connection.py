"""The connections of one process to the database, and what its errors mean.

All that a transaction relies on is set inside it, never for the session: so connections may pass through a pooler that
gives out another one for each transaction (PgBouncer). Such a one is told by its made-up process ID; prepared
statements, which belong to a session, are then done without.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, TypeAlias

import asyncpg

from erply_points.store.protocol import StoreUnavailable

CONNECTIONS_MAX: Final = 32
"""Of one process: an account in use has one that writes and one that reads."""
CONNECT_SECONDS: Final = 5.0
COMMAND_SECONDS: Final = 15.0
"""How long a statement may take; longer than it may wait for the account."""
STATEMENTS_CACHED: Final = 512

_HOST: Final = r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]+)?"
_SHOWN: Final = re.compile(rf"postgres(?:ql)?://(?:[^@/?#]*@)?((?:{_HOST}(?:,{_HOST})*)?)(/[\w-]*)?(?:\?.*)?")
_HOSTS: Final = re.compile(r"[^?]*,|.*[?&]host=[^&]*(?:,|%2[Cc])")
"""Several of them, of which only one is the primary."""

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[Any]"
_Single: TypeAlias = "asyncpg.Connection[Any]"


class NotTheWriter(StoreUnavailable):
    """The server at the other end only lets itself be read: another one has become the primary."""


class Refused(Exception):
    """The database refuses what it was told: a mistake of ours. Says what, without the values."""


def shown(url: str) -> str:
    """A database URL without user, password and options."""
    match = _SHOWN.fullmatch(url)
    return f"postgresql://{match[1]}{match[2] or ''}" if match else "PostgreSQL"


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


class Database:
    """Makes connections when they are needed and closes them when the last who holds it lets go."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[Any] | None = None
        self._holders = 0
        self._is_direct: bool | None = None
        """Whether nothing stands between us and the server; None before the first connection."""

    def hold(self) -> None:
        self._holders += 1

    async def let_go(self) -> None:
        """Close all connections if nobody else holds the database."""
        self._holders -= 1
        if not self._holders and self._pool is not None:
            pool, self._pool = self._pool, None
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
        """A connection for one transaction; `give_back` it. Raises StoreUnavailable, at the latest after a while."""
        assert self._holders, "nobody holds the database"
        if self._pool is None:
            self._pool = asyncpg.create_pool(
                min_size=0, max_size=CONNECTIONS_MAX, connect=self._connect, reset=_leave_as_it_is
            )
        with translated_errors():
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._pool  # Once; afterwards it costs nothing.
                return await self._pool.acquire()

    async def give_back(self, connection: Connection, *, broken: bool = False) -> None:
        """`broken`: in the midst of something; it is closed, and what it had begun is undone by the server."""
        pool = self._pool
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
            if not self._is_direct:
                return connection
            await connection.close()
        return await self._connect_with(STATEMENTS_CACHED if self._is_direct else 0, **options)

    async def _connect_with(self, statements_cached: int, **options: Any) -> _Single:
        if _HOSTS.match(self._url) and "target_session_attrs" not in self._url:
            options["target_session_attrs"] = "primary"
        try:
            connection: _Single = await asyncpg.connect(
                self._url,
                timeout=CONNECT_SECONDS,
                command_timeout=COMMAND_SECONDS,
                statement_cache_size=statements_cached,
                max_cached_statement_lifetime=0,
                max_cacheable_statement_size=0,
                server_settings={"application_name": "erply-points"},
                **options,
            )
            return connection  # noqa: TRY300 - it belongs together
        except (asyncpg.InterfaceError, ValueError):
            # What it says may quote the URL, and a password with it.
            raise StoreUnavailable("the database URL cannot be used: see docs/postgres.md for its form") from None


async def _is_direct(connection: _Single) -> bool:
    """Whether the process at the other end is the one that the connection says it is."""
    await connection.execute("BEGIN")
    process: int = await connection.fetchval("SELECT pg_backend_pid()")
    await connection.execute("COMMIT")
    return process == connection.get_server_pid()


async def _leave_as_it_is(_: _Single) -> None:
    """A connection needs no cleaning between transactions: nothing is set for its session."""
