"""Replaces a file as a whole: readers see the old content or the new one, after a crash too."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

# How the names of temporary files begin.
PARTIAL = ".partial-"
# Nobody has written to it for so many seconds: a process that was killed left it behind.
ABANDONED_SECONDS = 3600


@contextlib.contextmanager
def atomic_write(path: Path, mode: int = 0o600, overwrite: bool = True) -> Iterator[Path]:
    """Yield a temporary file beside ``path``, which takes the place of ``path`` once it is flushed to the disk.

    If the block raises, the temporary file is removed and ``path`` stays as it was. Without ``overwrite``, a ``path``
    that exists by then stays too. Raises OSError where the file cannot be written.
    """
    descriptor, name = tempfile.mkstemp(prefix=f"{PARTIAL}{path.name[:50]}-", dir=path.parent)
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(mode)
        _flush(partial)
        if overwrite or not path.exists():
            partial.replace(path)
            with contextlib.suppress(OSError):  # some file systems flush no directories
                _flush(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def remove_abandoned(directory: Path) -> None:
    """Remove the temporary files that killed processes left in ``directory``."""
    for partial in directory.glob(f"{PARTIAL}*"):
        with contextlib.suppress(OSError):
            if time.time() - partial.stat().st_mtime > ABANDONED_SECONDS:
                partial.unlink()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
