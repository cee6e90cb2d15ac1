"""Memory that a model needs, by precision and length of the context, and what of it fits: see docs/memory.md."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile

import numpy as np
import numpy.typing as npt

from inference.checkpoint.config import ModelConfig
from inference.checkpoint.weights import Weights
from inference.errors import MemoryLimitError
from inference.kernels.backend import Backend
from inference.kernels.layout import BLOCK, GROUP, LANES
from inference.system.memory import in_gigabytes
from inference.transformer.builder import PACKINGS, form_of, matrix_stacks
from inference.transformer.kv_cache import block_bytes

# Bytes per weight, scales included, largest first. Norms and biases are float32 in all of them.
PRECISIONS = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "int8": 1 + 1 / 32, "int4": 0.5 + 1 / 32}
CACHE_PRECISIONS: dict[str, npt.DTypeLike] = {"float32": np.float32, "float16": np.float16, "int8": np.int8}
# Models of fewer parameters are fast in any precision, and rounding costs them most.
EXACT_BELOW = 16_000_000
# A context that ``auto`` would rather have in a smaller precision than miss.
ENOUGH = 4096
# The share of the free memory that is left to others where nobody asked for a context: one of so many parts.
SPARED = 10
# Rows in a pass, and positions whose attention is computed at once (CHUNK of the scheduler, SPAN and QUERY_TILE).
ROWS, SPAN = 256, 512


@dataclass(frozen=True)
class MemoryNeed:
    """``fixed`` bytes whatever the context (weights, activations), and ``block`` bytes for each BLOCK positions."""

    fixed: int
    block: int

    def at(self, context: int) -> int:
        """Bytes with a conversation of ``context`` tokens."""
        return self.fixed + -(-context // BLOCK) * self.block

    def longest(self, available: int, most: int) -> int:
        """The longest context in ``available`` bytes, in whole blocks up to ``most``; 0 if there is no room for any."""
        return max(0, min(most, (available - self.fixed) // self.block * BLOCK))


@dataclass(frozen=True)
class MemoryPlan:
    """The needs of one model by precision, the largest first, and the choice among them.

    ``stored``: the precision of the weights on disk. ``context``: the model's own.
    """

    needs: Mapping[str, MemoryNeed]
    parameters: int
    stored: str
    context: int

    def longest(self, precision: str, available: int | None) -> int:
        """The longest context that fits; 0 if the model does not. ``available``: free bytes, None if unknown."""
        return self.context if available is None else self.needs[precision].longest(available, self.context)

    def granted(self, precision: str, available: int | None, limit: int | None = None) -> int:
        """The context that a conversation gets: up to ``limit``, else the longest that leaves memory to others."""
        longest = self.longest(precision, available)
        if limit is not None or available is None:
            return min(limit or longest, longest)
        spared = (available - self.needs[precision].fixed) // SPARED
        return max(self.longest(precision, available - spared), min(longest, BLOCK))

    def memory(self, precision: str, available: int | None, limit: int | None = None) -> int:
        """Bytes needed with the context that it gets, or with the least where it does not fit."""
        context = self.granted(precision, available, limit) or min(BLOCK, self.context)
        return self.needs[precision].at(context)

    def fitting(self, available: int | None, limit: int | None = None) -> dict[str, int]:
        """The precisions that fit, the largest first, with the context that each gets."""
        granted = {name: self.granted(name, available, limit) for name in self.needs}
        return {name: context for name, context in granted.items() if context}

    def automatic(self, available: int | None, limit: int | None = None) -> str | None:
        """The precision that ``auto`` chooses, or None if nothing fits.

        Models so small that any precision is fast stay as they are ``stored``, and so do quantized ones; others become
        int8, which is the fastest that changes next to nothing. What leaves too little context gives way to the first
        smaller precision that leaves enough, or else to the one that leaves most.
        """
        kept = self.parameters < EXACT_BELOW or self.stored in PACKINGS
        best = self.stored if kept else "int8"
        fitting = self.fitting(available, limit)
        contexts = {name: fitting[name] for name in dropwhile(lambda name: name != best, self.needs) if name in fitting}
        enough = min(self.context, limit or ENOUGH)
        return next((name for name, size in contexts.items() if size >= enough), _most(contexts))

    def choose(self, precision: str, available: int | None, limit: int | None = None) -> str:
        """The precision to load in. Raises MemoryLimitError, with the numbers and what would fit, if it does not."""
        fitting = self.fitting(available, limit)
        chosen = self.automatic(available, limit) if precision == "auto" else precision
        if chosen in fitting:
            return chosen
        assert available is not None
        wanted = chosen or list(self.needs)[-1]
        least = min(BLOCK, self.context)
        smaller = next(iter(fitting), None)
        advice = f"precision {smaller} would fit" if smaller else "close other programs or take a smaller model"
        raise MemoryLimitError(
            f"The model needs {in_gigabytes(self.needs[wanted].at(least))} in {wanted} (weights and a context of "
            f"{least} tokens), but {in_gigabytes(available)} are free: {advice}."
        )


def plan_memory(weights: Weights, config: ModelConfig, backend: Backend, cache_precision: str) -> MemoryPlan:
    """Return the needs of a model, from its headers."""
    needs = {}
    for precision in PRECISIONS:
        exact = weights.parameters < EXACT_BELOW and precision == weights.precision
        cache = block_bytes(config, cache_dtype(cache_precision, precision, exact), tiled=backend == "jit")
        fixed = _weight_bytes(weights, config, precision, backend) + _activation_bytes(config)
        needs[precision] = MemoryNeed(fixed, cache + BLOCK * _attention_bytes(config, backend))
    return MemoryPlan(needs, weights.parameters, weights.precision, config.max_position_embeddings)


def cache_dtype(cache_precision: str, precision: str, exact: bool) -> npt.DTypeLike:
    """The numbers of a KV cache; ``auto`` is float32 for a float32 model and for one that is kept ``exact``."""
    if cache_precision == "auto":
        cache_precision = "float32" if exact or precision == "float32" else "float16"
    return CACHE_PRECISIONS[cache_precision]


def _most(contexts: Mapping[str, int]) -> str | None:
    return max(contexts, key=lambda name: contexts[name], default=None)


def _weight_bytes(weights: Weights, config: ModelConfig, precision: str, backend: Backend) -> int:
    """Bytes of all weights as they are held.

    The embedding is looked up by rows in its file, whose pages the system takes back when it needs them: it counts only
    where it is the output matrix as well.
    """
    stacks = matrix_stacks(weights, config, fused=backend == "jit")
    others = set(weights).difference(("embed_tokens",), *stacks)  # vectors, and the routers of experts
    exact = sum(4 * math.prod(weights.info(name).shape) for name in others)
    if precision in PACKINGS:
        return exact + sum(form_of(weights, names, precision).nbytes for names in stacks)
    shapes = [weights.info(name).shape for names in stacks for name in names]
    return exact + sum(_numbers(shape, backend) for shape in shapes) * int(PRECISIONS[precision])


def _numbers(shape: Sequence[int], backend: Backend) -> int:
    """Numbers that a matrix [outputs, inputs] of floats takes."""
    outputs, inputs = shape
    return math.prod(shape) if backend == "numpy" else -(-outputs // LANES) * LANES * -(-inputs // GROUP) * GROUP


def _activation_bytes(config: ModelConfig) -> int:
    """Bytes of the activations of a pass: the residual and what a block computes of it, in float32."""
    projected = config.num_attention_heads + config.num_key_value_heads * 2
    return 4 * ROWS * (4 * config.hidden_size + 2 * projected * config.head_dim + 3 * config.intermediate_size)


def _attention_bytes(config: ModelConfig, backend: Backend) -> int:
    """Bytes that the attention of a pass takes for each position of the context, whether it is seen in full or not."""
    if backend == "jit":  # a partial result of each span
        return ROWS * config.num_attention_heads * (-(-config.head_dim // LANES) * LANES + 2) * 4 // SPAN
    # Scores with their mask and copy, and the keys in float32.
    return 4 * (3 * ROWS * config.num_attention_heads + config.num_key_value_heads * config.head_dim)
