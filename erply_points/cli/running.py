"""How every command runs its work, and how a refusal looks."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import click

from erply_points.accounts.administration import Invalid
from erply_points.accounts.declaration import InvalidFile
from erply_points.accounts.settings import InvalidSetting
from erply_points.store.protocol import StoreUnavailable

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; what can be mended by the user becomes one line and exit status 2."""
    try:
        return asyncio.run(work)
    except (Invalid, InvalidFile, InvalidSetting) as error:
        raise click.UsageError(str(error)) from None
    except (StoreUnavailable, OSError) as error:
        raise click.ClickException(str(error)) from None
