"""Grouped-query attention over the KV cache, one pass with an online softmax (arXiv 1805.02867, 2205.14135).

The cache holds blocks of BLOCK positions. For one layer and one key/value head (D = head_dim, padded to P lanes):

    keys    [BLOCK/16][D][16 positions]       one vector is the same dimension of sixteen neighboring positions,
    values  [BLOCK][P]                        so that scores need no sums across lanes

In int8, each key and each value of a head has a scale: float32 [BLOCK], a vector for sixteen neighboring positions,
which multiplies their scores, and their weights.

A row is one query: one head of one token. Rows meet the positions sixteen at a time, in order:

    s   = q · k                     D fused multiply-adds per row, a lane per position
    m   = max(m, s)                 the running maximum; what was summed so far shrinks by exp(old m - new m)
    p   = exp(s - m)                0 where the row may not look
    acc += p · v                    sixteen fused multiply-adds per lane of P

Long contexts are cut into spans of SPAN positions that cores share; their results are merged in order, always, so a
row's result depends on its query and on what it sees, never on its company, the chunking or the number of cores.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic

from inference.kernels.jit import simd
from inference.kernels.jit.llvm import F32X16, FLOAT, I64, broadcast, constant, load, store
from inference.kernels.jit.numba_internals import alloca_once_value, for_range
from inference.kernels.layout import BLOCK, LANES

SPAN = 512
ROW_TILE = 4
NEVER = np.float32(-1e30)
# How the numbers of a cache are read, by their size in bytes.
READERS: dict[int, Any] = {1: simd.load_i8, 2: simd.load_f16, 4: simd.load_f32}


class WorkItems(NamedTuple):
    """Pieces of attention that cores share: one key/value head, some tokens of one sequence, one span of positions.

    All are int64 [items]. ``row`` is the first token's row in the queries, ``tokens`` how many they are, ``position``
    the first token's position, ``span`` the span's first position, and ``table`` where the addresses of the sequence's
    cache blocks begin.
    """

    head: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]
    span: npt.NDArray[np.int64]
    table: npt.NDArray[np.int64]


def make_scores(rows: int) -> Any:
    """Return an intrinsic: the dot products of ``rows`` queries with the keys of sixteen positions.

    Arguments: addresses of keys [D][16], queries and scores; the bytes of a number in the keys; D; strides in bytes
    from a row to the next, of queries and of scores.
    """

    def generate(context: Any, b: ir.IRBuilder, signature: Any, values: Any) -> Any:
        keys, queries, out, item_bytes, head_dim, query_stride, out_stride = values

        def build(reader: Any, size: int) -> None:
            sums = [alloca_once_value(b, constant(0.0)) for _ in range(rows)]
            with for_range(b, head_dim) as loop:
                key = reader.build(b, b.add(keys, b.mul(loop.index, I64(size * LANES))))
                for row in range(rows):
                    where = b.add(queries, b.add(b.mul(I64(row), query_stride), b.mul(loop.index, I64(4))))
                    query = broadcast(b, load(b, where, FLOAT, 4), F32X16)
                    b.store(simd.fma.build(b, key, query, b.load(sums[row])), sums[row])
            for row in range(rows):
                store(b, b.add(out, b.mul(I64(row), out_stride)), b.load(sums[row]), 4)

        build_for_each_size(b, item_bytes, build)
        return context.get_dummy_value()

    @intrinsic
    def scores(typing, keys, queries, out, item_bytes, head_dim, query_stride, out_stride):
        return types.void(*[types.int64] * 7), generate

    return scores


def make_accumulate(rows: int) -> Any:
    """Return an intrinsic: ``acc += p · v`` for ``rows`` rows and sixteen lanes of the values of sixteen positions.

    Arguments: addresses of the values, the weights p and the sums; the bytes of a number in the values; strides in
    bytes from a position to the next, and from a row to the next of weights and of sums.
    """

    def generate(context: Any, b: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        values, weights, acc, item_bytes, position_stride, weight_stride, acc_stride = arguments

        def build(reader: Any, size: int) -> None:
            where = [b.add(acc, b.mul(I64(row), acc_stride)) for row in range(rows)]
            sums = [load(b, address, F32X16, 4) for address in where]
            for position in range(LANES):
                value = reader.build(b, b.add(values, b.mul(I64(position), position_stride)))
                for row in range(rows):
                    at = b.add(weights, b.add(b.mul(I64(row), weight_stride), I64(4 * position)))
                    weight = broadcast(b, load(b, at, FLOAT, 4), F32X16)
                    sums[row] = simd.fma.build(b, value, weight, sums[row])
            for address, total in zip(where, sums, strict=True):
                store(b, address, total, 4)

        build_for_each_size(b, item_bytes, build)
        return context.get_dummy_value()

    @intrinsic
    def accumulate(typing, values, weights, acc, item_bytes, position_stride, weight_stride, acc_stride):
        return types.void(*[types.int64] * 7), generate

    return accumulate


def build_for_each_size(b: ir.IRBuilder, item_bytes: ir.Value, build: Callable[[Any, int], None]) -> None:
    """Build the code for every size of number in a cache, to choose from at run time."""
    for size, reader in READERS.items():
        with b.if_then(b.icmp_signed("==", item_bytes, I64(size))):
            build(reader, size)


scores_of_row, scores_of_tile = make_scores(1), make_scores(ROW_TILE)
accumulate_row, accumulate_tile = make_accumulate(1), make_accumulate(ROW_TILE)


@njit(parallel=True, nogil=True, cache=True)
def attend(queries, work, blocks, cache, shape, acc, maximum, total):
    """Compute every work item's rows over its span, in parallel.

    Arrays that are written are arguments of their own: numba takes a write through a named tuple for dead code.

    Args:
        queries: float32 [tokens, at least heads * head_dim].
        work: WorkItems.
        blocks: int64, the addresses of the sequences' cache blocks.
        cache: CacheOffsets.
        shape: BlockShape.
        acc: float32 [items, rows, P], written: sums of weighted values.
        maximum: float32 [items, rows], written: the running maxima.
        total: float32 [items, rows], written: sums of weights.
    """
    padded = acc.shape[2]
    groups, head_dim, window = shape.heads // shape.kv_heads, shape.head_dim, shape.window
    item_bytes = cache.item_bytes
    for item in prange(len(work.head)):
        head, first_row, count = work.head[item], work.row[item], work.tokens[item]
        position, span, table = work.position[item], work.span[item], work.table[item]
        rows = count * groups
        scores = np.empty((rows, LANES), np.float32)
        sums = np.zeros((rows, LANES), np.float32)
        scaled = np.empty((rows, head_dim), np.float32)
        for token in range(count):
            for group in range(groups):
                start = (head * groups + group) * head_dim
                for d in range(head_dim):
                    scaled[token * groups + group, d] = queries[first_row + token, start + d] * shape.scale
        row_acc, row_maximum = acc[item], maximum[item]
        row_acc[:rows] = 0
        row_maximum[:rows] = NEVER
        oldest = max(0, position + 1 - window)
        begin = max(span, oldest // LANES * LANES)
        for first in range(begin, min(span + SPAN, position + count), LANES):
            block, offset = divmod(first, BLOCK)
            place = head * BLOCK + offset
            keys = blocks[table + block] + cache.keys + item_bytes * place * head_dim
            values = blocks[table + block] + cache.values + item_bytes * place * padded
            scales = blocks[table + block] + cache.scales + 4 * place
            score_rows(keys, scaled, scores, item_bytes)
            if item_bytes == 1:
                multiply_rows(scores, scales)
            if shape.softcap > 0:
                cap_rows(scores, shape.softcap)
            for row in range(rows):
                at = position + row // groups
                low, high = max(0, at + 1 - window - first), min(LANES, at + 1 - first)
                rescale(scores, sums, row_acc, row_maximum, row, low, high)
            if item_bytes == 1:
                multiply_rows(scores, scales + 4 * shape.kv_heads * BLOCK)
            accumulate_rows(values, scores, row_acc, rows, item_bytes)
        for row in range(rows):
            total[item, row] = simd.sum_lanes(simd.load_f32(sums.ctypes.data + row * sums.strides[0]))


@njit(nogil=True, cache=True)
def score_rows(keys, scaled, scores, item_bytes):
    """Compute ``scores`` [rows, 16] of the scaled queries [rows, D] with the keys of sixteen positions."""
    rows, head_dim = scaled.shape
    query_stride, out_stride = scaled.strides[0], scores.strides[0]
    row = 0
    while row < rows:
        query, out = scaled.ctypes.data + row * query_stride, scores.ctypes.data + row * out_stride
        if row + ROW_TILE <= rows:
            scores_of_tile(keys, query, out, item_bytes, head_dim, query_stride, out_stride)
            row += ROW_TILE
        else:
            scores_of_row(keys, query, out, item_bytes, head_dim, query_stride, out_stride)
            row += 1


@njit(nogil=True, cache=True)
def accumulate_rows(values, weights, acc, rows, item_bytes):
    """Add ``weights`` [rows, 16] times the values of sixteen positions to ``acc`` [rows, P]."""
    padded, stride = acc.shape[1], item_bytes * acc.shape[1]
    weight_stride, acc_stride = weights.strides[0], acc.strides[0]
    row = 0
    while row < rows:
        weight, total = weights.ctypes.data + row * weight_stride, acc.ctypes.data + row * acc_stride
        tiled = row + ROW_TILE <= rows
        for lane in range(0, padded, LANES):
            where, out = values + item_bytes * lane, total + 4 * lane
            if tiled:
                accumulate_tile(where, weight, out, item_bytes, stride, weight_stride, acc_stride)
            else:
                accumulate_row(where, weight, out, item_bytes, stride, weight_stride, acc_stride)
        row += ROW_TILE if tiled else 1


@njit(nogil=True, cache=True)
def multiply_rows(rows, scales):
    """Multiply ``rows`` [n, 16] by the sixteen float32 at ``scales``."""
    factors = simd.load_f32(scales)
    for row in range(len(rows)):
        where = rows.ctypes.data + row * rows.strides[0]
        simd.store_f32(where, simd.mul(simd.load_f32(where), factors))


@njit(nogil=True, cache=True)
def cap_rows(scores, cap):
    """Bound ``scores`` [n, 16] softly: ``cap * tanh(score / cap)``."""
    caps = simd.broadcast_f32(cap)
    for row in range(len(scores)):
        where = scores.ctypes.data + row * scores.strides[0]
        simd.store_f32(where, simd.mul(simd.tanh(simd.div(simd.load_f32(where), caps)), caps))


@njit(nogil=True, cache=True)
def rescale(scores, sums, acc, maximum, row, low, high):
    """Turn a row's scores into weights under its running maximum; lanes outside ``low`` to ``high`` weigh nothing."""
    where, total = scores.ctypes.data + row * scores.strides[0], sums.ctypes.data + row * sums.strides[0]
    visible = simd.fill_outside(simd.load_f32(where), low, high, NEVER)
    highest = simd.max_lanes(visible)
    if highest > maximum[row]:
        shrink = simd.exp(simd.broadcast_f32(maximum[row] - highest))
        maximum[row] = highest
        simd.store_f32(total, simd.mul(simd.load_f32(total), shrink))
        for lane in range(0, acc.shape[1], LANES):
            part = acc.ctypes.data + row * acc.strides[0] + 4 * lane
            simd.store_f32(part, simd.mul(simd.load_f32(part), shrink))
    weights = simd.exp(simd.sub(visible, simd.broadcast_f32(maximum[row])))
    weights = simd.fill_outside(weights, low, high, np.float32(0))
    simd.store_f32(where, weights)
    simd.store_f32(total, simd.add(simd.load_f32(total), weights))


