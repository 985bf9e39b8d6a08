"""Erply's endpoint: `/api` and `/api/`, GET and POST. Every answer of the API is HTTP 200."""

import time

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from erply_points.bulk import envelope, errors
from erply_points.bulk.answers import Outcome, Rendering
from erply_points.bulk.dispatcher import Dispatcher, Reply
from erply_points.bulk.envelope import BulkRequest, SubRequest
from erply_points.bulk.errors import WireError
from erply_points.bulk.formats import JSON
from erply_points.web import parameters
from erply_points.web.parameters import BodyTooLarge, BodyTooSlow, Malformed


class ErplyEndpoint:
    """From bytes to bytes, by way of the dispatcher. Nothing of a request is ever logged."""

    def __init__(self, dispatcher: Dispatcher, body_size_max: int) -> None:
        self._dispatcher = dispatcher
        self._body_size_max = body_size_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        started = time.perf_counter()
        if request.method == "HEAD":  # Starlette lets it in with GET, but a look must not do anything.
            return Response(status_code=405, headers={"allow": "GET, POST"})
        try:
            params = await parameters.read(request, self._body_size_max)
        except Malformed:
            return _unreadable(200, "The request is neither a form nor JSON in UTF-8.", started)
        except BodyTooLarge:
            return _unreadable(413, f"A request body has at most {self._body_size_max} bytes.", started)
        except BodyTooSlow:
            return _unreadable(408, "The request body took too long.", started)
        except ClientDisconnect:
            return Response(status_code=400)
        bulk = envelope.decode(params, request.headers, request.client.host if request.client else "")
        return await self._reply(bulk, started)

    async def _reply(self, bulk: BulkRequest, started: float) -> Response:
        return encoded(bulk, await self._dispatcher.answer(bulk, started))

    def routes(self) -> list[Route]:
        return [Route(path, self, methods=["GET", "POST"]) for path in ("/api", "/api/")]


def encoded(bulk: BulkRequest, reply: Reply) -> Response:
    headers = {"content-type": bulk.answer_format.content_type}
    if reply.replayed:
        headers["idempotency-replayed"] = reply.replayed
    return Response(bulk.answer_format.encode(reply.answer), headers=headers)


def _unreadable(http_status: int, message: str, started: float) -> Response:
    """The answer to a request of which not even the envelope can be read."""
    outcome = Outcome(error=WireError(errors.MALFORMED, message))
    rendering = Rendering(int(time.time()), time.perf_counter() - started)
    # What is left of the body stays unread, so the connection cannot be used again.
    headers = {"content-type": JSON.content_type} | ({} if http_status == 200 else {"connection": "close"})
    return Response(JSON.encode(rendering.single(SubRequest("", None, {}), outcome)), http_status, headers=headers)
