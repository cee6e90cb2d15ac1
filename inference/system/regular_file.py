"""Safe reading of untrusted files: regular files of limited size only."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from inference.errors import CheckpointError

KINDS = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
# How a file begins that Git LFS has not fetched.
POINTER = b"version https://git-lfs"


def open_file(path: Path) -> BinaryIO:
    """``path`` opened for reading. Raises FileNotFoundError, or CheckpointError if it is no file that can be read.

    A pipe that nobody writes to does not hold it up.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:  # NUL or a lone surrogate
        raise CheckpointError(f"Invalid file name {str(path)!r}.") from None
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind != stat.S_IFREG:
        os.close(descriptor)
        raise CheckpointError(f"{path} cannot be read: it is {KINDS.get(kind, 'no file')}.")
    if os.pread(descriptor, len(POINTER), 0) == POINTER:
        os.close(descriptor)
        raise CheckpointError(
            f"{path} is a Git LFS pointer, not the file itself. Run git lfs pull there, or download the model again."
        )
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, limit: int) -> bytes:
    """Return the content of ``path``. Raises FileNotFoundError, CheckpointError if it is no file or too large."""
    with open_file(path) as file:
        try:
            content = file.read(limit + 1) if os.fstat(file.fileno()).st_size <= limit else None
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from None
    if content is None or len(content) > limit:
        raise CheckpointError(f"{path} is larger than {limit // 2**20} MB.")
    return content
