"""Inline CommonMark by markdown-it, with strikethrough, bare links, scripts without spaces and incomplete lines.

Imported late: plain text does not need it.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter, Scanned
from markdown_it.token import Token

from tui.markdown.latex import latex

_BARE_LINK = re.compile(r"""https?://[^\s<>`]*[^\s<>`.,;:!?'"()\[\]*_~]""")
_RUN = re.compile(r"`+")
# Formulas: opening and closing marks; what stands between single dollars if it is one.
FORMULAS = {r"\(": r"\)", r"\[": r"\]", "$$": "$$"}
_SIGN = re.compile(r"[\\^_=+<>]")  # tells a formula from brackets that are escaped as Markdown
_MATH = re.compile(r"(?=\S)(?!\d[^\\^_=<>+*{]*$)[^`]*(?<=\S)")
MOST_OPEN = 32  # open delimiters per line; further ones are text
_UNSURE = re.compile(r"(?:[*_~\\]|&#?\w*)+$")


def parse(line: str, references: Mapping[str, Any], growing: bool) -> list[Token]:
    """Parse one line into tokens. ``references``: markdown-it's link reference definitions.

    In a ``growing`` line, open delimiters are closed at the end, and ambiguous ones are omitted.
    """
    state = _State(line, _PARSER, {"references": references, "growing": growing}, [])
    _PARSER.inline.tokenize(state)
    for rule in _PARSER.inline.ruler2.getRules(""):
        rule(state)
    return state.tokens


class _Parser(MarkdownIt):
    """A parser that keeps URLs verbatim."""

    def normalizeLink(self, url: str) -> str:
        return url

    def normalizeLinkText(self, link: str) -> str:
        return link


class _State(StateInline):
    """Parser state. Emphasis may begin and end next to a wide character, as in **注意：**请.

    Unlike in CommonMark, stars of arithmetic are literal: ``a*b*c``, ``2**3`` and ``(x)*y*z``.
    ``only_closing``: tokens of such stars, which cannot open emphasis.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.only_closing: set[int] = set()

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        scanned = super().scanDelims(start, canSplitWord)
        before, after = (
            self.src[max(0, start - 1) : start],
            self.src[start + scanned.length : start + scanned.length + 1],
        )
        if canSplitWord and (_wide(before) or _wide(after)):
            scanned = Scanned(bool(after.strip()), bool(before.strip()), scanned.length)
        if self.src[start] == "*" and _arithmetic(before, after):
            first = len(self.tokens) + bool(self.pending)
            self.only_closing.update(range(first, first + scanned.length))
        return scanned


def _arithmetic(before: str, after: str) -> bool:
    """True between letters or digits of a script with capitals, and after a closing bracket."""
    return (_cased(before) and _cased(after)) or before in (")", "]", "}")


def _cased(character: str) -> bool:
    return character.isdigit() or character.lower() != character.upper()


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character or " ") in ("W", "F")


def _formula(state: StateInline, silent: bool) -> bool:
    r"""Rule: a LaTeX formula, ``\(…\)``, ``\[…\]``, ``$…$`` or ``$$…$$``; other such brackets are literal."""
    mark = state.src[state.pos : state.pos + 2]
    if mark[:1] == "$" != mark[1:]:
        return _dollars(state, silent)
    if mark not in (*FORMULAS, r"\)", r"\]"):
        return False
    start = state.pos + 2
    end = state.src.find(FORMULAS[mark], start, state.posMax) if mark in FORMULAS else -1
    growing = end < 0 and mark in FORMULAS and state.env["growing"]
    inside = state.src[start : state.posMax if growing else max(start, end)]
    if (end < 0 and not growing) or (mark == r"\[" and not _SIGN.search(inside)):
        if not silent:
            state.pending += mark
        state.pos = start
        return True
    if not silent:
        state.push("formula", "", 0).content = latex(inside, growing)
    state.pos = state.posMax if growing else end + 2
    return True


def _dollars(state: StateInline, silent: bool) -> bool:
    """A formula between single dollars, which are more often money or variables of a shell."""
    start = state.pos + 1
    end = state.src.find("$", start, state.posMax)
    inside, after = state.src[start:end], state.src[end + 1 : end + 2]
    if end < 0 or after.isalnum() or state.src[state.pos - 1 : state.pos].isalnum() or not _MATH.fullmatch(inside):
        return False
    if not silent:
        state.push("formula", "", 0).content = latex(inside)
    state.pos = end + 1
    return True


def _bare_link(state: StateInline, silent: bool) -> bool:
    """Rule: a bare URL."""
    if state.linkLevel or not state.src.startswith("://", state.pos):
        return False
    scheme = next((scheme for scheme in ("https", "http") if state.pending.endswith(scheme)), "")
    match = _BARE_LINK.match(state.src, state.pos - len(scheme)) if scheme else None
    if match is None:
        return False
    if not silent:
        state.pending = state.pending.removesuffix(scheme)
        state.push("bare_link", "", 0).content = match.group()
    state.pos = match.end()
    return True


def _open_code(state: StateInline, silent: bool) -> bool:
    """Rule: a code span that is not closed yet."""
    run = _RUN.match(state.src, state.pos)
    if run is None or not state.env["growing"] or re.search(f"(?<!`){run[0]}(?!`)", state.src[run.end() :]):
        return False
    if not silent:
        state.push("code_inline", "code", 0).content = state.src[run.end() :].rstrip("`")
    state.pos = state.posMax
    return True


def _balance(state: StateInline) -> None:
    """Pair emphasis delimiters by CommonMark's rules, except for ``only_closing``."""
    only_closing = state.only_closing if isinstance(state, _State) else set()
    for delimiters in (state.delimiters, *(meta["delimiters"] for meta in state.tokens_meta if meta)):
        _pair(delimiters, only_closing)


