"""The messages of a chat, drawn row by row: only what is on the screen is rendered, and a reply grows at flat cost."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from tui.conversation.tree import Node
from tui.settings.keymap import bindings
from tui.terminal.sanitize import sanitize
from tui.terminal.wrap import Rows

# Longer lines are hard to read.
WIDEST = 100
GUTTER = 2
ENDINGS = {
    "cancelled": "stopped",
    "interrupted": "interrupted",
    "length": "cut at the length limit",
    "context": "the context is full",
}


@dataclass(frozen=True)
class Entry:
    """A message to show: ``place`` of how many siblings, ``speaker`` as its heading."""

    node: Node
    place: tuple[int, int]
    speaker: str


class _Block:
    """One message as rows: a heading, its text, and a blank row."""

    def __init__(self, entry: Entry, width: int) -> None:
        self.entry = entry
        self.text = Rows(width, sanitize(entry.node.text))

    @property
    def height(self) -> int:
        return len(self.text.rows) + 2


class Transcript(ScrollView, can_focus=True):
    """Follows the end only while it is at the end. With the focus, one message is chosen, for the keys to act on."""

    BINDINGS = bindings("messages")
    COMPONENT_CLASSES = {  # noqa: RUF012  as Textual declares it
        "transcript--person",
        "transcript--model",
        "transcript--faint",
        "transcript--chosen",
        "transcript--cursor",
    }

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self._blocks: list[_Block] = []
        self._starts: list[int] = []
        self._chosen: int | None = None
        self._rows = 0  # how many there were to see before the last change of size
        self._sought: str | None = None  # chosen while there was no room to show it
        self._note: Rows | None = None
        self._note_text = ""
        self.waiting = ""
        self.hint: tuple[str, ...] = ()

    # ---- what is shown

    def show(self, entries: Sequence[Entry], note: str = "", hint: Sequence[str] = (), to_end: bool = True) -> None:
        """Show these messages instead, ``note`` faintly below them, and ``hint`` where there are none.

        Without ``to_end`` the view stays where it is, as far as it can.
        """
        follow = to_end or self.is_vertical_scroll_end
        chosen = self.chosen
        width = self._text_width
        kept = {block.entry.node.id: block for block in self._blocks if block.text.width == width}
        self._blocks = []
        for entry in entries:
            block = kept.get(entry.node.id)
            if block is None or block.entry.node.text != entry.node.text:
                block = _Block(entry, width)
            block.entry = entry
            self._blocks.append(block)
        self._note_text = note
        self._note = Rows(width, note) if note else None
        self.hint = tuple(hint)
        ids = [block.entry.node.id for block in self._blocks]
        if chosen in ids:
            self._chosen = ids.index(chosen)
        elif self._chosen is not None or self.has_focus:
            last = len(ids) - 1
            self._chosen = None if not ids else last if self._chosen is None else min(self._chosen, last)
        self._lay_out(0)
        self._settle_view(follow)

    def grow(self, node: Node, text: str) -> None:
        """Append ``text`` to the message of ``node``, if it is shown; it is the last one then."""
        if not self._blocks or self._blocks[-1].entry.node.id != node.id:
            return
        block = self._blocks[-1]
        first = max(0, self._starts[-1] + len(block.text.rows) - 1)
        block.entry = Entry(node, block.entry.place, block.entry.speaker)
        block.text.append(sanitize(text))
        follow = self.is_vertical_scroll_end
        height = self._height
        if height != self.virtual_size.height:
            self.virtual_size = Size(self.size.width, height)
            if follow:
                self.scroll_end(animate=False, force=True, immediate=True, x_axis=False)
        self.refresh_lines(first, height - first)

    @property
    def chosen(self) -> str | None:
        """The id of the message that the keys act on."""
        return None if self._chosen is None else self._blocks[self._chosen].entry.node.id

    # ---- choosing

    def choose(self, node_id: str) -> None:
        """Put the cursor on this message, if it is shown; into view when there is one."""
        self._sought = None if self.size.height else node_id
        for index, block in enumerate(self._blocks):
            if block.entry.node.id == node_id:
                self._choose(index)

    def action_choose_next(self) -> None:
        self._choose((self._chosen or 0) + 1)

    def action_choose_previous(self) -> None:
        self._choose((self._chosen or 0) - 1)

    def action_choose_first(self) -> None:
        self._choose(0)

    def action_choose_last(self) -> None:
        self._choose(len(self._blocks) - 1)

    def _choose(self, index: int) -> None:
        if not self._blocks:
            return
        self._chosen = min(max(index, 0), len(self._blocks) - 1)
        top = self._starts[self._chosen]
        bottom = top + self._blocks[self._chosen].height
        if self._chosen == len(self._blocks) - 1:
            self.scroll_end(animate=False, immediate=True)
        elif top < self.scroll_offset.y or bottom - top > self.size.height:
            self.scroll_to(y=top, animate=False, immediate=True)
        elif bottom > self.scroll_offset.y + self.size.height:
            self.scroll_to(y=bottom - self.size.height, animate=False, immediate=True)
        self.refresh()

    def on_focus(self) -> None:
        if self._chosen is None and self._blocks:
            self._choose(len(self._blocks) - 1)
        self.refresh()

    def on_blur(self) -> None:
        self._chosen = None
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        row = event.y + self.scroll_offset.y
        if self._blocks and row < self._starts[-1] + self._blocks[-1].height:
            self._chosen = bisect_right(self._starts, row) - 1
            self.refresh()

    # ---- layout

    @property
    def _text_width(self) -> int:
        return max(8, min(WIDEST, self.scrollable_content_region.width - 2 * GUTTER))

    @property
    def _height(self) -> int:
        below = len(self._note.rows) + 1 if self._note else 0
        return (self._starts[-1] + self._blocks[-1].height if self._blocks else 0) + below

    def _lay_out(self, first: int) -> None:
        """Row numbers of the blocks from ``first`` on."""
        del self._starts[first:]
        row = self._starts[-1] + self._blocks[first - 1].height if first else 0
        for block in self._blocks[first:]:
            self._starts.append(row)
            row += block.height

    def _settle_view(self, follow: bool) -> None:
        self.virtual_size = Size(self.size.width, self._height)
        if follow:
            self.scroll_end(animate=False, force=True, immediate=True, x_axis=False)
        self.refresh()

    def on_resize(self) -> None:
        # A notice, or a longer message, takes rows away: who was at the end stays there.
        at_end = self.scroll_offset.y >= self.virtual_size.height - self._rows
        self._rows = self.size.height
        if self._blocks and self._blocks[0].text.width != self._text_width:
            self.show([block.entry for block in self._blocks], self._note_text, self.hint, at_end)
        elif at_end:
            self._settle_view(follow=True)
        if self._sought:
            self.choose(self._sought)

    # ---- drawing

    def render_line(self, y: int) -> Strip:
        row = self.scroll_offset.y + y
        base = self.rich_style
        width = self.size.width
        if not self._blocks:
            return self._hint_line(y).extend_cell_length(width, base)
        index = bisect_right(self._starts, row) - 1
        block = self._blocks[index]
        inner = row - self._starts[index]
        faint = self.get_component_rich_style("transcript--faint")
        if inner >= block.height:
            text = self._note.rows if self._note else []
            line = text[inner - block.height] if inner - block.height < len(text) else ""
            return Strip([Segment(" " * GUTTER + line, faint)]).crop_extend(0, width, base)
        chosen = self.has_focus and index == self._chosen and inner < block.height - 1
        bar = self.get_component_rich_style("transcript--chosen")
        gutter = Segment("▌ ", bar) if chosen else Segment(" " * GUTTER, base)
        if inner == 0:
            strip = self._heading(block.entry, base, faint)
        else:
            strip = self._text_line(block, inner - 1, row, base, faint)
        return Strip([gutter, *strip]).crop_extend(0, width, base)

    def _heading(self, entry: Entry, base: Style, faint: Style) -> list[Segment]:
        person = entry.node.role in ("user", "system")
        name = self.get_component_rich_style("transcript--person" if person else "transcript--model")
        left = [Segment(entry.speaker, name)]
        if entry.node.outcome and (ending := ENDINGS.get(entry.node.outcome.reason)):
            left.append(Segment(f"  {ending}", faint))
        number, count = entry.place
        right = f"{number}/{count} ‹ ›" if count > 1 else ""
        used = sum(segment.cell_length for segment in left)
        return [*left, Segment(" " * max(2, self._text_width - used - len(right)), base), Segment(right, faint)]

    def _text_line(self, block: _Block, number: int, row: int, base: Style, faint: Style) -> list[Segment]:
        rows = block.text.rows
        growing = block.entry.node.growing and number == len(rows) - 1
        if number >= len(rows):
            return []
        line = rows[number]
        segments = [Segment(line, base)]
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(row)) is not None:
            start, end = span
            end = len(line) if end == -1 else end
            chosen = base + self.screen.get_component_rich_style("screen--selection")
            segments = [Segment(line[:start], base), Segment(line[start:end], chosen), Segment(line[end:], base)]
        strip = list(Strip(segments).apply_offsets(0, row))
        if growing:
            cursor = self.get_component_rich_style("transcript--cursor")
            strip += [Segment("▌", cursor), Segment(f" {self.waiting}" if self.waiting else "", faint)]
        return strip

    def _hint_line(self, y: int) -> Strip:
        """The hint stands in the middle of an empty transcript."""
        line = y - max(0, (self.size.height - len(self.hint)) // 2)
        text = self.hint[line] if 0 <= line < len(self.hint) else ""
        text = text.center(self.size.width) if text else ""
        faint = self.get_component_rich_style("transcript--faint")
        return Strip([Segment(text, faint)]).crop(0, self.size.width)

    # ---- selecting with the mouse

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text under the selection, joined again where only the view broke it."""
        lines: list[str] = []
        for start, block in zip(self._starts, self._blocks, strict=True):
            parts = list(zip(block.text.rows, block.text.hard, strict=True))
            for number, (line, hard) in enumerate([(block.entry.speaker, True), *parts, ("", True)]):
                span = selection.get_span(start + number)
                if span is not None:
                    first, last = span
                    lines.append((line[first:] if last == -1 else line[first:last]) + ("\n" if hard else ""))
        return ("".join(lines).rstrip("\n"), "\n") if lines else None

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()
