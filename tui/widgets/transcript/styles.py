"""Rendering of rows and headings in the theme's styles."""

from collections.abc import Iterable

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.markdown.row import Row
from tui.widgets.transcript.message import Entry
from tui.widgets.transcript.welcome import Welcome, welcome_rows

# Span styles; each is a component class of the widget, defined in layout.tcss.
STYLES = (
    *("strong", "emph", "strike", "code", "link", "url", "heading1", "heading2", "heading3"),
    *("quote", "border", "bullet", "fold", "thought", "formula"),
    *("block", "comment", "keyword", "builtin", "function", "string", "number"),
    *("person", "own", "bar", "model", "faint", "chosen", "cursor", "found", "here", "new"),
    *("face", "key", "example"),
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
        left = [Segment(entry.speaker, self.style("person" if _own(entry) else "model"))]
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

    def welcome_line(self, welcome: Welcome | None, width: int, y: int) -> Strip:
        """Row ``y`` of the widget with the welcome, of at most ``width`` cells, centred in it."""
        room = self._widget.size
        rows = welcome_rows(welcome, width, room.height) if welcome else ()
        number = y - (room.height - len(rows)) // 2
        if not 0 <= number < len(rows):
            return Strip.blank(room.width, self.base)
        block = max(cell_len(row.text) for row in rows)
        return Strip([Segment(" " * ((room.width - block) // 2), self.base), *self.segments(rows[number], block)])

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

    def beside(self, body: Iterable[Segment], entry: Entry, chosen: bool, width: int) -> list[Segment]:
        """The gutter and the body of a row. The user's own messages have a bar and a tint, ``width`` cells wide."""
        own = _own(entry)
        bar = self.style("own chosen" if own else "chosen") if chosen else self.style("own bar") if own else self.base
        segments = [Segment("▌ " if chosen else "▎ " if own else "  ", bar), *body]
        if not own:
            return segments
        tint = self.style("own").bgcolor
        strip = Strip(segments).crop_extend(0, width, self.base)
        return [Segment(text, self._tinted(style, tint), control) for text, style, control in strip]

    def _tinted(self, style: Style | None, tint: Color | None) -> Style:
        style = style or self.base
        return style + Style(bgcolor=tint) if style.bgcolor == self.base.bgcolor else style


def _own(entry: Entry) -> bool:
    """True for messages that the user wrote."""
    return entry.node.role in ("user", "system")
