"""Plans a pass of the compiled transformer: positions, places in the KV cache, pieces of attention for the cores."""

import numpy as np
import numpy.typing as npt

from inference.checkpoint.config import ModelConfig
from inference.kernels.jit.attention import SPAN
from inference.kernels.layout import BLOCK, cache_bytes
from inference.transformer.transformer import Sequences

# Tokens that one piece of attention answers: enough to use a block of keys well, few enough to share among cores.
TOKENS_PER_ITEM = 8
Int64s = npt.NDArray[np.int64]
BatchParts = tuple[Int64s, Int64s, Int64s, Int64s, Int64s]


class BatchPlan:
    """The rows of a pass over some sequences.

    ``positions`` int64 [rows]. ``layer_bytes``: bytes of a layer's keys, values and scales in a block of the cache;
    ``item_bytes``: of a number in it.
    """

    def __init__(self, sequences: Sequences, config: ModelConfig) -> None:
        self._sequences = sequences
        self._config = config
        self.positions = np.concatenate([np.arange(c.length, c.length + s.stop - s.start) for s, c in sequences])
        self.item_bytes = sequences[0][1].dtype.itemsize
        self.layer_bytes = cache_bytes(config.num_key_value_heads, config.head_dim, self.item_bytes)
        addresses = [cache.addresses for _, cache in sequences]
        self._tables = np.cumsum([0, *map(len, addresses)])
        self._blocks = np.array([address for table in addresses for address in table], np.int64)
        sequence = np.repeat(np.arange(len(sequences)), [s.stop - s.start for s, _ in sequences])
        block, self._row_offsets = np.divmod(self.positions, BLOCK)
        self._row_blocks = self._blocks[self._tables[sequence] + block]
        self._batches: dict[int, BatchParts] = {}

    def batch(self, window: int) -> BatchParts:
        """Return the rows with their pieces of attention under this window, as ``run_blocks`` takes them."""
        if window not in self._batches:
            self._batches[window] = self._row_blocks, self._row_offsets, self._blocks, *self._split(window)
        return self._batches[window]

    def _split(self, window: int) -> tuple[Int64s, Int64s]:
        """Return the pieces of attention [6, items], and where those of each (tokens, head) begin."""
        items, tiles = [], [0]
        for table, (rows, cache) in zip(self._tables.tolist(), self._sequences, strict=False):
            for row in range(rows.start, rows.stop, TOKENS_PER_ITEM):
                count = min(TOKENS_PER_ITEM, rows.stop - row)
                position = cache.length + row - rows.start
                oldest = max(0, position + 1 - window)
                spans = range(oldest // SPAN * SPAN, position + count, SPAN)
                for head in range(self._config.num_key_value_heads):
                    items += [(head, row, count, position, span, table) for span in spans]
                    tiles.append(len(items))
        return np.array(items, np.int64).T.copy(), np.array(tiles, np.int64)
