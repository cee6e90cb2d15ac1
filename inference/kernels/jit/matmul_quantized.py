"""Tiles of matrix products with quantized weights: one pass over the weights, whatever the number of tokens.

A tile is sixteen rows times some tokens, over all of K, its sums in registers:

    for each group:            32 inputs
        sum  = correction      int32, 16 rows      takes the zero point back
        sum += weights · x     int32, exact        eight steps of four inputs; dot_product.py
        out  = fma(sum, weight scale * x scale, out)      float32, in the order of the groups
        out  = fma(minimum, sum of x * x scale, out)      where groups have minimums instead of a zero point

So an output depends on its row and its token alone, not on the tile it was computed in: the same bits come out for one
token, for eight sessions together and for a prompt in chunks of any size.
"""

from collections.abc import Callable

from llvmlite import ir

from inference.kernels.jit import simd
from inference.kernels.jit.dot_product import Values
from inference.kernels.jit.llvm import F32X16, FLOAT, I8X64, I16, I32, I32X16, I64, broadcast, constant, load, store
from inference.kernels.jit.numba_internals import alloca_once, for_range
from inference.kernels.jit.scales import load_base_exponents, load_scales
from inference.kernels.jit.target import target
from inference.kernels.jit.tiling import Operand, offset, tiles
from inference.kernels.layout import GROUP, LANES, ORIGIN_ROWS, Packing

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
    packing: Packing,
) -> None:
    """Build the product of ``blocks`` blocks of rows with all tokens.

    ``weights``, ``scales`` and ``out`` begin at the first of the blocks; ``x`` are the parts of Activations.
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
            packing,
        )


def _build_tile(
    b: ir.IRBuilder,
    weights: Operand,
    scales: Operand,
    x: tuple[Operand, ...],
    out: Operand,
    size: tuple[int, int],
    packing: Packing,
) -> None:
    """Build one tile of ``size`` (blocks, tokens), each of its sums of sixteen rows in a register."""
    blocks, tokens = size
    values, x_scales, x_sums = x
    steps, dot = GROUP * packing.bits // 32, target().dots[packing.bits]
    pairs = [(block, token) for block in range(blocks) for token in range(tokens)]
    load_group = _scale_loader(b, [scales.row(b, block) for block in range(blocks)], packing)
    sums = {pair: alloca_once(b, F32X16) for pair in pairs}
    for pair in pairs:
        b.store(constant(0.0), sums[pair])
    with for_range(b, x_scales.shape[1]) as loop:
        scalar = b.mul(loop.index, I64(4))
        group_weights = b.mul(loop.index, I64(steps * STEP_BYTES))
        group_inputs = b.mul(loop.index, I64(GROUP * values.item_bytes))
        totals: dict[tuple[int, int], Values] = {}
        starts: list[ir.Value] = []
        group_sums = [load(b, offset(b, x_sums.row(b, token), scalar), I32, 4) for token in range(tokens)]
        for token in range(tokens):
            start = constant(0, I32X16) if packing.minimums else broadcast(b, group_sums[token], I32X16)
            starts.append(start)
            totals |= {(block, token): dot.begin(b, start) for block in range(blocks)}
        for step in range(steps):
            if len(pairs) == 1:
                ahead = offset(b, weights.address, group_weights, step * STEP_BYTES + PREFETCH_AHEAD)
                simd.prefetch_nta.build(b, ahead)
            packed = [
                load(b, offset(b, weights.row(b, block), group_weights, step * STEP_BYTES), I8X64, 64)
                for block in range(blocks)
            ]
            for half, unpack in enumerate(HALVES[packing.bits]):
                parts = [dot.split(b, unpack(b, vector)) for vector in packed]
                for token in range(tokens):
                    place = 4 * (step + half * steps) * values.item_bytes
                    inputs = dot.inputs(b, offset(b, values.row(b, token), group_inputs, place))
                    for block in range(blocks):
                        totals[block, token] = dot.add(b, totals[block, token], parts[block], inputs)
        group_scales = [load_group(block, loop.index) for block in range(blocks)]
        for token in range(tokens):
            x_scale = load(b, offset(b, x_scales.row(b, token), scalar), FLOAT, 4)
            x_sum = b.fmul(b.sitofp(group_sums[token], FLOAT), x_scale)
            for block, (row_scales, minimums) in enumerate(group_scales):
                scale = b.fmul(row_scales, broadcast(b, x_scale, F32X16))
                total = b.sitofp(dot.end(b, totals[block, token], starts[token]), F32X16)
                product = simd.fma.build(b, total, scale, b.load(sums[block, token]))
                if minimums is not None:
                    product = simd.fma.build(b, minimums, broadcast(b, x_sum, F32X16), product)
                b.store(product, sums[block, token])
    for block, token in pairs:
        store(b, offset(b, out.row(b, token), 4 * LANES * block), b.load(sums[block, token]), 4)


def _scale_loader(
    b: ir.IRBuilder, addresses: list[ir.Value], packing: Packing
) -> Callable[[int, ir.Value], tuple[ir.Value, ir.Value | None]]:
    """Return what loads the scales of a group in one of the blocks at ``addresses``, and its minimums if it has any."""
    if packing.minimums:
        float16 = 2 * LANES

        def load_both(block: int, group: ir.Value) -> tuple[ir.Value, ir.Value | None]:
            where = offset(b, addresses[block], b.mul(group, I64(2 * float16)))
            return simd.load_f16.build(b, where), simd.load_f16.build(b, offset(b, where, float16))

        return load_both
    bases = [load_base_exponents.build(b, address) for address in addresses]

    def load_bytes(block: int, group: ir.Value) -> tuple[ir.Value, ir.Value | None]:
        where = offset(b, addresses[block], b.mul(group, I64(LANES)), ORIGIN_ROWS * LANES)
        return load_scales.build(b, where, bases[block]), None

    return load_bytes


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
