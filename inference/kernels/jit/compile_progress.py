"""Tells how far numba is with compiling the kernels, at the first start on a machine."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from inference.kernels.jit.numba_internals import Listener, listen_to_compiler

# About so many functions are compiled for one kind of weights; what is found in the cache is not among them.
FUNCTIONS = 40


class _Counter(Listener):
    def __init__(self, report: Callable[[int, int], None]) -> None:
        self._report = report
        self._done = 0

    def on_start(self, event: Any) -> None:
        self._report(min(self._done, FUNCTIONS - 1), FUNCTIONS)

    def on_end(self, event: Any) -> None:
        self._done += 1
        self._report(min(self._done, FUNCTIONS - 1), FUNCTIONS)


@contextlib.contextmanager
def compiling(report: Callable[[int, int], None]) -> Iterator[None]:
    """While in it, ``report(done, about so many)`` is called for each function that has to be compiled."""
    with listen_to_compiler(_Counter(report)):
        yield
