"""The HTTP server process: uvicorn, told to keep quiet about requests and to stop cleanly."""

import asyncio
import contextlib
import dataclasses
import gc
import logging
import math
import resource
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette

from erply_points.settings import ServerSettings
from erply_points.web.connections import bounded, watch

SHUTDOWN_SECONDS: Final = 30
BACKLOG: Final = 2_048
ACCEPTS_AT_ONCE: Final = 16
"""Connections that are accepted in one turn of the event loop."""
DESCRIPTORS_SPARED: Final = 512
"""Files that are open for other reasons than connections: those of 64 accounts, mostly."""

_log = logging.getLogger(__name__)

Ready = Callable[[str, "Server"], Awaitable[None]]
"""Called with the URL and the server once it answers."""


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Bind a listening socket, `shared` with others that say so too. Raises OSError if the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.set_inheritable(True)
    except BaseException:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Serves until SIGTERM or SIGINT, answers what is in flight, and returns.

    In a sandbox the application may close connections.
    """

    def __init__(self, app: Starlette, settings: ServerSettings, ready: Ready) -> None:
        self._protocol = bounded(settings, app.state.doorman, closing=bool(settings.sandbox_token))
        super().__init__(
            uvicorn.Config(
                app,
                http=self._protocol,
                loop="uvloop",
                ws="none",
                access_log=False,  # Query strings hold passwords and session keys.
                log_config=None,  # Ours: uvicorn's own would write what exceptions say.
                log_level="error",  # Warnings are about requests: a flood of bad ones must not fill the disk.
                server_header=False,
                timeout_keep_alive=math.ceil(settings.idle_seconds_max),
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
                backlog=BACKLOG,
            )
        )
        self._ready = ready
        self._watching: asyncio.Task[None] | None = None
        self.demonstration: asyncio.Task[None] | None = None
        """Kept here so that it is not collected while it runs."""

    def handle_exit(self, _sig: int, _frame: Any) -> None:
        """Stop once; an impatient second signal does not cut answers off: the stop is bounded anyway."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _spare_the_collector()
        self._watching = asyncio.create_task(watch(self._protocol))
        if self.started and sockets:
            await self._ready(url_of(sockets[0]), self)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching


def _spare_the_collector() -> None:
    """Keep the garbage collector from walking what lives as long as the process, and from coming too often.

    Rows are freed by their reference counts. Measured: a bulk of 100 redemptions costs a sixth less.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


def _within_descriptors(settings: ServerSettings) -> ServerSettings:
    """The settings with no more connections than the process may open files; it takes all that it is allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= settings.connections_max + DESCRIPTORS_SPARED:
        return settings
    possible = max(soft - DESCRIPTORS_SPARED, soft // 4)
    _log.warning("only %d connections: the process may open %d files (ulimit -n)", possible, soft)
    return dataclasses.replace(settings, connections_max=possible)


def serve(app: Starlette, settings: ServerSettings, listener: socket.socket, ready: Ready) -> None:
    """Run until told to stop."""

    def ignored(_number: int, _frame: Any) -> None:
        """Uvicorn raises a caught signal once more when it has stopped; by then it has done its work."""

    before = {number: signal.signal(number, ignored) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        # libuv accepts one connection of each listening socket in a turn of its loop: under load, when turns are long,
        # new clients would wait for seconds.
        more = [listener.dup() for _ in range(ACCEPTS_AT_ONCE - 1)]
        Server(app, _within_descriptors(settings), ready).run(sockets=[listener, *more])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listener.close()
