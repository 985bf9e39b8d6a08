"""The benchmark runs and prints its table. What the figures are is no test's business."""

import subprocess
import sys
from pathlib import Path


def test_the_benchmark_runs_and_every_contender_has_done_the_work() -> None:
    """Anyone can run the benchmark: it ends well only if all databases hold the same points and ours is sound."""
    command = [sys.executable, str(Path(__file__).with_name("redemptions.py")), "--quick"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    for contender in ("erply-points over HTTP", "bare sqlite3 loop", "obvious implementation over HTTP"):
        assert ended.stdout.count(f"| {contender} |") == 4
    assert "`erply-points check` finds ours sound" in ended.stdout
