"""Finds the parts of a document that splitting must respect: headings, paragraphs and code, by character range."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from tui.documents.html_outline import HtmlOutline
from tui.documents.pdf_text import BETWEEN_PAGES
from tui.documents.reading import Document

BlockKind = Literal["heading", "paragraph", "code"]


@dataclass(frozen=True)
class Block:
    """``text[start:end]``; of a heading its ``level``, 1 at the top, and its ``title``."""

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    title: str = ""


# A line: its first character, the one after its last, without the line end.
Line = tuple[int, int]
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_RULE = re.compile(r"([!-/:-@\[-`{-~])\1+[ \t]*$")


def find_blocks(document: Document) -> list[Block]:
    """The blocks of anything but HTML, in order; between them there is only white space."""
    finders: dict[str, Callable[[str], Iterator[Block]]] = {
        "markdown": _markdown_blocks,
        "rst": _rst_blocks,
        "code": _code_blocks,
        "pdf": _pdf_blocks,
        "text": _paragraphs,
    }
    return list(finders[document.kind](document.text))


def _lines(text: str) -> Iterator[Line]:
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, end
        start = end + 1


def _paragraphs(text: str) -> Iterator[Block]:
    for group in _groups(text):
        yield Block("paragraph", group[0][0], group[-1][1])


def _groups(text: str) -> Iterator[list[Line]]:
    """Lines between blank ones."""
    group: list[Line] = []
    for start, end in _lines(text):
        if text[start:end].strip():
            group.append((start, end))
        elif group:
            yield group
            group = []
    if group:
        yield group


def _code_blocks(text: str) -> Iterator[Block]:
    """A function or class each, as far as indentation tells: a block begins after a blank line without indentation."""
    start = end = -1
    for group in _groups(text):
        if start >= 0 and not text[group[0][0]].isspace():
            yield Block("code", start, end)
            start = -1
        start = group[0][0] if start < 0 else start
        end = group[-1][1]
    if start >= 0:
        yield Block("code", start, end)


def _pdf_blocks(text: str) -> Iterator[Block]:
    """Paragraphs below the number of their page."""
    start = 0
    for number, page in enumerate(text.split(BETWEEN_PAGES), 1):
        for place, group in enumerate(_groups(page)):
            first, last = start + group[0][0], start + group[-1][1]
            if place == 0:
                yield Block("heading", first, first, 1, f"page {number}")
            yield Block("paragraph", first, last)
        start += len(page) + len(BETWEEN_PAGES)


def _markdown_blocks(text: str) -> Iterator[Block]:
    paragraph: list[Line] = []
    fence = ""
    fence_start = fence_end = 0

    def flush() -> Iterator[Block]:
        if paragraph:
            yield Block("paragraph", paragraph[0][0], paragraph[-1][1])
            paragraph.clear()

    for start, end in _lines(text):
        line = text[start:end]
        fence_end = end
        if fence:
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                yield Block("code", fence_start, end)
                fence = ""
        elif opened := _FENCE.match(line):
            yield from flush()
            fence, fence_start = opened[1], start
        elif heading := _ATX.match(line):
            yield from flush()
            yield Block("heading", start, end, len(heading[1]), heading[2].strip())
        elif len(paragraph) == 1 and (underline := _SETEXT.match(line)):
            title = text[slice(*paragraph[0])].strip()
            yield Block("heading", paragraph[0][0], end, 1 if underline[1][0] == "=" else 2, title)
            paragraph.clear()
        elif line.strip():
            paragraph.append((start, end))
        else:
            yield from flush()
    yield from flush()
    if fence:  # never closed
        yield Block("code", fence_start, fence_end)


def _rst_blocks(text: str) -> Iterator[Block]:
    levels: list[str] = []  # underlines, with whether there is an overline, in the order in which they come
    literal: Block | None = None
    announced = False
    for group in _groups(text):
        indented = text[group[0][0]].isspace()
        if indented and (announced or literal):
            literal = Block("code", literal.start if literal else group[0][0], group[-1][1])
            announced = False
            continue
        if literal:
            yield literal
            literal = None
        heading, rest = _rst_heading(text, group, levels)
        if heading:
            yield heading
        if rest:
            last = text[slice(*rest[-1])].rstrip()
            announced = last.endswith("::")
            yield Block("paragraph", rest[0][0], rest[-1][1])
    if literal:
        yield literal


def _rst_heading(text: str, group: list[Line], levels: list[str]) -> tuple[Block | None, list[Line]]:
    """The heading that a group of lines begins with, if any, and the lines after it."""
    over = len(group) > 2 and bool(_RULE.fullmatch(text[slice(*group[0])]))
    title = group[1 if over else 0]
    under = text[slice(*group[2 if over else 1])] if len(group) > (2 if over else 1) else ""
    words = text[slice(*title)].strip()
    if not _RULE.fullmatch(under) or len(under.rstrip()) < min(len(words), 4) or not words:
        return None, group
    style = under[0] + ("^" if over else "")
    if style not in levels:
        levels.append(style)
    lines = 3 if over else 2
    return Block("heading", group[0][0], group[lines - 1][1], levels.index(style) + 1, words), group[lines:]


def html_blocks(outline: HtmlOutline) -> list[Block]:
    """The blocks of an HTML page, in order; between them there is white space and markup."""
    blocks = []
    for start, end, tag in outline.parts():
        level = int(tag[1]) if re.fullmatch(r"h[1-6]", tag) else 0
        title = outline.plain(start, end) if level else ""
        blocks.append(Block("heading" if level else "code" if tag == "pre" else "paragraph", start, end, level, title))
    return blocks
