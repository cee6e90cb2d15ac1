"""Matrix products in compiled code: one driver for weights in any precision."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic, overload

from inference.kernels.jit import matmul_dense, matmul_quantized
from inference.kernels.jit.elementwise import WORTH_SHARING
from inference.kernels.jit.matmul_dense import READERS
from inference.kernels.jit.matmul_quantized import MANY_TOKENS
from inference.kernels.jit.numba_internals import unpack_tuple
from inference.kernels.jit.quantize import Activations, quantize_row, quantize_rows
from inference.kernels.jit.target import BLOCKS_TOGETHER, target
from inference.kernels.jit.tiling import Operand
from inference.kernels.layout import GROUP, INT4, INT4_MINIMUMS, INT8, LANES, PADDING, STORAGE

# How quantized weights are packed, by the dtypes of weights and scales.
PACKINGS = {
    (STORAGE["int8"].name, "uint8"): INT8,
    (STORAGE["int4"].name, "uint8"): INT4,
    (STORAGE["int4"].name, STORAGE["float16"].name): INT4_MINIMUMS,
}


def matmul(matrix, x, out):
    """Compute ``out`` float32 [tokens, rows]: a PackedMatrix times ``x`` float32 [tokens, K], without its bias."""
    raise TypeError("only compiled code calls this")


@overload(matmul)
def _matmul(matrix, x, out):
    weights, scales = (matrix.types[matrix.fields.index(part)] for part in ("weights", "scales"))
    if weights.dtype.name in READERS:
        return _matmul_dense
    packing = PACKINGS[weights.dtype.name, scales.dtype.name]
    of_sum, code = packing.of_sum, np.int16 if target().dots[packing.bits].words else np.int8

    def matmul_quantized(matrix, x, out):
        tokens, groups = x.shape[0], x.shape[1] // GROUP
        values = np.empty((tokens, groups * GROUP), code)
        scales, sums = np.empty((tokens, groups), np.float32), np.empty((tokens, groups), np.int32)
        if tokens >= WORTH_SHARING:
            quantize_rows(x, values, scales, sums, of_sum)
        else:
            for token in range(tokens):
                quantize_row(x[token], values[token], scales[token], sums[token], of_sum)
        together = BLOCKS_TOGETHER if tokens >= MANY_TOKENS else 1
        multiply(matrix.weights, matrix.scales, Activations(values, scales, sums), out, together)

    return matmul_quantized


def _matmul_dense(matrix, x, out):
    multiply(matrix.weights, matrix.scales, x, out, matmul_dense.BLOCKS_TOGETHER)


@njit(parallel=True, nogil=True, cache=True)
def multiply(weights, scales, x, out, together):
    """Multiply all blocks of rows with ``x``, ``together`` blocks at a time, in parallel."""
    for first in prange(-(-len(weights) // together)):
        block = first * together
        multiply_blocks(weights, scales, x, out, block, min(together, len(weights) - block))


def _multiply_blocks(typing, weights, scales, x, out, first, count):
    """Multiply ``count`` blocks of rows from ``first`` on with all tokens.

    Dtypes say how weights are stored (READERS, PACKINGS). ``x`` is float32 [tokens, K], or Activations for quantized
    weights.
    """

    def generate(context: Any, b: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        *arrays, first, count = arguments
        kinds = signature.args

        def operand(index: int) -> Operand:
            return Operand.of(context, b, kinds[index], arrays[index])

        stored, products = operand(0).skip(b, first), operand(3)
        products = products.plus(b, b.mul(first, ir.Constant(first.type, 4 * LANES)))
        if weights.dtype.name in READERS:
            matmul_dense.build_blocks(b, stored, operand(2), products, count, READERS[weights.dtype.name])
        else:
            parts = zip(kinds[2].types, unpack_tuple(b, arrays[2]), strict=True)
            inputs = tuple(Operand.of(context, b, kind, part) for kind, part in parts)
            row_scales, packing = operand(1).skip(b, first), PACKINGS[weights.dtype.name, scales.dtype.name]
            matmul_quantized.build_blocks(b, stored, row_scales, inputs, products, count, packing)
        return context.get_dummy_value()

    return types.void(weights, scales, x, out, types.int64, types.int64), generate


multiply_blocks: Any = intrinsic(_multiply_blocks)


@njit(nogil=True, cache=True)
def project(matrix, x):
    """Return ``x`` times a PackedMatrix plus its bias, the columns padded to whole groups with zeros."""
    rows = len(matrix.weights) * LANES
    out = np.empty((len(x), -(-rows // PADDING) * PADDING), np.float32)
    matmul(matrix, x, out)
    # Loops, not slices: the messages for slices that do not fit take numba longer to compile than all of this.
    for token in range(len(x)):
        for column in range(rows, out.shape[1]):
            out[token, column] = 0
        for column in range(len(matrix.bias)):
            out[token, column] += matrix.bias[column]
    return out
