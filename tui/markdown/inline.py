"""Markdown within a line: code, emphasis, links. What is not closed stays as it was written."""

import html
import re
import unicodedata
from dataclasses import dataclass

from tui.markdown.link_references import Links
from tui.markdown.row import Span
from tui.terminal.sanitize import UNSHOWABLE, sanitize

_TOKEN = re.compile(
    r"""
      \\(?P<escaped>[\\`*_~\#|<>+\-.!])
    | \\(?P<kept>[\[\]()])                      # formulas begin so: left as they are
    | (?P<ticks>`+)
    | !?\[(?P<label>(?:[^\[\]\\]|\\.|\[[^\[\]]*\])*)\]
        \((?P<url><[^<>]*>|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)(?:\s+(?:"[^"]*"|'[^']*'))?\)
    | (?P<image>!?)\[(?P<named>(?:[^\[\]\\]|\\.|\[[^\[\]]*\])+)\](?:\[(?P<name>[^\[\]]*)\])?
    | <(?P<auto>(?:https?://|mailto:)[^\s<>]+)>
    | (?P<bare>https?://[^\s<>`]*[^\s<>`.,;:!?'"()\[\]*_~])
    | (?P<entity>&(?:\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)
    | (?P<break><[bB][rR]\ *\/?>)
    | (?P<run>\*+|(?<!_)_(?!_)|~~)              # not __: Python's names look like that
    """,
    re.VERBOSE,
)
MOST_OPEN = 32  # runs of marks that wait for their ends in a line; those behind are text
_MARKS = re.compile(r"[*_~`]+$")


@dataclass(slots=True)
class _Opener:
    """A run of marks that may begin emphasis: where it stands among the pieces, and how many are left of it.

    ``length``: how many it had. ``closes``: it might have ended emphasis as well.
    """

    index: int
    mark: str
    count: int
    length: int
    closes: bool

    def fits(self, mark: str, length: int, opens: bool) -> bool:
        """Whether such a run can end what this one begins; CommonMark's rule of three keeps ``**/*.py`` as it is."""
        doubtful = (self.closes or opens) and (self.length + length) % 3 == 0
        return self.mark == mark and not (doubtful and length % 3)


def inline(line: str, growing: bool = False, links: Links | None = None) -> tuple[Span, ...]:
    """The spans of one line; a newline in them is a break that it asks for. ``links``: those with a name.

    While it is ``growing``, what is open at its end is drawn as if it were closed there, and marks that may yet open
    something are held back: nothing is drawn that the next word would take away.
    """
    if growing:
        line = _MARKS.sub(lambda run: run.group() if _leans(*_around(line, run), run.group()[0]) else "", line)
    return _Line(line, growing, links or Links()).spans()


class _Line:
    def __init__(self, line: str, growing: bool, links: Links) -> None:
        self._line = line
        self._growing = growing
        self._links = links
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
            url = match["url"]
            self._link(match["label"], url[1:-1] if url.startswith("<") and url.endswith(">") else url)
        elif match["named"]:
            return self._reference(match)
        elif match["auto"]:
            self._put(match["auto"], "link")
        elif match["bare"]:
            self._put(match["bare"], "link")
        elif match["entity"]:
            self._put(sanitize(html.unescape(match["entity"]) or UNSHOWABLE).expandtabs(1).replace("\n", " "))
        elif match["break"]:
            self._put("\n")
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
        for text, style in _Line(label, False, Links()).spans():
            self._put(text, f"link {style}".strip())
        if url and url != label:
            self._put(f" ({url})" if label else url, "url")

    def _reference(self, match: re.Match[str]) -> int:
        """A link by name, if that is known; else its brackets are text."""
        url = self._links.target(match["name"] or match["named"])
        if url is None:
            bracket = match.end("image") + 1
            self._put(self._line[match.start() : bracket])
            return bracket
        self._link(match["named"], url)
        return match.end()

    def _emphasis(self, match: re.Match[str]) -> None:
        run = match["run"]
        mark, count = run[0], len(run)
        before, after = _around(self._line, match)
        closes, may_open = _leans(before, after, mark), _leans(after, before, mark)
        if closes:
            while count and (opener := self._opener(mark, len(run), may_open)):
                used = 2 if min(count, opener.count) >= 2 else 1
                self._style(opener, used)
                count -= used
        if count and may_open and len(self._openers) < MOST_OPEN and not (mark == "*" and _arithmetic(before, after)):
            self._openers.append(_Opener(len(self._pieces), mark, count, len(run), closes))
        self._put(mark * count)

    def _opener(self, mark: str, length: int, opens: bool) -> _Opener | None:
        return next((opener for opener in reversed(self._openers) if opener.fits(mark, length, opens)), None)

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


def _around(line: str, match: re.Match[str]) -> tuple[str, str]:
    """The characters before and behind it, empty where there is none."""
    return line[max(0, match.start() - 1) : match.start()], line[match.end() : match.end() + 1]


def _arithmetic(before: str, after: str) -> bool:
    """Whether stars between these begin nothing, though CommonMark's do: between letters or digits of a script with
    capitals, and behind a closing bracket. So ``a*b*c``, ``2**3`` and ``(x)*y*z`` stay as they are. Other scripts are
    written without blanks: there, stars within what looks like a word begin emphasis.
    """
    return (_cased(before) and _cased(after)) or before in (")", "]", "}")


def _leans(inner: str, outer: str, mark: str) -> bool:
    """CommonMark's flanking, where wide characters, punctuation too, lean like letters and are leant on like blanks."""
    if not inner or inner.isspace():
        return False
    if mark == "_" and _word(outer):
        return False
    return _word(inner) or _wide(inner) or not _word(outer) or _wide(outer)


def _word(character: str) -> bool:
    """A letter, a digit, or a sign that belongs to one."""
    return character.isalnum() or unicodedata.category(character or " ").startswith("M")


def _cased(character: str) -> bool:
    return character.isdigit() or character.lower() != character.upper()


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character or " ") in ("W", "F")
