"""The real server as a process of its own, on a free port."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

from erply_points.settings import ServerSettings


class ServerProcess:
    """`erply-points serve` on `data`. Its log is kept in `log`, and shown if it dies at the start.

    It ends with this process at the latest. `sandbox_token` makes it a sandbox. With `database_url` its accounts are
    in that database and not in `data`.
    """

    def __init__(self, data: Path, *options: str, sandbox_token: str = "", database_url: str = "") -> None:
        self.data = data
        self.settings = ServerSettings(data=data, database_url=database_url)
        if sandbox_token:
            options = (*options, "--sandbox")
        environment = {"ERPLY_POINTS_SANDBOX_TOKEN": sandbox_token} if sandbox_token else {}
        if database_url:
            environment["ERPLY_POINTS_DATABASE_URL"] = database_url  # Not an option: those can be seen by everybody.
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [
                *(sys.executable, "-m", "erply_points", "serve"),
                *(*(() if database_url else ("--data", str(data))), "--port", "0", "--until-eof", *options),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )
        assert self.process.stdout is not None
        self.log: list[str] = []
        self.url = ""
        for line in self.process.stdout:
            self.log.append(line)
            if match := re.search(r"Serving (http://\S+)/api/", line):
                self.url = match[1]
                break
        assert self.url, "the server did not start:\n" + "".join(self.log)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.log.extend(self.process.stdout)

    def terminate(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self._ended()

    def kill(self) -> int:
        """SIGKILL: no chance to finish anything."""
        self.process.kill()
        return self._ended()

    def _ended(self) -> int:
        status = self.process.wait(timeout=40)
        self._reader.join(timeout=5)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        return status
