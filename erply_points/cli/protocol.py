"""Commands for integration developers: `schema` and `contract`."""

import fnmatch
import json
import os
import sys
from pathlib import Path

import click
from rich.console import Console

from erply_points import schemas
from erply_points.contract import cases, reporters, runner, wire


@click.command("schema")
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


@click.command("contract", epilog="The password is read from $ERPLY_PASSWORD, else asked for. More: docs/contract.md.")
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
