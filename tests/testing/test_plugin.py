"""The pytest plugin as its users have it: test files of theirs, run by a pytest of their own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGE = (ROOT / "docs" / "testing.md").read_text("utf-8")
SECONDS_MAX = 90

INSTALLED = any(found.value == "erply_points.testing.plugin" for found in metadata.entry_points(group="pytest11"))
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
if not INSTALLED:  # The package lies beside the environment, and nobody has told pytest of it.
    PYTEST += ["-p", "erply_points.testing.plugin"]

Run = Callable[..., "Ran"]


class Ran:
    """What a run of pytest has printed, and how its tests ended."""

    def __init__(self, done: "subprocess.CompletedProcess[str]") -> None:
        self.out = done.stdout + done.stderr
        counted = re.findall(r"(\d+) (passed|failed|errors?|skipped)", done.stdout.rsplit("\n", 2)[-2])
        self.counts = {kind: int(number) for number, kind in counted}


def environment() -> dict[str, str]:
    """That of the tests, less what would reach into the run of others."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ERPLY_POINTS"))}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Writes a test module and runs it in a folder that has nothing else."""

    def written(code: str, *options: str, ini: str = "") -> Ran:
        (tmp_path / "test_theirs.py").write_text(code, "utf-8")
        (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers --strict-config\n" + ini, "utf-8")
        done = subprocess.run(
            [*PYTEST, *options],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        return Ran(done)

    return written


def test_the_first_test_of_the_readme(run: Run) -> None:
    """The ten lines that the README shows pass as they stand, in a folder that has nothing else."""
    (code,) = re.findall(r"<!-- test: first -->\n```python\n(.+?)```", README, re.DOTALL)
    assert len(code.strip().splitlines()) <= 10
    ran = run(code)
    assert ran.counts == {"passed": 1}, ran.out


def test_what_the_documentation_shows(run: Run) -> None:
    """Every example of docs/testing.md passes as it stands, one after the other in one module."""
    code = "\n\n".join(re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL))
    ran = run(code, ini="asyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n")
    assert ran.counts == {"passed": code.count("def test_")}, ran.out
    assert ran.counts["passed"] >= 5


def test_one_server_and_an_account_for_each_test(run: Run) -> None:
    """All tests of a run share a process; each has an account of its own, that is gone after it, clock and all."""
    ran = run(
        """
import time
import pytest

SEEN = []

@pytest.mark.parametrize("turn", range(3))
def test_it(erply_server, erply, erply_clock, erply_faults, erply_sandbox, turn):
    assert erply.call("getCustomers") == [] and erply_faults.waiting() == []
    assert abs(erply_clock.now() - time.time()) < 60
    assert erply.client_code == erply_server.client_code
    SEEN.append((erply_sandbox.process.process.pid, erply_server.client_code))
    erply.call("saveCustomer", firstName="Mari", lastName="Maasikas")
    erply_clock.advance(1e6)
    erply_faults.drop_before(count=9, call="getProducts")

def test_after(erply_sandbox):
    assert len({pid for pid, _ in SEEN}) == 1 and len({code for _, code in SEEN}) == 3
    assert erply_sandbox.control("GET", "/")["accounts"] == []
"""
    )
    assert ran.counts == {"passed": 4}, ran.out


def test_a_failure_is_shown_with_what_was_asked(run: Run, tmp_path: Path) -> None:
    """Beside a test that fails stand its requests and answers, without a secret; beside one that passes, nothing."""
    ran = run(
        """
def test_fails(erply, erply_server, erply_sandbox):
    login = erply.call("verifyUser", username="till", password="secret")[0]
    with open("secrets.txt", "w") as file:
        print(login["sessionKey"], login["token"], erply_server.session_key, erply_sandbox.token, file=file)
    erply.call("getCustomers", searchName="what-was-asked")
    assert 1 == 2

def test_passes(erply):
    erply.call("getCustomers", searchName="of-no-interest")

def test_has_nothing_to_do_with_it():
    assert 3 == 4
