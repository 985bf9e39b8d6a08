"""Three PostgreSQL nodes under Patroni with etcd, on loopback, from the programs that are installed.

Each node stands for a host: Patroni, its PostgreSQL and all their processes, which die, stop and come back together.
All of it lives in one temporary folder, belongs to `nobody` where this process is root, and ends with this process.
"""

import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from support import postgres
from support.postgres import as_nobody, free_port, own_folder
from support.standstill import families, send

SCOPE: Final = "points"
USER: Final = "points"
DATABASE: Final = "points"
STOP_SECONDS: Final = 20.0
_PR_SET_PDEATHSIG: Final = 1
_POSTGRES_PROGRAMS: Final = ("postgres", "initdb", "pg_ctl", "pg_basebackup", "pg_rewind", "pg_controldata")


class NotInstalled(Exception):
    """Programs that are needed are not there; says which packages have them."""


class NotReady(Exception):
    """The cluster is not in the state that was waited for."""


@dataclass(frozen=True)
class Programs:
    patroni: str
    etcd: str
    postgres: Path
    """The folder of PostgreSQL's."""

    @classmethod
    def find(cls) -> "Programs":
        """Raises NotInstalled."""
        missing = []
        patroni, etcd = shutil.which("patroni"), shutil.which("etcd")
        missing += [] if patroni else ["patroni"]
        missing += [] if etcd else ["etcd-server"]
        try:
            folder = postgres.programs()
        except postgres.NoPostgres:
            folder = None
        if folder is None or not all((folder / name).is_file() for name in _POSTGRES_PROGRAMS):
            missing.append("postgresql")
        if not (patroni and etcd and folder) or missing:
            raise NotInstalled(f"not installed: {', '.join(missing)}; on Debian: apt-get install {' '.join(missing)}")
        return cls(patroni, etcd, folder)


@dataclass(frozen=True)
class Timing:
    """Patroni's: how long a silent primary keeps its place, and how often all look. Seconds."""

    ttl: int = 10
    loop_wait: int = 1
    retry_timeout: int = 4

    def __post_init__(self) -> None:
        assert self.loop_wait + 2 * self.retry_timeout <= self.ttl, "Patroni would lose its lock while it tries again"


def _ended_by(parent: int, number: signal.Signals) -> Callable[[], None]:
    """Run in the child: have the kernel signal it when this process ends, where the kernel can (Linux)."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)

    def ask() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(number))
            if os.getppid() != parent:
                os._exit(1)

    return ask


def _start(command: list[str | Path], folder: Path, log: Path, at_our_end: signal.Signals) -> subprocess.Popen[bytes]:
    """A process in a session of its own, so that no Ctrl-C meant for us reaches it."""
    # What is ours on the path of Python would be found by Patroni.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PG", "PATRONI"))
    }
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={**environment, "HOME": str(folder), "LC_ALL": "C.UTF-8"},
            start_new_session=True,
            preexec_fn=_ended_by(os.getpid(), at_our_end),  # noqa: PLW1509 - all are started before any thread of ours
            **as_nobody(),
        )


class Member:
    """One of etcd's, on a host of its own."""

    def __init__(self, programs: Programs, name: str, folder: Path) -> None:
        self.name = name
        self.port = free_port()
        self.peers = f"http://127.0.0.1:{free_port()}"
        self._programs = programs
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, members: str) -> None:
        """`members` are the names of all and where they reach each other."""
        assert self._process is None
        command: list[str | Path] = [
            *(self._programs.etcd, "--name", self.name, "--data-dir", self._folder / self.name, "--logger", "zap"),
            *("--listen-client-urls", self.url, "--advertise-client-urls", self.url),
            *("--listen-peer-urls", self.peers, "--initial-advertise-peer-urls", self.peers),
            *("--initial-cluster", members),
        ]
        self._process = _start(command, self._folder, self._folder / f"{self.name}.log", signal.SIGKILL)

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(STOP_SECONDS)


