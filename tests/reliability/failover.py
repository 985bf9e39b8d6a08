"""What becomes of acknowledged requests when the primary dies, and how long a till waits.

Three PostgreSQL nodes under Patroni, two servers, tills that send every request until an answer comes. At moments from
a seed the primary's host dies, by `kill -9` of Patroni, PostgreSQL and all their processes at once. It comes back later
and joins as a standby. In the end:

1. everything acknowledged is there, with the numbers that were answered;
2. nothing is there twice, acknowledged or not;
3. a bulk is there whole or not at all;
4. every key, sent once more, is given its first answer;
5. `erply-points check` finds nothing wrong on the last primary;
6. service came back by itself after each failure, at both servers.

Run: python tests/reliability/failover.py --kills 20. What it needs, and what came out: docs/reliability/failover.md.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

import asyncpg
import httpx

from erply_points.accounts import administration
from erply_points.app import stores_of
from erply_points.settings import ServerSettings
from reliability.failover_load import (
    ANSWER_SECONDS_MAX,
    Pause,
    Tills,
    judge,
    middle,
    pause_of,
    send_all_again,
    stored,
)
from reliability.patroni import DATABASE, USER, Cluster, Node, NotInstalled, NotReady, Programs, Timing
from support.client import Erply
from support.process import ServerProcess

CODE: Final = "failover"
SERVERS: Final = 2
CUSTOMERS: Final = 12
POINTS: Final = 1_000_000
READY_SECONDS_MAX: Final = 180.0
"""How long the cluster may take to be whole again."""
LOOK_SECONDS: Final = 0.2
AWAY_SECONDS: Final = (1.0, 6.0)
"""How long a host stays away once another is the primary: anything between."""
HANGING_SECONDS: Final = 10.0
"""How much longer a host that hangs stays so: the servers must do without it."""
ETCD_AWAY_SECONDS: Final = 20.0
"""Longer than a primary keeps its place without it."""

KINDS: Final = {
    "kill": "the host dies and comes back when another is the primary",
    "hang": "the host hangs, its connections stay open; it is reset when another is the primary",
    "reboot": "the host dies and comes back at once",
    "etcd-member": "the leader of three etcd members dies and comes back",
    "etcd-outage": "all of etcd dies and comes back, while all hosts of the database go on",
}


@dataclass
class Failure:
    kind: str
    node: str
    """The host, or what of etcd."""
    at: float
    """`time.monotonic`"""
    primary: str = ""
    """Who was the next."""
    seconds: float = 0.0
    """Until then."""


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


async def wait_until(what: str, found: Callable[[], Awaitable[Any]], seconds: float = READY_SECONDS_MAX) -> Any:
    """What `found` returns once that is true. Raises NotReady."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := await found():
            return answer
        await asyncio.sleep(LOOK_SECONDS)
    raise NotReady(f"{what} did not come about in {seconds:.0f} seconds")


async def prepare(cluster: Cluster) -> None:
    """A database of an owner without special rights, and an account in it."""
    await wait_until("a cluster with a synchronous standby", cluster.is_whole)
    connection = await asyncpg.connect(cluster.url("postgres", "postgres"))
    try:
        await connection.execute(f"CREATE ROLE {USER} LOGIN")
        await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {USER}")
    finally:
        await connection.close()
    await wait_until("the database on all nodes", lambda: _is_everywhere(cluster))
    stores = stores_of(ServerSettings(database_url=cluster.url()))
    await administration.create_account(stores, CODE, {})
    await administration.create_user(stores, CODE, "till", "secret")


async def _is_everywhere(cluster: Cluster) -> bool:
    """Whether the standbys have read so far. A driver that is refused by one node tries no other."""
    for node in cluster.nodes:
        try:
            connection = await asyncpg.connect(f"postgresql://{USER}@127.0.0.1:{node.port}/{DATABASE}")
        except asyncpg.PostgresError:
            return False
        await connection.close()
    return True


@contextlib.asynccontextmanager
async def client(url: str) -> AsyncIterator[Erply]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS_MAX, limits=limits, trust_env=False) as http:
        yield Erply(http, CODE)


async def fail_etcd(cluster: Cluster, kind: str) -> Failure:
    """Let etcd fail, for a while; return when all is whole again."""
    etcd = cluster.etcd
    assert etcd is not None
    gone = etcd.members if kind == "etcd-outage" else [await etcd.leader()]
    failure = Failure(kind, " ".join(member.name for member in gone), time.monotonic())
    for member in gone:
        member.kill()
    await asyncio.sleep(ETCD_AWAY_SECONDS)
    etcd.start(*gone)
    failure.primary = (await wait_until("a primary", cluster.primary)).name
    failure.seconds = time.monotonic() - failure.at
    await wait_until("a cluster of three with a synchronous standby", cluster.is_whole)
    return failure


