"""Muon (K. Jordan 2024) in the parameters' own precision; torch's computes in bfloat16, which most CPUs cannot."""

from collections.abc import Iterable

import torch

# Of the polynomial a x + b x^3 + c x^5 that brings singular values near one, and how often it is applied.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95
# The root mean square of AdamW's updates: with it, AdamW's learning rate fits (arXiv 2502.16982).
UPDATE_RMS = 0.2


def orthogonalized(matrix: torch.Tensor) -> torch.Tensor:
    """Return the matrix [rows, columns] with all singular values near one, by Newton-Schulz iteration."""
    wide = matrix.T if matrix.size(0) > matrix.size(1) else matrix
    x = wide / wide.norm().clamp(min=1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if wide is not matrix else x


class Muon(torch.optim.Optimizer):
    """Orthogonalized momentum with Nesterov's step and decoupled weight decay; for matrices only."""

    def __init__(self, matrices: Iterable[torch.nn.Parameter], lr: float = 1e-3, weight_decay: float = 0.1) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Update each matrix from its gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient, state = parameter.grad, self.state[parameter]
                if gradient is None:
                    continue
                momentum = state.setdefault("momentum", torch.zeros_like(gradient))
                momentum.lerp_(gradient, 1 - MOMENTUM)
                update = orthogonalized(gradient.lerp(momentum, MOMENTUM))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * UPDATE_RMS * max(parameter.shape) ** 0.5)
