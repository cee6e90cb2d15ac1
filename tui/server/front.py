"""Where the requests to a fleet come in: checks who asks and how much, and passes on to a replica what it lets in."""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncGenerator, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tui.server.access import Access
from tui.server.answer import EVENTS, as_event
from tui.server.body import Body
from tui.server.errors import RequestError, refused
from tui.server.relay import RelayedRequest, relayed

HEALTH_SECONDS = 5.0  # for a replica to answer that it is there


class Local:
    """Middleware for a fleet without a key: Ray, not this program, chose the address that it listens on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. Raises RequestError if it comes from another machine."""
        if not _is_loopback(scope.get("client")):
            message = "Without a key this fleet answers its own machine only: start it with api_key_file."
            raise RequestError(403, "no_api_key", message)
        await self._app(scope, receive, send)


class Front:
    """An application. ``ask`` sends a request to a replica, and yields the messages of its response.

    It raises RequestError if no replica takes the request, or if the one that did is gone. ``host``: a name by which
    clients may call the fleet, beside those of Access.
    """

    def __init__(
        self, ask: Callable[[RelayedRequest], AsyncGenerator[Message, None]], host: str, key: str | None
    ) -> None:
        self._ask = ask
        self._app = Starlette(
            routes=[Route("/health", self._health), Route("/metrics", _metrics), Mount("", app=self._pass_on)],
            middleware=[
                *([Middleware(Local)] if key is None else []),
                Middleware(Access, host=host, key=key),
                Middleware(Body),
            ],
            exception_handlers={RequestError: refused, HTTPException: refused, Exception: refused},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what a connection asks."""
        if scope["type"] == "lifespan":
            await self._app.router(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            with contextlib.suppress(RequestError):  # Starlette raises again what it has answered
                await self._app(scope, receive, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = relayed(scope, await Request(scope, receive).body())
        events = False
        async with contextlib.aclosing(self._ask(request)) as messages:
            try:
                async for message in messages:
                    events = events or EVENTS in message.get("headers", [])
                    await send(message)
            except RequestError as error:
                if not events:
                    raise
                await send({"type": "http.response.body", "body": as_event(error.body)})

    async def _health(self, request: Request) -> Response:
        answer = self._ask(relayed(request.scope, b""))
        try:
            async with asyncio.timeout(HEALTH_SECONDS), contextlib.aclosing(answer) as messages:
                async for _ in messages:
                    return JSONResponse({"status": "ok"})
        except TimeoutError:
            pass
        raise RequestError(503, "no_replica", "No replica answers.")


async def _metrics(request: Request) -> Response:
    raise RequestError(404, "unknown_url", "A fleet has no /metrics of its own: Ray has those of its replicas.")


def _is_loopback(client: tuple[str, int] | None) -> bool:
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False