@njit(parallel=True, nogil=True, cache=True)
def merge(work, tiles, shape, acc, maximum, total, out):
    """Merge the spans of each row, in order, into ``out`` float32 [tokens, at least heads * head_dim].

    ``tiles`` int64 [n + 1]: where in ``work`` the spans of each (tokens, head) begin. ``acc`` and ``maximum``
    are used up.
    """
    groups, head_dim = shape.heads // shape.kv_heads, shape.head_dim
    for tile in prange(len(tiles) - 1):
        begin, end = tiles[tile], tiles[tile + 1]
        head, first_row, count = work.head[begin], work.row[begin], work.tokens[begin]
        for row in range(count * groups):
            merge_row(acc, maximum, total, begin, end, row)
            start = (head * groups + row % groups) * head_dim
            for d in range(head_dim):
                out[first_row + row // groups, start + d] = acc[begin, row, d]


@njit(nogil=True, cache=True)
def merge_row(acc, maxima, totals, begin, end, row):
    """Merge one row of the work items ``begin`` to ``end`` - 1 into the first."""
    maximum = NEVER
    for item in range(begin, end):
        maximum = max(maximum, maxima[item, row])
    total = np.float32(0)
    for item in range(begin, end):
        maxima[item, row] = scalar_exp(maxima[item, row] - maximum)
        total += totals[item, row] * maxima[item, row]
    for lane in range(0, acc.shape[2], LANES):
        merged = simd.broadcast_f32(np.float32(0))
        for item in range(begin, end):
            part = simd.load_f32(acc[item, row].ctypes.data + 4 * lane)
            merged = simd.add(merged, simd.mul(part, simd.broadcast_f32(maxima[item, row])))
        simd.store_f32(acc[begin, row].ctypes.data + 4 * lane, simd.div(merged, simd.broadcast_f32(total)))


@njit(nogil=True, cache=True)
def scalar_exp(x):
    """Return the exponential of one number, as the vectors compute it."""
    return simd.max_lanes(simd.exp(simd.broadcast_f32(x)))
