"""The command line as users run it: each command a process of its own, on a data folder of its own."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from erply_points import __version__
from erply_points.accounts.settings import described
from support.client import Erply
from support.process import ServerProcess
from support.shop import new_account

SECONDS_MAX = 30
COMMAND = [sys.executable, "-m", "erply_points"]


class Ended:
    """What a command left: its exit status and what it printed."""

    def __init__(self, process: "subprocess.CompletedProcess[str]") -> None:
        self.status = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def refused(self, reason: str, status: int = 2) -> bool:
        """Whether it gave up for this reason, in one plain sentence and without a stack trace."""
        (line,) = (line for line in self.err.splitlines() if line.startswith("Error: "))
        assert "Traceback" not in self.err
        assert self.status == status, self.err
        assert reason in line, line
        return True


class Shell:
    """Runs commands on one data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("ERPLY_POINTS")}

    def __call__(self, *arguments: str, stdin: str = "") -> Ended:
        return self.bare(*arguments, "--data", str(self.data), stdin=stdin)

    def bare(self, *arguments: str, stdin: str = "", **environment: str) -> Ended:
        """Without `--data`, in the folder above it."""
        return Ended(
            subprocess.run(
                [*COMMAND, *arguments],
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS_MAX,
                cwd=self.folder,
                env={**self.environment, "COLUMNS": "200", **environment},
            )
        )

    def database(self, code: str) -> "contextlib.closing[sqlite3.Connection]":
        return contextlib.closing(sqlite3.connect(self.data / f"{code}.db", isolation_level=None))


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_version(shell: Shell) -> None:
    """`--version` names the program and its version."""
    assert shell.bare("--version").out == f"erply-points, version {__version__}\n"


@pytest.mark.parametrize("command", ["create", "set"])
def test_help_lists_every_setting(shell: Shell, command: str) -> None:
    """Whoever asks for help sees each setting that the server acts on, with its default and what it does."""
    shown = " ".join(shell.bare("account", command, "--help").out.split())
    for name, default, sentence in described():
        assert f" {name} (default {default or 'empty'}): {sentence}" in shown


def test_an_account_is_made_changed_and_listed(shell: Shell) -> None:
    """`account create`, `set` and `list` keep what they were told, in a file that only its owner can read."""
    assert shell("account", "create", "101010", "--name", "First", "--set", "country=FI").status == 0
    assert shell("account", "create", "second").status == 0
    assert shell("account", "set", "second", "name=Second shop", "reward_points_duration=12").out == (
        "name=Second shop\nreward_points_duration=12\n"
    )
    assert shell("account", "list").out == "101010\tFirst\nsecond\tSecond shop\n"
    with shell.database("101010") as database:
        assert database.execute("SELECT value FROM settings WHERE name = 'country'").fetchone() == ("FI",)
    assert (shell.data / "101010.db").stat().st_mode & 0o077 == 0
    assert shell.data.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("code", ["../x", "a/b", "A", "", ".", "a" * 33, "x\n", "-x-", "x.db"])
def test_a_code_that_cannot_be_one_touches_no_file(shell: Shell, code: str) -> None:
    """A code that is no label is refused before it becomes a path."""
    shell.data.mkdir()
    assert shell.bare("account", "create", "--data", str(shell.data), "--", code).refused("An account code has 1 to 32")
    assert list(shell.folder.rglob("*")) == [shell.data]


def test_accounts_are_not_made_twice(shell: Shell) -> None:
    """An account that exists is left as it is by a second `account create`."""
    assert shell("account", "create", "shop", "--name", "Old").status == 0
    assert shell("account", "create", "shop", "--name", "New").refused("There is an account shop already.")
    assert shell("account", "list").out == "shop\tOld\n"


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("no_such=1", "there is no setting no_such"),
        ("negative_balance=maybe", "negative_balance must be refuse or allow"),
        ("reward_points_duration=-1", "reward_points_duration must be a whole number"),
        ("timezone=Moon/Base", "timezone must be a time zone"),
        ("name", "is not of the form key=value"),
    ],
)
def test_a_wrong_setting_changes_nothing(shell: Shell, setting: str, reason: str) -> None:
    """A setting that does not exist, or a value it cannot take, is refused with its name; the others are not set."""
    assert shell("account", "create", "new", "--set", setting).refused(reason)
    assert not list(shell.folder.rglob("*.db"))
    assert shell("account", "create", "shop").status == 0
    assert shell("account", "set", "shop", "country=FI", setting).refused(reason)
    with shell.database("shop") as database:
        assert database.execute("SELECT value FROM settings WHERE name = 'country'").fetchall() == []


