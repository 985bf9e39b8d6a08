"""Several server processes behind one address, each with a listening socket of its own, kept alive by this one.

The kernel spreads connections over the sockets. They stay open here, so what comes while a worker is being replaced
waits for the next one. A worker stops when its standard input ends, so none outlives this process, however that ends.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from erply_points.server import SHUTDOWN_SECONDS, listen

WORKERS_MAX: Final = 64
PAUSE_SECONDS: Final = 0.5
PAUSE_SECONDS_MAX: Final = 30.0
"""Between a worker's end and the next try: doubled as long as they do not live."""
LIVED_SECONDS: Final = 60.0
STARTED: Final = "Serving"
"""What a worker's first line begins with once it answers."""

_log = logging.getLogger(__name__)


def listen_together(host: str, port: int, count: int) -> list[socket.socket]:
    """Bind so many sockets to one address. Raises OSError if it is taken."""
    sockets = [listen(host, port, shared=True)]
    try:
        while len(sockets) < count:
            sockets.append(listen(host, sockets[0].getsockname()[1], shared=True))
    except BaseException:
        for each in sockets:
            each.close()
        raise
    return sockets


class Workers:
    """Runs `command` once for each socket, whose descriptor is its last argument."""

    def __init__(
        self, command: Sequence[str], sockets: Sequence[socket.socket], environment: Mapping[str, str]
    ) -> None:
        self._command = command
        self._sockets = sockets
        self._environment = environment
        self._stopping = asyncio.Event()
        self._running: set[Process] = set()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self, ready: Callable[[], None]) -> int:
        """Run until told to stop, by `stop`, SIGTERM or SIGINT; `ready` is called once all answer.

        Returns the exit status: 0, or 1 if one could not be started at first.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            first = await asyncio.gather(*(self._start(each) for each in self._sockets))
            if not all(first):
                return 0 if self._stopping.is_set() else 1
            ready()
            keeping = [
                asyncio.create_task(self._keep(worker, each))
                for worker, each in zip(first, self._sockets, strict=True)
                if worker is not None
            ]
            await self._stopping.wait()
            for task in keeping:
                task.cancel()
            await asyncio.wait(keeping)
            return 0
        finally:
            await self._end_all()

    async def _start(self, listener: socket.socket) -> Process | None:
        """A worker that answers; None if it ended before."""
        descriptor = listener.fileno()
        worker = await asyncio.create_subprocess_exec(
            *self._command, str(descriptor), stdin=PIPE, stdout=PIPE, pass_fds=[descriptor], env=self._environment
        )
        self._running.add(worker)
        assert worker.stdout is not None
        line = await worker.stdout.readline()
        if line.decode(errors="replace").startswith(STARTED):
            return worker
        await worker.wait()
        self._running.discard(worker)
        return None

    async def _keep(self, worker: Process | None, listener: socket.socket) -> None:
        """Replace a worker whenever it ends."""
        pause = PAUSE_SECONDS
        while True:
            started = time.monotonic()
            if worker is not None:
                status = await worker.wait()
                self._running.discard(worker)
                _log.warning("worker %d ended with status %d; another takes its place", worker.pid, status)
            pause = PAUSE_SECONDS if time.monotonic() - started > LIVED_SECONDS else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)
            worker = await self._start(listener)

    async def _end_all(self) -> None:
        """Let all finish what they are doing, within limits."""
        for worker in self._running:
            with contextlib.suppress(ProcessLookupError):
                worker.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(SHUTDOWN_SECONDS + 5):
                await asyncio.gather(*(worker.wait() for worker in self._running))
        except TimeoutError:
            for worker in self._running:
                with contextlib.suppress(ProcessLookupError):
                    worker.kill()
            await asyncio.gather(*(worker.wait() for worker in self._running))


def worker_command(*options: str) -> list[str]:
    """The program as a worker; the descriptor of its socket is still to be added."""
    return [sys.executable, "-m", "erply_points", "serve", *options, "--until-eof", "--descriptor"]
