"""Orderly termination by signals."""

import signal
from collections.abc import Callable, Iterable
from types import FrameType
from typing import NoReturn

# Not handled: they cannot be caught, report a fault, stop and continue, or do not terminate (Python turns SIGPIPE and
# SIGXFSZ into exceptions).
OTHERS = {
    getattr(signal, f"SIG{name}", None)
    for name in (
        *("KILL", "STOP", "SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS", "EMT", "PIPE", "XFSZ"),
        *("CHLD", "CONT", "TSTP", "TTIN", "TTOU", "URG", "WINCH", "INFO"),
    )
}
# Signals that terminate non-interactive commands; SIGINT is left to Python.
POLITE = (signal.SIGTERM, signal.SIGHUP)


class Ended(SystemExit):
    """Terminated by a signal; a SystemExit, because event loops propagate no other exception."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def ending_signals() -> list[signal.Signals]:
    """All terminating signals that are not ignored (as SIGHUP is under nohup)."""
    found = [number for number in signal.valid_signals() if number not in OTHERS]
    return [number for number in found if signal.getsignal(number) is not signal.SIG_IGN]


def catch(numbers: Iterable[int], handle: Callable[[int, FrameType | None], object]) -> None:
    """Install a handler for these signals, except ignored ones."""
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)


def raise_ended(number: int, frame: FrameType | None) -> NoReturn:
    """Signal handler for commands without an event loop."""
    raise Ended(number)
