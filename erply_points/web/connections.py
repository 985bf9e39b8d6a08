"""What a connection may cost: slow, silent, endless and too many of them are cut off.

uvicorn's protocol has no limit for what comes before a request's headers are complete, nor for a client that does not
take its answer. This adds them, at the price of a few assignments a request: a connection only notes since when it
waits, and once in a while all are looked at (`watch`). A request's body is limited where it is read
(`parameters.Bodies`), requests in progress where they enter (`accounts/pool.py`).
See docs/decisions/0051-connections.md.
"""

import asyncio
import functools
import time
from typing import Any, ClassVar, Final, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from erply_points.settings import ServerSettings

CLOSE: Final = "erply_points.close"
"""The extension of the scope by which the server offers to close a connection: a mapping with `close` to call.

What was sent before still goes out; then the application returns.
"""

_END: Final = b"content-length: 0\r\nconnection: close\r\n\r\n"
TIMED_OUT: Final = b"HTTP/1.1 408 Request Timeout\r\n" + _END
TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _END
TOO_MANY: Final = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n" + _END


KEPT_BACK_MAX: Final = 65_536
"""Bytes of a body; a larger one is no longer kept back."""


class Doorman(Protocol):
    """Who knows whether a request can be taken now."""

    @property
    def alert(self) -> bool:
        """Whether there are requests that cannot."""
        ...

    def refusal(self, url: bytes, body: bytes) -> bytes | None:
        """The whole HTTP response to one that cannot; None for one that may come in."""
        ...


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `bounded` makes the class that knows its limits."""

    limits: ClassVar[ServerSettings]
    opened: ClassVar[set["BoundedProtocol"]]
    waiting: ClassVar[dict["BoundedProtocol", None]]
    """The connections from which something is expected, a request or the rest of one; the longest waiting first."""
    doorman: ClassVar[Doorman]
    closing: ClassVar[bool]
    """Whether the application may close a request's connection, which ASGI has no word for, by `CLOSE`."""

    _waits_since: float
    """When it was opened, or its last answer was complete. All moments are those of `time.monotonic`."""
    _head_complete = False
    """Whether a request is in progress."""
    _head_since: float | None = None
    """When the first byte of the next request came."""
    _answers_since: float | None = None
    """When an answer was first seen waiting for its client."""
    _unparsed = 0
    """Bytes since the parser last made something of them: of a head, of trailers."""
    _running: RequestResponseCycle | None = None
    """The request that is being answered; `cycle` is the last that has come."""
    _kept_back: bytearray | None = None
    """The body of a request that has not been begun: where the doorman is alert, it may be turned away."""
    _refused = False
    """Whatever else comes is thrown away."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._waits_since = time.monotonic()
        self.opened.add(self)
        if len(self.opened) > self.limits.connections_max and not self._make_room():
            self._refuse(TOO_MANY)
            transport.close()
        self.waiting[self] = None

    def _make_room(self) -> bool:
        for longest in self.waiting:
            if not longest.transport.is_closing():
                longest.transport.abort()
                del self.waiting[longest]
                return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.opened.discard(self)
        self.waiting.pop(self, None)
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._head_since is None and not self._head_complete:
            self._head_since = time.monotonic()
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > self.limits.head_size_max and not self.transport.is_closing():
            if self._head_complete:
                self.transport.abort()
            else:
                self._refuse(TOO_LARGE)

    def _refuse(self, answer: bytes) -> None:
        """Answer, and read on a while: a client that is still sending would not see it otherwise."""
        self._refused = True
        self.transport.write(answer)

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        if self.doorman.alert and not self._head_complete and not self.expect_100_continue:
            self._kept_back = bytearray()
        else:
            self._begin()

    def _begin(self) -> None:
        self._head_since = None
        self._head_complete = True
        super().on_headers_complete()
        if self.closing:
            self.scope["extensions"] = {CLOSE: {"close": functools.partial(self._close, self.cycle)}}

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        if self._kept_back is None:
            super().on_body(body)
        else:
            self._kept_back += body
            if len(self._kept_back) > KEPT_BACK_MAX:
                self._let_in()

    def _let_in(self) -> None:
        body, self._kept_back = self._kept_back, None
        self._begin()
        if body:
            super().on_body(bytes(body))

    def _turn_away(self, answer: bytes) -> None:
        """Answer a request that has not been begun, at a tenth of the cost."""
        self._kept_back = None
        self._head_since = None
        self.transport.write(answer)
        self._wait_again()
        if not self.parser.should_keep_alive():
            self.transport.close()

    def _wait_again(self) -> None:
        self._waits_since = time.monotonic()
        self._head_complete = False
        self.waiting.pop(self, None)
        self.waiting[self] = None

    def on_message_complete(self) -> None:
        self._unparsed = 0
        if self._kept_back is not None:
            answer = self.doorman.refusal(self.url, bytes(self._kept_back))
            if answer is not None and self.parser.get_method() != b"HEAD":
                self._turn_away(answer)
                return
            self._let_in()
        if self._head_complete:  # Otherwise it has been answered before it was complete.
            self.waiting.pop(self, None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        goes_on = bool(self.pipeline)
        super().on_response_complete()
        if not goes_on and not self.transport.is_closing():
            self._wait_again()

    def _close(self, cycle: RequestResponseCycle) -> None:
        self.transport.close()
        cycle.disconnected = True  # It expects no answer any more, also where others wait behind it.

    def look(self, now: float) -> None:
        """Cut it off if it has taken too long."""
        if self.transport.get_write_buffer_size():
            if self._answers_since is None:
                self._answers_since = now
            elif now - self._answers_since > self.limits.answer_seconds_max:
                self.transport.abort()
            return
        self._answers_since = None
        if self._head_complete:
            return
        if self._head_since is not None and now - self._head_since > self.limits.head_seconds_max:
            if not self._refused:
                self._refuse(TIMED_OUT)
            self.transport.close()
        elif now - self._waits_since > self.limits.idle_seconds_max:
            self.transport.close()


def bounded(limits: ServerSettings, doorman: Doorman, *, closing: bool) -> type[BoundedProtocol]:
    """The protocol for one server."""
    of_its_own = {"limits": limits, "doorman": doorman, "closing": closing, "opened": set(), "waiting": {}}
    return type("Bounded", (BoundedProtocol,), of_its_own)


async def watch(protocol: type[BoundedProtocol]) -> None:
    """Look at all connections of a server again and again, for ever: an overdue one is found a little late."""
    limits = protocol.limits
    shortest = min(limits.head_seconds_max, limits.idle_seconds_max, limits.answer_seconds_max)
    while True:
        await asyncio.sleep(min(1.0, shortest / 4))
        now = time.monotonic()
        for each in list(protocol.opened):
            each.look(now)
