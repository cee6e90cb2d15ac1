"""KVCache: the keys and values of every position a conversation has been through."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.checkpoint.config import ModelConfig
from inference.errors import CacheError

# Positions per block: a cache grows by whole blocks, so that growing never copies what is there.
BLOCK = 256

Array = npt.NDArray[Any]


class KVCache:
    """Keys and values by layer, in blocks of BLOCK positions, each ``[layers, 2, kv_heads, BLOCK, head_dim]``.

    Only the first ``length`` positions mean anything. Going back is lowering ``length``; what stood behind it is
    overwritten by whatever comes next. A fork shares its blocks until one side writes into them.
    """

    def __init__(self, config: ModelConfig, dtype: npt.DTypeLike = np.float32) -> None:
        self.config = config
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float16):
            raise CacheError(f"A cache holds float32 or float16, not {self.dtype}.")
        self._length = 0
        self._blocks: list[Array] = []
        self._owned: list[bool] = []

    @property
    def length(self) -> int:
        """How many positions are held."""
        return self._length

    @property
    def nbytes(self) -> int:
        """Bytes taken, blocks shared with a fork counted in full."""
        return sum(block.nbytes for block in self._blocks)

    def truncate(self, length: int) -> None:
        """Go back to the first ``length`` positions, at once. Raises CacheError for a length that is not held."""
        if not 0 <= length <= self._length:
            raise CacheError(f"The cache holds {self._length} tokens; it cannot go back to {length}.")
        self._length = length

    def fork(self) -> "KVCache":
        """A cache with the same content that can go its own way; blocks are shared until they are written."""
        twin = KVCache(self.config, self.dtype)
        twin._length = self._length
        twin._blocks = self._blocks[: -(-twin._length // BLOCK)]
        twin._owned = [False] * len(twin._blocks)
        self._owned = [False] * len(self._blocks)
        return twin

    def reserve(self, count: int) -> None:
        """Make the next ``count`` positions writable, without extending ``length``."""
        first, last = self._length // BLOCK, -(-(self._length + count) // BLOCK)
        for index in range(first, min(last, len(self._blocks))):
            if not self._owned[index]:
                self._blocks[index] = self._blocks[index].copy()
                self._owned[index] = True
        while len(self._blocks) < last:
            c = self.config
            shape = (c.num_hidden_layers, 2, c.num_key_value_heads, BLOCK, c.head_dim)
            self._blocks.append(np.empty(shape, self.dtype))
            self._owned.append(True)

    def write(self, layer: int, keys: Array, values: Array) -> None:
        """Put ``keys`` and ``values`` [kv_heads, count, head_dim] of one layer at the positions from ``length`` on."""
        count = keys.shape[1]
        done = 0
        while done < count:
            index, offset = divmod(self._length + done, BLOCK)
            step = min(BLOCK - offset, count - done)
            block = self._blocks[index][layer]
            block[0, :, offset : offset + step] = keys[:, done : done + step]
            block[1, :, offset : offset + step] = values[:, done : done + step]
            done += step

    def extend(self, count: int) -> None:
        """Count the next ``count`` positions as held, once every layer has written them."""
        self._length += count

    def blocks(self, layer: int, start: int, end: int) -> Iterator[tuple[Array, Array]]:
        """Keys and values [kv_heads, up to BLOCK, head_dim] of the positions ``start`` to ``end``, block by block."""
        for index in range(start // BLOCK, -(-end // BLOCK)):
            first, last = max(0, start - index * BLOCK), min(BLOCK, end - index * BLOCK)
            keys, values = self._blocks[index][layer, :, :, first:last]
            yield keys, values
