"""The command line: `erply-points`, also `python -m erply_points`. It alone reads options and the environment."""

from typing import Final

import click

from erply_points import __version__, logs
from erply_points.cli import accounts, keeping, protocol, serving


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="erply-points")
def main() -> None:
    """Erply's bulk API for loyalty points, on an exact and durable ledger."""
    logs.set_up()


_COMMANDS: Final[tuple[click.Command, ...]] = (
    serving.demo,
    serving.serve_command,
    accounts.account,
    accounts.user,
    accounts.client,
    accounts.apply_command,
    keeping.check,
    keeping.backup_command,
    keeping.restore_command,
    keeping.copy_command,
    protocol.schema_command,
    protocol.contract_command,
)
for _command in _COMMANDS:
    main.add_command(_command)
