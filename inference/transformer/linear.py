"""A weight matrix in some precision, and its product with activations; the embedding table."""

from typing import Any

import numpy.typing as npt

from inference.kernels import reference
from inference.kernels.quantized_matrix import QuantizedMatrix
from inference.kernels.reference import Floats
from inference.kernels.rows import Rows


class Linear:
    """``y = x Wᵀ + b``: weights ``[outputs, inputs]`` as stored or quantized, everything else in float32."""

    def __init__(self, weight: npt.NDArray[Any] | QuantizedMatrix, bias: Floats | None = None) -> None:
        self.weight = weight
        self.bias = bias

    def __call__(self, x: Floats) -> Floats:
        """``x``: [rows, inputs] float32. Returns [rows, outputs] float32."""
        y = self.weight(x) if isinstance(self.weight, QuantizedMatrix) else reference.matmul(x, self.weight)
        if self.bias is not None:
            y += self.bias
        return y


class Embedding:
    """A table of rows, as stored."""

    def __init__(self, table: Rows) -> None:
        self.table = table

    def rows(self, indices: npt.NDArray[Any]) -> Floats:
        """Return the rows at ``indices`` in float32."""
        return reference.widen(self.table[indices])
