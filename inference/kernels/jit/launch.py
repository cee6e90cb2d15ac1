"""Runs compiled kernels for one thread at a time.

numba's workqueue layer ends the process when two threads are in parallel kernels at once, and with any layer they would
only take the cores from each other. A reply streams on while another model is packed, because the two take turns call
by call, and while kernels are compiled, because compiling does not take a turn.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numba

from inference.kernels.jit.compile_process import compile_elsewhere
from inference.kernels.jit.compile_progress import compiling
from inference.kernels.jit.numba_internals import is_compiled

_numba: Any = numba
_computing = threading.Lock()


def run(kernel: Callable[..., Any], *arguments: Any) -> Any:
    """Return ``kernel(*arguments)``, computed when nobody else computes."""
    with _computing:
        return kernel(*arguments)


def compile_and_run(kernel: Any, *arguments: Any) -> Any:
    """As ``run``, but first compile the kernel for such arguments, or read it from disk, while others compute."""
    compile_all([(kernel, *arguments)])
    return run(kernel, *arguments)


def compile_all(calls: Iterable[Sequence[Any]], report: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Compile what these calls need, each a kernel and its arguments: in another process, as far as it can.

    ``report(done, about so many)`` may raise to stop waiting.
    """
    wanted = [(kernel, argument_types(arguments)) for kernel, *arguments in calls]
    if missing := [call for call in wanted if not is_compiled(*call)]:
        compile_elsewhere(missing, report)
    with compiling(report):
        for kernel, types in wanted:
            kernel.compile(types)


def argument_types(arguments: Iterable[Any]) -> tuple[Any, ...]:
    """Return numba's types of the arguments."""
    return tuple(_numba.typeof(argument) for argument in arguments)


def threading_layer() -> str:
    """Return the library that numba shares kernels among threads with: tbb, omp or workqueue."""
    _numba.get_num_threads()  # starts them, and only then numba has chosen
    return str(_numba.threading_layer())
