"""Rows of the passages that belong to a question: one line, or all of them with the words that were found."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from tui.conversation.quotes import Quote
from tui.formatting.units import counted
from tui.markdown.row import Row, Span
from tui.terminal.sanitize import one_line, sanitize
from tui.terminal.wrap import Rows

NONE_FOUND = "No passages found in the documents"
INDENT = "    "
# A passage's number in a reply.
CITATION = re.compile(r"\[(\d{1,2})\]")
# Words that are marked: of an imported session there may be any number.
MOST_WORDS, LONGEST_WORD = 64, 64


class PassageRows(NamedTuple):
    """``starts``: the row of each passage's heading; empty while they are folded."""

    rows: tuple[Row, ...] = ()
    starts: tuple[int, ...] = ()


@lru_cache(maxsize=64)
def passage_rows(quotes: tuple[Quote, ...], width: int, opened: bool, chosen: int | None) -> PassageRows:
    """Lay out; ``chosen``: the index of the selected passage. Kept, as it is asked for with each row."""
    if not quotes:
        return PassageRows((Row((Span(NONE_FOUND, "faint"),)),))
    count = counted(len(quotes), "passage")
    if not opened:
        return PassageRows((Row((Span(_cut(f"▸ {count}: {', '.join(map(_place, quotes))}", width), "fold"),)),))
    rows, starts = [Row((Span(_cut(f"▾ {count}", width), "fold"),))], []
    for index, quote in enumerate(quotes):
        rows += [Row()] if index else []
        starts.append(len(rows))
        rows += _passage(index, quote, width, index == chosen)
    return PassageRows(tuple(rows), tuple(starts))


def _passage(index: int, quote: Quote, width: int, chosen: bool) -> list[Row]:
    heading = f"[{index + 1}] {_place(quote)}  {one_line(quote.heading)}".rstrip()
    style = "strong chosen" if chosen else "strong"
    rows = [Row((Span(_cut(f"{'▶' if chosen else ' '} {heading}", width), style),))]
    pattern = _pattern(quote.words)
    wrapped = Rows(max(8, width - len(INDENT)), sanitize(quote.text.strip("\n")))
    for line, hard in zip(wrapped.rows, wrapped.hard, strict=True):
        spans = (Span(INDENT), *_marked(line, pattern))
        rows.append(Row(spans, lead=len(INDENT), hard=hard))
    return rows


def _place(quote: Quote) -> str:
    return one_line(quote.place)


def _cut(line: str, width: int) -> str:
    return line if cell_len(line) <= width else set_cell_size(line, max(0, width - 1)) + "…"


def _pattern(words: Sequence[str]) -> re.Pattern[str] | None:
    """Any of the words, the longest first, as a word of its own."""
    known = sorted({sanitize(word) for word in words[:MOST_WORDS] if 0 < len(word) <= LONGEST_WORD}, key=len)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, reversed(known)))})(?!\w)") if known else None


def _marked(line: str, pattern: re.Pattern[str] | None) -> list[Span]:
    spans, end = [], 0
    for match in pattern.finditer(line) if pattern else ():
        spans += [Span(line[end : match.start()]), Span(match.group(), "key strong")]
        end = match.end()
    return [span for span in (*spans, Span(line[end:])) if span.text]
