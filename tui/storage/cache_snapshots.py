"""The directory of cache snapshots: one file for each session, those used longest ago removed beyond a size."""

import contextlib
import os
import re
import time
from pathlib import Path

from tui.conversation.conversation import ID
from tui.storage.private_files import private_directory
from tui.storage.session_files import file_name

SUFFIX = ".safetensors"
# What a running process has put aside for itself, and what is being written.
_EVICTED = re.compile(r"evicted-(\d+)-")
ABANDONED_SECONDS = 3600


class Snapshots:
    """``limit``: bytes that the files may take together.

    A session has one snapshot, whatever branch it is of: what another branch shares with it is a prefix all the same.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        self.directory = directory
        self._limit = limit

    def place(self, session_id: str) -> Path:
        """Where to save the session's cache. Raises OSError if there can be no directory for it."""
        return private_directory(self.directory) / file_name(session_id, SUFFIX)

    def find(self, session_id: str) -> Path | None:
        """The session's snapshot, if there is one; it counts as used now."""
        file = self.directory / file_name(session_id, SUFFIX)
        if file.is_symlink() or not file.is_file():
            return None
        with contextlib.suppress(OSError):
            os.utime(file)
        return file

    def remove(self, session_id: str) -> None:
        """Harmless if there is none."""
        with contextlib.suppress(OSError):
            (self.directory / file_name(session_id, SUFFIX)).unlink()

    def prune(self) -> None:
        """Remove what dead processes left, then the snapshots used longest ago until the rest is within the limit."""
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
    except (OSError, OverflowError):  # somebody else's, or no number of a process
        return True
    return True
