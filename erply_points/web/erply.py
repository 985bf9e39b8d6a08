"""Erply's endpoint: `/api` and `/api/`, GET and POST. Every answer of the API is HTTP 200."""

import time
from collections.abc import Mapping
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from erply_points.bulk import envelope, errors
from erply_points.bulk.answers import Outcome, Rendering
from erply_points.bulk.dispatcher import BUSY, Dispatcher, Reply
from erply_points.bulk.envelope import BulkRequest, SubRequest
from erply_points.bulk.errors import WireError
from erply_points.bulk.formats import JSON
from erply_points.settings import ServerSettings
from erply_points.web.parameters import Bodies, BodyRefused, Malformed, ServerFull

RETRY_AFTER: Final = {"retry-after": "1"}
"""Seconds: by then the queue that a busy server allows has long been worked off."""
CLOSING: Final = {"connection": "close"}
"""Where what is left of the body stays unread, the connection cannot be used again."""


class ErplyEndpoint:
    """From bytes to bytes, by way of the dispatcher. Nothing of a request is ever logged."""

    def __init__(self, dispatcher: Dispatcher, settings: ServerSettings, bodies: Bodies) -> None:
        self._dispatcher = dispatcher
        self._settings = settings
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        finally:
            self._bodies.release(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        started = time.perf_counter()
        if request.method == "HEAD":  # Starlette lets it in with GET, but a look must not do anything.
            return Response(status_code=405, headers={"allow": "GET, POST"})
        if self._dispatcher.full:  # Told before anything is read or parsed, which would cost as much as an answer.
            return busy(started)
        try:
            params = await self._bodies.parameters(request)
        except Malformed:
            return _unreadable(200, "The request is neither a form nor JSON in UTF-8.", started)
        except BodyRefused as refused:
            return self._refused(refused, started)
        except ClientDisconnect:
            return Response(status_code=400)
        bulk = envelope.decode(params, request.headers, request.client.host if request.client else "")
        return await self._reply(bulk, started)

    def _refused(self, refused: BodyRefused, started: float) -> Response:
        if isinstance(refused, ServerFull):
            return _answer_unread(503, BUSY, started, {**RETRY_AFTER, **CLOSING})
        sentence = refused.sentence.format(size_max=self._settings.body_size_max)
        return _unreadable(refused.http_status, sentence, started)

    async def _reply(self, bulk: BulkRequest, started: float) -> Response:
        return encoded(bulk, await self._dispatcher.answer(bulk, started))

    def routes(self) -> list[Route]:
        return [Route(path, self, methods=["GET", "POST"]) for path in ("/api", "/api/")]


def encoded(bulk: BulkRequest, reply: Reply) -> Response:
    headers = {"content-type": bulk.answer_format.content_type}
    if reply.replayed:
        headers["idempotency-replayed"] = reply.replayed
    if reply.busy:
        headers |= RETRY_AFTER
    return Response(bulk.answer_format.encode(reply.answer), 503 if reply.busy else 200, headers=headers)


def busy(started: float) -> Response:
    """The answer to a request that is turned away unread."""
    return _answer_unread(503, BUSY, started, RETRY_AFTER)


def _unreadable(http_status: int, message: str, started: float) -> Response:
    """The answer to a request of which not even the envelope can be read."""
    headers = {} if http_status == 200 else CLOSING
    return _answer_unread(http_status, WireError(errors.MALFORMED, message), started, headers)


def _answer_unread(http_status: int, error: WireError, started: float, headers: Mapping[str, str]) -> Response:
    outcome = Outcome(error=error)
    rendering = Rendering(int(time.time()), time.perf_counter() - started)
    headers = {"content-type": JSON.content_type, **headers}
    return Response(JSON.encode(rendering.single(SubRequest("", None, {}), outcome)), http_status, headers=headers)
