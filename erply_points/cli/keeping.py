"""Commands that prove, copy and bring back accounts."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from erply_points.accounts import administration
from erply_points.app import place_of, stores_of
from erply_points.cli.place import named_place, with_place
from erply_points.cli.running import run
from erply_points.settings import ServerSettings
from erply_points.store.protocol import DamagedAccount


@click.command()
@with_place
@click.argument("code", required=False)
def check(place: ServerSettings, code: str | None) -> None:
    """Prove that no point was lost or made: for every customer, earned = remaining + redeemed + expired + reversed.

    Also that balances, histories and documents agree and that the database is sound. Prints what is wrong; exit
    status 1 if anything is.
    """
    stores = stores_of(place)
    codes = [code] if code else run(administration.account_codes(stores))
    if not codes:
        raise click.UsageError(f"There are no accounts in {place_of(place)}.")
    wrong = 0
    for each in codes:
        problems = run(administration.check_account(stores, each))
        wrong += len(problems)
        for problem in problems:
            click.echo(f"{each}: {problem}")
        if not problems:
            click.echo(f"{each}: sound")
    if wrong:
        sys.exit(1)


@click.command("backup")
@with_place
@click.argument("code")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup_command(place: ServerSettings, code: str, file: Path) -> None:
    """Copy account CODE, as it is now, to the new file FILE, also while a server serves it.

    The copy is proved as by `check` and is on disk when the command ends with 0. Nothing is ever overwritten.
    """
    with _damage(code, "no copy was kept"):
        run(administration.back_up(stores_of(place), code, file))
    click.echo(f"Account {code} is in {file}: sound, {file.stat().st_size} bytes.")


@click.command("restore")
@with_place
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("code", required=False)
@click.option("--forget-sessions", is_flag=True, help="Whoever was logged in, or has a token, logs in anew.")
def restore_command(place: ServerSettings, file: Path, code: str | None, *, forget_sessions: bool) -> None:
    """Make of FILE, a backup, the new account CODE, also while a server runs. Nothing is ever overwritten.

    Without CODE it is what the name of FILE begins with, up to the first dot.
    """
    code = file.name.partition(".")[0] if code is None else code
    with _damage(code, "nothing was restored"):
        run(administration.restore_backup(stores_of(place), code, file, forget_sessions=forget_sessions))
    click.echo(f"Account {code} is what it was: sound.")


@contextlib.contextmanager
def _damage(code: str, consequence: str) -> Iterator[None]:
    """What is wrong with an account, printed as `check` does."""
    try:
        yield
    except DamagedAccount as damaged:
        for problem in damaged.problems:
            click.echo(f"{code}: {problem}")
        raise click.ClickException(f"the account is not sound, and {consequence}") from None


@click.command("copy")
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

        rows = run(administration.copy_account(stores_of(source), stores_of(target), code, progress))
    click.echo(f"Account {code} is in {place_of(target)} too: {rows} rows, all sums the same, sound.")
