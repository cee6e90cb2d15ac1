"""Grouped-query self-attention with rotary positions and the cache: the heart of a transformer.

Every position asks a question (query), offers a label (key) and a content (value). A position's answer is the average
of the contents it may see, weighted by how well their labels fit its question:

    attention(Q, K, V) = softmax(scale Q Kᵀ) V        (arXiv 1706.03762; the scale is usually 1 / sqrt(D))

Several query heads share one key/value head (arXiv 2305.13245), which is why the cache is small. Letters used below:

    N  new positions        S  positions seen, cached ones first        D  head_dim
    H  key/value heads      G  query heads per key/value head (H * G = all query heads)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.kernels import reference
from inference.kernels.reference import Floats
from inference.transformer.kv_cache import KVCache
from inference.transformer.layers import RMSNorm
from inference.transformer.linear import Linear
from inference.transformer.rotary import RotaryEmbedding

# Queries answered at a time: bounds the memory of the scores, whatever the length of the prompt.
QUERY_TILE = 256


@dataclass(frozen=True)
class Attention:
    """One layer's self-attention.

    ``query_norm`` and ``key_norm`` normalize each head, or the whole projection, by the length of their weights.
    ``window``: how many positions one sees, itself included; None: all. ``softcap`` bounds scores; None: no bound.
    """

    layer: int
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    query_norm: RMSNorm | None
    key_norm: RMSNorm | None
    rotate: RotaryEmbedding
    num_key_value_heads: int
    head_dim: int
    scale: float
    softcap: float | None
    window: int | None

    def __call__(self, x: Floats, sequences: list[tuple[slice, KVCache]]) -> Floats:
        """``x`` [rows, hidden] holds the new positions of several sequences; each slice of rows has its own cache.

        Writes the new keys and values behind the cache's ``length`` (which its owner extends after the last layer)
        and returns [rows, hidden].
        """
        rows = len(x)
        positions = np.concatenate([np.arange(c.length, c.length + s.stop - s.start) for s, c in sequences])
        q = self._heads(self.query(x), self.query_norm, positions)  # rows, H*G, D
        k = self._heads(self.key(x), self.key_norm, positions)  # rows, H, D
        v = self.value(x).reshape(rows, -1, self.head_dim)  # rows, H, D
        mixed = np.empty_like(q)
        for part, cache in sequences:
            cache.write(self.layer, k[part].swapaxes(0, 1), v[part].swapaxes(0, 1))
            for start in range(part.start, part.stop, QUERY_TILE):
                tile = slice(start, min(start + QUERY_TILE, part.stop))
                mixed[tile] = self._attend(q[tile], positions[tile], cache)
        return self.output(mixed.reshape(rows, -1))

    def weights(self, x: Floats, cache: KVCache) -> Floats:
        """How the last position is weighted, [heads, S]: the softmax above, in each query head.

        ``x`` [1, hidden]: what the layer is given for that position, whose key and value are written already, behind
        the cache's ``length``. What is beyond the window is 0.
        """
        positions = np.array([cache.length])
        q = self._heads(self.query(x), self.query_norm, positions)
        weights, _ = self._scored(q, positions, cache)  # H, G, S within the window
        whole = np.zeros((q.shape[1], cache.length + 1), np.float32)
        whole[:, -weights.shape[-1] :] = weights.reshape(len(whole), -1)
        return whole

    def _heads(self, projected: Floats, norm: RMSNorm | None, positions: npt.NDArray[np.int64]) -> Floats:
        """Split queries or keys [rows, heads * D] into rotated heads [rows, heads, D]."""
        rows = len(projected)
        if norm is not None:
            projected = norm(projected.reshape(rows, -1, len(norm.weight)))
        return self.rotate(projected.reshape(rows, -1, self.head_dim), positions)

    def _attend(self, q: Floats, positions: npt.NDArray[np.int64], cache: KVCache) -> Floats:
        """``q`` [N, H*G, D], the consecutive ``positions`` [N] they stand at: the weighted contents [N, H*G, D]."""
        count, heads, head_dim = q.shape
        groups = heads // self.num_key_value_heads
        weights, contents = self._scored(q, positions, cache)
        mixed = np.zeros((self.num_key_value_heads, count * groups, head_dim), np.float32)  # H, N*G, D
        seen = 0
        for v in contents:
            size = v.shape[1]
            mixed += weights[:, :, seen : seen + size] @ v.astype(np.float32, copy=False)
            seen += size
        return mixed.reshape(-1, count, groups, head_dim).swapaxes(0, 1).reshape(count, heads, head_dim)

    def _scored(
        self, q: Floats, positions: npt.NDArray[np.int64], cache: KVCache
    ) -> tuple[Floats, list[npt.NDArray[Any]]]:
        """The weights [H, N*G, S] of the positions from the first window's beginning on, and their contents [H, S, D],
        in blocks, as the cache holds them.
        """
        count, heads, head_dim = q.shape
        groups = heads // self.num_key_value_heads
        end = int(positions[-1]) + 1
        start = 0 if self.window is None else max(0, int(positions[0]) + 1 - self.window)

        # Queries that share a key head stand together:            N, H*G, D  ->  H, N*G, D
        q = q.reshape(count, -1, groups, head_dim).swapaxes(0, 1).reshape(-1, count * groups, head_dim)
        q = q * np.float32(self.scale)

        blocks = [(k.astype(np.float32, copy=False), v) for k, v in cache.blocks(self.layer, start, end)]
        scores = np.concatenate([q @ k.swapaxes(1, 2) for k, _ in blocks], axis=-1)  # H, N*G, S
        if self.softcap is not None:
            scores = reference.softcap(scores, self.softcap)
        scores = scores.reshape(-1, count, groups, end - start)  # H, N, G, S
        scores = scores + self._mask(positions, np.arange(start, end))[:, None, :]
        weights = reference.softmax(scores.reshape(len(q), count * groups, -1))  # H, N*G, S
        return weights, [v for _, v in blocks]

    def _mask(self, positions: npt.NDArray[np.int64], seen: npt.NDArray[np.int64]) -> Floats:
        """[N, S]: 0 where a position may look, minus infinity at its future and beyond its window."""
        distance = positions[:, None] - seen
        hidden = distance < 0
        if self.window is not None:
            hidden |= distance >= self.window
        return np.where(hidden, np.float32(-np.inf), np.float32(0))
