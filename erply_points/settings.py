"""The server's settings: one line each. Only the command line reads them from its options and the environment."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


def _limit(default: float, sentence: str) -> Any:
    return field(default=default, metadata={"sentence": sentence})


@dataclass(frozen=True, slots=True)
class ServerSettings:
    data: Path = Path("data")
    """Folder with one file per account."""
    database_url: str = field(default="", repr=False)
    """A PostgreSQL database with one schema per account, in place of the folder. It may hold a password."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8080
    """Port to listen on; 0 takes a free one."""
    sandbox_token: str = field(default="", repr=False)
    """Opens the control API of a sandbox; empty: the server is none, and has no such API."""
    requests_max: int = _limit(256, "Requests in progress in the whole server; one more is answered HTTP 503.")
    account_requests_max: int = _limit(128, "Requests in progress of one account; one more is answered HTTP 503.")
    connections_max: int = _limit(12_000, "Open connections; for one more the one that waits the longest is closed.")
    body_size_max: int = _limit(4_000_000, "Bytes of a request body; a larger one is answered HTTP 413.")
    bodies_size_max: int = _limit(64_000_000, "Bytes of the bodies of all requests in progress; above: HTTP 503.")
    head_size_max: int = _limit(131_072, "Bytes of a request's line and headers; larger ones are answered HTTP 431.")
    body_seconds_max: float = _limit(30.0, "Seconds that a request body may take; then it is answered HTTP 408.")
    head_seconds_max: float = _limit(10.0, "Seconds from a request's first byte to the end of its headers.")
    idle_seconds_max: float = _limit(75.0, "Seconds that a connection may wait for its first or next request.")
    answer_seconds_max: float = _limit(60.0, "Seconds that a client may take to receive an answer.")


def limits() -> Iterator[tuple[str, Any, str]]:
    """Name, default and sentence of every limit."""
    for each in fields(ServerSettings):
        if each.metadata:
            yield each.name, each.default, each.metadata["sentence"]
