"""The SIMD vocabulary: vectors of sixteen lanes as values in ``@njit`` code, with the same results on every CPU.

A vector is sixteen float32 or int32 lanes, or the same 64 bytes as bytes; LLVM cuts it into what the CPU has. Memory is
addressed by integers (``array.ctypes.data`` plus byte offsets). All arithmetic is exact or explicitly rounded once
(``fma``), so that a result depends on the order of operations written down, never on the instruction set.
"""

import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

from inference.kernels.jit.float16 import narrow_to_half, widen_half
from inference.kernels.jit.target import keep_compiled_kernels

keep_compiled_kernels()

LANES = 16
I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
FLOAT = ir.FloatType()
F32X16, I32X16, I16X16 = (ir.VectorType(lane, LANES) for lane in (FLOAT, I32, I16))
I8X16, I8X64 = (ir.VectorType(I8, count) for count in (16, 64))


class Vector(types.Type):
    """A vector as numba's type inference sees it."""

    def __init__(self, name: str, llvm: ir.VectorType) -> None:
        super().__init__(name)
        self.llvm = llvm


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """A vector lives in a register, as it is."""

    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)


f32x16 = Vector("f32x16", F32X16)
i32x16 = Vector("i32x16", I32X16)
bytes64 = Vector("bytes64", I8X64)
address = types.int64


