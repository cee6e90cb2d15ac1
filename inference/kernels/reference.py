"""The kernels in plain numpy: the reference for the compiled ones, and the fallback without numba."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.kernels.layout import (
    GROUP,
    INFINITY,
    INT4_LEAST_REACH,
    INT4_SCALES,
    LANES,
    LEAST_NORMAL,
    ORIGIN_ROWS,
    SCALE_REACH,
    SCALE_SHIFT,
    SCALE_STEP,
    SIGN,
    Packing,
)

Floats = npt.NDArray[np.float32]
Words = npt.NDArray[np.int32]

# Elements of a 16-bit matrix widened at a time: enough to keep BLAS busy, few enough to stay in the CPU cache.
WIDEN_ELEMENTS = 2**20


def widen(stored: npt.NDArray[Any]) -> Floats:
    """Convert float32, float16 or bfloat16 (uint16 words) to float32; float32 is not copied."""
    if stored.dtype == np.uint16:
        return (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return stored.astype(np.float32, copy=False)


def to_bfloat16(values: Floats) -> npt.NDArray[np.uint16]:
    """Round to bfloat16 words, ties to even; NaN stays NaN."""
    words = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = ((words + np.uint32(0x7FFF) + ((words >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(
        np.uint16
    )
    rounded[np.isnan(values)] = 0x7FC0
    return rounded


def narrow(stored: npt.NDArray[Any], precision: str) -> npt.NDArray[Any]:
    """Convert ``stored`` to float32, float16 or bfloat16 (uint16 words); not copied if it is that already."""
    if precision == "bfloat16":
        return stored if stored.dtype == np.uint16 else to_bfloat16(widen(stored))
    return widen(stored).astype(np.float16 if precision == "float16" else np.float32, copy=False)


def matmul(x: Floats, weight: npt.NDArray[Any]) -> Floats:
    """Multiply ``x [rows, inputs]`` by ``weight [outputs, inputs]`` as stored, in float32: [rows, outputs]."""
    if weight.dtype == np.float32:
        whole: Floats = x @ weight.T
        return whole
    product = np.empty((len(x), len(weight)), np.float32)
    step = max(1, WIDEN_ELEMENTS // weight.shape[1])
    for start in range(0, len(weight), step):
        product[:, start : start + step] = x @ widen(weight[start : start + step]).T
    return product


def rms_norm(x: Floats, weight: Floats, eps: float) -> Floats:
    """RMS normalization (arXiv 1910.07467) over the last axis."""
    mean_square = np.mean(x * x, axis=-1, keepdims=True, dtype=np.float32)
    scale = (1 / np.sqrt(mean_square + np.float32(eps))).astype(np.float32, copy=False)
    return x * scale * weight


def layer_norm(x: Floats, weight: Floats, bias: Floats, eps: float) -> Floats:
    """Layer normalization (arXiv 1607.06450) over the last axis."""
    centered = x - np.mean(x, axis=-1, keepdims=True, dtype=np.float32)
    variance = np.mean(centered * centered, axis=-1, keepdims=True, dtype=np.float32)
    scale = (1 / np.sqrt(variance + np.float32(eps))).astype(np.float32, copy=False)
    return centered * scale * weight + bias


def silu(x: Floats) -> Floats:
    """x * sigmoid(x), written with tanh so that no exponential overflows."""
    activated: Floats = np.float32(0.5) * x * (np.float32(1) + np.tanh(np.float32(0.5) * x))
    return activated


def gelu_tanh(x: Floats) -> Floats:
    """The tanh approximation of GELU (arXiv 1606.08415)."""
    inner: Any = np.float32(math.sqrt(2 / math.pi)) * (x + np.float32(0.044715) * x * x * x)
    activated: Floats = np.float32(0.5) * x * (np.float32(1) + np.tanh(inner))
    return activated


# erf within 1.5e-7 (Abramowitz and Stegun, 7.1.26), by the power of 1 / (1 + ERF_SLOPE * |x|).
ERF_SLOPE = 0.3275911
ERF_TERMS = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
# Elements of which gelu makes its temporaries at a time, so that they stay in the CPU cache.
GELU_ELEMENTS = 2**15


def gelu(x: Floats) -> Floats:
    """GELU with the error function (arXiv 1606.08415): x * P(X <= x) for a standard normal X; in place if it can be.

    P(X > |x|) is half of erfc(|x| / sqrt(2)), and x * P(X <= x) = max(x, 0) - |x| * P(X > |x|).
    """
    x = np.ascontiguousarray(x)
    flat = x.reshape(-1)
    for start in range(0, flat.size, GELU_ELEMENTS):
        part = flat[start : start + GELU_ELEMENTS]
        size = np.abs(part)
        step: Any = 1 / (1 + np.float32(ERF_SLOPE / math.sqrt(2)) * size)
        tail = np.full_like(part, ERF_TERMS[-1] / 2)
        for term in ERF_TERMS[-2::-1]:
            tail *= step
            tail += np.float32(term / 2)
        tail *= step
        tail *= np.exp(np.float32(-0.5) * size * size)
        tail *= size
        np.maximum(part, 0, out=part)
        part -= tail
    return x


def softcap(x: Floats, cap: float) -> Floats:
    """Bound ``x`` softly: cap * tanh(x / cap)."""
    capped: Floats = np.float32(cap) * np.tanh(x / np.float32(cap))
    return capped


def softmax(scores: Floats) -> Floats:
    """Compute softmax over the last axis, in place."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


