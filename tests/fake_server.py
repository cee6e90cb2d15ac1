"""A server on the loopback that answers as its script says: as OpenAI's API does, or as no server should."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Answer = Iterable[bytes | threading.Event]


@dataclass(frozen=True)
class Request:
    """``headers``: by lower-case name."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class FakeServer:
    """``answers``: to the next requests for text, in order; then ``usual``. An event in one holds it until it is set.

    ``listing``: to requests for the list of models. ``requests``: those that came. ``hasty``: answers once it has the
    headers, and closes.
    """

    port: int = 0
    scheme: str = "http"
    answers: list[Answer] = field(default_factory=list)
    usual: list[bytes] = field(default_factory=lambda: reply("Hello ", "there."))
    listing: Answer = field(default_factory=lambda: models("tiny"))
    requests: list[Request] = field(default_factory=list)
    hasty: bool = False

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}/v1"

    @property
    def asked(self) -> list[Request]:
        """The requests for text."""
        return [request for request in self.requests if request.method == "POST"]

    def answer(self, request: Request) -> Answer:
        if request.path.endswith("/models"):
            return self.listing
        return self.answers.pop(0) if self.answers else self.usual


@contextmanager
def serve(context: ssl.SSLContext | None = None) -> Iterator[FakeServer]:
    """``context``: for HTTPS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = FakeServer(listener.getsockname()[1], "https" if context else "http")
        open_ones: list[socket.socket] = []
        thread = threading.Thread(target=_accept, args=(listener, server, context, open_ones), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for each in open_ones:
                _close(each)
            thread.join()


def _accept(
    listener: socket.socket, server: FakeServer, context: ssl.SSLContext | None, open_ones: list[socket.socket]
) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        open_ones.append(connection)
        threading.Thread(target=_talk, args=(connection, server, context), daemon=True).start()


def _talk(connection: socket.socket, server: FakeServer, context: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        connection = context.wrap_socket(connection, server_side=True) if context else connection
        request = _read(connection, server.hasty)
        server.requests.append(request)
        for part in server.answer(request):
            if isinstance(part, threading.Event):
                part.wait()
            else:
                connection.sendall(part)
    _close(connection)


def _read(connection: socket.socket, hasty: bool) -> Request:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while not hasty and len(body) < int(headers.get("content-length", 0)):
        body += _more(connection)
    method, path, _ = first.split()
    return Request(method, path, headers, body)


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise ConnectionError
    return received


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


# ---- what is sent


def head(status: int = 200, kind: str = "text/event-stream", *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} So", f"Content-Type: {kind}", *headers, "", ""]).encode()


def event(values: Any) -> bytes:
    return f"data: {json.dumps(values)}\n\n".encode()


def piece(text: str, reason: str | None = None) -> bytes:
    """An event of a chat, which is one of a completion too."""
    return event({"choices": [{"delta": {"content": text}, "finish_reason": reason}]})


def thought(text: str) -> bytes:
    return event({"choices": [{"delta": {"reasoning_content": text}}]})


def usage(prompt: int, generated: int, cached: int = 0) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": generated}
    return event({"choices": [], "usage": {**counts, "prompt_tokens_details": {"cached_tokens": cached}}})


DONE = b"data: [DONE]\n\n"


def reply(*texts: str, reason: str = "stop", counts: tuple[int, int, int] = (20, 2, 8)) -> list[bytes]:
    """A whole reply."""
    return [head(), *map(piece, texts), piece("", reason), usage(*counts), DONE]


def refusal(status: int, message: str = "", *headers: str) -> list[bytes]:
    """An error of OpenAI's form."""
    return [head(status, "application/json", *headers), json.dumps({"error": {"message": message}}).encode()]


def models(*names: str, context: int = 512) -> list[bytes]:
    """A list of models."""
    listed = [{"id": name, "max_model_len": context} if context else {"id": name} for name in names]
    return [head(200, "application/json"), json.dumps({"object": "list", "data": listed}).encode()]
