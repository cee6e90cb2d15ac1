"""Matrix products with weights kept as they are stored, float32, float16 or bfloat16; all arithmetic in float32.

    weights [rows/16][K][16 rows]        one vector is the same input of sixteen rows

A tile is some blocks of sixteen rows times some tokens. Each sum takes the inputs in order, one fused multiply-add
each, so an output depends on its row and its token alone, not on the tile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from inference.kernels.jit import simd
from inference.kernels.jit.simd import F32X16, I64
from inference.kernels.layout import LANES

# Blocks that go together, so that one sum's latency hides behind another's; tokens per tile, largest first.
TOGETHER = 4
TILES = (4, 2, 1)


def make_blocks(read: Any, item: int) -> Any:
    """An intrinsic: some blocks of sixteen rows times all tokens; ``read`` widens sixteen words of ``item`` bytes.

    Its arguments are the addresses of weights, activations and outputs, the numbers of blocks, tokens and inputs, and
    the strides in bytes from a block of weights to the next, and from a token to the next of activations and outputs.
    """

    def generate(context: Any, b: ir.IRBuilder, signature: Any, values: Any) -> Any:
        weights, x, out, blocks, tokens, inputs, block_stride, x_stride, out_stride = values
        for block_count, block in cut(b, blocks, (TOGETHER, 1)):
            for token_count, token in cut(b, tokens, TILES):
                addresses = (
                    b.add(weights, b.mul(block, block_stride)),
                    b.add(x, b.mul(token, x_stride)),
                    b.add(out, b.add(b.mul(token, out_stride), b.mul(block, I64(4 * LANES)))),
                )
                strides = (block_stride, x_stride, out_stride)
                tile(b, read, item, block_count, token_count, addresses, inputs, strides)
        return context.get_dummy_value()

    @intrinsic
    def block(typing, weights, x, out, blocks, tokens, inputs, block_stride, x_stride, out_stride):
        return types.void(*[types.int64] * 9), generate

    return block


def cut(b: ir.IRBuilder, total: ir.Value, sizes: tuple[int, ...]) -> Iterator[tuple[int, ir.Value]]:
    """Loops that cover ``total`` in pieces of ``sizes``, largest first: each size, and where its piece begins."""
    done: ir.Value = I64(0)
    for size in sizes:
        count = b.sdiv(b.sub(total, done), I64(size))
        with _loop(b, count) as index:
            yield size, b.add(done, b.mul(index, I64(size)))
        done = b.add(done, b.mul(count, I64(size)))


@contextmanager
def _loop(b: ir.IRBuilder, count: ir.Value) -> Iterator[ir.Value]:
    with cgutils.for_range(b, count) as loop:
        yield loop.index


def tile(
    b: ir.IRBuilder, read: Any, item: int, blocks: int, tokens: int, addresses: Any, inputs: ir.Value, strides: Any
) -> None:
    """Write out one tile, its sums in registers."""
    weights, x, out = addresses
    block_stride, x_stride, out_stride = strides
    pairs = [(block, token) for block in range(blocks) for token in range(tokens)]
    sums = {pair: cgutils.alloca_once(b, F32X16) for pair in pairs}
    for pair in pairs:
        b.store(simd.constant(0.0), sums[pair])
    with cgutils.for_range(b, inputs) as loop:
        row = b.add(weights, b.mul(loop.index, I64(item * LANES)))
        vectors = [read.build(b, b.add(row, b.mul(I64(block), block_stride))) for block in range(blocks)]
        for token in range(tokens):
            where = b.add(b.add(x, b.mul(I64(token), x_stride)), b.mul(loop.index, I64(4)))
            value = simd.splat(b, simd.load(b, where, simd.FLOAT, 4), F32X16)
            for block in range(blocks):
                total = sums[block, token]
                b.store(simd.fma.build(b, vectors[block], value, b.load(total)), total)
    for block, token in pairs:
        where = b.add(b.add(out, b.mul(I64(token), out_stride)), I64(4 * LANES * block))
        simd.store(b, where, b.load(sums[block, token]), 4)


f32_blocks, f16_blocks, bf16_blocks = (
    make_blocks(read, item) for read, item in ((simd.load_f32, 4), (simd.load_f16, 2), (simd.load_bf16, 2))
)


@njit(parallel=True, nogil=True, cache=True)
def matmul_float32(weights, x, out):
    """``out`` float32 [tokens, rows] from packed float32 weights and ``x`` float32 [tokens, K]."""
    stride, tokens, inputs = weights.strides[0], x.shape[0], x.shape[1]
    for first in prange(-(-len(weights) // TOGETHER)):
        block = first * TOGETHER
        w, o, count = weights.ctypes.data + block * stride, out.ctypes.data + block * LANES * 4, len(weights) - block
        count = min(count, TOGETHER)
        f32_blocks(w, x.ctypes.data, o, count, tokens, inputs, stride, x.strides[0], out.strides[0])


@njit(parallel=True, nogil=True, cache=True)
def matmul_float16(weights, x, out):
    """As ``matmul_float32``, for float16 weights in uint16 words."""
    stride, tokens, inputs = weights.strides[0], x.shape[0], x.shape[1]
    for first in prange(-(-len(weights) // TOGETHER)):
        block = first * TOGETHER
        w, o, count = weights.ctypes.data + block * stride, out.ctypes.data + block * LANES * 4, len(weights) - block
        count = min(count, TOGETHER)
        f16_blocks(w, x.ctypes.data, o, count, tokens, inputs, stride, x.strides[0], out.strides[0])


@njit(parallel=True, nogil=True, cache=True)
def matmul_bfloat16(weights, x, out):
    """As ``matmul_float32``, for bfloat16 weights in int16 words."""
    stride, tokens, inputs = weights.strides[0], x.shape[0], x.shape[1]
    for first in prange(-(-len(weights) // TOGETHER)):
        block = first * TOGETHER
        w, o, count = weights.ctypes.data + block * stride, out.ctypes.data + block * LANES * 4, len(weights) - block
        count = min(count, TOGETHER)
        bf16_blocks(w, x.ctypes.data, o, count, tokens, inputs, stride, x.strides[0], out.strides[0])
