"""Streams one file from the Hub, resuming partial downloads and verifying its checksum.

huggingface_hub's own download restarts a file after the program was killed, and reports and writes in steps of ten
megabytes.
"""

import errno
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import get_session
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from inference.errors import HubError, UnavailableError

# Errors of a broken connection, from the HTTP library underneath, which differs between versions of huggingface_hub.
CONNECTION_ERRORS: tuple[type[Exception], ...] = HfHubHTTPError.__bases__
PART = ".part"
CHUNK_BYTES = 2**18
TIMEOUT_SECONDS = 30.0
RETRIES, RETRY_SECONDS = 5, 1.0
# HTTP status codes worth a retry.
TRANSIENT = {408, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class RemoteFile:
    """``size`` in bytes. ``digest``: ``sha256:`` and the SHA-256 of the content, or ``git:`` and its git blob id.

    ``token``: None for the user's, False for none.
    """

    name: str
    url: str
    size: int
    digest: str
    token: bool | None = None


def arrived(file: RemoteFile, directory: Path) -> int:
    """Number of bytes of the file that are in ``directory`` already."""
    path = directory / file.name
    path = path if path.exists() else directory / (file.name + PART)
    return path.stat().st_size if path.exists() else 0


def fetch(file: RemoteFile, directory: Path, report: Callable[[int], None]) -> None:
    """Download the file into ``directory`` and verify it; until then it is NAME.part there, which a later call resumes.

    ``report(bytes)`` is called with the progress and may raise to stop. Broken connections are retried. Raises HubError
    for a checksum mismatch or a write error, else the exceptions of huggingface_hub.
    """
    path, part = directory / file.name, directory / (file.name + PART)
    if path.exists():
        return
    failures = 0
    while not part.exists() or arrived(file, directory) < file.size:
        before = arrived(file, directory)
        try:
            _stream(file, part, report)
        except CONNECTION_ERRORS as error:
            failures = 1 if arrived(file, directory) > before else failures + 1
            lasting = isinstance(error, HfHubHTTPError) and error.response.status_code not in TRANSIENT
            if lasting or failures > RETRIES:
                raise
            time.sleep(RETRY_SECONDS)
    verify(file, part)
    part.replace(path)


def _stream(file: RemoteFile, part: Path, report: Callable[[int], None]) -> None:
    """Request the missing part once. Raises as ``fetch`` does, and ConnectionError if the response ends early."""
    have = part.stat().st_size if part.exists() else 0
    headers = {**build_hf_headers(token=file.token, library_name="llm-tui"), "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with get_session().stream("GET", file.url, headers=headers, timeout=TIMEOUT_SECONDS) as response:
        if response.is_error:
            response.read()
            hf_raise_for_status(response)
        # A server without range support answers 200 with the whole file.
        with part.open("ab" if response.status_code == 206 else "wb") as out:
            have = out.tell()
            for chunk in response.iter_bytes(CHUNK_BYTES):
                _write(out.fileno(), chunk, part)
                have += len(chunk)
                report(have)
                if have > file.size:
                    return
    if have < file.size:
        raise ConnectionError("the response ended early")


def _write(descriptor: int, chunk: bytes, path: Path) -> None:
    """Write all of ``chunk`` unbuffered, so that it survives a kill of the process."""
    view = memoryview(chunk)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = f"The disk that holds {path.parent} is full" if full else f"{path} cannot be written ({error.strerror})"
        raise HubError(f"{what}. The next attempt resumes the download.") from None


def verify(file: RemoteFile, part: Path) -> None:
    """Flush and check what has arrived. Raises UnavailableError, and removes it, if it is something else."""
    kind, _, expected = file.digest.partition(":")
    digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    with part.open("rb") as content:
        while chunk := content.read(2**20):
            digest.update(chunk)
        os.fsync(content.fileno())
    if digest.hexdigest() != expected:
        part.unlink()
        raise UnavailableError(f"Checksum mismatch for {file.name}; the file was discarded.")
