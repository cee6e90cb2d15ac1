"""A model file mapped into memory, which notices that it is changed under those who read it."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from inference.errors import CheckpointError
from inference.system.regular_file import open_file

SAMPLES, SAMPLE_BYTES = 64, 4096


class MemoryMap:
    """The read-only bytes of a file. Raises CheckpointError if there are none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = str(path)
        try:
            with open_file(path) as file:
                self._opened = os.fstat(file.fileno())
                self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise CheckpointError(f"{path} is missing; download the model again.") from None
        except ValueError:
            raise CheckpointError(f"{path} is empty; download it again.") from None
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from None

    def check(self) -> None:
        """Raise CheckpointError if the file was modified since it was opened.

        Reading a truncated mapping kills the process, and overwritten data belong to another model. A file that was
        replaced by another is still complete: the mapping keeps it.
        """
        try:
            now = os.stat(self._name)  # noqa: PTH116  it is asked for each token, and a Path takes longer than the system
        except OSError:
            now = self._opened
        written_to = now.st_mtime_ns != self._opened.st_mtime_ns and os.path.samestat(now, self._opened)
        if written_to or self.bytes.size() != len(self.bytes):
            raise CheckpointError(f"{self.path} has been changed while it was in use: start the program again.")

    def release(self) -> None:
        """Let go of the pages that were read: they no longer count as this process's and are mapped again when used."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.bytes.madvise(mmap.MADV_DONTNEED)

    def samples(self, header: int) -> Iterator[bytes]:
        """Yield the first ``header`` bytes and SAMPLES evenly spaced pieces, enough to distinguish two checkpoints."""
        size = len(self.bytes)
        yield self.bytes[:header]
        for index in range(SAMPLES):
            start = (size - SAMPLE_BYTES) * index // (SAMPLES - 1)
            yield self.bytes[max(0, start) : max(0, start) + SAMPLE_BYTES]
