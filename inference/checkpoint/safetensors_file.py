"""One safetensors file, memory-mapped: its header is checked in full before a single tensor is touched.

The format (huggingface.co/docs/safetensors): eight bytes of header length, a JSON header of dtypes, shapes and offsets,
then the data, without holes. Written here rather than taken from the library because a bfloat16 tensor has no numpy
dtype of its own, and because errors must be readable.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.checkpoint.memory_map import MemoryMap
from inference.errors import CheckpointError

MAX_HEADER_BYTES = 10_000_000
# numpy has no bfloat16: such tensors are handed out as the uint16 words they are stored in.
STORED_DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I64": np.dtype("<i8"),
    "I8": np.dtype(np.int8),
    "U8": np.dtype("u1"),
}
ITEM_BYTES = (
    dict.fromkeys(("F64", "I64", "U64"), 8)
    | dict.fromkeys(("F32", "I32", "U32"), 4)
    | dict.fromkeys(("F16", "BF16", "I16", "U16"), 2)
    | dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1)
)


@dataclass(frozen=True)
class TensorInfo:
    """Metadata of a stored tensor: ``dtype`` as in the header, byte offsets from the start of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def nbytes(self) -> int:
        return self.end - self.start


class SafetensorsFile:
    """The tensors of one file by name. Raises CheckpointError for a corrupt or inconsistent file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._map = MemoryMap(path)
        self._bytes = self._map.bytes
        self.metadata, self.tensors = self._read_header()

    def check(self) -> None:
        """Raise CheckpointError if the file was modified since it was opened."""
        self._map.check()

    def release(self) -> None:
        """Give back the memory of what was read; arrays stay valid."""
        self._map.release()

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return a read-only view of the mapped tensor; bfloat16 as uint16 words.

        Callers that keep it call ``check`` before each use. Raises CheckpointError as that does.
        """
        self.check()
        info = self.tensors[name]
        return np.ndarray(info.shape, STORED_DTYPES[info.dtype], self._bytes, info.start)

    def read(self, name: str) -> npt.NDArray[Any]:
        """Read the tensor into memory, read-only. Raises ValueError if the file was truncated since it was opened."""
        info = self.tensors[name]
        with self.path.open("rb") as file:
            file.seek(info.start)
            return np.frombuffer(file.read(info.nbytes), STORED_DTYPES[info.dtype]).reshape(info.shape)

    def content(self) -> memoryview:
        """Return the bytes of all tensors, in file order."""
        return memoryview(self._bytes)[self._header_bytes :]

    def samples(self) -> Iterator[bytes]:
        """Yield the header and evenly spaced pieces of the data, enough to distinguish two checkpoints."""
        return self._map.samples(self._header_bytes)

    @property
    def _header_bytes(self) -> int:
        return 8 + int.from_bytes(self._bytes[:8], "little")

    def _corrupt(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self.path} is damaged or cut short ({what}); download it again.")

    def _read_header(self) -> tuple[dict[str, str], dict[str, TensorInfo]]:
        size = len(self._bytes)
        length = int.from_bytes(self._bytes[:8], "little")
        if size < 8 or length > min(MAX_HEADER_BYTES, size - 8):
            raise self._corrupt(f"its header claims {length} bytes, the file has {size}")
        try:
            header = json.loads(self._bytes[8 : 8 + length])
        except (ValueError, RecursionError):
            raise self._corrupt("its header is not valid JSON") from None
        if not isinstance(header, dict):
            raise self._corrupt("its header is not a JSON object")
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict):
            raise self._corrupt("its metadata is not a JSON object")
        base = 8 + length
        tensors = {name: self._read_entry(name, entry, base, size) for name, entry in header.items()}
        position = base
        for info in sorted(tensors.values(), key=lambda info: (info.start, info.end)):
            if info.start != position:
                raise self._corrupt("its tensors overlap or leave holes")
            position = info.end
        if position != size:
            raise self._corrupt(f"its tensors end at byte {position}, the file at {size}")
        return metadata, tensors

    def _read_entry(self, name: str, entry: Any, base: int, size: int) -> TensorInfo:
        try:
            dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        except (TypeError, KeyError, ValueError):
            raise self._corrupt(f"tensor {name[:60]!r} is not described in full") from None
        item_bytes = ITEM_BYTES.get(dtype) if isinstance(dtype, str) else None
        if item_bytes is None:
            raise self._corrupt(f"tensor {name[:60]!r} has the unknown dtype {str(dtype)[:20]!r}")
        numbers = [*shape, start, end] if isinstance(shape, list) else [None]
        if not all(type(number) is int and 0 <= number < 2**48 for number in numbers) or len(shape) > 8:
            raise self._corrupt(f"tensor {name[:60]!r} has impossible sizes")
        if not start <= end <= size - base or end - start != math.prod(shape) * item_bytes:
            raise self._corrupt(f"tensor {name[:60]!r} does not fit in the file")
        return TensorInfo(dtype, tuple(shape), base + start, base + end)
