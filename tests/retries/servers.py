"""Answers that get lost: a client that goes away before it is answered, and a server that dies at a chosen moment."""

import contextlib
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode, urlsplit

from retries.keyed import Request
from support.client import Erply

SECONDS_MAX: Final = 20.0


class MortalServer:
    """The server, but killed by a request at a moment, `before` or `after` its commit: see `mortal_server.py`."""

    def __init__(self, data: Path, moment: str) -> None:
        launcher = str(Path(__file__).with_name("mortal_server.py"))
        self._process = subprocess.Popen(
            [sys.executable, launcher, moment, "serve", "--data", str(data), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        serving = re.search(r"Serving (http://\S+)/api/", line)
        assert serving, "the server did not start:\n" + line + self._process.stdout.read()
        self.url = serving[1]

    def died(self) -> int:
        """Wait until it is dead; the exit status."""
        return self._process.wait(SECONDS_MAX)

    def kill(self) -> None:
        """Make sure that it is gone."""
        self._process.kill()
        self._process.wait(SECONDS_MAX)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Sent:
    """A request on a connection of its own, whose answer nobody reads unless asked to."""

    def __init__(self, url: str, account: Erply, request: Request) -> None:
        body = urlencode(request.form(account)).encode()
        head = [
            *("POST /api/ HTTP/1.1", "host: localhost", f"content-length: {len(body)}"),
            *("content-type: application/x-www-form-urlencoded", "connection: close"),
            *(f"{name}: {value}" for name, value in request.headers.items()),
        ]
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port), timeout=SECONDS_MAX)
        self._socket.sendall("\r\n".join([*head, "", ""]).encode() + body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def reset(self) -> None:
        """Break the connection: what the server sends comes back as an error."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def received(self) -> bytes:
        """All that the server has sent when it is gone."""
        found = b""
        with contextlib.suppress(ConnectionError):
            while part := self._socket.recv(1 << 16):
                found += part
        return found
