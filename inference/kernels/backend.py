"""Chooses between the two implementations of the kernels: plain numpy, or compiled for this CPU by numba."""

import functools
import importlib.util
import os
from collections.abc import Callable
from typing import Any, Literal

from inference.errors import ParameterError
from inference.kernels import reference
from inference.kernels.layout import INT4, INT8, Packing

Backend = Literal["numpy", "jit"]
Kernel = Callable[..., None]


def choose_backend(name: str = "auto") -> Backend:
    """Resolve ``auto``, ``numpy`` or ``jit``.

    ``auto`` is ``jit`` where numba is installed, unless the environment says ``LLM_TUI_KERNELS=numpy``.
    Raises ParameterError for any other name, and for ``jit`` without numba.
    """
    installed = importlib.util.find_spec("numba") is not None
    if name == "auto":
        return "jit" if installed and os.environ.get("LLM_TUI_KERNELS") != "numpy" else "numpy"
    if name == "numpy":
        return "numpy"
    if name != "jit":
        raise ParameterError(f"Unknown backend {name!r} (choose auto, numpy or jit).")
    if not installed:
        raise ParameterError("The jit backend needs numba. Run `pip install numba`, or choose auto or numpy.")
    return "jit"


def packing_kernel(backend: Backend, packing: Packing) -> Kernel:
    """Return ``kernel(rows, weights, scales)``, which quantizes float32 rows and packs them as layout.py draws them."""
    if backend == "numpy":
        return {INT8: reference.pack_int8, INT4: reference.pack_int4}[packing]
    # Imported late: numba takes a second to import, which only the jit backend needs.
    from inference.kernels.jit import launch, quantize

    kernels: dict[Packing, Any] = {INT8: quantize.pack_int8, INT4: quantize.pack_int4}
    return functools.partial(launch.compile_and_run, kernels[packing])
