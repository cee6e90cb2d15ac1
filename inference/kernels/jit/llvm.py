"""LLVM types and instruction builders that the kernels' code generators share."""

from llvmlite import ir

from inference.kernels.jit.numba_internals import get_or_insert_function
from inference.kernels.layout import LANES

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
FLOAT = ir.FloatType()
F32X16, I32X16, I16X16 = (ir.VectorType(lane, LANES) for lane in (FLOAT, I32, I16))
I8X16, I8X64 = (ir.VectorType(I8, count) for count in (16, 64))


def pointer(b: ir.IRBuilder, address: ir.Value, to: ir.Type) -> ir.Value:
    """Convert an integer address to a pointer."""
    return b.inttoptr(address, to.as_pointer())


def load(b: ir.IRBuilder, address: ir.Value, of: ir.Type, align: int) -> ir.Value:
    """Load a value of type ``of``."""
    value = b.load(pointer(b, address, of))
    value.align = align
    return value


def store(b: ir.IRBuilder, address: ir.Value, value: ir.Value, align: int) -> None:
    """Store ``value``."""
    b.store(value, pointer(b, address, value.type)).align = align


def broadcast(b: ir.IRBuilder, scalar: ir.Value, to: ir.VectorType) -> ir.Value:
    """Copy ``scalar`` into every lane."""
    one = b.insert_element(ir.Constant(to, ir.Undefined), scalar, ir.Constant(I32, 0))
    return b.shuffle_vector(one, one, ir.Constant(ir.VectorType(I32, to.count), [0] * to.count))


def shuffle(b: ir.IRBuilder, first: ir.Value, second: ir.Value, lanes: list[int]) -> ir.Value:
    """Select ``lanes`` of the concatenation of ``first`` and ``second``."""
    return b.shuffle_vector(first, second, ir.Constant(ir.VectorType(I32, len(lanes)), lanes))


def call(b: ir.IRBuilder, name: str, result: ir.Type, *values: ir.Value) -> ir.Value:
    """Call the LLVM intrinsic ``name``."""
    function = ir.FunctionType(result, [value.type for value in values])
    return b.call(get_or_insert_function(b.module, function, name), values)


def constant(value: float, of: ir.VectorType = F32X16) -> ir.Constant:
    """Return a vector constant with ``value`` in every lane."""
    return ir.Constant(of, [value] * of.count)
