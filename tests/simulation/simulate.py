"""A simulation: seeded lives of accounts, each held to a small independent oracle.

Asked because what goes wrong in a ledger goes wrong where returns, expiry, retries, faults and clocks meet, in orders
that nobody thinks of. Run: python tests/simulation/simulate.py --seed 1 --steps 500000

Each life is a fresh account on the real application and its real SQLite store (`server`), from which some thousand
sub-requests are asked in bulks, by several clients at once (`drawing`), while time passes and steps back and
transactions fail; what must hold all the while stands numbered in `life`. A life depends on the seed and its own
number alone, so one that failed is found again by itself: --life. The digests are those of all that was sent and
answered: the same seed gives the same.
"""

import argparse
import asyncio
import hashlib
import logging
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from simulation.life import Lived, live

PROGRESS_SECONDS: Final = 30
BATCH: Final = 16
"""Lives that each process is given at a time."""


def one_life(number: int, seed: int, folder: Path | None) -> Lived:
    # Of the faults that were planned there is no need to tell.
    logging.getLogger("erply_points").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        return asyncio.run(live(seed, number, Path(name)))


def lives(seed: int, folder: Path | None, processes: int) -> Generator[Lived]:
    """One after the other, for ever."""
    numbers = iter(range(sys.maxsize))
    if processes == 1:
        yield from (one_life(number, seed, folder) for number in numbers)
    with multiprocessing.Pool(processes) as pool:
        while True:
            batch = [next(numbers) for _ in range(BATCH * processes)]
            yield from pool.imap(partial(one_life, seed=seed, folder=folder), batch)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=20_000, help="end with the life in which so many are reached")
    parser.add_argument("--life", type=int, help="this one alone")
    parser.add_argument("--processes", type=int, default=1, help="lives at the same time; changes nothing else")
    parser.add_argument(
        "--folder", type=Path, help="where the accounts are, such as /dev/shm (default: the temporary folder)"
    )
    options = parser.parse_args()
    started = told = time.monotonic()
    counts: Counter[str] = Counter()
    history = hashlib.sha256()
    first = options.life or 0
    if options.life is None:
        following = lives(options.seed, options.folder, options.processes)
    else:
        following = (one_life(number, options.seed, options.folder) for number in [first])
    for number, lived in enumerate(following, first):
        counts += lived.counts + Counter({"lives": 1, "steps": lived.steps})
        history.update(lived.digest.encode())
        if lived.failure:
            print(f"{lived.failure}\n\nLife {number} of seed {options.seed} went wrong in step {lived.steps}. Again:")
            print(f"python tests/simulation/simulate.py --seed {options.seed} --life {number}")
            return 1
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            print(f"{counts['steps']:,} steps", flush=True)
        if counts["steps"] >= options.steps:
            break
    following.close()  # Now the others' processor time is counted.
    print("\n".join(f"{count:>11,} {what}" for what, count in sorted(counts.items(), key=lambda each: -each[1])))
    seconds = time.monotonic() - started
    print(f"Seed {options.seed}: {counts['steps']:,} steps in {seconds:,.0f} s, all as foretold.")
    print(f"Digest {history.hexdigest()[:16]}, {os.times().user + os.times().children_user:,.0f} s of processor time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
