"""Splits documents into passages along headings, paragraphs and sentences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tui.documents.blocks import Block, find_blocks, html_blocks
from tui.documents.html_outline import HtmlOutline
from tui.documents.reading import Document

# Tokens of a passage; a heading ends one that has the least.
LEAST, MOST = 150, 250
# A sentence that is repeated at the beginning of the next passage has at most so many.
OVERLAP = 50
# Where nothing else divides a text. A token has four characters on average.
LONGEST_UNIT = 3 * MOST
BETWEEN_HEADINGS = " > "

# A token has about five letters, or is a sign; in scripts without spaces each character is one.
_TOKEN = re.compile(
    r"[^\W\u0e00-\u0eff\u3040-\u9fff\uf900-\ufaff]{1,5}|[^\w\s]|[\u0e00-\u0eff\u3040-\u9fff\uf900-\ufaff]"
)
_SENTENCE_END = re.compile(r"[.!?…]['\"”’)\]]*\s+|[。！？]+\s*|\n[ \t]*(?=[-*+•] |\d+[.)] )")


@dataclass(frozen=True)
class Passage:
    """``start`` and ``end``: its characters in the document's text, from ``line`` on (the first is 1).

    ``heading``: the path of headings above it. ``text``: without markup if the document is HTML.
    """

    start: int
    end: int
    line: int
    heading: str
    text: str


@dataclass(frozen=True)
class _Unit:
    """What is not divided: a sentence, code that fits, or a part of what is too long. ``heading``: path above it.

    ``opens``: begins with a heading. ``repeats``: may stand at the end of one passage and the beginning of the next.
    """

    start: int
    end: int
    tokens: int
    heading: str
    opens: bool
    repeats: bool


def estimate_tokens(text: str) -> int:
    """About the number of tokens of a text, for any model: passages must not depend on which one is used."""
    return len(_TOKEN.findall(text))


def split(document: Document) -> list[Passage]:
    """The passages in order. Each begins where the one before ends, or one sentence before that."""
    text = document.text
    outline = HtmlOutline(text) if document.kind == "html" else None
    blocks = html_blocks(outline) if outline else find_blocks(document)
    passages = []
    line = counted = 0
    for units in _packed(list(_units(text, blocks))):
        start, end = units[0].start, units[-1].end
        line += text.count("\n", counted, start) if start >= counted else -text.count("\n", start, counted)
        counted = start
        heading = units[0].heading
        passages.append(
            Passage(start, end, line + 1, heading, outline.plain(start, end) if outline else text[start:end])
        )
    return passages


def _units(text: str, blocks: list[Block]) -> Iterator[_Unit]:
    path: list[tuple[int, str]] = []
    opened: Block | None = None  # a heading stands in front of what follows it, and so do those below it
    end = 0

    def unit(start: int, end: int, repeats: bool) -> _Unit:
        heading = BETWEEN_HEADINGS.join(title for _, title in path)
        return _Unit(start, end, estimate_tokens(text[start:end]), heading, opened is not None, repeats)

    for block in blocks:
        if block.kind == "heading":
            if opened and block.level <= opened.level:  # with nothing but headings below it
                yield unit(opened.start, end, repeats=False)
                opened = None
            path = [(level, title) for level, title in path if level < block.level] + [(block.level, block.title)]
            opened, end = opened or block, block.end
            continue
        for start, end in _divided(text, block):
            yield unit(opened.start if opened else start, end, block.kind == "paragraph" and opened is None)
            opened = None
    if opened:
        yield unit(opened.start, end, repeats=False)


def _divided(text: str, block: Block) -> Iterator[tuple[int, int]]:
    """Ranges of the sentences of a paragraph, or of code that fits; of lines of other code."""
    if block.kind == "code" and estimate_tokens(text[block.start : block.end]) <= MOST:
        yield block.start, block.end
        return
    ends = re.compile("\n") if block.kind == "code" else _SENTENCE_END
    start = block.start
    for match in ends.finditer(text, block.start, block.end):
        if match.end() - start:
            yield from _cut(text, start, match.end())
        start = match.end()
    if start < block.end:
        yield from _cut(text, start, block.end)


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The range, in pieces where it has no end: at white space if there is any."""
    while end - start > LONGEST_UNIT:
        cut = max(text.rfind(" ", start, start + LONGEST_UNIT), text.rfind("\n", start, start + LONGEST_UNIT)) + 1
        cut = cut if cut > start else start + LONGEST_UNIT
        yield start, cut
        start = cut
    yield start, end


def _packed(units: list[_Unit]) -> Iterator[list[_Unit]]:
    held: list[_Unit] = []
    tokens = 0
    for unit in units:
        full = tokens + unit.tokens > MOST
        # Only whole sections share a passage: the end of a long one is alone.
        if held and (full or (unit.opens and (tokens >= LEAST or not held[0].opens))):
            yield held
            last = held[-1]
            again = full and not unit.opens and len(held) > 1 and last.repeats
            fits = last.tokens <= OVERLAP and last.tokens + unit.tokens <= MOST
            held = [last] if again and fits else []
            tokens = sum(each.tokens for each in held)
        held.append(unit)
        tokens += unit.tokens
    if held:
        yield held
