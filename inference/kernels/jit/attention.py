"""Grouped-query attention over the cache, one pass with an online softmax (arXiv 1805.02867, 2205.14135).

The cache holds blocks of BLOCK positions. For one layer and one key/value head (D = head_dim, padded to P lanes):

    keys    [BLOCK/16][D][16 positions]       one vector is the same dimension of sixteen neighbouring positions,
    values  [BLOCK][P]                        so that scores need no sums across lanes

In int8, each key and each value of a head has a scale: float32 [BLOCK], a vector for sixteen neighbouring positions,
which multiplies their scores, and their weights.

A row is one query: one head of one token. Rows meet the positions sixteen at a time, in order:

    s    = q · k                     D fused multiply-adds per row, a lane per position
    peak = max(peak, s)              what was summed so far shrinks by exp(old peak - new peak)
    p    = exp(s - peak)             0 where the row may not look
    mix += p · v                     sixteen fused multiply-adds per lane of P

Long contexts are cut into spans of SPAN positions that cores share; their results are merged in order, always, so a
row's result depends on its query and on what it sees, never on its company, the chunking or the number of cores.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from inference.kernels.jit import simd
from inference.kernels.jit.simd import F32X16, I64
from inference.kernels.layout import BLOCK, LANES

SPAN = 512
ROW_TILE = 4
NEVER = np.float32(-1e30)


def make_scores(rows: int, read: Any, item: int) -> Any:
    """An intrinsic: scores of ``rows`` queries with sixteen positions.

    Addresses of the keys [D][16] (numbers of ``item`` bytes), the queries and the scores; D; strides in bytes from a
    row to the next, of queries and of scores.
    """

    def generate(context: Any, b: ir.IRBuilder, signature: Any, values: Any) -> Any:
        keys, queries, out, head_dim, query_stride, out_stride = values
        sums = [cgutils.alloca_once_value(b, simd.constant(0.0)) for _ in range(rows)]
        with cgutils.for_range(b, head_dim) as loop:
            key = read.build(b, b.add(keys, b.mul(loop.index, I64(item * LANES))))
            for row in range(rows):
                where = b.add(queries, b.add(b.mul(I64(row), query_stride), b.mul(loop.index, I64(4))))
                query = simd.splat(b, simd.load(b, where, simd.FLOAT, 4), F32X16)
                b.store(simd.fma.build(b, key, query, b.load(sums[row])), sums[row])
        for row in range(rows):
            simd.store(b, b.add(out, b.mul(I64(row), out_stride)), b.load(sums[row]), 4)
        return context.get_dummy_value()

    @intrinsic
    def scores(typing, keys, queries, out, head_dim, query_stride, out_stride):
        return types.void(*[types.int64] * 6), generate

    return scores


def make_weigh(rows: int, read: Any) -> Any:
    """An intrinsic: ``mix += p · v`` for ``rows`` rows and sixteen lanes of the values of sixteen positions.

    Addresses of the values, the weights p and the sums; strides in bytes from a position to the next
    and from a row to the next, of weights and of sums.
    """

    def generate(context: Any, b: ir.IRBuilder, signature: Any, values: Any) -> Any:
        contents, weights, mix, position_stride, weight_stride, mix_stride = values
        where = [b.add(mix, b.mul(I64(row), mix_stride)) for row in range(rows)]
        sums = [simd.load(b, address, F32X16, 4) for address in where]
        for position in range(LANES):
            content = read.build(b, b.add(contents, b.mul(I64(position), position_stride)))
            for row in range(rows):
                at = b.add(weights, b.add(b.mul(I64(row), weight_stride), I64(4 * position)))
                weight = simd.splat(b, simd.load(b, at, simd.FLOAT, 4), F32X16)
                sums[row] = simd.fma.build(b, content, weight, sums[row])
        for address, total in zip(where, sums, strict=True):
            simd.store(b, address, total, 4)
        return context.get_dummy_value()

    @intrinsic
    def weigh(typing, contents, weights, mix, position_stride, weight_stride, mix_stride):
        return types.void(*[types.int64] * 6), generate

    return weigh


scores_of_one, scores_of_tile = (make_scores(rows, simd.load_f16, 2) for rows in (1, ROW_TILE))
scores_of_one_i8, scores_of_tile_i8 = (make_scores(rows, simd.load_i8, 1) for rows in (1, ROW_TILE))
scores_of_one_f32, scores_of_tile_f32 = (make_scores(rows, simd.load_f32, 4) for rows in (1, ROW_TILE))
weigh_one, weigh_tile = (make_weigh(rows, simd.load_f16) for rows in (1, ROW_TILE))
weigh_one_i8, weigh_tile_i8 = (make_weigh(rows, simd.load_i8) for rows in (1, ROW_TILE))
weigh_one_f32, weigh_tile_f32 = (make_weigh(rows, simd.load_f32) for rows in (1, ROW_TILE))


@njit(parallel=True, nogil=True, cache=True)
def attend(
    queries,
    items,
    blocks,
    offsets,
    item_bytes,
    kv_heads,
    groups,
    head_dim,
    window,
    scale,
    mixes,
    peaks,
    totals,
):
    """Every item's rows over its span, in parallel.

    ``queries`` float32 [tokens, at least heads * head_dim]. ``items`` int64 [n, 6]: a key/value head, the first token's
    row in ``queries``, how many tokens, the first one's position, the span's first position, and where the sequence's
    block addresses begin in ``blocks`` int64; this layer's keys, values and scales stand ``offsets`` bytes into a
    block, in numbers of ``item_bytes``. Results go to ``mixes`` [n, rows, P], ``peaks`` [n, rows] and ``totals``
    [n, rows].
    """
    padded = mixes.shape[2]
    for item in prange(len(items)):
        head, first_row, count, position, span, table = items[item]
        rows = count * groups
        scores = np.empty((rows, LANES), np.float32)
        sums = np.zeros((rows, LANES), np.float32)
        asked = np.empty((rows, head_dim), np.float32)
        for token in range(count):
            for group in range(groups):
                start = (head * groups + group) * head_dim
                for d in range(head_dim):
                    asked[token * groups + group, d] = queries[first_row + token, start + d] * scale
        mix, peak = mixes[item], peaks[item]
        mix[:rows] = 0
        peak[:rows] = NEVER
        oldest = max(0, position + 1 - window)
        begin = max(span, oldest // LANES * LANES)
        for first in range(begin, min(span + SPAN, position + count), LANES):
            block, inside = divmod(first, BLOCK)
            place = head * BLOCK + inside
            keys = blocks[table + block] + offsets[0] + item_bytes * place * head_dim
            contents = blocks[table + block] + offsets[1] + item_bytes * place * padded
            scales = blocks[table + block] + offsets[2] + 4 * place
            all_scores(keys, asked, scores, item_bytes)
            if item_bytes == 1:
                multiply_rows(scores, scales)
            for row in range(rows):
                at = position + row // groups
                low, high = max(0, at + 1 - window - first), min(LANES, at + 1 - first)
                rescale(scores, sums, mix, peak, row, low, high)
            if item_bytes == 1:
                multiply_rows(scores, scales + 4 * kv_heads * BLOCK)
            all_weigh(contents, scores, mix, rows, item_bytes)
        for row in range(rows):
            totals[item, row] = simd.sum_lanes(simd.load_f32(sums.ctypes.data + row * sums.strides[0]))


@njit(nogil=True, cache=True)
def all_scores(keys, asked, scores, item_bytes):
    """``scores`` [rows, 16] of ``asked`` [rows, D] with the keys of sixteen positions."""
    rows, head_dim = asked.shape
    asked_stride, out_stride = asked.strides[0], scores.strides[0]
    row = 0
    while row < rows:
        query, out = asked.ctypes.data + row * asked_stride, scores.ctypes.data + row * out_stride
        tiled = row + ROW_TILE <= rows
        if item_bytes == 1 and tiled:
            scores_of_tile_i8(keys, query, out, head_dim, asked_stride, out_stride)
        elif item_bytes == 1:
            scores_of_one_i8(keys, query, out, head_dim, asked_stride, out_stride)
        elif item_bytes == 2 and tiled:
            scores_of_tile(keys, query, out, head_dim, asked_stride, out_stride)
        elif item_bytes == 2:
            scores_of_one(keys, query, out, head_dim, asked_stride, out_stride)
        elif tiled:
            scores_of_tile_f32(keys, query, out, head_dim, asked_stride, out_stride)
        else:
            scores_of_one_f32(keys, query, out, head_dim, asked_stride, out_stride)
        row += ROW_TILE if tiled else 1


@njit(nogil=True, cache=True)
def all_weigh(contents, weights, mix, rows, item_bytes):
    """``mix`` [rows, P] plus ``weights`` [rows, 16] times the values of sixteen positions."""
    padded, stride = mix.shape[1], item_bytes * mix.shape[1]
    weight_stride, mix_stride = weights.strides[0], mix.strides[0]
    row = 0
    while row < rows:
        weight, total = weights.ctypes.data + row * weight_stride, mix.ctypes.data + row * mix_stride
        tiled = row + ROW_TILE <= rows
        for lane in range(0, padded, LANES):
            where, here = contents + item_bytes * lane, total + 4 * lane
            if item_bytes == 1 and tiled:
                weigh_tile_i8(where, weight, here, stride, weight_stride, mix_stride)
            elif item_bytes == 1:
                weigh_one_i8(where, weight, here, stride, weight_stride, mix_stride)
            elif item_bytes == 2 and tiled:
                weigh_tile(where, weight, here, stride, weight_stride, mix_stride)
            elif item_bytes == 2:
                weigh_one(where, weight, here, stride, weight_stride, mix_stride)
            elif tiled:
                weigh_tile_f32(where, weight, here, stride, weight_stride, mix_stride)
            else:
                weigh_one_f32(where, weight, here, stride, weight_stride, mix_stride)
        row += ROW_TILE if tiled else 1


@njit(nogil=True, cache=True)
def multiply_rows(rows, scales):
    """``rows`` [n, 16] times the sixteen float32 at ``scales``."""
    factors = simd.load_f32(scales)
    for row in range(len(rows)):
        where = rows.ctypes.data + row * rows.strides[0]
        simd.store_f32(where, simd.mul(simd.load_f32(where), factors))


@njit(nogil=True, cache=True)
def rescale(scores, sums, mix, peak, row, low, high):
    """Turn a row's scores into weights under its peak; lanes outside ``low`` to ``high`` weigh nothing."""
    where, total = scores.ctypes.data + row * scores.strides[0], sums.ctypes.data + row * sums.strides[0]
    seen = simd.keep_between(simd.load_f32(where), low, high, NEVER)
    highest = simd.max_lanes(seen)
    if highest > peak[row]:
        shrink = simd.exp(simd.splat_f32(peak[row] - highest))
        peak[row] = highest
        simd.store_f32(total, simd.mul(simd.load_f32(total), shrink))
        for lane in range(0, mix.shape[1], LANES):
            part = mix.ctypes.data + row * mix.strides[0] + 4 * lane
            simd.store_f32(part, simd.mul(simd.load_f32(part), shrink))
    weights = simd.exp(simd.sub(seen, simd.splat_f32(peak[row])))
    weights = simd.keep_between(weights, low, high, np.float32(0))
    simd.store_f32(where, weights)
    simd.store_f32(total, simd.add(simd.load_f32(total), weights))


