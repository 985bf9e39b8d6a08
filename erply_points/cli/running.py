"""What every command shares: where the accounts are, how work is run, and how a refusal looks."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from erply_points.accounts.administration import Invalid
from erply_points.accounts.declaration import InvalidFile
from erply_points.accounts.settings import InvalidSetting
from erply_points.app import KNOWS_POSTGRES
from erply_points.settings import ServerSettings
from erply_points.store.protocol import StoreUnavailable

T = TypeVar("T")


_COMMAND_LINE = click.core.ParameterSource.COMMANDLINE


def at_place(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where the accounts are, and the settings that say the same: `place`."""

    @click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("data"),
        envvar="ERPLY_POINTS_DATA",
        show_default="./data, or $ERPLY_POINTS_DATA",
        help="Folder with one file per account.",
    )
    @click.option(
        "--database-url",
        metavar="URL",
        envvar="ERPLY_POINTS_DATABASE_URL",
        show_envvar=True,
        help="PostgreSQL database to use in place of the folder: docs/postgres.md.",
    )
    @functools.wraps(command)
    def with_place(data: Path, database_url: str | None, **options: Any) -> None:
        source = click.get_current_context().get_parameter_source
        if database_url and source("data") is _COMMAND_LINE:
            if source("database_url") is _COMMAND_LINE:
                raise click.UsageError("Accounts are in --data or in --database-url, not in both.")
            database_url = None  # What is said on the command line counts for more than the environment.
        if database_url:
            check_url(database_url)
        command(place=ServerSettings(data=data, database_url=database_url or ""), **options)

    return with_place


def check_url(url: str) -> None:
    """Says nothing of the URL itself, which may hold a password."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise click.UsageError("A database URL begins with postgresql://.")
    if not KNOWS_POSTGRES:
        raise click.UsageError("PostgreSQL needs its driver: pip install 'erply-points[postgres]'.")


def place_named(_context: click.Context, _parameter: click.Parameter, text: str) -> ServerSettings:
    """A folder, or a database by its URL."""
    if "://" not in text:
        return ServerSettings(data=Path(text))
    check_url(text)
    return ServerSettings(database_url=text)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; what can be mended by the user becomes one line and exit status 2."""
    try:
        return asyncio.run(work)
    except (Invalid, InvalidFile, InvalidSetting) as error:
        raise click.UsageError(str(error)) from None
    except (StoreUnavailable, OSError) as error:
        raise click.ClickException(str(error)) from None
