"""Compiles kernels into the on-disk cache, in a process of its own; compile_process.py starts it.

It goes on without the one that started it: who runs the program next finds what it leaves.
"""

import contextlib
import hashlib
import importlib
import os
import pickle
import sys

import filelock

from inference.kernels.jit.compile_progress import compiling
from inference.kernels.jit.kernel_cache import use_kernel_cache

NICENESS = 5


def main() -> None:
    """Read pickled (module, kernel, argument types) from standard input; write ``done total`` per function."""
    os.nice(NICENESS)
    wanted = pickle.load(sys.stdin.buffer)  # noqa: S301  of the process that started this one
    directory = use_kernel_cache()
    name = hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]
    lock = filelock.FileLock(directory / f"{name}.lock") if directory else contextlib.nullcontext()
    with lock, compiling(_report):  # who comes second finds what the first has compiled
        for module, kernel, types in wanted:
            getattr(importlib.import_module(module), kernel).compile(types)


def _report(done: int, total: int) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(sys.stdout.fileno(), f"{done} {total}\n".encode())


if __name__ == "__main__":
    main()
