"""App base class that paints at the terminal's pace and writes only changed cells."""

from textual import events
from textual.app import App
from textual.geometry import Size
from textual.screen import Screen

from tui.terminal.driver import PatientDriver
from tui.terminal.textual_internals import CompositorUpdate, needs_layout, needs_repaint, paint_later, repaint

NARROWEST, LOWEST = 12, 1  # minimum layout size in columns and rows


class PaintedApp(App[None]):
    """Defers painting while the terminal is behind; the deferred frame shows the latest state."""

    _held = False  # a repaint is pending within a batch

    @property
    def patient_driver(self) -> PatientDriver | None:
        """The driver; None without a terminal (in tests)."""
        return self._driver if isinstance(self._driver, PatientDriver) else None

    def on_resize(self, event: events.Resize) -> None:
        """Forget the screen's contents, which the terminal may have moved. Runs before Textual's handler.

        The layout never gets smaller than required widgets need; the terminal clips it.
        """
        event.size = event.virtual_size = Size(max(event.size.width, NARROWEST), max(event.size.height, LOWEST))
        if driver := self.patient_driver:
            driver.canvas.forget()
            self.refresh()

    def frame_painted(self) -> None:
        """Called when a frame was given to the terminal."""

    def _display(self, screen: Screen[object], renderable: object) -> None:
        """Replaces Textual's method, which writes immediately."""
        driver = self.patient_driver
        if driver is None or not isinstance(renderable, CompositorUpdate):
            super()._display(screen, renderable)  # type: ignore[arg-type]
        elif self._running and not self._closed:
            if self._batch_count:
                paint_later(screen, renderable)
                self._held = True
            elif needs_repaint(screen):
                paint_later(screen, renderable)  # what a layout changed, as of a screen below a closed dialog
            elif driver.behind:
                paint_later(screen, renderable)
                driver.when_ready(self._paint_again)
            else:
                position = self.screen.outer_size.clamp_offset(self.cursor_position)
                driver.paint(renderable, self.console, self.size.width, position, self._sync_available)
                self.frame_painted()

    def _end_batch(self) -> None:
        super()._end_batch()
        if self._held and not self._batch_count:
            self._held = False
            self.call_later(self._paint_again)

    def _paint_again(self) -> None:
        """Repaint everything, as a layout in between drops dirty regions; the canvas writes only changes.

        If a layout is due, it paints: before it, a new screen is empty.
        """
        if self._running and not self._closed and self._screen_stack:
            if needs_layout(self, self.screen):
                self.screen.refresh()
            else:
                repaint(self, self.screen)
