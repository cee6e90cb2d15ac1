"""Numbers into bytes: weights once, when they are packed; activations for every product. layout.py draws the result."""

import numpy as np
from numba import njit, prange

from inference.kernels import simd
from inference.kernels.layout import GROUP, INT4_REACHES, LANES


@njit(parallel=True, nogil=True, cache=True)
def pack_int8(rows, packed, scales):
    """``rows`` float32 [16 n, K] into ``packed`` and ``scales`` as layout.py draws them; a lane is a row throughout."""
    for block in prange(packed.shape[0]):
        turned = np.empty((GROUP, LANES), np.float32)
        columns = turned.ctypes.data
        for group in range(packed.shape[1]):
            turn(rows, block, group, columns)
            largest = simd.splat_f32(np.float32(0))
            for column in range(GROUP):
                largest = simd.maximum(simd.absolute(load(columns, column)), largest)
            scale = simd.as_half(simd.div(largest, simd.splat_f32(np.float32(127))))
            place = np.int64(block) * packed.shape[1] + group
            simd.store_f16(scales.ctypes.data + place * LANES * 2, scale)
            for first in range(0, GROUP, 4):
                simd.store_quads(
                    packed.ctypes.data + (place * GROUP + first) * LANES,
                    simd.to_i32(code(columns, first, scale, -127, 127, 128)),
                    simd.to_i32(code(columns, first + 1, scale, -127, 127, 128)),
                    simd.to_i32(code(columns, first + 2, scale, -127, 127, 128)),
                    simd.to_i32(code(columns, first + 3, scale, -127, 127, 128)),
                )


@njit(parallel=True, nogil=True, cache=True)
def pack_int4(rows, packed, scales):
    """As ``pack_int8``, into uint8 [n, groups, 4, 16, 4]; each scale is the one with the least square error."""
    for block in prange(packed.shape[0]):
        turned = np.empty((GROUP, LANES), np.float32)
        columns = turned.ctypes.data
        for group in range(packed.shape[1]):
            turn(rows, block, group, columns)
            scale = best_int4_scale(columns)
            place = np.int64(block) * packed.shape[1] + group
            simd.store_f16(scales.ctypes.data + place * LANES * 2, scale)
            for first in range(0, GROUP // 2, 4):
                simd.store_quads(
                    packed.ctypes.data + (place * (GROUP // 2) + first) * LANES,
                    nibbles(columns, first, scale),
                    nibbles(columns, first + 1, scale),
                    nibbles(columns, first + 2, scale),
                    nibbles(columns, first + 3, scale),
                )


@njit(nogil=True, cache=True)
def turn(rows, block, group, columns):
    """One group of sixteen rows, turned on its side: float32 [GROUP, LANES] at the address ``columns``."""
    stride = 4 * rows.shape[1]
    source = rows.ctypes.data + np.int64(block) * LANES * stride + group * GROUP * 4
    for half in range(GROUP // LANES):
        simd.turn(columns + 4 * LANES * LANES * half, source + 4 * LANES * half, stride)


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
    """The levels of a column, none where the step is zero, with their zero point added."""
    zero = simd.splat_f32(np.float32(0))
    levels = simd.where_above(simd.absolute(scale), zero, level(load(columns, column), scale, low, high), zero)
    return simd.add(levels, simd.splat_f32(np.float32(zero_point)))


@njit(nogil=True, cache=True)
def nibbles(columns, column, scale):
    """The codes of a column and of its partner in the group's second half."""
    high = simd.mul(code(columns, column + GROUP // 2, scale, -8, 7, 8), simd.splat_f32(np.float32(16)))
    return simd.to_i32(simd.add(code(columns, column, scale, -8, 7, 8), high))


@njit(nogil=True, cache=True)
def fit(columns, scale):
    """The square error of rounding to -8..7 steps of ``scale``, and the step that fits the same levels best.

    Nothing fits a step of zero: its error is infinite, and its successor is zero as well.
    """
    zero = simd.splat_f32(np.float32(0))
    top, bottom, error = zero, zero, zero
    for column in range(GROUP):
        values = load(columns, column)
        levels = level(values, scale, -8, 7)
        top = simd.add(top, simd.mul(values, levels))
        bottom = simd.add(bottom, simd.mul(levels, levels))
        rest = simd.sub(values, simd.mul(levels, scale))
        error = simd.add(error, simd.mul(rest, rest))
    size = simd.absolute(scale)
    fitted = simd.where_above(bottom, zero, simd.as_half(simd.div(top, bottom)), zero)
    error = simd.where_above(size, zero, error, simd.splat_f32(np.float32(np.inf)))
    return error, simd.where_above(size, zero, fitted, zero)


@njit(nogil=True, cache=True)
def best_int4_scale(columns):
    """The float16 step, of either sign, that rounds a group of each row to -8..7 with the least square error."""
    peak = simd.splat_f32(np.float32(0))
    for column in range(GROUP):
        values = load(columns, column)
        peak = simd.where_above(simd.absolute(values), simd.absolute(peak), values, peak)
    best, least = simd.splat_f32(np.float32(0)), simd.splat_f32(np.float32(np.inf))
    for reach in INT4_REACHES:
        scale = simd.as_half(simd.div(peak, simd.splat_f32(np.float32(-reach))))
        error, fitted = fit(columns, scale)
        best = simd.where_above(least, error, scale, best)
        least = simd.where_above(least, error, error, least)
        error, _ = fit(columns, fitted)
        best = simd.where_above(least, error, fitted, best)
        least = simd.where_above(least, error, error, least)
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
