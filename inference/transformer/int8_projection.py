"""Matrix products in int8: in numpy, or on compiled kernels."""

from collections.abc import Callable

import numpy as np

from inference.kernels.backend import Backend
from inference.kernels.layout import INT8, PADDING
from inference.kernels.packed_matrix import PackedMatrix
from inference.kernels.quantized_matrix import QuantizedMatrix
from inference.kernels.reference import Floats
from inference.transformer.linear import Linear


def int8_projection(weight: Floats, bias: Floats, backend: Backend) -> Callable[[Floats], Floats]:
    """Return the product with ``weight`` [outputs, inputs], quantized, plus ``bias``."""
    matrix = QuantizedMatrix.pack(weight, packing=INT8, backend=backend)
    if backend == "numpy":
        return Linear(matrix, bias)
    # Imported late: numba takes a second to import, which only the jit backend needs.
    from inference.kernels.jit import launch
    from inference.kernels.jit.matmul import project

    outputs, inputs = weight.shape
    packed = PackedMatrix.quantized(matrix, [outputs], [bias])

    def padded(rows: int) -> Floats:
        return np.zeros((rows, -(-inputs // PADDING) * PADDING), np.float32)

    launch.compile_all([(project, packed, padded(1))])

    def product(x: Floats) -> Floats:
        filled = padded(len(x))
        filled[:, :inputs] = x
        computed: Floats = launch.run(project, packed, filled)
        return np.ascontiguousarray(computed[:, :outputs])

    return product
