"""The control API: there only where it was asked for, for who has the token, and plain about what is wrong."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.routing import Mount, Route, Router

from erply_points.app import create_app
from erply_points.bulk.dispatcher import Dispatcher
from erply_points.settings import ServerSettings
from erply_points.testing import sandbox as testing
from erply_points.testing.sandbox import Sandbox
from erply_points.web import sandbox as control
from erply_points.web.erply import ErplyEndpoint
from support.process import ServerProcess

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text("utf-8")
TOKEN = "a-token-of-sixteen-or-more"
PATHS = (
    *("/sandbox/", "/sandbox/accounts", "/sandbox/accounts/101010", "/sandbox/accounts/101010/clock"),
    *("/sandbox/accounts/101010/reset", "/sandbox/accounts/101010/log", "/sandbox/nothing"),
)
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
SERVE = [sys.executable, "-m", "erply_points", "serve", "--port", "0"]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with testing.running(tmp_path_factory.mktemp("sandbox") / "data") as running:
        yield running


@pytest.mark.parametrize("path", ["/sandbox", *PATHS])
def test_a_server_that_is_no_sandbox_has_none(server: ServerProcess, path: str) -> None:
    """Without --sandbox there is nothing at these paths, whatever the method, with a token or without."""
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
        for method in METHODS:
            for headers in ({}, {"authorization": f"Bearer {TOKEN}"}, {"authorization": "Bearer"}):
                response = client.request(method, path, headers=headers)
                assert (response.status_code, response.json()) == (404, {"error": "Not Found"})


def test_a_server_that_is_no_sandbox_runs_none_of_its_code(tmp_path: Path) -> None:
    """Without a token the application is wired from the plain endpoint and the plain dispatcher."""
    app = create_app(ServerSettings(data=tmp_path))
    endpoint = next(each.endpoint for each in app.routes if isinstance(each, Route) and each.path == "/api/")
    assert type(endpoint) is ErplyEndpoint
    assert type(endpoint._dispatcher) is Dispatcher
    assert not [each for each in app.routes if str(getattr(each, "path", "")).startswith("/sandbox")]


@pytest.mark.parametrize("path", PATHS)
def test_nobody_gets_in_without_the_token(sandbox: Sandbox, path: str) -> None:
    """Without the token every path answers 401, those that lead nowhere too."""
    sent = [
        {},
        {"authorization": "Bearer"},
        {"authorization": sandbox.token},
        {"authorization": f"Basic {sandbox.token}"},
        {"authorization": f"Bearer {sandbox.token}x"},
        {"authorization": f"Bearer {sandbox.token[:-1]}"},
        {"authorization": "Bearer \u00f5"},
        {"x-token": sandbox.token},
    ]
    for headers in sent:
        for method in METHODS:
            raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            response = sandbox.http.request(method, path, headers=raw)
            assert response.status_code == 401, (method, headers)
            assert response.headers["www-authenticate"] == "Bearer"
    assert sandbox.http.get(f"{path}?token={sandbox.token}").status_code == 401


def test_who_has_the_token_gets_in(sandbox: Sandbox) -> None:
    """With the token, paths that lead nowhere are 404 and methods that do not fit 405; neither needs a redirect."""
    headers = {"authorization": f"Bearer {sandbox.token}"}
    assert sandbox.http.get("/sandbox/", headers=headers).status_code == 200
    assert sandbox.http.get("/sandbox/nothing", headers=headers).status_code == 404
    assert sandbox.http.put("/sandbox/accounts", headers=headers).status_code == 405
    assert sandbox.http.get("/sandbox/accounts/nobody/clock", headers=headers).json() == {
        "error": "There is no account of this code.",
        "field": None,
    }


def test_every_path_is_documented(tmp_path: Path) -> None:
    """The table of docs/sandbox.md lists the requests that the control API takes, and no others."""
    rows = re.findall(r"^\| ((?:`[A-Z]+`, )*`[A-Z]+ )(/sandbox/\S*)`", PAGE, re.MULTILINE)
    listed = {
        (method, path.removeprefix("/sandbox").replace("CODE", "{code}").replace("NAME", "{name}"))
        for methods, path in rows
        for method in re.findall("[A-Z]+", methods)
    }
    app = create_app(ServerSettings(data=tmp_path, sandbox_token=TOKEN))
    (mount,) = [each for each in app.routes if isinstance(each, Mount)]
    assert isinstance(mount.app, control._Guard)
    assert isinstance(mount.app._app, Router)
    routes = [each for each in mount.app._app.routes if isinstance(each, Route)]
    assert listed == {(method, each.path) for each in routes for method in (each.methods or ()) if method != "HEAD"}


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff", b'{"now": NaN}', b"{}", b" " * 200_000])
def test_a_body_that_is_none(sandbox: Sandbox, body: bytes) -> None:
    """What is not JSON, not an object, empty or far too long is 400 with a sentence."""
    code = sandbox.new_account().client_code
    headers = {"authorization": f"Bearer {sandbox.token}"}
    response = sandbox.http.patch(f"/sandbox/accounts/{code}/clock", headers=headers, content=body)
    assert response.status_code == 400
    assert response.json()["error"].endswith(".")


@pytest.mark.parametrize("after", ["-1", "x", "1" * 20, "\u0661"])
def test_a_number_that_is_none(sandbox: Sandbox, after: str) -> None:
    """The log begins after a whole number only."""
    code = sandbox.new_account().client_code
    headers = {"authorization": f"Bearer {sandbox.token}"}
    response = sandbox.http.get(f"/sandbox/accounts/{code}/log", params={"after": after}, headers=headers)
    assert (response.status_code, response.json()["field"]) == (400, "after")


def test_a_token_is_made_and_printed_once(tmp_path: Path) -> None:
    """`serve --sandbox` makes a token, prints it, and takes it."""
    process = ServerProcess(tmp_path / "data", "--sandbox")
    try:
        (line,) = [line for line in process.log if "with token " in line]
        found = re.fullmatch(r"Control: (http://\S+/sandbox/) with token (\S{32})\n", line)
        assert found
        headers = {"authorization": f"Bearer {found[2]}"}
        assert httpx.get(found[1], headers=headers, trust_env=False).json()["accounts"] == []
        assert httpx.get(found[1], trust_env=False).status_code == 401
    finally:
        assert process.terminate() == 0


def test_a_token_that_is_given_is_not_printed(sandbox: Sandbox) -> None:
    """A token from the environment is taken, and stands in no log."""
    assert sandbox.control("GET", "/")["version"]
    assert sandbox.token not in "".join(sandbox.process.log)
    assert f"Control: {sandbox.url}/sandbox/\n" in sandbox.process.log


@pytest.mark.parametrize(
    ("options", "token", "reason"),
    [
        ([], TOKEN, "A sandbox token is of no use without --sandbox."),
        (["--sandbox-token", TOKEN], None, "A sandbox token is of no use without --sandbox."),
        (["--sandbox"], "too-short", "A sandbox token has 16 to 255 characters, without blanks."),
        (["--sandbox", "--sandbox-token", "with a blank in its midst"], None, "A sandbox token has 16 to 255"),
    ],
)
def test_a_token_that_will_not_do(tmp_path: Path, options: list[str], token: str | None, reason: str) -> None:
    """A server does not start with a token that nobody could use, or that could be guessed."""
    environment = {**os.environ, **({"ERPLY_POINTS_SANDBOX_TOKEN": token} if token else {})}
    done = subprocess.run(
        [*SERVE, "--data", str(tmp_path), *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert reason in done.stderr


def test_an_input_that_has_nothing(tmp_path: Path) -> None:
    """With --until-eof and no standard input the server stops as soon as it has started, cleanly."""
    done = subprocess.run(
        [*SERVE, "--data", str(tmp_path / "data"), "--until-eof"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Serving http://127.0.0.1:")


def test_a_server_ends_with_who_holds_its_input(tmp_path: Path) -> None:
    """With --until-eof the server stops cleanly when its standard input ends, as when the program died that had it."""
    process = ServerProcess(tmp_path / "data")
    assert process.process.stdin is not None
    process.process.stdin.close()
    assert process.process.wait(timeout=20) == 0
    assert process.terminate() == 0
