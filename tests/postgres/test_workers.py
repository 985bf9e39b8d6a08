"""`serve --workers`: processes side by side behind one address, which are replaced when they die and stop together."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from erply_points.cli import main
from support.client import Erply
from support.postgres import shared_cluster
from support.process import ServerProcess
from support.shop import new_account

WORKERS = 3


@pytest.fixture(scope="module")
def together() -> Iterator[ServerProcess]:
    running = ServerProcess(Path(), "--workers", str(WORKERS), database_url=shared_cluster().url())
    yield running
    assert running.terminate() == 0, "".join(running.log)


def children(process: int) -> list[int]:
    """The running child processes of a process."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(each) for each in found if Path(f"/proc/{each}/stat").read_text().split()[2] != "Z"]


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def test_workers_serve_one_account_together(together: ServerProcess) -> None:
    """Many connections are answered by several processes, and a balance is spent once whichever of them is asked."""
    assert len(children(together.process.pid)) == WORKERS
    assert f"by {WORKERS} workers" in together.log[-1]
    code = await new_account(together.settings)
    async with httpx.AsyncClient(base_url=together.url, timeout=30, trust_env=False) as http:
        till = await Erply(http, code).log_in()
        customer = await till.customer(points=100)

        async def redeem() -> int:
            async with httpx.AsyncClient(base_url=together.url, timeout=30, trust_env=False) as own:
                answer = await Erply(own, code, till.key).call(
                    "subtractCustomerRewardPoints", customerID=customer, points=7
                )
                status: int = answer["status"]["errorCode"]
                return status

        codes = await asyncio.gather(*(redeem() for _ in range(30)))
        assert (codes.count(0), codes.count(1042)) == (14, 16)
        assert await till.balance(customer) == 2


async def test_a_worker_that_dies_is_replaced(together: ServerProcess) -> None:
    """After one is killed the others answer, and soon there are as many as before."""
    before = children(together.process.pid)
    os.kill(before[0], signal.SIGKILL)
    wait_until(
        lambda: len(children(together.process.pid)) == WORKERS and before[0] not in children(together.process.pid)
    )
    async with httpx.AsyncClient(base_url=together.url, timeout=30, trust_env=False) as http:
        for _ in range(5):
            assert (await http.get("/health")).status_code == 200


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(how: signal.Signals) -> None:
    """Told to stop it stops them and says 0; killed it leaves none behind."""
    running = ServerProcess(Path(), "--workers", "2", database_url=shared_cluster().url())
    workers = children(running.process.pid)
    assert len(workers) == 2
    status = running.terminate() if how is signal.SIGTERM else running.kill()
    assert status == (0 if how is signal.SIGTERM else -signal.SIGKILL)
    wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--workers", "2"], "Several --workers need PostgreSQL"),
        (["--workers", "2", "--sandbox", "--database-url", "postgresql:///x"], "one process"),
        (["--workers", "0"], "not in the range"),
    ],
)
def test_where_there_can_be_no_workers(options: list[str], why: str, tmp_path: Path) -> None:
    """SQLite and sandboxes have one process, and the command says why."""
    data = [] if "--database-url" in options else ["--data", str(tmp_path)]
    shown = CliRunner().invoke(main, ["serve", *options, *data])
    assert shown.exit_code == 2
    assert why in shown.output