# ---- quantized: the layouts are drawn in layout.py

# NaN, infinity and overflow propagate to the result (see layout.py); a warning would add nothing.
SILENT = np.errstate(over="ignore", invalid="ignore")


@SILENT
def pack_int8(rows: Floats, weights: npt.NDArray[np.uint8], scales: npt.NDArray[np.uint8]) -> None:
    """Quantize ``rows`` float32 [16 n, K] to int8, one block per sixteen rows."""
    groups = rows.reshape(len(rows), -1, GROUP)
    largest = np.abs(groups).max(-1) / np.float32(127)
    origins = _origins(largest)
    words = _within(_whole_steps(largest, SCALE_STEP - 1), origins)
    _store(_levels(groups, words, -127, 127) + 128, words, origins, weights, scales)


@SILENT
def pack_int4(rows: Floats, weights: npt.NDArray[np.uint8], scales: npt.NDArray[np.uint8]) -> None:
    """Quantize to int4 like ``pack_int8``, with the scale of least square error per group."""
    groups = rows.reshape(len(rows), -1, GROUP)
    peaks = np.take_along_axis(groups, np.abs(groups).argmax(-1, keepdims=True), -1)[..., 0]
    largest = peaks / np.float32(-INT4_LEAST_REACH)
    origins = _origins(np.abs(largest))
    signs = largest.view(np.int32) & np.int32(SIGN)
    tried = _within(_whole_steps(largest, SCALE_STEP // 2), origins)
    best, least = tried | signs, np.full(peaks.shape, np.inf, np.float32)
    for _ in range(INT4_SCALES):
        words = tried | signs
        steps = words.view(np.float32)[..., None]
        error = _sum_in_order(np.square(groups - _levels(groups, words, -8, 7) * steps))
        better = error < least
        best[better], least[better] = words[better], error[better]
        tried = _within(tried - np.int32(SCALE_STEP), origins)
    _store(_levels(groups, best, -8, 7) + 8, best, origins, weights, scales)


def _origins(largest: Floats) -> Words:
    """Origins [rows, 1] of rows whose scales are ``largest`` [rows, groups]; NaN counts as largest."""
    top = _whole_steps(largest.max(-1, keepdims=True), SCALE_STEP - 1)
    origins: Words = np.maximum(top - np.int32(SCALE_REACH), np.int32(LEAST_NORMAL))
    return origins


def _whole_steps(values: Floats, more: int) -> Words:
    """Bit patterns of the absolute ``values`` plus ``more``, cleared below the lowest bit of a scale."""
    words = np.minimum(values.view(np.int32) & np.int32(~SIGN), np.int32(INFINITY))
    whole: Words = (words + np.int32(more)) & np.int32(-SCALE_STEP)
    return whole


def _within(words: Words, origins: Words) -> Words:
    return np.clip(words, origins, origins + np.int32(SCALE_REACH))


def pack_groups(
    integers: npt.NDArray[np.uint8],
    scales: Floats,
    minimums: Floats,
    weights: npt.NDArray[np.uint8],
    packed_scales: npt.NDArray[np.float16],
) -> None:
    """Pack rows that are quantized already; see GroupedRows. Rows that fill up the last block become zeros."""
    rows, groups = scales.shape
    filled = np.zeros((len(weights) * LANES, groups, GROUP // 2), np.uint8)
    filled[:rows] = integers
    weights[:] = filled.reshape(-1, LANES, groups, GROUP // 8, 4).transpose(0, 2, 3, 1, 4)
    both = np.zeros((len(weights) * LANES, groups, 2), np.float16)
    both[:rows] = np.stack([scales, minimums], -1)
    packed_scales[:] = both.reshape(-1, LANES, groups, 2).transpose(0, 2, 3, 1)


def widen_scales(scales: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Decode packed scales to scales and minimums, float32 [blocks, 16, groups]; without minimums these are 0."""
    if scales.dtype == np.float16:
        wide = scales.astype(np.float32).transpose(2, 0, 3, 1)
        return wide[0], wide[1]
    plain = _widen_scale_bytes(scales)
    return plain, np.zeros_like(plain)


def _widen_scale_bytes(scales: npt.NDArray[np.uint8]) -> Floats:
    """Decode ``scales`` [blocks, 4 + groups, 16] to float32 [blocks, 16, groups]."""
    origins = np.ascontiguousarray(scales[:, :ORIGIN_ROWS]).view(np.int32).reshape(-1, LANES, 1)
    codes = scales[:, ORIGIN_ROWS:].transpose(0, 2, 1).astype(np.int32)
    wide: Floats = (origins + ((codes & 127) << SCALE_SHIFT) + ((codes & 128) << 24)).view(np.float32)
    return wide


def _sum_in_order(groups: Floats) -> Floats:
    """Sum over the last axis from first to last, as the compiled kernels do: other orders round differently."""
    total: Floats = np.add.accumulate(groups, axis=-1)[..., -1]
    return total


def _levels(groups: Floats, words: Words, low: int, high: int) -> Floats:
    """Nearest multiples of each group's scale, given in ``words``; the lowest for NaN."""
    levels = np.rint(groups / words.view(np.float32)[..., None])
    within: Floats = np.minimum(np.fmax(levels, np.float32(low)), np.float32(high))
    return within


def _store(
    levels: Floats,
    words: Words,
    origins: Words,
    weights: npt.NDArray[np.uint8],
    scales: npt.NDArray[np.uint8],
) -> None:
    blocks, count = weights.shape[:2]
    values = levels.astype(np.uint8).reshape(blocks, LANES, count, GROUP // 4, 4).transpose(0, 2, 3, 1, 4)
    half = GROUP // 8
    weights[:] = values if weights.shape[2] == 2 * half else values[:, :, :half] | (values[:, :, half:] << np.uint8(4))
    codes = (((words & ~SIGN) - origins) >> SCALE_SHIFT) | ((words & SIGN) >> 24 & 128)
    scales[:, :ORIGIN_ROWS] = origins.astype(np.int32).view(np.uint8).reshape(blocks, ORIGIN_ROWS, LANES)
    scales[:, ORIGIN_ROWS:] = codes.astype(np.uint8).reshape(blocks, LANES, count).transpose(0, 2, 1)


def unpack(weights: npt.NDArray[np.uint8], packing: Packing) -> Floats:
    """Unpack ``weights`` [n, groups, steps, 4] into levels without zero point, [n, groups, 32]."""
    steps = [weights] if packing.bits == 8 else [weights & np.uint8(15), weights >> np.uint8(4)]
    levels = np.concatenate(steps, axis=2).astype(np.float32)
    return levels.reshape(*levels.shape[:2], GROUP) - np.float32(packing.zero_point)


def quantize_rows(
    x: Floats,
    quantized: npt.NDArray[np.int8],
    scales: Floats,
    sums: npt.NDArray[np.int32],
    of_sum: int,
) -> None:
    """Quantize ``x`` float32 [tokens, K] to int8 in groups; ``sums`` of them, times ``of_sum`` (see Packing)."""
    groups = x.reshape(len(x), -1, GROUP)
    largest = np.abs(groups).max(-1)
    scales[:] = largest / np.float32(127)
    inverse = np.divide(np.float32(127), largest, out=np.zeros_like(largest), where=largest > 0)
    levels = np.rint(groups * inverse[..., None])
    quantized[:] = levels.reshape(x.shape)
    sums[:] = of_sum * levels.sum(-1, dtype=np.int32)


def matmul_quantized(
    weights: npt.NDArray[np.uint8],
    scales: npt.NDArray[Any],
    x: npt.NDArray[np.int8],
    x_scales: Floats,
    out: Floats,
    packing: Packing,
) -> None:
    """Fill ``out`` float32 [tokens, rows]: exact sums per group, added in the order of the compiled kernels."""
    rows = weights.transpose(0, 3, 1, 2, 4).reshape(-1, weights.shape[1], weights.shape[2], 4)
    wide, minimums = (part.reshape(len(rows), -1) for part in widen_scales(scales))
    inputs = x.astype(np.float32).reshape(len(x), -1, GROUP)
    out[:] = 0
    levels = unpack(rows, packing)
    for group in range(levels.shape[1]):
        sums = inputs[:, group] @ levels[:, group].T
        out += sums * (wide[:, group] * x_scales[:, group, None])
        if packing.minimums:
            out += minimums[:, group] * (inputs[:, group].sum(-1) * x_scales[:, group])[:, None]
