"""Conversion between float16 and float32: the CPU's instructions, or bit operations with equal results."""

from typing import Any

from llvmlite import ir

from inference.kernels.jit.llvm import I16, I32
from inference.kernels.jit.target import target

HALF = ir.HalfType()


def widen_half(b: ir.IRBuilder, half: ir.Value, to: ir.Type) -> ir.Value:
    """Convert float16, as 16-bit integers, to float32."""
    if target().converts_float16:
        return b.fpext(b.bitcast(half, _like(to, HALF)), to)
    words = _like(to, I32)
    bits = b.zext(half, words)
    magnitude = b.and_(bits, words(_all(to, 0x7FFF)))
    # Shifted into a float32's place, a float16 is 2**-112 of itself, subnormal or not; infinities need their exponent.
    value = b.bitcast(b.shl(magnitude, words(_all(to, 13))), to)
    value = b.bitcast(b.fmul(value, to(_all(to, 2.0**112))), words)
    infinite = b.icmp_signed(">=", magnitude, words(_all(to, 0x7C00)))
    value = b.select(infinite, b.or_(value, words(_all(to, 0x7F800000))), value)
    sign = b.shl(b.and_(bits, words(_all(to, 0x8000))), words(_all(to, 16)))
    return b.bitcast(b.or_(value, sign), to)


def narrow_to_half(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Round float32 to the nearest float16, ties to even, as 16-bit integers."""
    kind = value.type
    if target().converts_float16:
        return b.bitcast(b.fptrunc(value, _like(kind, HALF)), _like(kind, I16))
    words = _like(kind, I32)

    def number(integer: int) -> ir.Constant:
        return words(_all(kind, integer))

    bits = b.bitcast(value, words)
    magnitude = b.and_(bits, number(0x7FFFFFFF))
    odd = b.and_(b.lshr(magnitude, number(13)), number(1))
    normal = b.lshr(b.add(b.add(magnitude, number(0xFFF - (112 << 23))), odd), number(13))
    # Adding one half lines a subnormal's bits up with the end of a float32, rounding as it should.
    small = b.fadd(b.bitcast(magnitude, kind), kind(_all(kind, 0.5)))
    subnormal = b.sub(b.bitcast(small, words), number(126 << 23))
    half = b.select(b.icmp_unsigned("<", magnitude, number(113 << 23)), subnormal, normal)
    half = b.select(b.icmp_unsigned(">=", magnitude, number(143 << 23)), number(0x7C00), half)
    half = b.select(b.icmp_unsigned(">", magnitude, number(0x7F800000)), number(0x7E00), half)
    sign = b.and_(b.lshr(bits, number(16)), number(0x8000))
    return b.trunc(b.or_(half, sign), _like(kind, I16))


def _like(kind: ir.Type, lane: ir.Type) -> ir.Type:
    """Return the type of ``lane`` with the shape of ``kind``: a scalar, or a vector of as many lanes."""
    return ir.VectorType(lane, kind.count) if isinstance(kind, ir.VectorType) else lane


def _all(kind: ir.Type, value: float) -> Any:
    return [value] * kind.count if isinstance(kind, ir.VectorType) else value
