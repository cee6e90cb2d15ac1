"""What Textual does not provide for: a terminal that is slow, takes nothing for a while, or is gone.

Textual's loop waits for a terminal that has thirty writes before it, and with the loop all waits: saving, signals, the
end. And what a slow link has taken it still has to carry, a key's echo behind it. Here nothing waits: frames are sent
as fast as the terminal draws them, and what is sent next is what is to be seen then.
"""

import asyncio
import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.control import Control
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Offset
from textual.message import Message

from tui.terminal.frame_pacing import Pace
from tui.terminal.input_parser import TerminalParser
from tui.terminal.input_queue import Turns
from tui.terminal.output_file import RESTORING, Outlet
from tui.terminal.screen_buffer import Canvas
from tui.terminal.textual_internals import (
    SYNC_END,
    SYNC_START,
    CompositorUpdate,
    end_writes,
    handle_exception,
    never_block,
    waiting_writes,
)

BEHIND = 2  # frames that wait for the terminal to take them
PATIENCE = 5.0  # seconds that a terminal has at the end to take what waits
LAST_ANSWERS = 2.0  # and to answer what it was asked
LOOK, CHUNK = 0.1, 65536  # how often, in seconds, to look whether reading is over; bytes to read at once
REPORT_BASE_LAYOUT = "\x1b[=4;2u"  # in Kitty's protocol: also which key it is on a Latin layout


class PatientDriver(LinuxDriver):
    """Never waits for the terminal, but at the end. ``canvas``: what the terminal shows; ``gone``: it is no more."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        out = sys.__stdout__ or self._file  # not standard error, which may be a file
        self._file: Any = Outlet(out.fileno(), self._look_on, self._hung_up)
        self._loop = asyncio.get_running_loop()
        self._turns = Turns(self._app, self._loop, self._carried_out)
        self._pace = Pace()
        self._pressed = False  # keys were carried out, and no frame has left since
        self._later: Callable[[], None] | None = None
        self._started = False  # application mode
        self._cursor = Offset(-1, -1)
        self.canvas = Canvas()
        self.gone = False
        self._hear_signals()

    # ---- frames

    @property
    def behind(self) -> bool:
        """Whether a frame would have to wait."""
        if not self._started or self._writer_thread is None or waiting_writes(self._writer_thread) > BEHIND:
            return True
        return self._wait > 0

    @property
    def _wait(self) -> float:
        return self._pace.wait(time.monotonic(), self._pressed)

    def when_ready(self, paint: Callable[[], None]) -> None:
        """Have it called by the event loop, once, as soon as the terminal is behind no more."""
        if self._later is None:
            self._loop.call_later(self._wait, self._catch_up)
        self._later = paint

    def paint(self, update: CompositorUpdate, console: Console, width: int, cursor: Offset, sync: bool) -> None:
        """Have the terminal show it, and tell when it does."""
        changes = self.canvas.draw(update, console, width)
        if not changes and cursor == self._cursor:
            return
        self._cursor = cursor
        frame = changes + Control.move_to(*cursor).segment.text
        if sync:
            frame = SYNC_START + frame + SYNC_END
        self.write(frame + self._pace.question(time.monotonic()))
        self._pressed = False

    def answered(self, kind: str, numbers: tuple[int, ...]) -> None:
        """The terminal has said something about itself; called by the thread that reads."""
        if kind == "cursor" and len(numbers) == 2:
            self._pace.answered(*numbers, time.monotonic())
            self._look_on()

    def _look_on(self) -> None:
        """From any thread: something has come or gone."""
        if self._later is not None:
            self._loop.call_soon_threadsafe(self._catch_up)

    def _catch_up(self) -> None:
        if self._later is None:
            return
        if self.behind:
            if wait := self._wait:
                self._loop.call_later(wait, self._catch_up)
            return
        paint, self._later = self._later, None
        paint()

    # ---- keys

    def run_input_thread(self) -> None:
        """Read until there is nothing more to come."""
        parser = TerminalParser(self.answered)
        while not self.exit_event.is_set():
            wait = LOOK if parser.due is None else min(LOOK, max(0.0, parser.due - time.monotonic()))
            try:
                data = os.read(self.fileno, CHUNK) if select.select([self.fileno], [], [], wait)[0] else None
            except OSError:
                return
            if data == b"":
                return
            now = time.monotonic()
            for message in parser.tick(now) if data is None else parser.feed(data, now):
                self.process_message(message)

    def _run_input_thread(self) -> None:
        """Reading ends when it is told to; else there is nothing to read from any more, or it has a mistake."""
        try:
            self.run_input_thread()
        except Exception as error:
            self._loop.call_soon_threadsafe(handle_exception, self._app, error)
        else:
            if not self.exit_event.is_set():
                self._hung_up()

    def send_message(self, message: Message) -> None:
        self._turns.put(message)

    def _carried_out(self) -> None:
        """What keys have done need not wait for the frame that is on its way."""
        self._pressed = True
        self._look_on()

    # ---- the beginning and the end

    def start_application_mode(self) -> None:
        self._started = True
        self.canvas.forget()
        self._pace.reset()
        self._later = None
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._started = self._key_thread is not None and self._key_thread.is_alive()  # not in the background
        if self._writer_thread is not None:
            never_block(self._writer_thread)
            self.write(REPORT_BASE_LAYOUT)
        self._turns.resume()
        self._app.refresh()

    def stop_application_mode(self) -> None:
        self._turns.hold()
        self._hear_out()
        super().stop_application_mode()
        self._started = False

    def _hear_out(self) -> None:
        """Answers that came later would be typed into the shell."""
        end = time.monotonic() + LAST_ANSWERS
        while self._pace.awaited(time.monotonic()) and time.monotonic() < end and not self.gone:
            time.sleep(0.01)

    def close(self) -> None:
        """What a terminal does not take even now is lost."""
        if self._writer_thread is not None:
            end_writes(self._writer_thread, PATIENCE)

    def restore(self) -> None:
        """Where the app came to its end without ``stop_application_mode``, or within it: with no help of others."""
        if not self._started:
            return
        self._started = False
        out = self._file.fileno()
        with suppress(OSError):
            blocking = os.get_blocking(out)
            os.set_blocking(out, False)
            os.write(out, RESTORING)
            os.set_blocking(out, blocking)
        if self.attrs_before is not None:
            with suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)

    def _hung_up(self) -> None:
        """The terminal is gone, whether or not there was a signal: from any thread."""
        self.gone = True
        with suppress(RuntimeError):  # the loop is over too
            self._loop.call_soon_threadsafe(self._app.exit)

    # ---- stopped and continued, as by a shell

    def _hear_signals(self) -> None:
        """In the loop, where nothing is half done."""
        self._loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        self._loop.add_signal_handler(signal.SIGCONT, self._continued)

    def _suspend(self) -> None:
        """Give the terminal back and stop, with all that was started with it; where there is no shell to continue it,
        the system does not stop it.
        """
        lent = not self._auto_restart
        if not lent:
            self.suspend_application_mode()
        self._loop.remove_signal_handler(signal.SIGCONT)
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        os.kill(0, signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)  # which returns when it is continued
        self._hear_signals()
        if not lent:
            self.resume_application_mode()

    def _continued(self) -> None:
        """Stopped in another way: the terminal was used by others meanwhile."""
        if self._auto_restart and os.isatty(self.fileno):
            if self._started:
                self.suspend_application_mode()
            self.resume_application_mode()
