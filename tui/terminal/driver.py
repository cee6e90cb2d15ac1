"""Textual driver for terminals that are slow, stalled or gone.

Textual's event loop blocks once thirty writes are pending, and with it saving, signals and quitting. Data accepted by
a slow connection still delays the echo of the next key. This driver never blocks: frames are paced by the terminal's
responses, and each shows the state at the time it is sent.
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
from tui.terminal.window_title import GIVE_BACK, KEEP, has_title, titled

BEHIND = 2  # maximum number of frames in the write queue
PATIENCE = 5.0  # seconds to flush the write queue at exit
LAST_ANSWERS = 2.0  # seconds to wait for outstanding responses at exit
LOOK, CHUNK = 0.1, 65536  # poll interval of the input thread in seconds; bytes per read
LOOK_AGAIN = 0.1  # seconds between looks at whose terminal it is, in the background
ASK_BACKGROUND = "\x1b]11;?\x1b\\"
UNCOLORED = ("linux", "dumb")  # terminals that have no answer, and may show the question
POP_KEYBOARD = "\x1b[<u"  # Kitty protocol: the mode before
REPORT_BASE_LAYOUT = "\x1b[=4;2u"  # Kitty protocol: also report keys of the base layout


class HungUp(Message):
    """There is no terminal any more, or the user has gone from it."""


class BackgroundTold(Message):
    """The terminal's background. ``light``: closer to white than to black."""

    def __init__(self, light: bool) -> None:
        super().__init__()
        self.light = light


