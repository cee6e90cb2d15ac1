"""Packed weights in one file: a safetensors file that is written once, then mapped by everyone who needs it.

Each tensor is the buffer of a QuantizedMatrix and begins at a cache line. Whoever opens the file knows what should be
in it and takes nothing else; that the bytes are those that were written is for ``verify`` to find out, in its time.
"""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.checkpoint.safetensors_file import SafetensorsFile, TensorInfo
from inference.errors import CacheError, CheckpointError
from inference.kernels.layout import LAYOUT_VERSION
from inference.system.atomic_write import atomic_write

FORMAT = f"llm-tui weights {LAYOUT_VERSION}"
LINE = 64

Buffer = npt.NDArray[np.uint8]


def open_packed(path: Path, sizes: Mapping[str, int], key: str) -> SafetensorsFile:
    """The file with the buffers of ``sizes``, bytes by name.

    Raises CacheError unless the file is whole and its header is the one that ``write_packed`` gives these sizes and
    this key.
    """
    try:
        file = SafetensorsFile(path)
    except CheckpointError as error:
        raise CacheError(str(error)) from None
    if (file.metadata.get("format"), file.metadata.get("key")) != (FORMAT, key) or file.tensors != _infos(sizes, key):
        raise CacheError(f"{path} holds other weights than its name tells.")
    return file


@contextlib.contextmanager
def write_packed(path: Path, sizes: Mapping[str, int], key: str) -> Iterator[Callable[[Buffer], None]]:
    """Gives a function that takes the buffers one by one, in the order of ``sizes``.

    The file is in its place at the end, whole and on the disk, or not at all. Raises OSError where it cannot be.
    """
    digest = hashlib.sha256()
    # A process that was faster wrote the same, and others may have mapped its file already.
    with atomic_write(path, overwrite=False) as partial, partial.open("wb") as file:
        header = _header(sizes, key, digest.hexdigest())
        _reserve(file.fileno(), len(header) + sum(sizes.values()))
        file.write(header)

        def append(buffer: Buffer) -> None:
            digest.update(buffer.data)
            file.write(buffer.data)

        yield append
        file.seek(0)
        file.write(_header(sizes, key, digest.hexdigest()))


def verify(path: Path) -> None:
    """Read the file in full. Raises CacheError, in a sentence, unless its content is what was once written."""
    try:
        file = SafetensorsFile(path)
    except CheckpointError:
        raise CacheError(f"{path} is damaged; remove it, and the weights will be packed again.") from None
    if hashlib.sha256(file.content()).hexdigest() != file.metadata.get("sha256"):
        raise CacheError(f"The content of {path} has changed; remove it, and the weights will be packed again.")


def _reserve(descriptor: int, size: int) -> None:
    """Take the room now: better to learn that the disk is full before packing than after."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # a file system that cannot
            raise


def _header(sizes: Mapping[str, int], key: str, sha256: str) -> bytes:
    """Build a header of the same length for any hash, such that the tensors begin at a cache line."""
    entries: dict[str, object] = {"__metadata__": {"format": FORMAT, "key": key, "sha256": sha256}}
    start = 0
    for name, size in sizes.items():
        entries[name] = {"dtype": "U8", "shape": [size], "data_offsets": [start, start + size]}
        start += size
    text = json.dumps(entries).encode()
    text += b" " * (-(8 + len(text)) % LINE)
    return len(text).to_bytes(8, "little") + text


def _infos(sizes: Mapping[str, int], key: str) -> dict[str, TensorInfo]:
    start = len(_header(sizes, key, hashlib.sha256().hexdigest()))
    infos = {}
    for name, size in sizes.items():
        infos[name] = TensorInfo("U8", (size,), start, start + size)
        start += size
    return infos
