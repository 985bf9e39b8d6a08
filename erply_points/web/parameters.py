"""From an HTTP request to parameters: query string, form, multipart or JSON.

The query string and the body are merged and the body wins. Names are exact. A name sent twice with different values is
marked (`RepeatedKeys`) instead of silently losing one; `name[]` is a list, as PHP reads it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable
from typing import Any, ClassVar, Final

from ada_url import URLSearchParams
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from erply_points.bulk.envelope import RepeatedKeys, parse_json
from erply_points.settings import ServerSettings

DRAINED_MAX: Final = 64_000_000
FIELDS_MAX: Final = 20_000
HELD: Final = "erply_points.held"
"""In a request's scope: the bytes of its body that are held."""


# It would write a line for each broken body, and a byte of it: a stranger could fill the log.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


class Malformed(Exception):
    """The request cannot be read: broken UTF-8, not JSON, or not an object."""


class BodyRefused(Exception):
    """The body is not taken: with which HTTP status, and why."""

    http_status: ClassVar[int]
    sentence: ClassVar[str]


class BodyTooLarge(BodyRefused):
    http_status = 413
    sentence = "A request body has at most {size_max} bytes."


class BodyTooSlow(BodyRefused):
    http_status = 408
    sentence = "The request body took too long."


class BodyEncoded(BodyRefused):
    """It is compressed. Nothing here unpacks: a small one could become a very large one."""

    http_status = 415
    sentence = "A request body must not be compressed."


class ServerFull(BodyRefused):
    """The server holds as many bodies as it takes."""

    http_status = 503
    sentence = "The server is busy and has not begun this; try again soon."


class Bodies:
    """Reads the bodies of requests: each within its limits, and all that are held at once within theirs."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._held = 0

    async def read(self, request: Request) -> bytes:
        """The body counts as held until it is released. Raises BodyRefused."""
        size_max = self._settings.body_size_max
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._settings.body_seconds_max):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size <= size_max:
                        chunks.append(chunk)
                        self._hold(request, len(chunk))
                    elif size > DRAINED_MAX:
                        raise BodyTooLarge
                    else:
                        # Read on and keep nothing: a client that is still sending would not see an answer.
                        chunks.clear()
                        self.release(request)
        except TimeoutError:
            raise BodyTooSlow from None
        if size > size_max:
            raise BodyTooLarge
        if request.headers.get("content-encoding", "identity").strip().lower() not in {"identity", ""}:
            raise BodyEncoded  # Once it is read: a client that is still sending would not see an answer.
        return b"".join(chunks)

    def _hold(self, request: Request, size: int) -> None:
        if self._held + size > self._settings.bodies_size_max:
            raise ServerFull
        self._held += size
        request.scope[HELD] = request.scope.get(HELD, 0) + size

    def release(self, request: Request) -> None:
        """To be called when the request has been answered, whatever became of it."""
        self._held -= request.scope.pop(HELD, 0)

    async def parameters(self, request: Request) -> dict[str, Any]:
        """The parameters of a call: of the query and of the body. Raises Malformed, BodyRefused."""
        query = _form(request.scope["query_string"])
        if request.method != "POST":
            return query
        body = await self.read(request)
        if not body:
            return query
        sent = await _parse(request, body)
        if not query:
            return sent
        merged = RepeatedKeys({**query, **sent})
        if isinstance(sent, RepeatedKeys):
            merged.repeated = sent.repeated
        elif isinstance(query, RepeatedKeys) and query.repeated not in sent:
            merged.repeated = query.repeated
        return merged


async def _parse(request: Request, body: bytes) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            parsed = parse_json(body)
        except ValueError:
            raise Malformed from None
        if not isinstance(parsed, dict):
            raise Malformed
        return parsed
    if kind == "multipart/form-data":
        return await _multipart(request, body)
    return _form(body)


def _form(encoded: bytes) -> dict[str, Any]:
    if not encoded:
        return {}
    try:
        return _collected(URLSearchParams(encoded.decode()).items())
    except UnicodeDecodeError:
        raise Malformed from None


async def _multipart(request: Request, body: bytes) -> dict[str, Any]:
    async def once() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        body.decode()  # The parser would guess at broken UTF-8.
        parser = MultiPartParser(
            request.headers, once(), max_files=0, max_fields=FIELDS_MAX, max_part_size=len(body) + 1
        )
        form = await parser.parse()
    except (MultiPartException, UnicodeDecodeError, KeyError):
        raise Malformed from None
    return _collected((name, value) for name, value in form.multi_items() if isinstance(value, str))


def _collected(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    repeated = ""
    for sent_name, value in pairs:
        name, bracket, _ = sent_name.partition("[")
        if bracket and name:
            found[name] = [value]
            continue
        if found.setdefault(name, value) != value and not repeated:
            repeated = name
    if not repeated:
        return found
    marked = RepeatedKeys(found)
    marked.repeated = repeated
    return marked
