"""Matrix products with quantised weights: one pass over the weights, whatever the number of tokens.

A tile is sixteen rows times some tokens, over all of K, its sums in registers:

    for each group:            32 inputs
        sum  = start           int32, 16 rows      what takes the zero point back
        sum += weights · x     int32, exact        eight steps of four inputs
        out  = fma(sum, weight scale * x scale, out)      float32, in the order of the groups

So an output depends on its row and its token alone, not on the tile it was computed in: the same bits come out for one
token, for eight sessions together and for a prompt in chunks of any size.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from inference.kernels import simd
from inference.kernels.layout import GROUP, LANES
from inference.kernels.simd import F32X16, I32X16, I64
from inference.kernels.words import cut

# Tokens per tile, largest first: what the registers hold beside the weights.
TILES = (16, 4, 2, 1)
STEP_BYTES = 4 * LANES


def make_block(bits: int) -> Any:
    """An intrinsic: one block of sixteen rows times all tokens.

    Its arguments are addresses (of weights, their scales, activations, their scales, their starts, the output), the
    numbers of tokens and groups, and strides in bytes from a token to the next: of activations, of scales and starts,
    of outputs.
    """

    def generate(context: Any, b: ir.IRBuilder, signature: Any, values: Any) -> Any:
        weights, scales, x, x_scales, starts, out, tokens, groups, x_stride, xs_stride, out_stride = values
        for size, first in cut(b, tokens, TILES):
            where = [
                b.add(base, b.mul(first, stride))
                for base, stride in ((x, x_stride), (x_scales, xs_stride), (starts, xs_stride), (out, out_stride))
            ]
            tile(b, bits, size, (weights, scales, *where), groups, (x_stride, xs_stride, out_stride))
        return context.get_dummy_value()

    @intrinsic
    def block(typing, weights, scales, x, x_scales, starts, out, tokens, groups, x_stride, xs_stride, out_stride):
        return types.void(*[types.int64] * 11), generate

    return block


def tile(
    b: ir.IRBuilder, bits: int, tokens: int, addresses: tuple[ir.Value, ...], groups: ir.Value, strides: Any
) -> None:
    """Write out one tile: ``tokens`` sums of sixteen rows, each a register."""
    weights, scales, x, x_scales, starts, out = addresses
    x_stride, xs_stride, out_stride = strides
    steps = GROUP * bits // 32
    every = range(tokens)

    def plus(base: ir.Value, *offsets: ir.Value | int) -> ir.Value:
        for offset in offsets:
            base = b.add(base, I64(offset) if isinstance(offset, int) else offset)
        return base

    def of(token: int, stride: ir.Value) -> ir.Value:
        return b.mul(I64(token), stride)

    sums = [cgutils.alloca_once_value(b, simd.constant(0.0)) for _ in every]
    with cgutils.for_range(b, groups) as loop:
        scalar = b.mul(loop.index, I64(4))
        group_weights = plus(weights, b.mul(loop.index, I64(steps * STEP_BYTES)))
        group_inputs = plus(x, b.mul(loop.index, I64(GROUP)))
        totals = []
        for token in every:
            start = simd.load(b, plus(starts, of(token, xs_stride), scalar), simd.I32, 4)
            totals.append(simd.splat(b, start, I32X16))
        for step in range(steps):
            packed = simd.load(b, plus(group_weights, step * STEP_BYTES), simd.I8X64, 64)
            for half, read in enumerate(HALVES[bits]):
                unsigned = read(b, packed)
                for token in every:
                    inputs = plus(group_inputs, of(token, x_stride), 4 * (step + half * steps))
                    totals[token] = simd.dot4.build(b, totals[token], unsigned, simd.splat_bytes.build(b, inputs))
        row_scales = simd.load_f16.build(b, plus(scales, b.mul(loop.index, I64(2 * LANES))))
        for token in every:
            x_scale = simd.load(b, plus(x_scales, of(token, xs_stride), scalar), simd.FLOAT, 4)
            scale = b.fmul(row_scales, simd.splat(b, x_scale, F32X16))
            total = b.sitofp(totals[token], F32X16)
            b.store(simd.fma.build(b, total, scale, b.load(sums[token])), sums[token])
    for token in every:
        simd.store(b, plus(out, of(token, out_stride)), b.load(sums[token]), 4)


# A step of int4 is two of int8's: the low nibbles belong to the group's first half, the high ones to its second.
HALVES: dict[int, tuple[Callable[[ir.IRBuilder, ir.Value], ir.Value], ...]] = {
    8: (lambda b, packed: packed,),
    4: (simd.low_nibbles.build, simd.high_nibbles.build),
}
int8_block, int4_block = make_block(8), make_block(4)


@njit(parallel=True, nogil=True, cache=True)
def matmul_int8(weights, scales, x, x_scales, starts, out):
    """``out`` float32 [tokens, rows]: packed weights times ``x`` int8 [tokens, K], its scales and starts."""
    for block in prange(weights.shape[0]):
        int8_block(
            weights.ctypes.data + block * weights.strides[0],
            scales.ctypes.data + block * scales.strides[0],
            x.ctypes.data,
            x_scales.ctypes.data,
            starts.ctypes.data,
            out.ctypes.data + block * LANES * 4,
            x.shape[0],
            x_scales.shape[1],
            x.strides[0],
            x_scales.strides[0],
            out.strides[0],
        )


@njit(parallel=True, nogil=True, cache=True)
def matmul_int4(weights, scales, x, x_scales, starts, out):
    """As ``matmul_int8``, for weights of four bits."""
    for block in prange(weights.shape[0]):
        int4_block(
            weights.ctypes.data + block * weights.strides[0],
            scales.ctypes.data + block * scales.strides[0],
            x.ctypes.data,
            x_scales.ctypes.data,
            starts.ctypes.data,
            out.ctypes.data + block * LANES * 4,
            x.shape[0],
            x_scales.shape[1],
            x.strides[0],
            x_scales.strides[0],
            out.strides[0],
        )
