"""The arithmetic in plain numpy: what every faster kernel is compared with, and what runs where none is at hand."""

from typing import Any

import numpy as np
import numpy.typing as npt

from inference.kernels.layout import GROUP, INT4_REACHES, LANES, ZERO_POINT

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


def narrow(stored: npt.NDArray[Any], precision: str) -> npt.NDArray[Any]:
    """``stored`` in float32, float16 or bfloat16 (uint16 words); as it is where it is that already."""
    if precision == "bfloat16":
        return stored if stored.dtype == np.uint16 else to_bfloat16(widen(stored))
    return widen(stored).astype(np.float16 if precision == "float16" else np.float32, copy=False)


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


# ---- quantised: the layouts are drawn in layout.py


def pack_int8(rows: Floats, weights: npt.NDArray[np.uint8], scales: npt.NDArray[np.uint16]) -> None:
    """``rows`` float32 [16 n, K] into one block per sixteen rows."""
    groups = rows.reshape(len(rows), -1, GROUP)
    steps = (np.abs(groups).max(-1) / np.float32(127)).astype(np.float16)
    _store(_levels(groups, steps, -127, 127) + 128, steps, weights, scales)


def pack_int4(rows: Floats, weights: npt.NDArray[np.uint8], scales: npt.NDArray[np.uint16]) -> None:
    """As ``pack_int8``; each group's scale is the one with the least square error among those tried."""
    groups = rows.reshape(len(rows), -1, GROUP)
    peaks = np.take_along_axis(groups, np.abs(groups).argmax(-1, keepdims=True), -1)[..., 0]
    best = np.zeros(peaks.shape, np.float16)
    least = np.full(peaks.shape, np.inf, np.float32)
    for reach in INT4_REACHES:
        steps = (peaks / np.float32(-reach)).astype(np.float16)
        for _ in range(2):
            levels = _levels(groups, steps, -8, 7)
            error = _sum_in_order(np.square(groups - levels * steps.astype(np.float32)[..., None]))
            better = (error < least) & (steps != 0)
            best[better], least[better] = steps[better], error[better]
            squares = _sum_in_order(np.square(levels))
            fitted = _sum_in_order(groups * levels) / np.where(squares > 0, squares, 1)
            steps = fitted.astype(np.float16)
    _store(_levels(groups, best, -8, 7) + 8, best, weights, scales)


def _sum_in_order(groups: Floats) -> Floats:
    """Over the last axis, from its first to its last, as the kernels do: other orders round differently."""
    total: Floats = np.add.accumulate(groups, axis=-1)[..., -1]
    return total


def _levels(groups: Floats, steps: npt.NDArray[np.float16], low: int, high: int) -> Floats:
    """The nearest multiples of each group's step, zero where the step is."""
    wide = steps.astype(np.float32)[..., None]
    levels = np.rint(np.divide(groups, wide, out=np.zeros_like(groups), where=wide != 0))
    return np.clip(levels, low, high, out=levels)


def _store(
    levels: Floats,
    steps: npt.NDArray[np.float16],
    weights: npt.NDArray[np.uint8],
    scales: npt.NDArray[np.uint16],
) -> None:
    blocks, count = scales.shape[:2]
    values = levels.astype(np.uint8).reshape(blocks, LANES, count, GROUP // 4, 4).transpose(0, 2, 3, 1, 4)
    half = GROUP // 8
    weights[:] = values if weights.shape[2] == 2 * half else values[:, :, :half] | (values[:, :, half:] << np.uint8(4))
    scales[:] = steps.view(np.uint16).reshape(blocks, LANES, count).transpose(0, 2, 1)


def unpack(weights: npt.NDArray[np.uint8], bits: int) -> Floats:
    """One row per leading index of ``weights`` [n, groups, steps, 4]: levels without zero point, [n, groups, 32]."""
    steps = [weights] if bits == 8 else [weights & np.uint8(15), weights >> np.uint8(4)]
    levels = np.concatenate(steps, axis=2).astype(np.float32)
    return levels.reshape(*levels.shape[:2], GROUP) - np.float32(ZERO_POINT[bits])


def quantise_rows(
    x: Floats,
    quantised: npt.NDArray[np.int8],
    scales: Floats,
    starts: npt.NDArray[np.int32],
    zero_point: int,
) -> None:
    """``x`` float32 [tokens, K]: int8 in groups, their scales, and where each group's sum starts (see quantize.py)."""
    groups = x.reshape(len(x), -1, GROUP)
    largest = np.abs(groups).max(-1)
    scales[:] = largest / np.float32(127)
    inverse = np.divide(np.float32(127), largest, out=np.zeros_like(largest), where=largest > 0)
    levels = np.rint(groups * inverse[..., None])
    quantised[:] = levels.reshape(x.shape)
    starts[:] = -zero_point * levels.sum(-1, dtype=np.int32)


def matmul_quantised(
    weights: npt.NDArray[np.uint8],
    scales: npt.NDArray[np.uint16],
    x: npt.NDArray[np.int8],
    x_scales: Floats,
    out: Floats,
    bits: int,
) -> None:
    """``out`` float32 [tokens, rows]: the sums of a group are exact, as the kernels'; groups are added in order."""
    rows = weights.transpose(0, 3, 1, 2, 4).reshape(-1, weights.shape[1], weights.shape[2], 4)
    wide = scales.view(np.float16).astype(np.float32).transpose(0, 2, 1).reshape(len(rows), -1)
    inputs = x.astype(np.float32).reshape(len(x), -1, GROUP)
    out[:] = 0
    levels = unpack(rows, bits)
    for group in range(levels.shape[1]):
        sums = inputs[:, group] @ levels[:, group].T
        out += sums * (wide[:, group] * x_scales[:, group, None])
