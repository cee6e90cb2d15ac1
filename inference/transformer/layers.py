"""The small layers: RMSNorm, rotary position embedding, SwiGLU."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.checkpoint.config import ModelConfig, RopeParameters
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


@dataclass(frozen=True)
class SwiGLU:
    """down(silu(gate(x)) * up(x)) (arXiv 2002.05202)."""

    gate: Linear
    up: Linear
    down: Linear

    def __call__(self, x: Floats) -> Floats:
        return self.down(reference.silu(self.gate(x)) * self.up(x))


class RotaryEmbedding:
    """Turns each pair (i, i + head_dim/2) of a head by position times frequency (arXiv 2104.09864, half-split)."""

    def __init__(self, config: ModelConfig) -> None:
        self.inv_freq = inverse_frequencies(config.rope, config.head_dim)

    def __call__(self, x: Floats, positions: npt.NDArray[np.int64]) -> Floats:
        """``x`` [rows, heads, head_dim] at ``positions`` [rows]: the same, rotated."""
        angles = positions.astype(np.float32)[:, None] * self.inv_freq  # [rows, head_dim/2]
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        first, second = np.split(x, 2, axis=-1)
        return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def inverse_frequencies(rope: RopeParameters, head_dim: int) -> Floats:
    """[head_dim/2] float32, in radians per position. The arithmetic is float32, as in the models' training."""
    exponents = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
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
