"""Counts responses."""

from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tui.server.errors import RequestError
from tui.server.metrics import Metrics

OTHER = "other"


class Counted:
    """Middleware. ``paths``: those that are counted by themselves."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: Collection[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = set(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        path = scope["path"] if scope["path"] in self._paths else OTHER

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(path, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except RequestError as error:
            self._metrics.answered(path, error.status)
            raise
