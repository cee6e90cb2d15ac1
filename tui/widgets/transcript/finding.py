"""Finds text in the messages of a transcript, and unfolds what hides it."""

from collections.abc import Sequence
from typing import Any

from textual.message import Message
from textual.reactive import reactive

from tui.conversation.tree import Node
from tui.widgets.transcript.folding import FOLD_TO, Folding
from tui.widgets.transcript.row_offsets import Heights
from tui.widgets.transcript.search import Finder, Hit
from tui.widgets.transcript.selection import Selecting


class Finding(Selecting):
    """Messages with a cursor (the selected message and one of its rows), which goes to matches."""

    _chosen: reactive[int | None] = reactive[int | None](None, repaint=False)

    class Chosen(Message):
        """Another message, or none, is selected."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._path: list[Node] = []
        self._heights = Heights()
        self._cursor: int | None = None  # clicked row of the selected message
        self._folding = Folding()
        self._finder: Finder | None = None

    def watch__chosen(self, before: int | None, now: int | None) -> None:
        self.post_message(self.Chosen())

    def scroll_to_row(self, row: int) -> None:
        """Make this the first visible row."""
        raise NotImplementedError

    def find(self, *texts: str) -> bool:
        """Highlight matches of each text and go to the next one; False if there are none. Without texts, end it."""
        self._finder = self._finding(texts) if texts else None
        found = self._finder is None or self._find_from_here(self._finder)
        self.refresh()
        return found

    def find_within(self, node_id: str, texts: Sequence[str], passage: str) -> bool:
        """Highlight matches of each text and go to the first one of this message; False if there are none.

        If ``passage`` can be found, the first one from there on. It is not left near the edge: the view may be about
        to shrink, for the find bar and a notice.
        """
        index = next((index for index, node in enumerate(self._path) if node.id == node_id), None)
        if index is None:
            return False
        finder, start = self._finding(texts), self._finding([passage]).first(index, 0)
        hit = finder.first(index, start.row if start and start.message == index else 0)
        if hit is None or hit.message != index:
            return False
        self._finder = finder
        return self._go_to(finder, hit, move_view=True)

    def find_again(self, forward: bool) -> None:
        """Go to the next or previous match."""
        if finder := self._finder:
            self._go_to(finder, finder.step(forward)) if finder.hit else self._find_from_here(finder)

    def find_anew(self) -> None:
        """Highlight matches in other messages than before."""
        if self._finder:
            self._finder = self._finding(self._finder.texts)

    def _finding(self, texts: Sequence[str]) -> Finder:
        return Finder(texts, self._path, lambda index: self.laid_out(index).text_rows)

    def _find_from_here(self, finder: Finder) -> bool:
        if not self._path:
            return False
        top = self.scroll_offset.y
        index = self._heights.at(top)
        return self._go_to(finder, finder.first(index, top - self._heights.start(index) - 1))

    def _go_to(self, finder: Finder, hit: Hit | None, move_view: bool = False) -> bool:
        if hit is None:
            return False
        if self._reveal(hit):
            hit = finder.again() or hit
        self._chosen, self._cursor = hit.message, hit.row + 1
        self.laid_out(hit.message)
        row = self._heights.start(hit.message) + 1 + hit.row
        if move_view or not self.scroll_offset.y <= row < self.scroll_offset.y + self.size.height:
            self.scroll_to_row(row - self.size.height // 3)
        self.refresh()
        return True

    def _reveal(self, hit: Hit) -> bool:
        """Unfold what hides the match; False if nothing does."""
        node, message = self._path[hit.message], self.laid_out(hit.message)
        if message.hidden and hit.row >= FOLD_TO:
            self._folding.fold(node, False)
        elif not hit.places and not message.unfolded:
            self._folding.thoughts.add(node.id)
        else:
            return False
        return True
