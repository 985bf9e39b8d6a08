"""How much memory the server holds under load, and whether it grows.

Tills send a mix of receipts, balances, redemptions and bulks on 32 connections for ten minutes. The resident memory of
the server's process is read every few seconds; its growth is that of a line through the second half of the run.

Run: python tests/reliability/memory.py --minutes 10 (Linux)
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import uvloop

from benchmarks import harness
from benchmarks.servers import Ours
from reliability.processes import resident_mb
from reliability.traffic import Outcome, Tills, Traffic

CONNECTIONS = 32
SAMPLES = 120


async def _sample(pid: int, seconds: float, found: list[tuple[float, float]]) -> None:
    started = time.perf_counter()
    for number in range(SAMPLES):
        await asyncio.sleep(started + (number + 1) * seconds / SAMPLES - time.perf_counter())
        found.append(((time.perf_counter() - started) / 60, resident_mb(pid)))


async def _load(ours: Ours, customers: int, seconds: float) -> tuple[Outcome, list[tuple[float, float]]]:
    traffic = Traffic(ours.server.url, Tills(ours, customers, seed=1).mixed, CONNECTIONS, ours.server.process.pid)
    found: list[tuple[float, float]] = []
    outcome, _ = await asyncio.gather(
        traffic.at_full_speed(CONNECTIONS, seconds), _sample(ours.server.process.pid, seconds, found)
    )
    traffic.close()
    return outcome, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs; figures mean nothing")
    options = parser.parse_args()
    minutes = 0.02 if options.quick else options.minutes
    with tempfile.TemporaryDirectory() as name:
        ours = Ours(Path(name))
        try:
            print(harness.machine(Path(name)), flush=True)
            idle = resident_mb(ours.server.process.pid)
            outcome, found = uvloop.run(_load(ours, 100 if options.quick else 1_000, minutes * 60))
        finally:
            ours.server.terminate()
        ours.check()
        size = ours.database.stat().st_size / 1e6
    assert not outcome.refused
    assert not outcome.broken
    half = found[len(found) // 2 :]
    growth, _ = statistics.linear_regression([at for at, _ in half], [mb for _, mb in half])
    print(
        f"resident: {idle:.0f} MB before the load, {found[-1][1]:.0f} MB at the end, at most"
        f" {max(mb for _, mb in found):.0f} MB; in the second half {growth:+.2f} MB a minute\n"
        f"{len(outcome.accepted):,} requests in {minutes:g} minutes, {outcome.rate:,.0f} a second;"
        f" the account's file has {size:,.0f} MB"
    )
    print("MB every tenth: " + ", ".join(f"{mb:.0f}" for _, mb in found[SAMPLES // 10 - 1 :: SAMPLES // 10]))


if __name__ == "__main__":
    main()
