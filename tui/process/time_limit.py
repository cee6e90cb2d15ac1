"""CPU time limit for third-party code, which interrupts even regular expressions."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TICK = 0.02  # CPU seconds between checks
AGAIN = 0.1  # seconds after which the exception is raised again, in case it was swallowed


class OutOfTimeError(Exception):
    """The time limit was exceeded."""


class _Clock:
    """This thread's CPU time, checked by a signal; independent of the machine's load."""

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
        # Python's regular expressions hold the GIL but handle signals.
        if self._end is not None and time.thread_time() > self._end:
            self._end += AGAIN
            raise OutOfTimeError


_CLOCK = _Clock()


def bounded_here() -> bool:
    """True on the main thread, the only one where Python handles signals."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Limit the block's CPU time: OutOfTimeError is raised in it. Does not nest."""
    _CLOCK.set(seconds)
    try:
        try:
            yield
        finally:
            _CLOCK.unset()
    except OutOfTimeError:
        _CLOCK.unset()  # the signal may have arrived just before
        raise
