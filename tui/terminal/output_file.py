"""File object for writing to the terminal, tolerant of its loss."""

import os
import select
from collections.abc import Callable

# Resets Textual's modes, restores the main screen and shows the cursor.
RESTORING = (
    b"\x1b[0m\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"
    b"\x1b[<u\x1b[?2026l\x1b[?1049l\x1b[?25h\x1b[?1004l"
)


class Outlet:
    """Terminal output for Textual's writer thread. ``drained`` is called when all is written, ``gone`` once
    when there is no terminal any more.
    """

    def __init__(self, number: int, drained: Callable[[], None], gone: Callable[[], None]) -> None:
        self._number = number
        self._drained = drained
        self._tell_gone = gone
        self._gone = False

    def fileno(self) -> int:
        return self._number

    def write(self, text: str) -> None:
        """Blocks until written; output to a closed terminal is discarded."""
        left = memoryview(text.encode("utf-8", "replace"))
        while left and not self._gone:
            try:
                left = left[os.write(self._number, left) :]
            except BlockingIOError:
                select.select([], [self._number], [])
            except OSError:
                self._gone = True
                self._tell_gone()

    def flush(self) -> None:
        self._drained()
