"""Operations on the one-byte scales of quantized weights, which layout.py draws."""

from numba import types

from inference.kernels.jit.llvm import F32X16, I8X16, I32X16, constant, load, store
from inference.kernels.jit.simd import address, f32x16, i32x16, simd_op
from inference.kernels.layout import INFINITY, LEAST_NORMAL, SCALE_REACH, SCALE_SHIFT, SCALE_STEP, SIGN


@simd_op(i32x16, address)
def load_base_exponents(b, where):
    """Load the base exponents of sixteen rows."""
    return load(b, where, I32X16, 16)


@simd_op(types.void, address, i32x16)
def store_base_exponents(b, where, bases):
    """Store the base exponents of sixteen rows."""
    store(b, where, bases, 16)


@simd_op(f32x16, address, i32x16)
def load_scales(b, where, bases):
    """Load a group's scales of the sixteen rows with these base exponents."""
    codes = b.shl(b.sext(load(b, where, I8X16, 1), I32X16), constant(SCALE_SHIFT, I32X16))
    return b.bitcast(b.add(b.and_(codes, constant(SIGN | SCALE_REACH, I32X16)), bases), F32X16)


@simd_op(types.void, address, f32x16, i32x16)
def store_scales(b, where, scales, bases):
    """Store scales, which the base exponents must be able to express, as bytes."""
    words = b.bitcast(scales, I32X16)
    sign = b.and_(b.lshr(words, constant(24, I32X16)), constant(128, I32X16))
    above = b.lshr(b.sub(_magnitude(b, words), bases), constant(SCALE_SHIFT, I32X16))
    store(b, where, b.trunc(b.or_(above, sign), I8X16), 1)


@simd_op(f32x16, f32x16, f32x16)
def absmax(b, x, y):
    """Return ``x`` where it is further from zero than ``y``, else ``y``; a NaN is further than all numbers."""
    words = (b.bitcast(vector, I32X16) for vector in (x, y))
    return b.select(b.icmp_signed(">", *(_magnitude(b, word) for word in words)), x, y)


@simd_op(i32x16, f32x16)
def base_exponents_below(b, largest):
    """Return the base exponents of rows whose largest scales are these, or slightly more."""
    bases = b.sub(_whole_steps(b, largest, SCALE_STEP - 1), constant(SCALE_REACH, I32X16))
    least = constant(LEAST_NORMAL, I32X16)
    return b.select(b.icmp_signed(">", bases, least), bases, least)


@simd_op(f32x16, f32x16, i32x16)
def nearest_scale(b, values, bases):
    """Return the scales nearest to ``values``, of either sign."""
    return _signed(b, _within(b, _whole_steps(b, values, SCALE_STEP // 2), bases), values)


@simd_op(f32x16, f32x16, i32x16)
def scale_below(b, scales, bases):
    """Return the next smaller scales of the same sign, or the same if there are none."""
    smaller = b.sub(_magnitude(b, b.bitcast(scales, I32X16)), constant(SCALE_STEP, I32X16))
    return _signed(b, _within(b, smaller, bases), scales)


@simd_op(f32x16, f32x16, i32x16)
def scale_above(b, values, bases):
    """Return the least positive scales that are not below ``values``; the largest if all are."""
    return b.bitcast(_within(b, _whole_steps(b, values, SCALE_STEP - 1), bases), F32X16)


def _magnitude(b, words):
    return b.and_(words, constant(~SIGN, I32X16))


def _signed(b, magnitude, values):
    """Return a float32 of this magnitude with the sign of ``values``."""
    sign = b.and_(b.bitcast(values, I32X16), constant(SIGN, I32X16))
    return b.bitcast(b.or_(magnitude, sign), F32X16)


def _whole_steps(b, values, more):
    """Return the bits of the absolute values plus ``more``, without those that a scale does not have."""
    infinity = constant(INFINITY, I32X16)
    words = _magnitude(b, b.bitcast(values, I32X16))
    words = b.select(b.icmp_signed("<", words, infinity), words, infinity)
    return b.and_(b.add(words, constant(more, I32X16)), constant(-SCALE_STEP, I32X16))


def _within(b, words, bases):
    top = b.add(bases, constant(SCALE_REACH, I32X16))
    words = b.select(b.icmp_signed("<", words, bases), bases, words)
    return b.select(b.icmp_signed(">", words, top), top, words)
