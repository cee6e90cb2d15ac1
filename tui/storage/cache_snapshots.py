"""Directory of KV cache snapshots: one file per session, least recently used ones are pruned."""

import contextlib
import os
import re
import time
from pathlib import Path

from tui.conversation.conversation import ID
from tui.storage.private_files import private_directory
from tui.storage.session_files import file_name

SUFFIX = ".safetensors"
# Files of running processes: evicted caches, and (by age) those being written.
_EVICTED = re.compile(r"evicted-(\d+)-")
ABANDONED_SECONDS = 3600


class Snapshots:
    """``limit``: total size in bytes.

    One snapshot per session serves all its branches: they share a prefix.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        self.directory = directory
        self._limit = limit

    def place(self, session_id: str) -> Path:
        """Path for the session's snapshot. Raises OSError if the directory cannot be created."""
        return private_directory(self.directory) / file_name(session_id, SUFFIX)

    def find(self, session_id: str) -> Path | None:
        """The session's snapshot, if any; marks it as used."""
        file = self.directory / file_name(session_id, SUFFIX)
        if file.is_symlink() or not file.is_file():
            return None
        with contextlib.suppress(OSError):
            os.utime(file)
        return file

    def remove(self, session_id: str) -> None:
        """Delete the session's snapshot, if any."""
        with contextlib.suppress(OSError):
            (self.directory / file_name(session_id, SUFFIX)).unlink()

    def prune(self) -> None:
        """Delete files of dead processes, then the least recently used snapshots beyond the limit."""
        kept = []
        for file in self.directory.glob("*" + SUFFIX + "*"):
            with contextlib.suppress(OSError):
                status = file.lstat()
                if _abandoned(file.name, status.st_mtime):
                    file.unlink()
                else:
                    kept.append((status.st_mtime, status.st_size, file))
        excess = sum(size for _, size, _ in kept) - self._limit
        for _, size, file in sorted(kept):
            if excess <= 0:
                return
            if ID.fullmatch(file.name.removesuffix(SUFFIX)):
                file.unlink(missing_ok=True)
                excess -= size


def _abandoned(name: str, changed: float) -> bool:
    if evicted := _EVICTED.match(name):
        return not _alive(int(evicted[1]))
    return name.startswith(".") and time.time() - changed > ABANDONED_SECONDS


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's process, or an invalid pid
        return True
    return True
