"""Ctrl+C as a call instead of an exception."""

import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def on_ctrl_c(stop: Callable[[], object]) -> Iterator[None]:
    """Let Ctrl+C call this, and interrupt nothing: a save, or an event that has just been taken."""
    before = signal.signal(signal.SIGINT, lambda number, frame: stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
