"""Layout of a message: heading, text, remarks, optional details and a blank row."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from rich.cells import cell_len

from tui.conversation.tree import Node
from tui.markdown.document import Document
from tui.markdown.row import Row, Span
from tui.terminal.sanitize import sanitize
from tui.terminal.wrap import TAB, wrap
from tui.widgets.transcript.folding import FOLD_ABOVE, FOLD_TO
from tui.widgets.transcript.passages import CITATION, PassageRows, passage_rows


@dataclass(frozen=True)
class Entry:
    """A message to show. ``place``: its version number and their count. ``speaker``: heading. ``details``: footer.

    ``remarks``: what happened to the message, a line each below its text. ``editing``: it is being edited in the input.
    ``left_out``: the model does not see it any more. ``passages``: how many a reply can name by number.
    """

    node: Node
    place: tuple[int, int]
    speaker: str
    details: str = ""
    remarks: tuple[str, ...] = ()
    editing: bool = False
    left_out: bool = False
    passages: int = 0


_NONE = PassageRows()


class Message:
    """``unfolded``: show reasoning. ``detailed``: show details. ``folded``: show the beginning only, of a long text.

    ``opened``: show the passages that belong to it. ``passage``: index of the selected one.
    """

    def __init__(self, entry: Entry, width: int, unfolded: bool = False, detailed: bool = False) -> None:
        self.entry = entry
        self.detailed = detailed
        self.folded = self.opened = False
        self.passage: int | None = None
        typed = entry.node.role == "user"
        self._document = Document(width, plain=typed, unfolded=unfolded)
        self._length = 0  # characters in the document
        self.show(entry)

    @property
    def width(self) -> int:
        return self._document.width

    @property
    def unfolded(self) -> bool:
        return self._document.unfolded

    @property
    def text_rows(self) -> list[Row]:
        return self._document.rows

    @cached_property
    def _remarks(self) -> list[Row]:
        return [row for remark in self.entry.remarks for row in self._faint(remark)]

    @cached_property
    def _details(self) -> list[Row]:
        return self._faint(self.entry.details)

    @property
    def _footer(self) -> list[Row]:
        return [*self._passages.rows, *self._remarks, *(self._details if self.detailed else ())]

    @property
    def _passages(self) -> PassageRows:
        quotes = self.entry.node.quotes
        return _NONE if quotes is None else passage_rows(quotes, self.width, self.opened, self.passage)

    def _faint(self, text: str) -> list[Row]:
        return [Row((Span(line, "faint"),)) for line in wrap(text, self.width)]

    @property
    def height(self) -> int:
        return 1 + self._rows_shown + len(self._footer) + 1

    @property
    def foldable(self) -> bool:
        """True if the text is long and complete."""
        return len(self._document.rows) > FOLD_ABOVE and not self.entry.node.growing

    @property
    def hidden(self) -> int:
        """Rows of the text that are folded."""
        return len(self._document.rows) - FOLD_TO if self.folded and self.foldable else 0

    @property
    def _rows_shown(self) -> int:
        """Rows of the text on the screen, with the one that stands for the folded ones."""
        return FOLD_TO + 1 if self.hidden else max(1, len(self._document.rows))

    def show(self, entry: Entry) -> int:
        """Update from the node. Returns the first changed row."""
        self.entry = entry
        for rows in ("_remarks", "_details"):
            vars(self).pop(rows, None)
        text = entry.node.text[self._length :]
        if entry.node.growing:
            text = text.removesuffix("\r")  # may be the start of a CRLF
        changed = self._document.append(sanitize(text.replace("\r\n", " \n")))
        self._length += len(text)
        if not entry.node.growing:
            changed = min(changed, self._document.finish())
        return 1 + changed

    def row(self, number: int) -> Row:
        """Row ``number``; row 0 is the heading, which has no Row."""
        rows = self._document.rows
        if self.hidden and number == FOLD_TO + 1:
            return Row((Span(f"▸ {self.hidden} more lines", "fold"),))
        if 0 < number <= min(len(rows), self._rows_shown):
            return rows[number - 1]
        below = number - 1 - self._rows_shown
        footer = self._footer
        return footer[below] if 0 <= below < len(footer) else Row()

    @property
    def last_text_row(self) -> int:
        return max(1, len(self._document.rows))

    def shown(self, number: int) -> str:
        """Text of a row or of the heading."""
        return (self.row(number) if number else Row((Span(self.entry.speaker),))).text

    def line_around(self, number: int) -> tuple[int, int]:
        """First and last row of the source line of this row."""
        first = last = number
        while first > 1 and not self.row(first - 1).hard:
            first -= 1
        while 0 < last < self.height - 1 and not self.row(last).hard:
            last += 1
        return first, last

    def excerpt(self, span: Callable[[int], tuple[int, int | None] | None]) -> str:
        """The selected text, with wrapped rows joined. ``span``: selected columns of a row."""
        text = span(0)
        found = "" if text is None else self.entry.speaker[slice(*text)] + "\n"
        number = 1
        for rows, source in self._lines():
            whole, begun, ended, last = "", None, 0, False
            for place, row in enumerate(rows):
                before = len(whole) - (row.lead if place else 0)
                whole += row.text[row.lead if place else 0 :]
                last = (selected := span(number)) is not None
                if selected:
                    begun = (
                        min(before + max(selected[0], row.lead if place else 0), len(whole)) if begun is None else begun
                    )
                    ended = len(whole) if selected[1] is None else min(len(whole), before + selected[1])
                number += 1
            if begun is not None:
                lead = rows[0].lead
                piece = whole[begun : min(ended, lead)] + written(source, whole[lead:], begun - lead, ended - lead)
                found += piece.rstrip(" ") + "\n" if last else piece
        return found

    def _lines(self) -> Iterator[tuple[list[Row], str]]:
        """Rows of each source line after the heading, and the source of verbatim lines."""
        typed = iter(self._document.text.split("\n") if self._document.plain else ())
        blocks = {code.row: code for code in self._document.codes}
        code: Iterator[tuple[int, int]] | None = None
        rows: list[Row] = []
        for number in range(1, self.height):
            row = self.row(number)
            rows.append(row)
            if number - 1 in blocks:
                code = iter(blocks[number - 1].lines)
            elif not row.fill:
                code = None
            if row.hard or number == self.height - 1:
                place = next(code, None) if code and row.fill else None
                source = sanitize(self.entry.node.text[slice(*place)]) if place else next(typed, "")
                yield rows, source
                rows = []

    # ---- passages

    @property
    def passages_start(self) -> int:
        """The first row of the passages."""
        return 1 + self._rows_shown

    def passage_row(self, passage: int) -> int:
        """The first row of an unfolded passage; of one beyond the last, the row below all of them."""
        rows, starts = self._passages
        return self.passages_start + (starts[passage] if passage < len(starts) else len(rows))

    def passage_at(self, number: int) -> int | None:
        """Index of the passage at that row, -1 at the line above them; None elsewhere."""
        rows, starts = self._passages
        below = number - self.passages_start
        return bisect_right(starts, below) - 1 if rows and 0 <= below < len(rows) else None

    def citations(self, number: int) -> Iterator[tuple[int, int]]:
        """Where a row of a reply names passages."""
        if self.entry.passages and 0 < number <= self._rows_shown:
            for match in CITATION.finditer(self.row(number).text):
                if 0 < int(match[1]) <= self.entry.passages:
                    yield match.span()

    def cited_at(self, number: int, column: int) -> int | None:
        """Index of the passage that is named in this cell; None if none is."""
        text = self.row(number).text
        for start, end in self.citations(number):
            if cell_len(text[:start]) <= column < cell_len(text[:end]):
                return int(text[start + 1 : end - 1]) - 1
        return None

    def folds_at(self, number: int) -> bool:
        """True if the row is a folded thought, or stands for folded rows of the text."""
        return any(span.style == "fold" for span in self.row(number).spans)

    def code(self, number: int | None) -> str | None:
        """The code block at that row, else the last one."""
        codes = self._document.codes
        code = None if number is None else self._document.code_at(number - 1)
        if code is None and codes:
            code = codes[-1]
        return (
            None
            if code is None
            else "\n".join(self.entry.node.text[start:end].removesuffix("\r") for start, end in code.lines)
        )


def written(source: str, shown: str, start: int, end: int) -> str:
    """The source of columns ``start`` to ``end`` of ``shown``, with its tabs."""
    start, end = max(0, start), max(0, end)
    for stops in (False, True):
        at, places = 0, []
        for character in source:
            width = (TAB - at % TAB if stops else TAB) if character == "\t" else 1
            places.append((at, at + width))
            at += width
        drawn = "".join(" " * (b - a) if c == "\t" else c for c, (a, b) in zip(source, places, strict=True))
        if drawn == shown and "\t" in source:
            return "".join(c for c, (a, b) in zip(source, places, strict=True) if start <= a and b <= end)
    return shown[start:end]


def guess(node: Node, width: int, folded: bool) -> int:
    """Estimated height of a message that is not laid out. ``folded``: if it is long."""
    rows = len(node.text) // width + node.text.count("\n") + 1
    return (FOLD_TO + 1 if folded and rows > FOLD_ABOVE else rows) + 2 + (node.quotes is not None)
