"""The small layers: RMSNorm, rotary position embedding, gated MLP."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.checkpoint.config import LayerSpec, ModelConfig, RopeParameters
from inference.kernels import reference
from inference.kernels.reference import Floats
from inference.transformer.linear import Linear


@dataclass(frozen=True)
class RMSNorm:
    """x / rms(x) * weight, in float32 (arXiv 1910.07467)."""

    weight: Floats
    eps: float

    def __call__(self, x: Floats) -> Floats:
        return reference.rms_norm(x, self.weight, self.eps)


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {"silu": reference.silu, "gelu_tanh": reference.gelu_tanh}


@dataclass(frozen=True)
class GatedMLP:
    """down(activation(gate(x)) * up(x)) (arXiv 2002.05202)."""

    gate: Linear
    up: Linear
    down: Linear
    activation: Callable[[Floats], Floats]

    def __call__(self, x: Floats) -> Floats:
        """``x`` [rows, hidden]; returns the same shape."""
        return self.down(self.activation(self.gate(x)) * self.up(x))


class RotaryEmbedding:
    """Rotates each pair (i, i + R/2) of a head's first R dimensions by position times frequency (arXiv 2104.09864).

    Without ``rope`` R is 0, and nothing is rotated.
    """

    def __init__(self, rope: RopeParameters | None, head_dim: int) -> None:
        self.inv_freq = np.zeros(0, np.float32) if rope is None else inverse_frequencies(rope, head_dim)

    def angles(self, positions: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return cosines and sines [rows, R/2] for ``positions`` [rows]."""
        angles = positions.astype(np.float32)[:, None] * self.inv_freq
        return np.cos(angles), np.sin(angles)

    def __call__(self, x: Floats, positions: npt.NDArray[np.int64]) -> Floats:
        """Rotate ``x`` [rows, heads, head_dim] at ``positions`` [rows]."""
        cos, sin = (part[:, None] for part in self.angles(positions))
        half = len(self.inv_freq)
        first, second, rest = np.split(x, [half, 2 * half], axis=-1)
        return np.concatenate([first * cos - second * sin, second * cos + first * sin, rest], axis=-1)


def rotary_embedding(config: ModelConfig, layer: LayerSpec) -> RotaryEmbedding:
    """Return the rotary embedding of a layer."""
    return RotaryEmbedding(None if layer.rope is None else config.ropes[layer.rope], config.head_dim)


def rotated_dimensions(rope: RopeParameters, head_dim: int) -> int:
    """Return how many of a head's dimensions are rotated."""
    return int(head_dim * rope.partial_rotary_factor)


def inverse_frequencies(rope: RopeParameters, head_dim: int) -> Floats:
    """Return float32 [R/2] in radians per position. The arithmetic is float32, as in the models' training."""
    size = rotated_dimensions(rope, head_dim)
    exponents = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
    inv_freq: Floats = np.float32(1) / np.power(np.float32(rope.rope_theta), exponents)
    if rope.rope_type == "linear":
        inv_freq = inv_freq / np.float32(rope.factor)
    if rope.rope_type == "llama3":
        wavelengths = 2 * math.pi / inv_freq
        turns = rope.original_max_position_embeddings / wavelengths
        # 0 where a wave is long (all stretched), 1 where it is short (kept), a straight line between.
        kept = np.clip((turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor), 0, 1)
        inv_freq = (inv_freq / rope.factor * (1 - kept) + inv_freq * kept).astype(np.float32)
    return inv_freq