def word(result: Any, *arguments: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a function that builds LLVM instructions a word of the vocabulary, callable from ``@njit`` code.

    The builder function itself stays reachable as ``.build``, for tiles that are written out by Python.
    """

    def wrap(build: Callable[..., Any]) -> Any:
        def define(typing_context: Any, *given: Any) -> Any:
            def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
                built = build(builder, *values)
                return context.get_dummy_value() if built is None else built

            return result(*arguments), generate

        define.__name__, define.__doc__, define.__module__ = build.__name__, build.__doc__, build.__module__
        setattr(define, "__signature__", inspect.signature(build))  # noqa: B010 (numba reads it)
        made: Any = intrinsic(define)
        made.build = build
        return made

    return wrap


# ---- builders' helpers


def at(b: ir.IRBuilder, where: ir.Value, of: ir.Type) -> ir.Value:
    return b.inttoptr(where, of.as_pointer())


def load(b: ir.IRBuilder, where: ir.Value, of: ir.Type, align: int) -> ir.Value:
    value = b.load(at(b, where, of))
    value.align = align
    return value


def store(b: ir.IRBuilder, where: ir.Value, value: ir.Value, align: int) -> None:
    b.store(value, at(b, where, value.type)).align = align


def splat(b: ir.IRBuilder, scalar: ir.Value, of: ir.VectorType) -> ir.Value:
    one = b.insert_element(ir.Constant(of, ir.Undefined), scalar, ir.Constant(I32, 0))
    return b.shuffle_vector(one, one, ir.Constant(ir.VectorType(I32, of.count), [0] * of.count))


def shuffle(b: ir.IRBuilder, first: ir.Value, second: ir.Value, lanes: list[int]) -> ir.Value:
    return b.shuffle_vector(first, second, ir.Constant(ir.VectorType(I32, len(lanes)), lanes))


def call(b: ir.IRBuilder, name: str, result: ir.Type, *values: ir.Value) -> ir.Value:
    function = ir.FunctionType(result, [value.type for value in values])
    return b.call(cgutils.get_or_insert_function(b.module, function, name), values)


def constant(value: float, of: ir.VectorType = F32X16) -> ir.Constant:
    return ir.Constant(of, [value] * of.count)


# ---- memory


@word(f32x16, address)
def load_f32(b, where):
    """Sixteen float32."""
    return load(b, where, F32X16, 4)


@word(f32x16, address)
def load_f16(b, where):
    """Sixteen float16, widened."""
    return widen_half(b, load(b, where, I16X16, 2), F32X16)


@word(f32x16, address)
def load_bf16(b, where):
    """Sixteen bfloat16, widened: their bits are the upper half of a float32's."""
    wide = b.zext(load(b, where, I16X16, 2), I32X16)
    return b.bitcast(b.shl(wide, constant(16, I32X16)), F32X16)


@word(f32x16, address)
def load_i8(b, where):
    """Sixteen int8, widened."""
    return b.sitofp(load(b, where, I8X16, 1), F32X16)


@word(bytes64, address)
def load_bytes(b, where):
    """Sixty-four bytes."""
    return load(b, where, I8X64, 16)


@word(types.void, address)
def fetch_once(b, where):
    """Have the cache line there ready soon. It will be read once: the larger caches need not keep it."""
    to_read, by_once, of_data = I32(0), I32(0), I32(1)
    call(b, "llvm.prefetch.p0i8", ir.VoidType(), at(b, where, I8), to_read, by_once, of_data)


@word(types.void, address, f32x16)
def store_f32(b, where, vector):
    """Sixteen float32."""
    store(b, where, vector, 4)


@word(types.void, address, f32x16)
def store_f16(b, where, vector):
    """Sixteen float32, rounded to float16."""
    store(b, where, narrow_to_half(b, vector), 2)


@word(types.void, address, i32x16)
def store_i8(b, where, vector):
    """The low bytes of sixteen int32."""
    store(b, where, b.trunc(vector, I8X16), 1)


@word(types.void, address, i32x16, i32x16, i32x16, i32x16)
def store_quads(b, where, first, second, third, fourth):
    """The low bytes of four vectors, those of one lane side by side."""
    quads = b.and_(first, constant(255, I32X16))
    for place, vector in enumerate((second, third, fourth), 1):
        low = b.and_(vector, constant(255, I32X16))
        quads = b.or_(quads, b.shl(low, constant(8 * place, I32X16)))
    store(b, where, quads, 16)


@word(types.void, address, address, types.int64)
def turn(b, to, where, stride):
    """Sixteen rows of sixteen float32, ``stride`` bytes apart, into their columns, one after the other."""
    rows = [load(b, b.add(where, b.mul(stride, I64(row))), F32X16, 4) for row in range(LANES)]
    for width in (8, 4, 2, 1):  # squares of this width change places across the diagonal
        near = [lane if not lane & width else LANES + lane - width for lane in range(LANES)]
        far = [lane + width if not lane & width else LANES + lane for lane in range(LANES)]
        for row in (row for row in range(LANES) if not row & width):
            pair = rows[row], rows[row + width]
            rows[row], rows[row + width] = shuffle(b, *pair, near), shuffle(b, *pair, far)
    for column, values in enumerate(rows):
        store(b, b.add(to, I64(64 * column)), values, 4)


@word(f32x16, types.float32)
def splat_f32(b, scalar):
    return splat(b, scalar, F32X16)


@word(i32x16, types.int32)
def splat_i32(b, scalar):
    return splat(b, scalar, I32X16)


@word(bytes64, address)
def splat_bytes(b, where):
    """The four bytes there, sixteen times."""
    return b.bitcast(splat(b, load(b, where, I32, 4), I32X16), I8X64)


# numba has no float16: scalars of it travel as the 16-bit words they are stored in.


@word(types.uint16, types.float32)
def half_word(b, value):
    """The nearest float16."""
    return narrow_to_half(b, value)


@word(types.float32, types.uint16)
def from_half_word(b, half):
    return widen_half(b, half, FLOAT)


@word(types.void, address, types.uint16)
def store_word(b, where, word):
    store(b, where, word, 2)


@word(types.void, address, types.float32)
def store_single(b, where, value):
    store(b, where, value, 4)


@word(types.void, address, types.float32)
def store_byte(b, where, value):
    """The nearest whole number, ties to even, as int8."""
    store(b, where, b.fptosi(call(b, "llvm.rint.f32", FLOAT, value), I8), 1)


# ---- arithmetic


@word(f32x16, i32x16)
def to_f32(b, vector):
    return b.sitofp(vector, F32X16)


@word(i32x16, f32x16)
def to_i32(b, vector):
    """Rounded to the nearest, ties to even."""
    return b.fptosi(call(b, "llvm.rint.v16f32", F32X16, vector), I32X16)


@word(f32x16, f32x16, f32x16)
def add(b, x, y):
    return b.fadd(x, y)


@word(f32x16, f32x16, f32x16)
def sub(b, x, y):
    return b.fsub(x, y)


@word(f32x16, f32x16, f32x16)
def mul(b, x, y):
    return b.fmul(x, y)


@word(f32x16, f32x16, f32x16)
def div(b, x, y):
    return b.fdiv(x, y)


@word(f32x16, f32x16, f32x16, f32x16)
def fma(b, x, y, z):
    """x * y + z, rounded once."""
    return call(b, "llvm.fma.v16f32", F32X16, x, y, z)


@word(f32x16, f32x16, f32x16)
def maximum(b, x, y):
    return b.select(b.fcmp_ordered(">", x, y), x, y)


@word(f32x16, f32x16, f32x16, f32x16, f32x16)
def where_above(b, x, y, above, otherwise):
    """``above`` in the lanes where x > y."""
    return b.select(b.fcmp_ordered(">", x, y), above, otherwise)


@word(f32x16, f32x16)
def nearest(b, x):
    """Rounded to the nearest integer, ties to even."""
    return call(b, "llvm.rint.v16f32", F32X16, x)


@word(f32x16, f32x16)
def as_half(b, x):
    """Rounded to what float16 can hold."""
    return widen_half(b, narrow_to_half(b, x), F32X16)


@word(f32x16, f32x16)
def absolute(b, x):
    return call(b, "llvm.fabs.v16f32", F32X16, x)


@word(f32x16, f32x16)
def exp(b, x):
    """e to the x: within two units in the last place for -87 to 88, clamped beyond (the polynomial of Cephes)."""
    low, high = constant(-87.0), constant(88.0)
    x = b.select(b.fcmp_ordered("<", x, low), low, x)
    x = b.select(b.fcmp_ordered(">", x, high), high, x)
    n = call(b, "llvm.rint.v16f32", F32X16, b.fmul(x, constant(1.44269504088896341)))
    r = fma.build(b, n, constant(-0.693359375), x)
    r = fma.build(b, n, constant(2.12194440e-4), r)
    p = constant(1.9875691500e-4)
    for c in (1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1):
        p = fma.build(b, p, r, constant(c))
    p = fma.build(b, p, b.fmul(r, r), b.fadd(r, constant(1.0)))
    power = b.shl(b.add(b.fptosi(n, I32X16), constant(127, I32X16)), constant(23, I32X16))
    return b.fmul(p, b.bitcast(power, F32X16))


@word(f32x16, f32x16, types.int64, types.int64, types.float32)
def keep_between(b, vector, first, last, fill):
    """The lanes from ``first`` up to but not including ``last``, ``fill`` in the others."""
    lanes = ir.Constant(I32X16, list(range(LANES)))
    kept = b.and_(
        b.icmp_signed(">=", lanes, splat(b, b.trunc(first, I32), I32X16)),
        b.icmp_signed("<", lanes, splat(b, b.trunc(last, I32), I32X16)),
    )
    return b.select(kept, vector, splat(b, fill, F32X16))


def _halving(b, vector, combine):
    """The lanes brought together by halves: always in the same order."""
    width = LANES
    while width > 1:
        width //= 2
        first = shuffle(b, vector, vector, list(range(width)))
        vector = combine(first, shuffle(b, vector, vector, list(range(width, 2 * width))))
    return b.extract_element(vector, ir.Constant(I32, 0))


@word(types.float32, f32x16)
def sum_lanes(b, vector):
    return _halving(b, vector, b.fadd)


@word(types.float32, f32x16)
def max_lanes(b, vector):
    return _halving(b, vector, lambda x, y: b.select(b.fcmp_ordered(">", x, y), x, y))


@word(types.int32, i32x16)
def sum_i32_lanes(b, vector):
    return _halving(b, vector, b.add)
