"""Listens on an address until a signal comes; then the requests under way end first."""

import asyncio
import ipaddress
import socket
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from inference import Engine, InferenceError
from tui.process.in_thread import in_thread
from tui.server.api import Api
from tui.server.uvicorn_internals import options

# Seconds that replies under way get after SIGTERM, and that the rest gets after them.
DRAIN_SECONDS, LAST_SECONDS = 30, 5
LARGEST_KEY, SHORTEST_KEY = 1000, 16


class ListenError(InferenceError):
    """The server cannot listen as it was told to."""


def read_key(file: Path) -> str:
    """The key in the file: its only line. Raises ListenError if there is no usable one, OSError."""
    with file.open("rb") as opened:
        content = opened.read(LARGEST_KEY + 1)
    try:
        key = content.decode("ascii").strip()
    except UnicodeDecodeError:
        key = ""
    if not key.isprintable() or " " in key or not SHORTEST_KEY <= len(key) <= LARGEST_KEY:
        raise ListenError(
            f"{file} must hold one line with a key of {SHORTEST_KEY} to {LARGEST_KEY} ASCII characters without blanks; "
            f"`openssl rand -hex 32 > {file}` makes one."
        )
    return key


def bind(host: str, port: int, key: str | None) -> socket.socket:
    """A socket on the address. Raises ListenError if others could reach it without a key, or it cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise ListenError(f"Cannot listen on {host}: {error.strerror}.") from None
    except UnicodeError:
        raise ListenError(f"Cannot listen on {host}: this is no host name.") from None
    if key is None and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise ListenError(
            f"{host} can be reached from other machines, and without a key anybody could use the model: give one with "
            "--api-key-file, or listen on 127.0.0.1."
        )
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ListenError(f"Cannot listen on {host}, port {port}: {error.strerror}. Choose another --port.") from None
    return listener


class Server(uvicorn.Server):
    """Drains on SIGTERM and SIGINT; a second SIGINT ends it at once."""

    def __init__(self, app: ASGIApp, api: Api, engine: Engine) -> None:
        last = DRAIN_SECONDS + LAST_SECONDS
        super().__init__(uvicorn.Config(app, timeout_graceful_shutdown=last, server_header=False, **options()))
        self._api = api
        self._engine = engine

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called once a signal has come."""
        self._api.drain()
        late = asyncio.ensure_future(self._end_replies())
        try:
            await super().shutdown(sockets)
        finally:
            late.cancel()

    async def _end_replies(self) -> None:
        """End what takes too long: its clients are told."""
        await asyncio.sleep(DRAIN_SECONDS)
        await in_thread(self._engine.close)


def serve(listener: socket.socket, host: str, key: str | None, api: Api, engine: Engine) -> None:
    """Serve until a signal; the signal is raised again in the end."""
    server = Server(api.app(host, key), api, engine)
    asyncio.run(server.serve(sockets=[listener]))
