"""Numbers into bytes: weights once, when they are packed; activations for every product. layout.py draws the result."""

import numpy as np
from numba import njit, prange

from inference.kernels.jit import simd
from inference.kernels.jit.scales import (
    larger,
    nearest_scale,
    origins_below,
    scale_above,
    scale_below,
    store_origins,
    store_scales,
)
from inference.kernels.layout import GROUP, INT4_LEAST_REACH, INT4_SCALES, LANES, ORIGIN_ROWS


@njit(parallel=True, nogil=True, cache=True)
def pack_int8(rows, packed, scales):
    """``rows`` float32 [16 n, K] into ``packed`` and ``scales`` as layout.py draws them; a lane is a row throughout."""
    for block in prange(packed.shape[0]):
        turned = np.empty((rows.shape[1], LANES), np.float32)
        columns, bytes_of_scales = turned.ctypes.data, scales.ctypes.data + np.int64(block) * scales.strides[0]
        largest = simd.div(turn_block(rows, block, columns), simd.splat_f32(np.float32(127)))
        origins = origins_below(largest)
        store_origins(bytes_of_scales, origins)
        for group in range(packed.shape[1]):
            largest = simd.div(peak_of_group(columns), simd.splat_f32(np.float32(127)))
            scale = scale_above(largest, origins)
            store_scales(bytes_of_scales + (ORIGIN_ROWS + group) * LANES, scale, origins)
            place = np.int64(block) * packed.shape[1] + group
            for first in range(0, GROUP, 4):
                simd.store_quads(
                    packed.ctypes.data + (place * GROUP + first) * LANES,
                    simd.to_i32(code(columns, first, scale, -127, 127, 128)),
                    simd.to_i32(code(columns, first + 1, scale, -127, 127, 128)),
                    simd.to_i32(code(columns, first + 2, scale, -127, 127, 128)),
                    simd.to_i32(code(columns, first + 3, scale, -127, 127, 128)),
                )
            columns += 4 * LANES * GROUP


@njit(parallel=True, nogil=True, cache=True)
def pack_int4(rows, packed, scales):
    """As ``pack_int8``, into uint8 [n, groups, 4, 16, 4]; each scale is the one with the least square error."""
    for block in prange(packed.shape[0]):
        turned = np.empty((rows.shape[1], LANES), np.float32)
        columns, bytes_of_scales = turned.ctypes.data, scales.ctypes.data + np.int64(block) * scales.strides[0]
        largest = simd.div(turn_block(rows, block, columns), simd.splat_f32(np.float32(INT4_LEAST_REACH)))
        origins = origins_below(largest)
        store_origins(bytes_of_scales, origins)
        for group in range(packed.shape[1]):
            scale = best_int4_scale(columns, origins)
            store_scales(bytes_of_scales + (ORIGIN_ROWS + group) * LANES, scale, origins)
            place = np.int64(block) * packed.shape[1] + group
            for first in range(0, GROUP // 2, 4):
                simd.store_quads(
                    packed.ctypes.data + (place * (GROUP // 2) + first) * LANES,
                    nibbles(columns, first, scale),
                    nibbles(columns, first + 1, scale),
                    nibbles(columns, first + 2, scale),
                    nibbles(columns, first + 3, scale),
                )
            columns += 4 * LANES * GROUP


@njit(nogil=True, cache=True)
def turn_block(rows, block, columns):
    """Sixteen rows, turned on their side: float32 [K, LANES] at the address ``columns``. Returns their absolute peaks.

    The peak of a row with a NaN is a NaN.
    """
    stride = 4 * rows.shape[1]
    source = rows.ctypes.data + np.int64(block) * LANES * stride
    peaks = simd.splat_f32(np.float32(0))
    for first in range(0, rows.shape[1], LANES):
        simd.turn(columns + 4 * LANES * first, source + 4 * first, stride)
        for column in range(first, first + LANES):
            peaks = larger(load(columns, column), peaks)
    return simd.absolute(peaks)


@njit(nogil=True, cache=True)
def peak_of_group(columns):
    """Of each row the value that is furthest from zero, the first if there are several."""
    peak = simd.splat_f32(np.float32(0))
    for column in range(GROUP):
        peak = larger(load(columns, column), peak)
    return peak


@njit(nogil=True, cache=True)
def load(columns, column):
    return simd.load_f32(columns + 4 * LANES * column)


@njit(nogil=True, cache=True)
def level(values, scale, low, high):
    """``values`` in steps of ``scale``: whole numbers from ``low`` to ``high``."""
    low, high = simd.splat_f32(np.float32(low)), simd.splat_f32(np.float32(high))
    whole = simd.maximum(simd.nearest(simd.div(values, scale)), low)
    return simd.where_above(whole, high, high, whole)


@njit(nogil=True, cache=True)
def code(columns, column, scale, low, high, zero_point):
    """The levels of a column, with their zero point added."""
    return simd.add(level(load(columns, column), scale, low, high), simd.splat_f32(np.float32(zero_point)))


@njit(nogil=True, cache=True)
def nibbles(columns, column, scale):
    """The codes of a column and of its partner in the group's second half."""
    high = simd.mul(code(columns, column + GROUP // 2, scale, -8, 7, 8), simd.splat_f32(np.float32(16)))
    return simd.to_i32(simd.add(code(columns, column, scale, -8, 7, 8), high))


@njit(nogil=True, cache=True)
def best_int4_scale(columns, origins):
    """The scale, of either sign, that rounds a group of each row to -8..7 with the least square error."""
    scale = nearest_scale(simd.div(peak_of_group(columns), simd.splat_f32(np.float32(-INT4_LEAST_REACH))), origins)
    best, least = scale, simd.splat_f32(np.float32(np.inf))
    for _ in range(INT4_SCALES):
        error = simd.splat_f32(np.float32(0))
        for column in range(GROUP):
            values = load(columns, column)
            rest = simd.sub(values, simd.mul(level(values, scale, -8, 7), scale))
            error = simd.add(error, simd.mul(rest, rest))
        best = simd.where_above(least, error, scale, best)
        least = simd.where_above(least, error, error, least)
        scale = scale_below(scale, origins)
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
