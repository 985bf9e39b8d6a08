"""Commands about accounts, their users and API clients, and what is declared of them."""

import json
import sys
from datetime import UTC, datetime
from typing import IO

import click

from erply_points.accounts import administration, rights
from erply_points.accounts.declaration import WouldLose
from erply_points.accounts.settings import described
from erply_points.app import stores_of
from erply_points.cli.place import with_place
from erply_points.cli.running import run
from erply_points.settings import ServerSettings


@click.group()
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
    run(administration.create_account(stores_of(place), code, {"name": name, **settings}))
    click.echo(f"Account {code} is ready. Add a user: erply-points user create {code} USERNAME")


@account.command("set", epilog=_SETTINGS_HELP)
@with_place
@click.argument("code")
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE...", callback=_pairs)
def set_account(place: ServerSettings, code: str, settings: dict[str, str]) -> None:
    """Change settings of an account; a running server follows at once."""
    run(administration.set_settings(stores_of(place), code, settings))
    for name, value in settings.items():
        click.echo(f"{name}={value}")


@account.command("list")
@with_place
def list_accounts(place: ServerSettings) -> None:
    """List the accounts of the data folder or the database."""
    for code, name in run(administration.list_accounts(stores_of(place))):
        click.echo(f"{code}\t{name}")


def _secret(name: str, *, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt(name, hide_input=True, confirmation_prompt=True))


_RIGHTS_HELP = "\b\nRights that can be denied:\n" + "\n".join(f"  {right}" for right in rights.ALL)


@click.group()
def user() -> None:
    """Make, list and delete users, who log in with verifyUser; change their passwords, end their sessions."""


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
    run(administration.create_user(stores_of(place), code, username, password, pin, user_rights))
    click.echo(f"User {username} of account {code} is ready.")


@user.command("list")
@with_place
@click.argument("code")
def list_users(place: ServerSettings, code: str) -> None:
    """List the users of account CODE: name, ID, employee, group, and how many sessions are open."""
    for each in run(administration.list_users(stores_of(place), code)):
        found = each.user
        ids = f"user {found.id}\temployee {found.employee_id}\tgroup {found.group_id}"
        click.echo(f"{found.username}\t{ids}\t{each.sessions} open")


@user.command("password")
@with_place
@click.argument("code")
@click.argument("username")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, not from a prompt.")
def set_password(place: ServerSettings, code: str, username: str, *, password_stdin: bool) -> None:
    """Give a user of account CODE another password; all of the user's sessions end, and what blocks the name."""
    password = _secret("Password", stdin=password_stdin)
    ended = run(administration.set_password(stores_of(place), code, username, password))
    click.echo(f"User {username} of account {code} has the new password. {_ended(ended)}")


@user.command("logout")
@with_place
@click.argument("code")
@click.argument("username")
def log_out(place: ServerSettings, code: str, username: str) -> None:
    """End all sessions of a user of account CODE at once; with the password new ones can be opened."""
    ended = run(administration.log_out(stores_of(place), code, username))
    click.echo(f"User {username} of account {code} is logged out. {_ended(ended)}")


@user.command("delete")
@with_place
@click.argument("code")
@click.argument("username")
def delete_user(place: ServerSettings, code: str, username: str) -> None:
    """Delete a user of account CODE: no log-in any more, and all sessions end at once. The employee stays."""
    ended = run(administration.delete_user(stores_of(place), code, username))
    click.echo(f"User {username} of account {code} is deleted. {_ended(ended)}")


def _ended(sessions: int) -> str:
    return f"Open sessions that ended: {sessions}."


@click.group()
def client() -> None:
    """Make, list and delete API clients, which call the Capillary and fabric endpoints."""


@client.command("create")
@with_place
@click.argument("code")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the key and the secret as one JSON object.")
def create_client(place: ServerSettings, code: str, name: str, *, as_json: bool) -> None:
    """Make an API client of account CODE. Its secret is shown once and kept nowhere."""
    key, secret = run(administration.create_client(stores_of(place), code, name))
    if as_json:
        click.echo(json.dumps({"key": key, "secret": secret}))
    else:
        click.echo(f"Client {name} of account {code} is ready.\nkey     {key}\nsecret  {secret}  (shown once)")


@client.command("list")
@with_place
@click.argument("code")
def list_clients(place: ServerSettings, code: str) -> None:
    """List the API clients of account CODE: key, when it was made, name."""
    for each in run(administration.list_clients(stores_of(place), code)):
        made = datetime.fromtimestamp(each.added_at, UTC)
        click.echo(f"{each.key}\t{made:%Y-%m-%d %H:%M}Z\t{each.name}")


@client.command("delete")
@with_place
@click.argument("code")
@click.argument("key")
def delete_client(place: ServerSettings, code: str, key: str) -> None:
    """Delete an API client of account CODE: its key, its secret and its tokens are refused at once."""
    found = run(administration.delete_client(stores_of(place), code, key))
    click.echo(f"Client {found.name} of account {code} is deleted.")


@click.command("apply")
@with_place
@click.argument("code")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
def apply_command(place: ServerSettings, code: str, file: IO[str], *, dry_run: bool) -> None:
    """Make of account CODE what FILE declares: programs, currencies, promotions, reasons, accrual, settings.

    Shows what changes. What would lose points is refused with exit status 1, and nothing is changed.
    """
    try:
        found = run(administration.apply_file(stores_of(place), code, file.read(), look_only=dry_run))
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
