"""The small layers: RMSNorm, gated MLP, and a mixture of such MLPs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

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


@dataclass(frozen=True)
class MixtureOfExperts:
    """The sum of ``per_token`` MLPs, which the router chooses for each token and weighs (arXiv 1701.06538).

    ``normalize``: the weights of the chosen ones are scaled to a sum of one.
    """

    router: Linear
    experts: tuple[GatedMLP, ...]
    per_token: int
    normalize: bool

    def __call__(self, x: Floats) -> Floats:
        """``x`` [rows, hidden]; returns the same shape."""
        shares = reference.softmax(self.router(x))  # rows, experts
        chosen = np.argsort(-shares, axis=-1, kind="stable")[:, : self.per_token]  # rows, per_token
        weights = np.take_along_axis(shares, chosen, axis=-1)
        if self.normalize:
            weights = weights / weights.sum(axis=-1, keepdims=True)
        mixed = np.zeros_like(x)
        for expert in np.unique(chosen):
            rows, rank = np.nonzero(chosen == expert)
            mixed[rows] += weights[rows, rank, None] * self.experts[expert](x[rows])
        return mixed
