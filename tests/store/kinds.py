"""The kinds of store that there are. A new one is one more line in `KINDS`."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from erply_points.store.protocol import Stores
from erply_points.store.sqlite.stores import SQLiteStores
from support.postgres import shared_cluster

Kind = Callable[[Path], Stores]
"""Makes the stores of a folder that nobody else uses; called again on the same folder it finds them again."""


_prefixes: Final[dict[Path, str]] = {}
"""Of the schemas of a folder's accounts: all are in one database."""


def _postgres() -> Kind:
    cluster = shared_cluster()
    from erply_points.store.postgres.stores import PostgresStores  # noqa: PLC0415 - there is asyncpg, then

    def stores(folder: Path) -> Stores:
        return PostgresStores(cluster.url(), _prefixes.setdefault(folder, f"s{len(_prefixes)}_"))

    return stores


KINDS: Final[dict[str, Callable[[], Kind]]] = {
    "sqlite": lambda: lambda folder: SQLiteStores(folder / "accounts"),
    "postgres": _postgres,
}
