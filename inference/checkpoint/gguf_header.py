"""The metadata of a GGUF file, read step by step within bounds (github.com/ggml-org/ggml, docs/gguf.md).

Written here rather than taken from the gguf package, whose reader believes every count and makes an array of each
string: seconds for the vocabulary of a real model, which is needed after its tensors alone.
"""

import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf.constants import GGUFValueType as Type

from inference.errors import CheckpointError

MAX_HEADER_BYTES = 256 * 2**20
MAX_NAME_BYTES = 2**16
# Values of an array: the largest vocabularies have half a million merges.
MAX_VALUES = 4_000_000
MAX_KEYS = 10_000
# In the notation of struct and of numpy alike.
SCALARS = {
    Type.UINT8: "<B",
    Type.INT8: "<b",
    Type.UINT16: "<H",
    Type.INT16: "<h",
    Type.UINT32: "<I",
    Type.INT32: "<i",
    Type.FLOAT32: "<f",
    Type.UINT64: "<Q",
    Type.INT64: "<q",
    Type.FLOAT64: "<d",
    Type.BOOL: "<?",
}


class Cursor:
    """A position in the header of a file. Raises CheckpointError for what reaches beyond it."""

    def __init__(self, content: mmap.mmap, path: Path) -> None:
        self.content = content
        self.position = 0
        self._path = path
        self._end = min(len(content), MAX_HEADER_BYTES)

    def corrupt(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self._path} is damaged or cut short ({what}); download it again.")

    def skip(self, count: int) -> int:
        """Move ``count`` bytes forward; return where they begin."""
        start = self.position
        if count > self._end - start:
            raise self.corrupt(f"its header ends beyond byte {self._end}")
        self.position += count
        return start

    def scalar(self, kind: Type) -> Any:
        """Read a number or a boolean."""
        layout = SCALARS[kind]
        (value,) = struct.unpack_from(layout, self.content, self.skip(struct.calcsize(layout)))
        return value

    def count(self, limit: int, what: str) -> int:
        """Read a 64-bit number of at most ``limit``."""
        value: int = self.scalar(Type.UINT64)
        if value > limit:
            raise self.corrupt(f"it claims {value} {what}")
        return value

    def kind(self) -> Type:
        """Read the type of a value."""
        number = self.scalar(Type.UINT32)
        try:
            return Type(number)
        except ValueError:
            raise self.corrupt(f"a value has the unknown type {number}") from None

    def name(self) -> str:
        """Read the name of a value or of a tensor."""
        length = self.count(MAX_NAME_BYTES, "bytes of a name")
        start = self.skip(length)
        try:
            return self.content[start : start + length].decode("utf-8")
        except UnicodeDecodeError:
            raise self.corrupt("a name is not UTF-8") from None

    def skip_strings(self, count: int) -> None:
        """Move over ``count`` strings."""
        length_at, content, position = struct.Struct("<Q").unpack_from, self.content, self.position
        for _ in range(count):
            if position + 8 > self._end:
                break
            position += 8 + length_at(content, position)[0]
        else:
            if position <= self._end:
                self.position = position
                return
        raise self.corrupt(f"its header ends beyond byte {self._end}")


@dataclass(frozen=True)
class _Place:
    """Where a value begins; ``count`` is None for one that is no array."""

    kind: Type
    count: int | None
    start: int


class Metadata(Mapping[str, Any]):
    """The metadata of a file by key; a value is decoded when it is asked for, arrays to lists."""

    def __init__(self, cursor: Cursor, count: int) -> None:
        """Read ``count`` keys and find the values."""
        self._cursor = cursor
        self._places: dict[str, _Place] = {}
        for _ in range(count):
            key = cursor.name()
            if key in self._places:
                raise cursor.corrupt(f"it has the key {key[:60]!r} twice")
            self._places[key] = self._find(key)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __getitem__(self, key: str) -> Any:
        """Raises CheckpointError for text that is not UTF-8."""
        place, content = self._places[key], self._cursor.content
        if place.kind == Type.STRING:
            texts = self._texts(key, place)
            return next(texts) if place.count is None else list(texts)
        if place.count is None:
            return struct.unpack_from(SCALARS[place.kind], content, place.start)[0]
        return np.frombuffer(content, SCALARS[place.kind], place.count, place.start).tolist()

    def length(self, key: str) -> int | None:
        """Return the length of an array without reading it, None for what is none."""
        return self._places[key].count if key in self._places else None

    def _find(self, key: str) -> _Place:
        cursor = self._cursor
        kind, count = cursor.kind(), None
        if kind == Type.ARRAY:
            kind, count = cursor.kind(), cursor.count(MAX_VALUES, f"values of {key[:60]!r}")
        if kind == Type.ARRAY:
            raise cursor.corrupt(f"{key[:60]!r} is an array of arrays")
        start = cursor.position
        if kind == Type.STRING:
            cursor.skip_strings(1 if count is None else count)
        else:
            cursor.skip(struct.calcsize(SCALARS[kind]) * (1 if count is None else count))
        return _Place(kind, count, start)

    def _texts(self, key: str, place: _Place) -> Iterator[str]:
        content, position = self._cursor.content, place.start
        length_at = struct.Struct("<Q").unpack_from
        try:
            for _ in range(1 if place.count is None else place.count):
                start = position + 8
                position = start + length_at(content, position)[0]
                yield content[start:position].decode("utf-8")
        except UnicodeDecodeError:
            raise self._cursor.corrupt(f"{key[:60]!r} is not UTF-8") from None
