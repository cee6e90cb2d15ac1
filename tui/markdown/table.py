"""Table layout: as wide as the first rows need, at most as wide as the screen."""

import re
from collections.abc import Sequence
from copy import copy

from rich.cells import cell_len

from tui.markdown.inline import inline
from tui.markdown.link_references import Links
from tui.markdown.row import Row, Span, break_spans, part, restyle, split_spans

# Number of rows that determine the column widths; later rows do not change them.
SETTLING = 32
NARROWEST = 4
BETWEEN = " │ "

_DELIMITER = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?")
_BAR = re.compile(r"(?<!\\)\|")
Cell = tuple[Span, ...]


def delimits(line: str) -> bool:
    """True if this is a table's delimiter row."""
    return "|" in line and _DELIMITER.fullmatch(line.strip()) is not None


class Table:
    """``width``: maximum in cells. Rows have as many columns as the delimiter row; excess text joins the last."""

    def __init__(self, header: str, delimiter: str, width: int, links: Links) -> None:
        self._links = links
        self._aligned = [_alignment(cell) for cell in _split(delimiter)]
        self._width = width
        self._widths: list[int] | None = None
        self._head = [tuple(restyle(cell, "strong")) for cell in self._cells(header, False)]
        self._body: list[list[Cell]] = []

    def copy(self) -> "Table":
        """A copy with the same rows."""
        twin = copy(self)
        twin._body = list(self._body)
        return twin

    @property
    def columns(self) -> int:
        return len(self._aligned)

    def fits(self, header: str) -> bool:
        """True if the header has as many columns as the delimiter row."""
        return len(_split(header)) == self.columns

    @property
    def full(self) -> bool:
        """True if there are enough rows to settle."""
        return len(self._body) >= SETTLING

    @property
    def settled(self) -> bool:
        """True if the column widths are fixed."""
        return self._widths is not None

    def add(self, line: str, growing: bool) -> None:
        """Add a row, while the table is not settled."""
        self._body.append(self._cells(line, growing))

    def rows(self) -> list[Row]:
        """Render the header and all rows."""
        widths = self._measure()
        rows = self._draw(self._head, widths)
        if widths:
            rows.append(Row((Span("─┼─".join("─" * width for width in widths), "border"),)))
        for cells in self._body:
            rows += self._draw(cells, widths)
        return rows

    def settle(self) -> list[Row]:
        """Fix the column widths and render all rows; further ones are rendered by ``more``."""
        self._widths = self._measure()
        return self.rows()

    def more(self, line: str, growing: bool) -> list[Row]:
        """Render a further row of a settled table."""
        return self._draw(self._cells(line, growing), self._widths or [])

    def _cells(self, line: str, growing: bool) -> list[Cell]:
        texts = _split(line)
        count = self.columns
        if len(texts) > count:
            texts[count - 1 :] = [" | ".join(texts[count - 1 :])]
        texts += [""] * (count - len(texts))
        return [inline(text.replace("\\|", "|"), growing, self._links) for text in texts]

    def _measure(self) -> list[int]:
        """Column widths; empty if there is no room for columns."""
        rows = [self._head, *self._body]
        widths = [max(1, *(_size(row[column]) for row in rows), 1) for column in range(self.columns)]
        room = self._width - len(BETWEEN) * (self.columns - 1)
        if room < NARROWEST * self.columns:
            return []
        while (excess := sum(widths) - room) > 0:  # shrink the widest first
            widest = max(widths)
            among = [index for index, width in enumerate(widths) if width == widest]
            below = max((width for width in widths if width < widest), default=NARROWEST)
            cut = max(1, min(widest - below, excess // len(among)))
            for index in among[: max(1, excess // cut)]:
                widths[index] -= cut
        return widths

    def _draw(self, cells: Sequence[Cell], widths: Sequence[int]) -> list[Row]:
        if not widths:
            flat = [span for cell in cells for span in (Span(BETWEEN, "border"), *cell)][1:]
            broken = _lines(flat, self._width)
            return [Row(spans, hard=number == len(broken)) for number, spans in enumerate(broken, 1)]
        columns = [_lines(cell, width) for cell, width in zip(cells, widths, strict=True)]
        rows = []
        for number in range(max(map(len, columns))):
            spans: list[Span] = []
            for column, (lines, width) in enumerate(zip(columns, widths, strict=True)):
                if column:
                    spans.append(Span(BETWEEN, "border"))
                line = lines[number] if number < len(lines) else ()
                spans += _aligned(line, width, self._aligned[column])
            rows.append(Row(tuple(spans)))
        return rows


def _split(line: str) -> list[str]:
    line = line.strip().removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.strip() for cell in _BAR.split(line)]


def _alignment(cell: str) -> str:
    return "center" if cell.startswith(":") and cell.endswith(":") else "right" if cell.endswith(":") else "left"


def _size(cell: Cell) -> int:
    return max(map(cell_len, "".join(span.text for span in cell).split("\n")))


def _lines(spans: Sequence[Span], width: int) -> list[tuple[Span, ...]]:
    return [row for line in split_spans(spans) for row in break_spans(line, width)]


def _aligned(spans: Sequence[Span], width: int, alignment: str) -> list[Span]:
    """Align spans in ``width`` cells; trailing blanks may be omitted."""
    line = part(spans, 0, len("".join(span.text for span in spans).rstrip()))
    room = max(0, width - _size(tuple(line)))
    before = room if alignment == "right" else room // 2 if alignment == "center" else 0
    return [Span(" " * before), *line, Span(" " * (room - before))]
