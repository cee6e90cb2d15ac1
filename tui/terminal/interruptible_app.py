"""App base class that can be ended by signals, other threads and internal errors."""

import threading
from typing import Any

from textual.screen import Screen

from tui.terminal.behind_dialog import remember_behind
from tui.terminal.component_styles import style_components_when_used
from tui.terminal.driver import HungUp, PatientDriver
from tui.terminal.painted_app import PaintedApp
from tui.terminal.sanitize import sanitize
from tui.terminal.textual_internals import (
    WriterThread,
    make_caches_when_used,
    page_within_sight,
    remember_few_options,
    remember_looks,
)
from tui.terminal.textual_patches import Still, forget_lines, forget_widgets, shrink_caches


class InterruptibleApp(PaintedApp):
    """``mistake``: the internal error that ended the app. ``no_colors``: use the terminal's default colours."""

    def __init__(self, *, no_colors: bool) -> None:
        super().__init__(PatientDriver, ansi_color=no_colors or None)
        forget_widgets()
        forget_lines()
        shrink_caches()
        remember_looks()
        remember_few_options()
        make_caches_when_used()
        page_within_sight()
        remember_behind()
        style_components_when_used()
        self.animation_level = "none"
        self._animator = Still(self)

    @property
    def mistake(self) -> BaseException | None:
        """The internal error that ended the app, if any."""
        return self._exception

    @property
    def front(self) -> Screen[Any] | None:
        """The screen in front; None once they are torn down, when messages may still arrive."""
        return self.screen_stack[-1] if self.screen_stack else None

    @property
    def terminal_gone(self) -> bool:
        """True once the terminal has hung up."""
        return self.patient_driver is not None and self.patient_driver.gone

    def end(self) -> None:
        """Exit soon; from a signal handler or any thread."""
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self.exit)
        else:
            self._exit = True  # before the event loop runs

    def hang_up(self) -> None:
        """Post HungUp; from a signal handler or any thread."""
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self.post_message, HungUp())
        else:
            self._exit = True

    def on_hung_up(self, event: HungUp) -> None:
        """Exit; an app that has something to finish prevents this."""
        self.exit()

    def restore_terminal(self) -> None:
        """Restore the terminal if the app ended without doing so."""
        if self.patient_driver is not None:
            self.patient_driver.restore()

    def mistaken(self, error: BaseException) -> None:
        """End with an internal error, stored in ``mistake``."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error  # type: ignore[assignment]
            self._exception_event.set()
        self._close_messages_no_wait()

    def writer_failed(self, thread: threading.Thread | None, error: BaseException) -> bool:
        """End by this error if the thread is the one that writes to the terminal; from that thread."""
        driver = self.patient_driver
        if not isinstance(thread, WriterThread) or driver is None or self._loop is None:
            return False
        driver.mute = True
        self._loop.call_soon_threadsafe(self.mistaken, error)
        return True

    def _handle_exception(self, error: Exception) -> None:
        """Replaces Textual's handler, which prints long tracebacks."""
        self.mistaken(error)

    def key_ctrl_z(self) -> None:
        """Suspend to the shell, as other programs do, where no widget has used the key."""
        self.action_suspend_process()

    def entitle(self, text: str) -> None:
        """Set the terminal's title."""
        if self.patient_driver is not None:
            self.patient_driver.entitle(text)

    # ---- notices

    def notify(self, message: str, **options: Any) -> None:
        """Show a notice in a corner, without markup and control characters: it may name files and models."""
        super().notify(sanitize(message), **{**options, "markup": False})

    # ---- the clipboard

    @property
    def has_driver(self) -> bool:
        """False without a terminal."""
        return self._driver is not None

    def keep_copied(self, text: str) -> None:
        """Set ``App.clipboard``."""
        self._clipboard = text

    def write_to_terminal(self, data: str) -> None:
        """Write control sequences verbatim."""
        if data and self._driver is not None:
            self._driver.write(data)
