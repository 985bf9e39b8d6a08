"""The benchmark on PostgreSQL runs and prints its table. What the figures are is no test's business."""

import subprocess
import sys
from pathlib import Path

from support.postgres import check_installed


def test_the_benchmark_runs_and_everybody_has_done_the_work() -> None:
    """Anyone who has PostgreSQL can run it: it ends well only if the check finds all three accounts sound."""
    check_installed()
    command = [sys.executable, str(Path(__file__).with_name("postgres.py")), "--quick"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("| erply-points over HTTP |") == 3
    assert ended.stdout.count("| obvious implementation over HTTP |") == 2
    assert "finds all three accounts sound" in ended.stdout
