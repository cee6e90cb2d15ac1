"""Markdown within a line: code, emphasis, links. What is not closed stays as it was written."""

import re
from dataclasses import dataclass

from tui.markdown.row import Span

_TOKEN = re.compile(
    r"""
      \\(?P<escaped>[\\`*_~\#|<>+\-.!])
    | \\(?P<kept>[\[\]()])                      # formulas begin so: left as they are
    | (?P<ticks>`+)
    | !?\[(?P<label>(?:[^\[\]\\]|\\.|\[[^\[\]]*\])*)\]
        \((?P<url>[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)(?:\s+(?:"[^"]*"|'[^']*'))?\)
    | <(?P<auto>(?:https?://|mailto:)[^\s<>]+)>
    | (?P<bare>https?://[^\s<>`]*[^\s<>`.,;:!?'"()\[\]*_~])
    | (?P<run>\*+|(?<!_)_(?!_)|~~)              # not __: Python's names look like that
    """,
    re.VERBOSE,
)
_MARKS = re.compile(r"[*_~`]+$")


@dataclass(slots=True)
class _Opener:
    """A run of marks that may begin emphasis: where it stands among the pieces, and how many are left of it."""

    index: int
    mark: str
    count: int


def inline(line: str, growing: bool = False) -> tuple[Span, ...]:
    """The spans of one line.

    While it is ``growing``, what is open at its end is drawn as if it were closed there, and marks that may yet open
    something are held back: nothing is drawn that the next word would take away.
    """
    if growing:
        line = _MARKS.sub(lambda run: run.group() if _closes(line, run.start(), run.end()) else "", line)
    return _Line(line, growing).spans()


class _Line:
    def __init__(self, line: str, growing: bool) -> None:
        self._line = line
        self._growing = growing
        self._pieces: list[tuple[str, str]] = []
        self._openers: list[_Opener] = []

    def spans(self) -> tuple[Span, ...]:
        position = 0
        while match := _TOKEN.search(self._line, position):
            self._put(self._line[position : match.start()])
            position = self._take(match)
        self._put(self._line[position:])
        if self._growing:
            self._close_all()
        merged: list[Span] = []
        for text, style in self._pieces:
            if merged and merged[-1].style == style:
                merged[-1] = Span(merged[-1].text + text, style)
            elif text:
                merged.append(Span(text, style))
        return tuple(merged)

    def _put(self, text: str, style: str = "") -> None:
        if text:
            self._pieces.append((text, style))

    def _take(self, match: re.Match[str]) -> int:
        """Draw what was found; returns where to go on."""
        if match["escaped"]:
            self._put(match["escaped"])
        elif match["ticks"]:
            return self._code(match)
        elif match["label"] is not None:
            self._link(match["label"], match["url"])
        elif match["auto"]:
            self._put(match["auto"], "link")
        elif match["bare"]:
            self._put(match["bare"], "link")
        elif match["run"]:
            self._emphasis(match)
        else:
            self._put(match.group())
        return match.end()

    def _code(self, match: re.Match[str]) -> int:
        ticks = match["ticks"]
        closing = re.compile(f"(?<!`){ticks}(?!`)").search(self._line, match.end())
        if closing is None and not self._growing:
            self._put(ticks)
            return match.end()
        code = self._line[match.end() : closing.start() if closing else None]
        if code.startswith(" ") and code.endswith(" ") and code.strip():
            code = code[1:-1]
        self._put(code, "code")
        return closing.end() if closing else len(self._line)

    def _link(self, label: str, url: str) -> None:
        """Both are shown, so that nobody is led elsewhere than it seems."""
        for text, style in _Line(label, False).spans():
            self._put(text, f"link {style}".strip())
        if url and url != label:
            self._put(f" ({url})" if label else url, "url")

    def _emphasis(self, match: re.Match[str]) -> None:
        run = match["run"]
        mark, count = run[0], len(run)
        if _closes(self._line, match.start(), match.end()):
            while count and (opener := self._opener(mark)):
                used = 2 if min(count, opener.count) >= 2 else 1
                self._style(opener, used)
                count -= used
        if count and _opens(self._line, match.start(), match.end()):
            self._openers.append(_Opener(len(self._pieces), mark, count))
        self._put(mark * count)

    def _opener(self, mark: str) -> _Opener | None:
        return next((opener for opener in reversed(self._openers) if opener.mark == mark), None)

    def _style(self, opener: _Opener, used: int) -> None:
        """Style what stands behind the opener, and take away what was used of it."""
        style = "strike" if opener.mark == "~" else "strong" if used == 2 else "emph"
        for index in range(opener.index + 1, len(self._pieces)):
            text, own = self._pieces[index]
            self._pieces[index] = (text, f"{own} {style}".strip())
        opener.count -= used
        self._pieces[opener.index] = (opener.mark * opener.count, "")
        del self._openers[self._openers.index(opener) + 1 :]
        if not opener.count:
            self._openers.remove(opener)

    def _close_all(self) -> None:
        for opener in reversed(list(self._openers)):
            if opener.index + 1 < len(self._pieces):
                while opener.count:
                    self._style(opener, 2 if opener.count >= 2 else 1)


def _opens(line: str, start: int, end: int) -> bool:
    """Whether a run of marks can begin emphasis: it leans on what follows it."""
    return _leans(line[end : end + 1], line[start - 1 : start] if start else "", line[start])


def _closes(line: str, start: int, end: int) -> bool:
    """Whether a run of marks can end emphasis: it leans on what stands before it."""
    return _leans(line[start - 1 : start] if start else "", line[end : end + 1], line[start])


def _leans(inner: str, outer: str, mark: str) -> bool:
    if not inner or inner.isspace():
        return False
    if mark == "_" and outer.isalnum():
        return False
    return inner.isalnum() or not outer.isalnum()
