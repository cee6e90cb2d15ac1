"""A text in Markdown that grows at its end, as rows: what is finished is never read again.

Appending costs what is appended, and at most the line, or the first rows of the table, that is open at the end.
"""

from collections.abc import Sequence

from tui.markdown.link_references import Links
from tui.markdown.parser import Code, Reader
from tui.markdown.row import Row

# A line that is longer is read in parts, so that adding to it stays cheap.
LONGEST_LINE = 2000


class Document:
    """``rows`` are at most ``width`` cells wide, but for blanks at their ends.

    ``plain``: the text is drawn as it was written. ``unfolded``: what a model thought, between ``<think>`` and
    ``</think>``, is drawn; else it is one row. The text must be safe to show.
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
        self._read_length = 0  # of what was read for good
        self._line = ""  # the line that is open at the end, or what is left of it to read
        self._in_parts = False
        self._settled = 0  # so many rows can never change
        self._held: list[Row] = []  # those behind, before the open line was drawn
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
        """All of it."""
        return "".join(self._parts)

    def append(self, text: str) -> int:
        """Add to the text; returns the first row that has changed."""
        self._parts.append(text)
        return self._redraw(text.split("\n"))

    def finish(self) -> int:
        """Nothing will be appended: what is open at the end ends here. Returns the first row that has changed."""
        return self._redraw(["", ""] if self._line else [""], finishing=True)

    def code_at(self, row: int) -> Code | None:
        """The block of code that the row is in."""
        for code in self.codes:
            if code.row <= row and all(line.fill for line in self.rows[code.row + 1 : row + 1]):
                return code
        return None

    def _redraw(self, pieces: Sequence[str], finishing: bool = False) -> int:
        """Read the pieces, which line breaks separate; returns the first row that has changed."""
        settled, drawn = self._settled, self.rows[self._settled :]
        if not self._read(pieces):
            self._thinking = True  # it turned out that it began with a thought
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
        """All of it, because what came changes how it is drawn from the beginning."""
        self._begin()
        self._read([*self.text.split("\n"), ""] if finishing else self.text.split("\n"))

    def _read(self, pieces: Sequence[str]) -> bool:
        """Read lines that are complete; False if the whole text must be read again as beginning with a thought."""
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
