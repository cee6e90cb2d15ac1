"""Cell buffer of the terminal's contents, so that only changed cells are written.

Textual repaints the whole widget for each streamed word: too many bytes for a slow connection.
"""

import re
from collections.abc import Iterable, Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from textual.strip import Strip

from tui.terminal.emoji_width import steady
from tui.terminal.sanitize import STEERING
from tui.terminal.sgr import change, on_blanks
from tui.terminal.textual_internals import ChopsUpdate, CompositorUpdate, LayoutUpdate, ansi_codes

# Unchanged cells up to this number are rewritten: shorter than moving the cursor.
BRIDGE = 8
# Placeholder for unknown contents.
UNKNOWN = "\0"
# Characters of one cell on every terminal, never joined: Latin, Greek, Cyrillic, punctuation, box drawing.
PLAIN = re.compile(
    "[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff"
    "\u2010-\u2027\u2030-\u205e\u2500-\u25a9\u25c6-\u25d3]*"
)
# Control characters as spaces of their width.
SILENT = {code: " " * cell_len(chr(code)) for code in STEERING}


class Row:
    """Characters and styles of a row; a style (look) is its SGR codes."""

    def __init__(self, width: int) -> None:
        self.text = UNKNOWN * width
        self.looks = [""] * width
        self.strips: dict[int, str] = {}  # by first cell: strips of disputed width, written as a whole

    def put(self, x: int, text: str, looks: list[str]) -> None:
        end = x + len(text)
        self.text = self.text[:x] + text + self.text[end:]
        self.looks[x:end] = looks


class Pen:
    """Cursor position and style of the terminal; None if unknown."""

    def __init__(self) -> None:
        self._look = ""
        self._place: tuple[int, int] | None = None

    def move(self, x: int, y: int) -> str:
        return "" if self._place == (x, y) else f"\x1b[{y + 1};{x + 1}H"

    def lay_down(self) -> str:
        """Reset the style and forget the position, before output from elsewhere."""
        left, self._look, self._place = self._look, "", None
        return change(left, "")

    def run(self, x: int, y: int, text: str, looks: list[str]) -> str:
        """Write characters of one cell each."""
        parts = [self.move(x, y)]
        start = 0
        for index in range(1, len(text) + 1):
            if index == len(text) or looks[index] != looks[start]:
                piece = text[start:index]
                look = looks[start] if piece.strip(" ") else on_blanks(self._look, looks[start])
                parts += [change(self._look, look), piece]
                self._look = look
                start = index
        self._place = (x + len(text), y)
        return "".join(parts)


class Canvas:
    """Screen contents; ``draw`` returns the output for a Textual update."""

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._width = 0

    def forget(self) -> None:
        """Invalidate the buffer: the screen's contents are unknown."""
        self._rows.clear()

    def draw(self, update: CompositorUpdate, console: Console, width: int) -> str:
        """The output that updates the terminal; empty if nothing changes."""
        if width != self._width:
            self.forget()
            self._width = width
        if not isinstance(update, LayoutUpdate | ChopsUpdate):
            self.forget()
            return update.render_segments(console)
        written: list[str] = []
        pen = Pen()
        for x, y, strip in _pieces(update):
            row = self._rows.setdefault(y, Row(width))
            if x + strip.cell_length > width:  # laid out before a resize
                strip = strip.crop(0, max(0, width - x))
            if strip.cell_length:
                written += _changes(pen, row, x, y, strip, console)
        return "".join((*written, pen.lay_down()))


def _pieces(update: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, int, Strip]]:
    """Yield the column, row and contents of each changed part."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in strips:
                yield x, y, strip
                x += strip.cell_length
        return
    for y, left, right in update.spans:
        for end, (x, chop) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if chop is not None and x <= right and end > left:
                yield x, y, chop if end <= right else chop.crop(0, right - x)


def _changes(pen: Pen, row: Row, x: int, y: int, strip: Strip, console: Console) -> Iterable[str]:
    text, looks = _cells(strip, console)
    if len(text) != strip.cell_length:
        return _whole(pen, row, x, y, strip, console)
    end = x + len(text)
    _drop(row, x, end)
    before, before_looks = row.text[x:end], row.looks[x:end]
    if before == text and before_looks == looks:
        return ()
    row.put(x, text, looks)
    differ = [i for i in range(len(text)) if text[i] != before[i] or looks[i] != before_looks[i]]
    return [pen.run(x + first, y, text[first:last], looks[first:last]) for first, last in _runs(differ)]


def _whole(pen: Pen, row: Row, x: int, y: int, strip: Strip, console: Console) -> Iterable[str]:
    """Write a strip with wide, joined or unusual characters as a whole: the terminal's widths may differ.

    Control characters are removed, in case a widget did not sanitise its text. The cells are cleared first, for
    terminals that use fewer, and the rest of the row is rewritten, for those that use more.
    """
    placed = Strip(
        [part if part.control else Segment(steady(part.text.translate(SILENT)), part.style) for part in strip]
    )
    rendered = placed.render(console)
    if row.strips.get(x) == rendered:
        return ()
    end = x + strip.cell_length
    _drop(row, x, end)
    row.put(x, UNKNOWN * (end - x), [""] * (end - x))
    row.strips[x] = rendered
    cleared = f"\x1b[{ansi_codes(list(strip)[-1], console)}m\x1b[{end - x}X\x1b[m"
    return (pen.lay_down(), pen.move(x, y), cleared, rendered, *_behind(pen, row, end, y))


def _behind(pen: Pen, row: Row, start: int, y: int) -> Iterator[str]:
    """Write the known cells from ``start`` on again: a terminal with wider characters has overwritten them."""
    for part in re.finditer(f"[^{UNKNOWN}]+", row.text[start:]):
        first, last = start + part.start(), start + part.end()
        yield pen.run(first, y, row.text[first:last], row.looks[first:last])
    for x, rendered in sorted(row.strips.items()):
        if x >= start:
            yield f"{pen.lay_down()}{pen.move(x, y)}{rendered}"


def _drop(row: Row, start: int, end: int) -> None:
    """Forget strips with wide characters that overlap this range."""
    if row.strips:
        known = row.text
        for x in list(row.strips):
            if x < end and (x >= start or UNKNOWN in known[start:end]):
                del row.strips[x]


def _cells(strip: Strip, console: Console) -> tuple[str, list[str]]:
    """Characters and styles by cell; no text for wide or joined characters."""
    text: list[str] = []
    looks: list[str] = []
    for segment in strip:
        if not _plain(segment):
            return "", []
        look = ansi_codes(segment, console)
        text.append(segment.text)
        looks += [look] * len(segment.text)
    return "".join(text), looks


def _plain(segment: Segment) -> bool:
    linked = segment.style is not None and segment.style.link
    return not (segment.control or linked) and PLAIN.fullmatch(segment.text) is not None


def _runs(differ: list[int]) -> Iterator[tuple[int, int]]:
    """Runs of changed cells, merged across short gaps."""
    first = last = differ[0]
    for index in differ[1:]:
        if index - last > BRIDGE:
            yield first, last + 1
            first = index
        last = index
    yield first, last + 1
