"""What happens between the matrix products, row by row: RMSNorm, rotary embedding, SwiGLU.

Rows are float32 and padded with zeros to whole groups, so that every vector is a full one.
"""

import math

import numpy as np
from numba import njit, prange

from inference.kernels.jit import simd
from inference.kernels.layout import BLOCK, LANES

# Under so many rows a parallel region costs more than it saves.
WORTH_SHARING = 8


@njit(nogil=True, cache=True)
def norm_row(x, weight, eps, size, normed):
    """``normed = x / rms(x) * weight``; ``size`` numbers count, the rest of the row is zero."""
    squares = simd.splat_f32(np.float32(0))
    for offset in range(0, 4 * len(x), 4 * LANES):
        value = simd.load_f32(x.ctypes.data + offset)
        squares = simd.fma(value, value, squares)
    mean = simd.sum_lanes(squares) / np.float32(size)
    factor = simd.splat_f32(np.float32(1) / np.float32(math.sqrt(mean + eps)))
    for offset in range(0, 4 * len(x), 4 * LANES):
        value = simd.mul(simd.load_f32(x.ctypes.data + offset), factor)
        simd.store_f32(normed.ctypes.data + offset, simd.mul(value, simd.load_f32(weight.ctypes.data + offset)))


@njit(parallel=True, nogil=True, cache=True)
def norm_many(x, weight, eps, size, normed):
    for row in prange(len(x)):
        norm_row(x[row], weight, eps, size, normed[row])


@njit(nogil=True, cache=True)
def norm(x, weight, eps, size, normed):
    """``norm_row`` for each of ``x`` [rows, K]."""
    if len(x) >= WORTH_SHARING:
        norm_many(x, weight, eps, size, normed)
    else:
        for row in range(len(x)):
            norm_row(x[row], weight, eps, size, normed[row])


@njit(nogil=True, cache=True)
def add(x, delta, bias, size):
    """``x += delta + bias`` over the first ``size`` columns; an empty bias is none."""
    for row in range(len(x)):
        for column in range(size):
            x[row, column] += delta[row, column] + (bias[column] if len(bias) else np.float32(0))


@njit(nogil=True, cache=True)
def swiglu_row(both, middle, gated):
    """``gated = silu(gate) * up``: gate in the first ``middle`` numbers of ``both``, up in the next."""
    one, zero = simd.splat_f32(np.float32(1)), simd.splat_f32(np.float32(0))
    gate, up = both.ctypes.data, both.ctypes.data + 4 * middle
    for offset in range(0, 4 * middle, 4 * LANES):
        value = simd.load_f32(gate + offset)
        sigmoid = simd.div(one, simd.add(one, simd.exp(simd.sub(zero, value))))
        product = simd.mul(simd.mul(value, sigmoid), simd.load_f32(up + offset))
        simd.store_f32(gated.ctypes.data + offset, product)


@njit(parallel=True, nogil=True, cache=True)
def swiglu_many(both, middle, gated):
    for row in prange(len(both)):
        swiglu_row(both[row], middle, gated[row])


@njit(nogil=True, cache=True)
def swiglu(both, middle, gated):
    """``swiglu_row`` for each of ``both`` [rows, 2 * middle]; ``middle`` is a multiple of sixteen."""
    if len(both) >= WORTH_SHARING:
        swiglu_many(both, middle, gated)
    else:
        for row in range(len(both)):
            swiglu_row(both[row], middle, gated[row])


@njit(nogil=True, cache=True)
def rotate(head, cos, sin):
    """One head [D] in place: each pair (i, i + D/2) turned by its angle."""
    half = len(cos)
    for i in range(half):
        first, second = head[i], head[i + half]
        head[i] = first * cos[i] - second * sin[i]
        head[i + half] = second * cos[i] + first * sin[i]


@njit(nogil=True, cache=True)
def rope_and_store(token, cos, sin, starts, heads, kv_heads, head_dim, keys, contents, scales, inside, item):
    """One token: turn its queries in place, put its turned keys and its values into the cache.

    ``starts``: where queries, keys and values begin in the row. ``keys``, ``contents``, ``scales``: addresses of the
    block's keys, values and scales, as drawn in attend.py; ``inside``: the position in the block; ``item``: bytes per
    number, 1, 2 or 4.
    """
    padded = -(-head_dim // LANES) * LANES
    for head in range(heads):
        rotate(token[starts[0] + head * head_dim :][:head_dim], cos, sin)
    for head in range(kv_heads):
        key = token[starts[1] + head * head_dim :][:head_dim]
        rotate(key, cos, sin)
        tile = keys + item * (head * BLOCK * head_dim + inside // LANES * LANES * head_dim + inside % LANES)
        content = contents + item * padded * (head * BLOCK + inside)
        value = starts[2] + head * head_dim
        if item == 1:
            scale = scales + 4 * (head * BLOCK + inside)
            key_inverse = store_scale(scale, key)
            value_inverse = store_scale(scale + 4 * kv_heads * BLOCK, token[value : value + head_dim])
        for d in range(head_dim):
            if item == 1:
                simd.store_byte(tile + LANES * d, key[d] * key_inverse)
                simd.store_byte(content + d, token[value + d] * value_inverse)
            elif item == 2:
                simd.store_word(tile + 2 * LANES * d, simd.half_word(key[d]))
                simd.store_word(content + 2 * d, simd.half_word(token[value + d]))
            else:
                simd.store_single(tile + 4 * LANES * d, key[d])
                simd.store_single(content + 4 * d, token[value + d])


@njit(nogil=True, cache=True)
def store_scale(where, values):
    """Store the scale that brings ``values`` to -127..127; returns what to multiply them by."""
    largest = np.float32(0)
    for value in values:
        largest = max(largest, abs(value))
    simd.store_single(where, largest / np.float32(127))
    return np.float32(127) / largest if largest > 0 else np.float32(0)


@njit(parallel=True, nogil=True, cache=True)
def rope_and_store_rows(qkv, cos, sin, starts, heads, kv_heads, head_dim, table, offsets, item):
    """``rope_and_store`` for each row.

    ``table`` int64 [rows, 2]: its block's address, its position in the block. ``offsets``: in bytes, where the layer's
    keys, values and scales begin in a block.
    """
    for row in prange(len(qkv)):
        block, inside = table[row]
        places = block + offsets[0], block + offsets[1], block + offsets[2]
        rope_and_store(qkv[row], cos[row], sin[row], starts, heads, kv_heads, head_dim, *places, inside, item)
