"""Loads an embedding model: texts to vectors whose product says how alike they are in meaning."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import threadpoolctl

from inference.checkpoint.encoder_directory import EncoderDirectory
from inference.errors import CheckpointError, ParameterError, UnsupportedModelError
from inference.kernels.backend import choose_backend
from inference.kernels.reference import Floats
from inference.system.cores import usable_cores
from inference.text.tokenizer import Tokenizer
from inference.transformer.bert import Bert, load_bert
from inference.transformer.int8_projection import int8_projection
from inference.transformer.linear import Linear

# Rows that go through the layers together: enough to keep BLAS busy, few enough for the CPU cache.
ROWS_AT_ONCE = 1024


class Encoder:
    """An embedding model of the BERT family. Not thread-safe: one caller of ``embed`` at a time.

    ``dimensions`` of a vector. ``max_tokens``: what goes beyond is cut off, as sentence-transformers does.
    ``fingerprint``: vectors of the same fingerprint can be compared.
    """

    def __init__(self, path: Path, bert: Bert, tokenizer: Tokenizer, max_tokens: int, fingerprint: str) -> None:
        self.path = path
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.fingerprint = fingerprint
        self._bert = bert
        self._before, self._after = tokenizer.encode("")

    @classmethod
    def load(cls, path: str | Path, precision: str = "float32", backend: str = "auto") -> "Encoder":
        """Load a directory of sentence-transformers, or of transformers.

        ``precision``: ``float32``, or ``int8`` for its matrices, which takes a quarter of the memory and, on a CPU
        without instructions for it, more time; vectors of both can be compared. ``backend`` of int8: see
        Model.load. Raises CheckpointError, UnsupportedModelError for another architecture or pooling than the mean,
        or ParameterError.
        """
        chosen = choose_backend(backend)
        if precision not in ("float32", "int8"):
            raise ParameterError(f"The precision {precision!r} is not available for encoders; choose float32 or int8.")
        directory = EncoderDirectory(Path(path))
        config = directory.encoder_config
        tokenizer = Tokenizer.load(directory, vocab_size=config.vocab_size)
        if tokenizer.vocab_size > config.vocab_size:
            raise CheckpointError(f"{path}: the tokenizer has {tokenizer.vocab_size} tokens, the model fewer.")
        if len(tokenizer.encode("")) != 2:
            raise UnsupportedModelError(f"{path}: the tokenizer does not put one token before a text and one after it.")
        threadpoolctl.threadpool_limits(usable_cores(), user_api="blas")
        bert = load_bert(directory, Linear if precision == "float32" else partial(int8_projection, backend=chosen))
        return cls(directory.path, bert, tokenizer, config.max_tokens, directory.encoder_fingerprint)

    @property
    def dimensions(self) -> int:
        """Numbers in a vector."""
        return int(self._bert.tokens.shape[1])

    def count(self, text: str) -> int:
        """Number of tokens of ``text``, without those around it."""
        return len(self.tokenizer.encode(text, add_special_tokens=False))

    def embed(self, texts: Sequence[str], check_cancelled: Callable[[], None] = lambda: None) -> Floats:
        """Return one vector of length 1 per text: float32 [len(texts), dimensions].

        It is the mean of the text's tokens, [CLS] and [SEP] included. ``check_cancelled`` may raise to stop.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        encoded = [self._encode(text) for text in texts]
        by_length = sorted(range(len(texts)), key=lambda index: len(encoded[index]))
        for batch in _batches(by_length, encoded):
            lengths = [len(encoded[index]) for index in batch]
            runs = [(length, len(list(run))) for length, run in groupby(lengths)]
            ids = np.concatenate([np.array(encoded[index], np.int64) for index in batch])
            rows = self._bert(ids, runs, check_cancelled)
            starts = np.cumsum([0, *lengths[:-1]])
            means = np.add.reduceat(rows, starts, axis=0) / np.array(lengths, np.float32)[:, None]
            vectors[batch] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return vectors

    def _encode(self, text: str) -> list[int]:
        """Encode as sentence-transformers does: stripped, and cut to the longest that the model takes.

        Otherwise than there, a text that spells a control token such as [SEP] does not become one.
        """
        ids = self.tokenizer.encode(text.strip(), add_special_tokens=False)
        return [self._before, *ids[: self.max_tokens - 2], self._after]


def _batches(order: Sequence[int], encoded: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    batch: list[int] = []
    rows = 0
    for index in order:
        if batch and rows + len(encoded[index]) > ROWS_AT_ONCE:
            yield batch
            batch, rows = [], 0
        batch.append(index)
        rows += len(encoded[index])
    if batch:
        yield batch
