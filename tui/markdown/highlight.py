"""Incremental syntax highlighting: each line is lexed once, continuing from the previous line's state."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any

from pygments.lexer import Lexer, RegexLexer
from pygments.lexers import get_all_lexers, get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String

from tui.markdown.pygments_internals import TokenType, rules
from tui.markdown.row import Span
from tui.process.time_limit import OutOfTimeError, at_most, bounded_here

# CPU seconds for highlighting: per call, and per text (a base and per length).
# Most languages take a tenth of that; some have regular expressions with exponential backtracking.
AT_ONCE, TO_BEGIN_WITH, PER_LINE, PER_CHARACTER = 0.1, 0.1, 300e-6, 40e-6
# Timeouts after which a language is not highlighted any more.
STRIKES = 2

# pygments token types and their styles; the first match applies.
_STYLES = (
    (Comment, "comment"),
    (Keyword, "keyword"),
    (Name.Builtin, "builtin"),
    (Name.Function, "function"),
    (Name.Class, "function"),
    (Name.Decorator, "function"),
    (Name.Tag, "keyword"),
    (Name.Attribute, "function"),
    (String, "string"),
    (Number, "number"),
)
Token = tuple[int, TokenType, str]
_STRIKES: Counter[str] = Counter()  # timeouts per language


class Allowance:
    """CPU time left for highlighting a text, including all its blocks and redraws."""

    def __init__(self) -> None:
        self.left = TO_BEGIN_WITH

    def line(self, highlighter: "Highlighter", text: str) -> list[Span]:
        """Highlight the line. Raises OutOfTimeError when the time is used up, then always."""
        self.left += PER_LINE + PER_CHARACTER * len(text)
        if self.left <= 0:
            raise OutOfTimeError
        begun = time.thread_time()
        try:
            with at_most(min(self.left, AT_ONCE)):
                return highlighter.colored(text)
        except OutOfTimeError:
            self.left = -float("inf")
            raise
        finally:
            self.left -= time.thread_time() - begun


class Highlighter:
    """Highlights one code block. Unknown languages, and code that takes too long, are plain text.

    ``language``: as named by the fence.
    """

    def __init__(self, language: str, allowance: Allowance | None = None) -> None:
        self._lexer = _lexer(language) if bounded_here() and _STRIKES[language] < STRIKES else None
        self._language = language
        self._allowance = allowance or Allowance()
        self._states: tuple[str, ...] = ("root",)
        self._in_comment = False

    def copy(self) -> "Highlighter":
        """A copy of the current state."""
        twin = object.__new__(Highlighter)
        twin.__dict__.update(self.__dict__)
        return twin

    def line(self, text: str) -> list[Span]:
        """Spans of the next line; plain if highlighting fails."""
        if self._lexer is not None and text:
            try:
                return self._allowance.line(self, text)
            except OutOfTimeError:
                _STRIKES[self._language] += 1
            except Exception:  # pygments' lexers may raise anything
                pass
            self._lexer = None
        return [Span(text, "block")]

    def colored(self, text: str) -> list[Span]:
        """Spans of the next line, without a time limit."""
        assert self._lexer
        start = 0
        if self._in_comment:
            start = text.find("*/") + 2
            if start == 1:
                return [Span(text, "block comment")]
            self._in_comment = False
        spans = [Span(text[:start], "block comment")] if start else []
        for position, kind, piece in self._tokens(text[start:] + "\n"):
            if piece.startswith("/*") and "*/" not in text[start + position :] and _commented(self._lexer):
                self._in_comment = True
                spans.append(Span(text[start + position :], "block comment"))
                break
            if piece := piece.rstrip("\n"):
                spans.append(Span(piece, _style(kind)))
        return _merged(spans)

    def _tokens(self, text: str) -> Iterable[Token]:
        if not _resumable(self._lexer):
            return list(self._lexer.get_tokens_unprocessed(text)) if self._lexer else []
        states = list(self._states)
        tokens = list(_run(self._lexer, text, states))
        self._states = tuple(states)
        return tokens


def _run(lexer: Any, text: str, states: list[str]) -> Iterator[Token]:
    """Like RegexLexer, but keeps the stack of ``states`` at the end of the text."""
    position = 0
    while position < len(text):
        for match_at, action, change in rules(lexer, states[-1]):
            if match := match_at(text, position):
                if type(action) is TokenType:
                    yield position, action, match.group()
                elif action is not None:
                    yield from action(lexer, match)
                position = match.end()
                if change is not None:
                    _change(states, change)
                break
        else:
            if text[position] == "\n":
                states[:] = ["root"]
            yield position, Name, text[position]
            position += 1


def _change(states: list[str], change: object) -> None:
    for step in change if isinstance(change, tuple) else (change,):
        if step == "#push":
            states.append(states[-1])
        elif step == "#pop":
            del states[max(1, len(states) - 1) :]
        elif isinstance(step, int):
            del states[max(1, len(states) + step) :]
        else:
            states.append(step)


@cache
def _languages() -> frozenset[str]:
    """All language names: for an unknown one, pygments would search all installed plugins each time."""
    return frozenset(name for _, names, _, _ in get_all_lexers(plugins=False) for name in names)


@lru_cache(maxsize=64)
def _lexer(language: str) -> Lexer | None:
    return get_lexer_by_name(language, stripnl=False) if language in _languages() else None


def _resumable(lexer: Lexer | None) -> bool:
    return isinstance(lexer, RegexLexer) and type(lexer).get_tokens_unprocessed is RegexLexer.get_tokens_unprocessed


@lru_cache(maxsize=64)
def _commented(lexer: Lexer) -> bool:
    """True for languages with block comments like C's, which lexers only match as a whole."""
    return all(kind in Comment for _, kind, piece in lexer.get_tokens_unprocessed("/* a */\n") if piece.strip())


@lru_cache(maxsize=512)
def _style(kind: TokenType) -> str:
    return next((f"block {style}" for parent, style in _STYLES if kind in parent), "block")


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in spans:
        if merged and merged[-1].style == span.style:
            merged[-1] = Span(merged[-1].text + span.text, span.style)
        else:
            merged.append(span)
    return merged
