"""The commands of docs/reliability.md run. What the figures are is no test's business."""

import subprocess
import sys
from pathlib import Path

import pytest

LINUX = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read where Linux shows it")


def run(command: str, *options: str) -> str:
    """What a command prints; it ends well only if all that it checks is so."""
    line = [sys.executable, str(Path(__file__).with_name(command)), *options]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_overload() -> None:
    """More is offered than can be done: what was accepted is there once, and nothing else."""
    printed = run("overload.py", "--quick")
    assert all(f"| {kind} |" in printed for kind in ("receipts", "bulks of 100 redemptions", "single redemptions"))
    assert "none that was refused" in printed


@LINUX
def test_memory() -> None:
    """A mix of requests on many connections, all of them done, and the account is sound."""
    assert "resident: " in run("memory.py", "--quick")


@LINUX
def test_idle_connections() -> None:
    """A till is served among silent and slow connections, and all of those are cut off."""
    assert "| 1.5 s later |" in run("idle.py", "--quick", "--connections", "200")
