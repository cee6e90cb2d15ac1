"""Ctrl+R: searchable prompt history."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input, OptionList

from tui.screens.picker import Picker
from tui.terminal.sanitize import one_line
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.plain_text import plain
from tui.widgets.safe_input import Field

SHOWN = 200
# Characters before a match that is far from the beginning.
BEFORE = 20


class HistoryScreen(Picker[str | None]):
    """Returns the chosen one of ``texts`` (newest first)."""

    BINDINGS = [Binding("ctrl+r", "move('down')", show=False)]  # noqa: RUF012  as Textual declares it

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self._texts = texts
        self._found: list[str] = []
        self._list = OptionList(id="history-list", compact=True, markup=False)

    def compose(self) -> ComposeResult:
        with DialogFrame("Prompt history", "↑ ↓ move", "Ctrl+R older", "Enter select", "Esc cancel", id="history"):
            yield Field(placeholder="Search…", id="history-text")
            yield self._list

    def on_mount(self) -> None:
        self._find("")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._find(event.value)

    def _find(self, words: str) -> None:
        wanted = words.casefold().split()
        fitting = (text for text in self._texts if all(word in text.casefold() for word in wanted))
        self._found = [text for text, _ in zip(fitting, range(SHOWN), strict=False)]
        self._list.clear_options()
        self._list.add_options([plain(_excerpt(text, wanted)) for text in self._found])
        self._list.highlighted = 0 if self._found else None

    def take(self) -> None:
        index = self._list.highlighted
        self.dismiss(None if index is None else self._found[index])


def _excerpt(text: str, words: Sequence[str]) -> str:
    """One row, from shortly before the first match; the list cuts its end."""
    line = one_line(text)
    start = min((line.casefold().find(word) for word in words), default=0)
    return line if start <= 2 * BEFORE else "…" + line[start - BEFORE :]
