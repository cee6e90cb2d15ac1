"""The transformer on compiled kernels: several blocks per call, and every row's result is independent of its batch."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numba
import numpy as np

from inference.checkpoint.config import LayerSpec, ModelConfig
from inference.kernels.jit import launch
from inference.kernels.jit.block import BlockShape, BlockWeights, addresses_of, head_logits, plain, run_blocks
from inference.kernels.jit.numba_internals import is_compiled
from inference.kernels.layout import PADDING
from inference.kernels.packed_matrix import PackedMatrix, column_starts
from inference.kernels.reference import Floats
from inference.transformer.batch_plan import BatchPlan
from inference.transformer.kv_cache import KVCache
from inference.transformer.linear import Embedding
from inference.transformer.rotary import rotary_embedding
from inference.transformer.thread_autotune import FEW_ROWS, Pace
from inference.transformer.transformer import Ids, Progress, Sequences, Transformer

_numba: Any = numba
NO_WINDOW = 2**40
# Bytes of weights that a few rows go through before cancellation is checked again: some ten milliseconds' worth.
BYTES_AT_ONCE = 2**29


class JitTransformer(Transformer):
    """``forward_batch`` as in Transformer, with the same bits for a row whatever the batch and the chunking."""

    tiled = True

    def __init__(
        self,
        config: ModelConfig,
        fingerprint: str,
        embedding: Embedding,
        blocks: tuple[BlockWeights, ...],
        norm_weight: Floats,
        lm_head: PackedMatrix,
        threads: int,
        reference: Callable[[], Transformer],
    ) -> None:
        """``reference`` makes a transformer of the same weights that needs no kernels."""
        super().__init__(config, fingerprint)
        self._threads = min(threads, _numba.config.NUMBA_NUM_THREADS)
        self._pace = Pace(self._threads)
        self._embedding = embedding
        self._blocks = blocks
        self._addresses = np.array([addresses_of(block) for block in blocks], np.int64)
        self._stretches = [
            (stretch, plain(blocks[stretch.start]), plain(_block_shape(config, config.layers[stretch.start])))
            for stretch in _stretches(config, blocks)
        ]
        self._at_once = max(1, BYTES_AT_ONCE // matrix_bytes(blocks[0]))
        self._norm_weight = norm_weight
        self._lm_head = lm_head
        self._reference = reference
        # What computes until the kernels are prepared, in the same caches, and what computes the pass under way.
        self._meanwhile: Transformer | None = None
        self._computing: Transformer | None = None
        self._ropes = {layer.rope: rotary_embedding(config, layer) for layer in config.layers}

    @property
    def ready(self) -> bool:
        """See Transformer."""
        return self._meanwhile is None

    def begin_at_once(self, cache: KVCache) -> None:
        """See Transformer."""
        calls = self._calls(cache)
        if not all(is_compiled(kernel, launch.argument_types(arguments)) for kernel, *arguments in calls):
            self._meanwhile = self._reference()

    def prepare(self, cache: KVCache, progress: Progress) -> None:
        """Compile the kernels, or read what was compiled before: a pass over one token needs them all."""

        def report(done: int, total: int) -> None:
            progress(done, total, "preparing kernels for this CPU")

        calls = self._calls(cache)
        launch.compile_all(calls, report)
        _numba.set_num_threads(self._threads)
        for call in calls:
            launch.run(*call)
        self._meanwhile = None

    def attention_weights(
        self, token_ids: Sequence[int], cache: KVCache, progress: Callable[[int, int], None]
    ) -> Floats:
        """See Transformer; the kernels keep no weights."""

        def look(done: int, count: int) -> None:
            self._look_at_files()
            progress(done, count)

        return self._reference().attention_weights(token_ids, cache, look)

    def _calls(self, cache: KVCache) -> list[tuple[Any, ...]]:
        """Return the calls of kernels, each with its arguments, that make up a pass over one token."""
        calls: list[tuple[Any, ...]] = []
        cache.reserve(1)
        ids = np.zeros(1, np.int64)
        x = self._pass(lambda *call: calls.append(call), ids, [(slice(0, 1), cache)], lambda: None)
        calls.append((head_logits, *self._head_arguments(x)))
        return calls

    def through_blocks(self, ids: Ids, sequences: Sequences, check_cancelled: Callable[[], None]) -> Floats:
        """See Transformer."""
        self._computing = self._meanwhile  # for the whole pass, though the kernels may be ready before its end
        if self._computing is not None:
            return self._computing.through_blocks(ids, sequences, check_cancelled)
        # numba's setting is per thread, which may have computed for another model before.
        _numba.set_num_threads(self._pace.begin(len(ids)))
        x = self._pass(launch.run, ids, sequences, check_cancelled)
        self._pace.end(len(ids))
        return x

    def _pass(
        self, run: Callable[..., Any], ids: Ids, sequences: Sequences, check_cancelled: Callable[[], None]
    ) -> Floats:
        plan = BatchPlan(sequences, self.config)
        angles = {index: rope.angles(plan.positions) for index, rope in self._ropes.items()}
        x = np.zeros((len(ids), _padded(self.config.hidden_size)), np.float32)
        x[:, : self.config.hidden_size] = self._embedding.rows(ids)
        if self.config.embedding_multiplier != 1:
            x *= np.float32(self.config.embedding_multiplier)
        for stretch, like, shape in self._stretches:
            layer = self.config.layers[stretch.start]
            batch = plan.batch(_window(layer))
            cos, sin = angles[layer.rope]
            step = self._at_once if len(ids) <= FEW_ROWS else 1
            for first in range(stretch.start, stretch.stop, step):
                check_cancelled()
                last = min(first + step, stretch.stop)
                run(
                    *(run_blocks, x, first, last, self._addresses, like, shape, cos, sin, batch),
                    *(plan.layer_bytes, plan.item_bytes),
                )
        return x

    def logits(self, x: Floats) -> Floats:
        """See Transformer."""
        if self._computing is not None:
            return self._computing.logits(x)
        logits: Floats = launch.run(head_logits, *self._head_arguments(x))
        return logits[:, : self.config.vocab_size]

    def _head_arguments(self, x: Floats) -> tuple[Any, ...]:
        eps = np.float32(self.config.rms_norm_eps)
        return x, self._norm_weight, eps, self.config.hidden_size, *self._lm_head


def matrix_bytes(block: BlockWeights) -> int:
    """Return the bytes of a block's matrices."""
    return sum(part.weights.nbytes for part in block if isinstance(part, PackedMatrix))


