"""A disk that fails on demand under the real server, and what it holds after a power cut. See `disk_faults.c`."""

import errno
import functools
import mmap
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest

from support.process import ServerProcess

SOURCE: Final = Path(__file__).with_name("disk_faults.c")
KINDS: Final = ("read", "write", "sync", "truncate", "open")
"""The kinds of call that can be made to fail, in the order of the control file."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong: the errno with which each kind of call fails."""

    name: str
    errors: Mapping[str, int]
    readable: bool = True
    """Whether what the server knows can be read meanwhile."""


FULL: Final = Fault("full", MappingProxyType({"write": errno.ENOSPC, "open": errno.ENOSPC}))
SYNC: Final = Fault("failing fsync", MappingProxyType({"sync": errno.EIO}))
WRITE_ERROR: Final = Fault("failing writes", MappingProxyType({"write": errno.EIO, "truncate": errno.EIO}))
GONE: Final = Fault("gone", MappingProxyType(dict.fromkeys(KINDS, errno.EIO)), readable=False)
READ_ONLY: Final = Fault(
    "read-only", MappingProxyType(dict.fromkeys(("write", "sync", "truncate", "open"), errno.EROFS))
)
FAULTS: Final = (FULL, SYNC, WRITE_ERROR, GONE, READ_ONLY)


@functools.cache
def _library() -> Path:
    """The shim, compiled; skips the test where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler: the failing disk is written in C")
    library = Path(tempfile.mkdtemp(prefix="disk-faults-")) / "disk_faults.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl", "-lpthread"]
    subprocess.run(command, check=True)
    return library


class FailingDisk:
    """The disk below a data folder. Works until told otherwise; `trace`, if given, notes what is written and synced."""

    def __init__(self, folder: Path, data: Path, *, traced: bool = False) -> None:
        self.data = data
        self.trace = folder / "trace"
        self._library = _library()
        self._control_path = folder / "control"
        self._control_path.write_bytes(bytes(32))
        self._traced = traced
        with self._control_path.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), 32)

    def start(self) -> ServerProcess:
        """A server whose data is on this disk."""
        variables = {
            "LD_PRELOAD": str(self._library),
            "DISK_FAULTS_FOLDER": f"{self.data}/",
            "DISK_FAULTS_CONTROL": str(self._control_path),
        }
        if self._traced:
            variables["DISK_FAULTS_TRACE"] = str(self.trace)
        with _environment(variables):
            return ServerProcess(self.data)

    def fail(self, fault: Fault) -> None:
        struct.pack_into("5i", self._control, 0, *(fault.errors.get(kind, 0) for kind in KINDS))

    def heal(self) -> None:
        struct.pack_into("5i", self._control, 0, 0, 0, 0, 0, 0)

    @property
    def struck(self) -> int:
        """How many calls have failed."""
        (count,) = struct.unpack_from("i", self._control, 20)
        return int(count)

    @property
    def noted(self) -> int:
        """How much of the trace there is: whatever comes later happens later."""
        return self.trace.stat().st_size


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
