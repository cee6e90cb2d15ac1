"""Shows and hides parts of messages: reasoning, details, the rest of a long text, passages of documents."""

from typing import Any

from tui.conversation.quotes import Quote
from tui.widgets.transcript.finding import Finding
from tui.widgets.transcript.passages import CITATION


class Unfolding(Finding):
    """Messages whose parts can be unfolded. Of an unfolded question, one passage can be selected."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._passage: int | None = None  # index of the selected one, of the selected message

    def settle(self) -> None:
        """Lay out what is visible, after heights have changed."""
        raise NotImplementedError

    def watch__chosen(self, before: int | None, now: int | None) -> None:
        passage, self._passage = self._passage, None
        if passage is not None and before is not None and before < len(self._path):
            self.laid_out(before)  # without the mark
        super().watch__chosen(before, now)

    @property
    def _acted_on(self) -> int:
        return len(self._path) - 1 if self._chosen is None else self._chosen

    # ---- parts of the message

    def toggle_thoughts(self) -> None:
        """Unfold or fold the reasoning of the selected message."""
        self._toggle(self._folding.thoughts)

    def toggle_details(self) -> bool:
        """Show or hide the details of the selected message, of a growing one at its end; False if it has none."""
        entry = self.laid_out(self._acted_on).entry if self._path else None
        if entry is not None and (entry.details or entry.node.growing):
            self._toggle(self._folding.details)
        return bool(entry and entry.details)

    def toggle_fold(self) -> bool:
        """Fold or unfold the text of the selected message; False if it is short."""
        if not (self._path and self.laid_out(self._acted_on).foldable):
            return False
        index = self._acted_on
        node, start = self._path[index], self._heights.start(index)
        self._folding.fold(node, not self._folding.folded(node))
        self.laid_out(index)
        self.stay(min(self.scroll_offset.y, start))  # the rest of it is below
        return True

    def stay(self, row: int) -> None:
        """Make this the first visible row, and lay out from there."""
        raise NotImplementedError

    def _toggle(self, shown: set[str]) -> None:
        if self._path:
            shown ^= {self._path[self._acted_on].id}
            self.laid_out(self._acted_on)
            self.settle()
            self.refresh()

    # ---- passages of documents

    @property
    def passage(self) -> Quote | None:
        """The selected passage."""
        index = self._question
        if index is None or self._passage is None or index != self._chosen:
            return None
        quotes = self._path[index].quotes or ()
        return quotes[self._passage] if self._passage < len(quotes) else None

    @property
    def has_passages(self) -> bool:
        """True if passages belong to the selected message, or to the question that it answers."""
        return self._question is not None

    def toggle_passages(self) -> bool:
        """Show or fold the passages of the selected question, or of the one that it answers; False if it has none."""
        index = self._question
        if index is None:
            return False
        self._folding.passages ^= {self._path[index].id}
        self._passage = None
        start = self._heights.start(index) + self.laid_out(index).passages_start
        self.stay(min(self.scroll_offset.y, start))
        return True

    def next_passage(self) -> bool:
        """Select the first passage that the selected reply names, or the next one of its question; False if none."""
        index = self._question
        if index is None:
            return False
        count = len(self._path[index].quotes or ())
        if index == self._chosen and self._passage is not None:
            self.choose_passage((self._passage + 1) % count)
        else:
            named = [int(number) - 1 for number in CITATION.findall(self._path[self._acted_on].text)]
            self.choose_passage(next((each for each in named if each in range(count)), 0))
        return True

    def choose_passage(self, passage: int) -> None:
        """Select a passage of the selected question, or of the one that it answers, and scroll it into view."""
        index = self._question
        if index is None:
            return
        self._folding.passages.add(self._path[index].id)
        self._chosen, self._cursor = index, None
        self._passage = passage
        message = self.laid_out(index)
        first = self._heights.start(index) + message.passage_row(passage)
        last = self._heights.start(index) + message.passage_row(passage + 1) - 1
        top, height = self.scroll_offset.y, self.size.height
        if first < top or last - first >= height:
            top = first
        elif last >= top + height:
            top = last - height + 1
        self.stay(top)

    @property
    def _question(self) -> int | None:
        """Index of the selected question, or of the one that the selected reply answers, if it has passages."""
        index = self._acted_on
        if index > 0 and self._path[index].role == "assistant":
            index -= 1
        return index if index >= 0 and self._path[index].quotes else None
