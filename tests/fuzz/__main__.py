"""`python tests/fuzz --inputs 1000000 --seed 1`: the long run of `harness.py`, with a table at the end."""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

import click
from argon2 import PasswordHasher

from erply_points.accounts import passwords
from erply_points.calls.registry import CALLS
from fuzz import harness


def main() -> None:
    """Exit status 0 if every promise held; else the input that broke one is printed, and how to send it again."""
    parser = argparse.ArgumentParser(description=harness.__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--inputs", type=int, default=int(os.environ.get("ERPLY_POINTS_FUZZ_INPUTS", "20000")))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first-round", type=int, default=0, help="begin with this round of the seed")
    parser.add_argument("--rss-max", type=float, default=500, metavar="MB", help="memory that ends the run")
    chosen = parser.parse_args()
    # Passwords cost next to nothing here: what they cost is not what is looked for.
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # type: ignore[misc]  # for this run
    tally = harness.run(chosen.seed, chosen.inputs, first_round=chosen.first_round, rss_max_mb=chosen.rss_max, say=True)
    lines = [
        f"{tally.inputs} inputs, {tally.bytes_sent / 1e6:.0f} MB, {tally.seconds:.0f} s, seed {chosen.seed}",
        f"slowest answer {tally.slowest * 1_000:.0f} ms; memory {tally.rss_mb[0]:.0f} MB after the first round,"
        f" {tally.rss_mb[-1]:.0f} MB after the last, {tally.peak_mb:.0f} MB at most",
    ]
    for title, counts in (("kinds", tally.kinds), ("HTTP", tally.statuses), ("codes", tally.codes)):
        lines.append(f"{title}: {', '.join(f'{name} {count}' for name, count in sorted(counts.items()))}")
    rarest = sorted(CALLS, key=lambda name: tally.done[name])[:5]
    lines.append(f"calls that succeeded: {sum(name in tally.done for name in CALLS)} of {len(CALLS)}; rarest:")
    lines.append(", ".join(f"{name} {tally.done[name]}" for name in rarest))
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
