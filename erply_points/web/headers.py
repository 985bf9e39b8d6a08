"""Headers that every answer has: no browser guesses at its type, and no cache between keeps what is somebody's own."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
NO_STORE: Final = (b"cache-control", b"no-store")


class SafeHeaders:
    """Puts the headers to each answer; a `cache-control` that is there already stays."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                more = [NOSNIFF] if any(name == NO_STORE[0] for name, _ in headers) else [NOSNIFF, NO_STORE]
                message = {**message, "headers": [*headers, *more]}
            await send(message)

        await self._app(scope, receive, sending)
