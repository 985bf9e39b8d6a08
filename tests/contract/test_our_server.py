"""The kit against the server it belongs to, as users run it."""

import asyncio
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from contract.judging import furnish
from erply_points.accounts import administration
from erply_points.app import stores_of
from erply_points.calls.registry import CALLS
from erply_points.cli import main
from erply_points.contract import cases
from support.client import Erply
from support.process import ServerProcess
from support.proxy import Proxy

UNTOUCHED = {"switchUser", "saveVatRate", "saveWarehouse", "savePointOfSale", "saveEmployee"}
"""Calls that no case makes: a PIN is needed, or what they make could not be taken away again."""


def contract(url: str, account: str, *options: str, password: str = "secret") -> Result:
    arguments = ["contract", url, "-C", account, "-U", "till", *options]
    return CliRunner().invoke(main, arguments, env={"ERPLY_PASSWORD": password})


def report(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def failures(path: Path) -> int:
    """What a JUnit report counts as failed."""
    return int(ET.parse(path).getroot().attrib["failures"])  # noqa: S314 - written by ourselves


def test_every_case_passes(server: ServerProcess, account: str, tmp_path: Path) -> None:
    """With leave to write and in an account that has all it takes, everything is checked and nothing fails."""
    asyncio.run(furnish(server.url, account))
    result = contract(server.url, account, "--allow-writes", "--strict", "--json", str(tmp_path / "report.json"))
    assert result.exit_code == 0, result.output
    found = report(tmp_path / "report.json")
    assert found["counts"] == {"passed": len(cases.load()), "failed": 0, "not checked": 0}
    assert found["extensions"] is True
    assert found["leftOutFields"] == {}
    stores = stores_of(server.settings)
    assert asyncio.run(administration.check_account(stores, account)) == []


def test_reading_only_reads(server: ServerProcess, account: str, tmp_path: Path) -> None:
    """Without leave to write no call is sent that could change anything, and the report says what that left open."""
    path = tmp_path / "report.json"
    with Proxy(server.url) as proxy:
        result = contract(proxy.url, account, "--json", str(path))
    assert result.exit_code == 0, result.output
    assert "getCustomers" in proxy.calls
    assert {call for call in proxy.calls if not call.startswith("get")} == {"verifyUser", "verifyIssuedCoupon"}
    found = report(path)
    assert found["counts"]["failed"] == 0
    assert found["counts"]["passed"] >= 40
    writing = sum(case.writes for case in cases.load())
    assert found["notChecked"]["needs writes (--allow-writes)"] == writing
    assert found["notChecked"]["the account lacks a sales document"] == 1
    assert f"{writing:4} needs writes (--allow-writes)" in result.stdout


def test_strict_fails_for_what_was_not_checked(server: ServerProcess, account: str, tmp_path: Path) -> None:
    """With --strict an open question is exit status 1, and a failure in JUnit's eyes."""
    path = tmp_path / "report.xml"
    options = ("--only", "customer-is-*", "--junit", str(path))
    assert contract(server.url, account, *options).exit_code == 0
    assert failures(path) == 0
    assert contract(server.url, account, *options, "--strict").exit_code == 1
    assert failures(path) == 3


def test_a_run_cleans_up(server: ServerProcess, account: str, tmp_path: Path) -> None:
    """What calls can take away again is gone after a run, and what is left is listed."""
    path = tmp_path / "report.json"
    names = ("customer-is-listed", "gift-card-of-the-current-sale", "payment-is-listed")
    only = [option for name in names for option in ("--only", name)]
    assert contract(server.url, account, "--allow-writes", *only, "--json", str(path)).exit_code == 0

    async def left() -> list[int]:
        async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as http:
            erply = await Erply(http, account).log_in()
            (card,) = await erply.records("getGiftCards")
            assert (card["value"], card["balance"], card["purchaseInvoiceID"]) == (0, 0, 0)
            assert await erply.records("getPayments") == await erply.records("getSalesDocuments") == []
            return [each["customerID"] for each in await erply.records("getCustomers")]

    customers = asyncio.run(left())
    listed = [line for line in report(path)["leftBehind"] if line.startswith("customerID")]
    assert listed == [
        f"customerID {', '.join(map(str, sorted(customers, reverse=True)))}: deleteCustomer answered error 1022"
    ]


def test_all_calls_are_covered() -> None:
    """Every call that the server has is made by a case, but for those that are named here."""
    steps = [
        step for case in cases.load() for step in (*case.steps, *(each for given in case.given for each in given.steps))
    ]
    made = {request.call for step in steps for request in ([step.single] if step.single else step.bulk or ())}
    assert set(CALLS) - made == UNTOUCHED


@pytest.mark.parametrize(
    ("options", "password", "reason"),
    [
        ((), "wrong", "No session at {url}/api/: verifyUser: error 1051."),
        (("--only", "nothing-of-the-kind"), "secret", "There is no case nothing-of-the-kind."),
    ],
)
def test_a_run_that_cannot_begin(
    server: ServerProcess, account: str, options: tuple[str, ...], password: str, reason: str
) -> None:
    """Exit status 2 and one sentence that says why."""
    result = contract(server.url, account, *options, password=password)
    assert result.exit_code == 2
    assert reason.format(url=server.url) in result.stderr
    assert "Traceback" not in result.output


def test_a_server_that_is_not_there(account: str) -> None:
    """Nothing listens: exit status 2, and no stack trace."""
    result = contract("http://127.0.0.1:9", account)
    assert result.exit_code == 2
    assert "ConnectError" in result.stderr


@pytest.mark.parametrize(("url", "warned"), [("http://0.0.0.0:9", True), ("http://127.0.0.1:9", False)])
def test_a_password_in_the_clear_is_warned_of(account: str, url: str, warned: bool) -> None:
    """Who sends a password over a network without https is told so."""
    assert ("unencrypted" in contract(url, account).stderr) is warned


def test_the_password_can_be_piped(server: ServerProcess, account: str) -> None:
    """--password-stdin reads it from standard input, whatever the environment says."""
    arguments = ["contract", server.url, "-C", account, "-U", "till", "--only", "single-call", "--password-stdin"]
    result = CliRunner().invoke(main, arguments, input="secret\n", env={"ERPLY_PASSWORD": "wrong"})
    assert result.exit_code == 0, result.output
