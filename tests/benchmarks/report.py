"""What a benchmark is asked and what it tells: its size, its tables, and whether its figures reach what is promised."""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import harness


@dataclass(frozen=True)
class Size:
    """How much one round does, and how many rounds count."""

    rounds: int
    bulks: int
    singles: int
    seconds: int
    """How long requests come on a schedule."""
    entries: tuple[int, int, int]
    """How long histories are."""


FULL = Size(rounds=25, bulks=5, singles=200, seconds=30, entries=(10, 10_000, 1_000_000))
QUICK = Size(rounds=2, bulks=1, singles=40, seconds=1, entries=(10, 100, 1_000))


@dataclass(frozen=True)
class Reach:
    """One figure of a benchmark, and what it is to reach."""

    work: str
    against: str
    figure: float
    bound: float
    unit: str = "x"
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.figure <= self.bound if self.at_most else self.figure >= self.bound

    def row(self) -> str:
        side = "at most" if self.at_most else "at least"
        figure, bound = (f"{value:,.2f}{self.unit}" for value in (self.figure, self.bound))
        return f"| {self.work} | {self.against} | {side} {bound} | {figure} | {'met' if self.met else 'falls short'} |"


@dataclass(frozen=True)
class Report:
    """What a benchmark found, in Markdown."""

    text: str
    reaches: tuple[Reach, ...]


class NotPossible(Exception):
    """What a benchmark needs is not there. Says what."""


Measure = Callable[[Path, Size], Report]
"""A benchmark: it puts its databases into the folder, and raises unless all work was done and done rightly.

Raises NotPossible.
"""


def asked(doc: str | None) -> tuple[Size, Path | None]:
    """What the command line asks for: how much, and where to put the databases."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, help=f"rounds to count (default {FULL.rounds})")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs; figures mean nothing")
    parser.add_argument("--folder", type=Path, help="where to put the databases (default: the temporary folder)")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    return replace(size, rounds=options.rounds or size.rounds), options.folder


def run(measure: Measure, size: Size, parent: Path | None) -> Report:
    """Run a benchmark in a folder of its own; its report starts with what is known of the machine."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=parent) as name:
        facts = harness.machine(Path(name))
        try:
            found = measure(Path(name), size)
        except NotPossible as reason:
            return Report(str(reason), ())
    return replace(found, text=f"{facts}\n\n{found.text}\nTook {time.monotonic() - started:,.0f} s.")


def main(measure: Measure, doc: str | None) -> None:
    """Run one benchmark by itself and print its report."""
    size, parent = asked(doc)
    report = run(measure, size, parent)
    print(report.text)
    if report.reaches:
        print(f"\n{table(report.reaches)}")


def table(reaches: Iterable[Reach]) -> str:
    heading = ["| work | against | reach | figure | |", "|---|---|---:|---:|---|"]
    return "\n".join([*heading, *(reach.row() for reach in reaches)])
