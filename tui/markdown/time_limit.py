"""Bounds the time that code which others wrote takes over a text: even a regular expression is stopped."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TICK = 0.02  # seconds of processor time between two looks
AGAIN = 0.1  # so much later it is said again, to code that did not let it through


class OutOfTimeError(Exception):
    """What was bounded took longer than it may."""


class _Clock:
    """The processor time of this thread, watched by a signal: a busy machine makes nothing late."""

    def __init__(self) -> None:
        self._end: float | None = None
        self._wound = False

    def set(self, seconds: float) -> None:
        if not self._wound:
            signal.signal(signal.SIGVTALRM, self._look)
            signal.siginterrupt(signal.SIGVTALRM, False)
            self._wound = True
        self._end = time.thread_time() + seconds
        signal.setitimer(signal.ITIMER_VIRTUAL, TICK, TICK)

    def unset(self) -> None:
        self._end = None
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def _look(self, number: int, frame: FrameType | None) -> None:
        # Python's regular expressions hold the interpreter, but they do let signals be seen to.
        if self._end is not None and time.thread_time() > self._end:
            self._end += AGAIN
            raise OutOfTimeError


_CLOCK = _Clock()


def bounded_here() -> bool:
    """Whether time can be bounded on this thread: Python sees to signals on the main one only."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raises OutOfTimeError within, once so much processor time has passed. Does not nest."""
    _CLOCK.set(seconds)
    try:
        try:
            yield
        finally:
            _CLOCK.unset()
    except OutOfTimeError:
        _CLOCK.unset()  # it may have come when the clock was about to be unset
        raise
