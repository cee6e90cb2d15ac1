"""Blocks that later lines continue: code, tables and formulas."""

from typing import NamedTuple

from tui.markdown.containers import Container
from tui.markdown.highlight import Highlighter
from tui.markdown.row import Span
from tui.markdown.table import Table

_FORMULAS = {r"\[": r"\]", "$$": "$$"}  # opening and closing marks


class Code(NamedTuple):
    """A code block: its first row, and the source positions of its lines."""

    row: int
    lines: list[tuple[int, int]]


class Fence(NamedTuple):
    mark: str
    indent: int
    highlighter: Highlighter


class Header(NamedTuple):
    """A line that is a table's header if a delimiter row follows."""

    line: str
    row: int
    leads: tuple[list[Span], list[Span]]


class OpenTable(NamedTuple):
    table: Table
    leads: tuple[list[Span], list[Span]]
    containers: tuple[Container, ...]


def formula_end(line: str) -> str:
    """The mark that ends the formula that the line begins, with nothing but punctuation behind it; else empty."""
    mark = _FORMULAS.get(line[:2], "")
    behind = line[2:].partition(mark)[2].strip() if mark else ""
    return "" if behind.strip(".,;") else mark