class Etcd:
    """Where Patroni keeps who the primary is."""

    def __init__(self, programs: Programs, folder: Path, size: int) -> None:
        self.members = [Member(programs, f"etcd{number}", folder) for number in range(1, size + 1)]
        self.start()

    def start(self, *stopped: Member) -> None:
        """Those, or all."""
        everybody = ",".join(f"{member.name}={member.peers}" for member in self.members)
        for member in stopped or self.members:
            member.start(everybody)

    async def leader(self) -> Member:
        """Raises NotReady."""
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            for member in self.members:
                with contextlib.suppress(httpx.HTTPError, KeyError, ValueError):
                    state = (await http.post(f"{member.url}/v3/maintenance/status", json={})).json()
                    if state["leader"] == state["header"]["member_id"]:
                        return member
        raise NotReady("etcd has no leader")

    def kill(self) -> None:
        for member in self.members:
            member.kill()


class Node:
    """One host."""

    def __init__(self, programs: Programs, name: str, folder: Path, etcd: Etcd, settings: Mapping[str, Any]) -> None:
        self.name = name
        self.port = free_port()
        self.rest = f"http://127.0.0.1:{(rest_port := free_port())}"
        self.data = folder / name / "data"
        self.log = folder / f"{name}.log"
        self._folder = folder
        self._command: list[str | Path] = [programs.patroni, folder / f"{name}.json"]
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped: list[int] = []
        own = {
            "name": name,
            "restapi": {"listen": f"127.0.0.1:{rest_port}", "connect_address": f"127.0.0.1:{rest_port}"},
            "etcd3": {"hosts": [f"127.0.0.1:{member.port}" for member in etcd.members]},
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": str(self.data),
                "bin_dir": str(programs.postgres),
                "pgpass": str(folder / name / "pgpass"),
                "use_unix_socket": False,
                "parameters": {"unix_socket_directories": ""},
                "authentication": {
                    "superuser": {"username": "postgres"},
                    "replication": {"username": "replicator"},
                    "rewind": {"username": "postgres"},
                },
            },
        }
        Path(self._command[1]).write_text(json.dumps({"scope": SCOPE, **settings, **own}), "utf-8")

    @property
    def is_up(self) -> bool:
        return self._process is not None and not self._stopped

    def start(self) -> None:
        assert self._process is None
        self._process = _start(self._command, self._folder, self.log, signal.SIGTERM)

    def _tree(self) -> list[int]:
        """Patroni, the postmaster, which is a daemon of its own, and all that they have started."""
        roots = [] if self._process is None else [self._process.pid]
        try:
            roots.append(int((self.data / "postmaster.pid").read_text("utf-8").split("\n", 1)[0]))
        except (OSError, ValueError):
            pass
        else:
            if not self._is_postmaster(roots[-1]):
                roots.pop()
        return families(roots)

    def _is_postmaster(self, process: int) -> bool:
        """Whether it is this node's: the file of one that was killed may name a number that is another's now."""
        try:
            return Path(f"/proc/{process}/cwd").resolve() == self.data.resolve()
        except OSError:
            return False

    def freeze(self) -> None:
        """Stop every process where it stands: connections stay open, and nobody answers."""
        # Parents first, so that nothing is started that is not found; twice, for what was being started.
        for _ in range(2):
            for process in self._tree():
                if process not in self._stopped and send(process, signal.SIGSTOP):
                    self._stopped.append(process)

    def fall_silent(self) -> None:
        """Send standbys nothing more, while all else goes on."""
        for process in self._tree():
            if b"walsender" in _command_line(process):
                send(process, signal.SIGSTOP)

    def kill(self) -> None:
        """SIGKILL to all, at one instant as far as anybody can see."""
        if self._process is None:
            return
        self.freeze()
        stopped, self._stopped = self._stopped, []
        for process in stopped:
            send(process, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)
        self._process = None
        deadline = time.monotonic() + STOP_SECONDS
        while any(Path(f"/proc/{process}").exists() and not _is_zombie(process) for process in stopped):
            if time.monotonic() > deadline:
                raise NotReady(f"{self.name} cannot be killed")
            time.sleep(0.01)