""",
        "--tb=line",
        "-rA",
    )
    assert ran.counts == {"failed": 2, "passed": 1}, ran.out
    assert ran.out.count("erply-points: requests and answers") == 1
    (asked,) = re.findall(r'.*"request": "getCustomers", "searchName": "what-was-asked"}\n +-> (.+)', ran.out)
    assert '"errorCode": 0' in asked
    assert "of-no-interest" not in ran.out
    assert '"username": "till", "password": "***"' in ran.out
    secrets = (tmp_path / "secrets.txt").read_text("utf-8").split()
    assert len(secrets) == 4
    assert not [secret for secret in secrets if secret in ran.out]


def test_each_worker_has_a_server(run: Run, tmp_path: Path) -> None:
    """With pytest-xdist tests run at once, each worker on its own server, and none gets in another's way."""
    ran = run(
        """
import pathlib
import pytest

@pytest.mark.parametrize("turn", range(8))
def test_it(erply, erply_clock, erply_sandbox, turn):
    pathlib.Path(f"server-{erply_sandbox.process.process.pid}").touch()
    mari = erply.call("saveCustomer", firstName="Mari", lastName="Maasikas")[0]["customerID"]
    assert mari == 1
    erply.call("addCustomerRewardPoints", customerID=mari, points=turn + 1)
    erply_clock.advance(turn)
    assert erply.call("getCustomerRewardPoints", customerID=mari) == [{"points": turn + 1}]
""",
        "-n2",
    )
    assert ran.counts == {"passed": 8}, ran.out
    assert len(list(tmp_path.glob("server-*"))) == 2


def test_async_tests(run: Run) -> None:
    """The fixtures serve tests of pytest-asyncio too, and from several threads at once, beside plain tests."""
    ran = run(
        """
import asyncio
import pytest

async def test_async(erply, erply_clock):
    erply_clock.freeze()
    assert erply.call("getCustomers") == []
    answers = await asyncio.gather(*(asyncio.to_thread(erply.call, "getCustomers") for _ in range(8)))
    assert answers == [[]] * 8

@pytest.mark.asyncio
class TestMarked:
    async def test_async(self, erply):
        assert erply.call("getCustomers") == []

def test_plain(erply):
    assert erply.call("getCustomers") == []
""",
        ini="asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n",
    )
    assert ran.counts == {"passed": 3}, ran.out


def test_settings_before_the_test_begins(run: Run) -> None:
    """Settings come from the configuration and from marks, the nearest wins; one that does not exist says so."""
    ran = run(
        """
import pytest

pytestmark = pytest.mark.erply_settings(country="LV", reward_points_duration=3)

def of(erply):
    return erply.call("getConfParameters")[0]["country"], erply.call("getConfParameters")[0]["timezone"]

def test_of_the_module(erply):
    assert of(erply) == ("LV", "Europe/Helsinki")

@pytest.mark.erply_settings(country="LT")
class TestIt:
    def test_of_the_class(self, erply):
        assert of(erply) == ("LT", "Europe/Helsinki")

    @pytest.mark.erply_settings(timezone="Europe/Vilnius", return_redeemed_points=True)
    def test_of_its_own(self, erply):
        assert of(erply) == ("LT", "Europe/Vilnius")

@pytest.mark.erply_settings(no_such_setting=1)
def test_that_cannot_begin(erply):
    pass
""",
        ini="erply_settings =\n    country=FI\n    timezone = Europe/Helsinki\n",
    )
    assert ran.counts == {"passed": 3, "error": 1}, ran.out
    assert "no_such_setting" in ran.out


def test_a_server_that_has_died(run: Run) -> None:
    """If the server dies, the tests after it say so at once, with what it has printed."""
    ran = run(
        """
def test_kills(erply_sandbox):
    erply_sandbox.process.process.kill()
    erply_sandbox.process.process.wait()

def test_after(erply):
    pass
"""
    )
    assert "the server has died" in ran.out
    assert "Serving http://127.0.0.1:" in ran.out
    assert ran.counts["passed"] == 1


def test_a_run_that_is_killed_leaves_no_server(tmp_path: Path) -> None:
    """Even a pytest that has no chance to clean up takes its server with it."""
    (tmp_path / "test_theirs.py").write_text(
        """
import pathlib, time

def test_waits(erply_sandbox):
    pathlib.Path("unfinished").write_text(str(erply_sandbox.process.process.pid))
    pathlib.Path("unfinished").rename("pid")
    time.sleep(60)
"""
    )
    pid_file = tmp_path / "pid"
    with subprocess.Popen(
        PYTEST, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + SECONDS_MAX
        while not pid_file.exists() and time.monotonic() < until:
            time.sleep(0.05)
        pid = int(pid_file.read_text("utf-8"))
        os.kill(pid, 0)
        process.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < until:
            os.kill(pid, 0)
            time.sleep(0.05)
        raise AssertionError("the server goes on")


def test_who_does_not_use_it_does_not_pay() -> None:
    """Pytest imports the plugin in every run: without its fixtures it loads no HTTP client, no validator, no server."""
    code = (
        "import pytest, sys; before = set(sys.modules); import erply_points.testing.plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert set(done.stdout.split()) == {
        "erply_points",
        "erply_points.testing",
        "erply_points.testing.errors",
        "erply_points.testing.plugin",
    }
