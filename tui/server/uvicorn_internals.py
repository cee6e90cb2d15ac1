"""Connections as uvicorn handles them, with limits on what it lets clients do for as long as they like.

Beside its documented parts this uses attributes of H11Protocol: pyproject.toml bounds the version.
"""

import asyncio
import json
import sys
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from tui.server.errors import RequestError

MOST_CONNECTIONS = 512
HEAD_SECONDS = 15.0  # for the headers of a request
STALLED_SECONDS = 30.0  # for a client to read anything of what was sent
ASK_SECONDS = 0.1  # between two times that a client is asked whether it is there
# What a refused request still sends is read so long, as its client could lose the answer otherwise.
LINGER_BYTES, LINGER_SECONDS = 2**20, 1.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(H11Protocol):
    """Refuses in OpenAI's form what is not HTTP, and ends connections whose client does not send or read."""

    _head: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _asking: asyncio.TimerHandle | None = None
    _lingering: asyncio.TimerHandle | None = None
    _unread = LINGER_BYTES

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept it, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self._refuse(RequestError(503, "too_many_connections", "Too many connections; try again later."))
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._cancel_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Give a client that began a request some time for its headers; one that is refused is not heard."""
        if self._lingering is not None:
            self._unread -= len(data)
            if self._unread < 0:
                self.transport.abort()
            return
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._await_head()
        elif self._head is not None:
            self._head.cancel()
            self._head = None

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more: it has gone away, or it waits for its answer all the same (`nc -N`)."""
        waits = self._is_answering() and self.conn.their_state in (h11.DONE, h11.MUST_CLOSE)
        if waits:
            self.cycle.keep_alive = False
            self._asking = self.loop.call_later(ASK_SECONDS, self._ask_whether_there)
        return waits

    def pause_writing(self) -> None:
        """The client does not read as fast as it is sent to."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read."""
        if self._stalled is not None:
            self._stalled.cancel()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn while it handles h11's error."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        if status == 431:
            self._refuse(RequestError(431, "headers_too_large", "The headers of a request are too large."))
        else:
            self._refuse(RequestError(status, "invalid_http", "This is not a valid HTTP request."))

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _ask_whether_there(self) -> None:
        """Send what says nothing: the system of a client that is gone refuses it, and the next write fails.

        Once an answer has begun, its pieces do the same.
        """
        if self.transport.is_closing() or self.cycle.response_started:
            return
        if self.conn.their_http_version == b"1.0":  # where there is nothing of the kind
            self.transport.close()
            return
        self.transport.write(CONTINUE)
        self._asking = self.loop.call_later(ASK_SECONDS, self._ask_whether_there)

    def _await_head(self) -> None:
        if self._head is None:
            self._head = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _too_slow(self) -> None:
        message = f"The headers of a request did not arrive within {HEAD_SECONDS:.0f} seconds."
        self._refuse(RequestError(408, "slow_headers", message))

    def _refuse(self, error: RequestError) -> None:
        """Answer without an application, and close."""
        body = json.dumps(error.body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
        lines = [f"{name}: {value}" for name, value in (headers | error.headers).items()]
        head = "\r\n".join([f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}", *lines, "", ""])
        self._cancel_timers()
        self.transport.write(head.encode() + body)
        if self._is_answering() or len(self.connections) > MOST_CONNECTIONS:
            self.transport.close()
        else:
            self.transport.write_eof()
            self._lingering = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _cancel_timers(self) -> None:
        for timer in (self._head, self._stalled, self._asking, self._lingering):
            if timer is not None:
                timer.cancel()


def options() -> dict[str, Any]:
    """Arguments of uvicorn's Config that belong to this."""
    return {"http": Connection, "ws": "none", "lifespan": "off", "log_config": None, "log_level": "critical"}
