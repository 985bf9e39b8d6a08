"""A wire between a client and a PostgreSQL server that can be cut or held, at once or in the midst of a commit."""

import asyncio
import contextlib
from typing import Final, Literal, Self

Moment = Literal["", "before", "after", "hold"]

_COMMIT: Final = b"COMMIT\0"


class Wire:
    """Listens on the loopback address and passes bytes on to a Unix socket.

    `cut_at` says what happens to the next COMMIT: "before", it never arrives; "after", its answer never comes back.
    Either way the connection is gone; "hold", the wire is held with the COMMIT on it. While `dead`, nobody gets
    through. While it is held, everybody does, and nothing else.
    """

    def __init__(self, socket_path: str) -> None:
        self.cut_at: Moment = ""
        self.cuts = 0
        self.dead = False
        self.connections = 0
        """That were let through."""
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._target = socket_path
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._begin_to_pass_on, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.let_go()
        self.cut()
        if self._passing:
            await asyncio.wait(self._passing)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Cut all connections."""
        for writer in self._writers:
            writer.transport.abort()

    def hold(self) -> None:
        """Keep what comes, either way, until it is let go."""
        self._flowing.clear()

    @property
    def is_held(self) -> bool:
        return not self._flowing.is_set()

    def let_go(self) -> None:
        self._flowing.set()

    def _begin_to_pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passing = asyncio.create_task(self._pass_on(reader, writer))
        self._passing.add(passing)
        passing.add_done_callback(self._passing.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.dead:
            writer.transport.abort()
            return
        self.connections += 1
        there_reader, there_writer = await asyncio.open_unix_connection(self._target)
        self._writers |= {writer, there_writer}
        ended = asyncio.Event()
        there = asyncio.create_task(self._forward(reader, there_writer, ended))
        back = asyncio.create_task(self._backward(there_reader, writer, ended))
        await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        for each in (writer, there_writer):
            self._writers.discard(each)
            each.transport.abort()
        await asyncio.wait({there, back})

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ended: asyncio.Event) -> None:
        with contextlib.suppress(ConnectionError, OSError):
            while part := await reader.read(1 << 16):
                if self.cut_at and part.endswith(_COMMIT):
                    self.cuts += 1
                    moment, self.cut_at = self.cut_at, ""
                    if moment == "before":
                        return
                    if moment == "hold":
                        self.hold()
                    else:
                        ended.set()  # What comes back from now on is not passed on.
                await self._flowing.wait()
                writer.write(part)

    async def _backward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ended: asyncio.Event) -> None:
        with contextlib.suppress(ConnectionError, OSError):
            while part := await reader.read(1 << 16):
                if ended.is_set():
                    return
                await self._flowing.wait()
                writer.write(part)
