"""How far the terminal is behind: with each frame it is asked where the cursor is, and answers when it has drawn it.

That the bytes were taken says nothing: over SSH megabytes wait on the way. The question is asked at a place of its own
in the second row, in a column that numbers it, so that the answer is never taken for a key (``ESC [ 1 ; 2 R`` is
Shift+F3 too) and tells which frame it is for.
"""

import threading
from collections import deque

# Frames that may be on their way at once. The last place is for what a key has done, so that it leaves at once.
AHEAD = 2
# Seconds without an answer after which one was lost, and the next frame is sent without it.
LOST = 5.0
# A terminal that has not answered the first question after so many seconds answers none.
FIRST = 1.0
ROW, COLUMNS = 2, 8


class Pace:
    """``reset`` whenever the terminal is taken anew. Times are given from outside, in seconds; threads may ask."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """A terminal that has never answered is not waited for."""
        self._answers = False
        self._asked = 0
        self._open: deque[int] = deque()  # the columns of the questions that are not answered
        self._last = 0.0  # when it was asked or has answered

    def question(self, now: float) -> str:
        """To be written behind a frame; nothing to a terminal that has not answered the first one."""
        with self._lock:
            if self._asked and not self._answers:
                return ""
            column = 1 + self._asked % COLUMNS
            self._asked += 1
            self._open.append(column)
            self._last = now
        return f"\x1b7\x1b[{ROW};{column}H\x1b[6n\x1b8"

    def answered(self, row: int, column: int, now: float) -> None:
        """All up to that question are answered; in a terminal too narrow for the column, the oldest is."""
        with self._lock:
            if row == ROW and self._open:
                self._answers = True
                self._last = now
                while self._open.popleft() != column and column in self._open:
                    pass

    @property
    def open(self) -> int:
        """How many questions have no answer yet."""
        return len(self._open) if self._answers else 0

    def awaited(self, now: float) -> bool:
        """Whether an answer may still be on its way."""
        return bool(self._open) and now - self._last < (LOST if self._answers else FIRST)

    def wait(self, now: float, pressed: bool) -> float:
        """Seconds until the next frame may leave if no answer comes. ``pressed``: it shows what keys have done."""
        return max(0.0, self._last + LOST - now) if self.open >= AHEAD - (not pressed) else 0.0
