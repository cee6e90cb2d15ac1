"""Dot products of four bytes per lane, one builder per kind of instruction.

The contract of each: ``dot4(b, accumulator, unsigned, signed)`` takes an ``i32x16`` accumulator, ``unsigned`` bytes 0
to 255 and ``signed`` bytes -127 to 127 (64 each, four neighbors per lane), and returns in each lane the accumulator
plus the sum of the four products. The sum is exact: no instruction that saturates may be used. (An instruction set with
signed products only can flip the top bit of the unsigned bytes and account for it in the accumulator.)
"""

from collections.abc import Callable

from llvmlite import binding, ir

from inference.kernels.jit.llvm import I8X64, I16, I32, I32X16, call, shuffle

Dot4 = Callable[[ir.IRBuilder, ir.Value, ir.Value, ir.Value], ir.Value]

I16X64 = ir.VectorType(I16, 64)
# LLVM 22 changed the operands of vpdpbusd from 32-bit lanes to bytes.
VNNI_OPERAND = I8X64 if binding.llvm_version_info[0] >= 22 else I32X16


def vnni_dot4(b: ir.IRBuilder, accumulator: ir.Value, unsigned: ir.Value, signed: ir.Value) -> ir.Value:
    """One AVX-512 VNNI instruction."""
    operands = (b.bitcast(operand, VNNI_OPERAND) for operand in (unsigned, signed))
    return call(b, "llvm.x86.avx512.vpdpbusd.512", I32X16, accumulator, *operands)


def widening_dot4(multiply_add: str, width: int) -> Dot4:
    """Widen the bytes to 16 bits for ``multiply_add``, which adds the products of ``width`` lanes in pairs."""

    def pair_sums(b: ir.IRBuilder, left: ir.Value, right: ir.Value) -> tuple[ir.Value, ir.Value]:
        sums = []
        for start in range(0, 64, width):
            lanes = list(range(start, start + width))
            parts = (shuffle(b, operand, operand, lanes) for operand in (left, right))
            sums.append(call(b, multiply_add, ir.VectorType(I32, width // 2), *parts))
        while len(sums) > 2:
            lanes = list(range(2 * sums[0].type.count))
            sums = [shuffle(b, first, second, lanes) for first, second in zip(sums[::2], sums[1::2], strict=True)]
        return sums[0], sums[1]

    def dot4(b: ir.IRBuilder, accumulator: ir.Value, unsigned: ir.Value, signed: ir.Value) -> ir.Value:
        low, high = pair_sums(b, b.zext(unsigned, I16X64), b.sext(signed, I16X64))
        return _add_neighbors(b, accumulator, low, high)

    return dot4


def generic_dot4(b: ir.IRBuilder, accumulator: ir.Value, unsigned: ir.Value, signed: ir.Value) -> ir.Value:
    """Plain 32-bit multiplications, for any CPU."""
    wide = ir.VectorType(I32, 64)
    products = b.mul(b.zext(unsigned, wide), b.sext(signed, wide))
    even = shuffle(b, products, products, list(range(0, 64, 2)))
    odd = shuffle(b, products, products, list(range(1, 64, 2)))
    sums = b.add(even, odd)
    low, high = (shuffle(b, sums, sums, list(range(start, start + 16))) for start in (0, 16))
    return _add_neighbors(b, accumulator, low, high)


def _add_neighbors(b: ir.IRBuilder, accumulator: ir.Value, low: ir.Value, high: ir.Value) -> ir.Value:
    """Add the 32 sums in ``low`` and ``high`` in pairs to the sixteen lanes of ``accumulator``."""
    even = shuffle(b, low, high, list(range(0, 32, 2)))
    odd = shuffle(b, low, high, list(range(1, 32, 2)))
    return b.add(accumulator, b.add(even, odd))
