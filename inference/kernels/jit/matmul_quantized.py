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

from inference.kernels.jit import dot_product, simd
from inference.kernels.jit.matmul_dense import cut
from inference.kernels.jit.scales import load_origins, load_scales
from inference.kernels.jit.simd import F32X16, I32X16, I64
from inference.kernels.jit.target import instruction_set
from inference.kernels.layout import GROUP, LANES, ORIGIN_ROWS

# Tokens per tile for each number of blocks, largest first: sixteen sums fill the registers of AVX-512, and others have
# fewer and smaller ones. A prompt takes four blocks at a time, so that each token's bytes are broadcast once for all of
# them; a few tokens take one, so that weights come in one stream.
TOGETHER = 4
TILES: dict[str, dict[int, tuple[int, ...]]] = {
    "avx512-vnni": {1: (16, 4, 2, 1), TOGETHER: (4, 2, 1)},
    "avx512": {1: (16, 4, 2, 1), TOGETHER: (4, 2, 1)},
    "avx2": {1: (4, 1), TOGETHER: (4, 1)},
    "generic": {1: (4, 1), TOGETHER: (1,)},
}
MANY_TOKENS = 16
STEP_BYTES = 4 * LANES
# One token waits for its weights alone: so many bytes are under way, more than the CPU fetches by itself.
FETCH_AHEAD = 4096


def make_blocks(bits: int) -> Any:
    """An intrinsic: some blocks of sixteen rows times all tokens.

    Its arguments are addresses (of weights, their scales, activations, their scales, their starts, the output), the
    numbers of blocks, tokens and groups, and strides in bytes: from a block to the next of weights and scales, from a
    token to the next of activations, of their scales and starts, and of outputs.
    """

    def generate(context: Any, b: ir.IRBuilder, signature: Any, values: Any) -> Any:
        weights, scales, x, x_scales, starts, out, blocks, tokens, groups, *strides = values
        w_stride, s_stride, x_stride, xs_stride, out_stride = strides
        for block_count, block in cut(b, blocks, (TOGETHER, 1)):
            for token_count, token in cut(b, tokens, TILES[instruction_set()][block_count]):
                outputs = b.add(out, b.mul(block, I64(4 * LANES)))
                addresses = [b.add(weights, b.mul(block, w_stride)), b.add(scales, b.mul(block, s_stride))] + [
                    b.add(base, b.mul(token, stride))
                    for base, stride in (
                        (x, x_stride),
                        (x_scales, xs_stride),
                        (starts, xs_stride),
                        (outputs, out_stride),
                    )
                ]
                tile(b, bits, block_count, token_count, addresses, groups, strides)
        return context.get_dummy_value()

    @intrinsic
    def some_blocks(
        typing,
        weights,
        scales,
        x,
        x_scales,
        starts,
        out,
        blocks,
        tokens,
        groups,
        w_stride,
        s_stride,
        x_stride,
        xs_stride,
        out_stride,
    ):
        return types.void(*[types.int64] * 14), generate

    return some_blocks


