"""`erply-points backup` and `restore` as they are run: beside the real server, while tills are selling.

1. A copy that is made under load is sound, and holds every bulk whole or not at all.
2. It holds everything that was acknowledged before the command began, and nothing that was sent after it ended.
3. It is a beginning of the account's history: what the account holds at the end up to the copy's last number is what
   the copy holds, row by row.

ERPLY_POINTS_BACKUPS sets how many copies are made (default 3), one after the other under the same load.
"""

import asyncio
import contextlib
import itertools
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from erply_points.accounts import administration
from erply_points.accounts.administration import Invalid
from erply_points.settings import ServerSettings
from erply_points.store.protocol import Stores
from support.client import Erply, Record
from support.process import ServerProcess
from support.shop import Shop, new_account

BACKUPS = int(os.environ.get("ERPLY_POINTS_BACKUPS", "3"))
CLIENTS = 6
LONG_BULK = 8


async def run(data: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of a command, run beside what the test does."""
    command = [sys.executable, "-m", "erply_points", *arguments, "--data", str(data)]
    ended = await asyncio.to_thread(
        subprocess.run,
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return ended.returncode, ended.stdout, ended.stderr


@dataclass
class Load:
    """What the tills have sent: the tags of their bulks, and of those that were answered."""

    sent: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    stopping: bool = False


def bulk(tag: str, customer: int, number: int) -> list[Record]:
    """A sale with a redemption and an earning, or many redemptions; everything that it makes carries the tag."""
    redemption = {"requestName": "subtractCustomerRewardPoints", "customerID": customer, "points": 1}
    if number % 2:
        return [{**redemption, "description": tag} for _ in range(LONG_BULK)]
    sale = {"requestName": "saveSalesDocument", "customerID": customer, "amount1": 2, "price1": 3, "notes": tag}
    earning = {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": 1, "description": tag}
    return [sale, {**redemption, "invoiceID": "CURRENT_INVOICE_ID", "description": tag}, earning]


async def sell(till: Erply, number: int, customers: list[int], load: Load) -> None:
    for count in itertools.count():
        if load.stopping:
            return
        tag = f"t{number}-{count}"
        load.sent.append(tag)
        requests = bulk(tag, customers[(number + count) % len(customers)], number)
        assert await till.codes(requests) == [0] * len(requests)
        load.answered.append(tag)


@contextlib.asynccontextmanager
async def selling(till: Erply) -> AsyncIterator[Load]:
    """Tills that go on selling while the block runs."""
    customers = [await till.customer(points=1_000_000) for _ in range(3)]
    load = Load()
    clients = [asyncio.create_task(sell(till, number, customers, load)) for number in range(CLIENTS)]
    try:
        yield load
    finally:
        load.stopping = True
        await asyncio.gather(*clients)


def tags(file: Path) -> dict[str, int]:
    """How much of each bulk is there: rows by tag."""
    with contextlib.closing(sqlite3.connect(file)) as database:
        rows = database.execute(
            "SELECT tag, count(*) FROM (SELECT description AS tag FROM redemptions"
            " UNION ALL SELECT description FROM lots"
            " UNION ALL SELECT json_extract(fields, '$.notes') FROM documents) WHERE tag LIKE 't%-%' GROUP BY tag"
        )
        return dict(rows.fetchall())


HISTORY = ("redemptions", "entries", "documents", "allocations")
"""Tables that are only added to by such bulks; their order is that of the history."""


def history(file: Path, like: Path) -> list[list[tuple[object, ...]]]:
    """The rows of a file's history that are no later than the last ones in `like`."""
    found = []
    with contextlib.closing(sqlite3.connect(file)) as database, contextlib.closing(sqlite3.connect(like)) as other:
        for table in HISTORY:
            key = "transaction_id" if table == "allocations" else "id"
            (last,) = other.execute(f"SELECT max({key}) FROM {table}").fetchone()
            found.append(database.execute(f"SELECT * FROM {table} WHERE {key} <= ? ORDER BY 1, 2", (last,)).fetchall())
    return found


@pytest.mark.timeout(60 + 20 * BACKUPS)
async def test_a_backup_under_load_is_a_moment_of_the_account(
    server: ServerProcess, till: Erply, tmp_path: Path
) -> None:
    """Promises 1 to 3, for one copy after the other while tills are selling."""
    copies: list[tuple[Path, set[str], set[str]]] = []
    async with selling(till) as load:
        for number in range(BACKUPS):
            await asyncio.sleep(0.1)
            copy = tmp_path / f"restored{number}.db"
            before = set(load.answered)
            status, out, err = await run(server.data, "backup", till.code, str(copy))
            copies.append((copy, before, set(load.sent)))
            assert (status, err) == (0, ""), err
            assert out.startswith(f"Account {till.code} is in {copy}: sound, ")
    assert len(load.answered) > len(copies[-1][1]) > 0
    final = server.data / f"{till.code}.db"
    for copy, before, sent in copies:
        there = tags(copy)
        assert {count for tag, count in there.items() if int(tag[1 : tag.index("-")]) % 2} <= {LONG_BULK}
        assert {count for tag, count in there.items() if not int(tag[1 : tag.index("-")]) % 2} <= {3}
        assert before <= there.keys() <= sent
        assert history(copy, copy) == history(final, copy)
    # Restored beside the server that runs, the account is served at once, with the sessions of that moment.
    copy = copies[0][0]
    status, _, err = await run(server.data, "restore", str(copy))
    assert status == 0, err
    used = await Erply(till.http, copy.stem, till.key).records("getUsedRewardPointRecords")
    assert {each["description"] for each in used} == tags(copy).keys()
    assert (await run(server.data, "check", copy.stem))[:2] == (0, f"{copy.stem}: sound\n")


async def test_backups_go_their_way_whatever_else_is_sent(server: ServerProcess, till: Erply, tmp_path: Path) -> None:
    """Input that is refused, a bulk that fails as a whole and a dry run leave no trace in the copy."""
    customer = await till.customer(points=10)
    add = {"requestName": "addCustomerRewardPoints", "customerID": customer, "points": 7, "description": "t0-0"}
    await till.bulk([add, {**add, "points": -1}], atomic=1)
    await till.bulk([add], dryRun=1)
    await till.bulk([{**add, "points": "many"}])
    (status, *_) = await run(server.data, "backup", till.code, str(tmp_path / "copy.db"))
    assert status == 0
    assert tags(tmp_path / "copy.db") == {}
    (status, *_) = await run(server.data, "restore", str(tmp_path / "copy.db"), f"{till.code}-copy")
    assert status == 0
    assert await Erply(till.http, f"{till.code}-copy", till.key).balance(customer) == 10


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("backup", "CODE", "FOLDER/there.db"), "there.db exists already"),
        (("backup", "CODE", "FOLDER/none/x.db"), "There is no folder"),
        (("backup", "CODE", "DATA/x.db"), "would lie among the accounts"),
        (("backup", "nobody", "FOLDER/x.db"), "There is no account nobody."),
        (("backup", "../CODE", "FOLDER/x.db"), "An account code has"),
        (("restore", "FOLDER/none.db"), "There is no file"),
        (("restore", "FOLDER/there.db"), "there.db is no account"),
        (("restore", "FOLDER/there.db", "CODE"), "There is an account CODE already"),
        (("restore", "FOLDER/there.db", "../x"), "An account code has"),
        (("restore", "FOLDER/.db"), "An account code has"),
    ],
)
async def test_refusals(tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    """What cannot be done is said in a line, exit status 2, and no file has come or changed."""
    data = tmp_path / "data"
    code = await new_account(ServerSettings(data=data))
    (tmp_path / "there.db").write_text("mine")
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}

    def named(text: str) -> str:
        return text.replace("CODE", code).replace("FOLDER", str(tmp_path)).replace("DATA", str(data))

    status, out, err = await run(data, *map(named, arguments))
    assert (status, out) == (2, "")
    assert named(reason) in err
    assert "Traceback" not in err
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")} == files


