"""The paragraphs of an HTML page, at the places where they stand in the source."""

import html
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import accumulate

# What a reader does not see.
HIDDEN = {"script", "style", "template", "head", "noscript", "svg"}
# Elements in the middle of a sentence; all others end a paragraph.
_INLINE = """a abbr b bdi bdo big cite code data del dfn em font i img ins kbd label mark q s samp small span
    strong strike sub sup time tt u var wbr"""
INLINE = frozenset(_INLINE.split())
_VOID = "area base br col embed hr img input link meta source track wbr"
NEVER_CLOSED = frozenset(_VOID.split())


@dataclass
class _Paragraph:
    """``pieces``: ranges of the source, between markup. ``tag``: of the element that it begins in, else empty."""

    tag: str
    pieces: list[tuple[int, int]] = field(default_factory=list)


class HtmlOutline(HTMLParser):
    """The paragraphs of ``source`` without what a reader does not see; nothing in a page makes it fail."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=False)
        self._source = source
        self._line_starts = [0, *accumulate(len(line) + 1 for line in source.split("\n"))]
        self._open: list[str] = []
        self._paragraphs = [_Paragraph("")]
        # Python's parser fails at unknown marked sections, which in HTML are comments, as these are.
        self.feed(source.replace("<![", "<! "))
        self.close()
        self._paragraphs = [paragraph for paragraph in self._paragraphs if paragraph.pieces]
        self._starts = [paragraph.pieces[0][0] for paragraph in self._paragraphs]

    def parts(self) -> Iterator[tuple[int, int, str]]:
        """Yield start, end and element of each paragraph."""
        for paragraph in self._paragraphs:
            yield paragraph.pieces[0][0], paragraph.pieces[-1][1], paragraph.tag

    def plain(self, start: int, end: int) -> str:
        """The text of a range without markup: a line for each paragraph, and ``pre`` as it is."""
        first = max(0, bisect_right(self._starts, start) - 1)
        texts = []
        for paragraph in self._paragraphs[first:]:
            if paragraph.pieces[0][0] >= end:
                break
            pieces = (self._source[max(a, start) : min(b, end)] for a, b in paragraph.pieces)
            text = html.unescape("".join(pieces))
            texts.append(text.strip("\n") if paragraph.tag == "pre" else " ".join(text.split()))
        return "\n".join(filter(None, texts))

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._at(tag, tag)
        if tag not in NEVER_CLOSED:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self._at(tag, "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        self._at(tag, "")

    def handle_data(self, data: str) -> None:
        self._text(len(data))

    def handle_entityref(self, name: str) -> None:
        self._text(len(name) + 1)

    def handle_charref(self, name: str) -> None:
        self._text(len(name) + 2)

    def _at(self, tag: str, begun: str) -> None:
        if tag not in INLINE:
            self._paragraphs.append(_Paragraph(begun))

    def _text(self, length: int) -> None:
        """Add what is at the parser's place, with the semicolon of a reference."""
        line, column = self.getpos()
        start = self._line_starts[line - 1] + column
        end = start + length
        if self._source[start : start + 1] == "&" and self._source[end : end + 1] == ";":
            end += 1
        pieces = self._paragraphs[-1].pieces
        if not HIDDEN.intersection(self._open) and (pieces or self._source[start:end].strip()):
            pieces.append((start, end))
