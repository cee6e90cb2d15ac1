"""What is selected with the mouse in messages: it stays on its words, whatever comes below them."""

import re
from typing import NamedTuple

from textual import events
from textual.geometry import Offset
from textual.scroll_view import ScrollView
from textual.selection import Selection

from tui.widgets.transcript.message import Message

WORD = re.compile(r"[\w\-./~:@%+#?&=]+")
AROUND = ".:?-="  # of these a word has none at its ends


class Spot(NamedTuple):
    """A character: which message, which of its rows, which column there."""

    message: int
    row: int
    column: int


class Selecting(ScrollView):
    """A view of messages that says which one is where."""

    _selected: Selection | None = None
    _marked: tuple[Spot, Spot] | None = None  # for that: the first that is selected, and the first behind

    def laid_out(self, index: int) -> Message:
        """The message of that number."""
        raise NotImplementedError

    def spot(self, offset: Offset) -> Spot | None:
        """What is at that row and column of the content; the last below all of it, None where there is nothing."""
        raise NotImplementedError

    # ---- what is selected

    def selection_updated(self, selection: Selection | None) -> None:
        """What reaches beyond this view reaches to the edge of what is seen."""
        marked = None
        if selection is not None:
            top = self.scroll_offset.y
            first = self.spot(selection.start or Offset(0, top))
            last = self.spot(selection.end or Offset(10**6, top + self.size.height - 1))
            marked = (first, last) if first and last else None
        self._selected, self._marked = selection, marked
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected, as it was written: joined where only the view broke it, with its tabs."""
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
        """From where to where a row is selected; None if it is not, or to its end."""
        if self._marked is None or not self._marked[0][:2] <= (message, row) <= self._marked[1][:2]:
            return None
        first, last = self._marked
        return (
            first.column if first[:2] == (message, row) else 0,
            last.column if last[:2] == (message, row) else None,
        )

    # ---- clicks

    def select_at(self, event: events.Click) -> None:
        """By two clicks a word, by three a line as it was written, as terminals do."""
        event.prevent_default()  # else all that is in here
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
    """Where the word at the column begins and ends; what is no word is one character."""
    for match in WORD.finditer(text):
        if match.start() <= column < match.end():
            word = match.group()
            start = match.start() + len(word) - len(word.lstrip(AROUND))
            end = match.end() - len(word) + len(word.rstrip(AROUND))
            return (start, end) if start <= column < end else (column, column + 1)
    return column, column + 1
