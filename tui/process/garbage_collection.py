"""Garbage collection: few collections at startup, later short ones and most of them while nothing happens.

A full collection looks at all objects that were made after startup, some 80 000, and frees what a closed dialog leaves
behind: a tenth of a second during which no key is answered.
"""

import contextlib
import ctypes
import gc

# Objects created at startup are mostly permanent: collecting them is a waste.
STARTING = 50_000
# The young ones small enough not to delay a key noticeably; a full one before there is too much to free at once.
USUAL = (5_000, 10, 4)
# The most heaps of the C library. By default it has one for each thread, and what one frees another does not use again.
HEAPS = 2
M_ARENA_MAX = -8  # of malloc.h
# Between two times that freed memory is given back, whether anything happens or not.
GIVE_BACK_SECONDS = 30.0
# Collections of young objects since the last full one, from which on a full one is worth its time.
ENOUGH = 10
# Seconds after a frame in which another one may follow, or a key come: then it is no time to collect.
AFTER_FRAME = 0.02
# Counts of each generation's younger one, below the usual thresholds, from which on it is collected after a frame.
DUE_YOUNG, DUE_OLD = 4, 2


def rarely() -> None:
    """Raise the threshold during startup."""
    gc.set_threshold(STARTING)


def share_heaps() -> None:
    """Let threads share heaps; before there are threads. Other C libraries than GNU's have no such function."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)


def often() -> None:
    """Freeze the existing objects and lower the thresholds."""
    if not gc.get_freeze_count():
        gc.freeze()
    gc.set_threshold(*USUAL)


def give_back() -> None:
    """Return freed memory to the system: the C library keeps what lies between pieces that are in use.

    Takes tenths of a millisecond, where much was freed tens: not for the interface's thread.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


class IdleCollector:
    """Collects while nothing happens: ``look`` is called at regular intervals, ``after_frame`` when one was painted.

    What is collected then need not be while a key is answered.
    """

    def __init__(self) -> None:
        self._made = 0

    def look(self) -> None:
        """Collect if objects were made since the last full collection, but none since the last look."""
        _, young, old = gc.get_count()
        made = young + USUAL[1] * old
        if made == self._made and made >= ENOUGH:
            gc.collect()
            made = 0
        self._made = made

    def after_frame(self) -> None:
        """Collect what would soon be collected anyway; nothing while the program starts."""
        _, young, old = gc.get_count()
        if gc.get_threshold() != USUAL:
            return
        if old >= DUE_OLD:
            gc.collect()
        elif young >= DUE_YOUNG:
            gc.collect(1)
