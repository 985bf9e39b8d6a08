"""All benchmarks, one after the other; prints the figures of docs/benchmarks.md, in Markdown.

Takes about five minutes, on a machine that does nothing else. Run: python tests/benchmarks/all.py
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import histories, open_loop, redemptions, report, retries, sizes, slow_fsync, triples
from benchmarks.report import Report

BENCHMARKS: Final[Sequence[tuple[str, ModuleType]]] = (
    ("Redemptions", redemptions),
    ("Receipt, redemption, balance", triples),
    ("A slower disk", slow_fsync),
    ("On a schedule", open_loop),
    ("Long histories", histories),
    ("Sizes of a bulk", sizes),
    ("Keys", retries),
)


def page(reports: Sequence[Report]) -> str:
    """First what was reached, then what each benchmark printed."""
    parts = [report.table(reach for each in reports for reach in each.reaches)]
    for (title, module), each in zip(BENCHMARKS, reports, strict=False):  # Fewer if one of them failed.
        parts += [f"### {title}", f"`python tests/benchmarks/{module.__name__.rpartition('.')[2]}.py`", each.text]
    return "\n\n".join(parts)


def main() -> None:
    size, parent = report.asked(__doc__)
    reports: list[Report] = []
    started = time.monotonic()
    try:
        for title, module in BENCHMARKS:
            print(f"{title} ...", file=sys.stderr, flush=True)
            reports.append(report.run(module.measure, size, parent))
    finally:
        print(page(reports))
    print(f"\nAll of it took {time.monotonic() - started:,.0f} s.")


if __name__ == "__main__":
    main()
