"""The benchmarks run and print their tables. What the figures are is no test's business."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.all import BENCHMARKS

ALL = Path(__file__).with_name("all.py")
DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def test_every_benchmark_is_run_and_described() -> None:
    """What measures stands in the one command and in the document."""
    measuring = {path.stem for path in ALL.parent.glob("*.py") if "\ndef measure(" in path.read_text("utf-8")}
    assert measuring == {module.__name__.rpartition(".")[2] for _, module in BENCHMARKS}
    described = DOCUMENT.read_text("utf-8")
    assert [name for name in sorted(measuring) if f"(../tests/benchmarks/{name}.py)" not in described] == []


@pytest.mark.timeout(300)
def test_every_benchmark_runs_and_all_its_contenders_have_done_the_work() -> None:
    """Anyone can run them: each ends well only if all databases hold what they must and ours is sound."""
    command = [sys.executable, str(ALL), "--quick"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert ended.returncode == 0, ended.stderr
    reached, *sections = re.split(r"^### .*\n\n`python tests/benchmarks/(\w+)\.py`$", ended.stdout, flags=re.MULTILINE)
    found = dict(zip(sections[::2], sections[1::2], strict=True))
    contenders = {
        "redemptions": ["erply-points over HTTP", "bare sqlite3 loop", "obvious implementation over HTTP"] * 5,
        "triples": ["erply-points over HTTP", "bare sqlite3 loop"],
        "slow_fsync": ["every fsync 1 ms slower", "as it is"] * 2 if shutil.which("cc") else [],
        "open_loop": [],
        "histories": ["10 entries", "100 entries", "1,000 entries"] * 4,
        "sizes": ["1 sub-request", "10 sub-requests", "100 sub-requests"],
        "retries": ["with a key", "without"] * 6 + ["first answer given again"],
    }
    assert found.keys() == contenders.keys()
    for name, expected in contenders.items():
        for contender in expected:
            assert found[name].count(f"| {contender} |") == expected.count(contender), (name, contender)
    assert len(re.findall(r"\| (met|falls short) \|$", reached, re.MULTILINE)) == (21 if shutil.which("cc") else 20)
