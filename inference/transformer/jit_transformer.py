"""The same transformer on compiled kernels: a few layers are one call, and every row's result is its own."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from inference.checkpoint.config import ModelConfig
from inference.kernels.jit import launch, target
from inference.kernels.jit.attention import SPAN
from inference.kernels.jit.block import PADDING, layers, project
from inference.kernels.jit.compile_progress import compiling
from inference.kernels.jit.elementwise import norm
from inference.kernels.layout import BLOCK, cache_bytes
from inference.kernels.packed_matrix import PackedMatrix
from inference.kernels.reference import Floats
from inference.transformer.kv_cache import KVCache
from inference.transformer.layers import inverse_frequencies
from inference.transformer.linear import Linear
from inference.transformer.thread_autotune import FEW_ROWS, Pace
from inference.transformer.transformer import Ids, Progress, Sequences, Transformer

# Tokens that one piece of attention answers: enough to use a block of keys well, few enough to share among cores.
TOKENS_PER_ITEM = 8
NO_WINDOW = 2**40
# Weights that a few rows go through before the checkpoint is looked at again: some ten milliseconds' worth.
BYTES_AT_ONCE = 2**29


@dataclass(frozen=True)
class FusedBlock:
    """One layer's weights, packed. ``window`` as in ModelConfig."""

    attention_norm: Floats
    qkv: PackedMatrix
    output: PackedMatrix
    mlp_norm: Floats
    gate_up: PackedMatrix
    down: PackedMatrix
    window: int | None

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """In the order in which ``layers`` takes them."""
        q, o, g, d = self.matrices
        return (
            *(self.attention_norm, q.weights, q.scales, q.bias, o.weights, o.scales, o.bias),
            *(self.mlp_norm, g.weights, g.scales, g.bias, d.weights, d.scales, d.bias),
        )

    @property
    def matrices(self) -> tuple[PackedMatrix, ...]:
        return self.qkv, self.output, self.gate_up, self.down