def _command_line(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def _is_zombie(process: int) -> bool:
    try:
        return re.search(r"\) Z", Path(f"/proc/{process}/stat").read_text("utf-8", "replace")) is not None
    except OSError:
        return True


class Cluster:
    """`strict`: where no standby is left, writers wait rather than be acknowledged by the primary alone.

    Not `synchronous`, writers wait for no standby at all. `members` is the size of etcd; with `failsafe` the primary
    keeps its place without etcd, while it reaches all other nodes.
    """

    def __init__(
        self,
        programs: Programs,
        timing: Timing,
        *,
        strict: bool = True,
        synchronous: bool = True,
        members: int = 1,
        failsafe: bool = False,
    ) -> None:
        self._synchronous = synchronous
        self.folder = own_folder("erply-failover-")
        self.etcd: Etcd | None = None
        self.nodes: list[Node] = []
        try:
            self.etcd = Etcd(programs, self.folder, members)
            settings = _settings(timing, strict=strict, synchronous=synchronous, failsafe=failsafe)
            for number in (1, 2, 3):
                name = f"node{number}"
                own_part = self.folder / name
                own_part.mkdir(mode=0o700)
                if identity := as_nobody():
                    os.chown(own_part, identity["user"], identity["group"])
                self.nodes.append(Node(programs, name, self.folder, self.etcd, settings))
            for node in self.nodes:
                node.start()
        except BaseException:
            self.remove()
            raise

    def url(self, user: str = USER, database: str = DATABASE) -> str:
        """Of all nodes, as a server is given it."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://{user}@{hosts}/{database}?target_session_attrs=read-write"

    def remove(self) -> None:
        """End everything, however it stands."""
        try:
            for node in self.nodes:
                node.kill()
        finally:
            if self.etcd is not None:
                self.etcd.kill()
            shutil.rmtree(self.folder, ignore_errors=True)

    async def members(self) -> list[dict[str, Any]]:
        """What Patroni says of all nodes; empty where none of those that are up answers."""
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            for node in self.nodes:
                if node.is_up:
                    try:
                        answer = await http.get(f"{node.rest}/cluster")
                        members: list[dict[str, Any]] = answer.json()["members"]
                    except (httpx.HTTPError, ValueError, KeyError):
                        continue
                    return members
        return []

    async def primary(self, *, but: Node | None = None) -> Node | None:
        """The node that says of itself that it is the primary, and holds the lock."""
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http:
            for node in self.nodes:
                if node.is_up and node is not but:
                    try:
                        answer = await http.get(f"{node.rest}/primary")
                    except httpx.HTTPError:
                        continue
                    if answer.status_code == httpx.codes.OK:
                        return node
        return None

    async def is_whole(self) -> bool:
        """Whether all nodes are there, on one timeline, one of them a synchronous standby."""
        members = await self.members()
        roles = [member["role"] for member in members]
        return (
            roles.count("leader") == 1
            and ("sync_standby" in roles or not self._synchronous)
            and len(members) == len(self.nodes)
            and {member["state"] for member in members} <= {"running", "streaming"}
            and len({member.get("timeline") for member in members}) == 1
        )


def _settings(timing: Timing, *, strict: bool, synchronous: bool, failsafe: bool) -> dict[str, Any]:
    access = [
        "host all all 127.0.0.1/32 trust",
        "host replication replicator 127.0.0.1/32 trust",
    ]
    return {
        "log": {"level": "INFO"},
        "bootstrap": {
            "dcs": {
                "ttl": timing.ttl,
                "loop_wait": timing.loop_wait,
                "retry_timeout": timing.retry_timeout,
                "failsafe_mode": failsafe,
                "synchronous_mode": synchronous,
                "synchronous_mode_strict": strict and synchronous,
                "postgresql": {
                    "use_pg_rewind": True,
                    "remove_data_directory_on_rewind_failure": True,
                    "use_slots": True,
                    "pg_hba": access,
                    "parameters": {
                        "synchronous_commit": "on",
                        "wal_log_hints": "on",
                        "max_connections": 150,
                        "shared_buffers": "64MB",
                        "checkpoint_timeout": "60s",
                        # A standby that has lost its primary looks for the next this often, and writers wait for it.
                        "wal_retrieve_retry_interval": "500ms",
                        # A host that is gone says nothing: its connections end when nobody answers for this long.
                        "tcp_keepalives_idle": 5,
                        "tcp_keepalives_interval": 2,
                        "tcp_keepalives_count": 3,
                        "tcp_user_timeout": "10s",
                        "wal_receiver_timeout": "10s",
                        "wal_sender_timeout": "10s",
                    },
                },
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
            "pg_hba": access,
        },
    }
