"""An account's file: what it may hold, what it changes, and what it is refused for."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from erply_points.accounts import administration
from erply_points.accounts.declaration import InvalidFile, WouldLose
from erply_points.accounts.settings import InvalidSetting
from erply_points.app import stores_of
from erply_points.cli import main
from erply_points.ledger.wallet import Wallet, earn
from erply_points.settings import ServerSettings
from erply_points.store.configuration import Configuration, Currency, Enrolment, Program, Promotion, Reason
from erply_points.store.unit_of_work import UnitOfWork
from store.samples import change, customer, lot

CODE = "101010"
CLUB = """
    [[program]]
    id = 97
    name = "Club"
    decimals = 2
    default = true

    [[program]]
    id = 98
    name = "Gold"

    [[currency]]
    name = "DocCoin"
    program = 97
    decimals = 1

    [[promotion]]
    id = 12
    identifier = "8f14e45f"
    program = 98

    [[reason]]
    code = "7502"
    name = "Goodwill"

    [accrual]
    points_per_currency_unit = 0.5
    duration_months = 12

    [settings]
    negative_balance = "allow"
    strict_products = true
"""


class Shop:
    """An account and what its files make of it."""

    def __init__(self, folder: Path) -> None:
        self.stores = stores_of(ServerSettings(data=folder))

    async def apply(self, text: str, *, look_only: bool = False) -> list[str]:
        """The lines of what was changed."""
        return (await administration.apply_file(self.stores, CODE, text, look_only=look_only)).lines

    async def refused(self, text: str) -> list[str]:
        """Why a file is refused; nothing has changed."""
        before = await self.configuration()
        with pytest.raises(WouldLose) as refusal:
            await self.apply(text)
        assert await self.configuration() == before
        return list(refusal.value.args)

    async def configuration(self) -> tuple[Configuration, dict[str, str]]:
        store = await self.stores.open(CODE)
        try:
            transaction = await store.begin({"configurations": {0}}, write=False)
            found = transaction.work.configurations.get(0)
            settings = {name: value for name, value in transaction.settings.items() if not name.startswith("_")}
            await transaction.rollback()
        finally:
            await store.close()
        assert found is not None
        return found, settings

    async def give(self, currency: int, points: int) -> None:
        """Let a new customer, who is in programs 97 and 98, earn `points` thousandths of a currency."""

        def live(work: UnitOfWork) -> None:
            number = work.new_id("customers")
            work.customers.put(number, customer(number))
            for program in (97, 98):
                if work.programs.get(program) is not None:
                    work.enrolments.put((number, program), Enrolment(number, program, 100))
            given = lot(work.new_id("transactions"), number, points, currency_id=currency)
            work.post(earn(Wallet.empty(number, currency), given, 100))

        store = await self.stores.open(CODE)
        try:
            await change(store, live, {"programs": {97, 98}})
        finally:
            await store.close()


@pytest.fixture
async def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    await administration.create_account(shop.stores, CODE, {})
    return shop


async def test_a_file_makes_what_it_declares(shop: Shop) -> None:
    """Programs, currencies, promotions, reasons and settings; the first default program takes over the points."""
    assert await shop.apply(CLUB, look_only=True) == await shop.apply(CLUB)
    found, settings = await shop.configuration()
    assert found._replace(currencies_used=(), promotions_used=frozenset()) == Configuration(
        (Program(97, "Club"), Program(98, "Gold")),
        (
            Currency(1, "points", 2, 97, 1),
            Currency(2, "points 98", 0, 98, 1),
            Currency(3, "DocCoin", 1, 97, 0),
        ),
        (Promotion(12, "8f14e45f", 98),),
        (Reason("7502", "Goodwill"),),
        (),
        frozenset(),
    )
    assert settings == {
        "reward_points_per_currency_unit": "0.5",
        "reward_points_duration": "12",
        "negative_balance": "allow",
        "strict_products": "1",
    }


async def test_applying_again_changes_nothing(shop: Shop) -> None:
    """A file that was applied has nothing left to change, and a section that it leaves out stays as it is."""
    await shop.apply(CLUB)
    before = await shop.configuration()
    assert await shop.apply(CLUB) == []
    assert await shop.apply('[settings]\nnegative_balance = "allow"') == []
    assert await shop.apply("") == []
    assert await shop.configuration() == before


async def test_a_look_changes_nothing(shop: Shop) -> None:
    """What would change is shown and not done."""
    before = await shop.configuration()
    lines = await shop.apply(CLUB, look_only=True)
    assert lines[0] == "~ program 1 points becomes 97 Club"
    assert "+ promotion 12 8f14e45f of program 98" in lines
    assert "~ setting negative_balance: default -> allow" in lines
    assert await shop.configuration() == before


async def test_what_is_no_longer_declared_goes(shop: Shop) -> None:
    """Programs, currencies, promotions and reasons that nobody uses are taken away when a file does not list them."""
    await shop.apply(CLUB)
    one = '[[program]]\nid = 97\nname = "Club"\ndecimals = 3\n'
    assert await shop.apply(f"promotion = []\ncurrency = []\nreason = []\n{one}") == [
        "- program 98 Gold",
        "- currency points 98 of program 98, 0 decimals",
        "- currency DocCoin of program 97, 1 decimals",
        "~ currency points of program 97, 3 decimals: decimals 2 -> 3",
        "- promotion 12 8f14e45f of program 98",
        "- reason 7502 Goodwill",
    ]
    found, _ = await shop.configuration()
    assert (found.programs, found.promotions, found.reasons) == ((Program(97, "Club"),), (), ())
    assert found.currencies == (Currency(1, "points", 3, 97, 1),)


async def test_points_outlive_every_file(shop: Shop) -> None:
    """What would lose points, or leave them finer than their currency, is refused and changes nothing."""
    await shop.apply(CLUB)
    await shop.give(1, 10_250)
    await shop.give(2, 7_000)
    await shop.give(3, 500)
    assert await shop.refused(CLUB.replace("decimals = 2", "decimals = 1")) == [
        "Points in program 97 have 2 decimals: it cannot have 1."
    ]
    assert await shop.refused(CLUB.replace("decimals = 1", "decimals = 0")) == [
        "Points in currency DocCoin have 1 decimals: it cannot have 0."
    ]
    assert await shop.refused(CLUB.replace("DocCoin", "Other")) == [
        "1 customers have points in currency DocCoin, or a history of them: it cannot be removed."
    ]
    assert await shop.refused("promotion = []\n" + CLUB.replace("id = 98", "id = 99").split("[[promotion]]")[0]) == [
        "1 customers have points in program 98, or a history of them: it cannot be removed."
    ]
    assert await shop.refused(CLUB.replace("program = 97", "program = 98")) == [
        "1 customers have DocCoin: it cannot pass to program 98."
    ]
    other_default = CLUB.replace("default = true", "").replace('"Gold"', '"Gold"\n    default = true')
    assert await shop.refused(other_default) == [
        "Program 97 would lose its points: it cannot cease to be the default.",
        "Program 98 would lose its points: it cannot become the default.",
        "Points in program 97 have 2 decimals: it cannot have 0.",
        "1 customers have points in program 98, or a history of them: it cannot be removed.",
    ]


async def test_the_default_program_can_be_renumbered_with_its_points(shop: Shop) -> None:
    """A default program under another number keeps the points, the currencies and the promotions of the old one."""
    await shop.apply(CLUB.replace("program = 98", "program = 97"))
    await shop.give(1, 10_250)
    await shop.give(3, 500)
    gold = '[[program]]\nid = 98\nname = "Gold"\n'
    lines = await shop.apply(f'[[program]]\nid = 5\nname = "New"\ndecimals = 2\ndefault = true\n{gold}')
    assert lines == [
        "~ program 97 Club becomes 5 New",
        "~ currency points of program 5, 2 decimals: program_id 97 -> 5",
        "~ currency DocCoin of program 5, 1 decimals: program_id 97 -> 5",
        "~ promotion 12 8f14e45f of program 5: program_id 97 -> 5",
    ]
    assert await administration.check_account(shop.stores, CODE) == []


async def test_an_unused_default_can_change(shop: Shop) -> None:
    """While nobody has points, another program can become the default."""
    await shop.apply(CLUB)
    await shop.apply(CLUB.replace("default = true", "").replace('"Gold"', '"Gold"\n    default = true'))
    found, _ = await shop.configuration()
    points = {row.program_id: (row.id, row.decimals) for row in found.currencies if row.is_points}
    assert points == {98: (1, 0), 97: (4, 2)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[program]", "This is not TOML: "),
        ("[[programs]]\nid = 1", "In the file: "),
        ('[[program]]\nid = 0\nname = "a"', "In program.0.id: "),
        ('[[program]]\nid = 1\nname = "a"\ndecimals = 4', "In program.0.decimals: "),
        ("[[program]]\nid = 1", "In program.0: 'name' is a required property."),
        ('[[program]]\nid = 1\nname = "a"\n[[program]]\nid = 1\nname = "b"', "In program: id 1 stands there twice."),
        ('[[program]]\nid = 1\nname = "a"\n[[program]]\nid = 2\nname = "b"', "In program: one of them must be the"),
        ('[[currency]]\nname = "points 97"', "In currency.0.name: "),
        ('[[currency]]\nname = "coins"\nprogram = 9', "In currency: coins names program 9, which is not there."),
        ("[[promotion]]\nid = 5\nprogram = 9", "In promotion: 5 names program 9, which is not there."),
        (
            "[[promotion]]\nid = 5\nidentifier = 'a'\n[[promotion]]\nid = 6\nidentifier = 'a'",
            "In promotion: identifier a",
        ),
        (
            "[accrual]\nduration_months = 1\n[settings]\nreward_points_duration = 2",
            "In accrual: duration_months and the",
        ),
    ],
)
async def test_a_file_that_cannot_be_is_refused(shop: Shop, text: str, reason: str) -> None:
    """A mistake in the file is told with its place, and nothing is changed."""
    before = await shop.configuration()
    with pytest.raises(InvalidFile) as refusal:
        await shop.apply(text)
    assert str(refusal.value).startswith(reason)
    assert await shop.configuration() == before


async def test_a_setting_that_cannot_be_refuses_the_whole_file(shop: Shop) -> None:
    """Settings and programs are changed together or not at all."""
    before = await shop.configuration()
    with pytest.raises(InvalidSetting, match="negative_balance must be refuse or allow"):
        await shop.apply(CLUB.replace('"allow"', '"perhaps"'))
    assert await shop.configuration() == before


def test_the_command_shows_changes_and_refuses(tmp_path: Path) -> None:
    """`apply` prints a line for each change; refused is exit status 1, a bad file 2."""
    file = tmp_path / "shop.toml"
    runner = CliRunner()

    def run(text: str, *options: str) -> tuple[int, list[str]]:
        file.write_text(text, "utf-8")
        result = runner.invoke(main, ["apply", "--data", str(tmp_path), CODE, str(file), *options])
        return result.exit_code, result.output.splitlines()

    assert runner.invoke(main, ["account", "create", "--data", str(tmp_path), CODE]).exit_code == 0
    reason = '[[reason]]\ncode = "7502"'
    assert run(reason, "--dry-run") == (0, ["+ reason 7502", "Nothing was changed: this was a look."])
    assert run(reason) == (0, ["+ reason 7502"])
    assert run(reason) == (0, ["Nothing to change."])
    assert run("[[")[0] == 2
    file.write_bytes(b"\xff")
    assert runner.invoke(main, ["apply", "--data", str(tmp_path), CODE, str(file)]).exit_code == 2


def test_the_command_makes_a_client_and_shows_its_secret_once(tmp_path: Path) -> None:
    """The key says whose it is; the secret is printed and stands in no file."""
    runner = CliRunner()
    assert runner.invoke(main, ["account", "create", "--data", str(tmp_path), CODE]).exit_code == 0
    result = runner.invoke(main, ["client", "create", "--data", str(tmp_path), CODE, "till", "--json"])
    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert set(printed) == {"key", "secret"}
    assert printed["key"].startswith(f"{CODE}.")
    assert len(printed["secret"]) >= 32
    assert all(printed["secret"].encode() not in path.read_bytes() for path in tmp_path.iterdir())
    plain = runner.invoke(main, ["client", "create", "--data", str(tmp_path), CODE, "other"]).stdout
    assert f"key     {CODE}." in plain
    assert runner.invoke(main, ["client", "create", "--data", str(tmp_path), "none", "till"]).exit_code == 2
    assert runner.invoke(main, ["client", "create", "--data", str(tmp_path), CODE, " "]).exit_code == 2


def test_the_commands_list_and_delete_clients(tmp_path: Path) -> None:
    """Each client's key, time and name; what is deleted is gone, and what was never there is a plain message."""
    runner = CliRunner()
    data = ("--data", str(tmp_path))
    assert runner.invoke(main, ["account", "create", *data, CODE]).exit_code == 0
    keys = [
        json.loads(runner.invoke(main, ["client", "create", *data, CODE, name, "--json"]).stdout)["key"]
        for name in ("till", "web shop")
    ]
    listed = [line.split("\t") for line in runner.invoke(main, ["client", "list", *data, CODE]).stdout.splitlines()]
    assert sorted((key, name) for key, _, name in listed) == sorted(zip(keys, ("till", "web shop"), strict=True))
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\dZ", made) for _, made, _ in listed)
    deleted = runner.invoke(main, ["client", "delete", *data, CODE, keys[0]])
    assert (deleted.exit_code, deleted.stdout) == (0, f"Client till of account {CODE} is deleted.\n")
    assert [
        line.split("\t")[0] for line in runner.invoke(main, ["client", "list", *data, CODE]).stdout.splitlines()
    ] == [keys[1]]
    again = runner.invoke(main, ["client", "delete", *data, CODE, keys[0]])
    assert (again.exit_code, f"There is no client {keys[0]}." in again.stderr) == (2, True)
