"""Reads a request's body within limits, and ends the request when its client goes away."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tui.server.errors import RequestError

LARGEST = 8 * 2**20  # bytes: more text than any context holds
READ_SECONDS = 30.0


class Body:
    """Middleware. What is inside gets the whole body at once, and is cancelled if the client disconnects."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. Raises RequestError for a body that is too large or too slow."""
        body = await _read(scope, receive)
        if body is None:
            return
        complete = False

        async def receive_body() -> Message:
            nonlocal body
            if body is not None:
                content, body = body, None
                return {"type": "http.request", "body": content, "more_body": False}
            await asyncio.Event().wait()  # the disconnection is seen here
            raise AssertionError

        async def send_on(message: Message) -> None:
            nonlocal complete
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        inside = asyncio.ensure_future(self._app(scope, receive_body, send_on))
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait([inside, leaving], return_when=asyncio.FIRST_COMPLETED)
            if leaving.done() and not complete:
                inside.cancel()
            await asyncio.wait([inside])
        finally:
            inside.cancel()
            leaving.cancel()
        if not inside.cancelled():
            inside.result()


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """The body; None if the client disconnected."""
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if int(announced) > LARGEST:
        raise _too_large()
    content = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                content += message.get("body", b"")
                if len(content) > LARGEST:
                    raise _too_large()
                if not message.get("more_body", False):
                    return bytes(content)
    except TimeoutError:
        message_text = f"The body did not arrive within {READ_SECONDS:.0f} seconds."
        raise RequestError(408, "slow_body", message_text) from None


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _too_large() -> RequestError:
    return RequestError(413, "body_too_large", f"A body may have {LARGEST // 2**20} MB at most.")
