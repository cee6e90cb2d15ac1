"""The private parts of numba that the kernels use: nothing else in ``inference`` imports any.

They may change with any release, so numba is pinned below the next minor version in pyproject.toml.
"""

from contextlib import AbstractContextManager
from typing import Any

from llvmlite import ir
from numba.core import event
from numba.core.caching import FunctionCache
from numba.core.cgutils import (
    alloca_once,
    alloca_once_value,
    for_range,
    get_null_value,
    get_or_insert_function,
    unpack_tuple,
)
from numba.core.event import Listener
from numba.np.arrayobj import make_array

__all__ = [
    "Listener",
    "alloca_once",
    "alloca_once_value",
    "array_at",
    "array_parts",
    "for_range",
    "get_or_insert_function",
    "is_compiled",
    "listen_to_compiler",
    "make_tuple",
    "unpack_tuple",
]


def array_parts(context: Any, b: ir.IRBuilder, kind: Any, value: ir.Value) -> tuple[ir.Value, list[Any], list[Any]]:
    """Return the data pointer, the shape and the strides of an array value of numba type ``kind``."""
    array = make_array(kind)(context, b, value)
    return array.data, unpack_tuple(b, array.shape), unpack_tuple(b, array.strides)


def array_at(context: Any, b: ir.IRBuilder, kind: Any, like: ir.Value, address: ir.Value) -> ir.Value:
    """Return an array value with the shape and strides of ``like`` whose data, owned by nobody, lie at ``address``."""
    pattern, made = make_array(kind)(context, b, like), make_array(kind)(context, b)
    for name in ("nitems", "itemsize", "shape", "strides"):
        setattr(made, name, getattr(pattern, name))
    made.data = b.inttoptr(address, pattern.data.type)
    made.meminfo = get_null_value(pattern.meminfo.type)
    made.parent = get_null_value(pattern.parent.type)
    value: ir.Value = made._getvalue()
    return value


def make_tuple(context: Any, b: ir.IRBuilder, kind: Any, parts: list[ir.Value]) -> ir.Value:
    """Return a tuple value of numba type ``kind``."""
    value: ir.Value = context.make_tuple(b, kind, parts)
    return value


def listen_to_compiler(listener: Listener) -> AbstractContextManager[None]:
    """Within the context, tell ``listener`` when numba begins and ends to compile a function."""
    listening: AbstractContextManager[None] = event.install_listener("numba:compile", listener)
    return listening


def is_compiled(kernel: Any, argument_types: tuple[Any, ...]) -> bool:
    """True if ``kernel`` for such arguments is in this process or in the on-disk cache."""
    if argument_types in kernel.overloads:
        return True
    cache = kernel._cache
    if not isinstance(cache, FunctionCache):
        return False
    return cache._index_key(argument_types, kernel.targetctx.codegen()) in cache._cache_file._load_index()