class FusedTransformer(Transformer):
    """``forward_batch`` as in Transformer, with the same bits for a row whatever the batch and the chunking."""

    tiled = True

    def __init__(
        self,
        config: ModelConfig,
        fingerprint: str,
        embedding: Linear,
        blocks: tuple[FusedBlock, ...],
        norm_weight: Floats,
        lm_head: PackedMatrix,
        threads: int,
    ) -> None:
        super().__init__(config, fingerprint)
        self._threads = min(threads, target.config.NUMBA_NUM_THREADS)
        self._pace = Pace(self._threads)
        self._embedding = embedding
        self._blocks = blocks
        self._addresses = np.array([[array.ctypes.data for array in block.arrays] for block in blocks], np.int64)
        self._stretches = _alike(blocks)
        self._at_once = max(1, BYTES_AT_ONCE // sum(matrix.weights.nbytes for matrix in blocks[0].matrices))
        self._norm_weight = norm_weight
        self._lm_head = lm_head
        self._inv_freq = inverse_frequencies(config.rope, config.head_dim)
        self._run = launch.run

    def prepare(self, cache: KVCache, progress: Progress) -> None:
        """Compile the kernels, or read what was compiled before: a pass over one token needs them all."""
        self._run = launch.compile_and_run
        with compiling(lambda done, total: progress(done, total, "preparing kernels for this CPU")):
            self.forward_batch([([0], cache)])
        self._run = launch.run
        self.counters.rows = 0
        self._pace = Pace(self._threads)  # such a pass is like no other

    def _through_blocks(self, ids: Ids, sequences: Sequences, checkpoint: Callable[[], None]) -> Floats:
        c = self.config
        # Of this thread, which may have computed for another model before.
        numba.set_num_threads(self._pace.begin(len(ids)))
        plan = Plan(sequences, c, self._inv_freq)
        x = np.zeros((len(ids), _padded(c.hidden_size)), np.float32)
        x[:, : c.hidden_size] = self._embedding.rows(ids)
        eps, scale = np.float32(c.rms_norm_eps), np.float32(1 / math.sqrt(c.head_dim))
        for stretch in self._stretches:
            block = self._blocks[stretch.start]
            place, sizes = plan.place(block.window), plan.sizes(block.window, block.qkv.starts)
            step = self._at_once if len(ids) <= FEW_ROWS else 1
            for first in range(stretch.start, stretch.stop, step):
                checkpoint()
                last = min(first + step, stretch.stop)
                self._run(
                    *(layers, x, first, last, self._addresses, block.arrays, eps, plan.cos, plan.sin),
                    *(place, plan.layer_bytes, sizes, scale),
                )
        self._pace.end(len(ids))
        return x

    def _logits(self, x: Floats) -> Floats:
        normed = np.empty_like(x)
        self._run(norm, x, self._norm_weight, np.float32(self.config.rms_norm_eps), self.config.hidden_size, normed)
        head = self._lm_head
        logits: Floats = self._run(project, head.weights, head.scales, head.bias, normed)
        return logits[:, : self.config.vocab_size]


class Plan:
    """What a pass over the layers needs to know of its sequences, worked out once."""

    def __init__(self, sequences: Sequences, config: ModelConfig, inv_freq: Floats) -> None:
        self._sequences = sequences
        self._config = config
        positions = np.concatenate([np.arange(c.length, c.length + s.stop - s.start) for s, c in sequences])
        angles = positions.astype(np.float32)[:, None] * inv_freq
        self.cos, self.sin = np.cos(angles), np.sin(angles)
        self._item_bytes = sequences[0][1].dtype.itemsize
        self.layer_bytes = cache_bytes(config.num_key_value_heads, config.head_dim, self._item_bytes)
        addresses = [cache.addresses for _, cache in sequences]
        self._tables = np.cumsum([0, *map(len, addresses)])
        self._blocks = np.array([address for table in addresses for address in table], np.int64)
        sequence = np.repeat(np.arange(len(sequences)), [s.stop - s.start for s, _ in sequences])
        block, inside = np.divmod(positions, BLOCK)
        self._rows = np.stack([self._blocks[self._tables[sequence] + block], inside], axis=1)
        self._items: dict[int | None, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}

    def place(self, window: int | None) -> tuple[npt.NDArray[np.int64], ...]:
        """The rows' places in the cache, the attention's items, their firsts and the blocks."""
        if window not in self._items:
            self._items[window] = self._cut(window)
        return (self._rows, *self._items[window], self._blocks)

    def sizes(self, window: int | None, starts: tuple[int, ...]) -> tuple[int, ...]:
        c = self._config
        heads = (c.num_attention_heads, c.num_key_value_heads, c.head_dim)
        return (c.hidden_size, *heads, NO_WINDOW if window is None else window, self._item_bytes, *starts)

    def _cut(self, window: int | None) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Pieces of attention that cores can share: some tokens, a head, a span; and where the spans of each begin."""
        items, firsts = [], [0]
        for table, (rows, cache) in zip(self._tables.tolist(), self._sequences, strict=False):
            for row in range(rows.start, rows.stop, TOKENS_PER_ITEM):
                count = min(TOKENS_PER_ITEM, rows.stop - row)
                position = cache.length + row - rows.start
                oldest = 0 if window is None else max(0, position + 1 - window)
                spans = range(oldest // SPAN * SPAN, position + count, SPAN)
                for head in range(self._config.num_key_value_heads):
                    items += [(head, row, count, position, span, table) for span in spans]
                    firsts.append(len(items))
        return np.array(items, np.int64), np.array(firsts, np.int64)


def _alike(blocks: tuple[FusedBlock, ...]) -> list[range]:
    """The layers in stretches that differ in nothing but their numbers."""
    kinds = [(block.window, [array.shape for array in block.arrays]) for block in blocks]
    changes = [layer for layer in range(1, len(kinds)) if kinds[layer] != kinds[layer - 1]]
    return [range(start, stop) for start, stop in pairwise([0, *changes, len(kinds)])]


def _padded(columns: int) -> int:
    return -(-columns // PADDING) * PADDING


def padded_vector(vector: Floats) -> Floats:
    """A norm's weights, filled up with zeros as the activations are."""
    filled = np.zeros(_padded(len(vector)), np.float32)
    filled[: len(vector)] = vector
    return filled
