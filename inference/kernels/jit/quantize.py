"""Quantization: of weights once, when they are packed; of activations for every product. layout.py draws the result."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange, types
from numba.extending import overload

from inference.kernels.jit import simd
from inference.kernels.jit.scales import (
    absmax,
    base_exponents_below,
    nearest_scale,
    scale_above,
    scale_below,
    store_base_exponents,
    store_scales,
)
from inference.kernels.layout import GROUP, INT4_LEAST_REACH, INT4_SCALES, LANES, ORIGIN_ROWS


class Activations(NamedTuple):
    """Quantized inputs of a product.

    ``values`` int8 [tokens, K], or int16 in the order that a GroupDot of words reads; ``scales`` float32
    [tokens, groups]; ``sums`` int32 [tokens, groups]: of a group's values, times ``of_sum`` of the weights' Packing.
    """

    values: npt.NDArray[np.int8] | npt.NDArray[np.int16]
    scales: npt.NDArray[np.float32]
    sums: npt.NDArray[np.int32]


@njit(parallel=True, nogil=True, cache=True)
def pack_int8(rows, packed, scales):
    """Pack ``rows`` float32 [16 n, K] into ``packed`` and ``scales`` as layout.py draws them; a lane is a row."""
    for block in prange(packed.shape[0]):
        transposed = np.empty((rows.shape[1], LANES), np.float32)
        columns, scale_address = transposed.ctypes.data, scales.ctypes.data + np.int64(block) * scales.strides[0]
        largest = simd.div(transpose_block(rows, block, columns), simd.broadcast_f32(np.float32(127)))
        bases = base_exponents_below(largest)
        store_base_exponents(scale_address, bases)
        for group in range(packed.shape[1]):
            largest = simd.div(absmax_of_group(columns), simd.broadcast_f32(np.float32(127)))
            scale = scale_above(largest, bases)
            store_scales(scale_address + (ORIGIN_ROWS + group) * LANES, scale, bases)
            place = np.int64(block) * packed.shape[1] + group
            for first in range(0, GROUP, 4):
                simd.store_quads(
                    packed.ctypes.data + (place * GROUP + first) * LANES,
                    simd.to_i32(quantize_column(columns, first, scale, -127, 127, 128)),
                    simd.to_i32(quantize_column(columns, first + 1, scale, -127, 127, 128)),
                    simd.to_i32(quantize_column(columns, first + 2, scale, -127, 127, 128)),
                    simd.to_i32(quantize_column(columns, first + 3, scale, -127, 127, 128)),
                )
            columns += 4 * LANES * GROUP


@njit(parallel=True, nogil=True, cache=True)
def pack_int4(rows, packed, scales):
    """Like ``pack_int8``, into uint8 [n, groups, 4, 16, 4]; each scale is the one with the least square error."""
    for block in prange(packed.shape[0]):
        transposed = np.empty((rows.shape[1], LANES), np.float32)
        columns, scale_address = transposed.ctypes.data, scales.ctypes.data + np.int64(block) * scales.strides[0]
        largest = simd.div(transpose_block(rows, block, columns), simd.broadcast_f32(np.float32(INT4_LEAST_REACH)))
        bases = base_exponents_below(largest)
        store_base_exponents(scale_address, bases)
        for group in range(packed.shape[1]):
            scale = best_int4_scale(columns, bases)
            store_scales(scale_address + (ORIGIN_ROWS + group) * LANES, scale, bases)
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
def transpose_block(rows, block, columns):
    """Transpose sixteen rows to float32 [K, LANES] at the address ``columns``; return each row's absolute maximum.

    That of a row with a NaN is NaN.
    """
    stride = 4 * rows.shape[1]
    source = rows.ctypes.data + np.int64(block) * LANES * stride
    largest = simd.broadcast_f32(np.float32(0))
    for first in range(0, rows.shape[1], LANES):
        simd.transpose_16x16(columns + 4 * LANES * first, source + 4 * first, stride)
        for column in range(first, first + LANES):
            largest = absmax(load(columns, column), largest)
    return simd.absolute(largest)


@njit(nogil=True, cache=True)
def absmax_of_group(columns):
    """Return each row's value furthest from zero in a group, the first if there are several."""
    largest = simd.broadcast_f32(np.float32(0))
    for column in range(GROUP):
        largest = absmax(load(columns, column), largest)
    return largest


