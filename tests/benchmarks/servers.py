"""The servers that are compared: ours as users start it, and the obvious implementation on a copy of its database."""

import contextlib
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks import harness
from benchmarks.bare_loop import Redemptions
from support.process import ServerProcess

CODE: Final = "bench"
BULK: Final = 100


def erply_points(*arguments: str, folder: Path, stdin: str = "") -> None:
    command = [sys.executable, "-m", "erply_points", *arguments, "--data", str(folder)]
    subprocess.run(command, input=stdin, text=True, check=True, capture_output=True)


class Ours:
    """The real server as users start it, with an account of its own."""

    def __init__(self, folder: Path, start: Callable[[Path], ServerProcess] = ServerProcess) -> None:
        self.folder = folder
        self._start = start
        erply_points("account", "create", CODE, folder=folder)
        erply_points("user", "create", CODE, "till", "--password-stdin", folder=folder, stdin="secret\n")
        self.server = start(folder)
        login = {"request": "verifyUser", "username": "till", "password": "secret", "sessionLength": 86_400}
        self.key = harness.call(self.server.url, {"clientCode": CODE, **login})["records"][0]["sessionKey"]

    def start_anew(self) -> None:
        """Another server process on the same account; the session goes on."""
        self.server.terminate()
        self.server = self._start(self.folder)

    @property
    def database(self) -> Path:
        return self.folder / f"{CODE}.db"

    def form(self, **parameters: Any) -> dict[str, Any]:
        return {"clientCode": CODE, "sessionKey": self.key, **parameters}

    def redemption(self, redeemed: Redemptions) -> bytes:
        """A single call; `redeemed` is one."""
        ((customer_id, points),) = redeemed
        call = {"request": "subtractCustomerRewardPoints", "customerID": customer_id, "points": points}
        return harness.post(self.form(**call))

    def redemptions(self, redeemed: Redemptions) -> bytes:
        """All of them in one bulk."""
        requests = [
            {
                "requestName": "subtractCustomerRewardPoints",
                "requestID": number,
                "customerID": customer_id,
                "points": points,
            }
            for number, (customer_id, points) in enumerate(redeemed, 1)
        ]
        return harness.post(self.form(requests=requests))

    def fill(self, customers: int, lots: list[int]) -> list[int]:
        """New customers with `lots` of points each, soonest expiry last; their IDs."""
        found = []
        for start in range(0, customers, BULK):
            names = [
                {"requestName": "saveCustomer", "lastName": f"Customer {number}"}
                for number in range(start, min(start + BULK, customers))
            ]
            answer = harness.call(self.server.url, self.form(requests=names))
            ids = [each["records"][0]["customerID"] for each in answer["requests"]]
            expiry = int(time.time()) + 10**8
            for position, points in enumerate(lots):
                earned = [
                    {
                        "requestName": "addCustomerRewardPoints",
                        "customerID": customer_id,
                        "points": points,
                        "expiryUnixTime": expiry - position * 86_400,
                    }
                    for customer_id in ids
                ]
                harness.call(self.server.url, self.form(requests=earned))
            found += ids
        return found

    def copy(self, name: str) -> Path:
        """A copy of the database as it is now, in the same folder."""
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Path(shutil.copy(self.database, self.folder / name))

    def check(self) -> None:
        erply_points("check", folder=self.folder)


def shuffled_forever(customers: list[int], source: random.Random, bulk: int = BULK) -> Iterator[int]:
    """All customers in some order, again and again; `bulk` neighbours from the start on are all different."""
    assert len(customers) % bulk == 0
    while True:
        yield from source.sample(customers, len(customers))


def obvious_server(database: Path) -> contextlib.AbstractContextManager[str]:
    """The obvious server's URL while it runs on `database`."""
    return obvious_process("benchmarks.obvious_server", str(database))


@contextlib.contextmanager
def obvious_process(module: str, *arguments: str) -> Iterator[str]:
    """The URL of an obvious server while it runs."""
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[1]}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        match = re.search(r"http://\S+:\d+", process.stdout.readline())
        assert match, "the obvious server did not start"
        try:
            yield match[0]
        finally:
            process.terminate()


def empty_endpoint(url: str, connections: int, times: int) -> harness.Work:
    """Requests to the obvious server that it answers without doing anything: what HTTP alone costs."""
    request = harness.post({"customerID": 1, "points": 1}, "/empty")
    return lambda _: harness.exchange_all(url, [request] * times, connections)[0]
