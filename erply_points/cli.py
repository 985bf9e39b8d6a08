"""The command line: `erply-points`, also `python -m erply_points`. It alone reads options and the environment."""

import asyncio
import fnmatch
import json
import logging
import os
import re
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeVar

import click
from rich.console import Console
from rich.progress import Progress

from erply_points import __version__, demonstration, schemas
from erply_points.accounts import administration, rights
from erply_points.accounts.administration import Invalid
from erply_points.accounts.declaration import InvalidFile, WouldLose
from erply_points.accounts.settings import InvalidSetting, described
from erply_points.app import create_app, place_of, stores_of
from erply_points.contract import cases, reporters, runner, wire
from erply_points.place import named_place, with_place
from erply_points.server import Server, listen, serve, url_of
from erply_points.settings import ServerSettings
from erply_points.store.protocol import StoreUnavailable
from erply_points.workers import WORKERS_MAX, Workers, listen_together, worker_command

T = TypeVar("T")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="erply-points")
def main() -> None:
    """Erply's bulk API for loyalty points, on an exact and durable ledger."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; what can be mended by the user becomes one line and exit status 2."""
    try:
        return asyncio.run(work)
    except (Invalid, InvalidFile, InvalidSetting) as error:
        raise click.UsageError(str(error)) from None
    except (StoreUnavailable, OSError) as error:
        raise click.ClickException(str(error)) from None


@main.command("serve")
@with_place
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65_535), help="0 takes a free one.")
@click.option("--sandbox", is_flag=True, help="Serve /sandbox/ too, which moves time and plans failures: for tests.")
@click.option(
    "--sandbox-token",
    envvar="ERPLY_POINTS_SANDBOX_TOKEN",
    show_envvar=True,
    help="What opens /sandbox/; without it a new one is made and printed.",
)
@click.option("--until-eof", is_flag=True, help="Stop when standard input ends: with the program that holds it.")
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, WORKERS_MAX),
    help="Processes that serve side by side; more than one with PostgreSQL only.",
)
@click.option("--descriptor", type=click.IntRange(0), hidden=True, help="Serve on this open socket: of a worker.")
def serve_command(
    place: ServerSettings,
    host: str,
    port: int,
    sandbox_token: str | None,
    workers: int,
    descriptor: int | None,
    *,
    sandbox: bool,
    until_eof: bool,
) -> None:
    """Serve all accounts of the data folder, or of the database, until SIGTERM or Ctrl-C."""
    if sandbox_token is not None and not sandbox:
        raise click.UsageError("A sandbox token is of no use without --sandbox.")
    if sandbox_token is not None and not re.fullmatch(r"[!-~]{16,255}", sandbox_token):
        raise click.UsageError("A sandbox token has 16 to 255 characters, without blanks.")
    token = sandbox_token or (secrets.token_urlsafe(24) if sandbox else "")
    settings = replace(place, host=host, port=port, sandbox_token=token)

    if workers > 1:
        _serve_together(settings, workers, until_eof=until_eof)
        return

    async def ready(url: str, server: Server) -> None:
        if until_eof:

            def stop() -> None:
                server.should_exit = True

            _at_eof(stop)
        if sandbox:
            click.echo("This is a sandbox: who has its token can move the time of any account, or reset it.")
            click.echo(f"Control: {url}/sandbox/" + ("" if sandbox_token else f" with token {token}"))
        click.echo(f"Serving {url}/api/ from {place_of(place)}")

    listener = _listen(settings) if descriptor is None else socket.socket(fileno=descriptor)
    serve(create_app(settings), listener, ready, closing=sandbox)


def _serve_together(settings: ServerSettings, count: int, *, until_eof: bool) -> None:
    """Serve by several processes until told to stop."""
    if settings.sandbox_token:
        raise click.UsageError("A sandbox keeps its clocks and faults in one process: it has no --workers.")
    if not settings.database_url:
        raise click.UsageError(
            "Several --workers need PostgreSQL: a SQLite file has one writer, and one process keeps it busy."
        )
    try:
        sockets = listen_together(settings.host, settings.port, count)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from None
    environment = {
        **os.environ,
        "ERPLY_POINTS_DATABASE_URL": settings.database_url,
    }  # Not for all to see, as options are.

    async def run() -> int:
        together = Workers(worker_command(), sockets, environment)
        if until_eof:
            loop = asyncio.get_running_loop()
            _at_eof(lambda: loop.call_soon_threadsafe(together.stop))
        return await together.run(
            lambda: click.echo(f"Serving {url_of(sockets[0])}/api/ from {place_of(settings)} by {count} workers")
        )

    sys.exit(asyncio.run(run()))


