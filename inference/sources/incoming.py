"""The directory of an incomplete download, which one process at a time fills and then puts in its place."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from inference.errors import HubError, InferenceError
from inference.sources.download import PART, RemoteFile, arrived
from inference.sources.hub_name import HubName
from inference.sources.registry import UNFINISHED
from inference.system.json_file import read_json
from inference.system.memory import in_gigabytes

# Digests of a download's files: those that a new revision leaves unchanged are not fetched again.
MANIFEST = "download.json"
# Directory of lock files, one per model, among the incomplete downloads; the dot keeps it from being an organisation.
LOCKS = ".locks"


@dataclass(frozen=True)
class Incoming:
    """``work`` becomes ``target`` when everything is there."""

    name: HubName
    work: Path
    target: Path

    def keep_what_is_good(self, files: Mapping[str, RemoteFile]) -> None:
        """Remove files of other revisions, and link those that the complete download shares with this one."""
        known = _digests(self.work)
        for path in [path for path in self.work.rglob("*") if path.is_file()]:
            name = path.relative_to(self.work).as_posix().removesuffix(PART)
            if name not in files or known.get(name) != files[name].digest:
                path.unlink()
        for name in files:
            (self.work / name).parent.mkdir(mode=0o700, exist_ok=True)
        for name, digest in _digests(self.target).items():
            if name in files and digest == files[name].digest and not (self.work / name).exists():
                with contextlib.suppress(OSError):
                    os.link(self.target / name, self.work / name)
        digests = {name: file.digest for name, file in files.items()}
        (self.work / MANIFEST).write_text(json.dumps(digests, indent=1))

    def require_room(self, missing: int) -> None:
        """Raise HubError if the disk has less than ``missing`` bytes free."""
        free = shutil.disk_usage(self.work).free
        if missing > free:
            raise HubError(
                f"Not enough disk space for {self.name}: it needs {in_gigabytes(missing)}, but {in_gigabytes(free)} "
                f"are free on the disk of {self.work}."
            )

    def missing(self, file: RemoteFile) -> int:
        """Bytes of the file that have not arrived."""
        return file.size - arrived(file, self.work)

    def put_in_place(self) -> None:
        """Replace the whole directory. Files of the old one that are in use stay open."""
        self.target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        old = self.work.with_name(f".old-{self.work.name}")
        shutil.rmtree(old, ignore_errors=True)
        if self.target.exists():
            self.target.rename(old)
        self.work.rename(self.target)
        shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def incoming(name: HubName, downloads: Path) -> Iterator[Incoming]:
    """Open the download of ``name`` for this process alone. Without support for file locks, do without."""
    work = downloads / UNFINISHED / name.folder
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = downloads / UNFINISHED / LOCKS / f"{str(name.folder).replace('/', '--')}.lock"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    lock = FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise HubError(f"{name} is being downloaded by another llm-tui.") from None
    except (OSError, NotImplementedError):
        pass
    try:
        yield Incoming(name, work, downloads / name.folder)
    finally:
        lock.release()


def _digests(directory: Path) -> dict[str, str]:
    try:
        return read_json(directory / MANIFEST)
    except InferenceError:
        return {}
