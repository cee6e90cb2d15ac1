"""The transcript: messages are laid out lazily, and only changed rows are redrawn."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Offset, Region, Size
from textual.strip import Strip

from tui.config.keymap import bindings
from tui.conversation.tree import Node
from tui.markdown.row import Row
from tui.terminal.wrap import wrap
from tui.widgets.transcript.folding import FOLD_TO
from tui.widgets.transcript.message import Entry, Message, guess
from tui.widgets.transcript.row_offsets import Heights
from tui.widgets.transcript.selection import Spot
from tui.widgets.transcript.styles import CLASSES, Ink
from tui.widgets.transcript.unfolding import Unfolding
from tui.widgets.transcript.welcome import Welcome

WIDEST = 90  # longer lines are hard to read
GUTTER = 2
COLUMN = WIDEST + 2 * GUTTER  # as wide as the input below
# Laid-out messages in the cache.
KEPT = 200
NEW_BELOW = " ↓ new text below · G "


class Transcript(Unfolding, can_focus=True):
    """Follows the end while scrolled to it. While focused, one message is selected, which keys act on.

    Heights of messages not yet laid out are estimated; the view stays in place when they are corrected.
    """

    BINDINGS = bindings("messages")
    COMPONENT_CLASSES = CLASSES

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self._ink = Ink(self)
        self._describe: Callable[[Node], Entry] = lambda node: Entry(node, (1, 1), node.role)
        self._messages: dict[str, Message] = {}  # laid-out messages by node id, least recently used first
        self._current: set[str] = set()  # ids of the up-to-date ones
        self._note: list[str] = []
        self._note_text = ""
        self._sought: str | None = None  # selected while the widget had no height
        self._following = True
        self._unseen = False
        self._width = 0
        self.waiting = ""
        self.welcome: Welcome | None = None

    def notify_style_update(self) -> None:
        self._ink.forget()
        super().notify_style_update()

    # ---- content

    def show(
        self,
        nodes: Sequence[Node],
        describe: Callable[[Node], Entry],
        note: str = "",
        welcome: Welcome | None = None,
        to_end: bool = True,
    ) -> None:
        """Replace the messages. ``note``: text below them. ``welcome`` if there are none. ``to_end``: scroll."""
        chosen = self.chosen
        self._following = to_end or self._following
        if self._marked and [node.id for node in nodes[: len(self._path)]] != [node.id for node in self._path]:
            self.screen.clear_selection()
        self._path, self._describe = list(nodes), describe
        self._note_text, self.welcome = note, welcome
        self.find_anew()
        self._begin()
        ids = [node.id for node in self._path]
        if chosen in ids:
            self._chosen = ids.index(chosen)
        elif self._chosen is not None or self.has_focus:
            self._chosen = None if not ids else min(len(ids) - 1, len(ids) if self._chosen is None else self._chosen)
        self.settle()
        self.refresh()

    def _begin(self) -> None:
        """Estimate unknown heights."""
        self._width = self._text_width
        self._current.clear()
        laid_out = {id_: message.height for id_, message in self._messages.items() if message.width == self._width}
        self._heights = Heights(laid_out.get(node.id) or self._guess(node) for node in self._path)
        self._note = wrap(self._note_text, self._width) if self._note_text else []

    def grow(self, node: Node, text: str) -> None:
        """Append ``text`` to the last message, if it is that of ``node``."""
        if not self._path or self._path[-1].id != node.id:
            return
        last = len(self._path) - 1
        self._path[last] = node
        message = self._messages.get(node.id)
        unseen, self._unseen = self._unseen, not self._following
        if message is None or message.width != self._width:
            self._heights[last] = self._guess(node)
            changed = 0
        else:
            row, before = message.last_text_row, message.row(message.last_text_row)
            changed = message.show(replace(message.entry, node=node))
            if self._unseen == unseen and changed == row == message.last_text_row:
                self._redraw_end(self._heights.start(last) + row, before, message.row(row))
                return
            self._heights[last] = message.height
        first = self._heights.start(last) + max(0, changed - 1)
        self.settle()
        self.refresh_lines(first, max(1, self._height - first))
        self.refresh_lines(self.scroll_offset.y + self.size.height - 1)

    def _redraw_end(self, row: int, before: Row, now: Row) -> None:
        """Redraw only the changed end of this row, to save bytes over slow connections."""
        same = cell_len(before.text) if now.continues(before) else 0
        width = cell_len(now.text) - same + len(f"▌ {self.waiting}")
        self.refresh(Region(self._margin + GUTTER + same, row - self.scroll_offset.y, width, 1))

    @property
    def chosen(self) -> str | None:
        """Id of the selected message."""
        return None if self._chosen is None else self._path[self._chosen].id

    @property
    def code(self) -> str | None:
        """Source of the clicked code block, else of the last one of the selected message."""
        return self._message(self._acted_on).code(self._cursor) if self._path else None

    # ---- choosing

    def choose(self, node_id: str) -> None:
        """Select this message, unfold it and scroll it into view (later, if there is no height yet)."""
        self._sought = None if self.size.height else node_id
        for index, node in enumerate(self._path):
            if node.id == node_id:
                self._folding.fold(node, False)
                self._choose(index)

    def choose_heading(self, node_id: str) -> None:
        """Select this message and scroll its heading, with the number of its version, into view."""
        for index, node in enumerate(self._path):
            if node.id == node_id:
                self._choose(index)
                self.scroll_to_row(min(self.scroll_offset.y, self._heights.start(index)))

    def action_choose_next(self) -> None:
        self._choose((self._chosen or 0) + 1)

    def action_choose_previous(self) -> None:
        self._choose((self._chosen or 0) - 1)

    def action_choose_first(self) -> None:
        self._choose(0)

    def action_choose_last(self) -> None:
        self._choose(len(self._path) - 1)

    def _choose(self, index: int) -> None:
        if not self._path:
            return
        self._chosen, self._cursor = min(max(index, 0), len(self._path) - 1), None
        self._message(self._chosen)
        top, height = self._heights.start(self._chosen), self._heights[self._chosen]
        if self._chosen == len(self._path) - 1:
            self.scroll_to_row(self._height)
        elif top < self.scroll_offset.y or height > self.size.height:
            self.scroll_to_row(top)
        elif top + height > self.scroll_offset.y + self.size.height:
            self.scroll_to_row(top + height - self.size.height)
        self.refresh()

    def on_focus(self) -> None:
        """Select the last visible message."""
        if self._chosen is None and self._path:
            self._chosen = self._heights.at(self.scroll_offset.y + self.size.height - 1)
        self.refresh()

    def on_blur(self) -> None:
        """Keep the selection while a dialog is open or the terminal loses focus."""
        if self.screen.focused is not None:
            self._chosen = self._cursor = None
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        if event.chain > 1:
            self.select_at(event)
            return
        row = event.y + self.scroll_offset.y
        if self._unseen and event.y == self.size.height - 1 and event.x >= self.size.width - len(NEW_BELOW):
            self.scroll_to_row(self._height)
        elif self._path and row < self._heights.total:
            self._chosen = self._heights.at(row)
            self._cursor = row - self._heights.start(self._chosen)
            self._click(self._message(self._chosen), self._cursor, event.x - self._margin - GUTTER)
        self.refresh()

    def _click(self, message: Message, number: int, column: int) -> None:
        """Unfold what is folded at this row of the selected message; go to the passage that is named or shown there."""
        if message.hidden and number == FOLD_TO + 1:
            self.toggle_fold()
        elif (passage := message.passage_at(number)) is not None:
            self.choose_passage(passage) if passage >= 0 else self.toggle_passages()
        elif (passage := message.cited_at(number, column)) is not None:
            self.choose_passage(passage)
        elif message.folds_at(number):
            self.toggle_thoughts()

    # ---- layout

    @property
    def _margin(self) -> int:
        """Cells before the column, which is centred as the input is."""
        return max(0, (self.outer_size.width - COLUMN) // 2)

    @property
    def _text_width(self) -> int:
        return max(8, min(WIDEST, self.scrollable_content_region.width - 2 * GUTTER))

    @property
    def _height(self) -> int:
        return self._heights.total + (len(self._note) + 1 if self._note else 0)

    def _message(self, index: int) -> Message:
        """The message, laid out."""
        node = self._path[index]
        message = self._messages.pop(node.id, None)
        unfolded = node.id in self._folding.thoughts
        if message is None or message.width != self._width or message.unfolded != unfolded:
            message = Message(self._describe(node), self._width, unfolded)
        elif node.id not in self._current:
            message.show(self._describe(node))
        message.detailed, message.folded = node.id in self._folding.details, self._folding.folded(node)
        message.opened = node.id in self._folding.passages
        message.passage = self._passage if index == self._chosen else None
        self._messages[node.id] = message
        self._current.add(node.id)
        self._heights[index] = message.height
        while len(self._messages) > KEPT:
            del self._messages[next(iter(self._messages))]
        return message

    def _guess(self, node: Node) -> int:
        return guess(node, self._width, self._folding.folded(node))

    def _known(self, index: int) -> bool:
        node = self._path[index]
        message = self._messages.get(node.id)
        return message is not None and message.width == self._width and node.id in self._current

    def settle(self) -> None:
        """Lay out the visible messages, adjusting the scroll offset for corrected heights above."""
        height = self.size.height
        if self._following:
            row = self._heights.total
            index = len(self._path) - 1
            while index >= 0 and self._heights.start(index) + self._heights[index] > self._heights.total - height:
                self._message(index)
                index -= 1
            top = self._height
        else:
            top = self.scroll_offset.y
            while self._path and not self._known(index := self._heights.at(top)):
                before = self._heights[index]
                self._message(index)
                top = max(0, top + self._heights[index] - before)
            row = top
            while self._path and row < min(top + height, self._heights.total):
                index = self._heights.at(row)
                self._message(index)
                row = self._heights.start(index) + self._heights[index]
        if self._height != self.virtual_size.height or self.virtual_size.width != self.size.width:
            self.virtual_size = Size(self.size.width, self._height)
        self.scroll_to_row(top)
        self._keep_chosen_in_sight()

    def _keep_chosen_in_sight(self) -> None:
        """Select the nearest visible message in place of one out of sight: keys act on what one sees."""
        if self._chosen is None or not self.size.height:
            return
        top = self.scroll_offset.y
        first = self._heights.at(top + 1)  # of a message above, at most the blank row below its text is visible
        chosen = min(max(self._chosen, first), self._heights.at(top + self.size.height - 1))
        if chosen != self._chosen:
            self._chosen, self._cursor = chosen, None
            self.refresh()

    def scroll_to_row(self, row: int) -> None:
        self.scroll_to(y=row, animate=False, force=True, immediate=True)

    def stay(self, row: int) -> None:
        self._following = False
        self.scroll_to_row(row)
        self.settle()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._following = self.is_vertical_scroll_end
        if self._following and self._unseen:
            self._unseen = False
            self.refresh()
        if self._path and round(old_value) != round(new_value):
            self.settle()

    def on_resize(self) -> None:
        self._fit()
        if self._sought and self.size.height:
            self.choose(self._sought)

    def _fit(self) -> None:
        """Re-wrap for a new width, keeping the message at the top in place."""
        following, top = self._following, self.scroll_offset.y
        if not self._path or self._width == self._text_width:
            self.settle()
            self.refresh()
            return
        index = self._heights.at(top)
        share = (top - self._heights.start(index)) / self._heights[index]
        self._begin()
        self._message(index)
        self._following = following
        if not following:
            self.scroll_to_row(self._heights.start(index) + round(share * self._heights[index]))
        self.settle()
        self.refresh()

    # ---- drawing

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self._unseen and y == self.size.height - 1:
            mark = Strip([Segment(NEW_BELOW, self._ink.style("new"))])
            return Strip.join([self._line(y).crop_extend(0, width - mark.cell_length, self._ink.base), mark])
        return self._line(y).crop_extend(0, width, self._ink.base)

    def _line(self, y: int) -> Strip:
        row = self.scroll_offset.y + y
        if not self._path:
            return self._ink.welcome_line(self.welcome, self._text_width, y)
        margin = Segment(" " * self._margin, self._ink.base)
        if row >= self._heights.total:
            below = row - self._heights.total
            note = self._note[below] if below < len(self._note) else ""
            return Strip([margin, Segment(" " * GUTTER + note, self._ink.style("faint"))])
        index = self._heights.at(row)
        if not self._known(index):
            return Strip.blank(self.size.width, self._ink.base)
        message, number = self._messages[self._path[index].id], row - self._heights.start(index)
        if number == message.height - 1:
            return Strip([margin])
        chosen = (self.has_focus and index == self._chosen) or message.entry.editing
        body = self._text_line(message, index, number, row) if number else self._ink.heading(message.entry, self._width)
        return Strip([margin, *self._ink.beside(body, message.entry, chosen, self._width + 2 * GUTTER)]).simplify()

    def _text_line(self, message: Message, index: int, number: int, row: int) -> list[Segment]:
        line = message.row(number)
        segments = self._ink.segments(line, self._width)
        if message.entry.left_out:
            segments = self._ink.over(segments, 0, len(line.text), self._ink.partial("faint"))
        for start, end in message.citations(number):
            segments = self._ink.over(segments, start, end, self._ink.partial("link"))
        for start, end, name in self._finder.marks(line.text, index, number - 1) if self._finder else ():
            segments = self._ink.over(segments, start, end, self._ink.partial(name))
        if span := self.span(index, number):
            end = len(line.text) if span[1] is None else span[1]
            style = self.screen.get_component_rich_style("screen--selection")
            segments = self._ink.over(segments, span[0], end, style)
        strip = list(Strip(segments).apply_offsets(0, row))
        if message.entry.node.growing and number == message.last_text_row:
            strip.append(Segment("▌", self._ink.style("cursor")))
            if self.waiting:
                strip.append(Segment(f" {self.waiting}", self._ink.style("faint")))
        return strip

    # ---- selecting with the mouse

    def laid_out(self, index: int) -> Message:
        return self._message(index)

    def spot(self, offset: Offset) -> Spot | None:
        if not self._path:
            return None
        if offset.y >= self._heights.total:
            return Spot(len(self._path) - 1, self._message(len(self._path) - 1).height - 1, 0)
        index = self._heights.at(offset.y)
        return Spot(index, offset.y - self._heights.start(index), offset.x)
