"""llama.cpp (through llama-cpp-python); each measurement takes the better of flash attention on and off."""

import os
import time
from pathlib import Path
from typing import Any

from inference.bench.engine_process import Loaded
from inference.bench.llama_library import llama_cpp
from inference.errors import InferenceError

# llama.cpp's defaults for batch and micro-batch size.
BATCH, MICRO_BATCH = 2048, 512


class LlamaCpp:
    """See Contestant. ``cache_bytes`` includes the caches of both kinds of attention."""

    def __init__(
        self, file: Path, kind: str, weight_bytes: int, threads: int, vocabulary: int, position_bytes: int
    ) -> None:
        """``kind``: format of the weights. ``position_bytes``: size of a position in a float16 cache."""
        start = time.perf_counter()
        llama_cpp.llama_backend_init()
        params = llama_cpp.llama_model_default_params()
        self._model = llama_cpp.llama_model_load_from_file(os.fsencode(file), params)
        if not self._model:
            raise InferenceError(f"llama.cpp cannot load {file}. Delete the file; it will be written again.")
        seconds = time.perf_counter() - start
        self._threads, self._position_bytes = threads, position_bytes
        self._contexts: list[Context] = []
        build = llama_cpp.llama_print_system_info().decode().strip()
        self.loaded = Loaded(kind, seconds, weight_bytes, vocabulary, build=build)
        self.prepare([0], 1, 1)

    def prepare(self, context: list[int], batch: int, room: int) -> None:
        for made in self._contexts:
            made.close()
        self._contexts = [
            Context(self._model, attention, self._threads, batch, len(context) + room)
            for attention in (llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED, llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED)
        ]
        for made in self._contexts:
            made.fill(context)

    def prefill(self, ids: list[int]) -> float:
        return min(context.prefill(ids) for context in self._contexts)

    def decode(self, ids: list[int]) -> float:
        return min(context.decode(ids) for context in self._contexts)

    def first_token(self, ids: list[int]) -> float:
        return self.prefill(ids)

    def cache_bytes(self) -> int:
        return sum(context.positions for context in self._contexts) * self._position_bytes


class Context:
    """A llama.cpp context for ``batch`` sequences of ``length`` tokens."""

    def __init__(self, model: Any, flash_attention: int, threads: int, batch: int, length: int) -> None:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_seq_max = length * batch, batch
        params.n_batch, params.n_ubatch = BATCH, MICRO_BATCH
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = flash_attention
        # Separate caches per sequence, as in this project's engine.
        params.kv_unified = False
        self._context = llama_cpp.llama_init_from_model(model, params)
        if not self._context:
            raise InferenceError("llama.cpp could not create a context, perhaps for lack of memory.")
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._tokens = llama_cpp.llama_batch_init(max(BATCH, batch), 0, 1)
        self._batch = batch
        self._depth = 0

    @property
    def positions(self) -> int:
        """Total capacity of the cache in positions."""
        return int(llama_cpp.llama_n_ctx(self._context))

    def close(self) -> None:
        llama_cpp.llama_batch_free(self._tokens)
        llama_cpp.llama_free(self._context)

    def fill(self, ids: list[int]) -> None:
        """Start every sequence with ``ids``."""
        if ids:
            self._read(ids)
            for sequence in range(1, self._batch):
                llama_cpp.llama_memory_seq_cp(self._memory, 0, sequence, -1, -1)
        self._depth = len(ids)
        # Copies are made lazily with the next token.
        self.decode([0])

    def prefill(self, ids: list[int]) -> float:
        start = time.perf_counter()
        self._read(ids)
        return self._done(start)

    def decode(self, ids: list[int]) -> float:
        start = time.perf_counter()
        for position, token in enumerate(ids, self._depth):
            self._compute([(token, position, sequence, True) for sequence in range(self._batch)])
        return self._done(start)

    def _done(self, start: float) -> float:
        """Seconds since ``start``; truncates the sequences to their previous length."""
        seconds = time.perf_counter() - start
        for sequence in range(self._batch):
            llama_cpp.llama_memory_seq_rm(self._memory, sequence, self._depth, -1)
        return seconds

    def _read(self, ids: list[int]) -> None:
        rows = [(token, self._depth + index, 0, index == len(ids) - 1) for index, token in enumerate(ids)]
        for first in range(0, len(rows), BATCH):
            self._compute(rows[first : first + BATCH])

    def _compute(self, rows: list[tuple[int, int, int, bool]]) -> None:
        """``rows``: token, position, sequence, and whether to compute logits."""
        tokens = self._tokens
        tokens.n_tokens = len(rows)
        for index, (token, position, sequence, wanted) in enumerate(rows):
            tokens.token[index], tokens.pos[index] = token, position
            tokens.n_seq_id[index], tokens.seq_id[index][0] = 1, sequence
            tokens.logits[index] = wanted
        if llama_cpp.llama_decode(self._context, tokens):
            raise InferenceError("llama.cpp could not compute a batch, perhaps for lack of memory.")
        llama_cpp.llama_synchronize(self._context)
