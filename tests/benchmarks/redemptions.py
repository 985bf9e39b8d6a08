"""How much of a bare database's speed is left once HTTP, checks, sessions and durability are paid for.

Asked because the server promises at least half the speed of a bare sqlite3 loop that writes the same rows, and eight
times that of the obvious implementation (`bare_loop.py`, `obvious_server.py`). All three start from copies of one
database, do the same redemptions and must end with the same points. Run: python tests/benchmarks/redemptions.py

The client is a plain keep-alive socket in this process (about 20 us a request); what it sends is encoded beforehand.
"""

import argparse
import contextlib
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import harness
from benchmarks.bare_loop import BareLoop, Redemptions
from benchmarks.harness import Contender, Workload
from support.process import ServerProcess

Plan = Sequence[Sequence[Redemptions]]
"""For each round, what each of its requests redeems."""

CODE: Final = "bench"
BULK: Final = 100
RICH_CUSTOMERS: Final = 1_000
LOTS_EACH: Final = 4
LOT_POINTS: Final = 10


@dataclass(frozen=True)
class Size:
    """How much one round does."""

    rounds: int
    bulks: int
    singles: int


FULL: Final = Size(rounds=25, bulks=5, singles=200)
QUICK: Final = Size(rounds=2, bulks=1, singles=40)


def asked(doc: str | None) -> tuple[Size, Path | None]:
    """What the command line asks for: how much, and where to put the databases."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, help=f"rounds to count (default {FULL.rounds})")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs; figures mean nothing")
    parser.add_argument("--folder", type=Path, help="where to put the databases (default: the temporary folder)")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    return replace(size, rounds=options.rounds or size.rounds), options.folder


def erply_points(*arguments: str, folder: Path, stdin: str = "") -> None:
    command = [sys.executable, "-m", "erply_points", *arguments, "--data", str(folder)]
    subprocess.run(command, input=stdin, text=True, check=True, capture_output=True)


class Ours:
    """The real server as users start it, with an account of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        erply_points("account", "create", CODE, folder=folder)
        erply_points("user", "create", CODE, "till", "--password-stdin", folder=folder, stdin="secret\n")
        self.server = ServerProcess(folder)
        login = {"request": "verifyUser", "username": "till", "password": "secret", "sessionLength": 86_400}
        self.key = harness.call(self.server.url, {"clientCode": CODE, **login})["records"][0]["sessionKey"]

    @property
    def database(self) -> Path:
        return self.folder / f"{CODE}.db"

    def form(self, **parameters: Any) -> dict[str, Any]:
        return {"clientCode": CODE, "sessionKey": self.key, **parameters}

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

    def check(self) -> None:
        erply_points("check", folder=self.folder)


