"""Mouse selection in the transcript, anchored to the text while it grows."""

import re
from typing import NamedTuple

from textual import events
from textual.geometry import Offset
from textual.scroll_view import ScrollView
from textual.selection import Selection

from tui.widgets.transcript.message import Message

WORD = re.compile(r"[\w\-./~:@%+#?&=]+")
AROUND = ".:?-="  # stripped from the ends of a word


class Spot(NamedTuple):
    """Position of a character."""

    message: int
    row: int
    column: int


class Selecting(ScrollView):
    """A scroll view of messages with text selection."""

    _selected: Selection | None = None
    _marked: tuple[Spot, Spot] | None = None  # its start and end in the text

    def laid_out(self, index: int) -> Message:
        """The laid-out message."""
        raise NotImplementedError

    def spot(self, offset: Offset) -> Spot | None:
        """The character at an offset of the content, clamped to the end; None if it is empty."""
        raise NotImplementedError

    # ---- selection

    def selection_updated(self, selection: Selection | None) -> None:
        """Clamp a selection that extends beyond this view to its visible part."""
        marked = None
        if selection is not None:
            top = self.scroll_offset.y
            first = self.spot(selection.start or Offset(0, top))
            last = self.spot(selection.end or Offset(10**6, top + self.size.height - 1))
            marked = (first, last) if first and last else None
        self._selected, self._marked = selection, marked
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected source text, with wrapped lines joined and tabs preserved."""
        if selection != self._selected:
            self.selection_updated(selection)
        if self._marked is None:
            return None
        texts = [
            self.laid_out(index).excerpt(lambda row, index=index: self.span(index, row))  # type: ignore[misc]
            for index in range(self._marked[0].message, self._marked[1].message + 1)
        ]
        return "".join(texts).rstrip("\n"), "\n"

    def span(self, message: int, row: int) -> tuple[int, int | None] | None:
        """Selected columns of a row (None: to its end); None if it is not selected."""
        if self._marked is None or not self._marked[0][:2] <= (message, row) <= self._marked[1][:2]:
            return None
        first, last = self._marked
        return (
            first.column if first[:2] == (message, row) else 0,
            last.column if last[:2] == (message, row) else None,
        )

    # ---- clicks

    def select_at(self, event: events.Click) -> None:
        """Double click selects a word, triple click a source line."""
        event.prevent_default()  # would select everything
        _, offset = self.screen.get_widget_and_offset_at(event.screen_x, event.screen_y)
        if offset is None or (spot := self.spot(offset)) is None:
            return
        message, y = self.laid_out(spot.message), offset.y
        first, last = message.line_around(spot.row)
        start, end = Offset(0, y + first - spot.row), Offset(len(message.shown(last)), y + last - spot.row)
        if event.chain == 2:
            left, right = _word(message.shown(spot.row), spot.column)
            start, end = Offset(left, y), Offset(right, y)
        self.screen.selections = {self: Selection(start, end)}


def _word(text: str, column: int) -> tuple[int, int]:
    """Columns of the word at ``column``; a single character if there is none."""
    for match in WORD.finditer(text):
        if match.start() <= column < match.end():
            word = match.group()
            start = match.start() + len(word) - len(word.lstrip(AROUND))
            end = match.end() - len(word) + len(word.rstrip(AROUND))
            return (start, end) if start <= column < end else (column, column + 1)
    return column, column + 1
