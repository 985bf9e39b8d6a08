"""Three times as many requests as the server can do: who is answered how fast, who is turned away, what comes after.

For each kind of request: the capacity is measured at full speed on 64 connections; three times that is offered at a
steady rate on up to 1,000 connections, whether or not answers come; then full speed is measured again, and that of a
server that is started anew on the same account, which has grown meanwhile. At the end every accepted redemption must be
there once and every refused one not at all. What a refusal costs the server's processor is what is left of its time at
three times the load, when those that were done have cost what they cost before.

Run: python tests/reliability/overload.py
"""

import argparse
import contextlib
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import uvloop

from benchmarks import harness
from benchmarks.servers import Ours
from reliability.traffic import Make, Outcome, Tills, Traffic, milliseconds

CONNECTIONS = 64
CONNECTIONS_MAX = 1_000


async def _overload(ours: Ours, make: Make, seconds: float, factor: float) -> list[Outcome]:
    """Before, meanwhile, afterwards, with a server started anew; and what warmed the two servers up."""
    traffic = Traffic(ours.server.url, make, CONNECTIONS_MAX, ours.server.process.pid)
    warm_up = await traffic.at_full_speed(CONNECTIONS, seconds / 4)
    before = await traffic.at_full_speed(CONNECTIONS, seconds)
    meanwhile = await traffic.at_rate(before.rate * factor, seconds)
    afterwards = await traffic.at_full_speed(CONNECTIONS, seconds)
    traffic.close()
    ours.start_anew()
    traffic = Traffic(ours.server.url, make, CONNECTIONS_MAX, ours.server.process.pid)
    warm_up_anew, anew = [await traffic.at_full_speed(CONNECTIONS, each) for each in (seconds / 4, seconds)]
    traffic.close()
    return [before, meanwhile, afterwards, anew, warm_up, warm_up_anew]


def _row(name: str, before: Outcome, meanwhile: Outcome, afterwards: Outcome, anew: Outcome) -> Iterator[str]:
    offered = (len(meanwhile.accepted) + len(meanwhile.refused) + meanwhile.broken) / meanwhile.seconds
    yield name
    yield f"{before.rate:,.0f}"
    yield f"{offered:,.0f}"
    yield f"{meanwhile.rate:,.0f}"
    yield f"{len(meanwhile.refused) / meanwhile.seconds:,.0f}"
    for found in (before.accepted, meanwhile.accepted, meanwhile.refused):
        yield f"{milliseconds(found, 50):,.0f}, {milliseconds(found, 99):,.0f}"
    each, later, fresh = (found.processor_seconds / len(found.accepted) for found in (before, afterwards, anew))
    left = max(0.0, meanwhile.processor_seconds - each * len(meanwhile.accepted))
    refusing = f"{1e6 * left / len(meanwhile.refused):,.0f}" if meanwhile.refused else ""
    yield f"{each * 1e6:,.0f}, {later * 1e6:,.0f}, {fresh * 1e6:,.0f}, {refusing}"
    yield f"{afterwards.rate / before.rate:.2f}x"
    yield f"{afterwards.rate / anew.rate:.2f}x"
    yield str(meanwhile.broken)


HEAD = (
    *(
        "requests",
        "capacity /s",
        "offered /s",
        "done /s",
        "refused /s",
        "ms at capacity: p50, p99",
        "ms of the accepted",
    ),
    *("ms of the refused", "server's us: before, afterwards, started anew, refused"),
    *("speed afterwards: of before", "of started anew", "broken"),
)


def _verify(ours: Ours, accepted: int) -> None:
    """Raise unless there are as many redemptions as were accepted, each once, and all is sound."""
    ours.check()
    with contextlib.closing(sqlite3.connect(ours.database)) as database:
        made, different = database.execute("SELECT count(*), count(DISTINCT description) FROM redemptions").fetchone()
    assert made == different == accepted, (made, different, accepted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each of the three runs (default 10)")
    parser.add_argument("--factor", type=float, default=3.0, help="times the capacity (default 3)")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs; figures mean nothing")
    options = parser.parse_args()
    seconds = 0.2 if options.quick else options.seconds
    with tempfile.TemporaryDirectory() as name:
        ours = Ours(Path(name))
        try:
            tills = Tills(ours, 100 if options.quick else 1_000, seed=1)
            print(harness.machine(Path(name)), end="\n\n")
            print(f"| {' | '.join(HEAD)} |\n|---{'|---:' * (len(HEAD) - 1)}|")
            accepted = 0
            kinds = (
                ("receipts", tills.receipt, 1),
                ("bulks of 100 redemptions", tills.bulk, 100),
                ("single redemptions", tills.single, 1),
            )
            for title, make, redemptions in kinds:
                runs = uvloop.run(_overload(ours, make, seconds, options.factor))
                accepted += redemptions * sum(len(each.accepted) for each in runs)
                print("| " + " | ".join(_row(title, *runs[:4])) + " |", flush=True)
        finally:
            ours.server.terminate()
        _verify(ours, accepted)
    print(f"\n{accepted:,} redemptions accepted, each there once, none that was refused; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
