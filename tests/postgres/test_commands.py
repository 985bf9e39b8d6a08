"""The commands on a database: they take its URL and give none of its password away."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from erply_points.cli import main
from erply_points.settings import ServerSettings
from erply_points.store.postgres.connection import shown
from support.postgres import Cluster, shared_cluster

PASSWORD: Final = "pa55word"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return shared_cluster()


def run(*arguments: str, url: str = "", stdin: str = "") -> Result:
    """A command with the URL in the environment."""
    environment = {"ERPLY_POINTS_DATABASE_URL": url or None, "ERPLY_POINTS_DATA": None}
    return CliRunner(env=environment).invoke(main, arguments, input=stdin)


def test_an_account_by_the_commands(cluster: Cluster) -> None:
    """Making, changing, listing and checking an account work with the URL as an option and from the environment."""
    url = cluster.tcp_url(password=PASSWORD)
    assert run("account", "create", "cli-1", "--name", "Corner shop", "--database-url", url).exit_code == 0
    assert run("user", "create", "cli-1", "till", "--password-stdin", url=url, stdin="secret\n").exit_code == 0
    assert run("account", "set", "cli-1", "timezone=UTC", url=url).output == "timezone=UTC\n"
    assert "cli-1\tCorner shop\n" in run("account", "list", url=url).output
    checked = run("check", "cli-1", url=url)
    assert (checked.exit_code, checked.output) == (0, "cli-1: sound\n")
    again = run("account", "create", "cli-1", url=url)
    assert (again.exit_code, "already" in again.output) == (2, True)


def test_the_command_line_counts_for_more(cluster: Cluster, tmp_path: Path) -> None:
    """--data is used though the environment names a database; both on the command line are refused."""
    assert run("account", "create", "cli-2", "--data", str(tmp_path), url=cluster.url()).exit_code == 0
    assert (tmp_path / "cli-2.db").is_file()
    both = run("account", "list", "--data", str(tmp_path), "--database-url", cluster.url())
    assert (both.exit_code, "not in both" in both.output) == (2, True)


def test_an_account_moves_house_and_back(cluster: Cluster, tmp_path: Path) -> None:
    """`copy` takes an account from a folder to the database and from there to another folder."""
    assert run("account", "create", "cli-3", "--data", str(tmp_path / "one")).exit_code == 0
    url = cluster.tcp_url(password=PASSWORD)
    for source, target in ((str(tmp_path / "one"), url), (url, str(tmp_path / "two"))):
        moved = CliRunner().invoke(main, ["copy", "cli-3", "--from", source, "--to", target])
        assert moved.exit_code == 0, moved.output
        assert "all sums the same, sound" in moved.output
        assert PASSWORD not in moved.output
        again = CliRunner().invoke(main, ["copy", "cli-3", "--from", source, "--to", target])
        assert (again.exit_code, "already" in again.output) == (2, True)
    assert run("check", "cli-3", "--data", str(tmp_path / "two")).output == "cli-3: sound\n"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://points:{PASSWORD}@127.0.0.1:1/postgres",
        f"postgresql://points:{PASSWORD}@[nowhere/postgres",
        f"postgresql://points:{PASSWORD}/#?@127.0.0.1:1/postgres",
        f"postgresql://points:{PASSWORD}@127.0.0.1:{PASSWORD}/postgres",
        f"postgresql://127.0.0.1:1/postgres?user=points&password={PASSWORD}",
        f"postgresql://127.0.0.1:1/postgres?password={PASSWORD}&target_session_attrs={PASSWORD}",
        f"postgresql://points:{PASSWORD}@no-such-host.invalid/postgres",
        f"mysql://points:{PASSWORD}@127.0.0.1/x",
        PASSWORD,
    ],
)
def test_no_password_is_told(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is wrong with a URL or its database, one line says so, without the password and without a traceback."""
    with caplog.at_level(logging.DEBUG):
        failed = run("account", "list", url=url)
    assert failed.exit_code in {1, 2}, failed.output
    assert isinstance(failed.exception, SystemExit)
    assert "Error: " in failed.output
    assert PASSWORD not in failed.output + caplog.text + shown(url) + repr(ServerSettings(database_url=url))


def test_a_url_is_shown_without_what_is_secret() -> None:
    """Hosts and the database are told, users, passwords and options are not."""
    assert shown("postgresql://u:p@a.example:5432,b.example/points?target_session_attrs=primary") == (
        "postgresql://a.example:5432,b.example/points"
    )
    assert shown("postgres:///points?host=/run") == "postgresql:///points"


def test_without_the_driver_the_rest_works(tmp_path: Path) -> None:
    """Where asyncpg is not installed SQLite serves as ever, and a database URL is refused with what to install."""
    without = "import sys; sys.modules['asyncpg'] = None; from erply_points.cli import main; main()"
    place = [("--data", str(tmp_path)), ("--database-url", f"postgresql://points:{PASSWORD}@127.0.0.1/points")]
    ended = [
        subprocess.run(
            [sys.executable, "-c", without, "account", "list", *options], capture_output=True, text=True, check=False
        )
        for options in place
    ]
    assert (ended[0].returncode, ended[0].stdout) == (0, "")
    assert ended[1].returncode == 2
    assert "pip install 'erply-points[postgres]'" in ended[1].stderr
    assert PASSWORD not in ended[1].stdout + ended[1].stderr
