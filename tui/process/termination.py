"""Signals that end a program end this one in an orderly way: what is to be saved is saved, and the exit code tells."""

import signal
from collections.abc import Callable, Iterable
from types import FrameType
from typing import NoReturn

# Left as they are: these cannot be caught, tell of a fault in the very instruction, stop and go on, or end nothing here
# (Python has a broken pipe and a full disk raise errors).
OTHERS = {
    getattr(signal, f"SIG{name}", None)
    for name in (
        *("KILL", "STOP", "SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS", "EMT", "PIPE", "XFSZ"),
        *("CHLD", "CONT", "TSTP", "TTIN", "TTOU", "URG", "WINCH", "INFO"),
    )
}
# What ends commands that read and print, beside Ctrl+C, which is Python's own affair.
POLITE = (signal.SIGTERM, signal.SIGHUP)


class Ended(SystemExit):
    """The program ends by this signal; a SystemExit, because event loops let no other exception through."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def ending_signals() -> list[signal.Signals]:
    """All that would end the program without a word, but those that were switched off for it, as by nohup."""
    found = [number for number in signal.valid_signals() if number not in OTHERS]
    return [number for number in found if signal.getsignal(number) is not signal.SIG_IGN]


def catch(numbers: Iterable[int], handle: Callable[[int, FrameType | None], object]) -> None:
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)


def raise_ended(number: int, frame: FrameType | None) -> NoReturn:
    """A signal handler for programs without an event loop."""
    raise Ended(number)
