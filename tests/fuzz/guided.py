"""Fuzzing guided by coverage: starts from requests of every kind and keeps what reaches new branches of the program.

Where `python tests/fuzz` makes up requests blindly, this changes those further that led somewhere new, their bytes and
their parameters. Needs `pip install -e '.[test,fuzz]'` (atheris and coverage; Linux). Stops by itself:

    python tests/fuzz/guided.py --runs 1000000 --seed 1              through the whole application
    python tests/fuzz/guided.py --runs 1000000 --through checks      as far as the checks, which is faster
    python tests/fuzz/guided.py --input fuzz-findings/crash-1f2e     one input again; needs no atheris

Exit status 1 if a promise was broken (those of `harness.py`): then the input is printed, and how to send it again.
"""

import argparse
import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

import click

ROOT: Final = Path(__file__).parents[2]
TIMEOUT_SECONDS: Final = 25
"""One input that takes longer is a finding."""
_SHOWN: Final = re.compile(r"^#\d+\t(INITED|pulse|DONE)|^stat::|^Done ")
_RUNS: Final = re.compile(r"^Done (\d+) runs in (\d+) second")
_KEPT_LINES: Final = 60
FOLDERS: Final = ("accounts", "bulk", "calls", "dialects", "ledger", "store", "store/sqlite", "web")
"""Folders of the package that a request can reach."""
ELSEWHERE: Final = tuple(
    f"erply_points/{each}.py"
    for each in ("accounts/administration", "accounts/declaration", "store/sqlite/backups", "web/sandbox", "web/faulty")
)
"""Their modules that belong to commands and to the sandbox."""


def main(arguments: list[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--through", choices=("server", "checks"), default="server")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=3_600, help="stop after so many, whatever is left")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rss-max", type=int, default=700, metavar="MB", help="memory that is a finding")
    parser.add_argument("--corpus", type=Path, help="keep what led somewhere new here, and begin with what is there")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--input", type=Path, help="send this input again, to a new account")
    again.add_argument("--since", type=Path, help="send again all that came since the last new account")
    chosen = parser.parse_args(arguments)
    if chosen.input or chosen.since:
        return _again(chosen)
    with tempfile.TemporaryDirectory() as folder:
        return _fuzz(chosen, Path(folder))


def _target() -> Any:
    return importlib.import_module("fuzz.target")


def _again(chosen: argparse.Namespace) -> int:
    target = _target()
    sent = [chosen.input.read_bytes()] if chosen.input else list(target.sent_since(chosen.since))
    with target.TARGETS[chosen.through]() as run:
        for data in sent:
            run(data)
    click.echo(f"{len(sent)} inputs, nothing found")
    return 0


def _fuzz(chosen: argparse.Namespace, folder: Path) -> int:
    packed = importlib.import_module("fuzz.packed")
    corpus = (chosen.corpus or folder / "corpus").resolve()
    for name in (corpus, folder / "seeds", folder / "tmp", folder / "found"):
        name.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(packed.seeds()):
        (folder / "seeds" / f"{number:04}").write_bytes(seed)
    (folder / "words").write_text("".join(f'"{word}"\n' for word in packed.words()), "utf-8")
    options = {
        "runs": chosen.runs,
        "max_total_time": chosen.seconds,
        "seed": chosen.seed,
        "max_len": packed.SIZE_MAX,
        "timeout": TIMEOUT_SECONDS,
        "rss_limit_mb": chosen.rss_max,
        "dict": folder / "words",
        "artifact_prefix": f"{folder / 'found'}/",
        "print_final_stats": 1,
    }
    since = folder / "since"
    command = [
        *(sys.executable, str(Path(__file__).with_name("instrumented.py")), chosen.through, str(since)),
        *(f"-{name}={value}" for name, value in options.items()),
        *(str(corpus), str(folder / "seeds")),
    ]
    status, last = _watched(command, folder / "tmp")
    ran = next((f"{match[1]} inputs in {match[2]} s" for line in last if (match := _RUNS.match(line))), "ended early")
    if status:
        click.echo("\n".join(last))
        _tell(chosen, folder / "found", since)
        return 1
    kept = sorted(corpus.iterdir())
    click.echo(f"{chosen.through}: {ran}, seed {chosen.seed}, nothing found; {len(kept)} inputs led somewhere new")
    everything = [*sorted((folder / "seeds").iterdir()), *kept]
    _reached(chosen.through, [each.read_bytes() for each in everything], folder)
    return 0


def _watched(command: list[str], temporary: Path) -> tuple[int, list[str]]:
    """Run the fuzzer and show how far it is: its exit status and the last it said."""
    last: list[str] = []
    environment = {**os.environ, "TMPDIR": str(temporary)}
    started = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout
        for line in process.stdout:
            last = [*last[1 - _KEPT_LINES :], line.rstrip()]
            if _SHOWN.match(line):
                click.echo(f"{time.monotonic() - started:6.0f} s  {line.rstrip()}", err=True)
    return process.returncode, last


def _tell(chosen: argparse.Namespace, found: Path, since: Path) -> None:
    """Keep what was found, and say how to see it again."""
    chosen.findings.mkdir(parents=True, exist_ok=True)
    again = f"python tests/fuzz/guided.py --through {chosen.through}"
    for each in sorted(found.iterdir()):
        kept = shutil.copy(each, chosen.findings)
        click.echo(f"input: {each.read_bytes()!r}\nagain: {again} --input {shlex.quote(str(kept))}")
    if since.exists():
        kept = shutil.copy(since, chosen.findings / f"since-{chosen.seed}")
        click.echo(f"with all that came before it: {again} --since {shlex.quote(str(kept))}")


def _reached(through: str, inputs: list[bytes], folder: Path) -> None:
    """Run what was kept once more, in a process that coverage watches, and print how much of the program it reaches."""
    (folder / "kept").write_bytes(b"".join(map(_target().framed, inputs)))
    coverage = [sys.executable, "-m", "coverage"]
    data, report = f"--data-file={folder / 'coverage'}", folder / "report.json"
    again = [str(Path(__file__)), "--through", through, "--since", str(folder / "kept")]
    subprocess.run([*coverage, "run", "--branch", "--source=erply_points", data, *again], cwd=ROOT, check=True)
    subprocess.run([*coverage, "json", "-q", data, "-o", str(report)], cwd=ROOT, check=True)
    sums = {name: Counter[str]() for name in FOLDERS}
    for file, found in json.loads(report.read_text("utf-8"))["files"].items():
        name = file.removeprefix("erply_points/").rpartition("/")[0]
        if name in sums and file not in ELSEWHERE:
            sums[name].update({key: value for key, value in found["summary"].items() if isinstance(value, int)})
    for name, numbers in sums.items():
        lines, branches = (
            f"{numbers[hit]:>6} of {numbers[out_of]:>5} {said}"
            for hit, out_of, said in (
                ("covered_lines", "num_statements", "lines"),
                ("covered_branches", "num_branches", "branches"),
            )
        )
        click.echo(f"{name:<14}{lines}{branches}")


if __name__ == "__main__":
    sys.exit(main())
