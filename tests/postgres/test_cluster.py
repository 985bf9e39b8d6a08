"""Where there is no PostgreSQL its tests say so, and fail where it must be there."""

import sys
from pathlib import Path

import pytest

from support import postgres
from support.postgres import REQUIRED, NoPostgres, check_installed, shared_cluster


def _nowhere() -> Path:
    raise NoPostgres("no PostgreSQL server is installed")


@pytest.mark.parametrize("missing", ["programs", "driver"])
def test_without_postgres_tests_are_skipped_or_fail(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is told either way; what must be there is never passed over in silence."""
    if missing == "programs":
        monkeypatch.setattr(postgres, "programs", _nowhere)
    else:
        monkeypatch.setitem(sys.modules, "asyncpg", None)
    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"is (not )?installed"):
        check_installed()
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="must be there"):
        check_installed()


def test_the_cluster_is_nobody_elses() -> None:
    """It runs without root's rights, in a folder that only its owner reads."""
    cluster = shared_cluster()
    assert cluster._process is not None
    status = Path(f"/proc/{cluster._process.pid}/status")
    if status.exists():
        (owner,) = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("Uid:")]
        assert owner != "0"
    assert cluster.folder.stat().st_mode & 0o077 == 0