def _at_eof(stop: Callable[[], object]) -> None:
    """Have standard input read on a thread, so that it may be anything: a pipe, a terminal, nothing."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4_096):
            pass
        stop()

    threading.Thread(target=wait, daemon=True).start()


@main.command()
@with_place
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65_535), help="0 takes a free one.")
@click.option("--once", is_flag=True, help="Stop after the demonstration.")
def demo(place: ServerSettings, port: int, *, once: bool) -> None:
    """Make an account `demo` anew, serve it, and show an invoice with a redemption in one bulk."""
    settings = replace(place, port=port)
    listener = _listen(settings)
    api_client = _run(demonstration.prepare(stores_of(place)))
    failures: list[BaseException] = []

    async def ready(url: str, server: Server) -> None:
        async def show() -> None:
            try:
                await demonstration.show(url, Console(highlight=False), api_client, goes_on=not once)
            except Exception as error:  # noqa: BLE001 - reported below, once the server has stopped
                failures.append(error)
            if once or failures:
                server.should_exit = True

        server.demonstration = asyncio.create_task(show())

    serve(create_app(settings), listener, ready)
    if failures:
        raise click.ClickException(f"the demonstration failed: {failures[0]!r}")


def _listen(settings: ServerSettings) -> socket.socket:
    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from None


@main.group()
def account() -> None:
    """Make, change and list accounts."""


def _pairs(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not of the form key=value.")
        pairs[name] = value
    return pairs


_SETTINGS_HELP = "\b\nSettings the server acts on:\n" + "\n".join(
    f"  {name} (default {default or 'empty'}):\n      {sentence}" for name, default, sentence in described()
)


@account.command("create", epilog=_SETTINGS_HELP)
@with_place
@click.argument("code")
@click.option("--name", default="", help="What the account is called.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", callback=_pairs, help="A setting; repeatable.")
def create_account(place: ServerSettings, code: str, name: str, settings: dict[str, str]) -> None:
    """Make an account: CODE is the clientCode that clients send."""
    _run(administration.create_account(stores_of(place), code, {"name": name, **settings}))
    click.echo(f"Account {code} is ready. Add a user: erply-points user create {code} USERNAME")


@account.command("set", epilog=_SETTINGS_HELP)
@with_place
@click.argument("code")
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE...", callback=_pairs)
def set_account(place: ServerSettings, code: str, settings: dict[str, str]) -> None:
    """Change settings of an account; a running server follows at once."""
    _run(administration.set_settings(stores_of(place), code, settings))
    for name, value in settings.items():
        click.echo(f"{name}={value}")


@account.command("list")
@with_place
def list_accounts(place: ServerSettings) -> None:
    """List the accounts of the data folder or the database."""
    for code, name in _run(administration.list_accounts(stores_of(place))):
        click.echo(f"{code}\t{name}")


def _secret(name: str, *, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt(name, hide_input=True, confirmation_prompt=True))


_RIGHTS_HELP = "\b\nRights that can be denied:\n" + "\n".join(f"  {right}" for right in rights.ALL)


@main.group()
def user() -> None:
    """Make users, who log in with verifyUser."""


@user.command("create", epilog=_RIGHTS_HELP)
@with_place
@click.argument("code")
@click.argument("username")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, not from a prompt.")
@click.option(
    "--pin", "with_pin", is_flag=True, help="Also ask for a PIN, for switchUser; with --password-stdin it is line 2."
)
@click.option("--deny", "denied", multiple=True, metavar="RIGHT", help="A right the user lacks; repeatable.")
@click.option("--warehouse", "warehouses", multiple=True, type=int, help="A store the user may sell in; repeatable.")
def create_user(
    place: ServerSettings,
    code: str,
    username: str,
    denied: tuple[str, ...],
    warehouses: tuple[int, ...],
    *,
    password_stdin: bool,
    with_pin: bool,
) -> None:
    """Make a user of account CODE, with all rights but those denied."""
    try:
        user_rights = rights.make(denied, warehouses)
    except ValueError as error:
        raise click.UsageError(f"{error}; see --help.") from None
    password = _secret("Password", stdin=password_stdin)
    pin = _secret("PIN", stdin=password_stdin) if with_pin else ""
    _run(administration.create_user(stores_of(place), code, username, password, pin, user_rights))
    click.echo(f"User {username} of account {code} is ready.")


@main.group()
def client() -> None:
    """Make, list and delete API clients, which call the Capillary and fabric endpoints."""


@client.command("create")
@with_place
@click.argument("code")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the key and the secret as one JSON object.")
def create_client(place: ServerSettings, code: str, name: str, *, as_json: bool) -> None:
    """Make an API client of account CODE. Its secret is shown once and kept nowhere."""
    key, secret = _run(administration.create_client(stores_of(place), code, name))
    if as_json:
        click.echo(json.dumps({"key": key, "secret": secret}))
    else:
        click.echo(f"Client {name} of account {code} is ready.\nkey     {key}\nsecret  {secret}  (shown once)")


@client.command("list")
@with_place
@click.argument("code")
def list_clients(place: ServerSettings, code: str) -> None:
    """List the API clients of account CODE: key, when it was made, name."""
    for each in _run(administration.list_clients(stores_of(place), code)):
        made = datetime.fromtimestamp(each.added_at, UTC)
        click.echo(f"{each.key}\t{made:%Y-%m-%d %H:%M}Z\t{each.name}")


@client.command("delete")
@with_place
@click.argument("code")
@click.argument("key")
def delete_client(place: ServerSettings, code: str, key: str) -> None:
    """Delete an API client of account CODE: its key, its secret and its tokens are refused at once."""
    found = _run(administration.delete_client(stores_of(place), code, key))
    click.echo(f"Client {found.name} of account {code} is deleted.")


@main.command("apply")
@with_place
@click.argument("code")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
def apply_command(place: ServerSettings, code: str, file: IO[str], *, dry_run: bool) -> None:
    """Make of account CODE what FILE declares: programs, currencies, promotions, reasons, accrual, settings.

    Shows what changes. What would lose points is refused with exit status 1, and nothing is changed.
    """
    try:
        found = _run(administration.apply_file(stores_of(place), code, file.read(), look_only=dry_run))
    except UnicodeDecodeError:
        raise click.UsageError("The file is not UTF-8.") from None
    except WouldLose as refused:
        for reason in refused.args:
            click.echo(f"! {reason}", err=True)
        raise click.ClickException("nothing was changed") from None
    for line in found.lines:
        click.echo(line)
    if not found.lines:
        click.echo("Nothing to change.")
    elif dry_run:
        click.echo("Nothing was changed: this was a look.")


@main.command("copy")
@click.argument("code")
@click.option("--from", "source", required=True, metavar="DIR|URL", callback=named_place, help="Where it is.")
@click.option("--to", "target", required=True, metavar="DIR|URL", callback=named_place, help="Where it is to be, too.")
def copy_command(code: str, source: ServerSettings, target: ServerSettings) -> None:
    """Copy account CODE from a data folder or a PostgreSQL database to another.

    Nothing is overwritten. The account must not be in use. All counts, balances and the whole of `check` are compared
    before it says that it is done. The account also stays where it was.
    """
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(code)

        def progress(table: str, done: int, total: int) -> None:
            bar.update(task, description=f"{code}: {table}", completed=done, total=total)

        rows = _run(administration.copy_account(stores_of(source), stores_of(target), code, progress))
    click.echo(f"Account {code} is in {place_of(target)} too: {rows} rows, all sums the same, sound.")


@main.command()
@with_place
@click.argument("code", required=False)
def check(place: ServerSettings, code: str | None) -> None:
    """Prove that no point was lost or made: for every customer, earned = remaining + redeemed + expired + reversed.

    Also that balances, histories and documents agree and that the database is sound. Prints what is wrong; exit
    status 1 if anything is.
    """
    stores = stores_of(place)
    codes = [code] if code else _run(administration.account_codes(stores))
    if not codes:
        raise click.UsageError(f"There are no accounts in {place_of(place)}.")
    wrong = 0
    for each in codes:
        problems = _run(administration.check_account(stores, each))
        wrong += len(problems)
        for problem in problems:
            click.echo(f"{each}: {problem}")
        if not problems:
            click.echo(f"{each}: sound")
    if wrong:
        sys.exit(1)


@main.command("schema")
@click.argument("name", metavar="[CALL]", required=False)
@click.option("--request", "direction", flag_value="request", help="Only the schema of the request.")
@click.option("--answer", "direction", flag_value="answer", help="Only the schema of the answer.")
@click.option("--bundle", is_flag=True, help="All that a schema refers to stands inside it, under $defs.")
def schema_command(name: str | None, direction: str | None, *, bundle: bool) -> None:
    """Print the JSON Schemas of CALL, request and answer as one JSON object; without CALL, list the calls.

    CALL can also be bulk or call, the envelopes of several calls and of one.
    """
    if name is None:
        if direction or bundle:
            raise click.UsageError("Name the CALL whose schemas are wanted.")
        width = max(map(len, schemas.by_name()))
        for each, pair in sorted(schemas.by_name().items()):
            click.echo(f"{each:{width}}  {pair['request']['description']}")
        return
    found = schemas.by_name().get(name)
    if found is None:
        raise click.UsageError(f"There is no call {name}; erply-points schema lists all.")
    shown = {key: schemas.bundled(schema) if bundle else schema for key, schema in found.items()}
    click.echo(json.dumps(shown[direction] if direction else shown, indent=2, ensure_ascii=False))


def _chosen(folders: tuple[Path, ...], patterns: tuple[str, ...]) -> list[cases.Case]:
    """Our cases and those of the folders, only those that a pattern fits if there are any."""
    try:
        loaded = cases.load(*folders)
    except cases.CaseMistakes as mistakes:
        raise click.UsageError(str(mistakes)) from None
    wanted = patterns or ("*",)
    chosen = [each for each in loaded if any(fnmatch.fnmatchcase(each.name, pattern) for pattern in wanted)]
    if not chosen:
        raise click.UsageError(f"There is no case {' or '.join(patterns)}.")
    return chosen


@main.command("contract", epilog="The password is read from $ERPLY_PASSWORD, else asked for. More: docs/contract.md.")
@click.argument("url")
@click.option("--client-code", "-C", required=True, help="Account that the cases are run in.")
@click.option("--user", "-U", "username", required=True, help="User name for verifyUser.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--allow-writes", is_flag=True, help="Also run cases that make and change records; they clean up.")
@click.option(
    "--extensions/--no-extensions", default=None, help="Cases beyond Erply; by default if the server has them."
)
@click.option("--strict", is_flag=True, help="What could not be checked counts as failed.")
@click.option("--only", "patterns", multiple=True, metavar="PATTERN", help="Names of cases, * for any; repeatable.")
@click.option(
    "--cases",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of cases of your own, run after ours; repeatable.",
)
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write a report as JUnit XML.")
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write a report as JSON.")
@click.option("--timeout", default=30.0, show_default=True, type=click.FloatRange(0.1), help="Seconds per request.")
@click.option("--pause", default=0.0, show_default=True, type=click.FloatRange(0), help="Seconds between requests.")
def contract_command(
    url: str,
    client_code: str,
    username: str,
    folders: tuple[Path, ...],
    patterns: tuple[str, ...],
    junit: Path | None,
    json_path: Path | None,
    timeout: float,
    pause: float,
    *,
    password_stdin: bool,
    allow_writes: bool,
    extensions: bool | None,
    strict: bool,
) -> None:
    """Find out whether the server at URL keeps Erply's protocol; without --allow-writes it is only read from.

    Exit status 0 if nothing failed, 1 if something did, 2 if the run could not begin.
    """
    chosen = _chosen(folders, patterns)
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = os.environ.get("ERPLY_PASSWORD") or str(click.prompt("Password", hide_input=True, err=True))
    plan = runner.Plan(allow_writes, extensions, strict)
    line = wire.Wire(url, client_code, username, password, timeout_seconds=timeout, pause_seconds=pause)
    if line.in_the_clear:
        click.echo(f"Warning: the password goes to {line.shown_url} unencrypted; use https.", err=True)
    try:
        with reporters.Watcher(Console(stderr=True), len(chosen)) as watcher:
            report = runner.run(chosen, line, plan, watcher)
    except (wire.LoginRefused, wire.NoAnswer) as error:
        raise click.UsageError(f"No session at {line.shown_url}: {error}") from None
    finally:
        line.close()
    reporters.print_report(report, Console())
    for path, text in ((junit, reporters.to_junit), (json_path, reporters.to_json)):
        if path is not None:
            try:
                path.write_text(text(report), "utf-8")
            except OSError as error:
                raise click.ClickException(f"cannot write {path}: {error.strerror}") from None
    if not report.good:
        sys.exit(1)
