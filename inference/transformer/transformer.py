"""Token ids to logits: embeddings, blocks, logits, for a batch of sequences."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.safetensors_file import SafetensorsFile
from inference.errors import CacheError, ContextOverflowError, InferenceError
from inference.kernels.reference import Floats
from inference.transformer.attention import Attention
from inference.transformer.kv_cache import KVCache
from inference.transformer.layers import RMSNorm, SwiGLU
from inference.transformer.linear import Linear

Ids = npt.NDArray[np.int64]
Sequences = list[tuple[slice, KVCache]]
Batch = Sequence[tuple[Sequence[int], KVCache]]
Progress = Callable[[int, int, str], None]


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


class Transformer(ABC):
    """Token ids to logits. Not thread-safe: one thread at a time.

    ``fingerprint``: of the weights, their precision and the layout of the cache. ``tiled``: that layout. ``files``:
    those that weights are mapped from, which are looked at wherever a pass may be stopped.
    """

    tiled = False
    files: Sequence[SafetensorsFile] = ()

    def __init__(self, config: ModelConfig, fingerprint: str) -> None:
        self.config = config
        self.fingerprint = fingerprint
        self.counters = Counters()

    @abstractmethod
    def _through_blocks(self, ids: Ids, sequences: Sequences, checkpoint: Callable[[], None]) -> Floats:
        """Embed ``ids`` [rows] and take them through all blocks, writing each sequence's keys and values."""

    @abstractmethod
    def _logits(self, x: Floats) -> Floats:
        """[rows, vocab_size] of what came out of the blocks."""

    @abstractmethod
    def prepare(self, cache: KVCache, progress: Progress) -> None:
        """Have all at hand that ``forward_batch`` needs, with an empty ``cache`` to try it on."""

    def forward_batch(
        self, batch: Batch, last_only: bool = False, checkpoint: Callable[[], None] = lambda: None
    ) -> list[Floats]:
        """Logits for each sequence's new tokens, float32 [tokens or 1, vocab_size]; extends each sequence's cache.

        All rows go through each weight matrix together. ``checkpoint`` is called between the layers, or every ten
        milliseconds or so in a pass over few rows, and may raise to stop: then no cache has changed its length. Raises
        ContextOverflowError where a sequence would not fit and InferenceError for ids outside the vocabulary, before
        anything is computed; CheckpointError where the weights have been changed under the model.
        """
        if not batch:
            return []
        ids = self._check(batch)
        sequences: Sequences = []
        start = 0
        for tokens, cache in batch:
            cache.reserve(len(tokens))
            sequences.append((slice(start, start + len(tokens)), cache))
            start += len(tokens)

        def look() -> None:
            self._look_at_files()
            checkpoint()

        self._look_at_files()
        x = self._through_blocks(ids, sequences, look)  # rows, hidden
        for part, cache in sequences:
            cache.extend(part.stop - part.start)
        self.counters.rows += len(ids)
        wanted = [slice(part.stop - 1, part.stop) if last_only else part for part, _ in sequences]
        if last_only:
            x = np.concatenate([x[part] for part in wanted])
            wanted = [slice(i, i + 1) for i in range(len(wanted))]
        logits = self._logits(x)
        return [logits[part] for part in wanted]

    def _look_at_files(self) -> None:
        for file in self.files:
            file.check()

    def _check(self, batch: Batch) -> Ids:
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
        ids = np.concatenate([np.asarray(tokens) for tokens, _ in batch])
        if ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= self.config.vocab_size:
            raise InferenceError(f"Token ids must be whole numbers from 0 to {self.config.vocab_size - 1}.")
        return ids.astype(np.int64)


class PlainTransformer(Transformer):
    """The weights in their places, computed with numpy: what to read, and what everything faster is compared with."""

    def __init__(
        self,
        config: ModelConfig,
        fingerprint: str,
        embedding: Linear,
        blocks: tuple[Block, ...],
        norm: RMSNorm,
        lm_head: Linear,
    ) -> None:
        super().__init__(config, fingerprint)
        self.embedding = embedding
        self.blocks = blocks
        self.norm = norm
        self.lm_head = lm_head

    def prepare(self, cache: KVCache, progress: Progress) -> None:
        """numpy is ready."""

    def _through_blocks(self, ids: Ids, sequences: Sequences, checkpoint: Callable[[], None]) -> Floats:
        x = self.embedding.rows(ids)  # rows, hidden
        for block in self.blocks:
            checkpoint()
            x = block(x, sequences)
        return x

    def _logits(self, x: Floats) -> Floats:
        return self.lm_head(self.norm(x))
