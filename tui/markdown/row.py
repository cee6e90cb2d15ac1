"""What is drawn: rows of styled spans. Styles are names here; colours for them are the widget's."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tui.terminal.wrap import wrap


class Span(NamedTuple):
    """``style``: words such as ``strong`` or ``code``, with blanks between them; empty for plain text."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the screen. ``lead``: how many characters of marks and indentation stand before the text.

    ``hard``: a line of the source ends here. ``fill``: the style of what is left of the screen's width.
    """

    spans: tuple[Span, ...] = ()
    lead: int = 0
    hard: bool = True
    fill: str = ""

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)

    def continues(self, earlier: "Row") -> bool:
        """Whether it begins with all that the earlier row shows, drawn as it was."""
        mine, before = self.spans, earlier.spans
        same = len(mine) == len(before) and mine[:-1] == before[:-1] and self.text.startswith(earlier.text)
        return same and all(now.style == then.style for now, then in zip(mine, before, strict=True))

    @property
    def body(self) -> tuple[Span, ...]:
        """The spans behind the lead."""
        return tuple(part(self.spans, self.lead, None))


def restyle(spans: Iterable[Span], style: str) -> list[Span]:
    """The spans with one more style under their own."""
    return [Span(text, f"{style} {own}".strip()) for text, own in spans]


def part(spans: Sequence[Span], start: int, end: int | None) -> list[Span]:
    """The spans of the characters from ``start`` to ``end``."""
    found = []
    position = 0
    for text, style in spans:
        first, last = max(0, start - position), len(text) if end is None else end - position
        if first < last and (piece := text[first:last]):
            found.append(Span(piece, style))
        position += len(text)
    return found


def split_spans(spans: Sequence[Span]) -> list[list[Span]]:
    """The spans in lines, where they hold newlines."""
    lines: list[list[Span]] = [[]]
    for text, style in spans:
        first, *others = text.split("\n")
        lines[-1].append(Span(first, style))
        lines += [[Span(other, style)] for other in others]
    return lines


def break_spans(
    spans: Sequence[Span], width: int, breaker: Callable[[str, int], list[str]] = wrap
) -> list[tuple[Span, ...]]:
    """The spans in rows of at most ``width`` cells, broken where ``breaker`` breaks their text."""
    rows = breaker("".join(span.text for span in spans), width)
    if len(rows) == 1:
        return [tuple(spans)]
    found = []
    start = 0
    for row in rows:
        found.append(tuple(part(spans, start, start + len(row))))
        start += len(row)
    return found