@contextlib.contextmanager
def _obvious(database: Path) -> Iterator[str]:
    """The obvious server's URL while it runs on `database`."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "benchmarks.obvious_server", str(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        match = re.search(r"http://\S+:\d+", process.stdout.readline())
        assert match, "the obvious server did not start"
        try:
            yield match[0]
        finally:
            process.terminate()


def _copy(source: Path, target: Path) -> Path:
    with contextlib.closing(sqlite3.connect(source)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(shutil.copy(source, target))


def _http(url: str, rounds: list[list[bytes]], connections: int) -> harness.Work:
    """The work of a contender over HTTP; every answer is looked at, off the clock."""

    def work(number: int) -> float:
        seconds, answers = harness.exchange_all(url, rounds[number], connections)
        for answer in answers:
            sub_answers = answer.count(b'"records":')
            assert sub_answers, answer
            assert answer.count(b'"subtractedPoints":') == sub_answers, answer
        return seconds

    return work


def _bare(loop: BareLoop, rounds: Plan) -> harness.Work:
    def work(number: int) -> float:
        started = time.perf_counter()
        for redemptions in rounds[number]:
            loop.redeem(redemptions)
        return time.perf_counter() - started

    return work


def _empty(url: str, connections: int, times: int) -> harness.Work:
    request = harness.post({"customerID": 1, "points": 1}, "/empty")
    return lambda _: harness.exchange_all(url, [request] * times, connections)[0]


def _bulks(customers: list[int], points: int, size: Size, rounds: int) -> Plan:
    """For each round its bulks; within a bulk every customer is another one."""
    source = random.Random(20_260_101)  # noqa: S311 - a repeatable order
    endless = _shuffled_forever(customers, source)
    return [[[(next(endless), points) for _ in range(BULK)] for _ in range(size.bulks)] for _ in range(rounds)]


def _shuffled_forever(customers: list[int], source: random.Random) -> Iterator[int]:
    assert len(customers) % BULK == 0
    while True:
        yield from source.sample(customers, len(customers))


def _workloads(ours: Ours, size: Size, stack: ExitStack, rounds: int) -> list[Workload]:
    rich = ours.fill(RICH_CUSTOMERS, [10**6])
    # Each is visited twice and pays 15 of 40 points: the first visit drains one lot, the second another.
    poor = ours.fill(-(-rounds * size.bulks // 2) * BULK, [LOT_POINTS] * LOTS_EACH)
    loop = BareLoop(_copy(ours.database, ours.folder / "bare.sqlite"))
    stack.callback(loop.close)
    obvious = stack.enter_context(_obvious(_copy(ours.database, ours.folder / "obvious.sqlite")))

    def bulk_form(redemptions: Redemptions) -> bytes:
        requests = [
            {
                "requestName": "subtractCustomerRewardPoints",
                "requestID": number,
                "customerID": customer_id,
                "points": points,
            }
            for number, (customer_id, points) in enumerate(redemptions, 1)
        ]
        return harness.post(ours.form(requests=requests))

    def single_form(redemptions: Redemptions) -> bytes:
        ((customer_id, points),) = redemptions
        return harness.post(ours.form(request="subtractCustomerRewardPoints", customerID=customer_id, points=points))

    def workload(name: str, plan: Plan, encode: Callable[[Redemptions], bytes], connections: int = 1) -> Workload:
        encoded = [[encode(redemptions) for redemptions in each] for each in plan]
        contenders = [
            Contender("erply-points over HTTP", _http(ours.server.url, encoded, connections)),
            Contender("bare sqlite3 loop", _bare(loop, plan)),
            Contender("obvious implementation over HTTP", _http(obvious, encoded, connections)),
        ]
        if encode is single_form:
            contenders.append(Contender("empty endpoint over HTTP", _empty(obvious, connections, size.singles)))
        return Workload(name, "request", len(plan[0]), contenders)

    source = random.Random(20_260_102)  # noqa: S311 - a repeatable order
    one_by_one = _shuffled_forever(rich, source)
    singles = [[[(next(one_by_one), 1)] for _ in range(size.singles)] for _ in range(rounds)]
    crowd = [[[(next(one_by_one), 1)] for _ in range(size.singles)] for _ in range(rounds)]
    return [
        workload("bulk of 100, one lot each", _bulks(rich, 1, size, rounds), bulk_form),
        workload(f"bulk of 100, {LOTS_EACH} lots each, two pay", _bulks(poor, 15, size, rounds), bulk_form),
        workload("single call, 1 connection", singles, single_form),
        workload("single call, 32 connections", crowd, single_form, connections=32),
    ]


_SAME: Final = (
    "SELECT customer_id, points, unpaid, document_id, description, count(*) FROM redemptions GROUP BY 1, 2, 3, 4, 5",
    "SELECT lot_id, points, count(*) FROM allocations GROUP BY 1, 2",
    "SELECT id, customer_id, remaining, redeemed, expired FROM lots ORDER BY id",
    "SELECT customer_id, balance, redeemed, entries FROM wallets ORDER BY customer_id",
    "SELECT customer_id, number, kind, points, balance FROM entries ORDER BY customer_id, number",
    "SELECT name, last FROM sequences ORDER BY name",
)
"""What must be the same everywhere, whatever the order in which connections were served."""


def _verify(ours: Ours) -> int:
    """Raise unless everyone has done all of the work and ours is sound; the number of redemptions."""
    ours.check()
    contents = []
    for path in (ours.database, ours.folder / "bare.sqlite", ours.folder / "obvious.sqlite"):
        with contextlib.closing(sqlite3.connect(path)) as database:
            contents.append([sorted(database.execute(query)) for query in _SAME])
            (redemptions,) = database.execute("SELECT count(*) FROM redemptions").fetchone()
    assert contents[0] == contents[1], "the bare loop has done other work"
    assert contents[0] == contents[2], "the obvious implementation has done other work"
    return int(redemptions)


def main() -> None:
    size, parent = asked(__doc__)
    with tempfile.TemporaryDirectory(dir=parent) as name, ExitStack() as stack:
        folder = Path(name)
        facts = harness.machine(folder)
        ours = Ours(folder)
        stack.callback(ours.server.terminate)
        workloads = _workloads(ours, size, stack, size.rounds + 1)
        table = harness.run(workloads, size.rounds)
        stack.close()
        redemptions = _verify(ours)
    print(f"{facts}\n\n{table}\n")
    print(f"Microseconds per request, {size.rounds} rounds of {size.bulks} bulks or {size.singles} calls, interleaved.")
    print(f"The same {redemptions:,} redemptions in all three databases; `erply-points check` finds ours sound.")


if __name__ == "__main__":
    main()