@njit(nogil=True, cache=True)
def load(columns, column):
    """Load a column of sixteen rows."""
    return simd.load_f32(columns + 4 * LANES * column)


@njit(nogil=True, cache=True)
def quantize(values, scale, low, high):
    """Divide by ``scale``, round and clip to ``low`` .. ``high``."""
    low, high = simd.broadcast_f32(np.float32(low)), simd.broadcast_f32(np.float32(high))
    whole = simd.maximum(simd.round_even(simd.div(values, scale)), low)
    return simd.select_greater(whole, high, high, whole)


@njit(nogil=True, cache=True)
def quantize_column(columns, column, scale, low, high, zero_point):
    """Quantize a column and add the zero point."""
    return simd.add(quantize(load(columns, column), scale, low, high), simd.broadcast_f32(np.float32(zero_point)))


@njit(nogil=True, cache=True)
def nibbles(columns, column, scale):
    """Quantize a column and its partner in the group's second half into one byte."""
    high = simd.mul(quantize_column(columns, column + GROUP // 2, scale, -8, 7, 8), simd.broadcast_f32(np.float32(16)))
    return simd.to_i32(simd.add(quantize_column(columns, column, scale, -8, 7, 8), high))


@njit(nogil=True, cache=True)
def best_int4_scale(columns, bases):
    """Return the scale, of either sign, that quantizes a group of each row to -8..7 with the least square error."""
    scale = nearest_scale(simd.div(absmax_of_group(columns), simd.broadcast_f32(np.float32(-INT4_LEAST_REACH))), bases)
    best, least = scale, simd.broadcast_f32(np.float32(np.inf))
    for _ in range(INT4_SCALES):
        error = simd.broadcast_f32(np.float32(0))
        for column in range(GROUP):
            values = load(columns, column)
            rest = simd.sub(values, simd.mul(quantize(values, scale, -8, 7), scale))
            error = simd.add(error, simd.mul(rest, rest))
        best = simd.select_greater(least, error, scale, best)
        least = simd.select_greater(least, error, error, least)
        scale = scale_below(scale, bases)
    return best


def store_codes(values, index, codes):
    """Store sixteen of a row's values."""
    raise TypeError("only compiled code calls this")


@overload(store_codes)
def _store_codes(values, index, codes):
    if values.dtype == types.int8:
        return lambda values, index, codes: simd.store_i8(values.ctypes.data + index, codes)
    return lambda values, index, codes: simd.store_word_pairs(values.ctypes.data + 2 * index, codes)


@njit(nogil=True, cache=True)
def quantize_row(x, values, scales, sums, of_sum):
    """Quantize ``x`` float32 [K], K a multiple of GROUP, into one row of Activations."""
    for group in range(len(scales)):
        where = x.ctypes.data + group * GROUP * 4
        first, second = simd.load_f32(where), simd.load_f32(where + 4 * LANES)
        largest = simd.max_lanes(simd.maximum(simd.absolute(first), simd.absolute(second)))
        scales[group] = largest / np.float32(127)
        inverse = simd.broadcast_f32(np.float32(127) / largest if largest > 0 else np.float32(0))
        low, high = simd.to_i32(simd.mul(first, inverse)), simd.to_i32(simd.mul(second, inverse))
        store_codes(values, group * GROUP, low)
        store_codes(values, group * GROUP + LANES, high)
        sums[group] = of_sum * (simd.sum_i32_lanes(low) + simd.sum_i32_lanes(high))


@njit(parallel=True, nogil=True, cache=True)
def quantize_rows(x, values, scales, sums, of_sum):
    """``quantize_row`` for each row of ``x`` float32 [tokens, K], in parallel."""
    for token in prange(x.shape[0]):
        quantize_row(x[token], values[token], scales[token], sums[token], of_sum)
