"""Random quantized matrices, and their products as the models of either backend compute them."""

import numpy as np

from inference.kernels.backend import Backend
from inference.kernels.layout import PADDING
from inference.kernels.quantized_matrix import QuantizedMatrix


def packed(outputs: int, inputs: int, bits: int, backend: Backend) -> tuple[np.ndarray, QuantizedMatrix]:
    """Random weights [outputs, inputs], and the same packed."""
    weights = np.random.default_rng(0).standard_normal((outputs, inputs)).astype(np.float32)
    return weights, QuantizedMatrix.pack(weights, bits=bits, backend=backend)


def product(matrix: QuantizedMatrix, x: np.ndarray, backend: Backend) -> np.ndarray:
    """``x`` [tokens, inputs] times ``matrix``: float32 [tokens, outputs]."""
    if backend == "numpy":
        return matrix(x)
    from inference.kernels.jit.matmul import project
    from inference.kernels.packed_matrix import PackedMatrix

    filled = np.pad(x, ((0, 0), (0, -x.shape[1] % PADDING)))
    result: np.ndarray = project(PackedMatrix.quantized(matrix, [matrix.form.shape[0]], [None]), filled)
    return result[:, : matrix.form.shape[0]]