@njit(parallel=True, nogil=True, cache=True)
def merge(items, firsts, groups, head_dim, mixes, peaks, totals, out):
    """Bring the spans of each row together, in order: ``out`` float32 [tokens, at least heads * head_dim].

    ``firsts`` int64 [n + 1]: where in ``items`` the spans of each (tokens, head) begin. ``mixes`` and ``peaks`` are
    used up.
    """
    for tile in prange(len(firsts) - 1):
        begin, end = firsts[tile], firsts[tile + 1]
        head, first_row, count = items[begin, 0], items[begin, 1], items[begin, 2]
        for row in range(count * groups):
            merge_row(mixes, peaks, totals, begin, end, row)
            start = (head * groups + row % groups) * head_dim
            for d in range(head_dim):
                out[first_row + row // groups, start + d] = mixes[begin, row, d]


@njit(nogil=True, cache=True)
def merge_row(mixes, peaks, totals, begin, end, row):
    """One row's spans ``begin`` to ``end``, into the mix of the first."""
    peak = NEVER
    for item in range(begin, end):
        peak = max(peak, peaks[item, row])
    total = np.float32(0)
    for item in range(begin, end):
        peaks[item, row] = lane_exp(peaks[item, row] - peak)
        total += totals[item, row] * peaks[item, row]
    for lane in range(0, mixes.shape[2], LANES):
        mixed = simd.splat_f32(np.float32(0))
        for item in range(begin, end):
            part = simd.load_f32(mixes[item, row].ctypes.data + 4 * lane)
            mixed = simd.add(mixed, simd.mul(part, simd.splat_f32(peaks[item, row])))
        simd.store_f32(mixes[begin, row].ctypes.data + 4 * lane, simd.div(mixed, simd.splat_f32(total)))


@njit(nogil=True, cache=True)
def lane_exp(x):
    return simd.max_lanes(simd.exp(simd.splat_f32(x)))