async def test_damage_is_told(tmp_path: Path) -> None:
    """An account that is not sound is named with what is wrong, exit status 1, and there is no copy of it."""
    data = tmp_path / "data"
    code = await new_account(ServerSettings(data=data))
    with contextlib.closing(sqlite3.connect(data / f"{code}.db", isolation_level=None)) as database:
        database.execute("DELETE FROM sequences WHERE name = 'customers'")
        database.execute("INSERT INTO customers SELECT 5, '', '', '', '', '', '', '', '', '', 0, 0, 0, '{}' WHERE 1")
    status, out, err = await run(data, "backup", code, str(tmp_path / "copy.db"))
    assert (status, out) == (1, f"{code}: customer 5: a number was used that its sequence has not given out\n")
    assert err == "Error: the account is not sound, and no copy was kept\n"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


async def test_a_restored_account_can_begin_without_sessions(shop: Shop, tmp_path: Path) -> None:
    """With `--forget-sessions` who was logged in then is unknown; the password is what it was."""
    status, _, err = await run(shop.settings.data, "backup", shop.code, str(tmp_path / "copy.db"))
    assert status == 0, err
    arguments = ("restore", str(tmp_path / "copy.db"), "elsewhere", "--forget-sessions")
    status, _, err = await run(shop.settings.data, *arguments)
    assert status == 0, err
    restored = Erply(shop.http, "elsewhere", shop.key)
    assert await restored.error("getVatRates") == (1055, None)
    assert await (await restored.log_in()).records("getVatRates")
    assert await shop.records("getVatRates")


async def test_accounts_that_are_no_files(tmp_path: Path) -> None:
    """Where a database server keeps the accounts, the commands say so."""

    class Elsewhere:
        open = create = codes = remove = None

    stores: Stores = Elsewhere()  # type: ignore[assignment]  # nothing of it is asked for
    with pytest.raises(Invalid, match="database server"):
        await administration.back_up(stores, "shop", tmp_path / "x")
    with pytest.raises(Invalid, match="database server"):
        await administration.restore_backup(stores, "shop", tmp_path / "x")