async def fail_once(cluster: Cluster, kind: str, lag: float, source: Random) -> Failure:
    """Let the primary's host fail, and see to it that it comes back; return when all is whole again.

    For the last `lag` seconds its standbys hear nothing of it.
    """
    node: Node = await wait_until("a primary", cluster.primary)
    if lag:
        node.fall_silent()
        await asyncio.sleep(lag)
    failure = Failure(kind, node.name, time.monotonic())
    if kind == "hang":
        node.freeze()
    else:
        node.kill()
    if kind == "reboot":
        node.start()
    successor: Node = await wait_until(
        "the next primary", lambda: cluster.primary(but=None if kind == "reboot" else node)
    )
    failure.primary, failure.seconds = successor.name, time.monotonic() - failure.at
    if kind != "reboot":
        await asyncio.sleep(source.uniform(*AWAY_SECONDS) + (HANGING_SECONDS if kind == "hang" else 0))
        node.kill()
        node.start()
    await wait_until("a cluster of three with a synchronous standby", cluster.is_whole)
    return failure


def plan(options: argparse.Namespace, source: Random) -> list[str]:
    """The kinds of the failures to come."""
    kinds = [kind for kind in KINDS for _ in range(getattr(options, f"{kind.replace('-', '_')}s"))]
    source.shuffle(kinds)
    return kinds


async def run(cluster: Cluster, servers: Sequence[ServerProcess], options: argparse.Namespace) -> list[str]:
    """Do it all, print what was seen; what is wrong."""
    source = Random(options.seed)  # noqa: S311 - repeatable
    failures: list[Failure] = []
    async with AsyncExitStack() as stack:
        shops = [await stack.enter_async_context(client(server.url)) for server in servers]
        key = (await shops[0].log_in()).key
        for shop in shops:
            shop.key = key
        customers = [await shops[0].customer(points=POINTS) for _ in range(CUSTOMERS)]
        tills = Tills(shops, customers, options.tills, options.pace, f"{options.seed}")
        try:
            for number, kind in enumerate(plan(options, source), 1):
                await asyncio.sleep(source.uniform(*options.seconds_between))
                if kind.startswith("etcd"):
                    failure = await fail_etcd(cluster, kind)
                else:
                    failure = await fail_once(cluster, kind, options.lag, source)
                failures.append(failure)
                waited = f"{failure.primary} is the primary after {failure.seconds:.1f} s"
                say(f"{number}: {kind} of {failure.node}, {waited}; {len(tills.history.sent)} requests so far")
            await asyncio.sleep(options.seconds_between[1])
            await asyncio.wait_for(tills.close(), 2 * ANSWER_SECONDS_MAX)
        except BaseException:
            tills.abandon()
            raise
        history = tills.history
        say(f"{len(history.sent)} requests were sent; looking for each of them")
        ends = [*(failure.at for failure in failures[1:]), time.monotonic()]
        pauses = [
            [pause_of(history.attempts, server, failure.at, end) for server in range(len(shops))]
            for failure, end in zip(failures, ends, strict=True)
        ]
        problems = judge(history, await stored(shops[0]))
        problems += await send_all_again(shops, history)
        problems += judge(history, await stored(shops[1]))
        problems += [
            f"server {server + 1} did not come back after failure {number}"
            for number, each in enumerate(pauses, 1)
            for server, pause in enumerate(each)
            if pause.longest == float("inf")
        ]
    report(failures, pauses)
    attempts = history.attempts
    told = {name: sum(each.outcome == name for each in attempts) for name in ("done", "refused", "lost")}
    print(
        f"\n{len(history.sent)} requests in {len(attempts)} attempts: {told['done']} answers,"
        f" {told['refused']} times 1003, {told['lost']} without an answer;"
        f" the longest wait for any answer {max(each.seconds for each in attempts):.1f} s."
    )
    return problems


