"""Rows of styled spans. Styles are names, which widgets map to colours."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tui.terminal.wrap import wrap


class Span(NamedTuple):
    """``style``: space-separated names such as ``strong`` or ``code``; empty for plain text."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One screen line. ``lead``: length of the prefix (marks and indentation) in characters.

    ``hard``: ends a source line. ``fill``: style of the rest of the screen's width.
    """

    spans: tuple[Span, ...] = ()
    lead: int = 0
    hard: bool = True
    fill: str = ""

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)

    def continues(self, earlier: "Row") -> bool:
        """True if this row starts with the earlier row's text in the same styles."""
        mine, before = self.spans, earlier.spans
        same = len(mine) == len(before) and mine[:-1] == before[:-1] and self.text.startswith(earlier.text)
        return same and all(now.style == then.style for now, then in zip(mine, before, strict=True))

    @property
    def body(self) -> tuple[Span, ...]:
        """The spans after the lead."""
        return tuple(part(self.spans, self.lead, None))


def restyle(spans: Iterable[Span], style: str) -> list[Span]:
    """The spans with an additional style below their own."""
    return [Span(text, f"{style} {own}".strip()) for text, own in spans]


def part(spans: Sequence[Span], start: int, end: int | None) -> list[Span]:
    """Spans of the characters from ``start`` to ``end``."""
    found = []
    position = 0
    for text, style in spans:
        first, last = max(0, start - position), len(text) if end is None else end - position
        if first < last and (piece := text[first:last]):
            found.append(Span(piece, style))
        position += len(text)
    return found


def split_spans(spans: Sequence[Span]) -> list[list[Span]]:
    """Split spans at newlines."""
    lines: list[list[Span]] = [[]]
    for text, style in spans:
        first, *others = text.split("\n")
        lines[-1].append(Span(first, style))
        lines += [[Span(other, style)] for other in others]
    return lines


def break_spans(
    spans: Sequence[Span], width: int, breaker: Callable[[str, int], list[str]] = wrap
) -> list[tuple[Span, ...]]:
    """Wrap spans to rows of at most ``width`` cells, as ``breaker`` wraps their text."""
    rows = breaker("".join(span.text for span in spans), width)
    if len(rows) == 1:
        return [tuple(spans)]
    found = []
    start = 0
    for row in rows:
        found.append(tuple(part(spans, start, start + len(row))))
        start += len(row)
    return found
