"""Frame pacing: each frame ends with a cursor position query, which the terminal answers once it has drawn the frame.

A completed write is no sign of that: over SSH megabytes may be buffered. The query is sent at a position in the second
row whose column numbers it, so that the response identifies the frame and cannot be mistaken for a key
(``ESC [ 1 ; 2 R`` is also Shift+F3).
"""

import threading
from collections import deque

# Maximum number of unanswered frames; the last is reserved for the effect of keys.
AHEAD = 2
# Seconds after which a response is considered lost.
LOST = 5.0
# Seconds to wait for the first response; without it the terminal is considered not to respond at all.
FIRST = 1.0
ROW, COLUMNS = 2, 8


class Pace:
    """Thread-safe. Times are passed in, in seconds. Call ``reset`` when the terminal is (re)acquired."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Start over; there is no waiting before the first response."""
        self._answers = False
        self._asked = 0
        self._open: deque[int] = deque()  # columns of unanswered queries
        self._last = 0.0  # time of the last query or response

    def question(self, now: float) -> str:
        """The query to append to a frame; empty if the first one was not answered."""
        with self._lock:
            if self._asked and not self._answers:
                return ""
            column = 1 + self._asked % COLUMNS
            self._asked += 1
            self._open.append(column)
            self._last = now
        return f"\x1b7\x1b[{ROW};{column}H\x1b[6n\x1b8"

    def answered(self, row: int, column: int, now: float) -> None:
        """Mark all queries up to this one as answered (the oldest, if the terminal is too narrow for its column)."""
        with self._lock:
            if row == ROW and self._open:
                self._answers = True
                self._last = now
                while self._open.popleft() != column and column in self._open:
                    pass

    @property
    def open(self) -> int:
        """Number of unanswered queries."""
        return len(self._open) if self._answers else 0

    def awaited(self, now: float) -> bool:
        """True while a response may still arrive."""
        return bool(self._open) and now - self._last < (LOST if self._answers else FIRST)

    def wait(self, now: float, pressed: bool) -> float:
        """Seconds until the next frame may be sent without a response. ``pressed``: it shows the effect of keys."""
        return max(0.0, self._last + LOST - now) if self.open >= AHEAD - (not pressed) else 0.0
