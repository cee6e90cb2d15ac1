"""Incremental Markdown document, laid out as rows; finished rows are never parsed again.

The cost of appending is linear in the appended text plus the open line (or the open table's first rows).
"""

from collections.abc import Sequence

from tui.markdown.link_references import Links
from tui.markdown.open_blocks import Code
from tui.markdown.parser import Reader
from tui.markdown.row import Row

# Longer lines are parsed in parts, so that appending to them stays cheap.
LONGEST_LINE = 2000


class Document:
    """``rows`` are at most ``width`` cells wide, except for trailing blanks.

    ``plain``: draw the source. ``unfolded``: draw reasoning (``<think>`` to ``</think>``) in full instead of as
    one row. The text must be sanitised.
    """

    def __init__(self, width: int, text: str = "", *, plain: bool = False, unfolded: bool = False) -> None:
        self.width = max(1, width)
        self.plain = plain
        self.unfolded = unfolded
        self.rows: list[Row] = []
        self.codes: list[Code] = []
        self._parts: list[str] = []
        self._links = Links()
        self._thinking = False
        self._begin()
        self.append(text)

    def _begin(self) -> None:
        self.rows.clear()
        self.codes.clear()
        self._read_length = 0  # characters parsed for good
        self._line = ""  # the unparsed rest of the open last line
        self._in_parts = False
        self._settled = 0  # number of rows that never change
        self._held: list[Row] = []  # the rows after them, without the open line's
        self._reader = Reader(
            self.width,
            self.rows,
            self.codes,
            self._links,
            plain=self.plain,
            unfolded=self.unfolded,
            thinking=self._thinking,
        )

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self._parts)

    def append(self, text: str) -> int:
        """Append text; returns the first changed row."""
        self._parts.append(text)
        return self._redraw(text.split("\n"))

    def finish(self) -> int:
        """End the document and everything open in it; returns the first changed row."""
        return self._redraw(["", ""] if self._line else [""], finishing=True)

    def code_at(self, row: int) -> Code | None:
        """The code block at this row, if any."""
        for code in self.codes:
            if code.row <= row and all(line.fill for line in self.rows[code.row + 1 : row + 1]):
                return code
        return None

    def _redraw(self, pieces: Sequence[str], finishing: bool = False) -> int:
        """Parse the pieces, which are separated by newlines; returns the first changed row."""
        settled, drawn = self._settled, self.rows[self._settled :]
        if not self._read(pieces):
            self._thinking = True  # the text began with reasoning
            settled, drawn = 0, []
            self._read_again(finishing)
        if self._links.news:
            self._links.news = False
            settled, drawn = 0, []
            self._read_again(finishing)
        self._draw_open_line()
        same = 0
        for old, new in zip(drawn, self.rows[settled:], strict=False):
            if old != new:
                break
            same += 1
        return settled + same

    def _read_again(self, finishing: bool) -> None:
        """Parse the whole text again, because an addition changes its first rows."""
        self._begin()
        self._read([*self.text.split("\n"), ""] if finishing else self.text.split("\n"))

    def _read(self, pieces: Sequence[str]) -> bool:
        """Parse complete lines; False if the text turns out to begin with reasoning and must be parsed again."""
        self.rows[self._settled :] = self._held
        for number, piece in enumerate(pieces):
            if number:
                self._read_line(ended=True)
                if self._reader.thought_before:
                    return False
            self._line += piece
            while len(self._line) > LONGEST_LINE:
                self._read_line(ended=False)
        self._held = self.rows[self._settled :]
        return True

    def _read_line(self, ended: bool) -> None:
        line, rest = self._line, ""
        if not ended:
            at = line.rfind(" ", 0, LONGEST_LINE) + 1 or LONGEST_LINE
            line, rest = line[:at], line[at:]
        offset = self._read_length
        if self._in_parts:
            self._reader.read_on(line, offset)
        else:
            self._reader.read(line, offset)
        if not ended:
            self._reader.cut()
        self._read_length += len(line) + ended
        self._line, self._in_parts = rest, not ended
        if not self._reader.holding:
            self._settled = len(self.rows)

    def _draw_open_line(self) -> None:
        reader = self._reader.fork()
        if self._in_parts:
            reader.read_on(self._line, self._read_length, growing=True)
        elif self._line:
            reader.read(self._line, self._read_length, growing=True)
        reader.draw_open()