def _block_shape(config: ModelConfig, layer: LayerSpec) -> BlockShape:
    keys = config.num_key_value_heads * config.head_dim
    query, key, value, _ = column_starts([config.num_attention_heads * config.head_dim, keys, keys])
    return BlockShape(
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_dim=config.head_dim,
        query=query,
        key=key,
        value=value,
        window=_window(layer),
        gelu=layer.activation == "gelu_tanh",
        eps=np.float32(config.rms_norm_eps),
        scale=np.float32(layer.attention_scale),
        softcap=np.float32(layer.attention_softcap or 0),
        residual=np.float32(layer.residual_multiplier),
        experts=0 if layer.experts is None else layer.experts.count,
        per_token=0 if layer.experts is None else layer.experts.per_token,
        normalize=layer.experts is not None and layer.experts.normalize,
    )


def _window(layer: LayerSpec) -> int:
    return NO_WINDOW if layer.window is None else layer.window


def _stretches(config: ModelConfig, blocks: tuple[BlockWeights, ...]) -> list[range]:
    """Return stretches of consecutive blocks that differ in nothing but their numbers."""
    kinds = [(layer, _array_types(block)) for layer, block in zip(config.layers, blocks, strict=True)]
    changes = [layer for layer in range(1, len(kinds)) if kinds[layer] != kinds[layer - 1]]
    return [range(start, stop) for start, stop in pairwise([0, *changes, len(kinds)])]


def _array_types(value: Any) -> Any:
    """Return the dtypes and shapes of all arrays in nested tuples."""
    return [_array_types(part) for part in value] if isinstance(value, tuple) else (value.dtype, value.shape)


def _padded(columns: int) -> int:
    return -(-columns // PADDING) * PADDING


def padded_vector(vector: Floats) -> Floats:
    """Return a norm's weights, padded with zeros as the activations are."""
    filled = np.zeros(_padded(len(vector)), np.float32)
    filled[: len(vector)] = vector
    return filled
