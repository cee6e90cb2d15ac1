"""On-disk cache of packed weights (per user, size-limited).

Optional: unreadable entries are packed again, and unwritable ones are not saved.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import platformdirs

from inference.checkpoint.weight_cache_file import FORMAT, Buffer, open_packed, write_packed
from inference.checkpoint.weights import MappedFile
from inference.errors import CacheError, CheckpointError
from inference.kernels.quantized_matrix import Form, QuantizedMatrix
from inference.system.atomic_write import remove_abandoned

# Less is packed as fast as it is read: some 50 milliseconds on two cores.
WORTH_SAVING = 16 * 2**20
LIMIT = 20 * 10**9


class Shelf:
    """The cached weights of all models. ``warnings``: user-facing messages. ``mapped``: the open files.

    ``limit``: maximum total size in bytes; None is LIMIT or a tenth of the free disk, whichever is smaller, and 0
    disables saving.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.directory = platformdirs.user_cache_path("llm-tui", appauthor=False) / "weights"
        self.warnings: list[str] = []
        self.mapped: list[MappedFile] = []
        self._limit = limit

    def files(self) -> list[Path]:
        """Complete files, most recently used first."""
        return [path for path, _ in self._by_use()]

    def matrices(
        self, forms: Mapping[str, Form], pack: Callable[[str], QuantizedMatrix], key: str
    ) -> dict[str, QuantizedMatrix]:
        """Return the packed matrices by name, memory-mapped from the cache or packed and stored there under ``key``."""
        sizes = {name: form.nbytes for name, form in forms.items()}
        if self._limit != 0 and sum(sizes.values()) >= WORTH_SAVING:
            name = hashlib.sha256(f"{FORMAT} {key}".encode()).hexdigest()[:32]
            path = self.directory / f"{name}.safetensors"
            try:
                buffers = self._open(path, sizes, key) or self._save(path, sizes, lambda name: pack(name).buffer, key)
                return {name: QuantizedMatrix(form, buffers[name]) for name, form in forms.items()}
            except OSError as error:
                why = error.strerror or error
                self.warnings.append(f"The packed weights were not saved ({why}) and will be packed again next time.")
        return {name: pack(name) for name in forms}

    def _open(self, path: Path, sizes: Mapping[str, int], key: str) -> dict[str, Buffer] | None:
        if not path.exists():
            return None
        try:
            file = open_packed(path, sizes, key)
            buffers = {name: file.array(name) for name in sizes}
        except (CacheError, CheckpointError):
            self.warnings.append("The saved weights were damaged and have been packed again.")
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        self.mapped.append(file)
        with contextlib.suppress(OSError):  # in a directory that cannot be written to, nothing needs to be in order
            # Read just now; when it was written is how others know that it is still what they opened.
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
            self._make_room(self._allowed())
        return buffers

    def _save(self, path: Path, sizes: Mapping[str, int], pack: Callable[[str], Buffer], key: str) -> dict[str, Buffer]:
        """Raises OSError where nothing can be saved."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.directory.stat().st_mode & 0o077:
            self.directory.chmod(0o700)
        size, allowed = sum(sizes.values()), self._allowed()
        if size > allowed:
            raise OSError(0, f"they take {size / 1e9:.2f} GB of the {allowed / 1e9:.2f} GB that all may take")
        self._make_room(allowed - size)
        with write_packed(path, sizes, key) as append:
            for name in sizes:
                append(pack(name))
        buffers = self._open(path, sizes, key)
        if buffers is None:
            raise OSError(0, "another process removed them")
        return buffers

    def _allowed(self) -> int:
        if self._limit is not None:
            return self._limit
        taken = sum(status.st_size for _, status in self._by_use())
        return min(LIMIT, (shutil.disk_usage(self.directory).free + taken) // 10)

    def _make_room(self, allowed: int) -> None:
        """Remove the files that were not used for the longest time, and what killed processes left behind."""
        taken = 0
        for path, status in self._by_use():
            taken += status.st_size
            if taken > allowed:
                path.unlink(missing_ok=True)
        remove_abandoned(self.directory)

    def _by_use(self) -> list[tuple[Path, os.stat_result]]:
        """The whole files of the directory, the last one used first."""
        found = []
        for path in self.directory.glob("*.safetensors"):
            with contextlib.suppress(FileNotFoundError):  # removed by another process just now
                found.append((path, path.stat()))
        return sorted(found, key=lambda pair: pair[1].st_atime_ns, reverse=True)
