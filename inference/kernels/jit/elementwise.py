"""Elementwise kernels between the matrix products, row by row: RMSNorm, rotary embedding, gated activations.

Rows are float32 and padded with zeros to whole groups, so that every vector is a full one.
"""

import math

import numpy as np
from numba import njit, prange

from inference.kernels.jit import simd
from inference.kernels.layout import BLOCK, LANES

# With fewer rows a parallel region costs more than it saves.
WORTH_SHARING = 8
# Of the tanh approximation of GELU (arXiv 1606.08415): x * sigmoid(2 * GELU_SCALE * (x + GELU_CUBIC * x**3)).
GELU_SCALE, GELU_CUBIC = math.sqrt(2 / math.pi), 0.044715


@njit(nogil=True, cache=True)
def norm_row(x, weight, eps, size, out):
    """``out = x / rms(x) * weight`` for a row of ``size`` numbers, padded with zeros."""
    squares = simd.broadcast_f32(np.float32(0))
    for offset in range(0, 4 * len(x), 4 * LANES):
        value = simd.load_f32(x.ctypes.data + offset)
        squares = simd.fma(value, value, squares)
    mean = simd.sum_lanes(squares) / np.float32(size)
    factor = simd.broadcast_f32(np.float32(1) / np.float32(math.sqrt(mean + eps)))
    for offset in range(0, 4 * len(x), 4 * LANES):
        value = simd.mul(simd.load_f32(x.ctypes.data + offset), factor)
        simd.store_f32(out.ctypes.data + offset, simd.mul(value, simd.load_f32(weight.ctypes.data + offset)))


@njit(parallel=True, nogil=True, cache=True)
def norm_parallel(x, weight, eps, size, out):
    """``norm`` with the rows shared among cores."""
    for row in prange(len(x)):
        norm_row(x[row], weight, eps, size, out[row])


@njit(nogil=True, cache=True)
def norm(x, weight, eps, size, out):
    """``norm_row`` for each row of ``x`` [rows, K]; ``out`` may be ``x``."""
    if len(x) >= WORTH_SHARING:
        norm_parallel(x, weight, eps, size, out)
    else:
        for row in range(len(x)):
            norm_row(x[row], weight, eps, size, out[row])


@njit(nogil=True, cache=True)
def norm_parts(row, start, size, weight, eps):
    """RMSNorm in place of the parts of ``row[start : start + size]``, each as long as ``weight``; none if it is empty.

    The parts are heads, or a whole projection. Up to LANES - 1 numbers behind the last part must be readable.
    """
    width = len(weight)
    if width == 0:
        return
    for part in range(start, start + size, width):
        squares = simd.broadcast_f32(np.float32(0))
        for offset in range(0, width, LANES):
            value = simd.load_f32(row.ctypes.data + 4 * (part + offset))
            value = simd.fill_outside(value, 0, width - offset, np.float32(0))
            squares = simd.fma(value, value, squares)
        mean = simd.sum_lanes(squares) / np.float32(width)
        factor = np.float32(1) / np.float32(math.sqrt(mean + eps))
        for i in range(width):
            row[part + i] = row[part + i] * factor * weight[i]


@njit(nogil=True, cache=True)
def add_scaled(x, delta, factor, size):
    """``x += delta * factor`` over the first ``size`` columns."""
    for row in range(len(x)):
        for column in range(size):
            x[row, column] += delta[row, column] * factor


@njit(nogil=True, cache=True)
def gate_row(both, middle, gelu, out):
    """``out = activation(gate) * up``: gate in the first ``middle`` numbers of ``both``, up in the next.

    The activation is SiLU, ``x * sigmoid(x)``, or the tanh approximation of GELU, ``x * sigmoid(2 u(x))``.
    """
    one, zero = simd.broadcast_f32(np.float32(1)), simd.broadcast_f32(np.float32(0))
    double, cubic = simd.broadcast_f32(np.float32(2 * GELU_SCALE)), simd.broadcast_f32(np.float32(GELU_CUBIC))
    gate, up = both.ctypes.data, both.ctypes.data + 4 * middle
    for offset in range(0, 4 * middle, 4 * LANES):
        value = simd.load_f32(gate + offset)
        slope = value
        if gelu:
            cube = simd.mul(simd.mul(value, value), value)
            slope = simd.mul(double, simd.fma(cubic, cube, value))
        sigmoid = simd.div(one, simd.add(one, simd.exp(simd.sub(zero, slope))))
        product = simd.mul(simd.mul(value, sigmoid), simd.load_f32(up + offset))
        simd.store_f32(out.ctypes.data + offset, product)


