"""A hub on the loopback: the few endpoints of huggingface.co that a download asks, spoken over real HTTP."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CHUNK = 2**14
LARGE = (".safetensors", ".bin", ".gguf")
TOKEN = "hf_of_this_test"


@dataclass
class Repository:
    """``revisions``: files by branch or tag. ``gated``: known to all, read by those with a token; ``private``: not even
    known without. ``gguf``: what the hub says of the GGUF files."""

    revisions: dict[str, Path]
    private: bool = False
    gated: bool = False
    gguf: dict[str, Any] | None = None

    def commit(self, revision: str) -> str | None:
        commits = {name: hashlib.sha1(str(path).encode()).hexdigest() for name, path in self.revisions.items()}
        return commits.get(revision) or (revision if revision in commits.values() else None)

    def directory(self, commit: str) -> Path:
        return next(path for name, path in self.revisions.items() if self.commit(name) == commit)


@dataclass
class FakeHub:
    """``trouble`` is what goes wrong: see ``Handler.send_file``. ``requests``: paths, and ranges, as they came."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    cut_after: list[int] = field(default_factory=list)  # bytes of weights, for one request each
    errors: list[int] = field(default_factory=list)  # status codes, for one request for weights each
    damaged: bool = False
    ranges: bool = True
    bytes_per_second: int | None = None
    expired: str = ""  # a token that is refused even for what anybody may read

    def add(self, name: str, *models: Path, **options: Any) -> Repository:
        """The first of ``models`` is ``main``, the others v2, v3…"""
        names = ["main", *(f"v{number}" for number in range(2, len(models) + 1))]
        self.repositories[name] = Repository(dict(zip(names, models, strict=True)), **options)
        return self.repositories[name]

    @property
    def fetched(self) -> list[str]:
        """The files that were asked for, in order."""
        return [path.rpartition("/")[2] for path in self.requests if path.startswith("/cdn/") or "/resolve/" in path]


@contextmanager
def serve() -> Iterator[FakeHub]:
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """What the hub answers: a listing with sizes and checksums, small files at once, large ones from elsewhere."""

    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.hub.requests.append(self.path + self.headers.get("Range", "").replace("bytes=", "#"))
        path = self.path.partition("?")[0]
        if self.hub.expired and self.headers.get("Authorization") == f"Bearer {self.hub.expired}":
            self.refuse(401, "")
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            self.listing(match[1], (match[2] or "main").replace("%2F", "/"))
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self.resolve(match[1], match[2], match[3])
        elif match := re.fullmatch(r"/cdn/([^/]+/[^/]+)/([^/]+)/(.+)", path):
            self.large_file(self.hub.repositories[match[1]].directory(match[2]) / match[3])
        else:
            self.refuse(404, "EntryNotFound")

    def repository(self, name: str) -> Repository | None:
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not self.authorised):
            self.refuse(401, "RepoNotFound")
            return None
        return repository

    @property
    def authorised(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def listing(self, name: str, revision: str) -> None:
        if repository := self.repository(name):
            commit = repository.commit(revision)
            if commit is None:
                self.refuse(404, "RevisionNotFound")
                return
            root = repository.directory(commit)
            files = sorted(path for path in root.rglob("*") if path.is_file())
            siblings = [describe(path, str(path.relative_to(root))) for path in files]
            gguf = {"gguf": repository.gguf} if repository.gguf else {}
            self.answer(200, json.dumps({"id": name, "sha": commit, "siblings": siblings, **gguf}).encode())

    def resolve(self, name: str, commit: str, file: str) -> None:
        if repository := self.repository(name):
            path = repository.directory(commit) / file
            if repository.gated and not self.authorised:
                self.refuse(403, "GatedRepo")
            elif not path.exists():
                self.refuse(404, "EntryNotFound")
            elif file.endswith(LARGE):
                self.answer(302, b"", Location=f"{self.hub.url}/cdn/{name}/{commit}/{file}")
            else:
                self.answer(200, path.read_bytes(), ETag="x")

    def large_file(self, path: Path) -> None:
        if self.hub.errors:
            self.refuse(self.hub.errors.pop(0), "")
            return
        content = path.read_bytes()
        if self.hub.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1]) if self.hub.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + self.hub.cut_after.pop(0) if self.hub.cut_after else len(content)
        try:
            for position in range(start, end, CHUNK):
                self.wfile.write(content[position : min(end, position + CHUNK)])
                if self.hub.bytes_per_second:
                    time.sleep(CHUNK / self.hub.bytes_per_second)
        except ConnectionError:
            pass
        self.close_connection = end < len(content)

    def refuse(self, status: int, code: str) -> None:
        self.answer(status, b"{}", **{"X-Error-Code": code} if code else {})

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def describe(path: Path, name: str) -> dict[str, Any]:
    content = path.read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git}
    if path.name.endswith(LARGE):
        entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry
