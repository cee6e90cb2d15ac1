"""Has kernels compiled by another process, because numba holds the interpreter while it compiles."""

import contextlib
import pickle
from collections.abc import Callable, Iterable
from typing import Any

from inference.system.python_process import start_module


def compile_elsewhere(calls: Iterable[tuple[Any, tuple[Any, ...]]], report: Callable[[int, int], None]) -> None:
    """Compile each (kernel, argument types) into the on-disk cache, in a process that outlives this one.

    ``report(done, about so many)`` is called for each function, and may raise to stop waiting. If the process cannot be
    started or fails, the caller finds the kernels missing and compiles them itself.
    """
    wanted = [(kernel.py_func.__module__, kernel.py_func.__name__, types) for kernel, types in calls]
    try:
        process = start_module("inference.kernels.jit.compile_worker")
    except OSError:
        return
    assert process.stdin is not None and process.stdout is not None
    with process.stdout as lines:
        with contextlib.suppress(BrokenPipeError), process.stdin as given:
            given.write(pickle.dumps(wanted))
        for line in lines:
            done, total = map(int, line.split())
            report(done, total)
    process.wait()