def test_commands_on_an_unknown_account_are_refused(shell: Shell) -> None:
    """An account that is not there is not made by the way."""
    assert shell("account", "set", "nobody", "country=FI").refused("There is no account nobody.")
    assert shell("user", "create", "nobody", "till", "--password-stdin", stdin="x\n").refused(
        "There is no account nobody."
    )
    assert shell("check", "nobody").refused("There is no account nobody.")
    assert not list(shell.folder.rglob("*.db"))


def test_a_user_is_made_once_and_the_password_is_nowhere(shell: Shell) -> None:
    """`user create --password-stdin` makes a user; the file holds no password, and a second one is refused."""
    shell("account", "create", "shop")
    made = shell("user", "create", "shop", "till", "--password-stdin", stdin="open sesame\n")
    assert made.status == 0
    assert made.out == "User till of account shop is ready.\n"
    again = shell("user", "create", "shop", "till", "--password-stdin", stdin="other\n")
    assert again.refused("There is a user till already")
    assert shell("user", "create", "shop", "empty", "--password-stdin", stdin="\n").refused("A password has")
    assert shell("user", "create", "shop", " blank", "--password-stdin", stdin="x\n").refused("A user name has")
    with shell.database("shop") as database:
        ((name, kept),) = database.execute("SELECT username, password_hash FROM users")
    assert (name, kept[:10]) == ("till", "$argon2id$")
    assert not [path for path in shell.data.iterdir() if b"open sesame" in path.read_bytes()]


def test_the_folder_comes_from_the_environment(shell: Shell) -> None:
    """ERPLY_POINTS_DATA names the data folder, `--data` wins over it, and without both it is ./data."""
    other = str(shell.folder / "other")
    assert shell.bare("account", "create", "one", ERPLY_POINTS_DATA=other).status == 0
    assert shell.bare("account", "create", "two").status == 0
    assert shell.bare("account", "list", ERPLY_POINTS_DATA=other).out == "one\t\n"
    assert shell.bare("account", "list", "--data", "data", ERPLY_POINTS_DATA=other).out == "two\t\n"


@pytest.fixture
def demonstrated(shell: Shell) -> Shell:
    """A data folder in which `demo --once` has been run."""
    assert shell("demo", "--once", "--port", "0").status == 0
    return shell


def test_check_finds_what_is_wrong(demonstrated: Shell) -> None:
    """`check` exits 0 on a sound account, and 1 with a sentence for each thing that is wrong."""
    shell = demonstrated
    sound = shell("check")
    assert (sound.status, sound.out) == (0, "demo: sound\n")
    assert shell("check", "demo").status == 0
    shell("account", "create", "healthy")
    with shell.database("demo") as database:
        database.execute("UPDATE lots SET earned = earned + 1000, remaining = remaining + 1000 WHERE id = 2")
    wrong = shell("check")
    assert wrong.status == 1
    assert "demo: customer 2, currency 1: balance is not open lots less shortfall\n" in wrong.out
    assert "healthy: sound\n" in wrong.out
    assert shell("check", "demo").status == 1
    assert shell("check", "healthy").status == 0


def test_check_goes_on_past_a_file_it_cannot_open(demonstrated: Shell) -> None:
    """A broken or too new file is named as wrong, without a stack trace, and the accounts after it are checked."""
    shell = demonstrated
    (shell.data / "broken.db").write_bytes(b"no database" * 100)
    shell("account", "create", "anew")
    with shell.database("anew") as database:
        database.execute("PRAGMA user_version = 9999")
    ended = shell("check")
    assert ended.status == 1
    assert "Traceback" not in ended.err
    assert re.search(r"^anew: .*9999", ended.out, re.MULTILINE)
    assert re.search(r"^broken: .*not a database", ended.out, re.MULTILINE)
    assert "demo: sound" in ended.out


