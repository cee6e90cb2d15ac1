"""The words that the scales of quantised weights are made of: layout.py draws them."""

from numba.core import types

from inference.kernels.jit.simd import F32X16, I8X16, I32X16, address, constant, f32x16, i32x16, load, store, word
from inference.kernels.layout import INFINITY, LEAST_NORMAL, SCALE_REACH, SCALE_SHIFT, SCALE_STEP, SIGN


@word(i32x16, address)
def load_origins(b, where):
    """Of sixteen rows."""
    return load(b, where, I32X16, 16)


@word(types.void, address, i32x16)
def store_origins(b, where, origins):
    store(b, where, origins, 16)


@word(f32x16, address, i32x16)
def load_scales(b, where, origins):
    """A group's scales of the sixteen rows that have these origins."""
    codes = b.shl(b.sext(load(b, where, I8X16, 1), I32X16), constant(SCALE_SHIFT, I32X16))
    return b.bitcast(b.add(b.and_(codes, constant(SIGN | SCALE_REACH, I32X16)), origins), F32X16)


@word(types.void, address, f32x16, i32x16)
def store_scales(b, where, scales, origins):
    """The bytes of scales that can be had from these origins."""
    words = b.bitcast(scales, I32X16)
    sign = b.and_(b.lshr(words, constant(24, I32X16)), constant(128, I32X16))
    above = b.lshr(b.sub(_magnitude(b, words), origins), constant(SCALE_SHIFT, I32X16))
    store(b, where, b.trunc(b.or_(above, sign), I8X16), 1)


@word(f32x16, f32x16, f32x16)
def larger(b, x, y):
    """``x`` where it is further from zero than ``y``, else ``y``; a NaN is further than all numbers."""
    words = (b.bitcast(vector, I32X16) for vector in (x, y))
    return b.select(b.icmp_signed(">", *(_magnitude(b, word) for word in words)), x, y)


@word(i32x16, f32x16)
def origins_below(b, largest):
    """The origins of rows with these scales, or slightly more, as their largest."""
    origins = b.sub(_whole_steps(b, largest, SCALE_STEP - 1), constant(SCALE_REACH, I32X16))
    least = constant(LEAST_NORMAL, I32X16)
    return b.select(b.icmp_signed(">", origins, least), origins, least)


@word(f32x16, f32x16, i32x16)
def nearest_scale(b, values, origins):
    """The scales from these origins that are nearest to ``values``, of either sign."""
    return _signed(b, _within(b, _whole_steps(b, values, SCALE_STEP // 2), origins), values)


@word(f32x16, f32x16, i32x16)
def scale_below(b, scales, origins):
    """The next smaller scales of the same sign, or the same where there are none."""
    smaller = b.sub(_magnitude(b, b.bitcast(scales, I32X16)), constant(SCALE_STEP, I32X16))
    return _signed(b, _within(b, smaller, origins), scales)


@word(f32x16, f32x16, i32x16)
def scale_above(b, values, origins):
    """The least positive scales from these origins that are not below ``values``; the largest if all are."""
    return b.bitcast(_within(b, _whole_steps(b, values, SCALE_STEP - 1), origins), F32X16)


def _magnitude(b, words):
    return b.and_(words, constant(~SIGN, I32X16))


def _signed(b, magnitude, values):
    """A float32 of this magnitude with the sign of ``values``."""
    sign = b.and_(b.bitcast(values, I32X16), constant(SIGN, I32X16))
    return b.bitcast(b.or_(magnitude, sign), F32X16)


def _whole_steps(b, values, more):
    """The words of the absolute values, ``more`` added, without what a scale has no bits for."""
    infinity = constant(INFINITY, I32X16)
    words = _magnitude(b, b.bitcast(values, I32X16))
    words = b.select(b.icmp_signed("<", words, infinity), words, infinity)
    return b.and_(b.add(words, constant(more, I32X16)), constant(-SCALE_STEP, I32X16))


def _within(b, words, origins):
    top = b.add(origins, constant(SCALE_REACH, I32X16))
    words = b.select(b.icmp_signed("<", words, origins), origins, words)
    return b.select(b.icmp_signed(">", words, top), top, words)
