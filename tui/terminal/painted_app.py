"""An app that is painted as fast as its terminal keeps up, and with what changed."""

from textual import events
from textual._compositor import ChopsUpdate, CompositorUpdate
from textual.app import App
from textual.geometry import Region, Size
from textual.screen import Screen

from tui.terminal.driver import PatientDriver

MANY = 256  # regions to be painted later; beyond, the whole screen is

NARROWEST, LOWEST = 12, 1  # columns and rows


class PaintedApp(App[None]):
    """What cannot be painted yet is painted later, as it is then: nothing waits in between."""

    _held = False  # something was to be painted within a batch

    @property
    def patient_driver(self) -> PatientDriver | None:
        """None without a terminal, as in tests."""
        return self._driver if isinstance(self._driver, PatientDriver) else None

    def on_resize(self, event: events.Resize) -> None:
        """The terminal has moved what it shows. Comes before Textual's own handler.

        Nothing is laid out in less room than things take that have to be there; the terminal cuts what is beyond.
        """
        event.size = event.virtual_size = Size(max(event.size.width, NARROWEST), max(event.size.height, LOWEST))
        if driver := self.patient_driver:
            driver.canvas.forget()
            self.refresh()

    def _display(self, screen: Screen[object], renderable: object) -> None:
        """Instead of Textual's, which writes whatever was painted at once."""
        driver = self.patient_driver
        if driver is None or not isinstance(renderable, CompositorUpdate):
            super()._display(screen, renderable)  # type: ignore[arg-type]
        elif self._running and not self._closed:
            if self._batch_count:
                _put_back(screen, renderable)
                self._held = True
            elif driver.behind:
                _put_back(screen, renderable)
                driver.when_ready(self._paint_again)
            else:
                position = self.screen.outer_size.clamp_offset(self.cursor_position)
                driver.paint(renderable, self.console, self.size.width, position, self._sync_available)

    def _end_batch(self) -> None:
        super()._end_batch()
        if self._held and not self._batch_count:
            self._held = False
            self.call_later(self._paint_again)

    def _paint_again(self) -> None:
        """All of it: a layout in between forgets what was to be painted. What is there already is not written.

        What a layout is about to move is painted by that: before it, a new screen is empty.
        """
        if self._running and not self._closed and self._screen_stack:
            if self.screen._layout_required and not self._batch_count:
                self.screen.refresh()
                return
            with self._context():
                compositor = self.screen._compositor
                compositor._dirty_regions.add(compositor.size.region)
                self.screen._compositor_refresh()


def _put_back(screen: Screen[object], update: CompositorUpdate) -> None:
    """What was to be painted is to be painted still."""
    compositor = screen._compositor
    dirty = compositor._dirty_regions
    if isinstance(update, ChopsUpdate) and len(dirty) < MANY:
        dirty.update(Region(left, y, right - left, 1) for y, left, right in update.spans)
    else:
        dirty.clear()
        dirty.add(compositor.size.region)