def report(failures: Sequence[Failure], pauses: Sequence[Sequence[Pause]]) -> None:
    servers = range(len(pauses[0]) if pauses else 0)
    heads = " | ".join(f"pause at server {server + 1}" for server in servers)
    print(f"\n|  | failure | next primary, after | {heads} | 1003: times, p50, max | longest wait |")
    print("|---:|---|---|" + "---:|" * len(servers) + "---:|---:|")
    for number, (failure, each) in enumerate(zip(failures, pauses, strict=True), 1):
        refusals = sorted(seconds for pause in each for seconds in pause.refusals)
        shown = " | ".join(f"{pause.longest:.1f} s" for pause in each)
        refused = f"{len(refusals)}, {middle(refusals):.2f} s, {max(refusals, default=0.0):.1f} s"
        longest = max((seconds for pause in each for seconds in pause.waits), default=0.0)
        print(
            f"| {number} | {failure.kind} {failure.node} | {failure.primary}, {failure.seconds:.1f} s"
            f" | {shown} | {refused} | {longest:.1f} s |"
        )
    for kind in KINDS:
        those = [each for failure, each in zip(failures, pauses, strict=True) if failure.kind == kind]
        longest_pauses = sorted(pause.longest for each in those for pause in each)
        refusals = sorted(seconds for each in those for pause in each for seconds in pause.refusals)
        waits = sorted(seconds for each in those for pause in each for seconds in pause.waits)
        if those:
            print(
                f"\n{kind}, {len(those)} times ({KINDS[kind]}): pause p50 {middle(longest_pauses):.1f} s,"
                f" max {longest_pauses[-1]:.1f} s; 1003 after p50 {middle(refusals):.3f} s,"
                f" max {max(refusals, default=0.0):.1f} s; longest wait for any answer {waits[-1]:.1f} s."
            )


def check(url: str) -> list[str]:
    command = [sys.executable, "-m", "erply_points", "check", CODE]
    environment = {**os.environ, "ERPLY_POINTS_DATABASE_URL": url}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return [] if ended.returncode == 0 else (ended.stdout + ended.stderr).splitlines()


def keep_log(server: ServerProcess, file: Path) -> None:
    file.write_text("".join(server.log), "utf-8")


def _stop(number: int, _frame: Any) -> None:
    """Have all that was begun ended, as after Ctrl-C."""
    raise KeyboardInterrupt(number)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for kind, meaning in KINDS.items():
        parser.add_argument(f"--{kind}s", type=int, default=20 if kind == "kill" else 0, help=meaning)
    parser.add_argument("--seed", type=int, default=1, help="of the moments, their order and what is sold")
    parser.add_argument("--seconds-between", type=float, nargs=2, default=(1.0, 8.0), metavar=("LEAST", "MOST"))
    parser.add_argument("--tills", type=int, default=12)
    parser.add_argument("--pace", type=float, default=0.3, help="seconds between the sales of a till, in the mean")
    parser.add_argument("--ttl", type=int, default=10, help="Patroni's, in seconds: how long a silent primary is kept")
    parser.add_argument("--not-strict", action="store_true", help="let a primary without a standby acknowledge alone")
    parser.add_argument("--failsafe", action="store_true", help="let a primary that reaches all nodes do without etcd")
    parser.add_argument("--asynchronous", action="store_true", help="let standbys follow as they can: things get lost")
    parser.add_argument("--lag", type=float, default=0.0, help="seconds that standbys hear nothing before each failure")
    parser.add_argument(
        "--keep-logs", type=Path, metavar="FOLDER", help="where the logs of all processes are copied to"
    )
    options = parser.parse_args()
    try:
        programs = Programs.find()
    except NotInstalled as missing:
        parser.exit(2, f"{missing}\n")
    signal.signal(signal.SIGTERM, _stop)
    timing = Timing(options.ttl, 1, max(1, (options.ttl - 1) // 2))
    with ExitStack() as stack:
        cluster = Cluster(
            programs,
            timing,
            strict=not options.not_strict,
            synchronous=not options.asynchronous,
            failsafe=options.failsafe,
            members=3 if options.etcd_members or options.etcd_outages else 1,
        )
        stack.callback(cluster.remove)
        if options.keep_logs:
            options.keep_logs.mkdir(parents=True, exist_ok=True)
            stack.callback(lambda: [shutil.copy(log, options.keep_logs) for log in cluster.folder.glob("*.log")])
        asyncio.run(prepare(cluster))
        servers = []
        for number in range(SERVERS):
            server = ServerProcess(cluster.folder, database_url=cluster.url())
            if options.keep_logs:
                stack.callback(keep_log, server, options.keep_logs / f"server{number + 1}.log")
            stack.callback(server.kill)
            servers.append(server)
        say(f"three nodes and {SERVERS} servers are up; {timing}")
        problems = asyncio.run(run(cluster, servers, options)) + check(cluster.url())
    if problems:
        print(f"\n{len(problems)} problems:", *problems[:50], sep="\n- ")
        sys.exit(1)
    print("\nEvery acknowledged request is there once and whole, no key is lost, and check finds nothing wrong.")


if __name__ == "__main__":
    main()
