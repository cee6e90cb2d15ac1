"""Numbers into bytes: weights once, when they are packed; activations for every product. layout.py draws the result."""

import numpy as np
from numba import njit, prange

from inference.kernels import simd
from inference.kernels.layout import GROUP, INT4_REACHES, LANES


@njit(parallel=True, nogil=True, cache=True)
def pack_int8(rows, packed, scales):
    """``rows`` float32 [16 n, K] into ``packed`` and ``scales`` as layout.py draws them."""
    for block in prange(packed.shape[0]):
        for row in range(LANES):
            source = rows[block * LANES + row]
            for group in range(packed.shape[1]):
                values = source[group * GROUP : (group + 1) * GROUP]
                largest = np.float32(0)
                for value in values:
                    largest = max(largest, abs(value))
                word = simd.half_word(largest / np.float32(127))
                scale = simd.from_half_word(word)
                scales[block, group, row] = word
                for i in range(GROUP):
                    nearest = np.rint(values[i] / scale) if scale > 0 else np.float32(0)
                    packed[block, group, i // 4, row, i % 4] = np.uint8(min(max(nearest, -127), 127) + 128)


@njit(parallel=True, nogil=True, cache=True)
def pack_int4(rows, packed, scales):
    """As ``pack_int8``, into uint8 [n, groups, 4, 16, 4]; each scale is the one with the least square error."""
    for block in prange(packed.shape[0]):
        for row in range(LANES):
            source = rows[block * LANES + row]
            for group in range(packed.shape[1]):
                values = source[group * GROUP : (group + 1) * GROUP]
                scale = best_int4_scale(values)
                scales[block, group, row] = simd.half_word(scale)
                for i in range(GROUP // 2):
                    low = nibble(values[i], scale)
                    high = nibble(values[i + GROUP // 2], scale)
                    packed[block, group, i // 4, row, i % 4] = np.uint8(low | (high << 4))


@njit(nogil=True, cache=True)
def nibble(value, scale):
    """0 to 15: ``value`` in steps of ``scale``, zero point added."""
    nearest = np.rint(value / scale) if scale != 0 else np.float32(0)
    return np.uint8(min(max(nearest, -8), 7) + 8)


@njit(nogil=True, cache=True)
def as_half(value):
    """``value`` rounded to what float16 can hold."""
    return simd.from_half_word(simd.half_word(np.float32(value)))


@njit(nogil=True, cache=True)
def best_int4_scale(values):
    """The float16 step, of either sign, that rounds a group to -8..7 with the least square error."""
    peak = np.float32(0)
    for value in values:
        if abs(value) > abs(peak):
            peak = value
    best, least = np.float32(0), np.float32(np.inf)
    for reach in INT4_REACHES:
        scale = as_half(peak / np.float32(-reach))
        # The step that fits these levels best, in the sense of least squares.
        for _ in range(2):
            if scale == 0:
                break
            top, bottom, error = np.float32(0), np.float32(0), np.float32(0)
            for value in values:
                level = min(max(np.rint(value / scale), np.float32(-8)), np.float32(7))
                top += value * level
                bottom += level * level
                error += (value - level * scale) ** 2
            if error < least:
                best, least = scale, error
            scale = as_half(top / bottom) if bottom > 0 else np.float32(0)
    return best


@njit(nogil=True, cache=True)
def quantise_row(x, quantised, scales, starts, zero_point):
    """``x`` float32 [K], K a multiple of GROUP: int8 [K], a float32 scale per group, and where each group's sum starts.

    A weight is stored as value + zero_point; starting at -zero_point times the group's sum takes that back.
    """
    for group in range(len(scales)):
        where = x.ctypes.data + group * GROUP * 4
        first, second = simd.load_f32(where), simd.load_f32(where + 4 * LANES)
        largest = simd.max_lanes(simd.maximum(simd.absolute(first), simd.absolute(second)))
        scales[group] = largest / np.float32(127)
        inverse = simd.splat_f32(np.float32(127) / largest if largest > 0 else np.float32(0))
        low, high = simd.to_i32(simd.mul(first, inverse)), simd.to_i32(simd.mul(second, inverse))
        simd.store_i8(quantised.ctypes.data + group * GROUP, low)
        simd.store_i8(quantised.ctypes.data + group * GROUP + LANES, high)
        starts[group] = -zero_point * (simd.sum_i32_lanes(low) + simd.sum_i32_lanes(high))


@njit(parallel=True, nogil=True, cache=True)
def quantise_rows(x, quantised, scales, starts, zero_point):
    """``quantise_row`` for each of ``x`` float32 [tokens, K]."""
    for token in prange(x.shape[0]):
        quantise_row(x[token], quantised[token], scales[token], starts[token], zero_point)
