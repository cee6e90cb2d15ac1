"""Random quantized matrices, and their products as the models of either backend compute them."""

from typing import Any

import numpy as np

from inference.kernels.backend import Backend
from inference.kernels.layout import GROUP, PADDING, Packing
from inference.kernels.quantized_matrix import QuantizedMatrix


def packed(outputs: int, inputs: int, packing: Packing, backend: Backend) -> tuple[np.ndarray, QuantizedMatrix]:
    """Random weights [outputs, inputs], and the same packed."""
    weights = np.random.default_rng(0).standard_normal((outputs, inputs)).astype(np.float32)
    return weights, QuantizedMatrix.pack(weights, packing=packing, backend=backend)


class Grouped:
    """A random matrix with a scale and a minimum per group; what is asked for at once is what ``groups`` gives."""

    def __init__(self, outputs: int, inputs: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        shape = outputs, inputs // GROUP
        self.shape, self.dtype = (outputs, inputs), np.dtype(np.float32)
        self.integers = rng.integers(0, 256, (*shape, GROUP // 2), np.uint8)
        self.scales = rng.uniform(-0.1, 0.2, shape).astype(np.float16).astype(np.float32)
        self.minimums = rng.standard_normal(shape).astype(np.float16).astype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: Any) -> np.ndarray:
        integers, scales, minimums = self.groups(indices)
        nibbles = np.concatenate([integers & 15, integers >> 4], -1).astype(np.float32)
        return (nibbles * scales[..., None] + minimums[..., None]).reshape(len(scales), -1)

    def groups(self, indices: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.integers[indices], self.scales[indices], self.minimums[indices]


def product(matrix: QuantizedMatrix, x: np.ndarray, backend: Backend) -> np.ndarray:
    """``x`` [tokens, inputs] times ``matrix``: float32 [tokens, outputs]."""
    if backend == "numpy":
        return matrix(x)
    from inference.kernels.jit.matmul import project
    from inference.kernels.packed_matrix import PackedMatrix

    filled = np.pad(x, ((0, 0), (0, -x.shape[1] % PADDING)))
    result: np.ndarray = project(PackedMatrix.quantized(matrix, [matrix.form.shape[0]], [None]), filled)
    return result[:, : matrix.form.shape[0]]
