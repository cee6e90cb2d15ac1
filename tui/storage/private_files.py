"""Directories and files that only their owner can read, whatever the umask."""

import os
from pathlib import Path


def private_directory(path: Path) -> Path:
    """Make the directory, if it is not there, for its owner alone. Raises OSError if it cannot be made."""
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    return path


def private_file(path: Path) -> int:
    """Open the file for writing, made for its owner alone if it is not there: the descriptor. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    os.fchmod(descriptor, 0o600)
    return descriptor