@njit(parallel=True, nogil=True, cache=True)
def gate_parallel(both, middle, gelu, out):
    """``gate`` with the rows shared among cores."""
    for row in prange(len(both)):
        gate_row(both[row], middle, gelu, out[row])


@njit(nogil=True, cache=True)
def gate(both, middle, gelu, out):
    """``gate_row`` for each row of ``both`` [rows, 2 * middle]; ``middle`` is a multiple of LANES."""
    if len(both) >= WORTH_SHARING:
        gate_parallel(both, middle, gelu, out)
    else:
        for row in range(len(both)):
            gate_row(both[row], middle, gelu, out[row])


@njit(nogil=True, cache=True)
def rotate(head, cos, sin):
    """Rotate each pair (i, i + R/2) of the first R dimensions of a head in place; R = 2 * len(cos)."""
    half = len(cos)
    for i in range(half):
        first, second = head[i], head[i + half]
        head[i] = first * cos[i] - second * sin[i]
        head[i + half] = second * cos[i] + first * sin[i]


@njit(nogil=True, cache=True)
def rotate_and_store(row, cos, sin, shape, block, offset, cache):
    """Rotate one token's queries in place, and store its rotated keys and its values in the KV cache.

    ``block`` is the address of a block of the cache, ``offset`` the position in it; attention.py draws its layout.
    """
    head_dim, item_bytes = shape.head_dim, cache.item_bytes
    padded = -(-head_dim // LANES) * LANES
    for head in range(shape.heads):
        rotate(row[shape.query + head * head_dim :][:head_dim], cos, sin)
    for head in range(shape.kv_heads):
        key = row[shape.key + head * head_dim :][:head_dim]
        rotate(key, cos, sin)
        tile = head * BLOCK * head_dim + offset // LANES * LANES * head_dim + offset % LANES
        keys = block + cache.keys + item_bytes * tile
        values = block + cache.values + item_bytes * padded * (head * BLOCK + offset)
        value = shape.value + head * head_dim
        if item_bytes == 1:
            scale = block + cache.scales + 4 * (head * BLOCK + offset)
            key_inverse = store_scale(scale, key)
            value_inverse = store_scale(scale + 4 * shape.kv_heads * BLOCK, row[value : value + head_dim])
        for d in range(head_dim):
            if item_bytes == 1:
                simd.store_scalar_i8(keys + LANES * d, key[d] * key_inverse)
                simd.store_scalar_i8(values + d, row[value + d] * value_inverse)
            elif item_bytes == 2:
                simd.store_scalar_u16(keys + 2 * LANES * d, simd.float16_bits(key[d]))
                simd.store_scalar_u16(values + 2 * d, simd.float16_bits(row[value + d]))
            else:
                simd.store_scalar_f32(keys + 4 * LANES * d, key[d])
                simd.store_scalar_f32(values + 4 * d, row[value + d])


@njit(nogil=True, cache=True)
def store_scale(where, values):
    """Store the scale that brings ``values`` to -127..127; return its inverse."""
    largest = np.float32(0)
    for value in values:
        largest = max(largest, abs(value))
    simd.store_scalar_f32(where, largest / np.float32(127))
    return np.float32(127) / largest if largest > 0 else np.float32(0)


@njit(parallel=True, nogil=True, cache=True)
def prepare_rows(qkv, query_norm, key_norm, cos, sin, shape, blocks, offsets, cache):
    """Normalize and rotate the queries and keys of each row, and store keys and values in the KV cache.

    Args:
        qkv: float32 [rows, ...]: queries, keys and values from the columns that ``shape`` names.
        query_norm: Weight of the RMSNorm of each head, or of the whole projection; empty if there is none.
        key_norm: The same for keys.
        cos: float32 [rows, R/2], like ``sin``.
        sin: See ``cos``.
        shape: BlockShape.
        blocks: int64 [rows], the address of the cache block that holds each row's position.
        offsets: int64 [rows], the position in that block.
        cache: CacheOffsets.
    """
    for index in prange(len(qkv)):
        row = qkv[index]
        norm_parts(row, shape.query, shape.heads * shape.head_dim, query_norm, shape.eps)
        norm_parts(row, shape.key, shape.kv_heads * shape.head_dim, key_norm, shape.eps)
        rotate_and_store(row, cos[index], sin[index], shape, blocks[index], offsets[index], cache)
