"""Tiles of matrix products with weights as they are stored, float32, float16 or bfloat16; all arithmetic in float32.

    weights [rows/16][K][16 rows]        one vector is the same input of sixteen rows

A tile is some blocks of sixteen rows times some tokens. Each sum takes the inputs in order, one fused multiply-add
each, so an output depends on its row and its token alone, not on the tile.
"""

from typing import Any

from llvmlite import ir

from inference.kernels.jit import simd
from inference.kernels.jit.llvm import F32X16, FLOAT, I64, broadcast, constant, load, store
from inference.kernels.jit.numba_internals import alloca_once, for_range
from inference.kernels.jit.tiling import Operand, offset, tiles
from inference.kernels.layout import LANES, STORAGE

# Blocks that go together, so that one sum's latency hides behind another's; tokens per tile, largest first.
BLOCKS_TOGETHER = 4
TILES = dict.fromkeys((BLOCKS_TOGETHER, 1), (4, 2, 1))
# How sixteen weights are read, by the dtype they are stored in.
READERS: dict[str, Any] = {
    STORAGE["float32"].name: simd.load_f32,
    STORAGE["float16"].name: simd.load_f16,
    STORAGE["bfloat16"].name: simd.load_bf16,
}


def build_blocks(b: ir.IRBuilder, weights: Operand, x: Operand, out: Operand, blocks: ir.Value, reader: Any) -> None:
    """Build the product of ``blocks`` blocks of rows with all tokens.

    ``weights`` and ``out`` begin at the first of the blocks; ``x`` is float32 [tokens, K].
    """
    for block_count, block, token_count, token in tiles(b, blocks, x.shape[0], TILES):
        _build_tile(
            b,
            weights.skip(b, block),
            x.skip(b, token),
            out.skip(b, token).plus(b, b.mul(block, I64(4 * LANES))),
            (block_count, token_count),
            reader,
        )


def _build_tile(
    b: ir.IRBuilder, weights: Operand, x: Operand, out: Operand, size: tuple[int, int], reader: Any
) -> None:
    """Build one tile of ``size`` (blocks, tokens), its sums in registers."""
    blocks, tokens = size
    pairs = [(block, token) for block in range(blocks) for token in range(tokens)]
    sums = {pair: alloca_once(b, F32X16) for pair in pairs}
    for pair in pairs:
        b.store(constant(0.0), sums[pair])
    with for_range(b, x.shape[1]) as loop:
        inputs = b.mul(loop.index, I64(weights.item_bytes * LANES))
        vectors = [reader.build(b, offset(b, weights.row(b, block), inputs)) for block in range(blocks)]
        for token in range(tokens):
            where = offset(b, x.row(b, token), b.mul(loop.index, I64(4)))
            value = broadcast(b, load(b, where, FLOAT, 4), F32X16)
            for block in range(blocks):
                total = sums[block, token]
                b.store(simd.fma.build(b, vectors[block], value, b.load(total)), total)
    for block, token in pairs:
        store(b, offset(b, out.row(b, token), 4 * LANES * block), b.load(sums[block, token]), 4)
