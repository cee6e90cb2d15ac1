"""Keys and values in int8: each vector with a scale of its own."""

import numpy as np
import numpy.typing as npt

from inference.kernels.reference import Floats


def quantized(vectors: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """Return ``vectors`` float32 [..., D] in steps of their largest / 127, and these steps [..., 1]."""
    largest = np.abs(vectors).max(axis=-1, keepdims=True)
    inverse = np.divide(np.float32(127), largest, out=np.zeros_like(largest), where=largest > 0)
    return np.rint(vectors * inverse).astype(np.int8), largest / np.float32(127)
