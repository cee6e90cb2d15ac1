"""Has kernels compiled by another process, because numba holds the interpreter while it compiles."""

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any


def compile_elsewhere(calls: Iterable[tuple[Any, tuple[Any, ...]]], report: Callable[[int, int], None]) -> None:
    """Compile each (kernel, argument types) into the on-disk cache, in a process that outlives this one.

    ``report(done, about so many)`` is called for each function, and may raise to stop waiting. If the process cannot be
    started or fails, the caller finds the kernels missing and compiles them itself.
    """
    wanted = [(kernel.py_func.__module__, kernel.py_func.__name__, types) for kernel, types in calls]
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "inference.kernels.jit.compile_worker"],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # no signals from the terminal
        )
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
