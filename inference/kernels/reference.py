"""The arithmetic in plain numpy: what every faster kernel is compared with, and what runs where none is at hand."""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

# Rows of a 16-bit matrix widened at a time: enough for BLAS to be busy, little enough to stay in the cache.
WIDEN_ELEMENTS = 2**20


def widen(stored: npt.NDArray[Any]) -> Floats:
    """float32 values of a float32, float16 or bfloat16 (uint16 words) array; float32 passes through uncopied."""
    if stored.dtype == np.uint16:
        return (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return stored.astype(np.float32, copy=False)


def to_bfloat16(values: Floats) -> npt.NDArray[np.uint16]:
    """The nearest bfloat16 words, ties to even; a NaN stays a NaN."""
    words = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = ((words + np.uint32(0x7FFF) + ((words >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(
        np.uint16
    )
    rounded[np.isnan(values)] = 0x7FC0
    return rounded


def matmul(x: Floats, weight: npt.NDArray[Any]) -> Floats:
    """``x [rows, inputs]`` times ``weight [outputs, inputs]`` as stored, summed in float32: [rows, outputs]."""
    if weight.dtype == np.float32:
        whole: Floats = x @ weight.T
        return whole
    product = np.empty((len(x), len(weight)), np.float32)
    step = max(1, WIDEN_ELEMENTS // weight.shape[1])
    for start in range(0, len(weight), step):
        product[:, start : start + step] = x @ widen(weight[start : start + step]).T
    return product


def rms_norm(x: Floats, weight: Floats, eps: float) -> Floats:
    """Root mean square normalisation (arXiv 1910.07467) over the last axis."""
    mean_square = np.mean(x * x, axis=-1, keepdims=True, dtype=np.float32)
    scale = (1 / np.sqrt(mean_square + np.float32(eps))).astype(np.float32, copy=False)
    return x * scale * weight


def silu(x: Floats) -> Floats:
    """x * sigmoid(x), written with tanh so that no exponential can overflow."""
    activated: Floats = np.float32(0.5) * x * (np.float32(1) + np.tanh(np.float32(0.5) * x))
    return activated


def softmax(scores: Floats) -> Floats:
    """Softmax over the last axis, in place."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores
