"""Ten thousand connections of which nothing good comes, and a till that wants to be served meanwhile.

Half of them are silent, half send the first bytes of a request and then one byte every few seconds. The till sends
redemptions one after the other. At the end all of the others must have been cut off by the server.

Run: python tests/reliability/idle.py --connections 10000 (Linux; `ulimit -n` has to allow as many)
"""

import argparse
import asyncio
import contextlib
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import harness
from benchmarks.servers import Ours
from reliability.processes import resident_mb
from reliability.traffic import Outcome, Tills, Traffic, milliseconds
from support.process import ServerProcess


@dataclass(frozen=True)
class Seconds:
    """How long things take."""

    idle: float = 30.0
    """The server's limit for silence."""
    head: float = 10.0
    """The server's limit for a request's head."""
    drip: float = 3.0
    """Between two bytes of a slow sender."""
    look: float = 5.0
    """How long the till is watched."""


QUICK = Seconds(idle=1.5, head=0.5, drip=0.1, look=0.3)


class Crowd:
    """Many connections to the server."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._address = (address.hostname, address.port)
        self._silent: list[socket.socket] = []
        self._slow: list[socket.socket] = []

    async def grow(self, count: int) -> None:
        for number in range(count):
            connection = socket.create_connection(self._address, timeout=30)
            connection.setblocking(False)
            (self._slow if number % 2 else self._silent).append(connection)
            if number % 50 == 0:
                self.drip(self._slow[-25:], b"GET /api/?")
                await asyncio.sleep(0)

    @staticmethod
    def drip(connections: list[socket.socket], sent: bytes) -> None:
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.send(sent)

    async def drip_on(self, seconds: float) -> None:
        while True:
            self.drip(self._slow, b"x")
            await asyncio.sleep(seconds)

    def left(self) -> tuple[int, int]:
        """How many the server has not closed: silent ones, slow ones."""
        return sum(map(_is_open, self._silent)), sum(map(_is_open, self._slow))

    def close(self) -> None:
        for connection in (*self._silent, *self._slow):
            connection.close()


def _is_open(connection: socket.socket) -> bool:
    try:
        while connection.recv(4_096):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


async def _run(ours: Ours, connections: int, seconds: Seconds, report: Callable[[str, Outcome, Crowd], None]) -> None:
    crowd = Crowd(ours.server.url)
    till = Traffic(ours.server.url, Tills(ours, 100, seed=1).single, 1, ours.server.process.pid)
    report("before", await till.at_full_speed(1, seconds.look), crowd)
    started = time.perf_counter()
    await asyncio.gather(crowd.grow(connections), till.at_full_speed(1, seconds.look / 5))
    print(f"| {connections:,} connected in {time.perf_counter() - started:.1f} s |||||", flush=True)
    dripping = asyncio.create_task(crowd.drip_on(seconds.drip))
    report("all connected", await till.at_full_speed(1, seconds.look), crowd)
    report(f"{seconds.head:g} s later", await till.at_full_speed(1, seconds.head + 1), crowd)
    report(f"{seconds.idle:g} s later", await till.at_full_speed(1, seconds.idle), crowd)
    dripping.cancel()
    left = crowd.left()
    crowd.close()
    till.close()
    assert left == (0, 0), left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs; figures mean nothing")
    options = parser.parse_args()
    connections, seconds = options.connections, QUICK if options.quick else Seconds()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard > connections + 600, f"this process may open {hard} files only: ulimit -n"

    def start(folder: Path) -> ServerProcess:
        limits = ("--idle-seconds-max", str(seconds.idle), "--head-seconds-max", str(seconds.head))
        return ServerProcess(folder, *limits)

    with tempfile.TemporaryDirectory() as name:
        ours = Ours(Path(name), start)
        try:
            print(harness.machine(Path(name)), end="\n\n")
            print("| | till: requests /s | ms: p50, p99, longest | silent, slow connections left | resident MB |")
            print("|---|---:|---:|---:|---:|")

            def report(when: str, outcome: Outcome, crowd: Crowd) -> None:
                each = outcome.accepted
                times = f"{milliseconds(each, 50):.1f}, {milliseconds(each, 99):.1f}, {1e3 * max(each):.0f}"
                silent, slow = crowd.left()
                resident = resident_mb(ours.server.process.pid)
                print(f"| {when} | {outcome.rate:,.0f} | {times} | {silent:,}, {slow:,} | {resident:.0f} |", flush=True)
                assert not outcome.broken
                assert not outcome.refused

            asyncio.run(_run(ours, connections, seconds, report))
        finally:
            ours.server.terminate()
        ours.check()


if __name__ == "__main__":
    main()
