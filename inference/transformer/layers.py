"""The small layers: RMSNorm and gated MLP."""

from collections.abc import Callable
from dataclasses import dataclass

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
