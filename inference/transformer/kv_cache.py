"""KVCache: the keys and values of every position a conversation has been through."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from inference.checkpoint.config import ModelConfig
from inference.errors import CacheError
from inference.kernels.layout import BLOCK, cache_bytes
from inference.transformer import tiled_cache
from inference.transformer.cache_file import read_snapshot, write_snapshot
from inference.transformer.int8_vectors import quantized

CACHE_DTYPES = (np.float32, np.float16, np.int8)
# Behind each key and value of the plain layout in int8.
SCALE_BYTES = 4

Array = npt.NDArray[Any]


class CacheMaker(Protocol):
    """A model, as far as a cache is concerned."""

    def new_cache(self) -> "KVCache": ...


class KVCache:
    """Keys and values by layer, in blocks of BLOCK positions, in the layout of the backend:

        plain   [layers, 2, kv_heads, BLOCK, head_dim]            keys and values, for numpy
        tiled   [layers, keys, values and scales]                 as kernels/jit/attention.py draws it; tiled_cache.py

    In int8 each key and each value has a float32 scale, stored behind it in the plain layout.

    Only the first ``length`` positions mean anything. Going back is lowering ``length``; what stood behind it is
    overwritten by whatever comes next. A fork shares its blocks until one side writes into them.
    """

    def __init__(
        self, config: ModelConfig, dtype: npt.DTypeLike = np.float32, fingerprint: str = "", tiled: bool = False
    ) -> None:
        """``fingerprint`` tells whose keys and values these are: one model in one precision and layout."""
        self.config = config
        self.tiled = tiled
        self.fingerprint = fingerprint
        try:
            self.dtype = np.dtype(dtype)
        except TypeError:
            self.dtype = np.dtype(object)
        if self.dtype not in CACHE_DTYPES:
            raise CacheError(f"A cache holds float32, float16 or int8, not {dtype}.")
        self._length = 0
        self._blocks: list[Array] = []
        self._owned: list[bool] = []

    @property
    def length(self) -> int:
        """Number of positions held."""
        return self._length

    @property
    def nbytes(self) -> int:
        """Bytes allocated; blocks shared with a fork count in full."""
        return sum(block.nbytes for block in self._blocks)

    def truncate(self, length: int) -> None:
        """Go back to the first ``length`` positions, at once. Raises CacheError for a length that is not held."""
        if length != int(length) or not 0 <= length <= self._length:
            raise CacheError(f"The cache holds {self._length} tokens; it cannot go back to {length}.")
        self._length = int(length)

    def fork(self, length: int | None = None) -> "KVCache":
        """Return an independent cache with the same content; blocks are shared until written (copy on write).

        ``length``: of the first so many positions alone. Raises CacheError for a length that is not held.
        """
        twin = KVCache(self.config, self.dtype, self.fingerprint, self.tiled)
        twin._length = self._length
        if length is not None:
            twin.truncate(length)
        twin._blocks = self._blocks[: -(-twin._length // BLOCK)]
        twin._owned = [False] * len(twin._blocks)
        self._owned = [*twin._owned, *self._owned[len(twin._blocks) :]]
        return twin

    def save(self, file: str | Path, token_ids: Sequence[int]) -> None:
        """Write what is held, with the ``token_ids`` it is of (further ones may follow), whole or not at all.

        Raises CacheError if the file cannot be written.
        """
        if self._length > len(token_ids):
            raise CacheError(f"The cache holds {self._length} tokens, but only {len(token_ids)} token ids were given.")
        held = self._blocks[: -(-self._length // BLOCK)]
        write_snapshot(Path(file), held, token_ids, self._length, self.fingerprint)

    @classmethod
    def load(cls, file: str | Path, model: "CacheMaker") -> "tuple[KVCache, list[int]]":
        """A cache that was saved, and the token ids.

        Raises CacheError for a file that is corrupt or of another model or precision.
        """
        own = model.new_cache()
        blocks, token_ids, length = read_snapshot(Path(file), own.fingerprint)
        own.dtype = blocks[0].dtype if blocks else own.dtype
        if (
            own.dtype not in CACHE_DTYPES
            or any(block.dtype != own.dtype or block.shape != own._block_shape for block in blocks)
            or len(blocks) != -(-length // BLOCK)
            or not 0 <= length <= min(len(token_ids), own.config.max_position_embeddings)
            or not all(0 <= id_ < own.config.vocab_size for id_ in token_ids)
        ):
            raise CacheError(f"{file} does not have the shape of this model's cache; the session is computed again.")
        own._length = length
        own._blocks, own._owned = list(blocks), [False] * len(blocks)
        return own, token_ids

    def reserve(self, count: int) -> None:
        """Make the next ``count`` positions writable, without extending ``length``."""
        first, last = self._length // BLOCK, -(-(self._length + count) // BLOCK)
        for index in range(first, min(last, len(self._blocks))):
            if not self._owned[index]:
                # Of a fork, or read from a file.
                self._blocks[index] = self._blocks[index].copy()
                self._owned[index] = True
        while len(self._blocks) < last:
            # Zeros: what a kernel loads beside the positions that count must be numbers.
            self._blocks.append(np.zeros(self._block_shape, self.dtype))
            self._owned.append(True)

    def growth(self, count: int) -> int:
        """Bytes that ``reserve(count)`` would allocate."""
        first, last = self._length // BLOCK, -(-(self._length + count) // BLOCK)
        kept = sum(self._owned[first:last])
        return (last - first - kept) * block_bytes(self.config, self.dtype, self.tiled)

    @property
    def beside_next(self) -> int:
        """Number of positions behind the next one that are of its block: they take no memory of their own."""
        return -(self._length + 1) % BLOCK

    @property
    def _block_shape(self) -> tuple[int, ...]:
        return _block_shape(self.config, self.dtype.itemsize, self.tiled)

    @property
    def addresses(self) -> list[int]:
        """The address of each block, valid until the cache is used again."""
        return [block.ctypes.data for block in self._blocks]

    def write(self, layer: int, keys: Array, values: Array) -> None:
        """Put ``keys`` and ``values`` [kv_heads, count, head_dim] of one layer at the positions from ``length`` on."""
        count = keys.shape[1]
        if self.dtype == np.int8 and not self.tiled:
            keys, values = _quantized(keys), _quantized(values)
        done = 0
        while done < count:
            index, offset = divmod(self._length + done, BLOCK)
            step = min(BLOCK - offset, count - done)
            part, block = slice(done, done + step), self._blocks[index][layer]
            if self.tiled:
                tiled_cache.write(block, offset, keys[:, part], values[:, part])
            else:
                block[0, :, offset : offset + step] = keys[:, part]
                block[1, :, offset : offset + step] = values[:, part]
            done += step

    def extend(self, count: int) -> None:
        """Count the next ``count`` positions as held, once every layer has written them."""
        self._length += count

    def blocks(self, layer: int, start: int, end: int) -> Iterator[tuple[Array, Array]]:
        """Keys and values [kv_heads, up to BLOCK, head_dim] of the positions ``start`` to ``end``, block by block."""
        for index in range(start // BLOCK, -(-end // BLOCK)):
            first, last = max(0, start - index * BLOCK), min(BLOCK, end - index * BLOCK)
            if self.tiled:
                heads, head_dim = self.config.num_key_value_heads, self.config.head_dim
                yield tiled_cache.read(self._blocks[index][layer], first, last, heads, head_dim)
                continue
            keys, values = self._blocks[index][layer, :, :, first:last]
            if self.dtype == np.int8:
                keys, values = _widened(keys), _widened(values)
            yield keys, values


def block_bytes(config: ModelConfig, dtype: npt.DTypeLike, tiled: bool) -> int:
    """Bytes of BLOCK positions: all layers hold all of them, those with a sliding window too, for rolling back."""
    item = np.dtype(dtype).itemsize
    return math.prod(_block_shape(config, item, tiled)) * item


def _block_shape(config: ModelConfig, item: int, tiled: bool) -> tuple[int, ...]:
    layers, kv_heads = config.num_hidden_layers, config.num_key_value_heads
    if tiled:
        return layers, sum(cache_bytes(kv_heads, config.head_dim, item)) // item
    return layers, 2, kv_heads, BLOCK, config.head_dim + (SCALE_BYTES if item == 1 else 0)


def _quantized(vectors: Array) -> Array:
    """int8 [..., head_dim + SCALE_BYTES]: the codes of float32 [..., head_dim], and their scale."""
    codes, scales = quantized(vectors)
    return np.concatenate([codes, scales.view(np.int8)], axis=-1)


def _widened(quantized: Array) -> Array:
    """Dequantize the result of ``_quantized``."""
    scales = np.ascontiguousarray(quantized[..., -SCALE_BYTES:]).view(np.float32)
    return quantized[..., :-SCALE_BYTES].astype(np.float32) * scales
