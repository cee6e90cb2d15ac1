"""Rotary position embedding."""

import math

import numpy as np
import numpy.typing as npt

from inference.checkpoint.config import LayerSpec, ModelConfig
from inference.checkpoint.rope import RopeParameters
from inference.kernels.reference import Floats


class RotaryEmbedding:
    """Rotates each pair (i, i + R/2) of a head's first R dimensions by position times frequency (arXiv 2104.09864).

    Without ``rope`` R is 0, and nothing is rotated. The frequencies depend on ``context``, the model's own, and
    never on the sequence or its limit: keys that are in the cache stay right however it grows or is cut.
    """

    def __init__(self, rope: RopeParameters | None, head_dim: int, context: int) -> None:
        self.inv_freq = np.zeros(0, np.float32) if rope is None else inverse_frequencies(rope, head_dim, context)
        self.factor = np.float32(1 if rope is None else rope.attention_factor)

    def angles(self, positions: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return cosines and sines [rows, R/2] for ``positions`` [rows], times the attention factor."""
        angles = positions.astype(np.float32)[:, None] * self.inv_freq
        return np.cos(angles) * self.factor, np.sin(angles) * self.factor

    def __call__(self, x: Floats, positions: npt.NDArray[np.int64]) -> Floats:
        """Rotate ``x`` [rows, heads, head_dim] at ``positions`` [rows]."""
        cos, sin = (part[:, None] for part in self.angles(positions))
        half = len(self.inv_freq)
        first, second, rest = np.split(x, [half, 2 * half], axis=-1)
        return np.concatenate([first * cos - second * sin, second * cos + first * sin, rest], axis=-1)


def rotary_embedding(config: ModelConfig, layer: LayerSpec) -> RotaryEmbedding:
    """Return the rotary embedding of a layer."""
    rope = None if layer.rope is None else config.ropes[layer.rope]
    return RotaryEmbedding(rope, config.head_dim, config.max_position_embeddings)


def inverse_frequencies(rope: RopeParameters, head_dim: int, context: int) -> Floats:
    """Return float32 [R/2] in radians per position. The arithmetic is float32, as in the models' training."""
    size = rope.rotated(head_dim)
    exponents = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
    inv_freq: Floats = 1 / np.power(np.float32(rope.rope_theta), exponents)
    if rope.rope_type == "linear":
        inv_freq = (inv_freq / np.float32(rope.factor)).astype(np.float32)
    if rope.rope_type == "longrope":
        factors = rope.long_factors if context > rope.original_max_position_embeddings else rope.short_factors
        inv_freq = (inv_freq / np.array(factors)).astype(np.float32)
    if rope.rope_type in ("llama3", "yarn"):
        kept = _kept_by_llama3(rope, inv_freq) if rope.rope_type == "llama3" else _kept_by_yarn(rope, size)
        inv_freq = (inv_freq / rope.factor * (1 - kept) + inv_freq * kept).astype(np.float32)
    return inv_freq


def _kept_by_llama3(rope: RopeParameters, inv_freq: Floats) -> Floats:
    """Return 0 where a wave is long (all stretched), 1 where it is short (kept), a straight line between."""
    turns = rope.original_max_position_embeddings / (2 * math.pi / inv_freq)
    kept: Floats = np.clip((turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor), 0, 1)
    return kept


def _kept_by_yarn(rope: RopeParameters, size: int) -> Floats:
    """Return the same, the line being straight over the dimensions instead of over the turns."""

    def dimension(turns: float) -> float:
        """Return which dimension turns so often over the original context."""
        length = rope.original_max_position_embeddings / (2 * math.pi * turns)
        return size * math.log(length) / (2 * math.log(rope.rope_theta))

    first, last = dimension(rope.beta_fast), dimension(rope.beta_slow)
    if rope.truncate:
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, size - 1)
    stretched = (np.arange(size // 2) - first) / (last - first if last != first else 0.001)
    kept: Floats = (1 - np.clip(stretched, 0, 1)).astype(np.float32)
    return kept
