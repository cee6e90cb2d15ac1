"""SIMD vocabulary: sixteen-lane vectors as values in ``@njit`` code, with the same results on every CPU.

A vector is sixteen float32 or int32 lanes; LLVM splits it into the registers that the CPU has. Memory is addressed by
integers (``array.ctypes.data`` plus byte offsets). All arithmetic is exact or explicitly rounded once (``fma``), so a
result depends on the order of operations written down, never on the instruction set.
"""

import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

from inference.kernels.jit.float16 import narrow_to_half, widen_half
from inference.kernels.jit.kernel_cache import use_kernel_cache
from inference.kernels.jit.llvm import (
    F32X16,
    FLOAT,
    I8,
    I8X16,
    I16X16,
    I32,
    I32X16,
    I64,
    broadcast,
    call,
    constant,
    load,
    pointer,
    shuffle,
    store,
)
from inference.kernels.layout import LANES

use_kernel_cache()


class Vector(types.Type):
    """A vector type in numba's type inference."""

    def __init__(self, name: str, llvm: ir.VectorType) -> None:
        super().__init__(name)
        self.llvm = llvm


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """Represents a vector as one LLVM value."""

    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)


f32x16 = Vector("f32x16", F32X16)
i32x16 = Vector("i32x16", I32X16)
address = types.int64


