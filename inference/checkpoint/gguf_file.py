"""One GGUF file, memory-mapped: its header is checked in full before a single tensor is touched."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gguf.constants import GGML_QUANT_SIZES, GGUF_DEFAULT_ALIGNMENT
from gguf.constants import GGMLQuantizationType as Kind
from gguf.constants import GGUFValueType as Type

from inference.checkpoint.gguf_header import MAX_KEYS, Cursor, Metadata
from inference.checkpoint.memory_map import MemoryMap
from inference.errors import CheckpointError, UnsupportedModelError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_TENSORS = 100_000
MAX_ALIGNMENT = 2**16


@dataclass(frozen=True)
class GGUFTensor:
    """Metadata of a stored tensor: ``shape`` with the inputs last, as in numpy; the rows are stored one by one."""

    kind: Kind
    shape: tuple[int, ...]
    start: int
    nbytes: int


class GGUFFile:
    """The metadata and the tensors of one file. Raises CheckpointError for one that is corrupt or no GGUF file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._map = MemoryMap(path)
        cursor = Cursor(self._map.bytes, path)
        tensors, keys = _read_counts(cursor, path)
        self.metadata = Metadata(cursor, keys)
        described = dict(_read_tensor(cursor) for _ in range(tensors))
        if len(described) != tensors:
            raise cursor.corrupt("it has two tensors of one name")
        alignment = self.metadata.get("general.alignment", GGUF_DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or not 1 <= alignment <= MAX_ALIGNMENT:
            raise cursor.corrupt(f"it has the impossible alignment {str(alignment)[:20]}")
        self._header_bytes = cursor.position
        base = -(-cursor.position // alignment) * alignment
        self.tensors = {name: self._placed(tensor, base, name, cursor) for name, tensor in described.items()}
        self._refuse_overlaps(cursor)

    def check(self) -> None:
        """Raise CheckpointError if the file was modified since it was opened."""
        self._map.check()

    def release(self) -> None:
        """Give back the memory of what was read; arrays stay valid."""
        self._map.release()

    def samples(self) -> Iterator[bytes]:
        """Yield the header and evenly spaced pieces of the data, enough to distinguish two checkpoints."""
        return self._map.samples(self._header_bytes)

    def rows(self, name: str) -> npt.NDArray[np.uint8]:
        """Return a read-only view of the mapped tensor, uint8 [rows, bytes]; a vector is one row.

        Callers that keep it call ``check`` before each use. Raises CheckpointError as that does.
        """
        self.check()
        tensor = self.tensors[name]
        count = math.prod(tensor.shape[:-1])
        return np.ndarray((count, tensor.nbytes // count), np.uint8, self._map.bytes, tensor.start)

    def vector(self, name: str) -> npt.NDArray[np.float32]:
        """Return all values of a tensor of type F32."""
        if self.tensors[name].kind != Kind.F32:
            raise CheckpointError(f"{self.path}: the tensor {name} is not stored as F32.")
        return self.rows(name).view(np.float32).ravel()

    def _placed(self, tensor: GGUFTensor, base: int, name: str, cursor: Cursor) -> GGUFTensor:
        """Return the tensor with its place in the file, given that in its data."""
        if tensor.start + tensor.nbytes > len(self._map.bytes) - base:
            raise cursor.corrupt(f"tensor {name[:60]!r} does not fit in the file")
        return GGUFTensor(tensor.kind, tensor.shape, base + tensor.start, tensor.nbytes)

    def _refuse_overlaps(self, cursor: Cursor) -> None:
        position = 0
        for tensor in sorted(self.tensors.values(), key=lambda tensor: tensor.start):
            if tensor.start < position:
                raise cursor.corrupt("its tensors overlap")
            position = tensor.start + tensor.nbytes


def _read_counts(cursor: Cursor, path: Path) -> tuple[int, int]:
    """Read the beginning of the file: how many tensors and how many keys it has."""
    if cursor.content[:4] != MAGIC:
        raise CheckpointError(f"{path} is not a GGUF file.")
    cursor.skip(4)
    version = cursor.scalar(Type.UINT32)
    if version not in VERSIONS:
        raise UnsupportedModelError(
            f"{path} is a GGUF file of version {version}, or of big-endian numbers; versions 2 and 3 are supported."
        )
    return cursor.count(MAX_TENSORS, "tensors"), cursor.count(MAX_KEYS, "keys")


def _read_tensor(cursor: Cursor) -> tuple[str, GGUFTensor]:
    """Read name and description of a tensor, ``start`` being its place in the data."""
    name, dimensions = cursor.name(), cursor.scalar(Type.UINT32)
    if not 1 <= dimensions <= 4:
        raise cursor.corrupt(f"tensor {name[:60]!r} has {dimensions} dimensions")
    shape = tuple(cursor.count(2**48, f"values of tensor {name[:60]!r}") for _ in range(dimensions))[::-1]
    number, start = cursor.scalar(Type.UINT32), cursor.count(2**48, f"bytes before tensor {name[:60]!r}")
    try:
        kind = Kind(number)
    except ValueError:
        raise cursor.corrupt(f"tensor {name[:60]!r} has the unknown type {number}") from None
    group, group_bytes = GGML_QUANT_SIZES[kind]
    if 0 in shape or shape[-1] % group:
        raise cursor.corrupt(f"tensor {name[:60]!r} has impossible sizes")
    return name, GGUFTensor(kind, shape, start, math.prod(shape) // group * group_bytes)
