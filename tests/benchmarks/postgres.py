"""How much of PostgreSQL's speed is left once HTTP, checks and sessions are paid for, and what a second server adds.

Asked because the server promises at least 0.8 of what pgbench does with a script that writes the same rows, 100
redemptions in a transaction, half of pgbench's single redemptions with 32 clients, ten times the obvious implementation
(`obvious_asyncpg.py`), and that two servers are no slower than one. All have accounts of their own in one durable
cluster, filled alike. Run: python tests/benchmarks/postgres.py
"""

import argparse
import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import harness
from benchmarks.harness import Contender, Workload
from benchmarks.servers import obvious_process
from erply_points.accounts import administration
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from support.postgres import Cluster, cluster
from support.process import ServerProcess

BULK: Final = 100
CUSTOMERS: Final = 10_000
POINTS_EACH: Final = 10**9
NOW: Final = 1_767_225_600
NEVER: Final = 2**52


@dataclass(frozen=True)
class Size:
    """How much one round does."""

    rounds: int
    bulks: int
    singles: int


FULL: Final = Size(rounds=15, bulks=10, singles=1_600)
QUICK: Final = Size(rounds=1, bulks=1, singles=32)

_FILL: Final = f"""
    INSERT INTO customers SELECT n, '', '', 'Customer ' || n, '', '', '', '', '', '', 0, {NOW}, {NOW}, '{{}}'
        FROM generate_series(1, {CUSTOMERS}) AS n;
    INSERT INTO wallets SELECT n, 1, {POINTS_EACH}, 0, {POINTS_EACH}, 0, 0, 0, 1, {NOW}
        FROM generate_series(1, {CUSTOMERS}) AS n;
    INSERT INTO lots SELECT n, n, 1, {POINTS_EACH}, {POINTS_EACH}, 0, 0, 0, {NOW}, {NOW}, {NEVER}, 0, 0, 0, '', 'manual'
        FROM generate_series(1, {CUSTOMERS}) AS n;
    INSERT INTO entries SELECT n, 1, 1, {NOW}, 'earn', {POINTS_EACH}, {POINTS_EACH}, n
        FROM generate_series(1, {CUSTOMERS}) AS n;
    INSERT INTO sequences VALUES ('customers', {CUSTOMERS}), ('transactions', {CUSTOMERS})
        ON CONFLICT (name) DO UPDATE SET last = excluded.last"""

# One statement for each redemption: with one for each row, pgbench 15 dies of a script of so many commands.
_REDEMPTION: Final = """
WITH chosen AS (SELECT (1 + random() * {most})::bigint AS customer),
    wallet AS (UPDATE wallets SET balance = balance - 1000, redeemed = redeemed + 1000, entries = entries + 1
        FROM chosen WHERE customer_id = customer AND currency_id = 1 RETURNING customer, balance, entries),
    lot AS (UPDATE lots SET remaining = remaining - 1000, redeemed = redeemed + 1000
        FROM chosen WHERE customer_id = customer AND currency_id = 1 AND is_open = 1 RETURNING id),
    redemption AS (INSERT INTO redemptions
        SELECT :last::bigint - {place}, customer, 1, 1000, 0, {now}, 0, 0, 0, 0, 0, 0, '', 0 FROM wallet),
    allocation AS (INSERT INTO allocations
        SELECT :last::bigint - {place}, id, customer, entries, 1000 FROM wallet, lot)
INSERT INTO entries SELECT customer, 1, entries, {now}, 'redeem', -1000, balance, :last::bigint - {place} FROM wallet;
"""


def pgbench_script(redemptions: int) -> str:
    """So many redemptions in one transaction, each of a customer at random, with all the rows that ours writes."""
    taken = f"UPDATE sequences SET last = last + {redemptions} WHERE name = 'transactions' RETURNING last \\gset\n"
    each = (_REDEMPTION.format(most=CUSTOMERS - 1, place=place, now=NOW) for place in range(redemptions))
    return f"BEGIN;\n{taken}{''.join(each)}END;\n"


