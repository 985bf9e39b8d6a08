"""Where the accounts are: the options of all commands that use accounts, and places that are named in other options."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from erply_points.app import KNOWS_POSTGRES
from erply_points.settings import ServerSettings

_COMMAND_LINE = click.core.ParameterSource.COMMANDLINE


def with_place(command: Callable[..., None]) -> Callable[..., None]:
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
    def command_with_place(data: Path, database_url: str | None, **options: Any) -> None:
        source = click.get_current_context().get_parameter_source
        if database_url and source("data") is _COMMAND_LINE:
            if source("database_url") is _COMMAND_LINE:
                raise click.UsageError("Accounts are in --data or in --database-url, not in both.")
            database_url = None  # What is said on the command line counts for more than the environment.
        if database_url:
            _check_url(database_url)
        command(place=ServerSettings(data=data, database_url=database_url or ""), **options)

    return command_with_place


def _check_url(url: str) -> None:
    """Says nothing of the URL itself, which may hold a password."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise click.UsageError("A database URL begins with postgresql://.")
    if not KNOWS_POSTGRES:
        raise click.UsageError("PostgreSQL needs its driver: pip install 'erply-points[postgres]'.")


def named_place(_context: click.Context, _parameter: click.Parameter, text: str) -> ServerSettings:
    """A folder, or a database by its URL."""
    if "://" not in text:
        return ServerSettings(data=Path(text))
    _check_url(text)
    return ServerSettings(database_url=text)
