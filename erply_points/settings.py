"""The server's settings: one line each. Only the command line reads them from its options and the environment."""

from dataclasses import dataclass, field
from pathlib import Path


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
    body_size_max: int = 4_000_000
    """Bytes of a request body; a larger one is answered with HTTP 413."""
    sandbox_token: str = field(default="", repr=False)
    """Opens the control API of a sandbox; empty: the server is none, and has no such API."""
