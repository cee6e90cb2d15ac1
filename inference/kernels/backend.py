"""The one place that chooses: kernels compiled for this CPU where numba is there, plain numpy where it is not.

``LLM_TUI_KERNELS=numpy`` in the environment chooses numpy anyway.
"""

import functools
import importlib.util
import os
from collections.abc import Callable
from typing import Any

from inference.kernels import reference

Kernel = Callable[..., None]


@functools.cache
def compiled() -> bool:
    """Whether the compiled kernels are used."""
    return os.environ.get("LLM_TUI_KERNELS") != "numpy" and importlib.util.find_spec("numba") is not None


def pack(bits: int) -> Kernel:
    """``kernel(rows, weights, scales)``: float32 rows into the packed layout."""
    if compiled():
        from inference.kernels.jit import quantize

        return _kernel({8: quantize.pack_int8, 4: quantize.pack_int4}[bits])
    return {8: reference.pack_int8, 4: reference.pack_int4}[bits]


def quantise_rows(*arguments: Any) -> None:
    """``kernel(x, quantised, scales, starts, zero_point)``: float32 activations into int8 in groups."""
    if compiled():
        from inference.kernels.jit import quantize

        quantize.quantise_rows(*arguments)
    else:
        reference.quantise_rows(*arguments)


def matmul(bits: int) -> Kernel:
    """``kernel(weights, scales, x, x_scales, starts, out)``: packed weights times quantised activations."""
    if compiled():
        from inference.kernels.jit import matmul_quantized as kernels

        return _kernel({8: kernels.matmul_int8, 4: kernels.matmul_int4}[bits])
    return lambda weights, scales, x, x_scales, starts, out: reference.matmul_quantised(
        weights, scales, x, x_scales, out, bits
    )


def _kernel(dispatcher: Any) -> Kernel:
    kernel: Kernel = dispatcher
    return kernel
