"""Token ids to logits: embeddings, blocks, logits, for a batch of sequences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from inference.checkpoint.config import ModelConfig
from inference.errors import CacheError, ContextOverflowError, InferenceError
from inference.kernels.reference import Floats
from inference.transformer.attention import Attention
from inference.transformer.cache import KVCache
from inference.transformer.layers import RMSNorm, SwiGLU
from inference.transformer.linear import Linear

Batch = Sequence[tuple[Sequence[int], KVCache]]


@dataclass(frozen=True)
class Block:
    """x += attention(norm(x)); x += mlp(norm(x))."""

    attention_norm: RMSNorm
    attention: Attention
    mlp_norm: RMSNorm
    mlp: SwiGLU

    def __call__(self, x: Floats, sequences: list[tuple[slice, KVCache]]) -> Floats:
        x = x + self.attention(self.attention_norm(x), sequences)
        return x + self.mlp(self.mlp_norm(x))


@dataclass
class Counters:
    """``rows``: token positions that went through all blocks, counted where it happens."""

    rows: int = 0


@dataclass(frozen=True)
class Transformer:
    """The weights in their places. Not thread-safe: one thread at a time."""

    config: ModelConfig
    embedding: Linear
    blocks: tuple[Block, ...]
    norm: RMSNorm
    lm_head: Linear
    fingerprint: str
    counters: Counters

    def forward_batch(
        self, batch: Batch, last_only: bool = False, checkpoint: Callable[[], None] = lambda: None
    ) -> list[Floats]:
        """Logits for each sequence's new tokens, float32 [tokens or 1, vocab_size]; extends each sequence's cache.

        All rows go through each weight matrix together. ``checkpoint`` is called between the layers and may raise to
        stop: then no cache has changed its length. Raises ContextOverflowError where a sequence would not fit and
        InferenceError for ids outside the vocabulary, before anything is computed.
        """
        if not batch:
            return []
        ids = self._check(batch)
        sequences: list[tuple[slice, KVCache]] = []
        start = 0
        for tokens, cache in batch:
            cache.reserve(len(tokens))
            sequences.append((slice(start, start + len(tokens)), cache))
            start += len(tokens)
        x = self.embedding.rows(ids)  # rows, hidden
        for block in self.blocks:
            checkpoint()
            x = block(x, sequences)
        for part, cache in sequences:
            cache.extend(part.stop - part.start)
        self.counters.rows += len(x)
        wanted = [slice(part.stop - 1, part.stop) if last_only else part for part, _ in sequences]
        if last_only:
            x = np.concatenate([x[part] for part in wanted])
            wanted = [slice(i, i + 1) for i in range(len(wanted))]
        logits = self.lm_head(self.norm(x))
        return [logits[part] for part in wanted]

    def _check(self, batch: Batch) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        if len({id(cache) for _, cache in batch}) != len(batch):
            raise CacheError("Two sequences of one batch share a cache; fork it first.")
        for tokens, cache in batch:
            if cache.fingerprint != self.fingerprint:
                raise CacheError("The cache belongs to another model.")
            if not len(tokens):
                raise InferenceError("There are no tokens to compute.")
            needed = cache.length + len(tokens)
            if needed > self.config.max_position_embeddings:
                raise ContextOverflowError(needed, self.config.max_position_embeddings)
        ids = np.concatenate([np.asarray(tokens, dtype=np.int64) for tokens, _ in batch])
        if ids.min() < 0 or ids.max() >= self.config.vocab_size:
            raise InferenceError(f"A token id is outside the model's vocabulary of {self.config.vocab_size}.")
        return ids
