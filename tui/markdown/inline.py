"""Inline Markdown as styled spans: code, emphasis, links. Unclosed delimiters are literal."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.markdown.link_references import Links
from tui.markdown.row import Span
from tui.terminal.sanitize import sanitize

if TYPE_CHECKING:
    from markdown_it.token import Token

# Characters of any markup; a line without is plain text.
_MARK = re.compile(r"[\\`*_~\[\]<&$]|://")
_BREAK = re.compile(r"<[bB][rR] *\/?>")
_EMPHASIS = {"em": "emph", "strong": "strong", "s": "strike"}


def inline(line: str, growing: bool = False, links: Links | None = None) -> tuple[Span, ...]:
    """Spans of one line; newlines in them are hard breaks. ``links``: link reference definitions.

    While the line is ``growing``, open delimiters are closed at the end and ambiguous ones are omitted, so that nothing
    drawn disappears with the next word.
    """
    if not _MARK.search(line):
        return (Span(line),) if line else ()
    from tui.markdown.grammar import parse

    return _Spans(parse(line, links.references if links else {}, growing)).merged()


class _Spans:
    """Converts markdown-it's tokens to spans."""

    def __init__(self, tokens: Sequence["Token"]) -> None:
        self._pieces: list[Span] = []
        self._emphasis: list[str] = []  # innermost last
        self._link: tuple[str, int] | None = None  # target of the open link, and index of its first piece
        self._read(tokens)

    def merged(self) -> tuple[Span, ...]:
        """The spans, with neighbours of the same style merged."""
        merged: list[Span] = []
        for text, style in self._pieces:
            if merged and merged[-1].style == style:
                merged[-1] = Span(merged[-1].text + text, style)
            elif text:
                merged.append(Span(text, style))
        return tuple(merged)

    def _read(self, tokens: Sequence["Token"]) -> None:
        for token in tokens:
            kind, _, side = token.type.partition("_")
            if kind in _EMPHASIS and side == "open":
                self._emphasis.append(_EMPHASIS[kind])
            elif kind in _EMPHASIS and side == "close":
                self._emphasis.pop()
            elif token.type == "link_open":
                self._open_link(str(token.attrs["href"]))
            elif token.type == "link_close":
                self._close_link()
            elif token.type == "image":
                outer = self._link
                self._put("▣ ", "url")
                self._open_link(str(token.attrs["src"]))
                self._read(token.children or ())
                self._close_link()
                self._link = outer
            elif token.type == "code_inline":
                self._put(token.content, "code")
            elif token.type == "formula":
                self._put(token.content, "formula")
            elif token.type == "bare_link":
                self._put(token.content, "link")
            elif token.type == "html_inline" and _BREAK.fullmatch(token.content):
                self._put("\n")
            elif token.type == "text_special":
                self._put(_clean(token.content))
            else:
                self._put(token.content)

    def _put(self, text: str, style: str = "") -> None:
        styles = ["link"] if self._link and style != "link" else []
        styles += [style] if style else []
        styles += reversed(self._emphasis)
        if text:
            self._pieces.append(Span(text, " ".join(dict.fromkeys(styles))))

    def _open_link(self, target: str) -> None:
        self._link = (_clean(target), len(self._pieces))

    def _close_link(self) -> None:
        """Show the target after the text, as protection against deceptive links."""
        assert self._link
        target, first = self._link
        self._link = None
        label = "".join(span.text for span in self._pieces[first:])
        if target and target != label:
            self._put(f" ({target})" if label else target, "url")


def _clean(text: str) -> str:
    """Sanitise text with decoded entities, on one line."""
    return sanitize(text).expandtabs(1).replace("\n", " ")
