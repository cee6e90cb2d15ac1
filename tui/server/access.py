"""Who may ask: checks of headers before a request's body is read."""

import hashlib
import hmac
import ipaddress
import re
import socket

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tui.server.errors import RequestError

MOST_HEADERS, MOST_BYTES = 100, 2**16
# Paths that need no key: what watches the server has none.
OPEN_PATHS = {"/health"}
HOST = re.compile(r"(?:\[(?P<address>[^][]*)\]|(?P<name>[^][:@]*))(?::\d*)?")


class Access:
    """Middleware. ``host``: what the server listens on. ``key``: what clients must send as bearer token; None: nothing.

    A page of another site can have a browser send requests to this machine. Its Origin header tells; where the site's
    name was made to lead here (DNS rebinding), the Host header does, which then is that name. An address in its place
    cannot be rebound.
    """

    def __init__(self, app: ASGIApp, host: str, key: str | None) -> None:
        self._app = app
        self._names = {"localhost", host.lower(), socket.gethostname().lower()}
        self._digest = None if key is None else _digest(key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. Raises RequestError if it is refused."""
        if len(scope["headers"]) > MOST_HEADERS:
            raise RequestError(431, "too_many_headers", f"A request may have {MOST_HEADERS} headers at most.")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_BYTES:
            raise RequestError(431, "headers_too_large", "The headers of a request are too large.")
        headers = Headers(scope=scope)
        if not self._is_here(headers.get("host", "")):
            raise RequestError(403, "wrong_host", "The Host header names another host than this one.")
        if "origin" in headers:
            raise RequestError(403, "cross_origin", "Requests of web pages are refused.")
        if self._digest is not None and scope["path"] not in OPEN_PATHS:
            scheme, _, key = headers.get("authorization", "").partition(" ")
            # Of equal length, and compared in constant time: how long it takes tells nothing of the key.
            if scheme.lower() != "bearer" or not hmac.compare_digest(_digest(key.strip()), self._digest):
                message = "A valid API key is needed: send it as “Authorization: Bearer KEY”."
                raise RequestError(401, "invalid_api_key", message)
        await self._app(scope, receive, send)

    def _is_here(self, host: str) -> bool:
        parts = HOST.fullmatch(host)
        if parts is None:
            return False
        if parts["address"] is not None:
            return ":" in parts["address"] and _is_address(parts["address"])
        name = parts["name"].lower().rstrip(".")
        return name in self._names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
