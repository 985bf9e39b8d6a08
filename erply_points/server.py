"""The HTTP server process: uvicorn, told to keep quiet about requests and to stop cleanly."""

import asyncio
import functools
import gc
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from erply_points.web.faulty import CLOSE

KEEP_ALIVE_SECONDS: Final = 75
SHUTDOWN_SECONDS: Final = 30
BACKLOG: Final = 2_048

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


class ClosingProtocol(HttpToolsProtocol):
    """Lets the application close a request's connection, which ASGI has no word for, by an extension of its scope."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.scope["extensions"] = {CLOSE: {"close": functools.partial(self._close, self.cycle)}}

    def _close(self, cycle: RequestResponseCycle) -> None:
        self.transport.close()
        cycle.disconnected = True  # It expects no answer any more, also where others wait behind it.


class Server(uvicorn.Server):
    """Serves until SIGTERM or SIGINT, answers what is in flight, and returns.

    With `closing` the application may close connections (`ClosingProtocol`).
    """

    def __init__(self, app: Starlette, ready: Ready, *, closing: bool = False) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=ClosingProtocol if closing else "httptools",
                loop="uvloop",
                ws="none",
                access_log=False,  # Query strings hold passwords and session keys.
                log_level="warning",
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
                backlog=BACKLOG,
            )
        )
        self._ready = ready
        self.demonstration: asyncio.Task[None] | None = None
        """Kept here so that it is not collected while it runs."""

    def handle_exit(self, _sig: int, _frame: Any) -> None:
        """Stop once; an impatient second signal does not cut answers off: the stop is bounded anyway."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _spare_the_collector()
        if self.started and sockets:
            await self._ready(url_of(sockets[0]), self)


def _spare_the_collector() -> None:
    """Keep the garbage collector from walking what lives as long as the process, and from coming too often.

    Rows are freed by their reference counts. Measured: a bulk of 100 redemptions costs a sixth less.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


def serve(app: Starlette, listener: socket.socket, ready: Ready, *, closing: bool = False) -> None:
    """Run until told to stop."""

    def ignored(_number: int, _frame: Any) -> None:
        """Uvicorn raises a caught signal once more when it has stopped; by then it has done its work."""

    before = {number: signal.signal(number, ignored) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        Server(app, ready, closing=closing).run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listener.close()
