"""Commands that serve: `serve` and `demo`."""

import asyncio
import os
import re
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click
from rich.console import Console

from erply_points import demonstration
from erply_points.app import create_app, place_of, stores_of
from erply_points.cli.place import with_place
from erply_points.cli.running import run
from erply_points.server import Server, listen, serve, url_of
from erply_points.settings import ServerSettings, limits
from erply_points.workers import WORKERS_MAX, Workers, listen_together, worker_command


def _limits(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each limit."""
    for name, default, sentence in reversed(list(limits())):
        kind = click.IntRange(1) if isinstance(default, int) else click.FloatRange(0.1)
        command = click.option(
            f"--{name.replace('_', '-')}", default=default, show_default=True, type=kind, help=sentence
        )(command)
    return command


def _limit_options(settings: ServerSettings) -> list[str]:
    """The limits as a worker is told them."""
    return [f"--{name.replace('_', '-')}={getattr(settings, name)}" for name, _, _ in limits()]


@click.command("serve")
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
@_limits
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
    **limits: Any,
) -> None:
    """Serve all accounts of the data folder, or of the database, until SIGTERM or Ctrl-C."""
    if sandbox_token is not None and not sandbox:
        raise click.UsageError("A sandbox token is of no use without --sandbox.")
    if sandbox_token is not None and not re.fullmatch(r"[!-~]{16,255}", sandbox_token):
        raise click.UsageError("A sandbox token has 16 to 255 characters, without blanks.")
    token = sandbox_token or (secrets.token_urlsafe(24) if sandbox else "")
    settings = replace(place, host=host, port=port, sandbox_token=token, **limits)

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
    serve(create_app(settings), settings, listener, ready)


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
        together = Workers(worker_command(*_limit_options(settings)), sockets, environment)
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


@click.command()
@with_place
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65_535), help="0 takes a free one.")
@click.option("--once", is_flag=True, help="Stop after the demonstration.")
def demo(place: ServerSettings, port: int, *, once: bool) -> None:
    """Make an account `demo` anew, serve it, and show an invoice with a redemption in one bulk."""
    settings = replace(place, port=port)
    listener = _listen(settings)
    api_client = run(demonstration.prepare(stores_of(place)))
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

    serve(create_app(settings), settings, listener, ready)
    if failures:
        raise click.ClickException(f"the demonstration failed: {failures[0]!r}")


def _listen(settings: ServerSettings) -> socket.socket:
    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from None
