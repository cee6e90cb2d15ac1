"""What Textual does not provide for: a terminal that takes nothing for a while, as over a slow link, or that is gone.

Textual's loop waits for a terminal that has thirty writes before it, and with the loop all waits: saving, signals, the
end. Here nothing waits: painting rests until the terminal has taken what it was given, and then begins with a whole
screen.
"""

import asyncio
import os
import select
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui.terminal.parser import TerminalParser
from tui.terminal.turns import Turns

BEHIND = 9  # writes that wait for the terminal, three for each painting
PATIENCE = 5.0  # seconds that a terminal has at the end to take what waits
LOOK, CHUNK = 0.1, 65536  # how often, in seconds, to look whether reading is over; bytes to read at once
REPORT_BASE_LAYOUT = "\x1b[=4;2u"  # in Kitty's protocol: also which key it is on a Latin layout


class Outlet:
    """The terminal as a file for Textual's thread that writes: ``drained`` is called when all is written."""

    def __init__(self, number: int, drained: Callable[[], None]) -> None:
        self._number = number
        self._drained = drained
        self._gone = False

    def fileno(self) -> int:
        return self._number

    def write(self, text: str) -> None:
        """Waits for the terminal; what a terminal that is gone does not take is nobody's."""
        left = memoryview(text.encode("utf-8", "replace"))
        while left and not self._gone:
            try:
                left = left[os.write(self._number, left) :]
            except BlockingIOError:
                select.select([], [self._number], [])
            except OSError:
                self._gone = True

    def flush(self) -> None:
        self._drained()


class PatientDriver(LinuxDriver):
    """Never waits for the terminal, but at the end."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._file: Any = Outlet(self._file.fileno(), self._drained)
        self._loop = asyncio.get_running_loop()
        self._turns = Turns(self._app, self._loop)
        self._rest = ExitStack()
        self._resting = False

    def start_application_mode(self) -> None:
        self._resting = True  # nothing is painted yet, though much is written
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is not None:
            self._writer_thread._queue.maxsize = 0  # without limit: nothing waits to be put there
            self.write(REPORT_BASE_LAYOUT)
        self._resting = False
        self._turns.resume()

    def stop_application_mode(self) -> None:
        self._turns.hold()
        super().stop_application_mode()

    def run_input_thread(self) -> None:
        """Read until there is nothing more to come."""
        parser = TerminalParser(self.answered)
        while not self.exit_event.is_set():
            wait = LOOK if parser.due is None else min(LOOK, max(0.0, parser.due - time.monotonic()))
            try:
                data = os.read(self.fileno, CHUNK) if select.select([self.fileno], [], [], wait)[0] else None
            except OSError:  # a terminal that is gone says so with a signal too
                return
            if data == b"":
                return
            now = time.monotonic()
            for message in parser.tick(now) if data is None else parser.feed(data, now):
                self.process_message(message)

    def answered(self, kind: str, numbers: tuple[int, ...]) -> None:
        """The terminal has said something about itself; called by the thread that reads."""

    def send_message(self, message: Message) -> None:
        self._turns.put(message)

    def write(self, data: str) -> None:
        super().write(data)
        if self._behind and not self._resting:
            self._resting = True
            self._rest.enter_context(self._app.batch_update())
            if not self._behind:  # drained in between, when nobody rested
                self._drained()

    def close(self) -> None:
        """What a terminal does not take even now is lost."""
        self._go_on()
        if self._writer_thread is not None:
            self._writer_thread._queue.put(None)
            self._writer_thread.join(PATIENCE)

    @property
    def _behind(self) -> bool:
        return self._writer_thread is not None and self._writer_thread._queue.qsize() > BEHIND

    def _drained(self) -> None:
        if self._resting:
            self._loop.call_soon_threadsafe(self._catch_up)

    def _catch_up(self) -> None:
        if self._resting and not self._behind:
            self._go_on()
            if self._app.is_running:
                self._app.screen.refresh(layout=True)

    def _go_on(self) -> None:
        self._rest.close()
        self._resting = False

    def _sigcont_application(self, *_: object) -> None:
        """Textual sets the terminal up anew, whether or not it did so before: a second reader would not end."""
        if not os.isatty(self.fileno):
            return
        if self._auto_restart and self._key_thread is not None and self._key_thread.is_alive():
            self.suspend_application_mode()
        super()._sigcont_application()
