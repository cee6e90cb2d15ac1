"""This project's engine for the benchmark."""

import copy
import math
import time
from pathlib import Path

from inference.bench.engine_process import Loaded
from inference.checkpoint.checkpoint import open_checkpoint
from inference.errors import InferenceError
from inference.model import Model
from inference.runtime.engine import Engine
from inference.runtime.events import Failed, Finished
from inference.runtime.sampling_params import SamplingParams
from inference.runtime.scheduler import CHUNK
from inference.transformer.builder import PACKINGS, form_of
from inference.transformer.kv_cache import KVCache
from inference.transformer.memory_plan import PRECISIONS


class OwnEngine:
    """See Contestant."""

    def __init__(self, directory: Path, precision: str, threads: int) -> None:
        stages = set()
        start = time.perf_counter()
        self._model = Model.load(directory, precision, threads, lambda done, total, what: stages.add(what))
        seconds = time.perf_counter() - start
        self._model.forward([0], self._model.new_cache())
        self.loaded = Loaded(
            precision=self._model.precision,
            seconds=seconds,
            weight_bytes=weight_bytes(directory, self._model.precision),
            vocabulary=self._model.samplable,
            packed="packing weights" in stages,
        )
        self._caches: list[KVCache] = []

    def prepare(self, context: list[int], batch: int, room: int) -> None:
        first = self._model.new_cache()
        self._read(context, first)
        # Copies, not forks, which would share memory.
        self._caches = [first, *(copy.deepcopy(first) for _ in range(batch - 1))]
        for cache in self._caches:
            cache.reserve(room)

    def prefill(self, ids: list[int]) -> float:
        cache = self._caches[0]
        depth = cache.length
        start = time.perf_counter()
        self._read(ids, cache)
        seconds = time.perf_counter() - start
        cache.truncate(depth)
        return seconds

    def decode(self, ids: list[int]) -> float:
        depth = self._caches[0].length
        start = time.perf_counter()
        for token in ids:
            self._model.forward_batch([([token], cache) for cache in self._caches], last_only=True)
        seconds = time.perf_counter() - start
        for cache in self._caches:
            cache.truncate(depth)
        return seconds

    def first_token(self, ids: list[int]) -> float:
        """As in the app: through the engine thread, with sampling."""
        with Engine(self._model) as engine:
            *_, last = engine.new_session().complete([ids], SamplingParams(temperature=0, max_tokens=1))
        if isinstance(last, Finished) and last.stats.first_token_seconds is not None:
            return last.stats.first_token_seconds
        raise last.error if isinstance(last, Failed) else InferenceError("The engine ended without a token.")

    def cache_bytes(self) -> int:
        return sum(cache.nbytes for cache in self._caches)

    def _read(self, ids: list[int], cache: KVCache) -> None:
        for start in range(0, len(ids), CHUNK):
            self._model.forward(ids[start : start + CHUNK], cache, last_only=True)


def weight_bytes(model: Path, precision: str) -> int:
    """Weight bytes read per token: all except an embedding table that is not also the output matrix."""
    weights = open_checkpoint(model).weights
    total = 0.0
    for name in weights:
        shape = weights.info(name).shape
        if len(shape) == 1:
            total += 4 * shape[0]
        elif name == "embed_tokens" and not weights.tied:
            continue
        elif precision in PACKINGS:
            total += form_of(weights, [name], precision).nbytes
        else:
            total += math.prod(shape) * PRECISIONS[precision]
    return int(total)
