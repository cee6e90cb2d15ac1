"""One HTTP request to a server: not redirected, without a proxy, and bounded in all that the server may send."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tui.config.remotes import RemoteServer
from tui.remote.errors import RefusedError, RemoteError, in_sentences, told
from tui.remote.key import read_key

# Of an answer that is no stream: a list of models, or why the request is refused. http.client bounds the headers: 100
# lines of 64 KB.
LARGEST_ANSWER, LARGEST_REFUSAL = 4 * 2**20, 2**16
READ_BYTES = 2**16
NEEDS_KEY = "{host} needs a key: give key_file or key_variable in [[remotes]] of config.toml."
WRONG_KEY = "{host} does not accept the key, or not for this model."


@dataclass(frozen=True)
class Patience:
    """Seconds: to connect; without a sign of life; and, after a reply has ended, for its counts of tokens."""

    connect: float = 10.0
    silence: float = 300.0
    counts: float = 5.0


class Call:
    """``abort`` ends it from any thread. Use as a context manager. ``key``: what it was sent with; empty for none."""

    def __init__(self, server: RemoteServer, patience: Patience) -> None:
        self.host = urlsplit(server.url).netloc
        self.key = ""
        self._server = server
        self._patience = patience
        self._lock = threading.Lock()
        self._aborted = False
        self._socket: socket.socket | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._response: http.client.HTTPResponse | None = None

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the connection."""
        self.abort()
        for part in (self._response, self._connection):
            if part is not None:
                part.close()

    def abort(self) -> None:
        """Have what waits for the server end soon, with an error."""
        with self._lock:
            self._aborted = True
            if self._socket is not None:
                _shut(self._socket)

    @contextlib.contextmanager
    def at_most(self, seconds: float) -> Iterator[None]:
        """Raise RemoteError for what takes longer, however little the server sends at a time."""
        late = threading.Event()

        def end() -> None:
            late.set()
            self.abort()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        except RemoteError:
            if not late.is_set():
                raise
        finally:
            timer.cancel()
        if late.is_set():  # which may have looked like the end of the answer
            raise RemoteError(f"{self.host} takes too long for an answer that is short.")

    def send(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> http.client.HTTPResponse:
        """Send the request with ``values`` as JSON; returns the response, of which only the headers are read.

        Raises RemoteError, also for any status but 200.
        """
        self.key = read_key(self._server)
        headers = {"Accept-Encoding": "identity", "Connection": "close", "User-Agent": "llm-tui"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        body = None if values is None else json.dumps(values).encode()
        if body is not None:
            headers["Content-Type"] = "application/json"
        target = urlsplit(self._server.url).path + path
        connection = self._connect()
        with in_sentences(self.host, self._patience.silence):
            # A server may refuse a long body before it has read all: what it says is there all the same.
            with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
                connection.request(method, target, body, headers)
            self._response = connection.getresponse()
        if self._response.status != 200:
            raise self._refusal(self._response, path)
        return self._response

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes. Raises RemoteError."""
        assert self._response is not None
        with in_sentences(self.host, self._patience.silence):
            while chunk := self._response.read1(READ_BYTES):
                yield chunk

    def whole(self, most: int = LARGEST_ANSWER) -> bytes:
        """The whole body. Raises RemoteError if it is longer than ``most`` bytes."""
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) > most:
                raise RemoteError(f"{self.host} sends more than {most // 1000} KB where an answer is short.")
        return bytes(body)

    def _connect(self) -> http.client.HTTPConnection:
        """From here on ``abort`` ends whatever the server keeps going, the handshake of TLS too."""
        parts, seconds = urlsplit(self._server.url), self._patience.connect
        assert parts.hostname is not None
        context = ssl.create_default_context() if parts.scheme == "https" else None
        if context is not None:
            self._connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=context)
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port)
        with in_sentences(self.host, seconds):
            opened = socket.create_connection((parts.hostname, self._connection.port), seconds)
            self._use(opened)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as http.client does
            if context is not None:
                secured = context.wrap_socket(opened, do_handshake_on_connect=False, server_hostname=parts.hostname)
                self._use(secured)
                secured.do_handshake()
        self._connection.sock.settimeout(self._patience.silence)
        return self._connection

    def _use(self, opened: socket.socket) -> None:
        assert self._connection is not None
        self._connection.sock = opened
        with self._lock:
            self._socket = opened
            if self._aborted:
                _shut(opened)

    def _refusal(self, response: http.client.HTTPResponse, path: str) -> RefusedError:
        """The error for a response that is none to the request."""
        host, status = self.host, response.status
        if 300 <= status < 400:
            target = told(response.headers.get("Location"), self.key) or "nowhere"
            return RefusedError(status, f"{host} redirects to {target}, which is not followed: use that address.")
        message = self._reason()
        if status == 401 or (status == 403 and self.key):
            return RefusedError(status, f"{(WRONG_KEY if self.key else NEEDS_KEY).format(host=host)} {message}")
        if status == 404 and not message:
            return RefusedError(status, f"{host} has no {path}: is the URL right? It usually ends in /v1.")
        if status == 429:
            seconds = response.headers.get("Retry-After", "")
            when = f" in {seconds} seconds" if seconds.isdecimal() and len(seconds) < 6 else " later"
            return RefusedError(status, f"{host} takes no more requests now: try again{when}. {message}")
        what = "failed" if status >= 500 else "refused the request"
        return RefusedError(status, f"{host} {what} (HTTP {status}). {message}")

    def _reason(self) -> str:
        """What the body says in one of the usual forms; empty if it is something else, such as a web page."""
        try:
            return reason_in(json.loads(self.whole(LARGEST_REFUSAL)), self.key)
        except (RemoteError, ValueError, RecursionError):
            return ""


def reason_in(values: Any, key: str) -> str:
    """The message of an error in JSON: of OpenAI's form, or of the others that there are; empty if it is none.

    ``key``: what the server must not have us show.
    """
    if not isinstance(values, dict):
        return ""
    error = values.get("error") or values.get("message") or values.get("detail")
    message = error.get("message") if isinstance(error, dict) else error
    return told(message, key)


def _shut(opened: socket.socket) -> None:
    """Wake up who reads from it or writes to it."""
    with contextlib.suppress(OSError, ValueError):  # it has ended by itself
        socket.socket.shutdown(opened, socket.SHUT_RDWR)  # of TLS, its own would forget that it is