def simd_op(result: Any, *arguments: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a function that builds LLVM instructions callable from ``@njit`` code.

    The builder itself stays available as ``.build``, for code generators.
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


# ---- memory


@simd_op(f32x16, address)
def load_f32(b, where):
    """Load sixteen float32."""
    return load(b, where, F32X16, 4)


@simd_op(f32x16, address)
def load_f16(b, where):
    """Load sixteen float16 and widen them."""
    return widen_half(b, load(b, where, I16X16, 2), F32X16)


@simd_op(f32x16, address)
def load_bf16(b, where):
    """Load sixteen bfloat16 and widen them: their bits are the upper half of a float32's."""
    wide = b.zext(load(b, where, I16X16, 2), I32X16)
    return b.bitcast(b.shl(wide, constant(16, I32X16)), F32X16)


@simd_op(f32x16, address)
def load_i8(b, where):
    """Load sixteen int8 and widen them."""
    return b.sitofp(load(b, where, I8X16, 1), F32X16)


@simd_op(types.void, address)
def prefetch_nta(b, where):
    """Prefetch a cache line that is read once (non-temporal)."""
    to_read, non_temporal, of_data = I32(0), I32(0), I32(1)
    call(b, "llvm.prefetch.p0i8", ir.VoidType(), pointer(b, where, I8), to_read, non_temporal, of_data)


@simd_op(types.void, address, f32x16)
def store_f32(b, where, vector):
    """Store sixteen float32."""
    store(b, where, vector, 4)


@simd_op(types.void, address, i32x16)
def store_i8(b, where, vector):
    """Store the low bytes of sixteen int32."""
    store(b, where, b.trunc(vector, I8X16), 1)


@simd_op(types.void, address, i32x16)
def store_word_pairs(b, where, vector):
    """Store sixteen int32 as int16, of each four neighbors the first, third, second and fourth."""
    words = b.trunc(vector, I16X16)
    lanes = [quad + lane for quad in range(0, LANES, 4) for lane in (0, 2, 1, 3)]
    store(b, where, shuffle(b, words, words, lanes), 2)


@simd_op(types.void, address, i32x16, i32x16, i32x16, i32x16)
def store_quads(b, where, first, second, third, fourth):
    """Interleave the low bytes of four vectors: the four of a lane are neighbors."""
    quads = b.and_(first, constant(255, I32X16))
    for place, vector in enumerate((second, third, fourth), 1):
        low = b.and_(vector, constant(255, I32X16))
        quads = b.or_(quads, b.shl(low, constant(8 * place, I32X16)))
    store(b, where, quads, 16)


@simd_op(types.void, address, address, types.int64)
def transpose_16x16(b, to, where, stride):
    """Transpose a 16x16 float32 tile whose rows are ``stride`` bytes apart into contiguous columns."""
    rows = [load(b, b.add(where, b.mul(stride, I64(row))), F32X16, 4) for row in range(LANES)]
    for width in (8, 4, 2, 1):  # swap squares of this width across the diagonal
        near = [lane if not lane & width else LANES + lane - width for lane in range(LANES)]
        far = [lane + width if not lane & width else LANES + lane for lane in range(LANES)]
        for row in (row for row in range(LANES) if not row & width):
            pair = rows[row], rows[row + width]
            rows[row], rows[row + width] = shuffle(b, *pair, near), shuffle(b, *pair, far)
    for column, values in enumerate(rows):
        store(b, b.add(to, I64(64 * column)), values, 4)


@simd_op(f32x16, types.float32)
def broadcast_f32(b, scalar):
    """Copy ``scalar`` into every lane."""
    return broadcast(b, scalar, F32X16)


# numba has no float16: scalars of it travel as the 16-bit integers they are stored in.


@simd_op(types.uint16, types.float32)
def float16_bits(b, value):
    """Round to the nearest float16."""
    return narrow_to_half(b, value)


@simd_op(types.void, address, types.uint16)
def store_scalar_u16(b, where, bits):
    """Store one 16-bit integer."""
    store(b, where, bits, 2)


@simd_op(types.void, address, types.float32)
def store_scalar_f32(b, where, value):
    """Store one float32."""
    store(b, where, value, 4)


@simd_op(types.void, address, types.float32)
def store_scalar_i8(b, where, value):
    """Store the nearest integer, ties to even, as int8."""
    store(b, where, b.fptosi(call(b, "llvm.rint.f32", FLOAT, value), I8), 1)


# ---- arithmetic


@simd_op(i32x16, f32x16)
def to_i32(b, vector):
    """Convert to int32, rounding to the nearest, ties to even."""
    return b.fptosi(call(b, "llvm.rint.v16f32", F32X16, vector), I32X16)


@simd_op(f32x16, f32x16, f32x16)
def add(b, x, y):
    """Return x + y."""
    return b.fadd(x, y)


@simd_op(f32x16, f32x16, f32x16)
def sub(b, x, y):
    """Return x - y."""
    return b.fsub(x, y)


@simd_op(f32x16, f32x16, f32x16)
def mul(b, x, y):
    """Return x * y."""
    return b.fmul(x, y)


@simd_op(f32x16, f32x16, f32x16)
def div(b, x, y):
    """Return x / y."""
    return b.fdiv(x, y)


@simd_op(f32x16, f32x16, f32x16, f32x16)
def fma(b, x, y, z):
    """Return x * y + z, rounded once."""
    return call(b, "llvm.fma.v16f32", F32X16, x, y, z)


@simd_op(f32x16, f32x16, f32x16)
def maximum(b, x, y):
    """Return the larger of x and y; y if either is NaN."""
    return b.select(b.fcmp_ordered(">", x, y), x, y)


@simd_op(f32x16, f32x16, f32x16, f32x16, f32x16)
def select_greater(b, x, y, greater, otherwise):
    """Return ``greater`` in the lanes where x > y."""
    return b.select(b.fcmp_ordered(">", x, y), greater, otherwise)


@simd_op(f32x16, f32x16)
def round_even(b, x):
    """Round to the nearest integer, ties to even."""
    return call(b, "llvm.rint.v16f32", F32X16, x)


@simd_op(f32x16, f32x16)
def absolute(b, x):
    """Return the absolute value."""
    return call(b, "llvm.fabs.v16f32", F32X16, x)


@simd_op(f32x16, f32x16)
def exp(b, x):
    """Return e to the x: within two units in the last place for -87 to 88, clamped beyond (Cephes' polynomial)."""
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


@simd_op(f32x16, f32x16)
def tanh(b, x):
    """Return the hyperbolic tangent, with an absolute error below 2e-7."""
    one, two = constant(1.0), constant(2.0)
    return b.fsub(one, b.fdiv(two, b.fadd(exp.build(b, b.fmul(two, x)), one)))


@simd_op(f32x16, f32x16, types.int64, types.int64, types.float32)
def fill_outside(b, vector, first, last, fill):
    """Keep the lanes ``first`` to ``last`` - 1 and set the others to ``fill``."""
    lanes = ir.Constant(I32X16, list(range(LANES)))
    kept = b.and_(
        b.icmp_signed(">=", lanes, broadcast(b, b.trunc(first, I32), I32X16)),
        b.icmp_signed("<", lanes, broadcast(b, b.trunc(last, I32), I32X16)),
    )
    return b.select(kept, vector, broadcast(b, fill, F32X16))


def _tree_reduce(b, vector, combine):
    """Reduce the lanes by halves, always in the same order."""
    width = LANES
    while width > 1:
        width //= 2
        first = shuffle(b, vector, vector, list(range(width)))
        vector = combine(first, shuffle(b, vector, vector, list(range(width, 2 * width))))
    return b.extract_element(vector, ir.Constant(I32, 0))


@simd_op(types.float32, f32x16)
def sum_lanes(b, vector):
    """Return the sum of the lanes."""
    return _tree_reduce(b, vector, b.fadd)


@simd_op(types.float32, f32x16)
def max_lanes(b, vector):
    """Return the largest lane."""
    return _tree_reduce(b, vector, lambda x, y: b.select(b.fcmp_ordered(">", x, y), x, y))


@simd_op(types.int32, i32x16)
def sum_i32_lanes(b, vector):
    """Return the sum of the int32 lanes."""
    return _tree_reduce(b, vector, b.add)