def tile(b: ir.IRBuilder, bits: int, blocks: int, tokens: int, addresses: Any, groups: ir.Value, strides: Any) -> None:
    """Write out one tile, each of its sums of sixteen rows in a register."""
    weights, scales, x, x_scales, starts, out = addresses
    w_stride, s_stride, x_stride, xs_stride, out_stride = strides
    steps = GROUP * bits // 32
    pairs = [(block, token) for block in range(blocks) for token in range(tokens)]

    def plus(base: ir.Value, *offsets: ir.Value | int) -> ir.Value:
        for offset in offsets:
            base = b.add(base, I64(offset) if isinstance(offset, int) else offset)
        return base

    def of(index: int, stride: ir.Value) -> ir.Value:
        return b.mul(I64(index), stride)

    origins = [load_origins.build(b, plus(scales, of(block, s_stride))) for block in range(blocks)]
    sums = {pair: cgutils.alloca_once(b, F32X16) for pair in pairs}
    for pair in pairs:
        b.store(simd.constant(0.0), sums[pair])
    with cgutils.for_range(b, groups) as loop:
        scalar = b.mul(loop.index, I64(4))
        group_weights = plus(weights, b.mul(loop.index, I64(steps * STEP_BYTES)))
        group_inputs = plus(x, b.mul(loop.index, I64(GROUP)))
        totals: dict[tuple[int, int], ir.Value] = {}
        for token in range(tokens):
            start = simd.splat(b, simd.load(b, plus(starts, of(token, xs_stride), scalar), simd.I32, 4), I32X16)
            totals |= {(block, token): start for block in range(blocks)}
        for step in range(steps):
            if len(pairs) == 1:
                simd.fetch_once.build(b, plus(group_weights, step * STEP_BYTES + FETCH_AHEAD))
            packed = [
                simd.load(b, plus(group_weights, of(block, w_stride), step * STEP_BYTES), simd.I8X64, 64)
                for block in range(blocks)
            ]
            for half, read in enumerate(HALVES[bits]):
                unsigned = [read(b, vector) for vector in packed]
                for token in range(tokens):
                    inputs = plus(group_inputs, of(token, x_stride), 4 * (step + half * steps))
                    four = simd.splat_bytes.build(b, inputs)
                    for block in range(blocks):
                        totals[block, token] = dot_product.dot4.build(b, totals[block, token], unsigned[block], four)
        where = plus(scales, b.mul(loop.index, I64(LANES)), ORIGIN_ROWS * LANES)
        row_scales = [load_scales.build(b, plus(where, of(block, s_stride)), origins[block]) for block in range(blocks)]
        for token in range(tokens):
            x_scale = simd.load(b, plus(x_scales, of(token, xs_stride), scalar), simd.FLOAT, 4)
            for block in range(blocks):
                scale = b.fmul(row_scales[block], simd.splat(b, x_scale, F32X16))
                total = b.sitofp(totals[block, token], F32X16)
                b.store(simd.fma.build(b, total, scale, b.load(sums[block, token])), sums[block, token])
    for block, token in pairs:
        simd.store(b, plus(out, of(token, out_stride), 4 * LANES * block), b.load(sums[block, token]), 4)


# A step of int4 is two of int8's: the low nibbles belong to the group's first half, the high ones to its second.
HALVES: dict[int, tuple[Callable[[ir.IRBuilder, ir.Value], ir.Value], ...]] = {
    8: (lambda b, packed: packed,),
    4: (dot_product.low_nibbles.build, dot_product.high_nibbles.build),
}
int8_blocks, int4_blocks = make_blocks(8), make_blocks(4)


@njit(parallel=True, nogil=True, cache=True)
def matmul_int8(weights, scales, x, x_scales, starts, out):
    """``out`` float32 [tokens, rows]: packed weights times ``x`` int8 [tokens, K], its scales and starts."""
    together = TOGETHER if len(x) >= MANY_TOKENS else 1
    w_stride, s_stride, xs_stride = weights.strides[0], scales.strides[0], x_scales.strides[0]
    for first in prange(-(-len(weights) // together)):
        block = first * together
        int8_blocks(
            weights.ctypes.data + block * w_stride,
            scales.ctypes.data + block * s_stride,
            x.ctypes.data,
            x_scales.ctypes.data,
            starts.ctypes.data,
            out.ctypes.data + block * LANES * 4,
            min(together, len(weights) - block),
            x.shape[0],
            x_scales.shape[1],
            w_stride,
            s_stride,
            x.strides[0],
            xs_stride,
            out.strides[0],
        )


@njit(parallel=True, nogil=True, cache=True)
def matmul_int4(weights, scales, x, x_scales, starts, out):
    """As ``matmul_int8``, for weights of four bits."""
    together = TOGETHER if len(x) >= MANY_TOKENS else 1
    w_stride, s_stride, xs_stride = weights.strides[0], scales.strides[0], x_scales.strides[0]
    for first in prange(-(-len(weights) // together)):
        block = first * together
        int4_blocks(
            weights.ctypes.data + block * w_stride,
            scales.ctypes.data + block * s_stride,
            x.ctypes.data,
            x_scales.ctypes.data,
            starts.ctypes.data,
            out.ctypes.data + block * LANES * 4,
            min(together, len(weights) - block),
            x.shape[0],
            x_scales.shape[1],
            w_stride,
            s_stride,
            x.strides[0],
            xs_stride,
            out.strides[0],
        )
