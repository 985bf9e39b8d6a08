"""A PostgreSQL cluster of the tests' own: made from the installed server's programs, thrown away afterwards.

PostgreSQL refuses to run as root: there the cluster belongs to `nobody`. It listens on a Unix socket in its own
folder and on a free port of the loopback address, and trusts whoever comes. It ends with this process at the latest.
"""

import atexit
import contextlib
import ctypes
import functools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import pytest

from support.standstill import standstill

REQUIRED: Final = "ERPLY_POINTS_REQUIRE_POSTGRES"
"""Environment variable: with 1, tests that need PostgreSQL fail where there is none instead of being skipped."""

START_SECONDS: Final = 30.0
_PR_SET_PDEATHSIG: Final = 1

_QUICK: Final = {"fsync": "off", "full_page_writes": "off"}
_DURABLE: Final = {"fsync": "on", "full_page_writes": "on"}


class NoPostgres(Exception):
    """There are no programs to make a cluster with."""


@functools.cache
def programs() -> Path:
    """The folder of the newest server's programs. Raises NoPostgres."""
    candidates = []
    if config := shutil.which("pg_config"):
        found = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        candidates.append(Path(found.stdout.strip()))
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    candidates += newest_first
    if initdb := shutil.which("initdb"):
        candidates.append(Path(initdb).resolve().parent)
    for folder in candidates:
        if all((folder / name).is_file() for name in ("initdb", "postgres")):
            return folder
    raise NoPostgres("no PostgreSQL server is installed: neither initdb nor postgres was found")


def as_nobody() -> dict[str, Any]:
    """What makes `subprocess` run a program without root's rights, where this process has them."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def own_folder(prefix: str) -> Path:
    """A new folder that `as_nobody` may write in: short, for the path of a socket, and nobody else's."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if identity := as_nobody():
        os.chown(folder, identity["user"], identity["group"])
    return folder


def _die_with(parent: int) -> Callable[[], None]:
    """Run in the child: have the kernel stop it when the parent ends, where the kernel can (Linux)."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)

    def ask() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(signal.SIGQUIT))
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGQUIT)

    return ask


class Cluster:
    """A running cluster. `durable` waits for the disk as a real one does; otherwise a crash may lose everything."""

    def __init__(self, *, durable: bool = False, **options: str) -> None:
        self.folder = own_folder("erply-pg-")
        self.port = free_port()
        self.programs = programs()
        self._options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            "log_min_messages": "warning",
            **(_DURABLE if durable else _QUICK),
            **options,
        }
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._make()
            self.start()
        except BaseException:
            self.remove()
            raise

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def url(self, database: str = "postgres") -> str:
        """By the Unix socket."""
        return f"postgresql:///{database}?user=points&host={self.folder}&port={self.port}"

    def tcp_url(self, database: str = "postgres", password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://points{secret}@127.0.0.1:{self.port}/{database}"

    def _make(self) -> None:
        # Text in another order than that of its bytes, so that what relies on either shows.
        order = ["--locale-provider=icu", "--icu-locale=und"] if self._version() >= 15 else []
        made = subprocess.run(
            [
                *(self.programs / "initdb", "--pgdata", self.folder / "data", "--no-sync", "--username=points"),
                *("--auth=trust", "--encoding=UTF8", "--locale=C", *order),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            **as_nobody(),
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")

    def _version(self) -> int:
        shown = subprocess.run([self.programs / "postgres", "--version"], capture_output=True, text=True, check=True)
        found = re.search(r"\d+", shown.stdout)
        assert found is not None, shown.stdout
        return int(found[0])

    def start(self) -> None:
        """Returns when it takes connections."""
        options = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - the tests start it before any thread of theirs
                **as_nobody(),
            )
        ready = self.folder / "data" / "postmaster.pid"
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError, IndexError):
                if ready.read_text().splitlines()[7].strip() == "ready":
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the cluster did not start:\n{self.log}")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT cuts connections off; SIGQUIT is a crash, after which it recovers from its log."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(timeout=START_SECONDS)

    def crash(self) -> None:
        """As a power cut, but for the disk."""
        self.stop(signal.SIGQUIT)

    def standstill(self) -> AbstractContextManager[None]:
        """Its host hangs inside: every process stands still."""
        assert self._process is not None
        return standstill(self._process.pid)

    def remove(self) -> None:
        try:
            self.crash()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


_shared: list[Cluster] = []


def shared_cluster() -> Cluster:
    """One for all tests of this process, which ends with it. It does not wait for the disk."""
    check_installed()
    if not _shared:
        _shared.append(Cluster())
        atexit.register(_shared[0].remove)
    return _shared[0]


@contextlib.contextmanager
def cluster(*, durable: bool = False, **options: str) -> Iterator[Cluster]:
    """A cluster for as long as the block runs. Skips the test, with the reason, where there is no PostgreSQL."""
    check_installed()
    made = Cluster(durable=durable, **options)
    try:
        yield made
    finally:
        made.remove()


def check_installed() -> None:
    """Skip the test where there is no PostgreSQL; fail it where there must be."""
    try:
        programs()
        pytest.importorskip("asyncpg", reason="asyncpg is not installed: pip install 'erply-points[postgres]'")
    except (NoPostgres, pytest.skip.Exception) as missing:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{missing}, and {REQUIRED}=1 says that it must be there")
        pytest.skip(str(missing))
