"""The commands about users, beside a server that runs: what is done to a user holds from its next request on."""

from collections.abc import Iterator
from typing import Final

import httpx
import pytest
from click.testing import CliRunner, Result

from erply_points.cli import main
from support.process import ServerProcess

CODE: Final = "leaving"


class Till:
    """A client of the real server that keeps its session, and the commands that an operator runs beside it."""

    def __init__(self, server: ServerProcess) -> None:
        self.http = httpx.Client(base_url=server.url, timeout=30, trust_env=False)
        url = server.settings.database_url
        self._place = ("--database-url", url) if url else ("--data", str(server.settings.data))

    def operator(self, *arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(main, [*arguments, *self._place], input=stdin)

    def said(self, *arguments: str, stdin: str = "") -> str:
        done = self.operator("user", *arguments, stdin=stdin)
        assert done.exit_code == 0, done.output
        return done.stdout

    def send(self, call: str, key: str = "", **params: str) -> tuple[int, str]:
        """The error code, and the session key of a log-in."""
        form = {"clientCode": CODE, "request": call, **({"sessionKey": key} if key else {}), **params}
        answer = self.http.post("/api/", data=form).json()
        records = answer["records"] or [{}]
        return answer["status"]["errorCode"], records[0].get("sessionKey", "")

    def log_in(self, username: str, password: str) -> tuple[int, str]:
        return self.send("verifyUser", username=username, password=password)


@pytest.fixture
def till(server: ServerProcess) -> Iterator[Till]:
    made = Till(server)
    assert made.operator("account", "create", CODE).exit_code == 0
    for username in ("till", "big boss"):
        made.said("create", CODE, username, "--password-stdin", stdin="secret\n")
    yield made
    made.http.close()


def test_a_running_server_follows_at_once(till: Till) -> None:
    """`logout`, `password` and `delete` are done when they return, and say how many sessions they ended."""
    _, boss = till.log_in("big boss", "secret")
    keys = [till.log_in("till", "secret")[1] for _ in range(2)]
    assert [till.send("getVatRates", key)[0] for key in (*keys, boss)] == [0, 0, 0]
    assert till.said("list", CODE) == (
        "till\tuser 1\temployee 1\tgroup 1\t2 open\nbig boss\tuser 2\temployee 2\tgroup 1\t1 open\n"
    )
    assert till.said("logout", CODE, "till") == (
        f"User till of account {CODE} is logged out. Open sessions that ended: 2.\n"
    )
    assert [till.send("getVatRates", key)[0] for key in (*keys, boss)] == [1054, 1054, 0]
    code, key = till.log_in("till", "secret")
    assert (code, till.send("getVatRates", key)[0]) == (0, 0)
    assert till.said("password", CODE, "till", "--password-stdin", stdin="sesame\n") == (
        f"User till of account {CODE} has the new password. Open sessions that ended: 1.\n"
    )
    assert till.send("getVatRates", key)[0] == 1054
    assert till.log_in("till", "secret")[0] == 1051
    code, key = till.log_in("till", "sesame")
    assert (code, till.send("getVatRates", key)[0]) == (0, 0)
    assert till.said("delete", CODE, "till") == (
        f"User till of account {CODE} is deleted. Open sessions that ended: 1.\n"
    )
    assert [till.send("getVatRates", each)[0] for each in (key, boss)] == [1055, 0]
    assert till.log_in("till", "sesame")[0] == 1051
    assert till.said("list", CODE) == "big boss\tuser 2\temployee 2\tgroup 1\t1 open\n"
    for command in ("logout", "delete", "password"):
        refused = till.operator("user", command, CODE, "till", stdin="a\na\n")
        assert (refused.exit_code, "There is no user till." in refused.stderr) == (2, True)
    asked = till.operator("user", "password", CODE, "big boss", stdin="new\nnew\n")
    assert (asked.exit_code, "new\n" in asked.stdout) == (0, False)
    assert till.log_in("big boss", "new")[0] == 0
    assert till.operator("check", CODE).stdout == f"{CODE}: sound\n"