class PatientDriver(LinuxDriver):
    """Never blocks on the terminal, except at exit. ``canvas``: the screen's contents. ``gone``: terminal lost.

    ``mute``: the thread that writes has failed, so that only ``restore`` reaches the terminal.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        out = sys.__stdout__ or self._file  # standard error may be a file
        self._file: Any = Outlet(out.fileno(), self._look_on, self._hung_up)
        self._loop = asyncio.get_running_loop()
        self._turns = Turns(self._app, self._loop, self._carried_out)
        self._pace = Pace()
        self._pressed = False  # keys were processed since the last frame
        self._later: Callable[[], None] | None = None
        self._started = False  # application mode
        self._asked = os.environ.get("TERM", "") in UNCOLORED  # for the background, once
        self._cursor = Offset(-1, -1)
        self._title = ""
        self._recorded: list[str] | None = None  # what is written, while it is recorded
        self._opening = ""  # what is written at the start
        self._raw: list[Any] | None = None  # how the terminal is set then
        self.canvas = Canvas()
        self.gone = False
        self.mute = False
        self._hear_signals()

    # ---- frames

    @property
    def behind(self) -> bool:
        """True if a frame cannot be sent now."""
        if not self._started or self._writer_thread is None or waiting_writes(self._writer_thread) > BEHIND:
            return True
        return self._wait > 0

    @property
    def _wait(self) -> float:
        return self._pace.wait(time.monotonic(), self._pressed)

    def when_ready(self, paint: Callable[[], None]) -> None:
        """Call ``paint`` once in the event loop when the next frame can be sent."""
        if self._later is None:
            self._loop.call_later(self._wait, self._catch_up)
        self._later = paint

    def paint(self, update: CompositorUpdate, console: Console, width: int, cursor: Offset, sync: bool) -> None:
        """Send a frame with a query that the terminal answers when it has drawn it."""
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
        """Handle a response of the terminal; called by the input thread."""
        if kind == "cursor" and len(numbers) == 2:
            self._pace.answered(*numbers, time.monotonic())
            self._look_on()
        elif kind == "background":
            red, green, blue = numbers
            self._app.post_message(BackgroundTold(299 * red + 587 * green + 114 * blue > 127_500))

    def _look_on(self) -> None:
        """Check whether the next frame can be sent (from any thread)."""
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

    def entitle(self, text: str) -> None:
        """Set the terminal's title, if it has one."""
        if text != self._title and has_title():
            self._title = text
            if self._started:
                self.write(titled(text))

    # ---- keys

    def run_input_thread(self) -> None:
        """Read and parse input until the end."""
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
        """Run the input thread; an unexpected end means that the terminal is gone."""
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
        """Allow an extra frame to show the effect of keys."""
        self._pressed = True
        self._look_on()

    # ---- start and stop

    def start_application_mode(self) -> None:
        self._started = True
        self._forget()
        self._recorded = []
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # Not before the keys are the program's: to the line that a shell reads, Ctrl+Q and Ctrl+C mean something else.
        self._opening, self._recorded = "".join(self._recorded), None
        if self._opening:
            self.write(self._opening)
        with suppress(termios.error):
            self._raw = termios.tcgetattr(self.fileno)
        self._started = self._key_thread is not None and self._key_thread.is_alive()  # False in the background
        if self._writer_thread is not None:
            never_block(self._writer_thread)
            self.write(REPORT_BASE_LAYOUT)
            if not self._asked:
                self._asked = True
                self.write(ASK_BACKGROUND)
            if has_title():
                self.write(KEEP + (titled(self._title) if self._title else ""))
        self._turns.resume()
        self._app.refresh()

    def _forget(self) -> None:
        """Nothing is known of what the terminal shows, nor of responses that are outstanding."""
        self.canvas.forget()
        self._pace.reset()
        self._later = None

    def write(self, data: str) -> None:
        if self._recorded is not None:
            self._recorded.append(data)
        else:
            super().write(data)

    def stop_application_mode(self) -> None:
        self._turns.hold()
        self._hear_out()
        if self._started and has_title():
            self.write(GIVE_BACK)
        super().stop_application_mode()
        self._started = False

    def _hear_out(self) -> None:
        """Wait for outstanding responses, which would otherwise reach the shell as input."""
        end = time.monotonic() + LAST_ANSWERS
        while self._pace.awaited(time.monotonic()) and time.monotonic() < end and not self.gone:
            time.sleep(0.01)

    def close(self) -> None:
        """Flush the write queue; unsent output is lost after PATIENCE seconds."""
        if self._writer_thread is not None:
            end_writes(self._writer_thread, PATIENCE)

    def restore(self) -> None:
        """Restore the terminal directly if ``stop_application_mode`` was not completed or not written."""
        if not self._started and not self.mute:
            return
        self._started = False
        out = self._file.fileno()
        with suppress(OSError):
            blocking = os.get_blocking(out)
            os.set_blocking(out, False)
            os.write(out, RESTORING + GIVE_BACK.encode() * has_title())
            os.set_blocking(out, blocking)
        if self.attrs_before is not None:
            with suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)

    def _hung_up(self) -> None:
        """The terminal is gone: tell the app (from any thread)."""
        self.gone = True
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._app.post_message, HungUp())

    # ---- job control

    def _hear_signals(self) -> None:
        """Handle job control signals in the event loop."""
        self._loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        self._loop.add_signal_handler(signal.SIGCONT, self._continued)

    def _suspend(self) -> None:
        """Release the terminal and stop the process group (ignored by the system without a job-control shell)."""
        lent = not self._auto_restart
        if not lent:
            self.suspend_application_mode()
        self._loop.remove_signal_handler(signal.SIGCONT)
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        os.kill(0, signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)  # returns after SIGCONT
        self._hear_signals()
        if not lent:
            self._resume()

    def _resume(self) -> None:
        """Take the terminal back once it is this job's: until then, as after ``bg``, replies go on without a screen.

        A job that touches the terminal in the background is stopped, perhaps only when it has come to the front.
        """
        if self._started:
            return
        elsewhere = _in_background(self.fileno)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN if elsewhere else signal.SIG_DFL)  # or an end there would stop it
        if elsewhere:
            self._loop.call_later(LOOK_AGAIN, self._resume)
        else:
            self.resume_application_mode()

    def _continued(self) -> None:
        """Redraw after an external SIGSTOP: others may have used the terminal. What was typed since is not lost."""
        if not self._auto_restart or not os.isatty(self.fileno):
            return
        if not self._started:
            self._resume()
            return
        self._forget()  # no waiting for responses: the terminal stays ours, and they still come here
        if self._raw is not None:
            with suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self._raw)
        self.write(POP_KEYBOARD + self._opening + REPORT_BASE_LAYOUT)
        if self._title and has_title():
            self.write(titled(self._title))
        self._app.refresh()


def _in_background(terminal: int) -> bool:
    """True while the terminal is another job's."""
    try:
        return os.tcgetpgrp(terminal) != os.getpgrp()
    except OSError:  # it has hung up
        return False
