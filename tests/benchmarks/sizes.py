"""How the time of a bulk grows with its size: 1, 10 and 100 redemptions.

Asked because a bulk is to pay: ten times the sub-requests take at most ten times the time. All sizes are sent to one
server in turn. Run: python tests/benchmarks/sizes.py
"""

import random
import statistics
import sys
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import harness, report
from benchmarks.harness import Contender, Workload
from benchmarks.redemptions import RICH_CUSTOMERS, over_http
from benchmarks.report import Reach, Report, Size
from benchmarks.servers import Ours, shuffled_forever

SIZES: Final = (1, 10, 100)


def _workload(ours: Ours, size: Size) -> Workload:
    source = random.Random(20_260_105)  # noqa: S311 - a repeatable order
    customers = shuffled_forever(ours.fill(RICH_CUSTOMERS, [10**6]), source)
    bulks = 4 * size.bulks

    def work(sub_requests: int) -> harness.Work:
        encoded = [
            [ours.redemptions([(next(customers), 1) for _ in range(sub_requests)]) for _ in range(bulks)]
            for _ in range(size.rounds + 1)
        ]
        return over_http(ours.server.url, encoded, connections=1)

    return Workload("bulk", "bulk", bulks, [Contender(_name(each), work(each)) for each in SIZES])


def _name(sub_requests: int) -> str:
    return f"{sub_requests} sub-request{'s' if sub_requests > 1 else ''}"


def measure(folder: Path, size: Size) -> Report:
    with ExitStack() as stack:
        ours = Ours(folder)
        stack.callback(ours.server.terminate)
        workload = _workload(ours, size)
        table = harness.run([workload], size.rounds, compared="times as long")
    ours.check()
    each = ", ".join(
        f"{statistics.median(contender.seconds) / workload.units / sub_requests * 1e6:,.0f} in a bulk of {sub_requests}"
        for sub_requests, contender in zip(SIZES, workload.contenders, strict=True)
    )
    text = f"""{table}

Microseconds per bulk, {size.rounds} rounds of {workload.units} bulks of each size.
Per sub-request: {each}."""
    reaches = tuple(
        Reach(
            f"bulk of {large}",
            f"bulk of {small}",
            workload.ratio(_name(large), _name(small)),
            large / small,
            at_most=True,
        )
        for small, large in pairwise(SIZES)
    )
    return Report(text, reaches)


if __name__ == "__main__":
    report.main(measure, __doc__)
