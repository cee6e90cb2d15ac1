"""The words that quantised products are made of: nibbles, and sums of four products of bytes."""

from collections.abc import Callable

from llvmlite import binding, ir

from inference.kernels.jit.simd import I8X64, I16, I32, I32X16, bytes64, call, constant, i32x16, shuffle, word
from inference.kernels.jit.target import instruction_set

I16X32, I16X64 = ir.VectorType(I16, 32), ir.VectorType(I16, 64)
# LLVM 22 changed the operands of its dot product from 32-bit lanes to bytes.
DOT_OPERAND = I8X64 if binding.llvm_version_info[0] >= 22 else I32X16


@word(bytes64, bytes64)
def low_nibbles(b, vector):
    return b.and_(vector, constant(15, I8X64))


@word(bytes64, bytes64)
def high_nibbles(b, vector):
    shifted = b.lshr(b.bitcast(vector, I16X32), constant(4, I16X32))
    return b.and_(b.bitcast(shifted, I8X64), constant(15, I8X64))


@word(i32x16, i32x16, bytes64, bytes64)
def dot4(b, accumulator, unsigned, signed):
    """Each lane plus the sum over its four bytes of unsigned times signed: exact, whatever the instruction."""
    kind = instruction_set()
    if kind == "avx512-vnni":
        operands = (b.bitcast(operand, DOT_OPERAND) for operand in (unsigned, signed))
        return call(b, "llvm.x86.avx512.vpdpbusd.512", I32X16, accumulator, *operands)
    left, right = b.zext(unsigned, I16X64), b.sext(signed, I16X64)
    low, high = PAIR_SUMS[kind](b, left, right)
    even = shuffle(b, low, high, list(range(0, 32, 2)))
    odd = shuffle(b, low, high, list(range(1, 32, 2)))
    return b.add(accumulator, b.add(even, odd))


def _pairs_by(name: str, width: int) -> Callable[..., tuple[ir.Value, ir.Value]]:
    """Sums of neighbouring products by an instruction that takes ``width`` 16-bit lanes."""

    def build(b, left, right):
        sums = []
        for start in range(0, 64, width):
            lanes = list(range(start, start + width))
            parts = (shuffle(b, operand, operand, lanes) for operand in (left, right))
            sums.append(call(b, name, ir.VectorType(I32, width // 2), *parts))
        while len(sums) > 2:
            lanes = list(range(2 * sums[0].type.count))
            sums = [shuffle(b, first, second, lanes) for first, second in zip(sums[::2], sums[1::2], strict=True)]
        return sums[0], sums[1]

    return build


def _pairs_generic(b, left, right):
    wide = ir.VectorType(I32, 64)
    products = b.mul(b.sext(left, wide), b.sext(right, wide))
    even = shuffle(b, products, products, list(range(0, 64, 2)))
    odd = shuffle(b, products, products, list(range(1, 64, 2)))
    sums = b.add(even, odd)
    return tuple(shuffle(b, sums, sums, list(range(start, start + 16))) for start in (0, 16))


PAIR_SUMS = {
    "avx512": _pairs_by("llvm.x86.avx512.pmaddw.d.512", 32),
    "avx2": _pairs_by("llvm.x86.avx2.pmadd.wd", 16),
    "generic": _pairs_generic,
}
