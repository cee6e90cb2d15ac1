"""The transformer in plain numpy: what to read, and what everything faster is compared with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from inference.checkpoint.config import ModelConfig
from inference.kernels.reference import Floats
from inference.transformer.attention import Attention
from inference.transformer.kv_cache import KVCache
from inference.transformer.layers import GatedMLP, MixtureOfExperts, RMSNorm
from inference.transformer.linear import Embedding, Linear
from inference.transformer.transformer import Ids, Progress, Sequences, Transformer

# Positions that attention_weights computes at a time.
PIECE = 64


@dataclass(frozen=True)
class Block:
    """``x += m * post_norm(attention(norm(x)))``, then ``x += m * post_norm(mlp(norm(x)))``; any norm may be absent."""

    attention_norm: RMSNorm | None
    attention: Attention
    post_attention_norm: RMSNorm | None
    mlp_norm: RMSNorm | None
    mlp: GatedMLP | MixtureOfExperts
    post_mlp_norm: RMSNorm | None
    residual_multiplier: float

    def __call__(self, x: Floats, sequences: list[tuple[slice, KVCache]]) -> Floats:
        """Return ``x`` [rows, hidden] after the block; see Attention for ``sequences``."""
        multiplier = np.float32(self.residual_multiplier)
        attended = self.attention(_normalized(x, self.attention_norm), sequences)
        x = x + multiplier * _normalized(attended, self.post_attention_norm)
        return x + multiplier * _normalized(self.mlp(_normalized(x, self.mlp_norm)), self.post_mlp_norm)


def _normalized(x: Floats, norm: RMSNorm | None) -> Floats:
    return x if norm is None else norm(x)


class NumpyTransformer(Transformer):
    """``forward_batch`` as in Transformer, in the words of the papers."""

    def __init__(
        self,
        config: ModelConfig,
        fingerprint: str,
        embedding: Embedding,
        blocks: tuple[Block, ...],
        norm: RMSNorm,
        lm_head: Linear,
    ) -> None:
        super().__init__(config, fingerprint)
        self.embedding = embedding
        self.blocks = blocks
        self.norm = norm
        self.lm_head = lm_head

    def begin_at_once(self, cache: KVCache) -> None:
        """Do nothing: numpy is ready."""

    def prepare(self, cache: KVCache, progress: Progress) -> None:
        """Do nothing: numpy is ready."""

    def through_blocks(self, ids: Ids, sequences: Sequences, check_cancelled: Callable[[], None]) -> Floats:
        """See Transformer."""
        x = self.embedding.rows(ids) * np.float32(self.config.embedding_multiplier)  # rows, hidden
        for block in self.blocks:
            check_cancelled()
            x = block(x, sequences)
        return x

    def logits(self, x: Floats) -> Floats:
        """See Transformer."""
        return self.lm_head(self.norm(x))

    def attention_weights(
        self, token_ids: Sequence[int], cache: KVCache, progress: Callable[[int, int], None]
    ) -> Floats:
        """See Transformer."""
        self._check([(token_ids[cache.length :], cache)])
        pieces = range(cache.length, len(token_ids) - 1, PIECE)
        steps = len(pieces) + len(self.blocks)
        for done, start in enumerate(pieces):
            piece = token_ids[start : min(start + PIECE, len(token_ids) - 1)]
            self.forward_batch([(piece, cache)], True, check_cancelled=partial(progress, done, steps))
        cache.reserve(1)
        x = self.embedding.rows(np.array(token_ids[-1:])) * np.float32(self.config.embedding_multiplier)
        weights = []
        for done, block in enumerate(self.blocks, len(pieces)):
            progress(done, steps)
            before, x = x, block(x, [(slice(0, 1), cache)])  # it writes this position's keys
            weights.append(block.attention.weights(_normalized(before, block.attention_norm), cache))
        progress(steps, steps)
        return np.stack(weights)