def test_demo_shows_the_main_job(shell: Shell) -> None:
    """`demo --once` prints the bulk it sent and the answer it got, and exits 0; as often as one likes."""
    for _ in range(2):
        ended = shell("demo", "--once", "--port", "0")
        assert ended.status == 0, ended.err
        requests, answer, taken, added = (
            json.loads(text) for text in re.findall(r"^[\[{]$.*?^[\]}]$", ended.out, re.MULTILINE | re.DOTALL)
        )
        assert [request["requestName"] for request in requests] == [
            "saveSalesDocument",
            "subtractCustomerRewardPoints",
            "getCustomerRewardPoints",
        ]
        assert [each["status"]["errorCode"] for each in answer["requests"]] == [0, 0, 0]
        assert answer["requests"][2]["records"] == [{"points": 318}]
        assert (taken["pointsAvailable"], added["data"]["Message"]) == ("300.000", "25.0 points added")
        assert "Capillary took 18, fabric added 25: 325 says fabric, 325 says Erply's call." in ended.out
        assert shell("check").out == "demo: sound\n"


def test_demo_leaves_an_account_alone_that_is_none_of_its(shell: Shell) -> None:
    """An account `demo` that somebody else made is not replaced."""
    shell("account", "create", "demo", "--name", "Our shop")
    assert shell("demo", "--once", "--port", "0").refused("There is an account demo that is not")
    assert shell("account", "list").out == "demo\tOur shop\n"


class Demo:
    """`demo` without `--once`: shows the main job and goes on serving."""

    def __init__(self, shell: Shell) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "demo", "--port", "0", "--data", str(shell.data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**shell.environment, "COLUMNS": "200"},
        )
        assert self.process.stdout is not None
        self.lines: list[str] = []
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("curl "):
                break
        assert self.lines[-1].startswith("curl "), "".join(self.lines)

    def send(self) -> dict[str, object]:
        """What the printed curl line gets, sent by another client."""
        words = shlex.split(self.lines[-1])
        pairs = [words[at + 1].split("=", 1) for at, word in enumerate(words) if word in {"-d", "--data-urlencode"}]
        response = httpx.post(words[1], data=dict(pairs), timeout=10, trust_env=False)
        answer: dict[str, object] = response.json()
        return answer

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=SECONDS_MAX)
        return self.process.returncode


@pytest.fixture
def demo(shell: Shell) -> Iterator[Demo]:
    running = Demo(shell)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.communicate()


def test_demo_goes_on_serving(shell: Shell, demo: Demo) -> None:
    """Without `--once` the server stays: the printed curl line works, what it does is kept, SIGTERM ends it with 0."""
    for invoice_id in ("2", "3"):
        requests = demo.send()["requests"]
        assert isinstance(requests, list)
        assert requests[0]["records"][0]["invoiceID"] == invoice_id
    assert demo.stop() == 0
    with shell.database("demo") as database:
        assert database.execute("SELECT count(*) FROM documents").fetchone() == (3,)


def test_a_second_demo_takes_nothing_from_a_running_one(shell: Shell, demo: Demo) -> None:
    """The account of a running demo is not replaced: what that one acknowledges stays on disk."""
    assert shell("demo", "--once", "--port", "0").refused("in use")
    demo.send()
    assert demo.stop() == 0
    with shell.database("demo") as database:
        assert database.execute("SELECT count(*) FROM documents").fetchone() == (2,)


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_taken_port_is_one_line_and_status_1(demonstrated: Shell, command: str) -> None:
    """A server that cannot listen says so in one line, exits 1, and has changed nothing."""
    before = (demonstrated.data / "demo.db").read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = demonstrated(command, "--port", str(taken.getsockname()[1]))
    assert ended.refused("cannot listen on 127.0.0.1:", status=1)
    assert len(ended.err.splitlines()) == 1
    assert (demonstrated.data / "demo.db").read_bytes() == before


async def test_a_running_server_follows_account_set_at_once(server: ServerProcess, tmp_path: Path) -> None:
    """A setting changed from another process holds from the next request on."""
    code = await new_account(server.settings)
    shell = Shell(tmp_path)
    shell.data = server.data
    async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as http:
        till = await Erply(http, code).log_in()
        customer = await till.customer(points=5)
        assert await till.error("subtractCustomerRewardPoints", customerID=customer, points=9) == (1042, None)
        assert shell("account", "set", code, "negative_balance=allow").status == 0
        record = await till.record("subtractCustomerRewardPoints", customerID=customer, points=9)
        assert record["remainingPoints"] == -4
        assert shell("check", code).status == 0
