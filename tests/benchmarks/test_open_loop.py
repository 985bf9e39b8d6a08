"""What the client on a schedule measures."""

import socketserver
import threading
import time
from contextlib import ExitStack

import pytest

from benchmarks.open_loop import PER_SECOND, OpenLoop, percentile

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
PAUSE_SECONDS = 0.3


class _PausingServer(socketserver.ThreadingTCPServer):
    """Answers at once, but for one pause in which nobody is answered."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answering = threading.Lock()
        self.requests = 0


class _Handler(socketserver.BaseRequestHandler):
    server: _PausingServer

    def handle(self) -> None:
        while self.request.recv(4_096):
            with self.server.answering:
                self.server.requests += 1
                if self.server.requests == 10:
                    time.sleep(PAUSE_SECONDS)
            self.request.sendall(ANSWER)


def test_a_pause_is_felt_by_all_who_were_due_meanwhile() -> None:
    """Requests are sent and timed by the schedule: a pause is not hidden by waiting for it to end."""
    with _PausingServer() as server, ExitStack() as stack:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        stack.callback(server.shutdown)
        loop = OpenLoop(f"http://127.0.0.1:{server.server_address[1]}", stack)
        loop.run([b"x"] * 60, lambda body: body == b"{}")
    felt = [latency for latency in loop.timings.latency if latency >= PAUSE_SECONDS / 3]
    assert len(loop.timings.latency) == len(loop.timings.lateness) == 60
    assert len(felt) >= PER_SECOND * PAUSE_SECONDS / 2
    assert loop.timings.connections > len(felt) / 2


@pytest.mark.parametrize(("part", "expected"), [(0.5, 50.0), (0.9, 90.0), (0.99, 99.0), (1.0, 100.0), (0.001, 1.0)])
def test_percentiles_are_values_that_were_measured(part: float, expected: float) -> None:
    """The p99 of a hundred values is the ninety-ninth."""
    assert percentile([float(value) for value in range(100, 0, -1)], part) == expected
