"""Incremental line wrapping in terminal cells."""

import re

from rich.cells import cell_len, get_character_cell_size, split_graphemes

TAB = 4
_WORD = re.compile(r"\s*\S+|\s+")
# Modifiers that change the width of the preceding character.
_JOINERS = re.compile("[\u200d\ufe0f]")


def wrap(line: str, width: int) -> list[str]:
    """Wrap a line (without newlines) to rows of at most ``width`` cells; joined they equal the line.

    Blanks at a break stay at the end of the row, where they may exceed the width. Appending to the line changes only
    the last row.
    """
    rows: list[str] = []
    row, used = "", 0
    for match in _WORD.finditer(line):
        word = match.group()
        ink = word.lstrip()
        blanks = word[: len(word) - len(ink)]
        row, used = row + blanks, used + cell_len(blanks)
        if not ink:
            continue
        size = cell_len(ink)
        if used + size > width and row:
            rows.append(row)
            row, used = "", 0
        while size > width:
            cut = _fitting(ink, width)
            rows.append(ink[:cut])
            ink = ink[cut:]
            size = cell_len(ink)
        row, used = row + ink, used + size
    return [*rows, row]


def fold(line: str, width: int) -> list[str]:
    """Like ``wrap``, but breaks anywhere: for code."""
    rows = []
    while cell_len(line) > width and (cut := _fitting(line, width)) < len(line):
        rows.append(line[:cut])
        line = line[cut:]
    return [*rows, line]


def _fitting(text: str, width: int) -> int:
    """Number of characters that fit into ``width`` cells; at least one grapheme."""
    used = 0
    if _JOINERS.search(text):
        for start, end, size in split_graphemes(text)[0]:
            used += size
            if used > width:
                return start or end
        return len(text)
    for index, char in enumerate(text):
        used += get_character_cell_size(char)
        if used > width:
            return max(1, index)
    return len(text)


def source_index(line: str, columns: int) -> int:
    """Index of the character at a column, with expanded tabs."""
    index = used = 0
    while used < columns and index < len(line):
        used += TAB - used % TAB if line[index] == "\t" else 1
        index += 1
    return index


class Rows:
    """Incrementally wrapped text; the cost of appending depends only on the appended text.

    ``hard[i]``: True if row i ends a line of the text.
    """

    def __init__(self, width: int, text: str = "") -> None:
        self.width = max(1, width)
        self.rows = [""]
        self.hard = [True]
        self.append(text)

    def append(self, text: str) -> None:
        """Append ``text``, which may contain newlines and tabs."""
        for index, line in enumerate(text.replace("\t", " " * TAB).split("\n")):
            if index:
                self.rows.append("")
                self.hard.append(True)
            if line:
                # Only the last row can change; it wraps like a line of its own.
                rows = wrap(self.rows[-1] + line, self.width)
                self.rows[-1:] = rows
                self.hard[-1:] = [False] * (len(rows) - 1) + [True]
