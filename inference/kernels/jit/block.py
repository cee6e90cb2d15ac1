"""Layers of the transformer in one call from Python: their products, their attention and what is between them.

Between two calls Python finds its own objects thrown out of the cache by the weights that were read: for one token that
takes tenths of a millisecond in all, where the layers themselves take some ten.
"""

from typing import Any

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np.arrayobj import make_array

from inference.kernels.jit.attention import attend, merge
from inference.kernels.jit.elementwise import WORTH_SHARING, add, norm, rope_and_store_rows, swiglu
from inference.kernels.jit.matmul_dense import matmul_bfloat16, matmul_float16, matmul_float32
from inference.kernels.jit.matmul_quantized import matmul_int4, matmul_int8
from inference.kernels.jit.quantize import quantise_row, quantise_rows
from inference.kernels.layout import GROUP, LANES

# Columns of activations: whole groups, for quantised weights and others alike.
PADDING = GROUP


def product(weights, scales, x, out):
    """``out`` float32 [tokens, rows]: ``weights`` times ``x`` float32 [tokens, K], by what the weights are.

    Five dimensions are quantised weights with their ``scales``; three are words: float32, float16 (uint16) or bfloat16
    (int16), whose ``scales`` are not looked at.
    """
    raise TypeError("only compiled code calls this")


@overload(product)
def _product(weights, scales, x, out):
    if weights.ndim == 5:
        return _quantised
    return {
        types.float32: lambda weights, scales, x, out: matmul_float32(weights, x, out),
        types.uint16: lambda weights, scales, x, out: matmul_float16(weights, x, out),
        types.int16: lambda weights, scales, x, out: matmul_bfloat16(weights, x, out),
    }[weights.dtype]


def _quantised(weights, scales, x, out):
    tokens, groups = x.shape[0], x.shape[1] // GROUP
    codes = np.empty((tokens, groups * GROUP), np.int8)
    x_scales, starts = np.empty((tokens, groups), np.float32), np.empty((tokens, groups), np.int32)
    zero_point = 128 if weights.shape[2] == 8 else 8
    if tokens >= WORTH_SHARING:
        quantise_rows(x, codes, x_scales, starts, zero_point)
    else:
        for token in range(tokens):
            quantise_row(x[token], codes[token], x_scales[token], starts[token], zero_point)
    if weights.shape[2] == 8:
        matmul_int8(weights, scales, codes, x_scales, starts, out)
    else:
        matmul_int4(weights, scales, codes, x_scales, starts, out)


