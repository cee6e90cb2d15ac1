"""Drives a program on a pseudo-terminal and reads its screen, as a person at a terminal would."""

import contextlib
import fcntl
import os
import re
import signal
import struct
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pexpect
import pyte

KEYS = {
    "enter": "\r",
    "escape": "\x1b[27u",  # as Kitty's protocol spells it: alone, Escape needs a pause behind it
    "tab": "\t",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "f1": "\x1bOP",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
    "f7": "\x1b[18~",
    "f9": "\x1b[20~",
    "f10": "\x1b[21~",
    "f12": "\x1b[24~",
    **{f"ctrl+{letter}": chr(ord(letter) - 96) for letter in "cgjnopqrtyz"},
}
PATIENCE = 120  # seconds until what has not come is taken not to come: no measure of speed
# Questions about the terminal and modes that pyte does not know and would print.
UNKNOWN = re.compile(rb"\x1b\[[<>=?][0-9;]*u|\x1b\[\?[0-9;]*\$p|\x1b\[>[0-9;]*[a-zA-Z]|\x1b\[=[0-9;]*[a-zA-Z]")


class Terminal:
    """``answers``: to the program's questions, as real terminals do. ``raw`` holds every byte that the program wrote;
    ``canonical`` tells whether whole lines were read at its end, as for a shell.
    """

    canonical = False

    def __init__(
        self,
        command: Sequence[str],
        rows: int = 24,
        columns: int = 80,
        env: dict[str, str] | None = None,
        answers: bool = False,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.raw = bytearray()
        self._stream = pyte.ByteStream(self.screen)
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        # A size in the environment, as a test runner's workers have it, would outrank the terminal's own.
        environment = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        self._child = pexpect.spawn(
            command[0], list(command[1:]), dimensions=(rows, columns), env=environment, timeout=None
        )
        self._child.delaybeforesend = None
        self.screen.write_process_input = lambda answer: self.send(answer) if answers else None

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._child.close(force=True)
        except pexpect.ExceptionPexpect:
            self._child.wait()  # killed, but on a busy machine that takes longer than it was given

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def alive(self) -> bool:
        return bool(self._child.isalive())

    @property
    def pid(self) -> int:
        """Of the program."""
        return int(self._child.pid)

    @property
    def threads(self) -> int:
        """Of the program."""
        return len(list(Path(f"/proc/{self._child.pid}/task").iterdir()))

    def pump(self, seconds: float = 0.02) -> bool:
        """Take in what the program writes; tells whether it wrote anything within this time."""
        try:
            data = self._child.read_nonblocking(65536, timeout=seconds)
        except pexpect.TIMEOUT:
            return False
        except pexpect.EOF:
            time.sleep(seconds)
            return False
        self.raw += data
        self._stream.feed(UNKNOWN.sub(b"", data))
        return True

    def until(self, pattern: str, seconds: float = PATIENCE) -> re.Match[str]:
        """Wait until the screen shows the pattern; fails with the screen if it does not come."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := re.search(pattern, self.text):
                return found
            self.pump()
        raise AssertionError(f"{pattern!r} did not appear on this screen:\n{self.text}")

    def send(self, text: str | bytes) -> None:
        """Type ``text`` and wait for nothing."""
        self._child.send(text)

    def press(self, *keys: str) -> None:
        """Keys by name, or text to type."""
        for key in keys:
            self.send(KEYS.get(key, key))
            self.pump()

    @property
    def unread(self) -> int:
        """Bytes that the program has written and nobody has read."""
        count = fcntl.ioctl(self._child.child_fd, termios.FIONREAD, bytes(4))
        return int.from_bytes(count, sys.byteorder)

    def signal(self, number: int) -> None:
        """Send the program a signal."""
        self._child.kill(number)

    def hang_up(self) -> None:
        """Be gone, as a terminal whose window was closed; nothing takes its place."""
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, self._child.child_fd)
        os.close(nothing)

    def resize(self, rows: int, columns: int) -> None:
        self.screen.resize(rows, columns)
        fcntl.ioctl(self._child.child_fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._child.kill(signal.SIGWINCH)

    def wait(self, seconds: float = PATIENCE) -> int:
        """The exit status of a program that is about to end."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._child.isalive():
            self.pump()
        assert not self._child.isalive(), f"still running:\n{self.text}"
        while self.pump():
            pass
        with contextlib.suppress(termios.error):  # where it was hung up
            self.canonical = bool(termios.tcgetattr(self._child.child_fd)[3] & termios.ICANON)
        self._child.close()
        return int(self._child.exitstatus if self._child.exitstatus is not None else -self._child.signalstatus)
