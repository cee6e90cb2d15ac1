"""Starts `llm-tui serve` as a program, and speaks HTTP to it byte by byte."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.running import COMMAND

PATIENCE = 120  # seconds: only a test that fails waits so long


@dataclass
class Served:
    """A server under test. ``process`` is None for one in this process."""

    port: int
    process: "subprocess.Popen[str] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def terminate(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of an error in OpenAI's form."""
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["message"].endswith(".") and error["type"].endswith("_error")
        return self.status, error["code"]


@contextlib.contextmanager
def program(home: Path, *arguments: object, **environment: str) -> Iterator[Served]:
    """`llm-tui serve` with a home of its own, on a free port, until the block ends."""
    places = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("DATA", "CONFIG", "CACHE", "STATE")}
    words = [*COMMAND, "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env={**os.environ, **places, **environment})
    try:
        assert process.stderr is not None
        said = ""
        while (match := re.search(r"http://\S+:(\d+)/v1", said)) is None:
            line = process.stderr.readline()
            assert line, f"the server ended: {said}"
            said += line
        yield Served(int(match[1]), process)
    finally:
        process.kill()
        process.communicate()


def request(method: str, path: str, body: bytes = b"", host: str = "localhost", headers: tuple[str, ...] = ()) -> bytes:
    """The bytes of a request that asks to close the connection after it."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    if body:
        lines += [f"Content-Length: {len(body)}"]
        lines += [] if any(line.lower().startswith("content-type") for line in headers) else [JSON]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
JSON = "Content-Type: application/json"


def ask(served: Served, content: bytes) -> Reply:
    """Send these bytes, and read until the server closes."""
    with served.connect() as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may refuse before it has read all
            connection.sendall(content)
        return read(connection)


def post(served: Served, path: str, value: Any, **others: Any) -> Reply:
    return ask(served, request("POST", path, json.dumps(value).encode(), **others))


def get(served: Served, path: str, **others: Any) -> Reply:
    return ask(served, request("GET", path, **others))


def read(connection: socket.socket) -> Reply:
    """Read a whole response. What asks whether one is there is none."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            received += chunk
    received = received.replace(CONTINUE, b"")
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(body))
    return Reply(int(first.split()[1]), headers, body.decode())


def _chunks(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, rest = body.partition(b"\r\n")
        yield rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]


def metric(served: Served, name: str, **others: Any) -> float:
    """The value of a metric without labels."""
    found = re.search(rf"^{name} (\S+)$", get(served, "/metrics", **others).body, re.MULTILINE)
    assert found, name
    return float(found[1])
