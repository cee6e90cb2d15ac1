"""The frame of a dialog: its title in the upper edge, its keys in the lower one."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.containers import Vertical

from tui.widgets.plain_text import plain

SEPARATOR = " · "
# Cells of an edge that no text takes: corners, and a line and a blank on each side.
EDGE = 6
# Width of a dialog on a narrow screen, in percent of it.
SHARE = 96


class DialogFrame(Vertical):
    """Of ``keys``, as many of the last ones as fit: how to go and how to leave are last. F1 lists all of them."""

    more: tuple[str, ...] = ("F1 more",)  # in place of those that do not fit

    def __init__(self, title: str, *keys: str, id: str) -> None:
        super().__init__(id=id)
        self.title = title
        self.keys: Sequence[str] = keys
        self._shown = ""
        self.border_title = plain(title)

    def on_mount(self) -> None:
        self._fit(self.app.size.width * SHARE // 100)  # before the first paint

    def on_resize(self, event: events.Resize) -> None:
        self._fit(self.outer_size.width)

    def show_keys(self, *keys: str) -> None:
        """Show other keys from now on."""
        self.keys = keys
        self._fit(self.outer_size.width)

    def _fit(self, width: int) -> None:
        fewer = ([*self.more, *self.keys[count:]] for count in range(1, len(self.keys)))
        last = self.keys[-1:]
        shown = next((keys for keys in (self.keys, *fewer) if cell_len(SEPARATOR.join(keys)) <= width - EDGE), last)
        if (text := SEPARATOR.join(shown)) != self._shown:  # setting it repaints
            self._shown = text
            self.border_subtitle = plain(text)
