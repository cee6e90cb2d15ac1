"""Directories (0700) and files (0600) private to their owner, regardless of the umask."""

import contextlib
import os
from pathlib import Path


def private_directory(path: Path) -> Path:
    """Create the directory with mode 0700 if it does not exist. Raises OSError."""
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    return path


def create_private(path: Path) -> None:
    """Create the file with mode 0600 if it does not exist. Raises OSError.

    One that exists is not opened: closing it would drop the locks that SQLite holds on it for this process.
    """
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)


def private_file(path: Path) -> int:
    """Open the file for writing, creating it with mode 0600; returns the descriptor. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    os.fchmod(descriptor, 0o600)
    return descriptor
