"""The base of both transformers: the public forward pass for a batch of sequences, with its checks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.weights import MappedFile
from inference.errors import CacheError, ContextOverflowError, InferenceError
from inference.kernels import reference
from inference.kernels.reference import Floats
from inference.transformer.kv_cache import KVCache

Ids = npt.NDArray[np.int64]
Sequences = list[tuple[slice, KVCache]]
Batch = Sequence[tuple[Sequence[int], KVCache]]
Progress = Callable[[int, int, str], None]


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
    files: Sequence[MappedFile] = ()

    def __init__(self, config: ModelConfig, fingerprint: str) -> None:
        self.config = config
        self.fingerprint = fingerprint
        self.counters = Counters()

    @property
    def ready(self) -> bool:
        """False while something slower computes until ``prepare`` is through."""
        return True

    @abstractmethod
    def begin_at_once(self, cache: KVCache) -> None:
        """Let something slower compute until ``prepare`` is through, if that takes long. ``cache``: an empty one."""

    @abstractmethod
    def through_blocks(self, ids: Ids, sequences: Sequences, check_cancelled: Callable[[], None]) -> Floats:
        """Embed ``ids`` [rows] and take them through all blocks, writing each sequence's keys and values."""

    @abstractmethod
    def logits(self, x: Floats) -> Floats:
        """Return [rows, vocab_size] of what came out of the blocks, before multiplier and soft cap."""

    @abstractmethod
    def prepare(self, cache: KVCache, progress: Progress) -> None:
        """Prepare all that ``forward_batch`` needs, by a pass over an empty ``cache``."""

    @abstractmethod
    def attention_weights(
        self, token_ids: Sequence[int], cache: KVCache, progress: Callable[[int, int], None]
    ) -> Floats:
        """How much each head of each layer looks at each position while the last of ``token_ids`` is read.

        Returns [layers, heads, positions], float32, rows that sum to one: softmax(scale Q Kᵀ) of the last position.
        ``cache`` holds what comes first of the ids, and not the last; what is missing is computed, in plain numpy, and
        stays in it. ``progress(steps done, all)`` may raise to end it.
        """

    def forward_batch(
        self,
        batch: Batch,
        last_only: bool | Sequence[bool] = False,
        check_cancelled: Callable[[], None] = lambda: None,
    ) -> list[Floats]:
        """Logits for each sequence's new tokens, float32 [tokens or 1, vocab_size]; extends each sequence's cache.

        ``last_only``: of the last token alone, for all sequences or for each.

        All rows go through each weight matrix together. ``check_cancelled`` is called between the layers, or every ten
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
            check_cancelled()

        self._look_at_files()
        x = self.through_blocks(ids, sequences, look)  # rows, hidden
        for part, cache in sequences:
            cache.extend(part.stop - part.start)
        self.counters.rows += len(ids)
        last = [last_only] * len(batch) if isinstance(last_only, bool) else last_only
        rows = [
            x[part.stop - 1 if only else part.start : part.stop]
            for (part, _), only in zip(sequences, last, strict=True)
        ]
        logits = self._finished(self.logits(np.concatenate(rows)))
        return np.split(logits, np.cumsum([len(each) for each in rows[:-1]]))

    def _finished(self, logits: Floats) -> Floats:
        """Apply the config's multiplier and soft cap."""
        if self.config.logits_multiplier != 1:
            logits = logits * np.float32(self.config.logits_multiplier)
        if self.config.logits_softcap is not None:
            logits = reference.softcap(logits, self.config.logits_softcap)
        return logits

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
