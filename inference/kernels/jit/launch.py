"""Runs compiled kernels for one thread at a time.

numba's workqueue layer ends the process when two threads are in parallel kernels at once, and with any layer they would
only take the cores from each other. A reply streams on while another model is packed, because the two take turns call
by call, and while kernels are compiled, because compiling does not take a turn.
"""

import threading
from collections.abc import Callable
from typing import Any

import numba

_numba: Any = numba
_computing = threading.Lock()


def run(kernel: Callable[..., Any], *arguments: Any) -> Any:
    """Return ``kernel(*arguments)``, computed when nobody else computes."""
    with _computing:
        return kernel(*arguments)


def compile_and_run(kernel: Any, *arguments: Any) -> Any:
    """As ``run``, but first compile the kernel for such arguments, or read it from disk, while others compute."""
    kernel.compile(tuple(_numba.typeof(argument) for argument in arguments))
    return run(kernel, *arguments)


def threading_layer() -> str:
    """Return the library that numba shares kernels among threads with: tbb, omp or workqueue."""
    _numba.get_num_threads()  # starts them, and only then numba has chosen
    return str(_numba.threading_layer())
