"""Turning Erply's requests away before anything is spent on them: no task, no route, no parsing.

A refusal that goes the way of an answer costs half as much as a redemption, so a server that is offered three times
what it can do would be busy refusing. This is asked by `connections` while there is anyone to turn away; whoever it
does not recognise goes the usual way and is refused there. See docs/decisions/0052-overload.md.
"""

import re
import time
from typing import Final

from erply_points.accounts.pool import AccountPool
from erply_points.web.erply import busy

PATHS: Final = frozenset({b"/api", b"/api/"})
_CLIENT_CODE: Final = re.compile(rb"""(?:^|[&{,]\s*)(?:clientCode=|"clientCode"\s*:\s*")([a-z0-9-]{1,32})(?:&|"|$)""")
"""In a form or in JSON. Where it stands in something else, at worst a busy server turns another away."""


class ErplyDoorman:
    def __init__(self, accounts: AccountPool) -> None:
        self._accounts = accounts
        self._answer = (0, b"")
        """When it was made, and the bytes."""

    @property
    def alert(self) -> bool:
        return self._accounts.pressed

    def refusal(self, url: bytes, body: bytes) -> bytes | None:
        """The response to a request of Erply's API that the server, or its account, has no room for."""
        path, _, query = url.partition(b"?")
        if path not in PATHS:
            return None
        if not self._accounts.full:
            code = _CLIENT_CODE.search(body) or _CLIENT_CODE.search(query)
            if code is None or self._accounts.takes(code[1].decode()):
                return None
        now = int(time.time())
        if self._answer[0] != now:
            self._answer = (now, _encoded())
        return self._answer[1]


def _encoded() -> bytes:
    response = busy(time.perf_counter())
    head = b"".join(b"%s: %s\r\n" % header for header in response.raw_headers)
    return b"HTTP/1.1 503 Service Unavailable\r\n%s\r\n%s" % (head, response.body)
