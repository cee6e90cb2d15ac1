"""Rendering of rows and headings in the theme's styles."""

import re
from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.markdown.row import Row
from tui.terminal.wrap import wrap
from tui.widgets.transcript.message import Entry

# Span styles; each is a component class of the widget, defined in layout.tcss.
STYLES = (
    *("strong", "emph", "strike", "code", "link", "url", "heading1", "heading2", "heading3"),
    *("quote", "border", "bullet", "fold", "block", "comment", "keyword", "builtin", "function", "string", "number"),
    *("person", "model", "faint", "chosen", "cursor", "found", "here", "new"),
)
CLASSES = {f"transcript--{name}" for name in STYLES}


class Ink:
    """Renders for a widget with these component classes."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[str, Style] = {}  # by names; asking the widget costs more than drawing a row

    def forget(self) -> None:
        """Look the styles up again: the widget's have changed."""
        self._styles.clear()

    @property
    def base(self) -> Style:
        return self.style("")

    def style(self, names: str) -> Style:
        """Combined style of space-separated ``names``; later ones override."""
        style = self._styles.get(names)
        if style is None:
            style = self._widget.rich_style
            for name in names.split():
                style += self.partial(name)
            self._styles[names] = style
        return style

    def segments(self, row: Row, width: int) -> list[Segment]:
        """Segments of a row, filled to the width if it has a fill style."""
        segments = [Segment(text, self.style(style)) for text, style in row.spans]
        room = width - sum(segment.cell_length for segment in segments)
        if row.fill and room > 0:
            segments.append(Segment(" " * room, self.style(row.fill)))
        return segments

    def heading(self, entry: Entry, width: int) -> list[Segment]:
        """Speaker, whether the message is being edited, and version number."""
        person = entry.node.role in ("user", "system")
        left = [Segment(entry.speaker, self.style("person" if person else "model"))]
        if entry.editing:
            left.append(Segment("  editing", self.style("chosen")))
        if entry.left_out:
            left.append(Segment("  left out of the context", self.style("faint")))
        used = sum(segment.cell_length for segment in left)
        number, count = entry.place
        right = f"version {number} of {count}" if count > 1 else ""
        if used + 2 + len(right) > width:
            right = f"{number}/{count}"
        blank = Segment(" " * max(2, width - used - len(right)), self.base)
        return [*left, blank, Segment(right, self.style("faint"))]

    def over(self, segments: list[Segment], start: int, end: int, style: Style) -> list[Segment]:
        """Overlay a style on the characters from ``start`` to ``end``."""
        found = []
        position = 0
        for text, own, _ in segments:
            first, last = max(0, start - position), max(0, min(len(text), end - position))
            if first >= last:
                found.append(Segment(text, own))
            else:
                parts = ((text[:first], own), (text[first:last], (own or self.base) + style), (text[last:], own))
                found += [Segment(piece, of) for piece, of in parts if piece]
            position += len(text)
        return found

    def partial(self, name: str) -> Style:
        """The style as an overlay."""
        return self._widget.get_component_styles(f"transcript--{name}").partial_rich_style

    def centred(self, lines: Sequence[str], y: int) -> Strip:
        """Row ``y`` of the widget with these lines centred in it."""
        width, height = self._widget.size
        rows = fitted(lines, width, height)
        number = y - max(0, (height - len(rows)) // 2)
        text = rows[number] if 0 <= number < len(rows) else ""
        return self.line(text.center(width) if text else "", "faint", width)

    def line(self, text: str, name: str, width: int) -> Strip:
        """A line in one style."""
        return Strip([Segment(text, self.style(name))]).crop_extend(0, width, self.base)


def fitted(lines: Sequence[str], width: int, height: int) -> list[str]:
    """Wrap the lines to ``width``. If they exceed ``height``, drop blank ones, then the first ones."""
    broken = [_broken(line, width) for line in lines]
    if sum(map(len, broken)) > height:
        broken = [rows for rows in broken if any(rows)]
    while len(broken) > 1 and sum(map(len, broken)) > height:
        del broken[0]
    return [row for rows in broken for row in rows]


def _broken(line: str, width: int) -> list[str]:
    """Wrap a line, at wide gaps first."""
    if cell_len(line) <= width:
        return [line]
    return [row.strip() for group in re.split(" {3,}", line.strip()) for row in wrap(group, max(1, width))]
