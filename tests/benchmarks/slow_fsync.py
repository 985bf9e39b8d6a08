"""What a slower disk costs: redemptions on 32 connections, with every fsync a millisecond slower and without.

Asked because all who wait share one commit (group commit), so that a slow disk makes each wait and hardly slows the
whole: 32 connections are to keep at least 0.8 of the speed. Two servers are measured in turn, one of them with a small
library loaded before the C library (`slow_fsync.c`), which is compiled here. On one connection nobody shares, so there
the millisecond must show: that proves that the library works. Run: python tests/benchmarks/slow_fsync.py
"""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import harness, report
from benchmarks.harness import Contender, Workload
from benchmarks.redemptions import RICH_CUSTOMERS, over_http
from benchmarks.report import NotPossible, Reach, Report, Size
from benchmarks.servers import Ours, shuffled_forever

SLOW: Final = "every fsync 1 ms slower"
PLAIN: Final = "as it is"
SOURCE: Final = Path(__file__).with_suffix(".c")
CONNECTIONS: Final = 32


def library(folder: Path) -> Path:
    """Compile the library that slows the disk down. Raises NotPossible."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        raise NotPossible("Not measured: slowing the disk down takes Linux and a C compiler, `cc`.")
    made = folder / "slow_fsync.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(made), str(SOURCE), "-ldl"], check=True)
    return made


def _server(folder: Path, stack: ExitStack) -> Ours:
    folder.mkdir()
    ours = Ours(folder)
    stack.callback(ours.server.terminate)
    return ours


def _workloads(servers: dict[str, Ours], size: Size) -> list[Workload]:
    filled = {name: ours.fill(RICH_CUSTOMERS, [10**6]) for name, ours in servers.items()}

    def work(name: str, connections: int) -> harness.Work:
        source = random.Random(20_260_104)  # noqa: S311 - a repeatable order
        customers = shuffled_forever(filled[name], source)
        encode: Callable[..., bytes] = servers[name].redemption
        encoded = [[encode([(next(customers), 1)]) for _ in range(size.singles)] for _ in range(size.rounds + 1)]
        return over_http(servers[name].server.url, encoded, connections)

    return [
        Workload(
            f"single call, {connections} connection{'s' if connections > 1 else ''}",
            "request",
            size.singles,
            [Contender(name, work(name, connections)) for name in servers],
        )
        for connections in (1, CONNECTIONS)
    ]


def measure(folder: Path, size: Size) -> Report:
    preloaded = {"LD_PRELOAD": str(library(folder))}
    with ExitStack() as stack:
        with mock.patch.dict(os.environ, preloaded):
            slow = _server(folder / "slow", stack)
        servers = {SLOW: slow, PLAIN: _server(folder / "plain", stack)}
        alone, crowd = _workloads(servers, size)
        table = harness.run([alone, crowd], size.rounds, compared="speed kept")
    for ours in servers.values():
        ours.check()
    quickest = min(alone.contenders[0].seconds) / size.singles
    assert quickest >= 0.001, "the library that slows the disk down had no effect"
    text = f"""{table}

Microseconds per request, {size.rounds} rounds of {size.singles} calls; `erply-points check` finds both sound.
Speed kept: that with the slower disk as a part of that without."""
    return Report(text, (Reach(f"{crowd.name}, {SLOW}", PLAIN, crowd.ratio(PLAIN), 0.8),))


if __name__ == "__main__":
    report.main(measure, __doc__)
