"""Erply's endpoint in a sandbox: planned faults happen to requests, and what was asked and answered is logged."""

import asyncio
import time

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from erply_points.bulk.dispatcher import Dispatcher
from erply_points.bulk.envelope import BulkRequest
from erply_points.sandbox.accounts import Sandbox
from erply_points.sandbox.dispatcher import with_error
from erply_points.settings import ServerSettings
from erply_points.web.connections import CLOSE
from erply_points.web.erply import ErplyEndpoint, encoded
from erply_points.web.parameters import Bodies


class Dropped(Response):
    """No answer: the connection is closed."""

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        scope["extensions"][CLOSE]["close"]()


class Cut(Response):
    """The length of the whole answer, half of its bytes, and then the connection is closed."""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = self.body[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope["extensions"][CLOSE]["close"]()


class SandboxEndpoint(ErplyEndpoint):
    def __init__(self, dispatcher: Dispatcher, settings: ServerSettings, bodies: Bodies, sandbox: Sandbox) -> None:
        super().__init__(dispatcher, settings, bodies)
        self._sandbox = sandbox

    async def _reply(self, bulk: BulkRequest, started: float) -> Response:
        state = self._sandbox.known(bulk.client_code)
        at = state.clock() if state else time.time()
        fault = state.faults.take({each.name for each in bulk.sub_requests}) if state else None
        kind = fault.kind if fault else None
        asked = bulk
        reply = None
        if fault is not None:
            await asyncio.sleep(fault.seconds)
            if kind == "error":
                asked = with_error(bulk, fault)
        if kind != "drop_before":
            reply = await self._dispatcher.answer(asked, started)
        # An account that was not there before may have been opened by this request.
        state = self._sandbox.known(bulk.client_code)
        if state is not None:
            state.log.add(at, bulk, reply.answer if reply else None, kind, time.perf_counter() - started)
        if reply is None or kind == "drop_after":
            return Dropped()
        response = encoded(asked, reply)
        return Cut(response.body, headers=dict(response.headers)) if kind == "cut" else response
