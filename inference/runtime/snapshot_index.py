"""Finds the saved KV cache that a prompt begins like: also what was computed before a restart is not computed again."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from inference.errors import CacheError
from inference.runtime.prefixes import STRIDE, BlockHashes
from inference.text.common_prefix import common_prefix
from inference.transformer.cache_file import read_token_ids

SUFFIX = ".safetensors"
# Files that are known, the newest; of each its hashes, which are a 64th of its token ids.
MOST_FILES = 256


class Known(NamedTuple):
    """``status``: time of change and size. No ``hashes`` if the file is damaged."""

    status: tuple[int, int]
    fingerprint: str
    hashes: Sequence[int]


class SnapshotIndex:
    """The files of a directory that `Session.save` has written. Of a file only the token ids are read here, once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[Path, Known] = {}
        self._lock = threading.Lock()

    def longest(self, fingerprint: str, prompt_ids: Sequence[int]) -> tuple[Path | None, int]:
        """Return the file of this model with the longest beginning of ``prompt_ids``, in whole blocks, and its length.

        Reads the directory, and what is new in it. Equal hashes are not proof: compare the ids of what is loaded.
        """
        hashes = BlockHashes().of(prompt_ids[:-1])
        best, most = None, 0
        with self._lock:
            self._look()
            for file, known in self._known.items():
                length = STRIDE * common_prefix(known.hashes, hashes) if known.fingerprint == fingerprint else 0
                if length > most:
                    best, most = file, length
        return best, most

    def _look(self) -> None:
        """Take in files that came or changed, and forget those that went."""
        found = sorted(self._files(), reverse=True)[:MOST_FILES]
        before, self._known = self._known, {}
        for changed, size, file in found:
            known = before.get(file)
            if known is None or known.status != (changed, size):
                known = _read(file, (changed, size))
            self._known[file] = known

    def _files(self) -> list[tuple[int, int, Path]]:
        """Time of change, size and path of each file that is complete; evicted caches are known to their sessions."""
        found = []
        try:
            with os.scandir(self._directory) as entries:
                for entry in entries:
                    if entry.name.endswith(SUFFIX) and not entry.name.startswith((".", "evicted-")):
                        status = entry.stat(follow_symlinks=False)
                        if entry.is_file(follow_symlinks=False):
                            found.append((status.st_mtime_ns, status.st_size, Path(entry.path)))
        except OSError:  # no directory yet, or a file that has just gone: the rest is found the next time
            pass
        return found


def _read(file: Path, status: tuple[int, int]) -> Known:
    try:
        fingerprint, token_ids = read_token_ids(file)
    except CacheError:
        return Known(status, "", ())
    return Known(status, fingerprint, BlockHashes().of(token_ids))
