"""The benchmark of keys runs and prints its table. What the figures are is no test's business."""

import subprocess
import sys
from pathlib import Path


def test_the_benchmark_runs_and_every_key_has_its_answer() -> None:
    """Anyone can run it: it ends well only if every redemption is there once and every key has its first answer."""
    command = [sys.executable, str(Path(__file__).with_name("retries.py")), "--quick"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    for contender in ("with a key", "without"):
        assert ended.stdout.count(f"| {contender} |") == 6
    assert ended.stdout.count("| first answer given again |") == 1
    assert "redemptions are there once each" in ended.stdout
