"""Which process has which session open: one lock file each, which the kernel lets go when the process dies."""

import contextlib
import fcntl
import os
from pathlib import Path

from tui.storage.private_files import private_directory, private_file
from tui.storage.session_files import file_name


class Locks:
    """The locks of this process in ``directory``, which is made when the first is wanted."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: dict[str, int] = {}

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._held

    def acquire(self, session_id: str) -> bool:
        """Try to lock the session; True on success. Raises OSError if files cannot be created or locked."""
        if session_id in self._held:
            return True
        while True:
            path = private_directory(self._directory) / file_name(session_id, ".lock")
            try:
                descriptor = private_file(path)
            except FileNotFoundError:  # removed between two looks
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except OSError:
                os.close(descriptor)
                raise
            if _is(path, descriptor):
                self._held[session_id] = descriptor
                return True
            os.close(descriptor)  # another process has removed the file as it let go: what is locked is no longer there

    def release(self, session_id: str) -> None:
        """Let others have the session; harmless if it was not held."""
        descriptor = self._held.pop(session_id, None)
        if descriptor is not None:
            path = self._directory / file_name(session_id, ".lock")
            with contextlib.suppress(OSError):
                if _is(path, descriptor):  # or else the directory is another by now, and the file another process's
                    path.unlink()
            os.close(descriptor)

    def release_all(self) -> None:
        for session_id in list(self._held):
            self.release(session_id)


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
