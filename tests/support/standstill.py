"""Processes that stop where they stand, as those of a host that hangs: connections stay open, and nobody answers."""

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest


def _processes() -> Iterator[tuple[int, int]]:
    """All processes and their parents."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text("utf-8", "replace")
            except OSError:  # It has ended.
                continue
            yield int(entry.name), int(stat.rpartition(")")[2].split()[1])


def families(roots: Iterable[int]) -> list[int]:
    """Those of the processes that are there and all that they have started, parents first. Linux."""
    parents = dict(_processes())
    tree = [root for root in roots if root in parents]
    for process in tree:  # It grows meanwhile.
        tree += [child for child, parent in parents.items() if parent == process and child not in tree]
    return tree


def send(process: int, number: signal.Signals) -> bool:
    """Whether there was such a process."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def standstill(root: int) -> Iterator[None]:
    """A process and all that it has started stand still inside, and go on afterwards. Skips the test outside Linux."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("finds processes as Linux shows them")
    stopped: list[int] = []
    try:
        for _ in range(2):  # Twice, for what was being started.
            stopped += [each for each in families([root]) if each not in stopped and send(each, signal.SIGSTOP)]
        yield
    finally:
        for process in stopped:
            send(process, signal.SIGCONT)