def _pair(delimiters: list[Delimiter], only_closing: set[int]) -> None:
    runs: list[int] = []
    openers: list[int] = []
    for index, closer in enumerate(delimiters):
        before = delimiters[index - 1]
        same = index > 0 and (before.marker, before.token) == (closer.marker, closer.token - 1)
        runs.append(runs[-1] if same else index)
        fitting = (
            place
            for place in reversed(range(len(openers) if closer.close else 0))
            if runs[openers[place]] != runs[index] and _fit(delimiters[openers[place]], closer)
        )
        if (place := next(fitting, None)) is not None:
            delimiters[openers[place]].end = index
            closer.open = False
            del openers[place:]
        elif closer.token in only_closing:
            closer.open = False
        elif closer.open and len(openers) < MOST_OPEN:
            openers.append(index)


def _fit(opener: Delimiter, closer: Delimiter) -> bool:
    """CommonMark's rule of three, which keeps ``**/*.py`` literal."""
    doubtful = (opener.close or closer.open) and (opener.length + closer.length) % 3 == 0
    return opener.marker == closer.marker and not (doubtful and closer.length % 3)


def _close_open(state: StateInline) -> None:
    """Close emphasis that is open at the end of the line."""
    if not state.env["growing"]:
        return
    delimiters = state.delimiters
    open_until = 0
    openers = []
    for index, delimiter in enumerate(delimiters):
        if delimiter.end > index:
            open_until = max(open_until, delimiter.end)
        elif delimiter.open and delimiter.end < 0 and index >= open_until:
            openers.append(delimiter)
    for opener in reversed(openers):
        state.push("text", "", 0).content = state.tokens[opener.token].content
        opener.end = len(delimiters)
        delimiters.append(Delimiter(opener.marker, opener.length, len(state.tokens) - 1, -1, open=False, close=True))


def _hold_back(state: StateInline) -> None:
    """Drop ambiguous delimiters at the end: the next word may turn them into markup."""
    for token in reversed(state.tokens if state.env["growing"] else ()):
        if token.type == "text":
            token.content = _UNSURE.sub("", token.content)
        elif token.nesting >= 0:
            return
        if token.content:
            return


_PARSER = _Parser("commonmark").enable("strikethrough")
_PARSER.inline.ruler.before("escape", "formula", _formula)
_PARSER.inline.ruler.before("linkify", "bare_link", _bare_link)
_PARSER.inline.ruler.before("backticks", "open_code", _open_code)
_PARSER.inline.ruler2.at("balance_pairs", _balance)
_PARSER.inline.ruler2.after("balance_pairs", "close_open", _close_open)
_PARSER.inline.ruler2.push("hold_back", _hold_back)