class Bench:
    """The cluster, and the accounts in it."""

    def __init__(self, durable: Cluster, folder: Path) -> None:
        self.cluster = durable
        self.folder = folder
        self.url = durable.url()
        self.settings = ServerSettings(database_url=self.url)

    async def account(self, code: str) -> None:
        """A new account, filled."""
        stores = stores_of(self.settings)
        await administration.create_account(stores, code, {})
        await administration.create_user(stores, code, "till", "secret")
        connection = await asyncpg.connect(self.url, server_settings={"search_path": f"account_{code}"})
        await connection.execute(_FILL)
        await connection.execute("VACUUM ANALYZE")
        await connection.close()

    async def check(self, code: str) -> None:
        problems = await administration.check_account(stores_of(self.settings), code)
        assert not problems, problems

    async def redemptions(self, code: str) -> int:
        connection = await asyncpg.connect(self.url)
        number: int = await connection.fetchval(f"SELECT count(*) FROM account_{code}.redemptions")
        await connection.close()
        return number

    def pgbench(self, code: str, redemptions: int, clients: int, transactions: int) -> harness.Work:
        """`transactions` in all, over so many clients; the seconds are pgbench's own, without connecting."""
        script = self.folder / f"{redemptions}.pgbench"
        script.write_text(pgbench_script(redemptions))
        command = [
            *(str(self.cluster.programs / "pgbench"), "-n", "-M", "prepared", "-f", str(script)),
            *("-c", str(clients), "-j", str(min(clients, 2)), "-t", str(-(-transactions // clients)), self.url),
        ]
        environment = {**os.environ, "PGOPTIONS": f"-c search_path=account_{code}"}

        def work(_: int) -> float:
            shown = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
            found = re.search(r"tps = ([0-9.]+)", shown)
            assert found, shown
            return transactions / float(found[1])

        return work


class Ours:
    """The real server, any number of them, on an account."""

    def __init__(self, bench: Bench, code: str, servers: int, stack: ExitStack) -> None:
        self.code = code
        running = [ServerProcess(Path(), database_url=bench.url) for _ in range(servers)]
        for server in running:
            stack.callback(server.terminate)
        self.urls = [server.url for server in running]
        login = {"request": "verifyUser", "username": "till", "password": "secret", "sessionLength": 86_400}
        self.key = harness.call(self.urls[0], {"clientCode": code, **login})["records"][0]["sessionKey"]

    def bulk(self, customers: list[int]) -> bytes:
        requests = [
            {"requestName": "subtractCustomerRewardPoints", "requestID": number, "customerID": customer, "points": 1}
            for number, customer in enumerate(customers, 1)
        ]
        return harness.post({"clientCode": self.code, "sessionKey": self.key, "requests": requests})

    def single(self, customer: int) -> bytes:
        call = {"request": "subtractCustomerRewardPoints", "customerID": customer, "points": 1}
        return harness.post({"clientCode": self.code, "sessionKey": self.key, **call})


def _http(urls: list[str], make: Callable[[], list[bytes]], connections: int) -> harness.Work:
    """Requests are made for each round, off the clock, and all answers are looked at."""

    def work(_: int) -> float:
        seconds, answers = harness.exchange_all(urls, make(), connections)
        for answer in answers:
            sub_answers = answer.count(b'"records":')
            assert sub_answers, answer
            assert answer.count(b'"subtractedPoints":') == sub_answers, answer
        return seconds

    return work


def _workloads(bench: Bench, size: Size, stack: ExitStack) -> list[Workload]:
    for code in ("ours", "obvious", "pgbench"):
        asyncio.run(bench.account(code))
    source = random.Random(20_260_101)  # noqa: S311 - a repeatable order
    one, two = (Ours(bench, "ours", servers, stack) for servers in (1, 2))
    obvious = stack.enter_context(obvious_process("benchmarks.obvious_asyncpg", bench.url, "account_obvious"))
    obvious_account = Ours.__new__(Ours)
    obvious_account.code, obvious_account.key = "obvious", _session_of("obvious", one.urls[0])

    def bulks(of: Ours, customers: int = CUSTOMERS) -> Callable[[], list[bytes]]:
        return lambda: [of.bulk([source.randint(1, customers) for _ in range(BULK)]) for _ in range(size.bulks)]

    def singles(of: Ours, customers: int = CUSTOMERS) -> Callable[[], list[bytes]]:
        return lambda: [of.single(source.randint(1, customers)) for _ in range(size.singles)]

    return [
        Workload(
            "bulk of 100, 1 connection",
            "bulk",
            size.bulks,
            [
                Contender("erply-points over HTTP", _http(one.urls, bulks(one), 1)),
                Contender("pgbench, 100 in a transaction", bench.pgbench("pgbench", BULK, 1, size.bulks)),
                Contender("obvious implementation over HTTP", _http([obvious], bulks(obvious_account), 1)),
            ],
        ),
        Workload(
            "bulk of 100, 4 connections",
            "bulk",
            size.bulks,
            [
                Contender("erply-points over HTTP", _http(one.urls, bulks(one), 4)),
                Contender("the same, two servers", _http(two.urls, bulks(two), 4)),
                Contender("the same, two servers, one customer", _http(two.urls, bulks(two, 1), 4)),
                Contender("pgbench, 4 clients", bench.pgbench("pgbench", BULK, 4, size.bulks)),
            ],
        ),
        Workload(
            "single call, 32 connections",
            "call",
            size.singles,
            [
                Contender("erply-points over HTTP", _http(one.urls, singles(one), 32)),
                Contender("the same, two servers", _http(two.urls, singles(two), 32)),
                Contender("the same, two servers, one customer", _http(two.urls, singles(two, 1), 32)),
                Contender("pgbench, 32 clients", bench.pgbench("pgbench", 1, 32, size.singles)),
                Contender("obvious implementation over HTTP", _http([obvious], singles(obvious_account), 32)),
            ],
        ),
    ]


def _session_of(code: str, url: str) -> str:
    """A session of the account, opened by our server, for who cannot open any."""
    login: dict[str, Any] = {"request": "verifyUser", "username": "till", "password": "secret", "sessionLength": 86_400}
    key: str = harness.call(url, {"clientCode": code, **login})["records"][0]["sessionKey"]
    return key


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, help=f"rounds to count (default {FULL.rounds})")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs; figures mean nothing")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    rounds = options.rounds or size.rounds
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        facts = harness.machine(Path(name))
        bench = Bench(stack.enter_context(cluster(durable=True)), Path(name))
        with ExitStack() as servers:
            table = harness.run(_workloads(bench, size, servers), rounds)
        for code in ("ours", "obvious", "pgbench"):
            asyncio.run(bench.check(code))
        done = {code: asyncio.run(bench.redemptions(code)) for code in ("ours", "obvious", "pgbench")}
    print(f"{facts}\n\n{table}\n")
    print(f"Microseconds per bulk or call, {rounds} rounds of {size.bulks} bulks or {size.singles} calls, interleaved.")
    print(f"Redemptions kept: {done}; `erply-points check` finds all three accounts sound.")


if __name__ == "__main__":
    main()