@njit(nogil=True, cache=True)
def project(weights, scales, bias, x):
    """A product with its bias, in a new array whose columns are padded to whole groups with zeros."""
    rows = len(weights) * LANES
    out = np.empty((len(x), -(-rows // PADDING) * PADDING), np.float32)
    product(weights, scales, x, out)
    # Loops, not slices: the messages for slices that do not fit take numba longer to compile than all of this.
    for token in range(len(x)):
        for column in range(rows, out.shape[1]):
            out[token, column] = 0
        for column in range(len(bias)):
            out[token, column] += bias[column]
    return out


# Written into ``layers``, which alone calls them: each function that is compiled by itself costs its callees once more.
@njit(nogil=True, inline="always")
def attention(x, norm_weight, eps, qkv, qkv_scales, qkv_bias, o, o_scales, o_bias, cos, sin, place, sizes, scale):
    """``x += o(attention(qkv(norm(x))))`` for ``x`` [rows, K] of several sequences.

    ``place``: the rows' places in the cache, the attention's items, their firsts and the blocks (see attend.py), and
    the offsets of this layer's keys, values and scales. ``sizes``: hidden size, heads, key/value heads, head_dim,
    window, item bytes, and where queries, keys and values begin in a row of qkv.
    """
    table, items, firsts, blocks, offsets = place
    hidden, heads, kv_heads, head_dim, window, item = sizes[:6]
    groups = heads // kv_heads
    normed = np.empty_like(x)
    norm(x, norm_weight, eps, hidden, normed)
    mixed_qkv = project(qkv, qkv_scales, qkv_bias, normed)
    rope_and_store_rows(mixed_qkv, cos, sin, sizes[6:], heads, kv_heads, head_dim, table, offsets, item)
    rows = 0
    for index in range(len(items)):
        rows = max(rows, items[index, 2] * groups)
    padded = -(-head_dim // LANES) * LANES
    mixes = np.empty((len(items), rows, padded), np.float32)
    peaks, totals = np.empty((len(items), rows), np.float32), np.empty((len(items), rows), np.float32)
    attend(mixed_qkv, items, blocks, offsets, item, kv_heads, groups, head_dim, window, scale, mixes, peaks, totals)
    mixed = np.zeros((len(x), -(-heads * head_dim // PADDING) * PADDING), np.float32)
    merge(items, firsts, groups, head_dim, mixes, peaks, totals, mixed)
    delta = np.empty((len(x), len(o) * LANES), np.float32)
    product(o, o_scales, mixed, delta)
    add(x, delta, o_bias, hidden)


@njit(nogil=True, inline="always")
def feed_forward(x, hidden, norm_weight, eps, gate_up, gate_up_scales, gate_up_bias, down, down_scales, down_bias):
    """``x += down(silu(gate(norm(x))) * up(norm(x)))``; gate and up stand in halves of one matrix."""
    normed = np.empty_like(x)
    norm(x, norm_weight, eps, hidden, normed)
    both = project(gate_up, gate_up_scales, gate_up_bias, normed)
    middle = len(gate_up) * LANES // 2
    gated = np.zeros((len(x), -(-middle // PADDING) * PADDING), np.float32)
    swiglu(both, middle, gated)
    delta = np.empty((len(x), len(down) * LANES), np.float32)
    product(down, down_scales, gated, delta)
    add(x, delta, down_bias, hidden)


def _elsewhere(typing, array, address):
    """An array like ``array`` whose numbers lie at ``address``; somebody else keeps them alive."""

    def generate(context, b, signature, values):
        (kind, _), (array, address) = signature.args, values
        like, made = make_array(kind)(context, b, array), make_array(kind)(context, b)
        for name in ("nitems", "itemsize", "shape", "strides"):
            setattr(made, name, getattr(like, name))
        made.data = b.inttoptr(address, like.data.type)
        null = cgutils.get_null_value
        made.meminfo, made.parent = null(like.meminfo.type), null(like.parent.type)
        return made._getvalue()

    return array(array, types.int64), generate


elsewhere: Any = intrinsic(_elsewhere)


@njit(nogil=True, cache=True)
def layers(x, first, last, addresses, like, eps, cos, sin, place, layer_bytes, sizes, scale):
    """The layers from ``first`` to ``last`` - 1 on ``x``, their arrays at ``addresses`` int64 [layers, 14].

    ``like``: such arrays of one of these layers, in the order in which they are taken here. ``place``: as ``attention``
    takes it but for the offsets; ``layer_bytes``: of a layer's keys, values and scales in a block of the cache.
    """
    for layer in range(first, last):
        at = addresses[layer]
        keys = layer * (layer_bytes[0] + layer_bytes[1] + layer_bytes[2])
        values = keys + layer_bytes[0]
        attention(
            x,
            elsewhere(like[0], at[0]),
            eps,
            elsewhere(like[1], at[1]),
            elsewhere(like[2], at[2]),
            elsewhere(like[3], at[3]),
            elsewhere(like[4], at[4]),
            elsewhere(like[5], at[5]),
            elsewhere(like[6], at[6]),
            cos,
            sin,
            (place[0], place[1], place[2], place[3], (keys, values, values + layer_bytes[1])),
            sizes,
            scale,
        )
        feed_forward(
            x,
            sizes[0],
            elsewhere(like[7], at[7]),
            eps,
            elsewhere(like[8], at[8]),
            elsewhere(like[9], at[9]),
            elsewhere(like[10], at[10]),
            elsewhere(like[11], at[11]),
            elsewhere(like[12], at[12]),
            elsewhere(like[13], at[13]),
        )
