"""Reads what a request still sends while it is refused."""

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tui.server.errors import RequestError
from tui.server.uvicorn_internals import LINGER_BYTES, LINGER_SECONDS


class Unread:
    """Middleware around those that refuse before a body was read.

    A connection that is closed with something unread in it is reset, over which its client may lose the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. Raises its RequestError once the body has come, or a part of it."""
        # Who expects to be told to send the body does not send it before.
        ended = any(name == b"expect" for name, _ in scope["headers"])

        async def receive_on() -> Message:
            nonlocal ended
            message = await receive()
            ended = not message.get("more_body", False)
            return message

        try:
            await self._app(scope, receive_on, send)
        except RequestError:
            read = 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    while not ended and read < LINGER_BYTES:
                        read += len((await receive_on()).get("body", b""))
            raise
