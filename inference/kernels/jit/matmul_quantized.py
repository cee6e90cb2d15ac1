"""Tiles of matrix products with quantized weights: one pass over the weights, whatever the number of tokens.

A tile is sixteen rows times some tokens, over all of K, its sums in registers:

    for each group:            32 inputs
        sum  = correction      int32, 16 rows      takes the zero point back
        sum += weights · x     int32, exact        eight steps of four inputs
        out  = fma(sum, weight scale * x scale, out)      float32, in the order of the groups

So an output depends on its row and its token alone, not on the tile it was computed in: the same bits come out for one
token, for eight sessions together and for a prompt in chunks of any size.
"""

from collections.abc import Callable

from llvmlite import ir

from inference.kernels.jit import simd
from inference.kernels.jit.llvm import F32X16, FLOAT, I8X64, I16, I32, I32X16, I64, broadcast, constant, load, store
from inference.kernels.jit.numba_internals import alloca_once, for_range
from inference.kernels.jit.scales import load_base_exponents, load_scales
from inference.kernels.jit.target import target
from inference.kernels.jit.tiling import Operand, offset, tiles
from inference.kernels.layout import GROUP, LANES, ORIGIN_ROWS

# A prompt takes some blocks at a time, so that each token's bytes are broadcast once for all of them; with fewer tokens
# than MANY_TOKENS a block goes alone, so that weights come in one stream.
MANY_TOKENS = 16
STEP_BYTES = 4 * LANES
# One token only waits for its weights: prefetch further ahead than the CPU does by itself.
PREFETCH_AHEAD = 4096
I16X32 = ir.VectorType(I16, 32)


def build_blocks(
    b: ir.IRBuilder,
    weights: Operand,
    scales: Operand,
    x: tuple[Operand, ...],
    out: Operand,
    blocks: ir.Value,
    bits: int,
) -> None:
    """Build the product of ``blocks`` blocks of rows with all tokens.

    ``weights``, ``scales`` and ``out`` begin at the first of the blocks; ``x`` are the int8 values, the scales and the
    corrections of Activations.
    """
    tokens = x[0].shape[0]
    for block_count, block, token_count, token in tiles(b, blocks, tokens, target().tiles):
        _build_tile(
            b,
            weights.skip(b, block),
            scales.skip(b, block),
            tuple(part.skip(b, token) for part in x),
            out.skip(b, token).plus(b, b.mul(block, I64(4 * LANES))),
            (block_count, token_count),
            bits,
        )


def _build_tile(
    b: ir.IRBuilder,
    weights: Operand,
    scales: Operand,
    x: tuple[Operand, ...],
    out: Operand,
    size: tuple[int, int],
    bits: int,
) -> None:
    """Build one tile of ``size`` (blocks, tokens), each of its sums of sixteen rows in a register."""
    blocks, tokens = size
    values, x_scales, corrections = x
    steps = GROUP * bits // 32
    pairs = [(block, token) for block in range(blocks) for token in range(tokens)]
    bases = [load_base_exponents.build(b, scales.row(b, block)) for block in range(blocks)]
    sums = {pair: alloca_once(b, F32X16) for pair in pairs}
    for pair in pairs:
        b.store(constant(0.0), sums[pair])
    with for_range(b, x_scales.shape[1]) as loop:
        scalar = b.mul(loop.index, I64(4))
        group_weights = b.mul(loop.index, I64(steps * STEP_BYTES))
        group_inputs = b.mul(loop.index, I64(GROUP))
        totals: dict[tuple[int, int], ir.Value] = {}
        for token in range(tokens):
            correction = load(b, offset(b, corrections.row(b, token), scalar), I32, 4)
            totals |= {(block, token): broadcast(b, correction, I32X16) for block in range(blocks)}
        for step in range(steps):
            if len(pairs) == 1:
                ahead = offset(b, weights.address, group_weights, step * STEP_BYTES + PREFETCH_AHEAD)
                simd.prefetch_nta.build(b, ahead)
            packed = [
                load(b, offset(b, weights.row(b, block), group_weights, step * STEP_BYTES), I8X64, 64)
                for block in range(blocks)
            ]
            for half, unpack in enumerate(HALVES[bits]):
                unsigned = [unpack(b, vector) for vector in packed]
                for token in range(tokens):
                    inputs = offset(b, values.row(b, token), group_inputs, 4 * (step + half * steps))
                    signed = b.bitcast(broadcast(b, load(b, inputs, I32, 4), I32X16), I8X64)
                    for block in range(blocks):
                        totals[block, token] = target().dot4(b, totals[block, token], unsigned[block], signed)
        group_scales = offset(b, b.mul(loop.index, I64(LANES)), ORIGIN_ROWS * LANES)
        row_scales = [
            load_scales.build(b, offset(b, scales.row(b, block), group_scales), bases[block]) for block in range(blocks)
        ]
        for token in range(tokens):
            x_scale = broadcast(b, load(b, offset(b, x_scales.row(b, token), scalar), FLOAT, 4), F32X16)
            for block in range(blocks):
                scale = b.fmul(row_scales[block], x_scale)
                total = b.sitofp(totals[block, token], F32X16)
                b.store(simd.fma.build(b, total, scale, b.load(sums[block, token])), sums[block, token])
    for block, token in pairs:
        store(b, offset(b, out.row(b, token), 4 * LANES * block), b.load(sums[block, token]), 4)


def _low_nibbles(b: ir.IRBuilder, packed: ir.Value) -> ir.Value:
    return b.and_(packed, constant(15, I8X64))


def _high_nibbles(b: ir.IRBuilder, packed: ir.Value) -> ir.Value:
    shifted = b.lshr(b.bitcast(packed, I16X32), constant(4, I16X32))
    return b.and_(b.bitcast(shifted, I8X64), constant(15, I8X64))


# A step of int4 is two of int8's: the low nibbles belong to the group's first half, the high ones to its second.
HALVES: dict[int, tuple[Callable[[ir.IRBuilder, ir.Value], ir.Value], ...]] = {
    8: (lambda b, packed: packed,),
    4: (_low_nibbles, _high_nibbles),
}
