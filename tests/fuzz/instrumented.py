"""The part of `guided.py` that runs under atheris, in a process of its own: libFuzzer ends the process that it is in.

`python tests/fuzz/instrumented.py TARGET FILE [libFuzzer's options] FOLDER`. FILE is where the server's target keeps
what it was sent. Only what is imported inside `instrument_imports` reports its branches.
"""

import importlib
import sys
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))


def main() -> None:
    """Fuzz until an option of libFuzzer's says stop, or an exception does."""
    atheris: Any = importlib.import_module("atheris")
    name, since, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["erply_points", "python_multipart", "starlette.formparsers"]):
        target = importlib.import_module("fuzz.target")
        changes = importlib.import_module("fuzz.changes")

    def change(data: bytes, size_max: int, seed: int) -> bytes:
        changed: bytes = changes.changed(
            data,
            Random(seed),  # noqa: S311 - repeatable
            size_max,
            lambda given: atheris.Mutate(given, size_max),
        )
        return changed

    running = target.Checks() if name == "checks" else target.Server(Path(since))
    running.__enter__()  # No block: the process ends inside libFuzzer.

    def one(data: bytes) -> None:
        try:
            running(data)
        except BaseException as error:
            running.__exit__(type(error))  # Threads that still wait would keep the process from telling what it found.
            raise

    atheris.Setup([sys.argv[0], *options], one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
