"""Sums of products of a group's weights and inputs, one class per kind of instruction.

Weights come as unsigned bytes, 64 at a time: sixteen rows of four neighboring inputs each. Activations are -127 to 127.
All sums are exact: no instruction may saturate. So every instruction set gives the same integers.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from llvmlite import binding, ir

from inference.kernels.jit.llvm import I8, I8X64, I16, I32, I32X16, broadcast, call, constant, load, shuffle
from inference.kernels.jit.tiling import offset
from inference.kernels.layout import LANES

Values = tuple[ir.Value, ...]
I16X32 = ir.VectorType(I16, 32)
# LLVM 22 changed the operands of vpdpbusd from 32-bit lanes to bytes.
VNNI_BYTES = binding.llvm_version_info[0] >= 22


class GroupDot(Protocol):
    """Computes ``start`` plus the products of a group, for sixteen rows and one token: int32 in each lane.

    ``words``: it reads activations as int16, of each four neighbors the first, third, second and fourth; else as int8.
    """

    words: bool

    def split(self, b: ir.IRBuilder, unsigned: ir.Value) -> Values:
        """Prepare 64 weights, for all tokens that they meet."""
        ...

    def inputs(self, b: ir.IRBuilder, address: ir.Value) -> Values:
        """Load the four activations that meet such weights, for all rows."""
        ...

    def begin(self, b: ir.IRBuilder, start: ir.Value) -> Values:
        """Return the sums before the first step."""
        ...

    def add(self, b: ir.IRBuilder, sums: Values, weights: Values, inputs: Values) -> Values:
        """Add the products of one step."""
        ...

    def end(self, b: ir.IRBuilder, sums: Values, start: ir.Value) -> ir.Value:
        """Return the result, ``i32x16``."""
        ...


class QuadDot:
    """Instructions that add the products of four unsigned and four signed bytes to a lane.

    ``dot4(b, sums, unsigned, signed)`` does it for vectors of ``width`` bytes.
    """

    words = False

    def __init__(self, dot4: Callable[[ir.IRBuilder, ir.Value, ir.Value, ir.Value], ir.Value], width: int = 64) -> None:
        self._dot4 = dot4
        self._width = width

    def split(self, b: ir.IRBuilder, unsigned: ir.Value) -> Values:
        return pieces(b, unsigned, self._width)

    def inputs(self, b: ir.IRBuilder, address: ir.Value) -> Values:
        lanes = ir.VectorType(I32, self._width // 4)
        quads = broadcast(b, load(b, address, I32, 4), lanes)
        return (b.bitcast(quads, ir.VectorType(I8, self._width)),)

    def begin(self, b: ir.IRBuilder, start: ir.Value) -> Values:
        return pieces(b, start, self._width // 4)

    def add(self, b: ir.IRBuilder, sums: Values, weights: Values, inputs: Values) -> Values:
        return tuple(self._dot4(b, total, part, inputs[0]) for total, part in zip(sums, weights, strict=True))

    def end(self, b: ir.IRBuilder, sums: Values, start: ir.Value) -> ir.Value:
        return joined(b, sums)


class SignedQuadDot(QuadDot):
    """The same of signed bytes, for int8 weights: their top bit is flipped, which takes the zero point away."""

    def split(self, b: ir.IRBuilder, unsigned: ir.Value) -> Values:
        return super().split(b, b.xor(unsigned, constant(-128, I8X64)))

    def begin(self, b: ir.IRBuilder, start: ir.Value) -> Values:
        return super().begin(b, constant(0, I32X16))


class MultiplyAdd(NamedTuple):
    """A pair of instructions on vectors of ``bytes`` bytes.

    ``words`` adds the products of neighboring int16 in pairs, to int32. ``bytes_to_words`` those of unsigned and signed
    bytes, to int16, and saturates.
    """

    bytes: int
    words: str
    bytes_to_words: str


AVX2_MULTIPLY_ADD = MultiplyAdd(32, "llvm.x86.avx2.pmadd.wd", "llvm.x86.avx2.pmadd.ub.sw")
AVX512_MULTIPLY_ADD = MultiplyAdd(64, "llvm.x86.avx512.pmaddw.d.512", "llvm.x86.avx512.pmaddubs.w.512")


class _MultiplyAddDot:
    """What both widths of weights share: vectors of sixteen-bit words."""

    def __init__(self, instructions: MultiplyAdd) -> None:
        self._bytes, self._words, self._bytes_to_words = instructions

    def _multiply_add(self, b: ir.IRBuilder, left: ir.Value, right: ir.Value) -> ir.Value:
        return call(b, self._words, ir.VectorType(I32, self._bytes // 4), left, right)


class WordDot(_MultiplyAddDot):
    """int8 weights without an instruction for quads.

    A mask and a shift make words of the even and the odd bytes, so that nothing is shuffled. They are the same for all
    tokens; the activations lie in memory as the words that meet them.
    """

    words = True

    def split(self, b: ir.IRBuilder, unsigned: ir.Value) -> Values:
        both = b.bitcast(unsigned, I16X32)
        even, odd = b.and_(both, constant(255, I16X32)), b.lshr(both, constant(8, I16X32))
        return *pieces(b, even, self._bytes // 2), *pieces(b, odd, self._bytes // 2)

    def inputs(self, b: ir.IRBuilder, address: ir.Value) -> Values:
        lanes = ir.VectorType(I32, self._bytes // 4)
        pairs = (broadcast(b, load(b, offset(b, address, place), I32, 4), lanes) for place in (0, 4))
        return tuple(b.bitcast(pair, ir.VectorType(I16, self._bytes // 2)) for pair in pairs)

    def begin(self, b: ir.IRBuilder, start: ir.Value) -> Values:
        return pieces(b, start, self._bytes // 4)

    def add(self, b: ir.IRBuilder, sums: Values, weights: Values, inputs: Values) -> Values:
        count = len(sums)
        for part, words in zip((weights[:count], weights[count:]), inputs, strict=True):
            sums = tuple(
                b.add(total, self._multiply_add(b, vector, words)) for total, vector in zip(sums, part, strict=True)
            )
        return tuple(in_order(b, total) for total in sums)

    def end(self, b: ir.IRBuilder, sums: Values, start: ir.Value) -> ir.Value:
        return joined(b, sums)


class NibbleDot(_MultiplyAddDot):
    """int4 weights without an instruction for quads.

    They are at most 15, so that nothing saturates: a group's sums, at most 8 * 2 * 15 * 127, are words too.
    """

    words = False

    def split(self, b: ir.IRBuilder, unsigned: ir.Value) -> Values:
        return pieces(b, unsigned, self._bytes)

    def inputs(self, b: ir.IRBuilder, address: ir.Value) -> Values:
        quads = broadcast(b, load(b, address, I32, 4), ir.VectorType(I32, self._bytes // 4))
        return (b.bitcast(quads, ir.VectorType(I8, self._bytes)),)

    def begin(self, b: ir.IRBuilder, start: ir.Value) -> Values:
        return (constant(0, ir.VectorType(I16, self._bytes // 2)),) * (64 // self._bytes)

    def add(self, b: ir.IRBuilder, sums: Values, weights: Values, inputs: Values) -> Values:
        kind = ir.VectorType(I16, self._bytes // 2)
        products = (call(b, self._bytes_to_words, kind, part, inputs[0]) for part in weights)
        return tuple(in_order(b, b.add(total, product)) for total, product in zip(sums, products, strict=True))

    def end(self, b: ir.IRBuilder, sums: Values, start: ir.Value) -> ir.Value:
        ones = constant(1, ir.VectorType(I16, self._bytes // 2))
        return b.add(start, joined(b, tuple(self._multiply_add(b, total, ones) for total in sums)))


def vpdpbusd(width: int) -> QuadDot:
    """AVX-512 VNNI, or AVX-VNNI: one instruction for ``width`` bytes."""
    lanes = ir.VectorType(I32, width // 4)
    operand = ir.VectorType(I8, width) if VNNI_BYTES else lanes

    def dot4(b: ir.IRBuilder, total: ir.Value, unsigned: ir.Value, signed: ir.Value) -> ir.Value:
        operands = (b.bitcast(each, operand) for each in (unsigned, signed))
        return call(b, f"llvm.x86.avx512.vpdpbusd.{8 * width}", lanes, total, *operands)

    return QuadDot(dot4, width)


def neon_dot(name: str) -> Callable[[ir.IRBuilder, ir.Value, ir.Value, ir.Value], ir.Value]:
    """Return a dot4 of NEON: ``sdot`` of signed bytes (dotprod), ``usdot`` of unsigned and signed ones (i8mm)."""

    def dot4(b: ir.IRBuilder, total: ir.Value, weights: ir.Value, inputs: ir.Value) -> ir.Value:
        return call(b, f"llvm.aarch64.neon.{name}.v4i32.v16i8", ir.VectorType(I32, 4), total, weights, inputs)

    return dot4


def signed_quads(dot4: Callable[[ir.IRBuilder, ir.Value, ir.Value, ir.Value], ir.Value]) -> dict[int, QuadDot]:
    """Return what computes with a ``dot4`` of sixteen signed bytes; int4 weights, at most 15, are the same signed."""
    return {8: SignedQuadDot(dot4, 16), 4: QuadDot(dot4, 16)}


def neon_dot4(b: ir.IRBuilder, total: ir.Value, weights: ir.Value, inputs: ir.Value) -> ir.Value:
    """NEON without dotprod, of signed bytes: words of products, added in pairs twice.

    Two products of -128 and 127 fit into a word: 2 * 128 * 127.
    """
    half = ir.VectorType(I16, 8)
    lanes = list(range(8)), list(range(8, 16))
    low, high = (
        call(b, "llvm.aarch64.neon.smull.v8i16", half, *(shuffle(b, each, each, part) for each in (weights, inputs)))
        for part in lanes
    )
    pairs = call(b, "llvm.aarch64.neon.addp.v8i16", half, low, high)
    quads = call(b, "llvm.aarch64.neon.saddlp.v4i32.v8i16", ir.VectorType(I32, 4), pairs)
    return b.add(total, quads)


def plain_dot4(b: ir.IRBuilder, total: ir.Value, unsigned: ir.Value, signed: ir.Value) -> ir.Value:
    """Plain 32-bit multiplications, for any CPU."""
    wide = ir.VectorType(I32, 64)
    sums = b.mul(b.zext(unsigned, wide), b.sext(signed, wide))
    while sums.type.count > LANES:
        lanes = range(0, sums.type.count, 2)
        sums = b.add(shuffle(b, sums, sums, list(lanes)), shuffle(b, sums, sums, [lane + 1 for lane in lanes]))
    return b.add(total, sums)


def in_order(b: ir.IRBuilder, sums: ir.Value) -> ir.Value:
    """Return ``sums`` as something that LLVM knows nothing about.

    It would add a whole group's products to one token's sums after the other, and keep all weights for the next token:
    there are no registers for so many.
    """
    return b.asm(ir.FunctionType(sums.type, [sums.type]), "", "=v,0", [sums], True)


def pieces(b: ir.IRBuilder, vector: ir.Value, size: int) -> Values:
    """Cut a vector into vectors of ``size`` lanes."""
    count = vector.type.count
    if count == size:
        return (vector,)
    return tuple(shuffle(b, vector, vector, list(range(start, start + size))) for start in range(0, count, size))


def joined(b: ir.IRBuilder, vectors: Values) -> ir.Value:
    """Concatenate vectors, a power of two of them."""
    while len(vectors) > 1:
        lanes = list(range(2 * vectors[0].type.count))
        vectors = tuple(shuffle(b, *pair, lanes) for pair in zip(vectors[::2], vectors[1::2], strict=True))
    return vectors[0]
